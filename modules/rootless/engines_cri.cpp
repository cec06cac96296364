// SPDX-License-Identifier: Apache-2.0
// Verdicts on the defaults that pods get.
#include "core/base/text.hpp"
#include "modules/rootless/engines_judge.hpp"

#include <algorithm>

namespace plimsoll::modules::rootless {
namespace {

using policy::Evidence;
using policy::FixClass;
using policy::Status;

// Ids below are those of accounts and services (login.defs(5), SUB_UID_MIN is above).
constexpr std::int64_t least_mappable = 65536;

// Collects what differs from what is wanted.
class CriAudit {
  public:
    explicit CriAudit(std::string fallback) : fallback_(std::move(fallback)) {}

    void want(const Setting& s, bool standard, bool wanted, const std::string& key) {
        const bool* b = s.value != nullptr ? s.value->boolean() : nullptr;
        const bool value = b != nullptr ? *b : standard;
        if (value != wanted || (s.value != nullptr && b == nullptr))
            add(s,
                key + (s.value == nullptr ? " not set, which means " : " ") +
                    (b != nullptr || s.value == nullptr ? (value ? "true" : "false")
                                                        : std::string(s.value->type_name())),
                key + (wanted ? " true" : " false"));
    }

    // A profile: not this value, and a text.
    void refuse(const Setting& s, std::string_view bad, const std::string& key) {
        if (s.value != nullptr && (s.value->string() == nullptr || *s.value->string() == bad))
            add(s, key + " = " + shown(*s.value), "a profile");
    }

    void refuse_entries(const Setting& s, const std::string& key) {
        if (s.value != nullptr && (s.value->array() == nullptr || !s.value->array()->empty()))
            add(s, key + (s.value->array() != nullptr ? " has entries" : " is no list"), "none");
    }

    // A number that is set and not below.
    void at_least(const Setting& s, std::int64_t least, const std::string& key) {
        if (s.value == nullptr || s.value->integer() == nullptr || *s.value->integer() < least)
            add(s, s.value == nullptr ? key + " not set" : key + " = " + shown(*s.value),
                key + " " + std::to_string(least) + " or more");
    }

    void add(const Setting& s, std::string found, std::string expected) {
        Evidence e{s.value != nullptr ? s.source : fallback_, std::move(found), std::move(expected)};
        if (std::ranges::find(evidence_, e) == evidence_.end())
            evidence_.push_back(std::move(e));
    }

    void doubt(Error e) {
        if (std::ranges::find(doubts_, e.message, &Error::message) == doubts_.end())
            doubts_.push_back(std::move(e));
    }

    void finish(const std::string& subject, const std::vector<Error>& problems, Findings& out) {
        report_unknown(Control::cri_defaults, subject, problems, out);
        report_unknown(Control::cri_defaults, subject, doubts_, out);
        if (!evidence_.empty())
            out.push_back(failing(Control::cri_defaults, subject,
                                  "pods can run without the host's confinement", std::move(evidence_),
                                  {FixClass::never_automatic, "set the keys in a drop-in and restart " +
                                                                  subject + " when the node is drained"}));
        else if (problems.empty() && doubts_.empty())
            out.push_back(finding(Control::cri_defaults, Status::pass, subject, "confines pods by default"));
    }

  private:
    static std::string shown(const Value& v) {
        if (v.string() != nullptr)
            return "\"" + printable(*v.string(), 60) + "\"";
        return v.integer() != nullptr ? std::to_string(*v.integer()) : std::string(v.type_name());
    }

    std::string fallback_;
    std::vector<Evidence> evidence_;
    std::vector<Error> doubts_;
};

void judge_kubelet(const Engines::Params& params, const Kubelet& kubelet, Findings& out) {
    if (kubelet.problem) {
        report_unknown(Control::cri_defaults, "kubelet", *kubelet.problem, out);
    } else if (!kubelet.seccomp_default) {
        out.push_back(finding(Control::cri_defaults, Status::unknown, "kubelet",
                              "no configuration of the kubelet found, and no kubelet runs"));
    } else if (*kubelet.seccomp_default) {
        out.push_back(finding(Control::cri_defaults, Status::pass, "kubelet", "seccompDefault is on",
                              {{kubelet.source, "seccompDefault true", ""}}));
    } else if (!params.require_seccomp_default) {
        out.push_back(finding(Control::cri_defaults, Status::pass, "kubelet",
                              "seccompDefault is off, as the policy allows"));
    } else {
        out.push_back(failing(Control::cri_defaults, "kubelet",
                              "pods that name no seccomp profile run unconfined",
                              {{kubelet.source, "seccompDefault not true", "seccompDefault: true"}},
                              {FixClass::never_automatic,
                               "set seccompDefault: true in the kubelet's configuration and restart it"}));
    }
}

// Pods that name no profile: the kubelet asks for the runtime's own, or the runtime has one for them.
void audit_unset_profile(const Engines::Params& params, const Engines::Facts& facts, const Setting& s,
                         CriAudit& audit) {
    audit.refuse(s, "unconfined", "unset_seccomp_profile");
    const bool set = s.value != nullptr && s.value->string() != nullptr && !s.value->string()->empty();
    const Kubelet& kubelet = facts.cri.kubelet;
    if (set || !params.require_seccomp_default)
        return;
    if (facts.inventory.kubelet && (kubelet.problem || !kubelet.seccomp_default))
        audit.doubt(fail(Code::unsupported,
                         "unset_seccomp_profile is empty, and whether the kubelet asks for "
                         "a profile is not known")
                        .error());
    else if (!facts.inventory.kubelet || !*kubelet.seccomp_default)
        audit.add(s, "unset_seccomp_profile is empty, which means unconfined",
                  "a profile, or seccompDefault");
}

void audit_containerd(const Engines::Params& params, const Engines::Facts& facts, const ConfigFiles& files,
                      CriAudit& audit) {
    if (!facts.docker.selinux)
        audit.doubt(facts.docker.selinux.error());
    else if (*facts.docker.selinux)
        audit.want(containerd_setting(files, "enable_selinux"), false, true, "enable_selinux");
    audit.want(containerd_setting(files, "disable_apparmor"), false, false, "disable_apparmor");
    audit_unset_profile(params, facts, containerd_setting(files, "unset_seccomp_profile"), audit);
    if (!params.require_cri_hardening)
        return;
    static const std::string devices = "privileged_without_host_devices";
    for (const auto& [name, setting] : containerd_runtimes(files, devices))
        audit.want(setting, false, true, printable(name, 40) + ": " + devices);
    static const std::string all = devices + "_all_devices_allowed";
    for (const auto& [name, setting] : containerd_runtimes(files, all))
        audit.want(setting, false, false, printable(name, 40) + ": " + all);
}

void judge_containerd(const Engines::Params& params, const Engines::Facts& facts,
                      const ContainerdConfig& containerd, Findings& out) {
    CriAudit audit(containerd.path);
    ConfigFiles with = containerd.files;
    with.insert(with.end(), containerd.maybe.begin(), containerd.maybe.end());
    if (cri_disabled(containerd.files)) {
        // As far as the configuration could be read, which may be another one.
        report_unknown(Control::cri_defaults, containerd.subject, containerd.problems, out);
        if (containerd.problems.empty())
            out.push_back(finding(Control::cri_defaults, Status::pass, containerd.subject,
                                  "its CRI plugin is disabled"));
        return;
    }
    // Whether conf.d counts depends on the version: it has to be right either way.
    audit_containerd(params, facts, containerd.files, audit);
    audit_containerd(params, facts, with, audit);
    audit.finish(containerd.subject, containerd.problems, out);
}

// Whether policy.json accepts what nobody signed, where it says nothing else.
bool accepts_anything(const Value& policy) {
    const Value* rules = policy.at("default");
    if (rules == nullptr || rules->array() == nullptr)
        return true;
    return std::ranges::any_of(*rules->array(), [](const Value& rule) {
        const Value* type = rule.at("type");
        return type != nullptr && *type == Value("insecureAcceptAnything");
    });
}

void audit_crio_hardening(const CriFacts& cri, CriAudit& audit) {
    audit.want(crio_setting(cri.crio, "read_only"), false, true, "read_only");
    if (cri.kubelet.pids_limit.value_or(-1) <= 0)
        audit.at_least(crio_setting(cri.crio, "pids_limit"), 1, "pids_limit");
    audit.at_least(crio_setting(cri.crio, "minimum_mappable_uid"), least_mappable, "minimum_mappable_uid");
    audit.at_least(crio_setting(cri.crio, "minimum_mappable_gid"), least_mappable, "minimum_mappable_gid");
    const Setting policy = crio_setting(cri.crio, "signature_policy");
    if (cri.signature_policy) {
        if (accepts_anything(*cri.signature_policy))
            audit.add(policy, cri.signature_policy_path + " accepts unsigned images",
                      "a policy that rejects by default");
    } else if (cri.signature_policy.error().code == Code::not_found ||
               cri.signature_policy.error().code == Code::invalid_input) {
        audit.add(policy, printable(cri.signature_policy.error().message, 120), "a policy for signatures");
    } else {
        audit.doubt(cri.signature_policy.error());
    }
}

void judge_crio(const Engines::Params& params, const Engines::Facts& facts, Findings& out) {
    const ConfigFiles& files = facts.cri.crio;
    CriAudit audit("/etc/crio/crio.conf");
    if (!facts.docker.selinux) {
        audit.doubt(facts.docker.selinux.error());
    } else if (*facts.docker.selinux) {
        audit.want(crio_setting(files, "selinux"), false, true, "selinux");
        audit.want(crio_setting(files, "hostnetwork_disable_selinux"), true, false,
                   "hostnetwork_disable_selinux");
    }
    audit.refuse(crio_setting(files, "seccomp_profile"), "unconfined", "seccomp_profile");
    audit.refuse(crio_setting(files, "apparmor_profile"), "unconfined", "apparmor_profile");
    audit.want(crio_setting(files, "seccomp_use_default_when_empty"), true, true,
               "seccomp_use_default_when_empty");
    audit.refuse_entries(crio_setting(files, "insecure_registries"), "insecure_registries");
    if (params.require_cri_hardening)
        audit_crio_hardening(facts.cri, audit);
    audit.finish("crio", facts.cri.crio_problems, out);
}

}  // namespace

void judge_cri_defaults(const Engines::Params& params, const Engines::Facts& facts, Findings& out) {
    const auto before = out.size();
    if (facts.inventory.kubelet)
        judge_kubelet(params, facts.cri.kubelet, out);
    if (facts.inventory.kubelet || facts.inventory.crictl)
        for (const ContainerdConfig& containerd : facts.cri.containerd)
            judge_containerd(params, facts, containerd, out);
    if (facts.inventory.has("crio"))
        judge_crio(params, facts, out);
    if (out.size() == before && !facts.inventory.unit_problems.empty())
        report_unknown(Control::cri_defaults, "units", facts.inventory.unit_problems, out);
    if (out.size() == before)
        out.push_back(
            finding(Control::cri_defaults, Status::not_applicable, "host", "no kubelet and no CRI-O found"));
}

}  // namespace plimsoll::modules::rootless
