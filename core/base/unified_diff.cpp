// SPDX-License-Identifier: Apache-2.0
#include "core/base/unified_diff.hpp"

#include <algorithm>

namespace plimsoll {
namespace {

constexpr std::size_t context = 3;
constexpr std::size_t max_edits = 1000;  // beyond it the whole middle is shown as replaced

using Lines = std::vector<std::string_view>;

struct Edit {
    char kind{' '};  // ' ', '-', '+'
    std::size_t old_line{0};
    std::size_t new_line{0};
};

// Lines with their '\n', so that a missing final newline is a difference.
Lines lines_of(const std::optional<std::string>& text) {
    Lines out;
    for (std::string_view rest = text ? std::string_view(*text) : ""; !rest.empty();) {
        const auto end = rest.find('\n');
        const std::size_t n = end == std::string_view::npos ? rest.size() : end + 1;
        out.push_back(rest.substr(0, n));
        rest.remove_prefix(n);
    }
    return out;
}

// Myers, "An O(ND) Difference Algorithm and Its Variations", 1986: the furthest reaching point of every
// diagonal, kept for each number of edits so that the path can be walked back.
class Myers {
  public:
    Myers(const Lines& a, const Lines& b) : a_(a), b_(b) {}

    // Kinds in order; empty when there are too many edits.
    std::string script() {
        const std::size_t limit = std::min(a_.size() + b_.size(), max_edits);
        std::vector<long> furthest(2 * limit + 3, 0);
        for (std::size_t d = 0; d <= limit; ++d) {
            trace_.push_back(furthest);
            if (advance(static_cast<long>(d), static_cast<long>(limit), furthest))
                return walk_back(static_cast<long>(limit));
        }
        return "";
    }

  private:
    bool advance(long d, long limit, std::vector<long>& furthest) const {
        const auto at = [&](long k) -> long& { return furthest[static_cast<std::size_t>(k + limit + 1)]; };
        for (long k = -d; k <= d; k += 2) {
            long x = down(d, k, at(k - 1), at(k + 1)) ? at(k + 1) : at(k - 1) + 1;
            while (matches(x, x - k))
                ++x;
            at(k) = x;
            if (x >= size(a_) && x - k >= size(b_))
                return true;
        }
        return false;
    }

    std::string walk_back(long limit) const {
        std::string kinds;
        long x = size(a_);
        long y = size(b_);
        for (long d = static_cast<long>(trace_.size()) - 1; d >= 0; --d) {
            const auto at = [&](long k) {
                return trace_[static_cast<std::size_t>(d)][static_cast<std::size_t>(k + limit + 1)];
            };
            const long k = x - y;
            const bool inserted = down(d, k, at(k - 1), at(k + 1));
            const long from_k = inserted ? k + 1 : k - 1;
            const long from_x = d == 0 ? 0 : at(from_k);
            const long from_y = d == 0 ? 0 : from_x - from_k;
            for (; x > from_x && y > from_y; --x, --y)
                kinds += ' ';
            if (d != 0)
                kinds += inserted ? '+' : '-';
            x = from_x;
            y = from_y;
        }
        std::ranges::reverse(kinds);
        return kinds;
    }

    static bool down(long d, long k, long left, long right) { return k == -d || (k != d && left < right); }

    static long size(const Lines& l) { return static_cast<long>(l.size()); }

    bool matches(long x, long y) const {
        return x < size(a_) && y < size(b_) &&
               a_[static_cast<std::size_t>(x)] == b_[static_cast<std::size_t>(y)];
    }

    const Lines& a_;
    const Lines& b_;
    std::vector<std::vector<long>> trace_;
};

std::string edit_kinds(const Lines& a, const Lines& b) {
    const auto [ia, ib] = std::ranges::mismatch(a, b);
    const auto head = static_cast<std::size_t>(ia - a.begin());
    std::size_t tail = 0;
    while (tail < a.size() - head && tail < b.size() - head &&
           a[a.size() - 1 - tail] == b[b.size() - 1 - tail])
        ++tail;
    const Lines ma(ia, a.end() - static_cast<long>(tail));
    const Lines mb(ib, b.end() - static_cast<long>(tail));
    std::string middle = Myers(ma, mb).script();
    if (middle.empty())
        middle = std::string(ma.size(), '-') + std::string(mb.size(), '+');
    return std::string(head, ' ') + middle + std::string(tail, ' ');
}

std::vector<Edit> edits_of(const Lines& a, const Lines& b) {
    std::vector<Edit> out;
    std::size_t x = 0;
    std::size_t y = 0;
    for (const char kind : edit_kinds(a, b)) {
        out.push_back({kind, x, y});
        x += kind != '+' ? 1 : 0;
        y += kind != '-' ? 1 : 0;
    }
    return out;
}

// "-START,COUNT": the start is the line before when the count is 0, as diff(1) has it.
std::string hunk_range(char sign, std::size_t start, std::size_t count) {
    return sign + std::to_string(count == 0 ? start : start + 1) +
           (count == 1 ? "" : "," + std::to_string(count));
}

std::string hide_password(std::string_view line) {
    const auto first = line.find(':');
    if (first == std::string_view::npos)
        return std::string(line);
    const auto second = std::min(line.find(':', first + 1), line.size());
    const auto field = line.substr(first + 1, second - first - 1);
    if (field.find_first_not_of("*!x") == std::string_view::npos)
        return std::string(line);
    return std::string(line.substr(0, first + 1)) + "(hidden)" + std::string(line.substr(second));
}

void add_line(std::vector<std::string>& out, char kind, std::string_view line, bool secret,
              const Escape& escape) {
    const bool complete = line.ends_with('\n');
    if (complete)
        line.remove_suffix(1);
    out.push_back(kind + escape(secret ? hide_password(line) : std::string(line)));
    if (!complete)
        out.emplace_back("\\ No newline at end of file");
}

struct Hunk {
    std::size_t first{0};
    std::size_t end{0};
};

// Runs of edits with their context, merged where they touch.
std::vector<Hunk> hunks_of(const std::vector<Edit>& edits) {
    std::vector<Hunk> out;
    for (std::size_t i = 0; i < edits.size(); ++i) {
        if (edits[i].kind == ' ')
            continue;
        const std::size_t first = i > context ? i - context : 0;
        const std::size_t end = std::min(i + context + 1, edits.size());
        if (!out.empty() && first <= out.back().end)
            out.back().end = end;
        else
            out.push_back({first, end});
    }
    return out;
}

}  // namespace

std::vector<std::string> unified_diff(const std::string& path, const std::optional<std::string>& before,
                                      const std::optional<std::string>& after, const Escape& escape) {
    if (before == after)
        return {};
    const std::string relative = escape(path.starts_with('/') ? path.substr(1) : path);
    const bool secret = path.ends_with("/shadow") || path.ends_with("/gshadow");
    std::vector<std::string> out{before ? "--- a/" + relative : "--- /dev/null",
                                 after ? "+++ b/" + relative : "+++ /dev/null"};
    const Lines a = lines_of(before);
    const Lines b = lines_of(after);
    const auto edits = edits_of(a, b);
    for (const Hunk& h : hunks_of(edits)) {
        const auto count = [&](char other) {
            return static_cast<std::size_t>(std::count_if(
                edits.begin() + static_cast<long>(h.first), edits.begin() + static_cast<long>(h.end),
                [other](const Edit& e) { return e.kind != other; }));
        };
        out.push_back("@@ " + hunk_range('-', edits[h.first].old_line, count('+')) + " " +
                      hunk_range('+', edits[h.first].new_line, count('-')) + " @@");
        for (std::size_t i = h.first; i < h.end; ++i)
            add_line(out, edits[i].kind, edits[i].kind == '+' ? b[edits[i].new_line] : a[edits[i].old_line],
                     secret, escape);
    }
    return out;
}

}  // namespace plimsoll
