// SPDX-License-Identifier: Apache-2.0
// Capabilities by name (linux/capability.h).
#pragma once
#include <cstdint>
#include <string>
#include <string_view>

namespace plimsoll::modules::containers {

// 0 for a name that there is none of. Without "CAP_", capital letters.
[[nodiscard]] std::uint64_t capability_bit(std::string_view name);

// "SYS_ADMIN, NET_RAW", bits without a name as "bit 41", "none".
[[nodiscard]] std::string capability_text(std::uint64_t bits);

}  // namespace plimsoll::modules::containers
