// SPDX-License-Identifier: Apache-2.0
// The ledger half of subid.hpp: one checksummed line per range that was ever given out.
#include "core/base/digest.hpp"
#include "core/base/text.hpp"
#include "core/host/subid.hpp"

#include <algorithm>
#include <map>

namespace plimsoll::host {
namespace {

constexpr std::size_t checksum_digits = 16;

std::string checksum(std::string_view body) {
    return sha256(body).substr(0, checksum_digits);
}

constexpr std::string_view hex_digits = "0123456789abcdef";

// No account has a longer name (LOGIN_NAME_MAX), so that what is cut off belongs to nobody.
constexpr std::size_t longest_owner = 256;

// An owner is one word in the ledger, whatever bytes it has: everything but visible ASCII is %XX, and the
// empty one a single %.
std::string encode_owner(std::string_view owner) {
    std::string out;
    if (owner.empty())
        return "%";
    for (const char c : owner) {
        const auto b = static_cast<unsigned char>(c);
        if (b > 0x20 && b < 0x7f && c != '%')
            out += c;
        else
            out += {'%', hex_digits[b >> 4U], hex_digits[b & 15U]};
    }
    return out;
}

std::optional<std::string> decode_owner(std::string_view word) {
    std::string out;
    if (word == "%")
        return out;
    for (std::size_t i = 0; i < word.size(); ++i) {
        if (word[i] != '%') {
            out += word[i];
            continue;
        }
        if (i + 2 >= word.size())
            return std::nullopt;
        const auto high = hex_digits.find(word[i + 1]);
        const auto low = hex_digits.find(word[i + 2]);
        if (high == std::string_view::npos || low == std::string_view::npos)
            return std::nullopt;
        out += static_cast<char>((high << 4U) | low);
        i += 2;
    }
    return out;
}

std::optional<LedgerEntry> parse_line(std::string_view line) {
    const auto last_blank = line.rfind(' ');
    if (last_blank == std::string_view::npos ||
        line.substr(last_blank + 1) != checksum(line.substr(0, last_blank)))
        return std::nullopt;
    const auto f = split(line.substr(0, last_blank), ' ');
    if (f.size() != 5 || f[1].empty())
        return std::nullopt;
    const auto owner = decode_owner(f[1]);
    const auto start = parse_u64(f[2]);
    const auto count = parse_u64(f[3]);
    const bool uid = f[4] == "uid" || f[4] == "uid,gid";
    const bool gid = f[4] == "gid" || f[4] == "uid,gid";
    if (!owner || !start || !count || *count == 0 || (!uid && !gid))
        return std::nullopt;
    return LedgerEntry{*owner, range_of(*start, *count), uid, gid};
}

// Owners and the ranges of their lines in every view, sorted, each once.
using Holdings = std::map<std::string, std::vector<Range>, std::less<>>;

Holdings holdings_of(const SubidFile& file) {
    Holdings out;
    for (const auto& line : file.lines)
        for (const SubidView v : subid_views) {
            const SubidEntry* entry = line.in(v);
            if (entry == nullptr)
                continue;
            const RangeSet ids = handed_out(*entry, v);
            auto& list = out[std::string(entry->owner)];
            list.insert(list.end(), ids.ranges().begin(), ids.ranges().end());
        }
    for (auto& [owner, list] : out) {
        std::ranges::sort(list, {}, [](Range r) { return std::pair(r.start, r.end); });
        const auto rest = std::ranges::unique(list);
        list.erase(rest.begin(), rest.end());
    }
    return out;
}

RangeSet joined(std::vector<Range> ranges) {
    std::ranges::sort(ranges, {}, &Range::start);
    RangeSet out;
    for (const Range r : ranges)
        out.add(r);
    return out;
}

RangeSet held_by(const Holdings& all, const std::string& owner) {
    const auto it = all.find(owner);
    return it == all.end() ? RangeSet{} : joined(it->second);
}

Range recorded_part(Range r) {
    return {r.start, std::min(r.end, r.start + most_recorded_ids)};
}

// Collects the entries of one edit.
class TakenAway {
  public:
    TakenAway(std::string_view before, std::string_view after, bool uid)
        : uid_(uid),
          old_(holdings_of(parse_subid(std::string(before), ""))),
          after_(parse_subid(std::string(after), "")),
          now_(holdings_of(after_)) {}

    std::vector<LedgerEntry> find() && {
        lose();
        pass_on();
        return std::move(out_);
    }

  private:
    void lose() {
        const RangeSet still_held = occupied(after_);
        std::vector<Range> lost;
        for (const auto& [owner, ranges] : old_) {
            const RangeSet kept = held_by(now_, owner);
            for (const Range r : ranges) {
                const RangeSet gone = kept.outside(r);
                lost.insert(lost.end(), gone.ranges().begin(), gone.ranges().end());
                const RangeSet gone_first = kept.outside(recorded_part(r));
                for (const Range g : gone_first.ranges())
                    record(owner, still_held.outside(g));
            }
        }
        lost_ = joined(std::move(lost));
    }

    void pass_on() {
        for (const auto& [owner, ranges] : now_) {
            const RangeSet had = held_by(old_, owner);
            for (const Range r : ranges) {
                const RangeSet gained = had.outside(recorded_part(r));
                for (const Range g : gained.ranges())
                    record(owner, lost_.inside(g));
            }
        }
    }

    void record(const std::string& owner, const RangeSet& ids) {
        for (const Range r : ids.ranges())
            out_.push_back({owner.substr(0, longest_owner), r, uid_, !uid_});
    }

    bool uid_;
    Holdings old_;
    SubidFile after_;
    Holdings now_;
    RangeSet lost_{};
    std::vector<LedgerEntry> out_{};
};

}  // namespace

std::vector<LedgerEntry> taken_away(std::string_view before, std::string_view after, bool uid) {
    return TakenAway(before, after, uid).find();
}

std::string ledger_path(std::string_view state_dir) {
    return std::string(state_dir) + "/subid-ledger";
}

Result<std::vector<LedgerEntry>> parse_ledger(std::string_view text, std::string_view path) {
    std::vector<LedgerEntry> out;
    const auto lines = split_lines(text);
    for (std::size_t i = 0; i < lines.size(); ++i) {
        auto entry = parse_line(lines[i]);
        const bool torn = i + 1 == lines.size() && !text.ends_with('\n');
        if (entry)
            out.push_back(std::move(*entry));
        else if (!torn)
            return fail(Code::integrity,
                        std::string(path) + ":" + std::to_string(i + 1) + ": damaged line in the ledger");
    }
    return out;
}

std::string ledger_line(const LedgerEntry& e, std::string_view timestamp) {
    const std::string_view kinds = e.uid && e.gid ? "uid,gid" : e.uid ? "uid" : "gid";
    std::string body = std::string(timestamp) + " " + encode_owner(e.owner) + " " +
                       std::to_string(e.range.start) + " " + std::to_string(e.range.size()) + " ";
    body += kinds;
    return body + " " + checksum(body) + "\n";
}

}  // namespace plimsoll::host
