// SPDX-License-Identifier: Apache-2.0
// The accounts that run, or are meant to run, rootless containers.
#pragma once
#include "core/host/host.hpp"
#include "core/policy/provision.hpp"

#include <string>
#include <vector>

namespace plimsoll::modules::rootless {

struct RootlessUser {
    std::string name;
    std::uint32_t uid{0};
    std::string home;                   // as the account database says; may not exist
    bool tenant{false};                 // named by the policy's [provision]
    bool linger{false};                 // has a file in /var/lib/systemd/linger
    bool delegated{false};              // owns lines in /etc/subuid
    bool configured{false};             // has ~/.config/containers
    std::vector<Error> problems{};      // units that could not be looked at
    std::vector<std::string> starts{};  // host::RootlessSigns::starts
};

inline constexpr std::string_view linger_dir = "/var/lib/systemd/linger";

// Every account but root for which at least one of these holds, or that has other signs of an engine, in the
// order of the account database. An Error when the accounts, the linger directory or /etc/subuid cannot be
// read.
[[nodiscard]] Result<std::vector<RootlessUser>> find_rootless_users(const host::Host& host,
                                                                    const policy::Provision& provision);

}  // namespace plimsoll::modules::rootless
