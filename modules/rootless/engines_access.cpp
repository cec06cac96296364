// SPDX-License-Identifier: Apache-2.0
// Verdicts on who can reach a rootful engine: by its socket, by its group.
#include "core/base/text.hpp"
#include "modules/rootless/engines_judge.hpp"

#include <algorithm>
#include <array>
#include <cstdio>

namespace plimsoll::modules::rootless {
namespace {

using policy::Evidence;
using policy::Fix;
using policy::FixClass;
using policy::Severity;
using policy::Status;

constexpr std::uint32_t write_bit = 2;  // connect(2) asks for write permission, see unix(7)

std::string octal(std::uint32_t mode) {
    std::array<char, 16> buf{};
    (void)std::snprintf(buf.data(), buf.size(), "%04o", mode);
    return buf.data();
}

// ---- groups ----

std::vector<std::string> outsiders(const std::vector<std::string>& who, const Engines::Params& params) {
    std::vector<std::string> out;
    for (const auto& m : who)
        if (!named(params.allowed_members, m))
            out.push_back(m);
    return out;
}

// The entry without the outsiders in its lists. group(5) has one list (field 3), gshadow(5) two (2 and 3).
std::string without(const std::string& line, std::size_t first_list,
                    const std::vector<std::string>& unwanted) {
    std::vector<std::string> fields;
    for (const auto field : split(line, ':'))
        fields.emplace_back(field);
    for (std::size_t i = first_list; i < fields.size(); ++i) {
        std::vector<std::string> kept;
        for (const auto member : split(fields[i], ','))
            if (!member.empty() && !named(unwanted, member))
                kept.emplace_back(member);
        fields[i] = join(kept, ",");
    }
    return join(fields, ":");
}

std::vector<policy::Change> leave_group(const GrantingGroup& g, const std::vector<std::string>& unwanted) {
    std::vector<policy::Change> out;
    const auto edit = [&](const char* path, const std::string& line, std::size_t first_list) {
        const auto changed = without(line, first_list, unwanted);
        if (!line.empty() && changed != line)
            out.emplace_back(policy::EditLines{path, {line}, {changed}, true});
    };
    edit("/etc/group", g.line, 3);
    edit("/etc/gshadow", g.shadow_line, 2);
    return out;
}

// A socket that is there keeps its owner and mode until its unit makes it anew.
void make_anew(const SocketUnit& unit, bool live, std::vector<policy::Change>& changes) {
    if (!live)
        return;
    changes.emplace_back(policy::UnitAction{policy::UnitAction::Verb::reload_manager});
    if (unit.starts)
        changes.emplace_back(policy::UnitAction{policy::UnitAction::Verb::restart, unit.name});
}

// Where the group itself cannot be edited (it is in a read-only image, or somebody's primary group), its
// socket is taken from it.
std::optional<Fix> close_socket(const Engines::Facts& facts, const GrantingGroup& g) {
    const auto unit = std::ranges::find_if(
        facts.access.units, [&](const SocketUnit& u) { return u.engine == g.engine && u.group == g.name; });
    if (unit == facts.access.units.end())
        return std::nullopt;
    Fix fix{FixClass::service_restart,
            "give the socket to root alone in a drop-in and restart " + unit->name};
    fix.changes.emplace_back(
        policy::WriteFile{.path = drop_in_path(unit->name, "access", unit->drop_ins),
                          .content = "[Socket]\nSocketUser=root\nSocketGroup=root\nSocketMode=0600\n"});
    make_anew(*unit, facts.live, fix.changes);
    return fix;
}

Fix group_fix(const Engines::Params& params, const Engines::Facts& facts, const GrantingGroup& g) {
    const bool own_group =
        std::ranges::any_of(engine_table, [&](const EngineInfo& e) { return e.name == g.name; });
    if (own_group && !g.line.empty() && outsiders(g.primary_members, params).empty())
        return {
            FixClass::live,
            "take " + printable(join(outsiders(g.members, params), ", "), 120) + " out of group " + g.name,
            leave_group(g, outsiders(g.members, params))};
    if (auto fix = close_socket(facts, g))
        return *std::move(fix);
    return {FixClass::never_automatic,
            "give the socket to a group without other members, or change the primary "
            "group of who is in it by that"};
}

void judge_holders(const Engines::Facts& facts, const GrantingGroup& g, Findings& out) {
    if (g.holders.empty())
        return;
    std::vector<Evidence> evidence;
    constexpr std::size_t shown = 10;
    for (const GroupHolder& h : g.holders) {
        if (evidence.size() == shown)
            break;
        evidence.push_back(
            {"pid " + std::to_string(h.pid),
             printable(h.comm, 32) + " of uid " + std::to_string(h.uid) + " holds group " + g.name,
             "no process outside the group holds it"});
    }
    auto f =
        failing(Control::socket_access, "sessions with group " + g.name,
                std::to_string(g.holders.size()) + " running processes still hold group " + g.name,
                std::move(evidence),
                {FixClass::never_automatic, "end these sessions: a process keeps its groups until it exits"});
    if (!facts.inventory.has(g.engine))
        f.severity = Severity::low;
    out.push_back(std::move(f));
}

void judge_group(const Engines::Params& params, const Engines::Facts& facts, const GrantingGroup& g,
                 Findings& out) {
    const std::string subject = "group " + g.name;
    auto all = outsiders(g.members, params);
    for (auto& m : outsiders(g.primary_members, params))
        if (!named(all, m))
            all.push_back(std::move(m));
    if (!all.empty()) {
        auto f =
            failing(Control::socket_access, subject,
                    printable(join(all, ", "), 120) + " can become root through the " + g.engine + " API",
                    {{g.source, "members: " + printable(join(all, ", "), 120),
                      params.allowed_members.empty() ? "no member" : "no member but those the policy names"}},
                    group_fix(params, facts, g));
        if (!facts.inventory.has(g.engine)) {
            f.severity = Severity::low;
            f.message = printable(join(all, ", "), 120) + " would become root as soon as " + g.engine +
                        " is installed";
        }
        out.push_back(std::move(f));
    } else if (!facts.access.remote_groups.empty()) {
        out.push_back(finding(Control::socket_access, Status::unknown, subject,
                              "members may also come from " + join(facts.access.remote_groups, ", ") +
                                  ", which files do not show"));
    } else {
        const bool empty = g.members.empty() && g.primary_members.empty();
        out.push_back(finding(Control::socket_access, Status::pass, subject,
                              !g.entry ? "no such group"
                              : empty  ? "has no members"
                                       : "only members that the policy names",
                              {{g.source.empty() ? "/etc/group" : g.source, g.because, ""}}));
    }
    judge_holders(facts, g, out);
}

// ---- socket files and units ----

// The mask bounds what named users and groups get, acl(5).
bool grants(const AclEntry& e, const std::vector<AclEntry>& acl) {
    const auto mask = std::ranges::find(acl, AclEntry::Tag::mask, &AclEntry::tag);
    const std::uint32_t bound = mask == acl.end() ? 7 : mask->permissions;
    return (e.tag == AclEntry::Tag::user || e.tag == AclEntry::Tag::group) &&
           (e.permissions & bound & write_bit) != 0;
}

// The unit makes the socket as its files say: restarting it is the repair, if they are in order. What an
// engine made by itself is for a person: nothing would keep it closed.
Fix socket_file_fix(const Engines::Facts& facts, const SocketFile& f) {
    const auto unit = std::ranges::find_if(facts.access.units, [&](const SocketUnit& u) {
        return u.engine == f.engine && u.starts && (u.mode & write_bit) == 0;
    });
    if (unit == facts.access.units.end())
        return {FixClass::never_automatic,
                "chmod o= and setfacl -b " + f.path + ", and close it in the configuration of what made it"};
    return {FixClass::service_restart,
            "restart " + unit->name + ", which makes the socket anew",
            {policy::UnitAction{policy::UnitAction::Verb::restart, unit->name}}};
}

void judge_socket_file(const Engines::Facts& facts, const SocketFile& f, Findings& out) {
    std::vector<Evidence> evidence;
    if ((f.mode & write_bit) != 0)
        evidence.push_back({f.path, "mode " + octal(f.mode), "not writable by others"});
    if (f.uid != 0)
        evidence.push_back({f.path, "owner uid " + std::to_string(f.uid), "owner root"});
    for (const AclEntry& e : f.acl)
        if (grants(e, f.acl))
            evidence.push_back({f.path,
                                std::string("ACL for ") + (e.tag == AclEntry::Tag::user ? "uid " : "gid ") +
                                    std::to_string(e.id),
                                "no ACL entry that grants write"});
    if (!evidence.empty()) {
        out.push_back(failing(Control::socket_access, f.path, "others than root and its group can use it",
                              std::move(evidence), socket_file_fix(facts, f)));
    } else if (f.acl_problem) {
        report_unknown(Control::socket_access, f.path, *f.acl_problem, out);
    } else {
        out.push_back(finding(Control::socket_access, Status::pass, f.path,
                              "mode " + octal(f.mode) + ", no ACL grants more"));
    }
}

void judge_socket_unit(const Engines::Facts& facts, const SocketUnit& u, Findings& out) {
    if (!u.starts)
        return;
    if ((u.mode & write_bit) == 0) {
        out.push_back(finding(Control::socket_access, Status::pass, u.name, "SocketMode=" + octal(u.mode)));
        return;
    }
    Fix fix{FixClass::service_restart, "set SocketMode= in a drop-in and restart " + u.name};
    fix.changes.emplace_back(
        policy::WriteFile{.path = drop_in_path(u.name, "mode", u.drop_ins),
                          .content = "[Socket]\nSocketMode=" + octal(u.mode & ~std::uint32_t{07}) + "\n"});
    make_anew(u, facts.live, fix.changes);
    out.push_back(failing(Control::socket_access, u.name, "its socket will be open to everybody",
                          {{u.source, "SocketMode=" + octal(u.mode), "not writable by others"}},
                          std::move(fix)));
}

}  // namespace

void judge_socket_access(const Engines::Params& params, const Engines::Facts& facts, Findings& out) {
    const auto before = out.size();
    for (const GrantingGroup& g : facts.access.groups)
        judge_group(params, facts, g, out);
    if (facts.access.accounts_problem)
        report_unknown(Control::socket_access, "groups", *facts.access.accounts_problem, out);
    for (const SocketUnit& u : facts.access.units)
        judge_socket_unit(facts, u, out);
    for (const SocketFile& f : facts.sockets.files)
        judge_socket_file(facts, f, out);
    report_unknown(Control::socket_access, "sockets", facts.sockets.problems, out);
    report_unknown(Control::socket_access, "units", facts.inventory.unit_problems, out);
    if (!facts.inventory.processes)  // one of them may hold a group that its user has no more
        report_unknown(Control::socket_access, "processes", facts.inventory.processes.error(), out);
    judge_clients_of_sockets(params, facts, out);
    if (out.size() != before)
        return;
    out.push_back(
        facts.inventory.installed.empty()
            ? finding(Control::socket_access, Status::not_applicable, "host", "no engine found")
            : finding(Control::socket_access, Status::pass, "host", "no rootful engine's socket is there"));
}

}  // namespace plimsoll::modules::rootless
