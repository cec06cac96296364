// SPDX-License-Identifier: Apache-2.0
// The processes of the host with what tells containers from each other: cgroups and namespaces. What is told
// of one process is of one moment: its directory is opened once, so that a number given to another process
// shows nothing of that, and start and exec are compared before and after.
#pragma once
#include "core/host/host.hpp"
#include "modules/containers/cgroup_names.hpp"

#include <map>
#include <memory>
#include <set>
#include <string>
#include <unordered_map>
#include <vector>

namespace plimsoll::modules::containers {

[[nodiscard]] const std::shared_ptr<const Cgroups>& no_cgroups();

struct Seen {
    host::Process process{};  // without arguments, unless it is a monitor or was known
    int tgid{0};              // its number; of a thread that of its process
    host::ProcessStat stat{};
    std::string dir{};  // "/proc/812", of a thread "/proc/812/task/815"
    std::shared_ptr<const Cgroups> cgroups{no_cgroups()};
    host::Namespaces ns{};  // of a process of the host: mnt, pid and user alone
    // Of what may be in a container alone.
    Result<std::string> root_link{};
    Result<std::string> label{};
    std::vector<Seen> threads{};  // those that differ from the first one

    [[nodiscard]] std::optional<std::uint64_t> mnt_ns() const { return ns.of(host::Ns::mnt); }

    [[nodiscard]] std::optional<std::uint64_t> pid_ns() const { return ns.of(host::Ns::pid); }
};

// A process that could not be read as a whole.
struct Unread {
    Unplaced process{};
    std::string cgroup{};  // of the container whose name it bears; empty: none, or that is not known either
};

class ProcessTable {
  public:
    ProcessTable(const host::Host& host, const host::Namespaces& host_ns);

    // Every process that there is. `known`: read before; of these the host's own are taken as they are.
    [[nodiscard]] Result<void> add_all(const std::vector<host::Process>& known);

    // Programs only: kernel threads and what has ended are left out. Does nothing when it was added before.
    void add(int pid);

    [[nodiscard]] const std::map<int, Seen>& all() const { return seen_; }

    [[nodiscard]] const std::vector<Unread>& unread() const { return unread_; }

    // A process by its number, read now if it was not added; nullptr: there is none.
    [[nodiscard]] const Seen* look_up(int pid);

  private:
    void add(int pid, const host::Process* known);
    // nullopt: a kernel thread, or it is gone. With `known`, a process of the host is not read again.
    [[nodiscard]] Result<std::optional<Seen>> read(const host::Directory& dir, int pid,
                                                   const host::Process* known);
    [[nodiscard]] Result<std::shared_ptr<const Cgroups>> read_cgroups(const host::Directory& dir);
    [[nodiscard]] Result<std::string> read_label(const host::Directory& dir) const;
    void read_inner(const host::Directory& dir, Seen& into) const;
    void read_threads(Seen& into);
    [[nodiscard]] bool is_of_the_host(const Seen& process) const;
    void could_not_read(int pid, const Seen& as_far_as, std::string why);

    const host::Host* host_;
    host::Namespaces host_ns_;
    std::map<int, Seen> seen_{};
    std::map<int, Seen> others_{};
    std::set<int> asked_{};
    std::vector<Unread> unread_{};
    std::unordered_map<std::string, std::shared_ptr<const Cgroups>> cgroups_{};  // by text
    bool no_labels_{false};  // no security module of this kernel labels processes
    std::size_t threads_left_{65536};
};

// The program's name without its folder: of the kernel's link, else of what the process calls itself.
[[nodiscard]] std::string_view program_of(const host::Process& process);

// Whether the program is the host's own file, that only root can have put there: the process looks at the
// host's root, and the file is root's and writable for nobody else. Of a process with another root `maps`
// decides; that says nothing where the file can be reached in the container, too.
[[nodiscard]] bool runs_host_program(const host::Host& host, const Seen& process, std::uint64_t host_mnt,
                                     const std::vector<host::Mount>& host_mounts);

}  // namespace plimsoll::modules::containers
