// SPDX-License-Identifier: Apache-2.0
// The live audit of containers, group C of the control catalogue: every container of the running host, found
// and judged from the kernel's side. docs/containers.md says how.
#pragma once
#include "core/policy/module.hpp"
#include "modules/containers/facts.hpp"

namespace plimsoll::modules::containers {

struct Params {
    // "report" or "stop"; only "stop" makes a failing finding carry a change.
    std::string root_userns{"report"};
    std::string root_maps{"report"};
    std::string capabilities{"report"};
    std::string host_namespaces{"report"};
    std::string sensitive_mounts{"report"};
    std::string privileged{"report"};
    std::string lsm_label{"report"};

    bool forbid_own_id{false};
    std::vector<std::string> allowed_capabilities{
        "AUDIT_WRITE",      "CHOWN",   "DAC_OVERRIDE", "FOWNER", "FSETID",  "KILL",   "MKNOD",
        "NET_BIND_SERVICE", "NET_RAW", "SETFCAP",      "SETGID", "SETPCAP", "SETUID", "SYS_CHROOT"};
    std::vector<std::string> allowed_namespaces{"time"};
    std::vector<std::string> allowed_paths{};
    std::vector<std::string> allowed_devices{};
    std::vector<std::string> allowed_labels{};
    std::vector<std::string> needed_limits{"memory", "pids"};
    std::vector<std::string> allowed_images{};
    bool digest_needed{false};
};

struct Containers {
    static constexpr std::string_view name = "containers";
    using Params = containers::Params;
    using Facts = containers::Facts;

    [[nodiscard]] static std::span<const policy::ControlInfo> controls();
    [[nodiscard]] static const std::vector<policy::Param<Params>>& params();
    [[nodiscard]] static Facts observe(const host::Host& host, const Params& params,
                                       const policy::Provision& provision);
    [[nodiscard]] static std::vector<policy::Finding> evaluate(const Params& params,
                                                               const policy::Provision& provision,
                                                               const Facts& facts, Time now);
};

// For the daemon. The containers that run now, by init pid; no verdict, no look into them. Code::unsupported:
// not a running host.
[[nodiscard]] Result<std::vector<Container>> list_containers(const host::Host& host);

// Judges the containers of these processes only, without a full pass: of a new cgroup's cgroup.procs, or of a
// process that made namespaces. The findings are those that a full pass gives for them, but for what takes
// all containers to see (a label shared by two). Empty: none of them is in a container (any more).
[[nodiscard]] std::vector<policy::Finding> judge_containers_of(const host::Host& host, const Params& params,
                                                               const std::vector<int>& pids, Time now);

}  // namespace plimsoll::modules::containers
