// SPDX-License-Identifier: Apache-2.0
// The verbs of agentctl, one file each. Every function returns the exit code.
#pragma once
#include "agentctl/command_line.hpp"

namespace plimsoll::agentctl::verbs {

[[nodiscard]] int check(const Options& options);
[[nodiscard]] int plan(const Options& options);
[[nodiscard]] int apply(const Options& options);
[[nodiscard]] int undo(const Options& options);
[[nodiscard]] int journal(const Options& options);
[[nodiscard]] int explain(const Options& options);
[[nodiscard]] int controls(const Options& options);
[[nodiscard]] int policy_show(const Options& options);
[[nodiscard]] int policy_validate(const Options& options);
[[nodiscard]] int policy_schema(const Options& options);
[[nodiscard]] int version(const Options& options);
[[nodiscard]] int generate(const Options& options);
// The verbs that ask the daemon: becomes plimsoll-live, with the same arguments; returns only when it cannot.
[[nodiscard]] int live(char** argv);

}  // namespace plimsoll::agentctl::verbs
