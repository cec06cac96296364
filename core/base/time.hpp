// SPDX-License-Identifier: Apache-2.0
// Points in time as RFC 3339 text, UTC.
#pragma once
#include "core/base/value.hpp"

namespace plimsoll {

// "2026-11-23T19:00:00Z".
[[nodiscard]] std::string to_rfc3339(Time t);
[[nodiscard]] Time wall_clock();

}  // namespace plimsoll
