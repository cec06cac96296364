// SPDX-License-Identifier: Apache-2.0
#include "modules/containers/find.hpp"

#include "core/base/text.hpp"
#include "core/host/process_at.hpp"
#include "modules/containers/cgroup_names.hpp"
#include "modules/containers/cgroup_walk.hpp"
#include "modules/containers/host_places.hpp"
#include "modules/containers/identify.hpp"
#include "modules/containers/members.hpp"
#include "modules/containers/process_table.hpp"
#include "modules/containers/records.hpp"
#include "modules/containers/sockets.hpp"

#include <algorithm>
#include <array>
#include <map>
#include <set>

namespace plimsoll::modules::containers {
namespace {

using host::Ns;

std::string parent_of(const std::string& path) {
    return path.substr(0, path.rfind('/'));
}

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
    const Seen* monitor{nullptr};
    std::optional<std::size_t> merged_into{};
    std::string unread{};  // why not every process of it could be read; empty: all were
    std::string outer{};   // cgroup of the container whose process made this one; empty: none did
    bool outside{false};   // all of it is still among the host's processes and mounts
};

class Finder {
  public:
    Finder(const host::Host& host, Survey& out)
        : host_(host),
          table_(host, out.host_ns),
          out_(out),
          records_(host, *out.host_mounts),
          walk_(host.root(), *out.host_mounts),
          places_(host.root(), *out.host_mounts),
          members_(host, out.host_ns, *out.host_mounts, places_) {}

    Result<void> run() {
        // Only what saves reading twice; what cannot be read is found, and said, one by one.
        const bool known = host_.has_processes() && host_.processes();
        PLIMSOLL_CHECK(table_.add_all(known ? *host_.processes() : std::vector<host::Process>{}));
        add_unseen_cgroups();
        for (const auto& [pid, p] : table_.all())
            add_engine(p.process);
        group();
        return {};
    }

    // With all that is in one container with them.
    Result<void> run_for(const std::vector<int>& pids) {
        for (const int pid : pids)
            table_.add(pid);
        PLIMSOLL_CHECK(add_company());
        if (const auto& all = host_.processes())
            for (const auto& p : *all)
                add_engine(p);
        group();
        return {};
    }

  private:
    void add_engine(const host::Process& p) {
        if (const auto program = program_of(p); is_engine(program))
            out_.engines.push_back({p.pid, std::string(program)});
    }

    [[nodiscard]] bool own(const Seen& p, Ns ns) const { return members_.own(p, ns); }

    std::set<std::string> named_cgroups() const {
        std::set<std::string> out;
        for (const auto& [pid, p] : table_.all())
            for (const auto& name : p.cgroups->names)
                out.insert(name.path);
        for (const auto& u : table_.unread())
            out.insert(u.cgroup);
        return out;
    }

    // A container can have forked on between the list of processes and the look at each, or have started
    // since; its cgroup still says that there is one.
    void add_unseen_cgroups() {
        constexpr int rounds = 3;
        std::vector<CgroupWalk::Populated> unseen;
        for (int i = 0; i < rounds; ++i) {
            unseen = walk_.populated(named_cgroups());
            if (unseen.empty())
                break;
            for (const auto& c : unseen)
                for (const int pid : c.pids)
                    table_.add(pid);
        }
        for (const auto& c : unseen)
            if (!named_cgroups().contains(c.path))
                out_.unplaced.push_back({c.pids.empty() ? 0 : c.pids.front(), "?",
                                         "the cgroup " + printable(c.path) +
                                             " holds processes, and none of them could be read" +
                                             (c.problem.empty() ? "" : ": " + c.problem)});
        if (!walk_.problem().empty())
            out_.unplaced.push_back({0, "?", "cgroups could not all be listed: " + walk_.problem()});
    }

    // Adds what shares a container's cgroup, mount or PID namespace with what was added.
    Result<void> add_company() {
        std::set<std::uint64_t> inodes;
        std::set<std::string> unlisted;
        for (const auto& [pid, p] : table_.all())
            for (const Ns ns : {Ns::mnt, Ns::pid})
                if (own(p, ns))
                    inodes.insert(*p.ns.of(ns));
        for (const auto& path : named_cgroups()) {
            const auto pids = path.empty() ? Result<std::vector<int>>() : walk_.pids_of(path);
            if (!pids)
                unlisted.insert(path);
            else
                for (const int pid : *pids)
                    table_.add(pid);
        }
        if (inodes.empty() && unlisted.empty())
            return {};
        PLIMSOLL_TRY(const auto entries, host_.root().list("/proc"));
        for (const auto& e : entries)
            if (const auto pid = parse_u64(e.name);
                pid && *pid <= 0x7fffffff && is_company(e.name, inodes, unlisted))
                table_.add(static_cast<int>(*pid));
        return {};
    }

    // What cannot be told is taken in, and then found unreadable and said.
    [[nodiscard]] bool is_company(const std::string& pid, const std::set<std::uint64_t>& inodes,
                                  const std::set<std::string>& cgroups) const {
        const auto dir = host::Directory::open(host_.root(), "/proc/" + pid);
        if (!dir)
            return false;
        for (const Ns ns : {Ns::mnt, Ns::pid})
            if (const auto inode = host::read_ns(*dir, ns); inode && inodes.contains(*inode))
                return true;
        if (cgroups.empty())
            return false;
        const auto text = dir->read_kernel("cgroup", std::size_t{1} << 20, false);
        return text && std::ranges::any_of(cgroups,
                                           [&](const auto& c) { return text->find(c) != std::string::npos; });
    }

    void group() {
        for (const auto& u : table_.unread())
            out_.unplaced.push_back(u.process);
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
        // What looks most like a container first.
        std::ranges::stable_sort(out_.sandboxes, {}, [](const Sandbox& s) { return !s.own_root; });
    }

    void by_cgroup() {
        for (const auto& [pid, p] : table_.all()) {
            if (p.cgroups->names.empty())
                continue;
            const CgroupName& name = p.cgroups->names.front();
            const auto [it, fresh] = by_path_.try_emplace(name.path, groups_.size());
            if (fresh)
                groups_.emplace_back().name = name;
            join(it->second, p);
        }
        for (const auto& u : table_.unread())
            if (const auto it = by_path_.find(u.cgroup); it != by_path_.end())
                groups_[it->second].unread =
                    "pid " + std::to_string(u.process.pid) + " of it: " + u.process.why;
    }

    void join(std::size_t group, const Seen& p) {
        groups_[group].members.push_back(&p);
        group_of_[p.process.pid] = group;
        if (own(p, Ns::mnt))
            by_mount_ns_.try_emplace(*p.mnt_ns(), group);
    }

    void by_namespace() {
        std::map<std::uint64_t, Sandbox> bare;  // by PID or user namespace
        for (const auto& [pid, p] : table_.all()) {
            if (group_of_.contains(pid))
                continue;
            if (own(p, Ns::mnt) && p.pid_ns()) {
                const auto [it, fresh] = by_mount_ns_.try_emplace(*p.mnt_ns(), groups_.size());
                if (fresh)
                    groups_.emplace_back();
                join(it->second, p);
            } else if ((!p.mnt_ns() || !p.pid_ns()) && pid != 1) {
                // PID 1's links are unreadable on some kernels even for root; it is the host by definition.
                out_.unplaced.push_back({pid, p.process.comm, "its namespaces cannot be read"});
            } else if (own(p, Ns::pid) || p.process.in_child_user_ns() == true) {
                const bool pids = own(p, Ns::pid);
                bare.try_emplace(pids ? *p.pid_ns() : p.process.user_ns.value_or(0),
                                 Sandbox{pid, p.process.comm, cgroup_of(p),
                                         std::string(pids ? "a PID namespace" : "a user namespace") +
                                             ", but the host's mounts: a program that confines itself"});
            }
        }
        for (auto& [inode, sandbox] : bare)
            out_.sandboxes.push_back(std::move(sandbox));
    }

    static std::string cgroup_of(const Seen& p) {
        return p.cgroups->all.empty() ? "" : p.cgroups->all.front().path;
    }

    // The oldest of those that another program started into its cgroup. What runs in the container can be the
    // first of a PID namespace, too, but it is started by another member, or younger.
    const Seen* first_of(const Group& g) const {
        const auto is_init = [&](const Seen* p) {
            return own(*p, Ns::pid) && !p->process.ns_pids.empty() && p->process.ns_pids.back() == 1;
        };
        std::map<int, const Seen*> by_pid;
        for (const Seen* m : g.members)
            by_pid.emplace(m->process.pid, m);
        const auto from_outside = [&](const Seen* p) {
            const auto it = by_pid.find(p->process.parent);
            return it == by_pid.end() || members_.is_own_monitor(g.members, *it->second);
        };
        return *std::ranges::min_element(g.members, {}, [&](const Seen* p) {
            return std::tuple(g.name && !in_cgroup(*p, g.name->path), members_.is_own_monitor(g.members, *p),
                              !from_outside(p), p->stat.start, p->process.ns_pids.size(), !is_init(p),
                              p->process.pid);
        });
    }

    void look_at(Group& g) {
        const Seen& p = *g.first;
        g.mounts = read_mounts(host_.root(), p.dir);
        g.monitor = table_.look_up(p.process.parent);
        if (g.monitor != nullptr && !is_monitor(g.monitor->process))
            g.monitor = nullptr;
        if (!p.root_link && own(p, Ns::mnt) && g.unread.empty())
            g.unread = p.dir + "/root cannot be read";
        g.own_root = own_root(g);
        judge(g);
    }

    // "overlay 0:52 /", or "" for the host's own. A chroot without a mount has no line for "/".
    std::string own_root(const Group& g) const {
        if (!g.mounts)
            return "";
        const auto& link = g.first->root_link;
        if (const auto* m = host::mount_at(*g.mounts, "/"))
            return host_root_ == std::pair(m->device, m->root) ? "" : m->type + " " + printable(m->root, 60);
        return link && *link != "/" ? "the folder " + printable(*link, 60) : "";
    }

    void judge(Group& g) const {
        const Seen& p = *g.first;
        const bool pids = own(p, Ns::pid);
        if (g.name) {
            const bool shares_all = std::ranges::all_of(g.members, [&](const Seen* m) {
                return m->mnt_ns() && m->pid_ns() && !own(*m, Ns::mnt) && !own(*m, Ns::pid);
            });
            const bool by_id = g.name->id.size() == 64;
            // What a container's process called its own cgroup takes it out of no container.
            const auto outer = name_of_cgroup(parent_of(g.name->path));
            if (shares_all && !by_id && outer) {
                g.outer = outer->path;
                g.why.push_back("cgroup " + printable(outer->path));
                return;
            }
            if (shares_all && !by_id) {
                g.no_container = "a cgroup named " + printable(g.name->unit) +
                                 ", but every namespace is the host's: a virtual machine or a service";
                return;
            }
            // The runtime's own program, which runc starts there by exec before it makes the namespaces. What
            // is no engine's container is nothing that could be judged, either.
            g.outside = shares_all && !is_sandbox_program(p.process);
            g.why.push_back("cgroup " + printable(g.name->path));
            return;
        }
        if (!g.mounts) {
            g.why.push_back("a mount namespace of its own whose mounts cannot be read");
            return;
        }
        if (g.monitor != nullptr)
            g.why.push_back("started by " + printable(program_of(g.monitor->process)));
        if (!g.own_root.empty() && pids)
            g.why.push_back("PID namespace and root file system (" + g.own_root + ") of its own");
        else if (g.own_root.starts_with("overlay ") || g.own_root.starts_with("fuse.fuse-overlayfs "))
            g.why.push_back("root file system (" + g.own_root + ") of its own");
        else if (!g.own_root.empty() && has_own_terminals(*g.mounts))
            g.why.push_back("root file system (" + g.own_root + ") and terminals (devpts) of its own");
        else if (!g.own_root.empty() && !is_services(g) && !is_snap(g))
            g.why.push_back("root file system (" + g.own_root +
                            ") of its own, which no unit or snap explains");
        if (g.why.empty())
            g.no_container = why_not(g, pids);
        else if (g.monitor == nullptr && g.unread.empty() && is_bubblewrap(g))
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

    // A system service whose unit gives it a root.
    [[nodiscard]] bool is_services(const Group& g) const {
        const auto unit = unit_of(cgroup_of(*g.first));
        if (!unit.ends_with(".service") || user_of(cgroup_of(*g.first)))
            return false;
        const auto& file = host_.unit(unit);
        return file && *file &&
               std::ranges::any_of(std::array{"RootDirectory", "RootImage"},
                                   [&](const char* key) { return !(*file)->values("Service", key).empty(); });
    }

    // Its root is an image that the host has mounted where snapd does.
    [[nodiscard]] bool is_snap(const Group& g) const {
        const auto* top = host::mount_at(*g.mounts, "/");
        if (top == nullptr || top->type != "squashfs")
            return false;
        const auto names = places_.names_of(place_of(*top));
        return !names.empty() && std::ranges::all_of(names, [](const auto& n) {
            return n.starts_with("/snap/") || n.starts_with("/var/lib/snapd/snap/");
        });
    }

    // Its root is the folder /newroot of a tmpfs of its own, or the program is the host's. What counts is
    // that it cannot do more than the user who started it: one id mapped, or none and no privilege, none to
    // be gained, and no engine's socket; everything else is judged as a container.
    [[nodiscard]] bool is_bubblewrap(const Group& g) const {
        if (g.own_root != "tmpfs /newroot" &&
            (program_of(g.first->process) != "bwrap" || !members_.is_host_program(*g.first)))
            return false;
        for (const auto& path : engine_sockets())
            if (const auto place = places_.find(path);
                place && std::ranges::any_of(*g.mounts, [&](const host::Mount& m) {
                    return is_within(*place, place_of(m)) && host_.root().exists(path);
                }))
                return false;
        const auto one_id = [](const auto& map) {
            return map && map->size() == 1 && map->front().count == 1 && map->front().outside != 0;
        };
        return std::ranges::all_of(g.members, [&](const Seen* m) {
            const auto& p = m->process;
            if (p.no_new_privs != true || !m->threads.empty())
                return false;
            if (p.in_child_user_ns() == true)
                return one_id(p.uid_map) && one_id(p.gid_map);
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
            pid = p->process.parent;
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
            const auto by_name = by_path_.find(g.outer);
            auto outer = by_name != by_path_.end() && by_name->second != i ? by_name->second : enclosing(i);
            if (!outer)
                continue;
            outer = root_of(*outer);
            if (*outer == i || !groups_[*outer].no_container.empty())
                continue;  // in a sandbox, or a member's helper outside
            const bool same_pids = g.first->pid_ns() == groups_[*outer].first->pid_ns();
            const bool plain = !g.name && g.monitor == nullptr && (same_pids || !g.no_container.empty());
            if (plain || by_name != by_path_.end()) {
                auto& members = groups_[*outer].members;
                members.insert(members.end(), g.members.begin(), g.members.end());
                if (groups_[*outer].unread.empty())
                    groups_[*outer].unread = g.unread;
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
            out_.sandboxes.push_back(
                {p.process.pid, p.process.comm, cgroup_of(p), g.no_container, !g.own_root.empty()});
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
        c.settled = !p.stat.forked_only && !g.outside;
        c.cgroups = p.cgroups->all;
        c.unread = g.unread;
        c.ns = p.ns;
        c.user_ns_chain = p.process.user_ns == host::initial_user_ns
                              ? Result<std::vector<host::UserNs>>(std::vector<host::UserNs>{})
                              : host::user_ns_chain(host_.root(), p.process.pid);
        members_.add(g.members, *g.first, c);
        members_.add_views(g.members, *g.first, std::move(g.mounts), c);
        identify({host_, records_, p, g.monitor, *out_.host_ns.of(Ns::mnt), *out_.host_mounts}, c);
        members_.tell_sandboxes(g.members, c);
        if (g.inside)
            c.inside = "pid " + std::to_string(groups_[*g.inside].first->process.pid);
        out_.containers.push_back(std::move(c));
    }

    const host::Host& host_;
    ProcessTable table_;
    Survey& out_;
    Records records_;
    CgroupWalk walk_;
    HostPlaces places_;
    MemberReader members_;
    std::pair<std::uint64_t, std::string> host_root_{};
    std::vector<Group> groups_{};
    std::map<int, std::size_t> group_of_{};
    std::map<std::uint64_t, std::size_t> by_mount_ns_{};
    std::map<std::string, std::size_t> by_path_{};  // of a cgroup
};

}  // namespace

Result<Survey> survey(const host::Host& host, const std::optional<std::vector<int>>& pids) {
    Survey out;
    out.host_ns = host::host_namespaces(host.root());
    if (!out.host_ns.of(Ns::mnt))
        return fail(Code::unsupported, "nothing tells which mount namespace is the host's: /proc/1/ns/mnt");
    out.host_mounts = read_mounts(host.root(), "/proc/1");
    if (!out.host_mounts)
        return Failure(out.host_mounts.error());
    Finder finder(host, out);
    if (pids) {
        PLIMSOLL_CHECK(finder.run_for(*pids));
        return out;
    }
    PLIMSOLL_CHECK(finder.run());
    return out;
}

}  // namespace plimsoll::modules::containers
