// SPDX-License-Identifier: Apache-2.0
// What processes of a container may do: user namespace, ids, capabilities, filter, label.
#include "core/base/text.hpp"
#include "modules/containers/capability_names.hpp"
#include "modules/containers/engine_labels.hpp"
#include "modules/containers/judge.hpp"

#include <algorithm>
#include <array>
#include <set>

namespace plimsoll::modules::containers {
namespace {

using policy::Finding;
using policy::Severity;
using Role = Member::Role;

// The id that a host id has inside; nullopt: none (it is not mapped).
std::optional<std::uint32_t> inside_id(const std::vector<host::IdMapLine>& map, std::uint32_t outside) {
    for (const auto& l : map)
        if (outside >= l.outside && outside - l.outside < l.count)
            return l.inside + (outside - l.outside);
    return std::nullopt;
}

std::string text_of(const host::IdMapLine& l) {
    return std::to_string(l.inside) + " " + std::to_string(l.outside) + " " + std::to_string(l.count);
}

// An id of a map that is somebody's. Whose map it is decides about its owner's own id.
void judge_line(const Case& c, Verdict& v, const std::string& file, bool of_users, const host::IdMapLine& l) {
    const auto covers = [&](std::uint32_t id) { return id >= l.outside && id - l.outside < l.count; };
    if (covers(0))
        return v.wrong(Severity::critical, "maps host id 0 (root)",
                       {file, text_of(l), "a map without host id 0"});
    const auto& owner = c.container().owner;
    const auto group = owner ? c.host.own_group.find(*owner) : c.host.own_group.end();
    const auto is_own = [&](std::uint32_t id) {
        return of_users ? owner && id == *owner : group != c.host.own_group.end() && id == group->second;
    };
    const auto& named = of_users ? c.host.accounts : c.host.groups;
    for (auto it = named.lower_bound(l.outside); it != named.end() && covers(it->first); ++it) {
        const bool own = is_own(it->first);
        if (own && (!c.params.forbid_own_id || !of_users))
            continue;
        v.wrong(
            own ? Severity::low : Severity::high,
            own ? "maps its owner's own id"
                : std::string(of_users ? "maps the account " : "maps the group ") + printable(it->second, 40),
            {file, text_of(l), own ? "userns=auto or nomap" : "ids that are no account's"});
    }
}

void judge_map(const Case& c, Verdict& v, const Member& m, std::string_view name,
               const std::optional<std::vector<host::IdMapLine>>& map) {
    if (!map)
        return v.unknown(m.file(name) + " cannot be read");
    if (map->empty())
        return v.unknown(m.file(name) + " is empty: the map has not been written yet");
    for (const auto& l : *map)
        judge_line(c, v, m.file(name), name == "uid_map", l);
}

std::string named(std::uint64_t capabilities) {
    return capability_text(capabilities);
}

std::uint64_t mask_of(const std::vector<std::string>& names) {
    std::uint64_t out = 0;
    for (const auto& n : names)
        out |= capability_bit(n);
    return out;
}

// The bits that mean the host itself, where the namespaces let them.
std::uint64_t fatal(const Case& c, const Member& m) {
    static const std::uint64_t always =
        mask_of({"SYS_ADMIN", "SYS_MODULE", "SYS_RAWIO", "DAC_READ_SEARCH", "BPF", "PERFMON", "SYS_BOOT",
                 "MAC_ADMIN", "MAC_OVERRIDE", "SYSLOG"});
    std::uint64_t out = always;
    const auto shares = [&](host::Ns ns) {
        const auto own = m.ns.of(ns);
        return own && own == c.host.ns.of(ns);
    };
    if (shares(host::Ns::pid))
        out |= mask_of({"SYS_PTRACE"});
    if (shares(host::Ns::net))
        out |= mask_of({"NET_ADMIN"});
    return out;
}

void judge_capabilities_of(const Case& c, const Member& m, std::uint64_t allowed, Verdict& v) {
    const host::Process& p = m.process;
    if (!p.capabilities)
        return v.unknown(m.file("status") + " shows no capabilities");
    const auto& caps = *p.capabilities;
    const auto host_side = c.in_host_userns(m);
    const std::string who = Case::name_of_process(p) + (m.role == Role::entered  ? ", started into it,"
                                                        : m.role == Role::joined ? ", joined from outside,"
                                                                                 : "");
    const std::uint64_t held = caps.bounding | caps.effective | caps.permitted;
    if (const auto extra = held & ~allowed; extra != 0) {
        // What is not known to be a child's counts as the host's.
        const bool grave = host_side != false && (extra & fatal(c, m)) != 0;
        const bool all =
            c.host.all_capabilities != 0 && (held & c.host.all_capabilities) == c.host.all_capabilities;
        v.wrong(host_side == false ? Severity::medium
                : grave            ? Severity::critical
                                   : Severity::high,
                who + (all ? " holds every capability" : " holds more than is allowed") +
                    (host_side == false ? " in its user namespace" : " of the host") +
                    (all ? "" : ": " + named(extra)),
                {m.file("status"), "CapEff " + named(caps.effective) + ", CapBnd " + named(caps.bounding),
                 "at most " + named(allowed)});
    }
    for (const auto& [set, name] : {std::pair{caps.inheritable, "CapInh"}, {caps.ambient, "CapAmb"}})
        if (set != 0)
            v.wrong(Severity::medium,
                    who + " has " + (name == std::string_view("CapInh") ? "inheritable" : "ambient") +
                        " capabilities",
                    {m.file("status"), std::string(name) + " " + named(set), "none"});
}

// ---- labels ----

bool is_confining_type(const Params& params, const std::string& type) {
    return is_container_domain(type) ||
           std::ranges::any_of(params.allowed_labels, [&](const auto& g) { return glob_match(g, type); });
}

void judge_selinux(const Case& c, const Member& m, const std::string& label, const std::string& source,
                   Verdict& v) {
    const std::string type(selinux_type(label));
    if (!is_confining_type(c.params, type))
        return v.wrong(Severity::high, Case::name_of_process(m.process) + " runs in " + printable(type, 60),
                       {source, printable(label), "a container domain such as container_t"});
    const auto pair = category_pair(label);
    if (pair.empty())
        return v.wrong(Severity::high, Case::name_of_process(m.process) + " has no two categories of its own",
                       {source, printable(label), "s0:cX,cY"});
    if (const auto it = c.categories.find(pair); it != c.categories.end() && it->second.size() > 1)
        v.wrong(Severity::high, "its categories " + printable(pair, 30) + " are another container's, too",
                {source, printable(label), "a pair that no other container has"});
}

void judge_apparmor(const Case& c, const Member& m, const std::string& label, const std::string& source,
                    Verdict& v) {
    const auto open = label.rfind(" (");
    const std::string profile = open == std::string::npos ? label : label.substr(0, open);
    const bool enforced = label.ends_with(" (enforce)");
    const bool known =
        is_container_profile(profile) ||
        std::ranges::any_of(c.params.allowed_labels, [&](const auto& g) { return glob_match(g, profile); });
    if (!enforced || !known)
        v.wrong(Severity::high,
                Case::name_of_process(m.process) +
                    (enforced ? " runs under " + printable(profile, 60) : " is not confined"),
                {source, printable(label), "an enforced container profile"});
}

}  // namespace

std::string category_pair(std::string_view label) {
    const auto parts = split(label, ':');
    if (parts.size() != 5)
        return "";
    const auto two = split(parts[4], ',');
    return two.size() == 2 && two[0] != two[1] && two[0].starts_with('c') && two[1].starts_with('c')
               ? std::string(parts[4])
               : "";
}

Finding judge_userns(const Case& c) {
    Verdict v(c, Rule::root_userns);
    each(c, v, [&](const Member& m) {
        const auto host_side = c.in_host_userns(m);
        if (!host_side)
            v.unknown(m.file("ns/user") + " cannot be read, and the map does not decide it");
        else if (*host_side)
            v.wrong(Severity::high,
                    m.role == Role::init
                        ? "runs in the host's user namespace: its root is root of the host"
                        : Case::name_of_process(m.process) + " runs in the host's user namespace",
                    {m.file("ns/user"), "user:[" + std::to_string(host::initial_user_ns) + "]",
                     "a user namespace of its own"});
    });
    std::string nesting;
    if (const auto& chain = c.container().user_ns_chain; chain && chain->size() > 1)
        nesting = ", " + std::to_string(chain->size()) + " deep";
    return v.end("a user namespace of its own" + nesting);
}

Finding judge_maps(const Case& c) {
    Verdict v(c, Rule::maps_root);
    std::set<std::optional<std::uint64_t>> judged;  // user namespaces
    each(c, v, [&](const Member& m) {
        if (m.process.user_ns && !judged.insert(m.process.user_ns).second)
            return;
        if (c.in_host_userns(m) == true)
            return v.wrong(Severity::critical,
                           (m.role == Role::init ? "" : "for " + Case::name_of_process(m.process) + " ") +
                               std::string("every id is the host's: no user namespace"),
                           {m.file("uid_map"), "the initial user namespace", "a map without host id 0"});
        judge_map(c, v, m, "uid_map", m.process.uid_map);
        judge_map(c, v, m, "gid_map", m.process.gid_map);
    });
    if (const auto it = c.shared_ids.find(c.container().init); it != c.shared_ids.end())
        v.wrong(Severity::high, "shares host ids with " + it->second + " of another owner",
                {c.file("uid_map"), "overlaps the map of " + it->second, "ids that no other owner has"});
    if (!c.host.accounts_unknown.empty())
        v.unknown(printable(c.host.accounts_unknown));
    return v.end("no id of its map is root or another account of the host");
}

// Root of the host in a user namespace that does not map it is root of the host all the same.
void judge_ids(const Case& c, const Member& m, Verdict& v) {
    const host::Process& p = m.process;
    const auto host_side = c.in_host_userns(m);
    const auto& init = c.container().members.front().process;
    if (!p.uid_map)
        v.unknown(m.file("uid_map") + " cannot be read");
    for (std::size_t i = 0; i < 3; ++i) {
        const auto id = std::to_string(p.uid[i]);
        if (p.uid[i] == 0 && host_side == false)
            return v.wrong(Severity::critical, Case::name_of_process(p) + " is root of the host",
                           {m.file("status"), "Uid 0", "an id of the container's map"});
        const bool root = (p.uid_map && inside_id(*p.uid_map, p.uid[i]) == 0) || p.uid[i] == 0 ||
                          (init.uid_map && inside_id(*init.uid_map, p.uid[i]) == 0);
        if (root)
            return v.wrong(host_side == false ? Severity::medium : Severity::high,
                           Case::name_of_process(p) + " is root",
                           {m.file("status"), "Uid " + id + ", 0 inside", "another id"});
    }
}

Finding judge_runs_as_root(const Case& c) {
    Verdict v(c, Rule::runs_as_root);
    each(c, v, [&](const Member& m) { judge_ids(c, m, v); });
    return v.end("no process is root inside");
}

Finding judge_capabilities(const Case& c) {
    Verdict v(c, Rule::capabilities);
    const std::uint64_t allowed = mask_of(c.params.allowed_capabilities);
    each(c, v, [&](const Member& m) { judge_capabilities_of(c, m, allowed, v); });
    return v.end("at most the capabilities that the policy allows");
}

Finding judge_no_new_privs(const Case& c) {
    Verdict v(c, Rule::no_new_privs);
    each(c, v, [&](const Member& m) {
        if (!m.process.no_new_privs)
            v.unknown(m.file("status") + " does not tell NoNewPrivs");
        else if (!*m.process.no_new_privs)
            v.wrong(Severity::medium, Case::name_of_process(m.process) + " may gain privileges",
                    {m.file("status"), "NoNewPrivs 0", "1"});
    });
    return v.end("no_new_privs is set for every process");
}

Finding judge_seccomp(const Case& c) {
    Verdict v(c, Rule::seccomp);
    each(c, v, [&](const Member& m) {
        if (!m.process.seccomp)
            v.unknown(m.file("status") + " does not tell Seccomp");
        else if (*m.process.seccomp == 0)
            v.wrong(Severity::high, Case::name_of_process(m.process) + " has no seccomp filter",
                    {m.file("status"), "Seccomp 0", "2"});
    });
    return v.end("every process has a filter; which one, /proc does not tell");
}

Finding judge_label(const Case& c) {
    Verdict v(c, Rule::label);
    if (!c.host.labels_processes)
        return v.not_applicable("this kernel has no security modules");
    bool labelled = false;
    bool exempt = false;
    each(c, v, [&](const Member& m) {
        const std::string source = m.file("attr/current");
        if (!m.label) {
            // EINVAL: no module of this kernel labels processes.
            if (m.label.error().sys_errno != EINVAL)
                v.unknown(source + " cannot be read");
            return;
        }
        const std::string& label = *m.label;
        if (label.empty() || label == "kernel")
            return;
        labelled = true;
        if (split(label, ':').size() >= 4)
            judge_selinux(c, m, label, source, v);
        else if (c.container().rootless() && c.container().engine == Engine::podman && label == "unconfined")
            exempt = true;  // it never loads one
        else
            judge_apparmor(c, m, label, source, v);
    });
    auto out = v.end("every process runs in a container domain");
    if (out.status == policy::Status::pass && exempt)
        return v.not_applicable("rootless Podman cannot have an AppArmor profile; SELinux could confine it");
    if (out.status == policy::Status::pass && !labelled)
        return v.not_applicable("no security module labels processes on this host");
    return out;
}

}  // namespace plimsoll::modules::containers
