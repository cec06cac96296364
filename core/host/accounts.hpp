// SPDX-License-Identifier: Apache-2.0
// The accounts of a host as its files tell: passwd(5), group(5), the image-side copies of OSTree
// (nss-altfiles: /usr/lib/passwd) and Flatcar (/usr/share/baselayout/passwd), and systemd's JSON records
// (user_records.hpp). NSS is not asked: the answer would be the build machine's for an image, and may block
// on the network for the running host.
#pragma once
#include "core/host/sysroot.hpp"

#include <string>
#include <vector>

namespace plimsoll::host {

struct User {
    std::string name;
    std::uint32_t uid{0};
    std::uint32_t gid{0};
    std::string home;
    std::string shell;
    std::string source;        // "/etc/passwd:12"
    bool managed_home{false};  // by systemd-homed: nobody sees into it while its user is not there
};

struct Group {
    std::string name;
    std::uint32_t gid{0};
    std::vector<std::string> members;
    std::string source;
};

struct Accounts {
    std::vector<User> users;  // in file order; the first of a name wins, as in NSS
    std::vector<Group> groups;
    std::vector<std::string> problems;  // "FILE:LINE: reason" for lines and records that are no entries
    // Sources in nsswitch.conf's passwd/group lines that files cannot show: "sss", "ldap", "winbind", …
    std::vector<std::string> remote_sources;
    // Why a name that no file has may be a user all the same: nsswitch.conf lists systemd, and somebody there
    // knows more than records, or one of these could not be read.
    std::vector<std::string> unseen_users;

    [[nodiscard]] const User* user(std::string_view name) const;
    [[nodiscard]] const User* user(std::uint32_t uid) const;
    [[nodiscard]] const Group* group(std::string_view name) const;
    [[nodiscard]] const Group* group(std::uint32_t gid) const;
    // Supplementary members and users whose primary group it is, sorted, each once.
    [[nodiscard]] std::vector<std::string> members_of(const Group& group) const;
};

// An Error only when /etc/passwd or /etc/group exists but cannot be read; absent files are empty ones.
[[nodiscard]] Result<Accounts> read_accounts(const Sysroot& root);

// Pure: appends the entries of one passwd or group file.
void parse_passwd(std::string_view text, const std::string& path, Accounts& into);
void parse_group(std::string_view text, const std::string& path, Accounts& into);

}  // namespace plimsoll::host
