// SPDX-License-Identifier: Apache-2.0
#include "daemon/agent/hands.hpp"

namespace plimsoll::daemon {

Result<host::Executor*> Hands::take() {
    if (executor_) {
        const auto resumed = executor_->resume();
        if (resumed)
            return &*executor_;
        if (resumed.error().code == Code::busy)
            return Failure(resumed.error());
        executor_.reset();
    }
    PLIMSOLL_TRY(executor_, host::Executor::open(host_, host_.state_dir(), services_));
    return &*executor_;
}

std::uint64_t Hands::let_go() {
    if (!executor_)
        return 0;
    const auto entry = executor_->current_entry();
    executor_->pause();
    return entry;
}

std::vector<std::string> Hands::problems() const {
    return executor_ ? executor_->problems() : std::vector<std::string>{};
}

}  // namespace plimsoll::daemon
