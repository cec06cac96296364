// SPDX-License-Identifier: Apache-2.0
// What a job has to do. Part of the agent.
#pragma once
#include "core/host/remedy.hpp"
#include "daemon/agent/agent_state.hpp"

#include <optional>

namespace plimsoll::daemon {

struct Agent::State::Work {
    ApplyRequest request{};
    std::optional<host::FixRun> fixes{};  // nullopt: undo
    std::uint64_t undo{0};
    bool looked{false};
};

// Which findings a request means.
[[nodiscard]] bool is_permitted(const ApplyRequest& request, const policy::Finding& finding);

}  // namespace plimsoll::daemon
