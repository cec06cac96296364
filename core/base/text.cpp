// SPDX-License-Identifier: Apache-2.0
#include "core/base/text.hpp"

#include <algorithm>
#include <charconv>
#include <numeric>
#include <utility>

#include <fnmatch.h>

namespace plimsoll {

std::vector<std::string_view> split(std::string_view s, char sep) {
    std::vector<std::string_view> out;
    for (;;) {
        const auto at = s.find(sep);
        out.push_back(s.substr(0, at));
        if (at == std::string_view::npos)
            return out;
        s.remove_prefix(at + 1);
    }
}

std::vector<std::string_view> split_lines(std::string_view s) {
    if (s.empty())
        return {};
    if (s.back() == '\n')
        s.remove_suffix(1);
    return split(s, '\n');
}

std::vector<std::string_view> words(std::string_view s) {
    static constexpr std::string_view blank = " \t\n\r";
    std::vector<std::string_view> out;
    for (auto at = s.find_first_not_of(blank); at != std::string_view::npos;) {
        const auto end = std::min(s.find_first_of(blank, at), s.size());
        out.push_back(s.substr(at, end - at));
        at = s.find_first_not_of(blank, end);
    }
    return out;
}

std::string_view trim(std::string_view s) {
    static constexpr std::string_view blank = " \t\n\r\v\f";
    const auto first = s.find_first_not_of(blank);
    if (first == std::string_view::npos)
        return {};
    return s.substr(first, s.find_last_not_of(blank) - first + 1);
}

std::string join(const std::vector<std::string>& parts, std::string_view sep) {
    std::string out;
    for (std::size_t i = 0; i < parts.size(); ++i) {
        if (i != 0)
            out += sep;
        out += parts[i];
    }
    return out;
}

std::optional<std::uint64_t> parse_u64(std::string_view s) {
    std::uint64_t v = 0;
    const auto [end, err] = std::from_chars(s.data(), s.data() + s.size(), v);
    if (s.empty() || err != std::errc{} || end != s.data() + s.size())
        return std::nullopt;
    return v;
}

bool glob_match(const std::string& pattern, const std::string& s) {
    return ::fnmatch(pattern.c_str(), s.c_str(), 0) == 0;
}

namespace {

std::size_t edit_distance(std::string_view a, std::string_view b) {
    std::vector<std::size_t> row(b.size() + 1);
    std::iota(row.begin(), row.end(), std::size_t{0});
    for (std::size_t i = 0; i < a.size(); ++i) {
        std::size_t diagonal = std::exchange(row[0], i + 1);
        for (std::size_t j = 0; j < b.size(); ++j) {
            const std::size_t cost = diagonal + (a[i] == b[j] ? 0 : 1);
            diagonal = row[j + 1];
            row[j + 1] = std::min({cost, row[j] + 1, diagonal + 1});
        }
    }
    return row.back();
}

// Length of the valid UTF-8 sequence at the front, 0 if there is none (RFC 3629: no surrogates, no
// overlongs).
std::size_t utf8_sequence(std::string_view s) {
    const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(s[i]); };
    const unsigned char c = byte(0);
    if (c < 0x80)
        return 1;
    const std::size_t n = c >= 0xc2 && c <= 0xdf   ? 2
                          : (c & 0xf0) == 0xe0     ? 3
                          : c >= 0xf0 && c <= 0xf4 ? 4
                                                   : 0;
    if (n == 0 || s.size() < n)
        return 0;
    for (std::size_t i = 1; i < n; ++i)
        if ((byte(i) & 0xc0) != 0x80)
            return 0;
    const unsigned char d = byte(1);
    const bool bad = (c == 0xe0 && d < 0xa0) || (c == 0xed && d > 0x9f) || (c == 0xf0 && d < 0x90) ||
                     (c == 0xf4 && d > 0x8f);
    return bad ? 0 : n;
}

}  // namespace

std::optional<std::string> nearest(std::string_view s, const std::vector<std::string>& candidates) {
    if (s.size() > 128)
        return std::nullopt;
    std::optional<std::string> best;
    std::size_t best_distance = std::max<std::size_t>(2, s.size() / 3) + 1;
    for (const auto& c : candidates)
        if (const auto d = edit_distance(s, c); d < best_distance) {
            best_distance = d;
            best = c;
        }
    return best;
}

bool valid_utf8(std::string_view s) {
    while (!s.empty()) {
        const auto n = utf8_sequence(s);
        if (n == 0)
            return false;
        s.remove_prefix(n);
    }
    return true;
}

std::string printable(std::string_view s, std::size_t max) {
    static constexpr std::string_view hex = "0123456789abcdef";
    if (s.size() <= max && std::ranges::all_of(s, [](char c) { return c >= 0x20 && c < 0x7f; }))
        return std::string(s);  // nearly always
    std::string out;
    while (!s.empty()) {
        if (out.size() >= max)
            return out + "…";
        const auto c = static_cast<unsigned char>(s.front());
        const auto n = utf8_sequence(s);
        // C1 controls (U+0080..U+009F) act on some terminals like the C0 ones.
        const bool c1 = n == 2 && c == 0xc2 && static_cast<unsigned char>(s[1]) < 0xa0;
        if (n == 0 || c < 0x20 || c == 0x7f || c1) {
            out += "\\x";
            out += hex[c >> 4];
            out += hex[c & 15];
            s.remove_prefix(1);
            continue;
        }
        out += s.substr(0, n);
        s.remove_prefix(n);
    }
    return out;
}

}  // namespace plimsoll
