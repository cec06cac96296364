// SPDX-License-Identifier: Apache-2.0
// Finds containers from the kernel's side: cgroups, namespaces, /proc. Asks no engine.
//
// A container is
//   - what is in a cgroup that an engine named after a container, or
//   - what has a mount namespace of its own and is the child of a container monitor (conmon, a shim, nspawn),
//   or
//   - what has a mount namespace and a root file system of its own, and a PID namespace or an overlay as
//   root.
// Everything else with namespaces of its own is a sandbox, listed with the reason: services with
// PrivateMounts= and the like, browsers, unshare(1), and bubblewrap as far as it holds nothing but its own
// user's rights.
#pragma once
#include "core/host/host.hpp"
#include "modules/containers/container.hpp"
#include "modules/containers/sockets.hpp"

#include <optional>
#include <vector>

namespace plimsoll::modules::containers {

struct Survey {
    host::Namespaces host_ns{};
    Result<std::vector<host::Mount>> host_mounts{};  // PID 1's
    std::vector<Container> containers{};             // by init pid
    std::vector<Sandbox> sandboxes{};
    std::vector<Unplaced> unplaced{};
    std::vector<EngineProcess> engines{};  // of the whole host
};

// With `pids`, only these processes are read and looked at (a container that has just started: its cgroup's
// cgroup.procs). Error: /proc cannot be listed, or nothing tells which mount namespace is the host's.
[[nodiscard]] Result<Survey> survey(const host::Host& host,
                                    const std::optional<std::vector<int>>& pids = std::nullopt);

}  // namespace plimsoll::modules::containers
