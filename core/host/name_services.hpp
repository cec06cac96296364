// SPDX-License-Identifier: Apache-2.0
// Who answers for users and groups besides files: nsswitch.conf(5), and the services that nss-systemd(8)
// asks.
#pragma once
#include "core/host/sysroot.hpp"

#include <string>
#include <vector>

namespace plimsoll::host {

struct NameSource {
    std::string database;  // "passwd", "group" or "initgroups"
    std::string name;      // "files", "systemd", "ldap"
};

// In the order of nsswitch.conf; empty when there is none.
[[nodiscard]] Result<std::vector<NameSource>> read_name_sources(const Sysroot& root);

// A service that nss-systemd asks for what is in no record; empty: there is none. `members`: for who is in a
// group, else for users.
[[nodiscard]] std::string other_userdb(const Sysroot& root, bool members);

// Why an account may be in a group though no file or record says so; empty: there is no reason.
[[nodiscard]] std::string unseen_members(const Sysroot& root);

}  // namespace plimsoll::host
