// SPDX-License-Identifier: Apache-2.0
#include "core/host/c_number.hpp"

#include <limits>

namespace plimsoll::host {
namespace {

constexpr auto max_u64 = std::numeric_limits<std::uint64_t>::max();
constexpr std::uint64_t max_i64 = max_u64 / 2;

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

struct Magnitude {
    std::uint64_t value{0};
    bool syntax_ok{false};
    bool in_range{false};
};

// Digits of `base`, at least one, nothing else.
Magnitude digits(std::string_view s, unsigned base) {
    Magnitude out{0, !s.empty(), true};
    for (const char c : s) {
        const auto d = digit(c, base);
        if (!d)
            return {};
        if (!out.in_range || out.value > (max_u64 - *d) / base)
            out.in_range = false;
        else
            out.value = out.value * base + *d;
    }
    return out;
}

Number with_sign(const Magnitude& m, bool negative) {
    const std::uint64_t limit = max_i64 + (negative ? 1U : 0U);
    const bool fits = m.in_range && m.value <= limit;
    const std::uint64_t v = !m.syntax_ok ? 0 : fits ? m.value : limit;
    return {static_cast<std::int64_t>(negative ? 0 - v : v), m.syntax_ok, m.syntax_ok && fits};
}

bool take_sign(std::string_view& s) {
    if (s.empty() || (s.front() != '+' && s.front() != '-'))
        return false;
    const bool negative = s.front() == '-';
    s.remove_prefix(1);
    return negative;
}

struct Signed {
    Magnitude magnitude;
    bool negative{false};
};

// Leading white space, a sign, and digits in the notation that their prefix says.
Signed base_zero(std::string_view s) {
    const auto first = s.find_first_not_of(" \t\n\v\f\r");
    if (first == std::string_view::npos)
        return {};
    s.remove_prefix(first);
    const bool negative = take_sign(s);
    if (s.size() > 2 && s[0] == '0' && (s[1] == 'x' || s[1] == 'X'))
        return {digits(s.substr(2), 16), negative};
    return {digits(s, s.starts_with('0') ? 8 : 10), negative};
}

}  // namespace

Number c_number(std::string_view s) {
    const auto n = base_zero(s);
    return with_sign(n.magnitude, n.negative);
}

std::optional<std::uint64_t> c_unsigned(std::string_view s) {
    const auto n = base_zero(s);
    if (!n.magnitude.syntax_ok || !n.magnitude.in_range)
        return std::nullopt;
    return n.negative ? 0 - n.magnitude.value : n.magnitude.value;
}

Number go_number(std::string_view s) {
    const bool negative = take_sign(s);
    return with_sign(digits(s, 10), negative);
}

}  // namespace plimsoll::host
