// SPDX-License-Identifier: Apache-2.0
// Carries out the fix of one finding and proves that it worked. Used by whoever applies: agentctl and the
// daemon.
#pragma once
#include "core/host/executor.hpp"
#include "core/policy/engine.hpp"

#include <functional>

namespace plimsoll::host {

// Failing, with changes that a program may carry out.
[[nodiscard]] bool has_automatic_fix(const policy::Finding& finding);

// "subuid.root-delegated (mallory)".
[[nodiscard]] std::string title_of(const policy::Finding& finding);

// Assesses a control again, on the host as it is now.
using LookAgain = std::function<policy::Assessment(const std::string& control)>;

// Carries out the changes of `finding.fix`, looks again and compares with `before`. Gives a line for each
// change. Code::busy: the host changed meanwhile, nothing more of the fix was done; observe it again and plan
// anew. Any other error: a change failed (what was done before it stays, journalled), or the finding still
// fails or cannot be observed any more (Code::integrity).
[[nodiscard]] Result<std::vector<std::string>> carry_out_fix(const policy::Finding& finding,
                                                             const policy::Assessment& before,
                                                             Executor& executor, const LookAgain& look_again);

}  // namespace plimsoll::host
