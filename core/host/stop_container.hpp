// SPDX-License-Identifier: Apache-2.0
// Ending a container: the effect behind policy::StopContainer.
#pragma once
#include "core/host/service_manager.hpp"
#include "core/host/sysroot.hpp"
#include "core/policy/change.hpp"

namespace plimsoll::host {

// Code::busy when the process that the change names has ended, its number is another's, or it is not in that
// cgroup; Code::invalid_input for a change that names init itself, or a unit that is not of the cgroup.
[[nodiscard]] Result<void> check_container(const Sysroot& root, const policy::StopContainer& container);

// Whether the very same process still runs (a zombie does not).
[[nodiscard]] Result<bool> is_running(const Sysroot& root, const policy::StopContainer& container);

// Checks again, then stops it: StopUnit when it has a unit and there is a service manager; else cgroup.kill
// (version 2, since Linux 5.14); else SIGKILL to its init if that has a PID namespace of its own, all of
// whose processes the kernel then ends. Waits for the end, at most 10 s: Code::io. Code::unsupported: there
// is none of these ways.
[[nodiscard]] Result<void> stop_container(const Sysroot& root, ServiceManager* services,
                                          const policy::StopContainer& container);

}  // namespace plimsoll::host
