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

struct Capabilities {  // capabilities(7), one bit each; they count in the process's user namespace only
    std::uint64_t inheritable{0};
    std::uint64_t permitted{0};
    std::uint64_t effective{0};
    std::uint64_t bounding{0};
    std::uint64_t ambient{0};
    bool operator==(const Capabilities&) const = default;
};

struct Process {
    int pid{0};
    int parent{0};
    std::string comm;                     // at most 15 bytes, writable by the process itself
    std::array<std::uint32_t, 4> uid{};   // real, effective, saved, filesystem; host ids
    std::array<std::uint32_t, 4> gid{};   // the same of groups
    std::vector<std::uint32_t> groups{};  // supplementary, host ids
    // nullopt: the kernel does not tell (status has no such line, or one that cannot be read).
    std::optional<Capabilities> capabilities{};
    std::optional<bool> no_new_privs{};
    std::optional<int> seccomp{};  // 0 none, 1 strict, 2 filter
    std::uint64_t threads{1};
    std::vector<int> ns_pids{};  // its pid in each PID namespace, the reader's first; empty before Linux 4.1
    // nullopt: could not be read (permission); the verdict on it is then unknown.
    std::optional<std::string> exe{};  // link target, " (deleted)" removed; empty for kernel threads
    bool exe_deleted{false};           // the program's file has no name any more
    std::vector<std::string> argv{};
    std::optional<std::uint64_t> user_ns{};  // inode of ns/user
    // Not read in the initial namespace, which has every id as itself.
    std::optional<std::vector<IdMapLine>> uid_map{};
    std::optional<std::vector<IdMapLine>> gid_map{};

    // Whether its user namespace is not the initial one. nullopt: cannot tell.
    [[nodiscard]] std::optional<bool> in_child_user_ns() const;
};

// Inode of the initial user namespace (linux/proc_ns.h PROC_USER_INIT_INO).
inline constexpr std::uint64_t initial_user_ns = 0xEFFFFFFD;

// Sorted by pid. An Error when /proc cannot be listed.
[[nodiscard]] Result<std::vector<Process>> read_processes(const Sysroot& root);

// One of them. nullopt: there is none (any more).
[[nodiscard]] std::optional<Process> read_process(const Sysroot& root, int pid);

struct ProcessStat {  // what only /proc/PID/stat tells
    // Clock ticks (sysconf(_SC_CLK_TCK)) from boot to its start: with the pid it names one process for ever.
    std::uint64_t start{0};
    // Made by fork or clone and never since a program by exec (PF_FORKNOEXEC).
    bool forked_only{false};
    bool kernel_thread{false};  // the kernel's own (PF_KTHREAD), which runs no program
    bool operator==(const ProcessStat&) const = default;
};

// Code::not_found: it is gone.
[[nodiscard]] Result<ProcessStat> read_process_stat(const Sysroot& root, int pid);

// A file below /proc or /sys: one open, no look at its type first, as below these no file blocks.
[[nodiscard]] Result<std::string> read_kernel_file(const Sysroot& root, const std::string& path,
                                                   std::size_t max = std::size_t{1} << 20);

}  // namespace plimsoll::host
