// SPDX-License-Identifier: Apache-2.0
// The device nodes that a process sees in its /dev. This is the one look into another root file system, which
// somebody hostile may have made of FUSE or NFS, so it is made in a way that waits for nobody: names are
// taken from the kernel's cache only (RESOLVE_CACHED), nothing but a tmpfs is opened, and what is mounted
// over single nodes is not asked to bring its attributes up to date.
#pragma once
#include "core/host/mountinfo.hpp"
#include "core/host/sysroot.hpp"

#include <cstdint>
#include <string>
#include <vector>

namespace plimsoll::host {

struct DeviceNode {
    std::string path;  // "/dev/net/tun", seen from the process's root
    bool block{false};
    std::uint32_t major{0};
    std::uint32_t minor{0};
    bool operator==(const DeviceNode&) const = default;
};

struct DeviceNodes {
    std::vector<DeviceNode> nodes{};  // sorted by path
    bool complete{true};              // false: the budget ran out, or a folder could not be looked into
};

// `dev` is the mount at /dev of the process's table. Looks at no more than `budget` names. Code::unsupported:
// this /dev could block and is left alone.
[[nodiscard]] Result<DeviceNodes> device_nodes(const Sysroot& root, int pid, const Mount& dev,
                                               std::size_t budget);

}  // namespace plimsoll::host
