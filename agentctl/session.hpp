// SPDX-License-Identifier: Apache-2.0
// What most verbs need: the host, the modules, the policy in force, and how to print.
#pragma once
#include "agentctl/command_line.hpp"
#include "agentctl/render/plan.hpp"
#include "agentctl/stop.hpp"
#include "core/host/host.hpp"
#include "core/host/policy_files.hpp"
#include "core/policy/engine.hpp"

namespace plimsoll::agentctl {

struct Session {
    Options options;
    host::Host host;
    policy::Modules modules;
    policy::Catalogue catalogue;
    host::LoadedPolicy loaded;
    policy::Selection selection;

    [[nodiscard]] policy::Assessment assess(const policy::Selection& which) const;
    [[nodiscard]] render::Report report(policy::Assessment assessment) const;
};

// Opens the host and loads its policy, or the one given with --policy. Exit 2 for a policy that is refused,
// listing every problem, and for a --control that matches nothing.
[[nodiscard]] Outcome<Session> open_session(const Options& options);

// The host's root; exit 2 when there is no such directory.
[[nodiscard]] Outcome<host::Host> open_host(const Options& options);

// --policy files, or nullopt when none is given.
[[nodiscard]] Outcome<std::vector<policy::PolicyFile>> read_policy_paths(
    const std::vector<std::string>& paths, const Options& options);

// The ids of all controls, in catalogue order.
[[nodiscard]] std::vector<std::string> control_ids(const policy::Catalogue& catalogue);

// The controls of the catalogue that --control selects; exit 2 when one of the globs matches nothing.
[[nodiscard]] Outcome<policy::Selection> select_controls(const Options& options,
                                                         const policy::Catalogue& catalogue);

}  // namespace plimsoll::agentctl
