// SPDX-License-Identifier: Apache-2.0
// Verdicts on what will be run: quadlets and units that call podman.
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

std::string base_name(const std::string& path) {
    return path.substr(path.rfind('/') + 1);
}

void append(const std::vector<LintNote>& notes, std::vector<Evidence>& into) {
    for (const LintNote& n : notes)
        into.push_back({printable(n.source), printable(n.found), n.expected});
}

const Fix& by_hand() {
    static const Fix fix{FixClass::never_automatic,
                         "move the definition to the user that shall run it, or name it in the policy"};
    return fix;
}

void judge_system_quadlet(const Engines::Params& params, const Quadlet& q, Findings& out) {
    const std::string subject = printable(q.path);
    const bool allowed =
        matched(params.allowed_quadlets, base_name(q.path)) || matched(params.allowed_quadlets, q.path);
    const auto unsafe = unsafe_settings(q);
    std::vector<Evidence> evidence;
    if (!allowed)
        evidence.push_back({subject, "a rootful unit", "none, or one that the policy names"});
    append(unsafe, evidence);
    if (params.require_hardening && allowed)
        append(missing_hardening(q), evidence);
    if (evidence.empty()) {
        out.push_back(finding(Control::quadlets, Status::pass, subject, "named by the policy, and confined"));
        return;
    }
    const std::string message = !allowed          ? "defines a rootful container unit"
                                : !unsafe.empty() ? "is allowed, but opens its container to the host"
                                                  : "is allowed, but lacks hardening";
    Fix fix = allowed ? Fix{FixClass::never_automatic, "correct the settings, then systemctl daemon-reload"}
                      : by_hand();
    auto f = failing(Control::quadlets, subject, message, std::move(evidence), std::move(fix));
    if (!unsafe.empty())
        f.severity = Severity::high;
    out.push_back(std::move(f));
}

// A user's own definitions are in the right place; only what undoes their confinement is told.
void judge_user_quadlet(const Quadlet& q, Findings& out) {
    const auto unsafe = unsafe_settings(q);
    if (unsafe.empty())
        return;
    std::vector<Evidence> evidence;
    append(unsafe, evidence);
    auto f = failing(Control::quadlets, printable(q.path),
                     "a rootless container gives up part of its confinement", std::move(evidence),
                     {FixClass::never_automatic, "correct the settings with the unit's owner"});
    f.severity = Severity::low;
    out.push_back(std::move(f));
}

// A unit that podman generated from a quadlet is judged there.
bool generated(const EngineUnit& u) {
    return u.file.fragment.starts_with("/run/systemd/generator");
}

// What an administrator wrote, or what will start by itself; a vendor's unit that nothing starts is no
// workload.
bool counts(const EngineUnit& u) {
    return u.engine.empty() && !u.runs.empty() && !u.rootless && !u.file.masked && !generated(u) &&
           (!u.file.enabled_by.empty() || u.file.fragment.starts_with("/etc/") ||
            u.file.fragment.starts_with("/run/"));
}

void judge_podman_unit(const Engines::Params& params, const EngineUnit& u, Findings& out) {
    if (matched(params.allowed_quadlets, u.file.name)) {
        out.push_back(finding(Control::quadlets, Status::pass, u.file.name, "named by the policy"));
        return;
    }
    std::vector<Evidence> evidence;
    for (const auto& line : u.runs)
        evidence.push_back(
            {printable(line.source), printable(line.value, 120), "no rootful podman, or User="});
    out.push_back(failing(Control::quadlets, printable(u.file.name), "a system unit runs containers as root",
                          std::move(evidence), by_hand()));
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
            judge_user_quadlet(q, out);
    }
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
        facts.inventory.has("podman") || !facts.quadlets.files.empty()
            ? finding(Control::quadlets, Status::pass, "host", "no rootful container is defined")
            : finding(Control::quadlets, Status::not_applicable, "host", "no Podman and no quadlet found"));
}

}  // namespace plimsoll::modules::rootless
