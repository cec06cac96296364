// SPDX-License-Identifier: Apache-2.0
// Whom a group lets at an engine's socket. The kernel compares numbers: every entry of a group database that
// has the socket's gid gives it to its members, whatever its name is and wherever it stands, as initgroups(3)
// asks all sources of nsswitch.conf, also after one of them has answered.
#pragma once
#include "core/host/host.hpp"
#include "modules/rootless/login_groups.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace plimsoll::modules::rootless {

struct GroupHolder {  // a process with the group, as its own or among its supplementary ones
    int pid{0};
    std::uint32_t uid{0};
    std::string comm;
};

// An entry of a group database by which somebody has the gid, or can get it.
struct GroupEntry {
    std::string name;
    std::string source;                         // "/etc/group:3"
    std::vector<std::string> members{};         // in all lists: but root
    std::vector<std::string> shadow_members{};  // of gshadow(5) alone: newgrp(1) lets them in
    std::vector<std::string> administrators{};  // of gshadow(5): gpasswd(1) lets them add themselves
    bool from_records{false};                   // systemd's records name some of the members
    bool password{false};                       // who knows it gets the group by newgrp(1)
    std::string line{};                         // the entry's text when it stands in /etc/group
    std::string shadow_line{};                  // of /etc/gshadow; empty: none
    std::string shadow_source{};                // "/etc/gshadow:3"
};

// Why a group opens a socket.
struct SocketGrant {
    std::string engine;
    std::string because;  // "docker.socket: SocketGroup=", "/run/docker.sock"
    std::string unit{};   // the socket unit that gives the socket to the group, if one does
};

// A unit of the system by which a service that is not root's has the group.
struct GroupService {
    std::string unit;
    std::string user;     // under whom it runs
    std::string setting;  // "SupplementaryGroups=docker"
    std::string source;
    bool operator==(const GroupService&) const = default;
};

// A gid whose holders can speak to a rootful engine.
struct GrantingGroup {
    std::string name;                    // "docker"; "gid 998" when no entry has that id
    std::optional<std::uint32_t> gid{};  // nullopt: there is no such group
    std::vector<SocketGrant> grants{};
    std::vector<GroupEntry> entries{};
    std::vector<std::string> primary_members{};  // accounts whose primary group it is
    std::vector<GroupHolder> holders{};          // neither root nor among the members
    std::vector<GroupService> services{};
    std::vector<LoginRule> at_login{};  // that name it, for another than root

    // Whether some entry, account, service or login gives it to another than root, or can.
    [[nodiscard]] bool is_anybodys() const;
};

// Describes groups as they are asked for, each once, and reads of the files what that takes.
class GroupReader {
  public:
    // Whose accounts could be read.
    explicit GroupReader(const host::Host& host);

    // A group by name or number, as settings name it. For a name that stands in two entries the first counts,
    // as for getgrnam(3) and for dockerd, which looks into /etc/group itself.
    void add(const std::string& group, SocketGrant grant);
    void add(std::uint32_t gid, SocketGrant grant);

    [[nodiscard]] std::vector<GrantingGroup> take() { return std::move(groups_); }

    // Why administrators and passwords of groups are not known.
    [[nodiscard]] const std::optional<Error>& shadow_problem() const { return shadow_problem_; }

  private:
    using Lines = std::vector<std::string>;

    [[nodiscard]] GrantingGroup describe(std::uint32_t gid);
    [[nodiscard]] GroupEntry describe(const host::Group& group);
    [[nodiscard]] std::vector<std::string> but_root(const std::vector<std::string>& names) const;
    void add_shadow(GroupEntry& entry);
    void find_holders(GrantingGroup& group) const;
    const Lines& group_lines();
    const Lines& shadow_lines();

    const host::Host& host_;
    std::vector<GrantingGroup> groups_{};
    std::optional<Lines> group_lines_{};
    std::optional<Lines> shadow_lines_{};
    std::optional<Error> shadow_problem_{};
};

// ---- pure ----

// Whether the second field of group(5) or gshadow(5) is a password that somebody can know: crypt(5) makes no
// hash of fewer than 13 characters and none that begins with "!" or "*".
[[nodiscard]] bool usable_password(std::string_view field);

}  // namespace plimsoll::modules::rootless
