// SPDX-License-Identifier: Apache-2.0
// Which engine made a container, for whom, and what it is called.
#pragma once
#include "core/host/host.hpp"
#include "modules/containers/container.hpp"
#include "modules/containers/process_table.hpp"
#include "modules/containers/records.hpp"

namespace plimsoll::modules::containers {

// conmon, conmonrs, a containerd shim, systemd-nspawn, lxc-start: programs whose children are containers.
[[nodiscard]] bool is_monitor(const host::Process& process);

// By its name a VMM, a sentry or what helps one: the host's side of a sandbox with a kernel of its own.
[[nodiscard]] bool is_sandbox_program(const host::Process& process);

struct Trace {
    const host::Host& host;
    Records& records;
    const Seen& first;
    const Seen* monitor;  // nullptr: none
    std::uint64_t host_mnt;
    const std::vector<host::Mount>& host_mounts;
};

// Fills in engine and id where the cgroup did not tell, kernel, owner, monitor, names and image.
void identify(const Trace& trace, Container& container);

}  // namespace plimsoll::modules::containers
