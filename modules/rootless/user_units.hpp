// SPDX-License-Identifier: Apache-2.0
// Units of users' service managers that start containers with podman.
#pragma once
#include "modules/rootless/quadlets.hpp"

#include <vector>

namespace plimsoll::modules::rootless {

// Those for all users, and of each account its own and those that it changes by drop-ins. What a generator
// made is left out: quadlets are judged where they stand. "units" with a problem stands for what cannot be
// listed.
[[nodiscard]] std::vector<UserUnit> read_user_units(const host::Host& host);

}  // namespace plimsoll::modules::rootless
