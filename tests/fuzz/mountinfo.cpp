// SPDX-License-Identifier: Apache-2.0
// Mount tables and cgroup files of processes: what a container names its mounts and cgroups is its own
// choice.
#include "core/host/mountinfo.hpp"

#include "core/host/cgroups.hpp"

#include <cstdint>
#include <cstdlib>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view text(reinterpret_cast<const char*>(data), size);
    if (const auto mounts = plimsoll::host::parse_mountinfo(text, "m")) {
        const plimsoll::host::HostMounts host(*mounts);
        for (const auto& m : *mounts) {
            if (m.type.empty() || m.point.empty() || m.root.size() > size)
                std::abort();
            if (plimsoll::host::mount_at(*mounts, m.point) == nullptr)
                std::abort();
            // A mount of the table is on the host by the table itself.
            if (!host.path_of(m))
                std::abort();
            (void)m.super_option("upperdir");
        }
    }
    if (const auto own = plimsoll::host::parse_proc_cgroup(text, "c"))
        for (const auto& m : *own)
            if (!m.path.starts_with('/'))
                std::abort();
    return 0;
}
