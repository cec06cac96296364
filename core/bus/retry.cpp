// SPDX-License-Identifier: Apache-2.0
#include "core/bus/retry.hpp"

#include <algorithm>

namespace plimsoll::bus {

Result<void> Retry::attach(const EventLoop& loop) {
    PLIMSOLL_TRY(timer_, loop.on_time(longest_wait, first_wait / 2, [this] { again(); }));
    timer_.enable(false);
    return {};
}

void Retry::after(const std::string& why) {
    if (report_)
        report_(why);
    timer_.call_after(wait_);
    wait_ = std::min<std::chrono::microseconds>(wait_ * 2, longest_wait);
}

void Retry::again() {
    if (const auto done = connect_(); !done)
        return after(done.error().message);
    wait_ = first_wait;
    if (report_)
        report_("");
}

}  // namespace plimsoll::bus
