// SPDX-License-Identifier: Apache-2.0
// The processes of one container as members with their parts in it, and the mounts that they see.
#pragma once
#include "modules/containers/host_places.hpp"
#include "modules/containers/process_table.hpp"

namespace plimsoll::modules::containers {

// `dir` is /proc/PID or a thread's.
[[nodiscard]] Result<std::vector<host::Mount>> read_mounts(const host::Sysroot& root, const std::string& dir);

// Empty `cgroup`: a container without one.
[[nodiscard]] bool in_cgroup(const Seen& process, const std::string& cgroup);

class MemberReader {
  public:
    using Group = std::vector<const Seen*>;

    // All must outlive it.
    MemberReader(const host::Host& host, const host::Namespaces& host_ns,
                 const std::vector<host::Mount>& host_mounts, const HostPlaces& places)
        : host_(host), host_ns_(host_ns), host_mounts_(host_mounts), places_(places) {}

    // The namespace is known and not the host's.
    [[nodiscard]] bool own(const Seen& process, host::Ns ns) const;

    // nspawn and some shims stand in the cgroup of what they watch over.
    [[nodiscard]] bool is_own_monitor(const Group& group, const Seen& process) const;
    [[nodiscard]] bool is_host_program(const Seen& process) const;

    // The init first. Needs Container::cgroup.
    void add(const Group& group, const Seen& first, Container& container) const;

    // One table for each mount namespace: of a member whose root is all of it, if there is one. The host's
    // own, where a member may be, is not a view but an escape, and judged as such. `mounts` are the first's.
    void add_views(const Group& group, const Seen& first, Result<std::vector<host::Mount>> mounts,
                   Container& container) const;

    // Of a container with a kernel of its own, by the name of its init: which members are the host's own
    // programs. None of them: the kernel is the host's after all.
    void tell_sandboxes(const Group& group, Container& container) const;

  private:
    [[nodiscard]] bool is_runtime(const Seen& process) const;
    [[nodiscard]] View view_of(const Seen& process, Result<std::vector<host::Mount>> mounts) const;
    [[nodiscard]] bool has_file(const Container& container, const host::Process& process) const;

    const host::Host& host_;
    const host::Namespaces& host_ns_;
    const std::vector<host::Mount>& host_mounts_;
    const HostPlaces& places_;
};

}  // namespace plimsoll::modules::containers
