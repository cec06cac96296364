// SPDX-License-Identifier: Apache-2.0
// What the names of cgroups say: which engine made one, for which container, in which pod. Names are given by
// whoever may make cgroups, so they say how to call a container, never that a process is not in one.
#pragma once
#include "modules/containers/container.hpp"

#include <string>
#include <string_view>
#include <vector>

namespace plimsoll::modules::containers {

struct CgroupName {
    Engine engine{Engine::unknown};
    std::string id{};
    std::string path{};  // up to and with the component that names it
    std::string unit{};  // innermost component up to there that ends in .service or .scope
    std::string pod{};
    bool operator==(const CgroupName&) const = default;
};

// The innermost container that the path names; a container's own systemd makes more cgroups below. nullopt:
// none. Monitors (libpod-conmon-, crio-conmon-) are none.
[[nodiscard]] std::optional<CgroupName> name_of_cgroup(std::string_view path);

// What /proc/PID/cgroup tells.
struct Cgroups {
    std::vector<host::CgroupMembership> all{};
    std::vector<CgroupName> names{};  // of the containers that their paths name, in that order
};

[[nodiscard]] Result<Cgroups> parse_cgroups(std::string_view text, std::string_view source);

// Of the path without regard to containers: innermost .service or .scope, and the uid in user@UID.service or
// user-UID.slice.
[[nodiscard]] std::string unit_of(std::string_view path);
[[nodiscard]] std::optional<std::uint32_t> user_of(std::string_view path);

}  // namespace plimsoll::modules::containers
