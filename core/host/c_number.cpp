// SPDX-License-Identifier: Apache-2.0
#include "core/host/c_number.hpp"

#include <limits>
#include <optional>

namespace plimsoll::host {
namespace {

constexpr auto max_i64 = std::numeric_limits<std::int64_t>::max();

std::optional<unsigned> digit(char c, unsigned base) {
    unsigned v = base;
    if (c >= '0' && c <= '9')
        v = static_cast<unsigned>(c - '0');
    else if (c >= 'a' && c <= 'f')
        v = static_cast<unsigned>(c - 'a') + 10;
    else if (c >= 'A' && c <= 'F')
        v = static_cast<unsigned>(c - 'A') + 10;
    return v < base ? std::optional(v) : std::nullopt;
}

// Digits of `base`, at least one, nothing else.
Number digits(std::string_view s, unsigned base, bool negative) {
    const std::uint64_t limit = static_cast<std::uint64_t>(max_i64) + (negative ? 1U : 0U);
    Number out{0, !s.empty(), true};
    std::uint64_t v = 0;
    for (const char c : s) {
        const auto d = digit(c, base);
        if (!d)
            return {};
        if (!out.in_range || v > (limit - *d) / base)
            out.in_range = false;
        else
            v = v * base + *d;
    }
    if (!out.in_range)
        v = limit;
    out.value = static_cast<std::int64_t>(negative ? 0 - v : v);
    return out;
}

bool take_sign(std::string_view& s) {
    if (s.empty() || (s.front() != '+' && s.front() != '-'))
        return false;
    const bool negative = s.front() == '-';
    s.remove_prefix(1);
    return negative;
}

}  // namespace

Number c_number(std::string_view s) {
    const auto first = s.find_first_not_of(" \t\n\v\f\r");
    if (first == std::string_view::npos)
        return {};
    s.remove_prefix(first);
    const bool negative = take_sign(s);
    if (s.size() > 2 && s[0] == '0' && (s[1] == 'x' || s[1] == 'X'))
        return digits(s.substr(2), 16, negative);
    return digits(s, s.starts_with('0') ? 8 : 10, negative);
}

Number go_number(std::string_view s) {
    const bool negative = take_sign(s);
    return digits(s, 10, negative);
}

}  // namespace plimsoll::host
