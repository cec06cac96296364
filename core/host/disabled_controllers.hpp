// SPDX-License-Identifier: Apache-2.0
// Cgroup controllers that users' service managers cannot get, whatever is delegated to them:
// DisableControllers= of the manager's own unit and of every slice above it (systemd.resource-control(5)).
#pragma once
#include "core/host/host.hpp"

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace plimsoll::host {

struct DisabledControllers {
    std::map<std::string, std::string, std::less<>> by_name{};  // the "FILE:LINE" that disables it
    std::vector<Error> problems{};                              // units that could not be read or placed
};

// For user@UID.service, which `service` describes; without a uid for the managers of all users.
[[nodiscard]] DisabledControllers disabled_controllers(const Host& host, const UnitFile& service,
                                                       std::optional<std::uint32_t> uid);

// ---- pure ----

// Adds what the unit's own settings disable; an empty value takes back what stands before it.
void add_disabled(const UnitFile& unit, DisabledControllers& into);

// "user-1000.slice" -> "-.slice", "user.slice", "user-1000.slice": from the root down.
[[nodiscard]] std::vector<std::string> slices_down_to(std::string_view slice);

}  // namespace plimsoll::host
