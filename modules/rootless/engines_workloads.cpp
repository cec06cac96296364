// SPDX-License-Identifier: Apache-2.0
// Verdicts on what will be run: quadlets, units that call podman, and the defaults that pods get.
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
        into.push_back({printable(n.source), n.found, n.expected});
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

// ---- CRI ----

// Collects what differs from what is wanted.
class CriAudit {
  public:
    void want(const Setting& s, bool standard, bool wanted, const std::string& key) {
        const bool* b = s.value != nullptr ? s.value->boolean() : nullptr;
        const bool value = b != nullptr ? *b : standard;
        if (value != wanted || (s.value != nullptr && b == nullptr))
            evidence_.push_back(
                {s.value != nullptr ? s.source : fallback_,
                 key + (s.value == nullptr ? " not set, which means " : " ") + (value ? "true" : "false"),
                 key + (wanted ? " true" : " false")});
    }

    void refuse(const Setting& s, std::string_view bad, const std::string& key) {
        if (s.value != nullptr && s.value->string() != nullptr && *s.value->string() == bad)
            evidence_.push_back({s.source, key + " = \"" + std::string(bad) + "\"", "a profile"});
    }

    void refuse_entries(const Setting& s, const std::string& key) {
        if (s.value != nullptr && s.value->array() != nullptr && !s.value->array()->empty())
            evidence_.push_back({s.source, key + " has entries", "none"});
    }

    explicit CriAudit(std::string fallback) : fallback_(std::move(fallback)) {}

    void finish(const std::string& subject, const std::vector<Error>& problems, Findings& out) {
        if (!evidence_.empty())
            out.push_back(failing(Control::cri_defaults, subject,
                                  "pods can run without the host's confinement", std::move(evidence_),
                                  {FixClass::never_automatic, "set the keys in a drop-in and restart " +
                                                                  subject + " when the node is drained"}));
        else if (problems.empty())
            out.push_back(finding(Control::cri_defaults, Status::pass, subject, "confines pods by default"));
        report_unknown(Control::cri_defaults, subject, problems, out);
    }

  private:
    std::string fallback_;
    std::vector<Evidence> evidence_;
};

void judge_kubelet(const Engines::Params& params, const CriFacts& cri, Findings& out) {
    if (cri.kubelet_problem) {
        report_unknown(Control::cri_defaults, "kubelet", *cri.kubelet_problem, out);
    } else if (!cri.seccomp_default) {
        out.push_back(finding(Control::cri_defaults, Status::unknown, "kubelet",
                              "no configuration of the kubelet found, and no kubelet runs"));
    } else if (*cri.seccomp_default) {
        out.push_back(finding(Control::cri_defaults, Status::pass, "kubelet", "seccompDefault is on",
                              {{cri.kubelet_source, "seccompDefault true", ""}}));
    } else if (!params.require_seccomp_default) {
        out.push_back(finding(Control::cri_defaults, Status::pass, "kubelet",
                              "seccompDefault is off, as the policy allows"));
    } else {
        out.push_back(failing(Control::cri_defaults, "kubelet",
                              "pods that name no seccomp profile run unconfined",
                              {{cri.kubelet_source, "seccompDefault not true", "seccompDefault: true"}},
                              {FixClass::never_automatic,
                               "set seccompDefault: true in the kubelet's configuration and restart it"}));
    }
}

void judge_containerd(const Engines::Facts& facts, Findings& out) {
    if (cri_disabled(facts.cri)) {
        out.push_back(
            finding(Control::cri_defaults, Status::pass, "containerd", "its CRI plugin is disabled"));
        return;
    }
    CriAudit audit("/etc/containerd/config.toml");
    if (facts.docker.selinux)
        audit.want(containerd_setting(facts.cri, "enable_selinux"), false, true, "enable_selinux");
    audit.want(containerd_setting(facts.cri, "disable_apparmor"), false, false, "disable_apparmor");
    audit.refuse(containerd_setting(facts.cri, "unset_seccomp_profile"), "unconfined",
                 "unset_seccomp_profile");
    audit.finish("containerd", facts.cri.containerd_problems, out);
}

void judge_crio(const Engines::Facts& facts, Findings& out) {
    CriAudit audit("/etc/crio/crio.conf");
    if (facts.docker.selinux) {
        audit.want(crio_setting(facts.cri, "selinux"), false, true, "selinux");
        audit.want(crio_setting(facts.cri, "hostnetwork_disable_selinux"), true, false,
                   "hostnetwork_disable_selinux");
    }
    audit.refuse(crio_setting(facts.cri, "seccomp_profile"), "unconfined", "seccomp_profile");
    audit.refuse(crio_setting(facts.cri, "apparmor_profile"), "unconfined", "apparmor_profile");
    audit.refuse_entries(crio_setting(facts.cri, "insecure_registries"), "insecure_registries");
    audit.finish("crio", facts.cri.crio_problems, out);
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

void judge_cri_defaults(const Engines::Params& params, const Engines::Facts& facts, Findings& out) {
    const auto before = out.size();
    if (facts.inventory.kubelet) {
        judge_kubelet(params, facts.cri, out);
        if (facts.inventory.has("containerd"))
            judge_containerd(facts, out);
    }
    if (facts.inventory.has("crio"))
        judge_crio(facts, out);
    if (out.size() == before)
        out.push_back(
            finding(Control::cri_defaults, Status::not_applicable, "host", "no kubelet and no CRI-O found"));
}

}  // namespace plimsoll::modules::rootless
