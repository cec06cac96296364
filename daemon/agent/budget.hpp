// SPDX-License-Identifier: Apache-2.0
// Keeps looking from taking all of a processor when events never end, which any local user can bring about:
// half of one in the long run, bursts of two seconds. Pure.
#pragma once
#include <algorithm>
#include <chrono>

namespace plimsoll::daemon {

class Budget {
  public:
    using Clock = std::chrono::steady_clock;
    static constexpr Clock::duration burst{std::chrono::seconds(2)};
    static constexpr int share{2};  // one part of so many

    explicit Budget(Clock::time_point now) : at_(now) {}

    void spend(Clock::duration cost, Clock::time_point now) {
        left_ = left_at(now) - cost;
        at_ = now;
    }

    // How long to wait before there is something to spend; zero: nothing to wait for.
    [[nodiscard]] Clock::duration wait(Clock::time_point now) const {
        return std::max(Clock::duration::zero(), -left_at(now) * share);
    }

  private:
    [[nodiscard]] Clock::duration left_at(Clock::time_point now) const {
        return std::min(burst, left_ + (now - at_) / share);
    }

    Clock::duration left_{burst};
    Clock::time_point at_;
};

}  // namespace plimsoll::daemon
