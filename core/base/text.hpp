// SPDX-License-Identifier: Apache-2.0
// Small string helpers that the standard library lacks.
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace plimsoll {

[[nodiscard]] std::vector<std::string_view> split(std::string_view s, char sep);
// Lines without their '\n'; a missing final newline does not add or lose a line.
[[nodiscard]] std::vector<std::string_view> split_lines(std::string_view s);
// Non-empty runs of non-blank characters (space, tab, newline, carriage return).
[[nodiscard]] std::vector<std::string_view> words(std::string_view s);
[[nodiscard]] std::string_view trim(std::string_view s);
[[nodiscard]] std::string join(const std::vector<std::string>& parts, std::string_view sep);
// Whole string, base 10, digits only, no sign, no blank; nullopt on overflow too.
[[nodiscard]] std::optional<std::uint64_t> parse_u64(std::string_view s);
// fnmatch(3) without flags: '*' also matches '/'.
[[nodiscard]] bool glob_match(const std::string& pattern, const std::string& s);
// The candidate nearest by edit distance, if near enough to be a likely slip of the hand.
[[nodiscard]] std::optional<std::string> nearest(std::string_view s,
                                                 const std::vector<std::string>& candidates);
[[nodiscard]] bool valid_utf8(std::string_view s);
// For showing bytes somebody else wrote: control characters and non-UTF-8 become \xNN, long text is cut at
// `max` bytes with "…". Safe on a terminal, in JSON and in a log.
[[nodiscard]] std::string printable(std::string_view s, std::size_t max = 200);

}  // namespace plimsoll
