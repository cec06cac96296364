// SPDX-License-Identifier: Apache-2.0
#include "daemon/agent/wall_timer.hpp"

#include <algorithm>
#include <cstdint>

#include <sys/epoll.h>
#include <sys/timerfd.h>

namespace plimsoll::daemon {
namespace {

constexpr std::int64_t far_away = 7'258'118'400;  // 2200-01-01, for a timer that only hears of a set clock

}  // namespace

// True: the clock was set since it was asked last, which settime(2) takes note of and read(2) then does not
// tell.
bool WallTimer::State::arm() const {
    struct itimerspec when{};
    when.it_value.tv_sec = at ? std::max<std::int64_t>(1, at->time_since_epoch().count()) : far_away;
    return ::timerfd_settime(fd.get(), TFD_TIMER_ABSTIME | TFD_TIMER_CANCEL_ON_SET, &when, nullptr) != 0 &&
           errno == ECANCELED;
}

void WallTimer::State::due() {
    std::uint64_t times = 0;
    const ssize_t n = ::read(fd.get(), &times, sizeof times);
    const bool set = n < 0 && errno == ECANCELED;
    if (n < 0 && !set)
        return;
    if (!set)
        at.reset();
    const bool set_again = arm();
    if (!set)
        call(Told::time_has_come);
    if (set || set_again)
        call(Told::clock_was_set);
}

Result<WallTimer> WallTimer::make(const bus::EventLoop& loop, std::function<void(Told)> call) {
    auto state = std::make_unique<State>();
    state->fd = Fd(::timerfd_create(CLOCK_REALTIME, TFD_CLOEXEC | TFD_NONBLOCK));
    if (!state->fd)
        return fail_errno("make a timer");
    state->call = std::move(call);
    (void)state->arm();
    PLIMSOLL_TRY(state->source,
                 loop.on_io(state->fd.get(), EPOLLIN, [s = state.get()](std::uint32_t) { s->due(); }));
    return WallTimer(std::move(state));
}

void WallTimer::arm(std::optional<Time> at) {
    if (state_->at == at)
        return;
    state_->at = at;
    if (state_->arm())
        state_->call(Told::clock_was_set);
}

}  // namespace plimsoll::daemon
