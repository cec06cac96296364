// SPDX-License-Identifier: Apache-2.0
// Init scripts of System V. systemd-sysv-generator(8) makes a service of each that no native unit, a masked
// one included, has the name of; an init without systemd starts them itself.
#pragma once
#include "core/host/sysroot.hpp"

#include <span>
#include <string>
#include <vector>

namespace plimsoll::host {

struct SysvScript {
    std::string unit;                  // "docker.service"
    std::string path;                  // "/etc/init.d/docker"
    std::vector<std::string> links{};  // that start it at boot: "/etc/rc2.d/S20docker"
    std::string text{};
};

struct SysvScripts {
    std::vector<SysvScript> found{};
    std::vector<Error> problems{};  // what could not be read
};

// Those that mention one of `words`. None where systemd starts the host and its generator is not there, or
// masked.
[[nodiscard]] SysvScripts read_sysv_scripts(const Sysroot& root, std::span<const std::string_view> words);

}  // namespace plimsoll::host
