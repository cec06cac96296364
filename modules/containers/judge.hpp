// SPDX-License-Identifier: Apache-2.0
// The verdicts of group C. Pure.
#pragma once
#include "modules/containers/containers.hpp"

#include <string_view>
#include <vector>

namespace plimsoll::modules::containers {

enum class Rule : std::uint8_t {
    found,
    root_userns,
    maps_root,
    runs_as_root,
    capabilities,
    no_new_privs,
    seccomp,
    host_namespaces,
    mounts,
    rw_rootfs,
    privileged,
    devices,
    label,
    limits,
    propagation,
    image,
    nested,
    drift,
    orphan,
    surface
};

[[nodiscard]] const policy::ControlInfo& info(Rule rule);

// One container under judgement.
struct Case {
    const Params& params;
    const HostSide& host;
    const Inspected& seen;
    // SELinux category pairs to the pods or containers that run with them.
    const std::map<std::string, std::set<std::string>>& categories;

    [[nodiscard]] const Container& container() const { return seen.container; }

    // "pid 812 (nginx)"
    [[nodiscard]] static std::string name_of_process(const host::Process& process);
    [[nodiscard]] std::string file(std::string_view name) const;  // "/proc/INIT/NAME"
    // nullopt: cannot be told.
    [[nodiscard]] std::optional<bool> in_host_userns() const;
};

// What is wrong, collected until the verdict. The worst severity is the finding's.
class Verdict {
  public:
    Verdict(const Case& c, Rule rule) : case_(c), rule_(rule), severity_(policy::Severity::info) {}

    void wrong(policy::Severity severity, std::string what, policy::Evidence evidence);
    void unknown(std::string why);  // the first one is told

    // fail when anything is wrong, else unknown when anything is, else pass with `good`.
    [[nodiscard]] policy::Finding end(std::string good) const;
    [[nodiscard]] policy::Finding not_applicable(std::string why) const;

  private:
    const Case& case_;
    Rule rule_;
    policy::Severity severity_;
    std::vector<std::string> wrong_{};
    std::vector<policy::Evidence> evidence_{};
    std::string unknown_{};
};

// The way out for a failing finding: stop the container if the policy says so for this control.
[[nodiscard]] policy::Fix fix_for(const Case& c, Rule rule);

[[nodiscard]] policy::Finding judge_userns(const Case& c);
[[nodiscard]] policy::Finding judge_maps(const Case& c);
[[nodiscard]] policy::Finding judge_runs_as_root(const Case& c);
[[nodiscard]] policy::Finding judge_capabilities(const Case& c);
[[nodiscard]] policy::Finding judge_no_new_privs(const Case& c);
[[nodiscard]] policy::Finding judge_seccomp(const Case& c);
[[nodiscard]] policy::Finding judge_host_namespaces(const Case& c);
[[nodiscard]] policy::Finding judge_mounts(const Case& c);
[[nodiscard]] policy::Finding judge_rw_rootfs(const Case& c);
[[nodiscard]] policy::Finding judge_privileged(const Case& c);
[[nodiscard]] policy::Finding judge_devices(const Case& c);
[[nodiscard]] policy::Finding judge_label(const Case& c);
[[nodiscard]] policy::Finding judge_limits(const Case& c);
[[nodiscard]] policy::Finding judge_propagation(const Case& c);
[[nodiscard]] policy::Finding judge_image(const Case& c);
[[nodiscard]] policy::Finding judge_nested(const Case& c);
[[nodiscard]] policy::Finding judge_drift(const Case& c);
[[nodiscard]] policy::Finding judge_orphan(const Case& c);
[[nodiscard]] policy::Finding judge_surface(const Case& c);

// "c1,c2" of "system_u:system_r:container_t:s0:c1,c2"; empty: not one pair.
[[nodiscard]] std::string category_pair(std::string_view label);

}  // namespace plimsoll::modules::containers
