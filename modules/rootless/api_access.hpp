// SPDX-License-Identifier: Apache-2.0
// Who owns the sockets of rootful engines, and whom their groups let in.
#pragma once
#include "core/host/host.hpp"
#include "modules/rootless/docker_config.hpp"
#include "modules/rootless/engine_toml.hpp"
#include "modules/rootless/granting_groups.hpp"
#include "modules/rootless/inventory.hpp"
#include "modules/rootless/sockets.hpp"

#include <span>
#include <string>
#include <vector>

namespace plimsoll::modules::rootless {

// What docker.socket will make of its socket, as its files say.
struct SocketUnit {
    std::string name;  // "docker.socket"
    std::string engine;
    bool starts{false};                        // the manager listens on it
    std::string user{"root"};                  // SocketUser=
    std::string group{"root"};                 // SocketGroup=; empty: the primary group of `user`
    std::string owner{};                       // the account that `user` is; empty: root
    std::uint32_t mode{0666};                  // SocketMode=; this is systemd's default
    std::string source{};                      // of the mode, the group or the user
    std::optional<Error> problem{};            // why it cannot be told whose the socket will be
    std::vector<host::UnitSetting> listens{};  // ListenStream=
    std::vector<std::string> drop_ins{};       // file names of drop-ins, to sort after
};

// An account that owns the socket of an engine by that engine's own configuration.
struct SocketOwner {
    std::string account;  // "alice", "uid 1000"
    std::string engine;
    std::string source;  // "/etc/containerd/config.toml:4"
};

struct ApiAccess {
    std::vector<GrantingGroup> groups{};
    std::vector<SocketOwner> owners{};
    std::vector<SocketUnit> units{};
    std::optional<Error> accounts_problem{};
    std::vector<Error> problems{};              // what hides to whom dockerd gives its socket
    std::vector<std::string> remote_groups{};   // NSS sources that may add members unseen: "ldap"
    std::vector<std::string> unseen_members{};  // why a group may have members that files do not show
    std::vector<Error> service_problems{};      // units of which it is not known whose groups they give
    std::optional<Error> shadow_problem{};      // why administrators and passwords of groups are not known
};

[[nodiscard]] ApiAccess read_api_access(const host::Host& host, const Inventory& inventory,
                                        const DockerConfig& docker, const Sockets& sockets,
                                        std::span<const SocketSetting> settings);

// ---- pure ----

// File names of a unit's drop-ins.
[[nodiscard]] std::vector<std::string> drop_ins_of(const host::UnitFile& unit);

// The settings that decide what the socket of a .socket unit is like.
[[nodiscard]] SocketUnit socket_unit(const EngineUnit& unit);

}  // namespace plimsoll::modules::rootless
