// SPDX-License-Identifier: Apache-2.0
#include "modules/containers/find.hpp"

#include "core/base/text.hpp"
#include "modules/containers/cgroup_names.hpp"
#include "modules/containers/identify.hpp"
#include "modules/containers/process_table.hpp"
#include "modules/containers/records.hpp"

#include <algorithm>
#include <map>
#include <set>

namespace plimsoll::modules::containers {
namespace {

using host::Ns;

// Processes that belong together: a cgroup named after a container, or one mount namespace.
struct Group {
    std::optional<CgroupName> name{};
    std::vector<const Seen*> members{};
    const Seen* first{nullptr};
    Result<std::vector<host::Mount>> mounts{};
    std::string own_root{};      // what root file system it has of its own; empty: the host's
    std::string no_container{};  // why it is a sandbox; empty: it is a container
    std::vector<std::string> why{};
    std::optional<std::size_t> inside{};
    const host::Process* monitor{nullptr};
    std::optional<std::size_t> merged_into{};
};

class Finder {
  public:
    Finder(const host::Host& host, Survey& out)
        : host_(host), table_(host), out_(out), records_(host, *out.host_mounts) {}

    void run(const std::vector<host::Process>& processes) {
        for (const auto& p : processes)
            table_.add(p);
        out_.unplaced = table_.unplaced();
        if (const auto* root = host::mount_at(*out_.host_mounts, "/"))
            host_root_ = {root->device, root->root};
        by_cgroup();
        by_namespace();
        for (auto& g : groups_)
            g.first = first_of(g);
        for (auto& g : groups_)
            look_at(g);
        nest();
        for (std::size_t i = 0; i < groups_.size(); ++i)
            if (!groups_[i].merged_into)
                give(i);
        std::ranges::sort(out_.containers, {}, &Container::init);
    }

  private:
    [[nodiscard]] bool own(const Seen& p, Ns ns) const {
        const auto inode = ns == Ns::mnt ? p.mnt_ns : p.pid_ns;
        return inode && inode != out_.host_ns.of(ns);
    }

    void by_cgroup() {
        std::map<std::string, std::size_t> by_path;
        for (const auto& [pid, p] : table_.all()) {
            if (!p.cgroups)
                continue;
            for (const auto& m : *p.cgroups) {
                const auto name = name_of_cgroup(m.path);
                if (!name)
                    continue;
                const auto [it, fresh] = by_path.try_emplace(name->path, groups_.size());
                if (fresh)
                    groups_.emplace_back().name = name;
                join(it->second, p);
                break;
            }
        }
    }

    void join(std::size_t group, const Seen& p) {
        groups_[group].members.push_back(&p);
        group_of_[p.process.pid] = group;
        if (own(p, Ns::mnt))
            by_mount_ns_.try_emplace(*p.mnt_ns, group);
    }

    void by_namespace() {
        std::map<std::uint64_t, Sandbox> bare;  // by PID or user namespace
        for (const auto& [pid, p] : table_.all()) {
            if (group_of_.contains(pid))
                continue;
            if (own(p, Ns::mnt)) {
                const auto [it, fresh] = by_mount_ns_.try_emplace(*p.mnt_ns, groups_.size());
                if (fresh)
                    groups_.emplace_back();
                join(it->second, p);
            } else if (!p.mnt_ns && pid != 1) {
                // PID 1's links are unreadable on some kernels even for root; it is the host by definition.
                out_.unplaced.push_back({pid, p.process.comm, "its namespaces cannot be read"});
            } else if (own(p, Ns::pid) || p.process.in_child_user_ns() == true) {
                const bool pids = own(p, Ns::pid);
                bare.try_emplace(pids ? *p.pid_ns : p.process.user_ns.value_or(0),
                                 Sandbox{pid, p.process.comm, cgroup_of(p),
                                         std::string(pids ? "a PID namespace" : "a user namespace") +
                                             ", but the host's mounts: a program that confines itself"});
            }
        }
        for (auto& [inode, sandbox] : bare)
            out_.sandboxes.push_back(std::move(sandbox));
    }

    static std::string cgroup_of(const Seen& p) {
        return p.cgroups && !p.cgroups->empty() ? p.cgroups->front().path : "";
    }

    // The init of its PID namespace, else the oldest of those that another program started into it.
    const Seen* first_of(const Group& g) const {
        const auto is_init = [&](const Seen* p) {
            return own(*p, Ns::pid) && !p->process.ns_pids.empty() && p->process.ns_pids.back() == 1;
        };
        const auto from_outside = [&](const Seen* p) {
            return std::ranges::none_of(g.members,
                                        [&](const Seen* q) { return q->process.pid == p->process.parent; });
        };
        // Joined later by setns: of another mount namespace's cgroup, or simply younger.
        return *std::ranges::min_element(g.members, {}, [&](const Seen* p) {
            return std::tuple(!is_init(p), !from_outside(p), p->stat.start, p->process.pid);
        });
    }

    void look_at(Group& g) {
        const Seen& p = *g.first;
        const std::string dir = "/proc/" + std::to_string(p.process.pid);
        const auto text = host::read_kernel_file(host_.root(), dir + "/mountinfo", std::size_t{16} << 20);
        g.mounts = text ? host::parse_mountinfo(*text, dir + "/mountinfo")
                        : Result<std::vector<host::Mount>>(Failure(text.error()));
        g.monitor = table_.look_up(p.process.parent);
        if (g.monitor != nullptr && !is_monitor(*g.monitor))
            g.monitor = nullptr;
        g.own_root = own_root(g, dir);
        judge(g);
    }

    // "overlay 0:52 /", or "" for the host's own. A chroot without a mount has no line for "/".
    std::string own_root(const Group& g, const std::string& dir) const {
        if (!g.mounts)
            return "";
        if (const auto* m = host::mount_at(*g.mounts, "/"))
            return host_root_ == std::pair(m->device, m->root) ? "" : m->type + " " + printable(m->root, 60);
        const auto link = host_.root().read_link(dir + "/root");
        return link && *link != "/" ? "the folder " + printable(*link, 60) : "";
    }

    void judge(Group& g) const {
        const Seen& p = *g.first;
        const bool pids = own(p, Ns::pid);
        if (g.name) {
            const bool shares_all = std::ranges::all_of(g.members, [&](const Seen* m) {
                return m->mnt_ns && m->pid_ns && !own(*m, Ns::mnt) && !own(*m, Ns::pid);
            });
            const bool by_id = g.name->id.size() == 64;
            if (shares_all && !by_id) {
                g.no_container = "a cgroup named " + printable(g.name->unit) +
                                 ", but every namespace is the host's: a virtual machine or a service";
                return;
            }
            g.why.push_back("cgroup " + printable(g.name->path));
            return;
        }
        if (!g.mounts) {
            g.why.push_back("a mount namespace of its own whose mounts cannot be read");
            return;
        }
        if (g.monitor != nullptr)
            g.why.push_back("started by " + printable(program_of(*g.monitor)));
        if (!g.own_root.empty() && pids)
            g.why.push_back("PID namespace and root file system (" + g.own_root + ") of its own");
        else if (g.own_root.starts_with("overlay ") || g.own_root.starts_with("fuse.fuse-overlayfs "))
            g.why.push_back("root file system (" + g.own_root + ") of its own");
        else if (!g.own_root.empty() && has_own_terminals(*g.mounts))
            g.why.push_back("root file system (" + g.own_root + ") and terminals (devpts) of its own");
        if (g.why.empty())
            g.no_container = why_not(g, pids);
        else if (g.monitor == nullptr && is_bubblewrap(g))
            g.no_container = "bubblewrap that holds no right but its own user's";
    }

    // Runtimes mount a devpts for each container; services with RootDirectory= get the host's.
    [[nodiscard]] bool has_own_terminals(const std::vector<host::Mount>& mounts) const {
        return std::ranges::any_of(mounts, [&](const host::Mount& m) {
            return m.type == "devpts" && std::ranges::none_of(*out_.host_mounts, [&](const host::Mount& h) {
                       return h.device == m.device;
                   });
        });
    }

    static std::string why_not(const Group& g, bool pids) {
        if (!g.own_root.empty())
            return "a root of its own (" + g.own_root +
                   "), but the host's processes: a service with RootDirectory=, a snap or a chroot";
        return std::string("the host's root file system") +
               (pids ? ", with a PID namespace: unshare or a program that confines itself"
                     : " and processes: a service with its own mounts, or an engine's helper");
    }

    // Its root is the folder /newroot of a tmpfs of its own, or the program says so. What counts is that it
    // cannot do more than the user who started it: one id mapped, or none and no privilege; everything else
    // is judged as a container.
    static bool is_bubblewrap(const Group& g) {
        if (g.own_root != "tmpfs /newroot" && program_of(g.first->process) != "bwrap")
            return false;
        return std::ranges::all_of(g.members, [](const Seen* m) {
            const auto& p = m->process;
            if (p.in_child_user_ns() == true)
                return p.uid_map && p.uid_map->size() == 1 && p.uid_map->front().count == 1 &&
                       p.uid_map->front().outside != 0;
            return p.in_child_user_ns() == false && p.uid[0] != 0 && p.uid[1] != 0 && p.uid[2] != 0 &&
                   p.capabilities && p.capabilities->permitted == 0;
        });
    }

    // The nearest group among a group's ancestors.
    std::optional<std::size_t> enclosing(std::size_t own_group) {
        int pid = groups_[own_group].first->process.parent;
        for (int steps = 0; steps < 256 && pid > 1; ++steps) {
            if (const auto it = group_of_.find(pid); it != group_of_.end() && it->second != own_group)
                return it->second;
            const auto* p = table_.look_up(pid);
            if (p == nullptr)
                break;
            pid = p->parent;
        }
        return std::nullopt;
    }

    std::size_t root_of(std::size_t i) const {
        while (groups_[i].merged_into)
            i = *groups_[i].merged_into;
        return i;
    }

    // What runs in a container is part of it, unless it is a container itself: with PIDs that the outer has
    // not.
    void nest() {
        std::vector<std::size_t> order(groups_.size());
        for (std::size_t i = 0; i < order.size(); ++i)
            order[i] = i;
        std::ranges::sort(order, {}, [&](std::size_t i) {
            const Seen& p = *groups_[i].first;
            return std::tuple(p.process.ns_pids.size(), p.stat.start, p.process.pid);
        });
        for (const std::size_t i : order) {
            Group& g = groups_[i];
            auto outer = enclosing(i);
            if (!outer)
                continue;
            outer = root_of(*outer);
            if (*outer == i || !groups_[*outer].no_container.empty())
                continue;  // in a sandbox, or a member's helper outside
            const bool same_pids = g.first->pid_ns == groups_[*outer].first->pid_ns;
            if (!g.name && g.monitor == nullptr && (same_pids || !g.no_container.empty())) {
                auto& members = groups_[*outer].members;
                members.insert(members.end(), g.members.begin(), g.members.end());
                g.merged_into = outer;
            } else if (own(*groups_[*outer].first, Ns::pid) && !same_pids) {
                g.inside = outer;
            }
        }
    }

    void give(std::size_t i) {
        Group& g = groups_[i];
        const Seen& p = *g.first;
        if (!g.no_container.empty()) {
            out_.sandboxes.push_back({p.process.pid, p.process.comm, cgroup_of(p), g.no_container});
            return;
        }
        Container c{.owner = {}, .init = p.process.pid, .start = p.stat.start};
        if (g.name) {
            c.engine = g.name->engine;
            c.id = g.name->id;
            c.cgroup = g.name->path;
            c.unit = g.name->unit;
            c.pod = g.name->pod;
        }
        c.why = g.why;
        c.settled = !p.stat.forked_only;
        if (p.cgroups)
            c.cgroups = *p.cgroups;
        c.mounts = std::move(g.mounts);
        for (std::size_t ns = 0; ns < host::ns_names.size(); ++ns)
            c.ns.set(static_cast<Ns>(ns), namespace_of(p, static_cast<Ns>(ns)));
        c.user_ns_chain = p.process.user_ns == host::initial_user_ns
                              ? Result<std::vector<host::UserNs>>(std::vector<host::UserNs>{})
                              : host::user_ns_chain(host_.root(), p.process.pid);
        add_members(g, c);
        identify({host_, records_, p, g.monitor, *out_.host_ns.of(Ns::mnt)}, c);
        if (g.inside)
            c.inside = "pid " + std::to_string(groups_[*g.inside].first->process.pid);
        out_.containers.push_back(std::move(c));
    }

    std::optional<std::uint64_t> namespace_of(const Seen& p, Ns ns) const {
        if (ns == Ns::mnt)
            return p.mnt_ns;
        if (ns == Ns::pid)
            return p.pid_ns;
        if (ns == Ns::user)
            return p.process.user_ns;
        return host::read_ns(host_.root(), p.process.pid, ns);
    }

    static bool in_cgroup(const Seen& p, const Container& c) {
        return c.cgroup.empty() || (p.cgroups && std::ranges::any_of(*p.cgroups, [&](const auto& m) {
                                        return host::is_within(m.path, c.cgroup);
                                    }));
    }

    void add_members(const Group& g, Container& c) {
        std::set<int> pids;
        for (const Seen* m : g.members)
            pids.insert(m->process.pid);
        for (const Seen* m : g.members) {
            // nspawn and some shims stand in the cgroup of what they watch over.
            if (m != g.first && m->mnt_ns == out_.host_ns.of(Ns::mnt) && is_monitor(m->process))
                continue;
            auto role = Member::Role::child;
            if (m == g.first)
                role = Member::Role::init;
            else if (!in_cgroup(*m, c))
                role = Member::Role::joined;
            else if (!pids.contains(m->process.parent))
                role = Member::Role::entered;
            c.members.push_back({role, m->process, m->stat.start, m->stat.forked_only, m->mnt_ns, m->pid_ns});
        }
        std::ranges::sort(c.members, {}, [](const Member& m) {
            return std::pair(m.role != Member::Role::init, m.process.pid);
        });
    }

    const host::Host& host_;
    ProcessTable table_;
    Survey& out_;
    Records records_;
    std::pair<std::uint64_t, std::string> host_root_{};
    std::vector<Group> groups_{};
    std::map<int, std::size_t> group_of_{};
    std::map<std::uint64_t, std::size_t> by_mount_ns_{};
};

Result<std::vector<host::Mount>> host_mounts(const host::Sysroot& root) {
    PLIMSOLL_TRY(const auto text, host::read_kernel_file(root, "/proc/1/mountinfo", std::size_t{64} << 20));
    return host::parse_mountinfo(text, "/proc/1/mountinfo");
}

}  // namespace

Result<Survey> survey(const host::Host& host, const std::optional<std::vector<int>>& pids) {
    Survey out;
    out.host_ns = host::host_namespaces(host.root());
    if (!out.host_ns.of(Ns::mnt))
        return fail(Code::unsupported, "nothing tells which mount namespace is the host's: /proc/1/ns/mnt");
    out.host_mounts = host_mounts(host.root());
    if (!out.host_mounts)
        return Failure(out.host_mounts.error());
    Finder finder(host, out);
    if (!pids) {
        const auto& processes = host.processes();
        if (!processes)
            return Failure(processes.error());
        finder.run(*processes);
        return out;
    }
    std::vector<host::Process> some;
    for (const int pid : *pids)
        if (auto p = host::read_process(host.root(), pid))
            some.push_back(*std::move(p));
    finder.run(some);
    return out;
}

}  // namespace plimsoll::modules::containers
