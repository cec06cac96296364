// SPDX-License-Identifier: Apache-2.0
// The dockerd of each user: its unit, its daemon.json and, on the running host, its process and socket.
#pragma once
#include "core/host/host.hpp"
#include "modules/rootless/docker_config.hpp"
#include "modules/rootless/inventory.hpp"

#include <optional>
#include <string>
#include <vector>

namespace plimsoll::modules::rootless {

struct UserSocket {
    std::string path;  // "/run/user/1000/docker.sock"
    std::uint32_t uid{0};
    std::uint32_t mode{0};
};

struct UserDocker {
    std::string user;
    std::uint32_t uid{0};
    std::vector<std::string> enabled_by{};  // links that start docker.service in the user's manager
    std::vector<std::string> podman_by{};   // the same for podman.socket
    DaemonJson json{};                      // ~/.config/docker/daemon.json
    std::vector<DockerFlag> flags{};        // of the user's own docker.service, and of what runs
    DockerFiles files{};
    bool manager{false};  // /run/user/UID exists: the user's manager runs
    std::optional<UserSocket> socket{};
    std::optional<Error> problem{};  // what could not be looked at
};

// Only users of whom something is there.
[[nodiscard]] std::vector<UserDocker> read_user_dockers(const host::Host& host, const Inventory& inventory);

}  // namespace plimsoll::modules::rootless
