// SPDX-License-Identifier: Apache-2.0
// Namespaces of processes by inode number (namespaces(7)): the links below /proc/PID/ns tell it without being
// followed.
#pragma once
#include "core/host/directory.hpp"
#include "core/host/sysroot.hpp"

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

namespace plimsoll::host {

enum class Ns : std::uint8_t { cgroup, ipc, mnt, net, pid, time, user, uts };
inline constexpr std::array<std::string_view, 8> ns_names{"cgroup", "ipc",  "mnt",  "net",
                                                          "pid",    "time", "user", "uts"};

[[nodiscard]] inline std::string_view name_of(Ns ns) {
    return ns_names[static_cast<std::size_t>(ns)];
}

// nullopt: not readable, or this kernel has no such namespace.
class Namespaces {
  public:
    [[nodiscard]] std::optional<std::uint64_t> of(Ns ns) const {
        return inode_[static_cast<std::size_t>(ns)];
    }

    void set(Ns ns, std::optional<std::uint64_t> inode) { inode_[static_cast<std::size_t>(ns)] = inode; }

    bool operator==(const Namespaces&) const = default;

  private:
    std::array<std::optional<std::uint64_t>, 8> inode_{};
};

[[nodiscard]] std::optional<std::uint64_t> read_ns(const Sysroot& root, int pid, Ns ns);
// `process`: an open /proc/PID.
[[nodiscard]] std::optional<std::uint64_t> read_ns(const Directory& process, Ns ns);

// The host's own. From PID 1; what cannot be read there (EACCES even for root) from the first kernel thread,
// which never leaves the initial namespaces; else from the numbers that the kernel fixes (linux/proc_ns.h).
// mnt and net have none on older kernels: nullopt.
[[nodiscard]] Namespaces host_namespaces(const Sysroot& root);

struct UserNs {
    std::uint64_t inode{0};
    std::uint32_t owner{0};  // host uid of who made it
    bool operator==(const UserNs&) const = default;
};

// The user namespaces from the process's own outwards, without the initial one (empty: it is in that).
// By ioctl_ns(2), so only of a real /proc; Code::unsupported elsewhere.
[[nodiscard]] Result<std::vector<UserNs>> user_ns_chain(const Sysroot& root, int pid);

}  // namespace plimsoll::host
