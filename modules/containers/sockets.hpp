// SPDX-License-Identifier: Apache-2.0
// The sockets that give their user the host: of engines, of systemd, of the message bus. Known by device and
// inode, so that a mount under another name is the same socket.
#pragma once
#include "core/host/host.hpp"

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace plimsoll::modules::containers {

struct ServiceSocket {
    std::string service;  // "docker", "podman of uid 1000", "systemd"
    std::string path;
};

using SocketIdentity = std::pair<std::uint64_t, std::uint64_t>;  // st_dev, st_ino

// Where engines listen whose users are root by that: the paths alone.
[[nodiscard]] std::vector<std::string> engine_sockets();

struct EngineProcess {
    int pid{0};
    std::string program{};
};

// Whether a program of this name may listen on such a socket.
[[nodiscard]] bool is_engine(std::string_view program);

// At the usual places, and wherever one of `engines` listens (its descriptors against /proc/net/unix).
[[nodiscard]] std::map<SocketIdentity, ServiceSocket> find_service_sockets(
    const host::Host& host, const std::vector<EngineProcess>& engines);

}  // namespace plimsoll::modules::containers
