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

// Those of them for whom an entry of the group database speaks.
std::vector<std::string> outsiders(const GroupEntry& e, const Engines::Params& params) {
    std::vector<std::string> out;
    for (const auto* names : {&e.members, &e.shadow_members, &e.administrators})
        std::ranges::move(outsiders(*names, params), std::back_inserter(out));
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
    if (usable_password(fields.size() > 1 ? fields[1] : ""))
        fields[1] = "!";
    return join(fields, ":");
}

std::vector<policy::Change> leave_group(const GrantingGroup& g, const Engines::Params& params) {
    policy::EditLines group{"/etc/group", {}, {}, true};
    policy::EditLines shadow{"/etc/gshadow", {}, {}, true};
    const auto edit = [](policy::EditLines& into, const std::string& line, const std::string& changed) {
        if (line.empty() || changed == line || named(into.remove, line))
            return;
        into.remove.push_back(line);
        into.add.push_back(changed);
    };
    for (const GroupEntry& e : g.entries) {
        const auto unwanted = outsiders(e, params);
        edit(group, e.line, without(e.line, 3, unwanted));
        edit(shadow, e.shadow_line, without(e.shadow_line, 2, unwanted));
    }
    std::vector<policy::Change> out;
    for (auto* lines : {&group, &shadow})
        if (!lines->remove.empty())
            out.emplace_back(std::move(*lines));
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
std::optional<Fix> close_sockets(const Engines::Facts& facts, const GrantingGroup& g) {
    Fix fix{FixClass::service_restart, ""};
    std::vector<std::string> names;
    for (const SocketUnit& unit : facts.access.units) {
        if (std::ranges::find(g.grants, unit.name, &SocketGrant::unit) == g.grants.end())
            continue;
        names.push_back(unit.name);
        fix.changes.emplace_back(
            policy::WriteFile{.path = drop_in_path(unit.name, "access", unit.drop_ins),
                              .content = "[Socket]\nSocketUser=root\nSocketGroup=root\nSocketMode=0600\n"});
        make_anew(unit, facts.live, fix.changes);
    }
    fix.summary = "give the socket to root alone in a drop-in and restart " + join(names, ", ");
    return names.empty() ? std::nullopt : std::optional(std::move(fix));
}

bool offends(const GroupEntry& e, const Engines::Params& params) {
    return e.password || !outsiders(e, params).empty();
}

Fix group_fix(const Engines::Params& params, const Engines::Facts& facts, const GrantingGroup& g) {
    const bool ours = std::ranges::all_of(g.entries, [&](const GroupEntry& e) {
        return !offends(e, params) || (!e.line.empty() && !e.from_records &&
                                       std::ranges::any_of(engine_table, [&](const EngineInfo& engine) {
                                           return engine.name == e.name;
                                       }));
    });
    const bool at_login = std::ranges::any_of(
        g.at_login, [&](const LoginRule& rule) { return !named(params.allowed_members, rule.users); });
    if (ours && !at_login && outsiders(g.primary_members, params).empty())
        return {FixClass::live, "take out of group " + g.name + " whom the policy does not name",
                leave_group(g, params)};
    if (auto fix = close_sockets(facts, g))
        return *std::move(fix);
    return {FixClass::never_automatic,
            "give the socket to a group without other members, or change the primary "
            "group of who is in it by that, and what gives it at login"};
}

bool installed(const Engines::Facts& facts, const GrantingGroup& g) {
    return std::ranges::any_of(g.grants,
                               [&](const SocketGrant& grant) { return facts.inventory.has(grant.engine); });
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
    if (!installed(facts, g))
        f.severity = Severity::low;
    out.push_back(std::move(f));
}

std::string engines_of(const GrantingGroup& g) {
    std::vector<std::string> out;
    for (const SocketGrant& grant : g.grants)
        if (!named(out, grant.engine))
            out.push_back(grant.engine);
    return join(out, " and ");
}

void judge_services(const Engines::Params& params, const Engines::Facts& facts, const GrantingGroup& g,
                    Findings& out) {
    for (const GroupService& s : g.services) {
        const std::string subject = printable(s.unit, 80) + " with group " + g.name;
        if (named(params.allowed_members, s.user)) {
            out.push_back(finding(Control::socket_access, Status::pass, subject,
                                  "runs as whom the policy names", {{printable(s.source), s.setting, ""}}));
            continue;
        }
        auto f = failing(Control::socket_access, subject,
                         "the service of " + printable(s.user, 64) + " can become root through the " +
                             engines_of(g) + " API",
                         {{printable(s.source), s.setting, "no group that opens an engine's socket"}},
                         {FixClass::never_automatic,
                          "take the group out of the unit, or have the policy name the service's user"});
        if (!installed(facts, g))
            f.severity = Severity::low;
        out.push_back(std::move(f));
    }
}

// What lets whom the policy does not name at the socket.
std::vector<Evidence> faults_of(const GrantingGroup& g, const Engines::Params& params) {
    std::vector<Evidence> out;
    const auto add = [&](const std::string& source, std::string_view what,
                         const std::vector<std::string>& who, bool sensitive) {
        if (!who.empty())
            out.push_back({source, std::string(what) + printable(join(who, ", "), 120),
                           params.allowed_members.empty() ? "nobody" : "nobody but whom the policy names",
                           sensitive});
    };
    for (const GroupEntry& e : g.entries) {
        add(e.source, "members of " + printable(e.name, 32) + ": ", outsiders(e.members, params), false);
        add(e.shadow_source, "members of " + printable(e.name, 32) + ": ",
            outsiders(e.shadow_members, params), true);
        add(e.shadow_source, "administrators of " + printable(e.name, 32) + ": ",
            outsiders(e.administrators, params), true);
        if (e.password)
            out.push_back({e.shadow_source.empty() ? e.source : e.shadow_source,
                           "group " + printable(e.name, 32) + " has a password", "none", true});
    }
    add("/etc/passwd", "primary group of: ", outsiders(g.primary_members, params), false);
    for (const LoginRule& rule : g.at_login)
        add(rule.source, "given at login (pam_group) to: ", outsiders(std::vector{rule.users}, params),
            false);
    return out;
}

// Who gets the group. Of gshadow(5), which is root's to read, no names.
std::string who_gets(const GrantingGroup& g, const Engines::Params& params) {
    std::vector<std::string> out;
    const auto add = [&](const std::vector<std::string>& names) {
        for (const auto& name : outsiders(names, params))
            if (!named(out, name))
                out.push_back(name);
    };
    bool shadow = false;
    bool password = false;
    for (const GroupEntry& e : g.entries) {
        add(e.members);
        shadow |=
            !outsiders(e.administrators, params).empty() || !outsiders(e.shadow_members, params).empty();
        password |= e.password;
    }
    add(g.primary_members);
    if (std::ranges::any_of(
            g.at_login, [&](const LoginRule& rule) { return !named(params.allowed_members, rule.users); }))
        out.emplace_back("whom group.conf names");
    if (shadow)
        out.emplace_back("whom gshadow names");
    if (password)
        out.emplace_back("who knows its password");
    return printable(join(out, ", "), 120);
}

void judge_group(const Engines::Params& params, const Engines::Facts& facts, const GrantingGroup& g,
                 Findings& out) {
    const std::string subject = "group " + g.name;
    if (auto faults = faults_of(g, params); !faults.empty()) {
        const std::string who = who_gets(g, params);
        auto f = failing(Control::socket_access, subject,
                         who + " can become root through the " + engines_of(g) + " API", std::move(faults),
                         group_fix(params, facts, g));
        if (!installed(facts, g)) {
            f.severity = Severity::low;
            f.message = who + " would become root as soon as " + engines_of(g) + " is installed";
        }
        out.push_back(std::move(f));
    } else if (!facts.access.remote_groups.empty()) {
        out.push_back(finding(Control::socket_access, Status::unknown, subject,
                              "members may also come from " + join(facts.access.remote_groups, ", ") +
                                  ", which files do not show"));
    } else if (!facts.access.unseen_members.empty()) {
        out.push_back(
            finding(Control::socket_access, Status::unknown, subject,
                    "not all members may be known: " + printable(facts.access.unseen_members.front(), 200)));
    } else if (facts.access.shadow_problem && !g.entries.empty()) {
        out.push_back(finding(Control::socket_access, Status::unknown, subject,
                              "its administrators and password are not known: " +
                                  printable(facts.access.shadow_problem->message, 200)));
    } else {
        const bool empty =
            g.primary_members.empty() &&
            std::ranges::all_of(g.entries, [](const GroupEntry& e) { return e.members.empty(); });
        out.push_back(finding(
            Control::socket_access, Status::pass, subject,
            g.entries.empty() ? "no such group"
            : empty           ? "has no members"
                              : "only members that the policy names",
            {{g.entries.empty() ? "/etc/group" : g.entries.front().source, g.grants.front().because, ""}}));
    }
    judge_holders(facts, g, out);
    judge_services(params, facts, g, out);
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
        return u.engine == f.engine && u.starts && (u.mode & write_bit) == 0 && u.owner.empty();
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

void judge_owner(const Engines::Params& params, const Engines::Facts& facts, const SocketOwner& o,
                 Findings& out) {
    const std::string subject = o.engine + "'s socket of " + printable(o.account, 64);
    if (named(params.allowed_members, o.account)) {
        out.push_back(finding(Control::socket_access, Status::pass, subject, "whom the policy names",
                              {{o.source, "owner " + o.account, ""}}));
        return;
    }
    auto f =
        failing(Control::socket_access, subject, "the socket belongs to another than root",
                {{o.source, "owner " + printable(o.account, 64), "root"}},
                {FixClass::never_automatic, "take the uid out of the engine's configuration and restart it"});
    if (!facts.inventory.has(o.engine))
        f.severity = Severity::low;
    out.push_back(std::move(f));
}

void judge_socket_unit(const Engines::Params& params, const Engines::Facts& facts, const SocketUnit& u,
                       Findings& out) {
    if (u.problem)
        return report_unknown(Control::socket_access, u.name, *u.problem, out);
    if (!u.starts)
        return;
    std::vector<Evidence> evidence;
    std::string content = "[Socket]\n";
    if ((u.mode & write_bit) != 0) {
        evidence.push_back({u.source, "SocketMode=" + octal(u.mode), "not writable by others"});
        content += "SocketMode=" + octal(u.mode & ~std::uint32_t{07}) + "\n";
    }
    // Whatever the mode is: it is the owner's to change.
    if (!u.owner.empty() && !named(params.allowed_members, u.owner)) {
        evidence.push_back({u.source, "SocketUser=" + printable(u.user, 64), "owner root"});
        content += "SocketUser=root\n";
    }
    if (evidence.empty()) {
        out.push_back(finding(Control::socket_access, Status::pass, u.name, "SocketMode=" + octal(u.mode)));
        return;
    }
    Fix fix{FixClass::service_restart, "set SocketMode= and SocketUser= in a drop-in and restart " + u.name};
    fix.changes.emplace_back(
        policy::WriteFile{.path = drop_in_path(u.name, "mode", u.drop_ins), .content = content});
    make_anew(u, facts.live, fix.changes);
    const bool everybody = (u.mode & write_bit) != 0;
    out.push_back(failing(Control::socket_access, u.name,
                          everybody ? "its socket will be open to everybody"
                                    : "its socket will belong to " + printable(u.owner, 64),
                          std::move(evidence), std::move(fix)));
}

}  // namespace

void judge_socket_access(const Engines::Params& params, const Engines::Facts& facts, Findings& out) {
    const auto before = out.size();
    for (const GrantingGroup& g : facts.access.groups)
        judge_group(params, facts, g, out);
    if (facts.access.accounts_problem)
        report_unknown(Control::socket_access, "groups", *facts.access.accounts_problem, out);
    report_unknown(Control::socket_access, "dockerd", facts.access.problems, out);
    report_unknown(Control::socket_access, "services", facts.access.service_problems, out);
    for (const SocketOwner& o : facts.access.owners)
        judge_owner(params, facts, o, out);
    for (const SocketUnit& u : facts.access.units)
        judge_socket_unit(params, facts, u, out);
    for (const SocketFile& f : facts.sockets.files)
        judge_socket_file(facts, f, out);
    report_unknown(Control::socket_access, "sockets", facts.sockets.problems, out);
    report_unknown(Control::socket_access, "units", facts.inventory.unit_problems, out);
    for (const ContainerdConfig& containerd : facts.cri.containerd)
        report_unknown(Control::socket_access, containerd.subject, containerd.problems, out);
    report_unknown(Control::socket_access, "buildkit", facts.buildkit.problems, out);
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
