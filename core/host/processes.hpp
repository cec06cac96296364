// SPDX-License-Identifier: Apache-2.0
// The processes of the running host, read once from /proc (proc(5)). A process that ends meanwhile is left
// out.
#pragma once
#include "core/host/sysroot.hpp"

#include <array>
#include <optional>
#include <string>
#include <vector>

namespace plimsoll::host {

struct IdMapLine {  // one line of /proc/PID/{u,g}id_map, user_namespaces(7)
    std::uint32_t inside{0};
    std::uint32_t outside{0};
    std::uint32_t count{0};
};

struct Process {
    int pid{0};
    int parent{0};
    std::string comm;                     // at most 15 bytes, writable by the process itself
    std::array<std::uint32_t, 4> uid{};   // real, effective, saved, filesystem; host ids
    std::vector<std::uint32_t> groups{};  // supplementary, host ids
    // nullopt: could not be read (permission); the verdict on it is then unknown.
    std::optional<std::string> exe{};  // link target, " (deleted)" removed; empty for kernel threads
    std::vector<std::string> argv{};
    std::optional<std::uint64_t> user_ns{};  // inode of ns/user
    std::optional<std::vector<IdMapLine>> uid_map{};
    std::optional<std::vector<IdMapLine>> gid_map{};

    // Whether its user namespace is not the initial one. nullopt: cannot tell.
    [[nodiscard]] std::optional<bool> in_child_user_ns() const;
};

// Inode of the initial user namespace (linux/proc_ns.h PROC_USER_INIT_INO).
inline constexpr std::uint64_t initial_user_ns = 0xEFFFFFFD;

// Sorted by pid. An Error when /proc cannot be listed.
[[nodiscard]] Result<std::vector<Process>> read_processes(const Sysroot& root);

}  // namespace plimsoll::host
