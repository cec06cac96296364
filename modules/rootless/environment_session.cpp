// SPDX-License-Identifier: Apache-2.0
// Verdicts on what systemd gives users: B10 cgroup controllers, B11 run-time directories, B12 linger.
#include "core/base/digest.hpp"
#include "core/base/path.hpp"
#include "core/base/text.hpp"
#include "core/host/delegated_controllers.hpp"
#include "modules/rootless/environment_judge.hpp"

#include <algorithm>
#include <array>

namespace plimsoll::modules::rootless {
namespace {

using policy::Evidence;
using policy::Finding;
using policy::Fix;
using policy::FixClass;
using policy::Severity;
using policy::Status;
using policy::UnitAction;

// ---- cgroup controllers ----

std::set<std::string> wanted_controllers(const EnvironmentCase& c) {
    std::set<std::string> out(c.params.controllers.begin(), c.params.controllers.end());
    out.insert(c.provision.delegate.begin(), c.provision.delegate.end());
    return out;
}

// The base name of the file that a setting's "FILE:LINE" names.
std::string_view file_name(std::string_view source) {
    return base_name(source.substr(0, source.rfind(':')));
}

// The settings as they would be with our drop-in, which drop-ins with a later name follow.
host::DelegatedControllers with_drop_in(const host::UnitFile& unit, const std::string& controllers) {
    const std::string our_source = std::string(delegate_drop_in) + ":1";
    const std::string_view ours = file_name(our_source);
    host::DelegatedControllers out;
    bool added = false;
    for (const host::UnitSetting& s : unit.settings) {
        if (s.section != "Service" || s.key != "Delegate" || s.source.starts_with(delegate_drop_in))
            continue;
        const bool fragment = s.source.starts_with(unit.fragment + ":");
        if (!added && !fragment && file_name(s.source) > ours) {
            out.apply(controllers);
            added = true;
        }
        out.apply(s.value);
    }
    if (!added)
        out.apply(controllers);
    return out;
}

bool is_false(std::string_view value) {
    static constexpr std::array<std::string_view, 6> no{"0", "no", "n", "false", "f", "off"};
    return std::ranges::find(no, value) != no.end();
}

// The wanted controllers that "cgroup_disable=memory,blkio" takes from the kernel.
std::vector<std::string> disabled_by(std::string_view value, const std::set<std::string>& wanted) {
    std::vector<std::string> out;
    for (const auto name : split(value, ','))
        if (const std::string controller(name == "blkio" ? "io" : name); wanted.contains(controller))
            out.push_back(controller);
    return out;
}

// The command line of the next boot, which decides before any unit.
void judge_kernel_arguments(const EnvironmentCase& c, Findings& out) {
    std::vector<Evidence> evidence;
    for (const KernelArgument& a : c.facts.kernel_arguments.all) {
        const std::string_view value =
            std::string_view(a.text).substr(std::min(a.text.find('=') + 1, a.text.size()));
        const bool disables = a.text.starts_with(cgroup_disable_argument);
        if (!disables && is_false(value))
            evidence.push_back({printable(a.source), printable(a.text, 80), "cgroup v2"});
        else if (const auto lost = disabled_by(value, wanted_controllers(c)); disables && !lost.empty())
            evidence.push_back({printable(a.source), printable(a.text, 80), join(lost, " ") + " not there"});
    }
    if (!evidence.empty()) {
        const std::string place = evidence.front().source;
        out.push_back(by_hand(
            Rule::delegation, "kernel",
            "the kernel's command line takes controllers from users after the next boot",
            "take the argument out of " + place + ", have the boot loader's files written anew, and reboot",
            std::move(evidence)));
    }
    for (const Error& e : c.facts.kernel_arguments.problems)
        out.push_back(unknown(Rule::delegation, "kernel", e));
}

// What is disabled cannot be delegated. false: nothing wanted is, as far as could be seen.
bool judge_disabled(const EnvironmentCase& c, const std::string& subject,
                    const host::DisabledControllers& disabled, const host::DisabledControllers& said,
                    Findings& out) {
    std::vector<Evidence> evidence;
    for (const auto& name : wanted_controllers(c))
        if (const auto found = disabled.by_name.find(name);
            found != disabled.by_name.end() && !said.by_name.contains(name))
            evidence.push_back(
                {printable(found->second), "DisableControllers= has " + name, name + " not there"});
    for (const Error& e : disabled.problems)
        out.push_back(unknown(Rule::delegation, subject, e));
    if (evidence.empty())
        return !disabled.problems.empty();
    const std::string place = evidence.front().source;
    out.push_back(
        by_hand(Rule::delegation, subject,
                "controllers are disabled above or in users' managers, whatever is delegated to them",
                "take them out of DisableControllers= in " + place +
                    ", then reload the manager: systemctl daemon-reload",
                std::move(evidence)));
    return true;
}

// One user's own unit: what it takes away, no file for all gives back.
void judge_own_units(const EnvironmentCase& c, Findings& out) {
    const auto wanted = wanted_controllers(c);
    if (c.facts.own_units_problem)
        out.push_back(unknown(Rule::delegation, "user@UID.service", *c.facts.own_units_problem));
    for (const auto& [uid, disabled] : c.facts.own_disabled)
        (void)judge_disabled(c, "slices of uid " + std::to_string(uid), disabled, c.facts.disabled, out);
    for (const auto& [uid, unit] : c.facts.own_units) {
        const std::string name = "user@" + std::to_string(uid) + ".service";
        if (!unit) {
            out.push_back(unknown(Rule::delegation, name, unit.error()));
            continue;
        }
        if (!*unit)
            continue;
        const auto now = host::delegated_controllers(**unit);
        const auto lacking = now.lacking(wanted);
        // What all lack is said once.
        const bool common = c.facts.user_unit && *c.facts.user_unit &&
                            host::delegated_controllers(**c.facts.user_unit).source == now.source;
        if (!lacking.empty() && !common)
            out.push_back(by_hand(Rule::delegation, name, "a file for this user alone takes controllers away",
                                  "remove Delegate= from " + printable(now.source),
                                  {{printable(now.source), "lacks " + join(lacking, " "),
                                    "Delegate=" + join({wanted.begin(), wanted.end()}, " ")}}));
    }
}

Finding judge_unit(const EnvironmentCase& c, const host::UnitFile& unit) {
    const auto wanted = wanted_controllers(c);
    const auto now = host::delegated_controllers(unit);
    const std::string source = now.source.empty() ? unit.fragment : now.source;
    const std::string subject = "user@.service";
    const std::string list = join({wanted.begin(), wanted.end()}, " ");
    const auto lacking = now.lacking(wanted);
    const Evidence evidence{source, lacking.empty() ? list : "lacks " + join(lacking, " "),
                            "Delegate=" + list};
    if (lacking.empty())
        return make_finding(info(Rule::delegation), Status::pass, subject,
                            "the controllers are delegated to users", {evidence});
    if (!with_drop_in(unit, list).lacking(wanted).empty())
        return by_hand(Rule::delegation, subject, "a drop-in takes controllers away from users",
                       "remove Delegate= from " + source + ": it is read after ours", {evidence});
    Finding f = make_finding(info(Rule::delegation), Status::fail, subject,
                             "controllers are not delegated to users", {evidence});
    Fix fix{
        FixClass::live,
        "delegate " + list + "; users get them at their next login",
        {policy::WriteFile{
            .path = std::string(delegate_drop_in),
            .content = "# Managed by Plimsoll: edits are overwritten.\n[Service]\nDelegate=" + list + "\n",
            .expect = c.facts.delegate_text ? sha256(*c.facts.delegate_text) : std::string()}}};
    if (c.facts.systemd_runs)
        fix.changes.emplace_back(UnitAction{});
    f.fix = std::move(fix);
    return f;
}

void judge_all_users(const EnvironmentCase& c, const host::UnitFile& unit, Findings& out) {
    const bool taken = judge_disabled(c, "slices", c.facts.disabled, {}, out);
    Finding f = judge_unit(c, unit);
    if (!taken || f.status != Status::pass)
        out.push_back(std::move(f));
}

// Users whose manager runs and was started before the controllers were delegated to it.
void judge_running_managers(const EnvironmentCase& c, Findings& out) {
    const auto wanted = wanted_controllers(c);
    for (const auto& [user, facts] : c.facts.by_user) {
        if (!facts.controllers) {
            out.push_back(unknown(Rule::delegation, printable(user), facts.controllers.error()));
            continue;
        }
        if (!*facts.controllers)
            continue;
        std::vector<std::string> lacking;
        for (const auto& w : wanted)
            if (!(*facts.controllers)->contains(w))
                lacking.push_back(w);
        if (lacking.empty())
            out.push_back(make_finding(info(Rule::delegation), Status::pass, printable(user),
                                       "the user's manager has the controllers"));
        else
            out.push_back(
                by_hand(Rule::delegation, printable(user),
                        "the running manager of the user lacks controllers: " + join(lacking, " "),
                        "let the user log out everywhere, or restart user@UID.service: containers stop",
                        {{"cgroup.controllers of " + printable(user), "lacks " + join(lacking, " "),
                          join({wanted.begin(), wanted.end()}, " ")}}));
    }
}

// ---- linger ----

Finding start_lingering(const RootlessUser& user) {
    const std::string path = std::string(linger_dir) + "/" + user.name;
    Finding f = make_finding(info(Rule::linger), Status::fail, printable(user.name),
                             "the policy wants the user to linger; its services do not start at boot",
                             {{path, "no such file", "linger"}});
    f.fix = Fix{FixClass::live, "let the user linger", {policy::SetLinger{user.name, user.uid, true}}};
    return f;
}

// `uid`: nullopt for a name that is no account's.
Finding stop_lingering(const std::string& user, std::optional<std::uint32_t> uid, std::string why,
                       Severity severity) {
    const std::string path = std::string(linger_dir) + "/" + user;
    Finding f = make_finding(info(Rule::linger), Status::fail, printable(user), std::move(why),
                             {{printable(path), "linger", "no such file"}});
    f.severity = severity;
    f.fix = uid ? Fix{FixClass::containers_stopped,
                      "let the user linger no longer; without a session the services end at once",
                      {policy::SetLinger{user, uid, false}}}
                : Fix{FixClass::live, "remove the file", {policy::RemoveFile{path}}};
    return f;
}

bool may_linger(const EnvironmentCase& c, const std::string& user) {
    const policy::Tenant* tenant = c.provision.tenant(user);
    if (tenant != nullptr && tenant->linger)
        return *tenant->linger;
    return std::ranges::any_of(c.params.linger_users,
                               [&](const std::string& g) { return glob_match(g, user); });
}

// A user who lingers, or has something to run.
Finding judge_user(const EnvironmentCase& c, const RootlessUser& u) {
    const policy::Tenant* tenant = c.provision.tenant(u.name);
    const bool wanted = tenant != nullptr && tenant->linger == true;
    if (u.linger && !may_linger(c, u.name))
        return stop_lingering(u.name, u.uid, "the user lingers, which the policy does not allow",
                              Severity::medium);
    if (wanted && !u.linger)
        return start_lingering(u);
    if (!u.linger && !u.starts.empty() && (tenant == nullptr || !tenant->linger)) {
        Finding f = by_hand(Rule::linger, printable(u.name),
                            "the user has container units but does not linger: they stop at logout",
                            "say linger = true for a tenant of that name, or remove the units",
                            {{printable(u.starts.front()), "does not linger", "linger"}});
        f.severity = Severity::low;
        return f;
    }
    if (!u.problems.empty())
        return unknown(Rule::linger, printable(u.name), u.problems.front());
    return make_finding(info(Rule::linger), Status::pass, printable(u.name),
                        u.linger ? "the user lingers, as the policy allows" : "the user does not linger");
}

// ---- run-time directories ----

Finding judge_runtime_dir(const EnvironmentCase& c, const RootlessUser& u) {
    const std::string id = std::to_string(u.uid);
    const std::string path = "/run/user/" + id;
    const auto& dir = c.facts.by_user.at(u.name).runtime_dir;
    if (!dir)
        return unknown(Rule::runtime_dir, printable(u.name), dir.error());
    if (!dir->exists) {
        Finding f = make_finding(info(Rule::runtime_dir), Status::fail, printable(u.name),
                                 "the user lingers but has no run-time directory",
                                 {{path, "no such directory", "a directory of mode 0700"}});
        f.fix = c.facts.systemd_runs
                    ? Fix{FixClass::live,
                          "start the user's service manager",
                          {UnitAction{UnitAction::Verb::start, "user@" + id + ".service"}}}
                    : Fix{FixClass::never_automatic, "start systemd's user manager for uid " + id, {}};
        return f;
    }
    if (!S_ISDIR(dir->mode) || dir->owner != u.uid || (dir->mode & 07777U) != 0700U) {
        Finding f =
            by_hand(Rule::runtime_dir, printable(u.name), "others can reach the user's run-time directory",
                    "find out who changed " + path + ", then log the user out everywhere: it is made anew",
                    {{path,
                      std::string(host::file_type_name(dir->mode)) + " of uid " + std::to_string(dir->owner) +
                          ", mode " + octal_mode(dir->mode),
                      "a directory of uid " + id + ", mode 0700"}});
        f.severity = Severity::high;
        return f;
    }
    if (!dir->bus)
        return by_hand(Rule::runtime_dir, printable(u.name), "the user has no D-Bus session",
                       "install dbus-user-session: without it podman cannot ask for cgroup limits",
                       {{path + "/bus", "no socket", "a socket"}});
    return make_finding(info(Rule::runtime_dir), Status::pass, printable(u.name),
                        "the run-time directory is the user's alone");
}

}  // namespace

Findings judge_delegation(const EnvironmentCase& c) {
    Findings out;
    if (c.facts.unified_cgroups && !*c.facts.unified_cgroups)
        return {by_hand(Rule::delegation, "hierarchy",
                        "the host does not run on the unified cgroup hierarchy",
                        "remove systemd.unified_cgroup_hierarchy=0 from the kernel's command line and reboot",
                        {{"/sys/fs/cgroup", "cgroup v1", "cgroup v2"}})};
    judge_kernel_arguments(c, out);
    if (!c.facts.unified_cgroups && c.facts.unified_cgroups.error().code != Code::unsupported)
        out.push_back(unknown(Rule::delegation, "hierarchy", c.facts.unified_cgroups.error()));
    if (!c.facts.user_unit)
        out.push_back(unknown(Rule::delegation, "user@.service", c.facts.user_unit.error()));
    else if (*c.facts.user_unit)
        judge_all_users(c, **c.facts.user_unit, out);
    else
        out.push_back(make_finding(info(Rule::delegation), Status::not_applicable, "user@.service",
                                   "there is no systemd user manager on this host"));
    judge_own_units(c, out);
    if (c.facts.live)
        judge_running_managers(c, out);
    return out;
}

Findings judge_runtime_dirs(const EnvironmentCase& c) {
    if (!c.facts.live)
        return {make_finding(info(Rule::runtime_dir), Status::not_applicable, "host", "not a running host")};
    if (!c.facts.users)
        return {unknown(Rule::runtime_dir, "users", c.facts.users.error())};
    Findings out;
    for (const RootlessUser& u : *c.facts.users)
        if (u.linger)
            out.push_back(judge_runtime_dir(c, u));
    if (out.empty())
        out.push_back(
            make_finding(info(Rule::runtime_dir), Status::not_applicable, "users", "nobody lingers"));
    return out;
}

Findings judge_linger(const EnvironmentCase& c) {
    if (!c.facts.linger_files)
        return {unknown(Rule::linger, "users", c.facts.linger_files.error())};
    if (!c.facts.users)
        return {unknown(Rule::linger, "users", c.facts.users.error())};
    Findings out;
    for (const RootlessUser& u : *c.facts.users)
        if (u.linger || u.tenant || !u.starts.empty() || !u.problems.empty())
            out.push_back(judge_user(c, u));
    for (const std::string& name : c.facts.linger_without_account)
        out.push_back(stop_lingering(name, std::nullopt,
                                     "no account of that name exists; whoever gets the name lingers",
                                     Severity::low));
    if (c.facts.linger_files->contains("root") && !may_linger(c, "root"))
        out.push_back(
            stop_lingering("root", 0, "root lingers, which the policy does not allow", Severity::medium));
    if (out.empty())
        out.push_back(
            make_finding(info(Rule::linger), Status::pass, "users", "nobody lingers, nobody needs to"));
    return out;
}

}  // namespace plimsoll::modules::rootless
