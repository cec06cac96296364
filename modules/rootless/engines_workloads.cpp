// SPDX-License-Identifier: Apache-2.0
// Verdicts on what will be run: quadlets and units that call podman.
#include "core/base/path.hpp"
#include "core/base/text.hpp"
#include "modules/rootless/engines_judge.hpp"

#include <algorithm>

namespace plimsoll::modules::rootless {
namespace {

using policy::Evidence;
using policy::Finding;
using policy::Fix;
using policy::FixClass;
using policy::Severity;
using policy::Status;

void append(const std::vector<LintNote>& notes, std::vector<Evidence>& into) {
    for (const LintNote& n : notes)
        into.push_back({printable(n.source), printable(n.found), n.expected});
}

struct Unsafe {
    std::vector<LintNote> certain{};
    std::vector<LintNote> undecided{};
};

Unsafe sorted(std::vector<LintNote> notes) {
    Unsafe out;
    for (LintNote& n : notes)
        (n.undecided ? out.undecided : out.certain).push_back(std::move(n));
    return out;
}

Finding undecided(const std::string& subject, const Unsafe& unsafe) {
    std::vector<Evidence> evidence;
    append(unsafe.undecided, evidence);
    return finding(Control::quadlets, Status::unknown, subject,
                   "it cannot be told whether the container is confined", std::move(evidence));
}

const Fix& by_hand() {
    static const Fix fix{FixClass::never_automatic,
                         "move the definition to the user that shall run it, or name it in the policy"};
    return fix;
}

void judge_system_quadlet(const Engines::Params& params, const Quadlet& q, Findings& out) {
    const std::string subject = printable(q.path);
    const bool allowed = matched(params.allowed_quadlets, std::string(base_name(q.path))) ||
                         matched(params.allowed_quadlets, q.path);
    const Unsafe unsafe = sorted(unsafe_settings(q));
    std::vector<Evidence> evidence;
    if (!allowed)
        evidence.push_back({subject, "a rootful unit", "none, or one that the policy names"});
    append(unsafe.certain, evidence);
    if (params.require_hardening && allowed)
        append(missing_hardening(q), evidence);
    if (evidence.empty() && !unsafe.undecided.empty()) {
        out.push_back(undecided(subject, unsafe));
        return;
    }
    if (evidence.empty()) {
        out.push_back(finding(Control::quadlets, Status::pass, subject, "named by the policy, and confined"));
        return;
    }
    const std::string message = !allowed                  ? "defines a rootful container unit"
                                : !unsafe.certain.empty() ? "is allowed, but opens its container to the host"
                                                          : "is allowed, but lacks hardening";
    Fix fix = allowed ? Fix{FixClass::never_automatic, "correct the settings, then systemctl daemon-reload"}
                      : by_hand();
    auto f = failing(Control::quadlets, subject, message, std::move(evidence), std::move(fix));
    if (!unsafe.certain.empty())
        f.severity = Severity::high;
    out.push_back(std::move(f));
}

// A user's own definitions are in the right place; only what undoes their confinement is told.
void judge_users(const std::string& subject, const Unsafe& unsafe, Findings& out) {
    if (unsafe.certain.empty()) {
        if (!unsafe.undecided.empty())
            out.push_back(undecided(subject, unsafe));
        return;
    }
    std::vector<Evidence> evidence;
    append(unsafe.certain, evidence);
    auto f = failing(Control::quadlets, subject, "a rootless container gives up part of its confinement",
                     std::move(evidence),
                     {FixClass::never_automatic, "correct the settings with the unit's owner"});
    // Who speaks to an engine through its socket has more than the user has.
    const bool socket = std::ranges::any_of(unsafe.certain, &LintNote::engine_socket);
    f.severity = socket ? Severity::high : Severity::low;
    out.push_back(std::move(f));
}

std::string subject_of(const UserUnit& u) {
    return printable(u.user == "*" ? u.file.name + " of all users" : u.file.name + " of " + u.user);
}

// A unit that podman generated from a quadlet is judged there, unless a drop-in says what it runs.
bool generated(const EngineUnit& u) {
    return std::ranges::all_of(u.runs, [](const host::UnitSetting& line) {
        return line.source.starts_with("/run/systemd/generator");
    });
}

// What an administrator wrote, or what will start by itself; a vendor's unit, or any init script, that
// nothing starts is no workload.
bool counts(const EngineUnit& u) {
    const bool written =
        !u.script && (u.file.fragment.starts_with("/etc/") || u.file.fragment.starts_with("/run/"));
    return u.engine.empty() && !u.runs.empty() && !u.rootless && !u.file.masked && !generated(u) &&
           (u.starts() || written);
}

void judge_podman_unit(const Engines::Params& params, const EngineUnit& u, Findings& out) {
    const std::string subject = printable(u.file.name);
    const bool allowed = matched(params.allowed_quadlets, u.file.name);
    Unsafe unsafe = sorted(unsafe_commands(u.file, u.kube));
    if (u.script)
        unsafe.undecided.push_back({u.file.fragment, script_hides(u).message, "options that can be read"});
    std::vector<Evidence> evidence;
    if (!allowed)
        for (const auto& line : u.runs)
            evidence.push_back(
                {printable(line.source), printable(line.value, 120), "no rootful podman, or User="});
    append(unsafe.certain, evidence);
    if (evidence.empty()) {
        out.push_back(unsafe.undecided.empty() ? finding(Control::quadlets, Status::pass, subject,
                                                         "named by the policy, and confined")
                                               : undecided(subject, unsafe));
        return;
    }
    auto f = allowed
                 ? failing(Control::quadlets, subject, "is allowed, but opens its container to the host",
                           std::move(evidence),
                           {FixClass::never_automatic, "correct the arguments, then systemctl daemon-reload"})
                 : failing(Control::quadlets, subject, "a system unit runs containers as root",
                           std::move(evidence), by_hand());
    if (!unsafe.certain.empty())
        f.severity = Severity::high;
    out.push_back(std::move(f));
}

}  // namespace

void judge_quadlets(const Engines::Params& params, const Engines::Facts& facts, Findings& out) {
    const auto before = out.size();
    for (const Quadlet& q : facts.quadlets.files) {
        if (q.problem)
            report_unknown(Control::quadlets, printable(q.path), *q.problem, out);
        else if (q.user.empty())
            judge_system_quadlet(params, q, out);
        else
            judge_users(printable(q.path), sorted(unsafe_settings(q)), out);
    }
    for (const UserUnit& u : facts.quadlets.units)
        if (u.problem)
            report_unknown(Control::quadlets, subject_of(u), *u.problem, out);
        else
            judge_users(subject_of(u), sorted(unsafe_commands(u)), out);
    report_unknown(Control::quadlets, "quadlets", facts.quadlets.problems, out);
    for (const EngineUnit& u : facts.inventory.units)
        if (counts(u))
            judge_podman_unit(params, u, out);
    report_unknown(Control::quadlets, "units", facts.inventory.unit_problems, out);
    if (facts.access.accounts_problem)
        report_unknown(Control::quadlets, "users", *facts.access.accounts_problem, out);
    if (out.size() != before)
        return;
    out.push_back(
        facts.inventory.has("podman") || !facts.quadlets.files.empty() || !facts.quadlets.units.empty()
            ? finding(Control::quadlets, Status::pass, "host", "no rootful container is defined")
            : finding(Control::quadlets, Status::not_applicable, "host", "no Podman and no quadlet found"));
}

}  // namespace plimsoll::modules::rootless
