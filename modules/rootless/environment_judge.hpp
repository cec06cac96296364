// SPDX-License-Identifier: Apache-2.0
// Shared by the verdicts of the environment module.
#pragma once
#include "modules/rootless/environment.hpp"

#include <functional>
#include <string>
#include <vector>

namespace plimsoll::modules::rootless {

inline constexpr std::string_view delegate_drop_in =
    "/etc/systemd/system/user@.service.d/60-plimsoll-delegate.conf";
inline constexpr std::string_view network_drop_in =
    "/etc/containers/containers.conf.d/90-plimsoll-network.conf";

inline constexpr std::string_view unified_hierarchy_argument = "systemd.unified_cgroup_hierarchy";
inline constexpr std::string_view cgroup_disable_argument = "cgroup_disable";

enum class Rule { available, scope, delegation, runtime_dir, linger, low_ports, ping_range, network };

[[nodiscard]] const policy::ControlInfo& info(Rule rule);

// Everything that the verdicts look at.
struct EnvironmentCase {
    const EnvironmentParams& params;
    const policy::Provision& provision;
    const EnvironmentFacts& facts;
};

using Findings = std::vector<policy::Finding>;

[[nodiscard]] Findings judge_available(const EnvironmentCase& c);
[[nodiscard]] Findings judge_scope(const EnvironmentCase& c);
[[nodiscard]] Findings judge_low_ports(const EnvironmentCase& c);
[[nodiscard]] Findings judge_ping_range(const EnvironmentCase& c);
[[nodiscard]] Findings judge_delegation(const EnvironmentCase& c);
[[nodiscard]] Findings judge_runtime_dirs(const EnvironmentCase& c);
[[nodiscard]] Findings judge_linger(const EnvironmentCase& c);
[[nodiscard]] Findings judge_network(const EnvironmentCase& c);

[[nodiscard]] policy::Finding unknown(Rule rule, std::string subject, const Error& why);
[[nodiscard]] policy::Finding by_hand(Rule rule, std::string subject, std::string message,
                                      std::string what_to_do, std::vector<policy::Evidence> evidence);

// What a kernel setting has to be.
struct Demand {
    std::string key;
    std::function<bool(const std::string&)> satisfied;
    std::string wanted;          // the value to set when it is not
    std::string expected;        // in words
    std::string kernel_default;  // empty: satisfies the demand
};

// Judges the running kernel's value (on a running host) and the one after the next boot; the fix sets both.
[[nodiscard]] policy::Finding judge_knob(const EnvironmentCase& c, Rule rule, const Demand& demand,
                                         const std::string& good);

}  // namespace plimsoll::modules::rootless
