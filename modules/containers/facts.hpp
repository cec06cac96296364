// SPDX-License-Identifier: Apache-2.0
// What the live audit of containers observes. Plain data; what could not be read is an Error in its place.
#pragma once
#include "core/host/device_nodes.hpp"
#include "modules/containers/find.hpp"
#include "modules/containers/host_places.hpp"

#include <array>
#include <map>
#include <set>

namespace plimsoll::modules::containers {

// A mount of a container, or a layer of an overlay in it, with what it is on the host.
struct SharedMount {
    std::string point{};  // in the container
    Place place{};
    std::vector<std::string> names{};  // every path of the host for it, the shortest first; empty: none
    bool read_only{false};
    std::string type{};
    // The socket is one of an engine's, the service manager's or the message bus: by device and inode,
    // whatever its name; "" otherwise.
    std::string service{};
    bool other_socket{false};
    bool layer{false};  // of an overlay

    [[nodiscard]] std::string path() const { return names.empty() ? place.root : names.front(); }
};

// A program that is not of the container's image.
struct Drift {
    int pid{0};
    std::string exe{};
    std::string what{};
};

struct Inspected {
    Container container{};
    bool vanished{false};  // the init ended, or its number became another process's, while this was read
    std::string
        drifted{};  // what changed meanwhile, so that the parts may not be of one moment; empty: nothing
    Result<host::DeviceNodes> devices{};                // of all of its mount namespaces
    std::array<Result<host::CgroupLimit>, 4> limits{};  // by host::LimitKind
    // Members outside of its cgroup, with the limits that they are under.
    std::vector<std::pair<int, std::array<Result<host::CgroupLimit>, 4>>> joined_limits{};
    std::vector<SharedMount> shared{};
    std::vector<std::string> shared_unknown{};  // mounts of which cannot be told what they show
    std::vector<Drift> drift{};
    std::string drift_unknown{};  // why programs of the upper layer could not be told; "" when they could
};

struct HostSide {
    host::Namespaces ns{};
    std::set<std::uint64_t> peer_groups{};
    std::uint64_t proc_device{0};  // of the host's /proc and /sys; 0: not mounted
    std::uint64_t sys_device{0};
    bool labels_processes{true};  // false: this kernel has no security modules at all
    bool legacy_cgroups{false};   // version 1 alone: sharing the cgroup namespace is the default
    // Of sensitive paths by path (watched_paths() and homes), and of the file systems that are mounted.
    std::map<std::string, Place> places{};
    std::vector<std::string> homes{};
    std::set<std::uint64_t> devices{};
    std::uint64_t all_capabilities{0};                   // mask by /proc/sys/kernel/cap_last_cap
    std::map<std::uint32_t, std::string> accounts{};     // uid -> name
    std::map<std::uint32_t, std::string> groups{};       // gid -> name
    std::map<std::uint32_t, std::uint32_t> own_group{};  // uid -> gid
    std::string accounts_unknown{};  // why there may be other accounts; empty: these are all
    std::map<std::string, std::string>
        knobs{};  // of the kernel's surface: "vm.unprivileged_userfaultfd" -> "0"
};

struct Facts {
    bool live{false};
    Result<HostSide> host{};  // Error: nothing could be observed at all
    // Why not all of the host is seen (the agent itself is in a PID or user namespace); empty: it is.
    std::string partial{};
    std::vector<Inspected> containers{};
    std::vector<Sandbox> sandboxes{};
    std::vector<Unplaced> unplaced{};
    bool all{true};  // false: only given containers were looked at
};

// Looks at every container of the survey. Reads only.
[[nodiscard]] Facts inspect(const host::Host& host, Survey survey);

}  // namespace plimsoll::modules::containers
