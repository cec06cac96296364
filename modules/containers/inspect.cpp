// SPDX-License-Identifier: Apache-2.0
#include "core/base/text.hpp"
#include "core/host/process_at.hpp"
#include "modules/containers/drift.hpp"
#include "modules/containers/judge.hpp"
#include "modules/containers/shared_mounts.hpp"

#include <algorithm>

namespace plimsoll::modules::containers {
namespace {

using Limits = std::array<Result<host::CgroupLimit>, 4>;

class Inspector {
  public:
    Inspector(const host::Host& host, const std::vector<host::Mount>& mounts,
              const std::vector<EngineProcess>& engines)
        : host_(host),
          mounts_(mounts),
          cgroups_(mounts),
          places_(host.root(), mounts),
          shared_(host, places_, find_service_sockets(host, engines)) {}

    Inspected look_at(Container container) {
        Inspected out{.container = std::move(container)};
        const Container& c = out.container;
        out.limits = limits(own_cgroups(c));
        for (const Member& m : c.members)
            if (m.role == Member::Role::joined)
                out.joined_limits.emplace_back(m.process.pid, limits(m.cgroups));
        shared_.add_shared(out);
        out.devices = shared_.devices(c);
        find_drift(host_, mounts_, out);
        compare_again(out);
        return out;
    }

    [[nodiscard]] HostSide host_side(const host::Namespaces& ns) const {
        HostSide out{.ns = ns};
        add_mounts(out);
        out.labels_processes = host_.root().exists("/proc/1/attr/current");
        const auto last = host::read_kernel_file(host_.root(), "/proc/sys/kernel/cap_last_cap", 64);
        const auto number = last ? parse_u64(trim(*last)) : std::nullopt;
        if (number && *number < 63)
            out.all_capabilities = (std::uint64_t{2} << *number) - 1;
        add_accounts(out);
        add_places(out);
        for (const std::string_view knob :
             {"vm/unprivileged_userfaultfd", "kernel/unprivileged_bpf_disabled", "kernel/io_uring_disabled"})
            if (const auto v = host::read_kernel_file(host_.root(), "/proc/sys/" + std::string(knob), 64))
                out.knobs.emplace(knob, trim(*v));
        return out;
    }

  private:
    // A container with a delegated cgroup may limit a part of itself alone: what counts is the whole.
    static std::vector<host::CgroupMembership> own_cgroups(const Container& c) {
        auto out = c.cgroups;
        for (auto& m : out)
            if (!c.cgroup.empty() && host::is_within(m.path, c.cgroup))
                m.path = c.cgroup;
        return out;
    }

    [[nodiscard]] Limits limits(const std::vector<host::CgroupMembership>& cgroups) {
        Limits out{};
        for (std::size_t kind = 0; kind < out.size(); ++kind)
            out[kind] = host::read_limit(host_.root(), cgroups_, cgroups, static_cast<host::LimitKind>(kind),
                                         limit_files_);
        return out;
    }

    // Mounts, devices and maps were read by number: they are the process's only if the number still is.
    void compare_again(Inspected& out) const {
        const Container& c = out.container;
        const auto now = host::read_process_stat(host_.root(), c.init);
        out.vanished = !now || now->start != c.start;
        const auto compare = [&](int pid, std::uint64_t start) {
            if (pid == c.init)
                return;
            const auto stat = host::read_process_stat(host_.root(), pid);
            if (stat ? stat->start != start : !host::is_gone(stat.error()))
                out.drifted =
                    "pid " + std::to_string(pid) + " became another process while the container was read";
        };
        for (const View& v : c.views)
            compare(v.process, v.start);
        for (const Member& m : c.members)
            if (m.being_started || m.sandbox_program)
                compare(m.process.pid, m.start);
    }

    void add_mounts(HostSide& out) const {
        bool unified = false;
        for (const host::Mount& m : mounts_) {
            out.devices.insert(m.device);
            if (m.shared)
                out.peer_groups.insert(*m.shared);
            if (m.type == "proc" && m.point == "/proc")
                out.proc_device = m.device;
            if (m.type == "sysfs" && m.point == "/sys")
                out.sys_device = m.device;
            out.legacy_cgroups = out.legacy_cgroups || m.type == "cgroup";
            unified = unified || (m.type == "cgroup2" && m.point == "/sys/fs/cgroup");
        }
        out.legacy_cgroups = out.legacy_cgroups && !unified;
    }

    void add_accounts(HostSide& out) const {
        const auto& accounts = host_.accounts();
        if (!accounts) {
            out.accounts_unknown = accounts.error().message;
            return;
        }
        for (const auto& u : accounts->users) {
            out.accounts.try_emplace(u.uid, u.name);
            out.own_group.try_emplace(u.uid, u.gid);
            constexpr std::uint32_t first = 1000;  // login.defs(5) UID_MIN
            constexpr std::uint32_t nobody = 65534;
            if (u.uid >= first && u.uid != nobody && std::ranges::count(u.home, '/') >= 2)
                out.homes.push_back(u.home);
        }
        for (const auto& g : accounts->groups)
            out.groups.try_emplace(g.gid, g.name);
        if (!accounts->problems.empty())
            out.accounts_unknown = "not every account can be read: " + accounts->problems.front();
        else if (!accounts->remote_sources.empty())
            out.accounts_unknown =
                "there are accounts that no file shows: " + join(accounts->remote_sources, ", ");
    }

    void add_places(HostSide& out) const {
        auto paths = watched_paths();
        paths.insert(paths.end(), out.homes.begin(), out.homes.end());
        for (const auto& path : paths)
            if (const auto place = places_.find(path))
                out.places.emplace(path, *place);
    }

    const host::Host& host_;
    const std::vector<host::Mount>& mounts_;
    host::CgroupMounts cgroups_;
    host::LimitFiles limit_files_{};
    HostPlaces places_;
    SharedMounts shared_;
};

// The agent sees the processes of its own PID namespace alone, and ids as its user namespace maps them.
std::string partial_view(const host::Sysroot& root, const host::Namespaces& host_ns) {
    constexpr std::uint64_t initial_pid_ns = 0xEFFFFFFC;  // linux/proc_ns.h PROC_PID_INIT_INO
    const auto pid = host::read_ns(root, 1, host::Ns::pid);
    if (pid && *pid != initial_pid_ns)
        return "/proc is of a PID namespace, not of the host";
    if (host_ns.of(host::Ns::pid) && *host_ns.of(host::Ns::pid) != initial_pid_ns)
        return "the first process is in a PID namespace of its own";
    const auto own = root.read_link("/proc/self/ns/user");
    if (own && *own != "user:[" + std::to_string(host::initial_user_ns) + "]")
        return "the agent is in a user namespace, not of the host";
    return "";
}

}  // namespace

Facts inspect(const host::Host& host, Survey survey) {
    Facts out{.live = true};
    if (!survey.host_mounts) {
        out.host = Failure(survey.host_mounts.error());
        return out;
    }
    Inspector inspector(host, *survey.host_mounts, survey.engines);
    out.host = inspector.host_side(survey.host_ns);
    out.partial = partial_view(host.root(), survey.host_ns);
    for (Container& c : survey.containers)
        out.containers.push_back(inspector.look_at(std::move(c)));
    out.sandboxes = std::move(survey.sandboxes);
    out.unplaced = std::move(survey.unplaced);
    return out;
}

}  // namespace plimsoll::modules::containers
