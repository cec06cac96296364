// SPDX-License-Identifier: Apache-2.0
// Connects again to what went away: after 0.25 s, 0.5 s, … 30 s, for ever.
#pragma once
#include "core/bus/event_loop.hpp"

#include <chrono>
#include <functional>
#include <string>

namespace plimsoll::bus {

class Retry {
  public:
    // `connect` is called from the loop. `report` is told why there is no connection, and "" when there is
    // one again; may be empty.
    Retry(std::function<Result<void>()> connect, std::function<void(const std::string&)> report)
        : connect_(std::move(connect)), report_(std::move(report)) {}

    // `loop` must outlive it.
    [[nodiscard]] Result<void> attach(const EventLoop& loop);

    // There is no connection (any more).
    void after(const std::string& why);

  private:
    static constexpr std::chrono::milliseconds first_wait{250};
    static constexpr std::chrono::milliseconds longest_wait{30'000};

    void again();

    std::function<Result<void>()> connect_;
    std::function<void(const std::string&)> report_;
    Source timer_{};
    std::chrono::microseconds wait_{first_wait};
};

}  // namespace plimsoll::bus
