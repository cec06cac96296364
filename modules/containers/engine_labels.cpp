// SPDX-License-Identifier: Apache-2.0
#include "modules/containers/engine_labels.hpp"

#include "core/base/text.hpp"

#include <algorithm>
#include <array>

namespace plimsoll::modules::containers {

bool is_container_domain(std::string_view type) {
    static constexpr std::array<std::string_view, 5> known{
        "container_t", "container_init_t", "container_kvm_t", "container_userns_t", "container_engine_t"};
    return std::ranges::find(known, type) != known.end();
}

bool is_container_profile(std::string_view name) {
    return name.starts_with("containers-default-") || name == "docker-default" ||
           name == "cri-containerd.apparmor.d" || name == "crio-default" || name.starts_with("lxc-");
}

std::string_view selinux_type(std::string_view context) {
    const auto parts = split(context, ':');
    return parts.size() >= 3 ? parts[2] : std::string_view();
}

}  // namespace plimsoll::modules::containers
