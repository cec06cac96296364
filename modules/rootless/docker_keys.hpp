// SPDX-License-Identifier: Apache-2.0
// The keys that dockerd knows in daemon.json, and what it takes for their values (moby: daemon/config,
// daemon/command; of the versions from 17.05 on). dockerd refuses to start when there is another key, or a
// value of another type.
#pragma once
#include "core/base/value.hpp"

#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace plimsoll::modules::rootless {

// What is wrong with one key.
struct DockerKeyFault {
    std::string key;
    std::string found;
    std::string expected;
    bool operator==(const DockerKeyFault&) const = default;
};

struct DockerKeyFaults {
    std::vector<DockerKeyFault> unknown{};  // to us, that is: a newer dockerd may know them
    std::vector<DockerKeyFault> types{};
};

// Pure. `root` is the object of a daemon.json.
[[nodiscard]] DockerKeyFaults docker_key_faults(const Table& root);

}  // namespace plimsoll::modules::rootless
