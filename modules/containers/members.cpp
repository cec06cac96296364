// SPDX-License-Identifier: Apache-2.0
#include "modules/containers/members.hpp"

#include "core/base/text.hpp"
#include "core/host/process_at.hpp"
#include "modules/containers/identify.hpp"

#include <algorithm>
#include <map>
#include <set>

namespace plimsoll::modules::containers {
namespace {

using host::Ns;

constexpr std::size_t max_views = 16;
constexpr std::size_t max_mountinfo = std::size_t{64} << 20;

bool sees_all(const Seen& p) {
    return p.root_link && *p.root_link == "/";
}

Member member_of(const Seen& p, Member::Role role) {
    Member out{role, p.process, p.dir, p.stat.start, p.stat.forked_only, false, false, p.ns, p.label};
    if (role == Member::Role::joined)
        out.cgroups = p.cgroups->all;
    return out;
}

}  // namespace

Result<std::vector<host::Mount>> read_mounts(const host::Sysroot& root, const std::string& dir) {
    PLIMSOLL_TRY(const auto text, host::read_kernel_file(root, dir + "/mountinfo", max_mountinfo));
    return host::parse_mountinfo(text, dir + "/mountinfo");
}

bool in_cgroup(const Seen& p, const std::string& cgroup) {
    return cgroup.empty() || std::ranges::any_of(p.cgroups->all, [&](const auto& m) {
               return host::is_within(m.path, cgroup);
           });
}

bool MemberReader::own(const Seen& p, Ns ns) const {
    return p.ns.of(ns) && p.ns.of(ns) != host_ns_.of(ns);
}

bool MemberReader::is_own_monitor(const Group& group, const Seen& p) const {
    return is_monitor(p.process) && !own(p, Ns::mnt) &&
           std::ranges::any_of(group, [&](const Seen* q) { return q->process.parent == p.process.pid; }) &&
           is_host_program(p);
}

bool MemberReader::is_host_program(const Seen& p) const {
    return runs_host_program(host_, p, host_ns_.of(Ns::mnt).value_or(0), host_mounts_);
}

// crun and runc stand in the cgroup before they enter the namespaces.
bool MemberReader::is_runtime(const Seen& p) const {
    const auto program = program_of(p.process);
    return (program == "runc" || program == "crun") && !own(p, Ns::mnt) && is_host_program(p);
}

void MemberReader::add(const Group& group, const Seen& first, Container& c) const {
    std::set<int> pids;
    for (const Seen* m : group)
        pids.insert(m->process.pid);
    for (const Seen* m : group) {
        if (m != &first && is_own_monitor(group, *m))
            continue;
        auto role = Member::Role::child;
        if (m == &first)
            role = Member::Role::init;
        else if (!in_cgroup(*m, c.cgroup))
            role = Member::Role::joined;
        else if (!pids.contains(m->process.parent))
            role = Member::Role::entered;
        auto member = member_of(*m, role);
        member.being_started = role == Member::Role::entered && (m->stat.forked_only || is_runtime(*m));
        c.members.push_back(std::move(member));
        for (const Seen& t : m->threads)
            c.members.push_back(member_of(t, role == Member::Role::init ? Member::Role::child : role));
    }
    std::ranges::sort(c.members, {},
                      [](const Member& m) { return std::pair(m.role != Member::Role::init, m.process.pid); });
}

void MemberReader::add_views(const Group& group, const Seen& first, Result<std::vector<host::Mount>> mounts,
                             Container& c) const {
    std::map<std::uint64_t, const Seen*> by_ns;
    const auto consider = [&](const Seen& p) {
        if (!p.mnt_ns() || (p.mnt_ns() == host_ns_.of(Ns::mnt) && p.mnt_ns() != first.mnt_ns()))
            return;
        const auto [it, fresh] = by_ns.try_emplace(*p.mnt_ns(), &p);
        if (!fresh && !sees_all(*it->second) && sees_all(p))
            it->second = &p;
    };
    consider(first);
    for (const Seen* m : group) {
        consider(*m);
        for (const Seen& t : m->threads)
            consider(t);
    }
    const auto* of_first = first.mnt_ns() ? by_ns.at(*first.mnt_ns()) : &first;
    c.views.push_back(view_of(
        *of_first, of_first == &first ? std::move(mounts) : read_mounts(host_.root(), of_first->dir)));
    for (const auto& [ns, p] : by_ns) {
        if (p == of_first)
            continue;
        if (c.views.size() == max_views) {
            c.views.back().hidden = "its processes are in more mount namespaces than are looked at";
            break;
        }
        auto table = read_mounts(host_.root(), p->dir);
        if (table || !host::is_gone(table.error()))
            c.views.push_back(view_of(*p, std::move(table)));
    }
}

View MemberReader::view_of(const Seen& p, Result<std::vector<host::Mount>> mounts) const {
    View out{p.process.pid, p.dir, p.tgid, p.stat.start, p.mnt_ns(), std::move(mounts), ""};
    if (own(p, Ns::mnt) && !p.root_link)
        out.hidden = p.dir + "/root cannot be read";
    else if (own(p, Ns::mnt) && !sees_all(p))
        out.hidden =
            p.dir + "/mountinfo shows only what is below its root, the folder " + printable(*p.root_link, 60);
    return out;
}

// A program of the host counts as a sandbox's only where the container has no way to that file: else the
// workload could run it as well, or map it to look like it.
void MemberReader::tell_sandboxes(const Group& group, Container& c) const {
    if (c.kernel == Kernel::shared)
        return;
    for (auto& m : c.members) {
        const auto it = std::ranges::find(group, m.process.pid, [](const Seen* s) { return s->process.pid; });
        m.sandbox_program = it != group.end() && is_sandbox_program(m.process) && is_host_program(**it) &&
                            (!own(**it, Ns::mnt) || !has_file(c, m.process));
    }
    if (!c.members.empty() && c.members.front().sandbox_program)
        return;
    c.kernel = Kernel::shared;
    for (auto& m : c.members)
        m.sandbox_program = false;
}

bool MemberReader::has_file(const Container& c, const host::Process& p) const {
    const auto place = places_.find(*p.exe);
    return !place || std::ranges::any_of(c.views, [&](const View& v) {
        return !v.mounts || std::ranges::any_of(*v.mounts, [&](const host::Mount& m) {
            return is_within(*place, place_of(m));
        });
    });
}

}  // namespace plimsoll::modules::containers
