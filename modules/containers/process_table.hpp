// SPDX-License-Identifier: Apache-2.0
// The processes of the host with what tells containers from each other: cgroups, mount and PID namespace.
#pragma once
#include "core/host/host.hpp"
#include "modules/containers/container.hpp"

#include <map>
#include <vector>

namespace plimsoll::modules::containers {

struct Seen {
    host::Process process{};
    host::ProcessStat stat{};
    Result<std::vector<host::CgroupMembership>> cgroups{};
    std::optional<std::uint64_t> mnt_ns{};
    std::optional<std::uint64_t> pid_ns{};
};

class ProcessTable {
  public:
    explicit ProcessTable(const host::Host& host) : host_(&host) {}

    // Programs only: kernel threads and what has ended are left out.
    void add(const host::Process& process);

    [[nodiscard]] const std::map<int, Seen>& all() const { return seen_; }

    [[nodiscard]] const std::vector<Unplaced>& unplaced() const { return unplaced_; }

    // A process by its number, read now if it was not added; nullptr: there is none.
    [[nodiscard]] const host::Process* look_up(int pid);

  private:
    const host::Host* host_;
    std::map<int, Seen> seen_{};
    std::map<int, host::Process> others_{};
    std::vector<Unplaced> unplaced_{};
};

// The program's name without its folder: of the kernel's link, else of what the process calls itself.
[[nodiscard]] std::string_view program_of(const host::Process& process);

// Whether the program is the host's own file, that only root can have put there: the process looks at the
// host's root, and the file is root's and writable for nobody else. `maps` decides for a process with another
// root.
[[nodiscard]] bool runs_host_program(const host::Host& host, const Seen& process, std::uint64_t host_mnt);

}  // namespace plimsoll::modules::containers
