// SPDX-License-Identifier: Apache-2.0
// The domains and profiles that engines give to what they run: container_selinux(8), and the AppArmor
// profiles that podman, docker, containerd, cri-o and LXC bring along.
#pragma once
#include <string_view>

namespace plimsoll::modules::containers {

// Type of an SELinux context: "container_t".
[[nodiscard]] bool is_container_domain(std::string_view type);

// Name of an AppArmor profile: "docker-default".
[[nodiscard]] bool is_container_profile(std::string_view name);

// The type of "user:role:type:level"; empty: it is no context.
[[nodiscard]] std::string_view selinux_type(std::string_view context);

}  // namespace plimsoll::modules::containers
