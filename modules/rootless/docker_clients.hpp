// SPDX-License-Identifier: Apache-2.0
// Which engine users' clients speak to unless told otherwise: DOCKER_HOST and CONTAINER_HOST in what gives
// users their environment, and the contexts of docker's client.
#pragma once
#include "core/host/host.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace plimsoll::modules::rootless {

struct ClientTarget {
    std::string user{};  // empty: everybody
    std::uint32_t uid{0};
    std::string home{};
    std::string setting;  // "DOCKER_HOST", "context remote"
    std::string host;     // as written, or with the user's own values put in
    std::string source;
    bool used{true};         // without being asked for
    bool tls{false};         // verifies the engine and shows a certificate of its own
    bool resolved{true};     // `host` has no variable left that nobody knows
    std::string leads_to{};  // of a socket: its path, through links
};

struct DockerClients {
    std::vector<ClientTarget> targets{};
    std::vector<std::pair<std::string, Error>> problems{};  // by user; "": everybody
};

[[nodiscard]] DockerClients read_docker_clients(const host::Host& host);

// ---- pure ----

// The value with $HOME, $UID, $(id -u) and $XDG_RUNTIME_DIR put in; nullopt when something else is left to a
// shell. For everybody (no uid) "UID" stands in the place of the number and "HOME" in that of the directory.
[[nodiscard]] std::optional<std::string> with_own_values(std::string_view value,
                                                         std::optional<std::uint32_t> uid,
                                                         const std::string& home);

// "unix:///var/run//docker.sock" -> "/run/docker.sock"; empty: not a socket.
[[nodiscard]] std::string socket_path(std::string_view host);

}  // namespace plimsoll::modules::rootless
