// SPDX-License-Identifier: Apache-2.0
// Where quadlets are: the directories that podman's generator searches for one service manager
// (podman-systemd.unit(5)).
#pragma once
#include "core/host/sysroot.hpp"

#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace plimsoll::host {

// Below it are definitions for the managers of all users, and in a directory named UID those of one.
inline constexpr std::string_view quadlet_users_dir = "/etc/containers/systemd/users";

// "web.container", "db.pod".
[[nodiscard]] bool is_quadlet_name(std::string_view file);

struct QuadletTree {
    std::vector<std::string> files{};         // in the order of the search; links to /dev/null are left out
    std::vector<std::string> drop_in_dirs{};  // "…/web.container.d", likewise
    std::vector<Error> problems{};            // directories that could not be searched

    // Drop-in files that count for a quadlet, in the order in which they are read: those of its name, of the
    // beginnings of its name up to a "-", and of its kind. What could not be listed goes into `problems`.
    [[nodiscard]] std::vector<std::string> drop_ins(const Sysroot& root, std::string_view file,
                                                    std::vector<Error>& problems) const;
};

// The system manager's.
[[nodiscard]] QuadletTree system_quadlets(const Sysroot& root);
// Those that every user's manager takes.
[[nodiscard]] QuadletTree common_quadlets(const Sysroot& root);
// One user's alone. `home`: empty for a user without one.
[[nodiscard]] QuadletTree user_quadlets(const Sysroot& root, std::uint32_t uid, const std::string& home);

}  // namespace plimsoll::host
