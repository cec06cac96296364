// SPDX-License-Identifier: Apache-2.0
// Carries out fixes one at a time, observing again after each, and stops at the first that does not work.
#pragma once
#include "agentctl/session.hpp"
#include "core/host/executor.hpp"

namespace plimsoll::agentctl {

struct Carried {
    std::vector<render::DoneFix> done{};
    std::string stopped{};  // why it stopped early; empty when it did not
    Code stopped_for{Code::internal};
};

// Takes the first permitted failing finding in catalogue order, carries out its changes, assesses its control
// again, and goes on until none is left. A change refused because the host changed meanwhile (Code::busy) is
// planned anew a few times. Each fix is tried once, so two controls that undo each other cannot loop.
[[nodiscard]] Carried carry_out_fixes(const Session& session, host::Executor& executor);

}  // namespace plimsoll::agentctl
