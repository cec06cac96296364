// SPDX-License-Identifier: Apache-2.0
// The engines of each user: what starts them in the user's own service manager, wherever its units are
// (systemd.unit(5)), where they listen, and dockerd's daemon.json and, on the running host, its process and
// socket.
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

// A TCP address that a unit of a user's manager gives an engine.
struct UserListen {
    std::string engine;   // "podman"
    std::string address;  // as written: "tcp://0.0.0.0:8080", "8080"
    std::string source;
};

struct UserDocker {
    std::string user;
    std::uint32_t uid{0};
    std::vector<std::string> enabled_by{};  // links that start dockerd in the user's manager
    std::vector<std::string> socket_by{};   // the same for a socket that starts it
    std::vector<std::string> podman_by{};   // the same for podman's API
    DaemonJson json{};                      // ~/.config/docker/daemon.json
    std::vector<DockerFlag> flags{};        // of the units that start dockerd, and of what runs
    DockerFiles files{};
    std::vector<UserListen> listens{};  // of units that are the user's alone, or changed by the user
    bool manager{false};  // the user's manager runs (/run/user/UID), or starts at boot (lingers)
    std::optional<UserSocket> socket{};
    std::optional<Error> problem{};  // what could not be looked at, the first of it
};

struct UserEngines {
    std::vector<UserDocker> users{};       // only those of whom something is there
    std::vector<UserListen> everybodys{};  // of units that start in the manager of whoever logs in
    std::vector<Error> problems{};         // of the units for all users, and of who lingers
};

[[nodiscard]] UserEngines read_user_engines(const host::Host& host, const Inventory& inventory);

}  // namespace plimsoll::modules::rootless
