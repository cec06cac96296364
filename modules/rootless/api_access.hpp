// SPDX-License-Identifier: Apache-2.0
// Whom a group lets at an engine's socket, and who still holds that group.
#pragma once
#include "core/host/host.hpp"
#include "modules/rootless/docker_config.hpp"
#include "modules/rootless/inventory.hpp"
#include "modules/rootless/sockets.hpp"

#include <string>
#include <vector>

namespace plimsoll::modules::rootless {

struct GroupHolder {  // a process with the group among its supplementary ones
    int pid{0};
    std::uint32_t uid{0};
    std::string comm;
};

// A group whose members can speak to a rootful engine.
struct GrantingGroup {
    std::string name;  // "docker"; "gid 998" when no entry has that id
    std::string engine;
    std::string because;  // "docker.socket: SocketGroup=", "/run/docker.sock"
    bool entry{false};    // there is an entry of that name
    std::string source{};
    std::vector<std::string> members{};          // of the entry
    std::vector<std::string> primary_members{};  // accounts whose primary group it is
    std::string line{};                          // the entry's text when it stands in /etc/group
    std::string shadow_line{};                   // of /etc/gshadow; empty: none
    std::vector<GroupHolder> holders{};          // neither root nor among the members
};

// What docker.socket will make of its socket, as its files say.
struct SocketUnit {
    std::string name;  // "docker.socket"
    std::string engine;
    bool starts{false};                        // the manager listens on it
    std::string group{"root"};                 // SocketGroup=
    std::uint32_t mode{0666};                  // SocketMode=; this is systemd's default
    std::string source{};                      // of the mode or group
    std::vector<host::UnitSetting> listens{};  // ListenStream=
    std::vector<std::string> drop_ins{};       // file names of drop-ins, to sort after
};

struct ApiAccess {
    std::vector<GrantingGroup> groups{};
    std::vector<SocketUnit> units{};
    std::optional<Error> accounts_problem{};
    std::vector<std::string> remote_groups{};  // NSS sources that may add members unseen: "ldap"
};

[[nodiscard]] ApiAccess read_api_access(const host::Host& host, const Inventory& inventory,
                                        const DockerConfig& docker, const Sockets& sockets);

// ---- pure ----

// File names of a unit's drop-ins.
[[nodiscard]] std::vector<std::string> drop_ins_of(const host::UnitFile& unit);

// The settings that decide what the socket of a .socket unit is like.
[[nodiscard]] SocketUnit socket_unit(const EngineUnit& unit);

}  // namespace plimsoll::modules::rootless
