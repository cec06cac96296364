// SPDX-License-Identifier: Apache-2.0
// Which findings plan and apply act on.
#pragma once
#include "agentctl/session.hpp"
#include "core/host/remedy.hpp"

namespace plimsoll::agentctl {

using host::has_automatic_fix;

// Failing, and left to a person.
[[nodiscard]] bool is_by_hand(const policy::Finding& finding);
// Whether --enforced leaves this finding in.
[[nodiscard]] bool in_scope(const policy::Finding& finding, const Options& options);
// Live, or named by --allow.
[[nodiscard]] bool is_permitted(policy::FixClass cls, const Options& options);

// The fix with what it would change on the host as it is now.
[[nodiscard]] render::PlannedFix planned(const policy::Finding& finding, const Session& session);

[[nodiscard]] render::Plan make_plan(const Session& session, const policy::Assessment& assessment);

}  // namespace plimsoll::agentctl
