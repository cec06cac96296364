// SPDX-License-Identifier: Apache-2.0
// The executor, taken for one piece of work at a time, so that agentctl can work on the same host between
// two of them. What it needs once (settling what a crash left) is done again only when somebody else had it.
#pragma once
#include "core/host/executor.hpp"

#include <optional>
#include <string>
#include <vector>

namespace plimsoll::daemon {

class Hands {
  public:
    // `services` may be null; all must outlive it.
    Hands(const host::Host& host, host::ServiceManager* services) : host_(host), services_(services) {}

    // Until let_go(), or the end of the work. Code::busy: somebody else is changing the host.
    [[nodiscard]] Result<host::Executor*> take();
    // Gives the entry of what was done; 0: nothing.
    std::uint64_t let_go();

    // What a crash left that could not be settled; one line each.
    [[nodiscard]] std::vector<std::string> problems() const;

  private:
    const host::Host& host_;
    host::ServiceManager* services_;
    std::optional<host::Executor> executor_{};
};

}  // namespace plimsoll::daemon
