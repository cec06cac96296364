// SPDX-License-Identifier: Apache-2.0
// Verdicts on what runs: rootful engines, Podman's API, rootless Docker, both at once.
#include "core/base/text.hpp"
#include "modules/rootless/engines_judge.hpp"

#include <algorithm>

namespace plimsoll::modules::rootless {
namespace {

using policy::Evidence;
using policy::Fix;
using policy::FixClass;
using policy::Severity;
using policy::Status;

bool system_writable(std::string_view path) {
    return path.starts_with("/etc/") || path.starts_with("/run/");
}

// Appends what keeps one unit from starting; false when that cannot be done without loss.
bool disable(const EngineUnit& u, std::vector<policy::Change>& changes) {
    const bool vendor_link = !std::ranges::all_of(u.file.enabled_by, system_writable);
    if (u.own_file && (vendor_link || !u.pulled_in.empty()))
        return false;
    if (u.file.fragment.find("/systemd/system.control/") != std::string::npos)
        return false;  // stands above /etc/systemd/system: a mask there would not be seen
    for (const auto& link : u.file.enabled_by)
        if (system_writable(link))
            changes.emplace_back(policy::RemoveFile{link});
    // A file of the administrator's own is left where it is: without links nothing starts it.
    if (!u.own_file)
        changes.emplace_back(policy::MakeSymlink{"/etc/systemd/system/" + u.file.name, "/dev/null"});
    return true;
}

std::vector<const EngineUnit*> units_of(const Engines::Facts& facts, std::string_view engine) {
    std::vector<const EngineUnit*> out;
    for (const EngineUnit& u : facts.inventory.units)
        if (u.engine == engine && !u.rootless)
            out.push_back(&u);
    return out;
}

struct Rootful {
    std::vector<Evidence> evidence{};
    std::vector<int> undecided{};  // processes of uid 0 whose namespace cannot be read
};

void note_processes(const Engines::Facts& facts, std::string_view engine, Rootful& into) {
    if (!facts.inventory.processes)
        return;
    for (const EngineProcess& p : *facts.inventory.processes) {
        // What another engine started stands and falls with it.
        if (p.engine != engine || !p.parent_engine.empty())
            continue;
        if (p.rootful())
            into.evidence.push_back({"pid " + std::to_string(p.pid),
                                     printable(p.argv.empty() ? p.engine : p.argv.front(), 80) +
                                         " runs as uid 0 in the initial user namespace",
                                     "no rootful " + p.engine});
        else if (p.undecided())
            into.undecided.push_back(p.pid);
    }
}

void note_units(const std::vector<const EngineUnit*>& units, Rootful& into) {
    for (const EngineUnit* u : units)
        if (u->starts())
            into.evidence.push_back({printable(u->started_by()), printable(u->file.name, 80) + " is enabled",
                                     "disabled or masked"});
}

Fix take_down_fix(const Engines::Facts& facts, const EngineInfo& e) {
    if (e.under_kubelet && facts.inventory.kubelet)
        return {FixClass::never_automatic,
                "drain the node, then disable " + std::string(e.name) + ": a kubelet here may depend on it"};
    auto changes = take_down(units_of(facts, e.name), facts.live);
    if (!changes || changes->empty())
        return {FixClass::never_automatic,
                "stop " + std::string(e.name) + " and keep it from starting in the place that starts it"};
    return {FixClass::containers_stopped, "disable, mask and stop " + std::string(e.name) + "'s units",
            *std::move(changes)};
}

std::string dormant(const std::vector<const EngineUnit*>& units) {
    const bool masked =
        !units.empty() && std::ranges::all_of(units, [](const EngineUnit* u) { return u->file.masked; });
    return masked ? "its units are masked" : "installed, but nothing starts it as root";
}

// containerd is part of a docker that is allowed.
bool allowed(const Engines::Params& params, const Engines::Facts& facts, std::string_view engine) {
    return named(params.allowed_engines, engine) ||
           (engine == "containerd" && facts.inventory.has("docker") &&
            named(params.allowed_engines, "docker"));
}

void judge_engine(const Engines::Params& params, const Engines::Facts& facts, const EngineInfo& e,
                  Findings& out) {
    const auto units = units_of(facts, e.name);
    const std::string subject(e.name);
    Rootful seen;
    if (e.name != "podman")  // its units are podman.rootful-socket's
        note_units(units, seen);
    note_processes(facts, e.name, seen);
    if (!seen.evidence.empty() && allowed(params, facts, e.name)) {
        out.push_back(finding(Control::rootful_daemon, Status::pass, subject, "rootful, as the policy allows",
                              std::move(seen.evidence)));
    } else if (!seen.evidence.empty()) {
        auto f = failing(Control::rootful_daemon, subject, subject + " runs, or will run, as root",
                         std::move(seen.evidence), take_down_fix(facts, e));
        if (params.rootless_only)
            f.severity = Severity::critical;
        out.push_back(std::move(f));
    } else if (!seen.undecided.empty()) {
        out.push_back(finding(Control::rootful_daemon, Status::unknown, subject,
                              "the user namespace of pid " + std::to_string(seen.undecided.front()) +
                                  " (uid 0) cannot be read"));
    } else if (facts.inventory.has(e.name) || !units.empty()) {
        out.push_back(finding(Control::rootful_daemon, Status::pass, subject, dormant(units)));
    }
}

bool podman_api_allowed(const Engines::Params& params) {
    return named(params.allowed_units, "podman.socket") || named(params.allowed_engines, "podman");
}

// Whether a user's own engine is there: set to start, or running.
bool rootless_present(const Engines::Facts& facts, std::string_view engine) {
    for (const UserDocker& u : facts.rootless.users)
        if (engine == "docker" ? !u.enabled_by.empty() || !u.socket_by.empty() : !u.podman_by.empty())
            return true;
    return facts.inventory.processes &&
           std::ranges::any_of(*facts.inventory.processes,
                               [&](const EngineProcess& p) { return p.engine == engine && p.uid != 0; });
}

// Whether an engine of some user may have been missed.
bool users_unseen(const Engines::Facts& facts) {
    return facts.access.accounts_problem || !facts.rootless.problems.empty() || !facts.inventory.processes ||
           std::ranges::any_of(facts.rootless.users,
                               [](const UserDocker& u) { return u.problem.has_value(); });
}

// What is wrong with a dockerd that is not host root's; empty: nothing.
std::vector<Evidence> faults_of(const EngineProcess& p) {
    const std::string source = "pid " + std::to_string(p.pid);
    std::vector<Evidence> out;
    if (p.child_ns == false)
        out.push_back({source, "in the initial user namespace", "a user namespace of its own"});
    if (!p.under_rootlesskit)
        out.push_back({source, "not started by rootlesskit", "a child of rootlesskit"});
    if (p.uid == 0)
        out.push_back({source, "uid 0 of the host in a user namespace", "the user's own uid"});
    return out;
}

std::vector<Evidence> faults_of(const UserDocker& u) {
    std::vector<Evidence> out;
    if (!u.socket)
        return out;
    if (u.socket->uid != u.uid)
        out.push_back(
            {u.socket->path, "owner uid " + std::to_string(u.socket->uid), "uid " + std::to_string(u.uid)});
    if ((u.socket->mode & 07) != 0)
        out.push_back({u.socket->path, "open to others", "mode 0660 or less"});
    return out;
}

void judge_user_process(const Engines::Facts& facts, const EngineProcess& p, Findings& out) {
    auto evidence = faults_of(p);
    std::string subject = "uid " + std::to_string(p.uid);
    for (const UserDocker& u : facts.rootless.users)
        if (u.uid == p.uid) {
            subject = printable(u.user);
            std::ranges::move(faults_of(u), std::back_inserter(evidence));
        }
    if (!evidence.empty()) {
        out.push_back(failing(Control::docker_health, subject,
                              "dockerd of " + subject + " is not separated as rootless", std::move(evidence),
                              {FixClass::never_automatic, "as " + subject +
                                                              ": dockerd-rootless-setuptool.sh check, then "
                                                              "systemctl --user restart docker"}));
        return;
    }
    if (!p.child_ns) {
        out.push_back(finding(Control::docker_health, Status::unknown, subject,
                              "the user namespace of pid " + std::to_string(p.pid) + " cannot be read"));
        return;
    }
    out.push_back(finding(
        Control::docker_health, Status::pass, subject,
        p.detached_net ? "rootless; with --detach-netns, --net=host is the host's network" : "rootless"));
}

void judge_user_without_process(const UserDocker& u, Findings& out) {
    if (!u.manager) {
        out.push_back(finding(Control::docker_health, Status::not_applicable, u.user,
                              "enabled, but the user's manager does not run"));
        return;
    }
    out.push_back(failing(Control::docker_health, u.user, "rootless dockerd is enabled but does not run",
                          {{printable(u.enabled_by.front()), "docker.service enabled, no dockerd of the user",
                            "a running dockerd, or the unit disabled"}},
                          {FixClass::never_automatic, "as " + u.user + ": systemctl --user status docker"}));
}

}  // namespace

std::optional<std::vector<policy::Change>> take_down(const std::vector<const EngineUnit*>& units, bool live) {
    std::vector<policy::Change> out;
    std::vector<policy::Change> stops;
    for (const EngineUnit* u : units) {
        if (!u->file.masked && !disable(*u, out))
            return std::nullopt;
        // The socket first, or it would start the service again.
        const policy::UnitAction stop{policy::UnitAction::Verb::stop, u->file.name};
        stops.insert(u->file.name.ends_with(".socket") ? stops.begin() : stops.end(), stop);
    }
    if (live && !stops.empty()) {
        out.emplace_back(policy::UnitAction{policy::UnitAction::Verb::reload_manager});
        out.insert(out.end(), stops.begin(), stops.end());
    }
    return out;
}

std::string drop_in_path(const std::string& unit, const std::string& topic,
                         const std::vector<std::string>& others) {
    std::string name = "60-plimsoll-" + topic + ".conf";
    while (std::ranges::any_of(others, [&](const std::string& o) { return o > name; }))
        name.insert(0, "z");
    return "/etc/systemd/system/" + unit + ".d/" + name;
}

void judge_rootful_daemon(const Engines::Params& params, const Engines::Facts& facts, Findings& out) {
    const auto before = out.size();
    const bool podman_runs = facts.inventory.processes &&
                             std::ranges::any_of(*facts.inventory.processes,
                                                 [](const EngineProcess& p) { return p.engine == "podman"; });
    for (const EngineInfo& e : engine_table)
        if (e.name != "podman" || podman_runs)
            judge_engine(params, facts, e, out);
    report_unknown(Control::rootful_daemon, "units", facts.inventory.unit_problems, out);
    if (!facts.inventory.processes)
        report_unknown(Control::rootful_daemon, "processes", facts.inventory.processes.error(), out);
    if (out.size() == before)
        out.push_back(
            finding(Control::rootful_daemon, Status::not_applicable, "host", "no engine daemon found"));
}

void judge_podman_socket(const Engines::Params& params, const Engines::Facts& facts, Findings& out) {
    const auto units = units_of(facts, "podman");
    std::vector<Evidence> evidence;
    for (const EngineUnit* u : units) {
        if (!u->starts() || named(params.allowed_units, u->file.name))
            continue;
        evidence.push_back(
            {printable(u->started_by()), printable(u->file.name, 80) + " is enabled", "disabled or masked"});
    }
    for (const SocketFile& f : facts.sockets.files)
        if (f.engine == "podman" && f.listening && !podman_api_allowed(params))
            evidence.push_back({f.path, "listening", "no rootful Podman API"});
    if (!evidence.empty()) {
        auto changes = take_down(units, facts.live);
        const bool can = changes && !changes->empty();
        out.push_back(failing(
            Control::podman_socket, "podman.socket", "the rootful Podman API is on", std::move(evidence),
            can ? Fix{FixClass::live, "disable, mask and stop podman.socket and podman.service",
                      *std::move(changes)}
                : Fix{FixClass::never_automatic, "stop the rootful Podman API in the place that starts it"}));
        return;
    }
    if (!facts.inventory.unit_problems.empty() || !facts.sockets.problems.empty()) {
        report_unknown(Control::podman_socket, "podman.socket", facts.inventory.unit_problems, out);
        report_unknown(Control::podman_socket, "podman.socket", facts.sockets.problems, out);
    } else if (units.empty() && !facts.inventory.has("podman")) {
        out.push_back(
            finding(Control::podman_socket, Status::not_applicable, "podman.socket", "no Podman found"));
    } else {
        out.push_back(finding(Control::podman_socket, Status::pass, "podman.socket",
                              podman_api_allowed(params) ? "as the policy allows" : "nothing starts it"));
    }
}

void judge_docker_health(const Engines::Facts& facts, Findings& out) {
    const auto before = out.size();
    std::vector<std::uint32_t> running;
    if (facts.live && facts.inventory.processes)
        for (const EngineProcess& p : *facts.inventory.processes)
            if (p.engine == "docker" && !p.rootful() && !p.undecided()) {
                judge_user_process(facts, p, out);
                running.push_back(p.uid);
            }
    if (!facts.inventory.processes)
        report_unknown(Control::docker_health, "processes", facts.inventory.processes.error(), out);
    if (facts.access.accounts_problem)
        report_unknown(Control::docker_health, "users", *facts.access.accounts_problem, out);
    for (const UserDocker& u : facts.rootless.users) {
        if (u.problem)
            report_unknown(Control::docker_health, u.user, *u.problem, out);
        else if (facts.live && facts.inventory.processes && !u.enabled_by.empty() &&
                 std::ranges::find(running, u.uid) == running.end())
            judge_user_without_process(u, out);
    }
    if (out.size() == before)
        out.push_back(finding(Control::docker_health, Status::not_applicable, "host",
                              facts.live ? "no rootless dockerd found" : "not a running host"));
}

void judge_both_stacks(const Engines::Facts& facts, Findings& out) {
    const auto before = out.size();
    for (const std::string engine : {"docker", "podman"}) {
        const auto rootful = facts.inventory.rootful(engine);
        const bool rootless = rootless_present(facts, engine);
        if (rootful == true && rootless)
            out.push_back(
                failing(Control::both_stacks, engine, "rootful and rootless " + engine + " are both active",
                        {{engine, "rootful and rootless", "rootless alone"}},
                        {FixClass::never_automatic,
                         "take the rootful one down: engine.rootful-daemon, podman.rootful-socket"}));
        else if (!rootful && rootless)
            out.push_back(finding(Control::both_stacks, Status::unknown, engine,
                                  "whether a rootful " + engine + " is active could not be observed"));
        else if (rootful == true && users_unseen(facts))
            out.push_back(finding(Control::both_stacks, Status::unknown, engine,
                                  "whether users have a rootless " + engine + " could not be observed"));
        else if (rootful == true || rootless)
            out.push_back(finding(Control::both_stacks, Status::pass, engine,
                                  rootless ? "rootless alone" : "rootful alone"));
    }
    if (out.size() == before && (!facts.inventory.processes || !facts.inventory.unit_problems.empty()))
        out.push_back(finding(Control::both_stacks, Status::unknown, "host",
                              "not all units and processes could be read"));
    else if (out.size() == before)
        out.push_back(finding(Control::both_stacks, Status::not_applicable, "host",
                              "no Docker or Podman service is active"));
}

}  // namespace plimsoll::modules::rootless
