// SPDX-License-Identifier: Apache-2.0
// The signs of --privileged, and of an attack on the masks that a runtime lays over parts of /proc and /sys.
#pragma once
#include "modules/containers/judge.hpp"

#include <optional>
#include <string>
#include <vector>

namespace plimsoll::modules::containers {

struct Fingerprint {
    std::vector<std::string> signs{};    // of six: no one of them decides
    std::vector<std::string> unknown{};  // signs that could not be observed
};

// Of one process, its mounts and the container's devices.
[[nodiscard]] Fingerprint fingerprint(const Case& c, const Member& member);

// LXC and nspawn leave /proc/sys/net writable, which is of the container's own network namespace.
[[nodiscard]] bool is_network_setting(const host::Mount& mount);

// A writable mount of a part of proc, or of sysfs on a path that runtimes mask: what the 2025 holes in runc
// left behind. nullopt: none.
[[nodiscard]] std::optional<std::string> broken_mask(const std::vector<host::Mount>& mounts);

}  // namespace plimsoll::modules::containers
