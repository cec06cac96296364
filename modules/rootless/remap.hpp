// SPDX-License-Identifier: Apache-2.0
// dockerd's older user namespace feature (userns-remap), resolved as dockerd resolves it.
#pragma once
#include "core/host/host.hpp"
#include "core/host/subid.hpp"
#include "modules/rootless/docker_config.hpp"

#include <optional>
#include <string>
#include <vector>

namespace plimsoll::modules::rootless {

struct RemapRange {
    std::string source;  // "/etc/subuid:3"
    std::string text;    // the line
    RangeSet ids;        // that dockerd maps
};

struct Remap {
    std::string value{};                 // as set; empty: off
    std::string source{};                // where
    std::string user{};                  // whose ranges; "dockremap" for "default"
    std::optional<std::uint32_t> uid{};  // nullopt: no such account
    std::vector<RemapRange> subuid{};
    std::vector<RemapRange> subgid{};
    std::optional<Error> problem{};  // what it takes to resolve it could not be read
    // Why dockerd refuses to start with what is set (parseRemappedRoot() in moby's daemon/daemon_unix.go).
    std::string refused{};
};

[[nodiscard]] Remap read_remap(const host::Host& host, const DockerConfig& docker);

}  // namespace plimsoll::modules::rootless
