// SPDX-License-Identifier: Apache-2.0
// What says that an account runs rootless containers.
#pragma once
#include "core/host/host.hpp"

#include <string>
#include <vector>

namespace plimsoll::host {

struct RootlessSigns {
    // What the user's manager starts: quadlets, and links that enable units of engines or with containers.
    std::vector<std::string> starts{};
    std::vector<std::string> others{};  // a unit for dockerd that nothing starts, sockets of engines that run
    std::vector<Error> problems{};      // what could not be looked at
};

// Of what is the account's alone: what all accounts share says nothing about one.
[[nodiscard]] RootlessSigns rootless_signs(const Host& host, const User& user);

}  // namespace plimsoll::host
