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
    // Host ids that containers of different owners have in common: by init, what is shared and with whom.
    const std::map<int, std::string>& shared_ids;
    std::string subject{subject_of(seen.container)};

    [[nodiscard]] const Container& container() const { return seen.container; }

    // "pid 812 (nginx)"
    [[nodiscard]] static std::string name_of_process(const host::Process& process);
    [[nodiscard]] std::string file(std::string_view name) const;  // "/proc/INIT/NAME"
    // Whether any of its processes is in the host's user namespace. nullopt: cannot be told.
    [[nodiscard]] std::optional<bool> in_host_userns() const;
    // The same of one.
    [[nodiscard]] std::optional<bool> in_host_userns(const Member& member) const;
};

// What is wrong, collected until the verdict. The worst severity is the finding's.
class Verdict {
  public:
    Verdict(const Case& c, Rule rule) : case_(c), rule_(rule), severity_(policy::Severity::info) {}

    void wrong(policy::Severity severity, std::string what, policy::Evidence evidence);
    void unknown(std::string why);  // the first one is told

    // fail when anything is wrong, else unknown when anything is, else pass with `good`. Once.
    [[nodiscard]] policy::Finding end(std::string good);
    [[nodiscard]] policy::Finding not_applicable(std::string why) const;

  private:
    const Case& case_;
    Rule rule_;
    policy::Severity severity_;
    std::vector<std::string> wrong_{};
    std::vector<policy::Evidence> evidence_{};
    std::string unknown_{};
};

// Judges each process, and makes the verdict unknown for what could not be read. One that was started into
// the container and has no program of it yet is still in its set-up; the programs of a sandbox with a kernel
// of its own are left out.
template <class F>
void each(const Case& c, Verdict& v, F&& judge) {
    const Container& k = c.container();
    if (k.members.empty())
        v.unknown("none of its processes could be read");
    if (!k.unread.empty())
        v.unknown(k.unread);
    for (const Member& m : k.members) {
        if (m.being_started)
            v.unknown(Case::name_of_process(m.process) + " is being started into it");
        else if (!m.sandbox_program)
            judge(m);
    }
}

// One step down for what its own user could reach anyway, outside of the container.
[[nodiscard]] policy::Severity weigh(const Case& c, policy::Severity severity);

// Paths of the host whose places HostSide::places has to know.
[[nodiscard]] std::vector<std::string> watched_paths();

void judge_shared(const Case& c, const SharedMount& mount, Verdict& verdict);

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
