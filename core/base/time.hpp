// SPDX-License-Identifier: Apache-2.0
// Points in time as RFC 3339 text, UTC.
#pragma once
#include "core/base/value.hpp"

#include <optional>
#include <string>
#include <string_view>

namespace plimsoll {

// "2026-11-23T19:00:00Z".
[[nodiscard]] std::string to_rfc3339(Time t);
// The inverse, for what people write: a date-time with "Z" or an offset (a fraction of a second is dropped),
// or a date alone, which stands for its first second in UTC. nullopt: neither, or no such day.
[[nodiscard]] std::optional<Time> parse_rfc3339(std::string_view text);
[[nodiscard]] Time wall_clock();

}  // namespace plimsoll
