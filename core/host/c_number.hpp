// SPDX-License-Identifier: Apache-2.0
// Whole numbers as C's strtoll(3) and strtoull(3) and Go's strconv.ParseInt take them: the readers of one
// file disagree, and a verdict has to know what each of them sees.
#pragma once
#include <cstdint>
#include <optional>
#include <string_view>

namespace plimsoll::host {

struct Number {
    std::int64_t value{0};
    bool syntax_ok{false};
    bool in_range{false};  // false: value is the nearest int64

    [[nodiscard]] bool ok() const { return syntax_ok && in_range; }
};

// strtoll(3), base 0, the whole string: leading white space, a sign, 0x… and 0… (octal).
[[nodiscard]] Number c_number(std::string_view s);

// strtoull(3), base 0, the whole string, as shadow 4.13's getulong(): a minus sign gives the two's
// complement. nullopt: no number, or more than 64 bits.
[[nodiscard]] std::optional<std::uint64_t> c_unsigned(std::string_view s);

// Go's ParseInt(s, 10, 64): a sign and decimal digits.
[[nodiscard]] Number go_number(std::string_view s);

}  // namespace plimsoll::host
