// SPDX-License-Identifier: Apache-2.0
// Hears from systemd and logind on the system bus what no file tells: that a service was started or stopped,
// that a user came or went (org.freedesktop.systemd1(5), org.freedesktop.login1(5)).
#pragma once
#include "core/bus/event_loop.hpp"

#include <functional>
#include <memory>
#include <string>

namespace plimsoll::bus {

class ManagerSignals {
  public:
    struct Calls {
        // "event job of docker.service", "event user 1000": the first of what came within a tenth of a
        // second, and the rest is not told apart. Printable.
        std::function<void(const std::string& cause)> news{};
        // Why nothing is heard, and "" when something is again; may be empty.
        std::function<void(const std::string& problem)> report{};
    };

    // `loop` must outlive it. A bus that is not there is tried again, for ever; meanwhile nothing waits for
    // it.
    [[nodiscard]] static Result<std::unique_ptr<ManagerSignals>> make(const EventLoop& loop, Calls calls);
    ManagerSignals(const ManagerSignals&) = delete;
    ManagerSignals& operator=(const ManagerSignals&) = delete;
    ~ManagerSignals();

  private:
    struct State;
    explicit ManagerSignals(std::unique_ptr<State> state);
    std::unique_ptr<State> state_;
};

// Whether its jobs can change which processes run: of services, scopes and sockets they can.
[[nodiscard]] bool has_processes(const std::string& unit);

}  // namespace plimsoll::bus
