// SPDX-License-Identifier: Apache-2.0
// Programs of a container that are not of its image: from memory, from the upper layer, from volumes.
#pragma once
#include "modules/containers/facts.hpp"

namespace plimsoll::modules::containers {

// Sets drift and drift_unknown.
void find_drift(const host::Host& host, const std::vector<host::Mount>& host_mounts, Inspected& out);

}  // namespace plimsoll::modules::containers
