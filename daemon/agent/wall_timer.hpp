// SPDX-License-Identifier: Apache-2.0
// A timer of the wall clock: tells when a point in time has come, and when the clock was set (which a resume
// from suspend does as well; timerfd_create(2)).
#pragma once
#include "core/base/fd.hpp"
#include "core/base/value.hpp"
#include "core/bus/event_loop.hpp"

#include <functional>
#include <memory>
#include <optional>

namespace plimsoll::daemon {

class WallTimer {
  public:
    enum class Told { time_has_come, clock_was_set };

    [[nodiscard]] static Result<WallTimer> make(const bus::EventLoop& loop, std::function<void(Told)> call);

    // nullopt: only a set clock is told. May call.
    void arm(std::optional<Time> at);

  private:
    struct State {
        Fd fd{};
        std::optional<Time> at{};
        std::function<void(Told)> call{};
        bus::Source source{};

        [[nodiscard]] bool arm() const;
        void due();
    };

    explicit WallTimer(std::unique_ptr<State> state) : state_(std::move(state)) {}

    std::unique_ptr<State> state_;
};

}  // namespace plimsoll::daemon
