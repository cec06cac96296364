// SPDX-License-Identifier: Apache-2.0
#include "daemon/watch/process_ends.hpp"

#include <cerrno>
#include <chrono>
#include <utility>

#include <sys/epoll.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace plimsoll::daemon {
namespace {

constexpr std::chrono::milliseconds settling{20};

}  // namespace

void ProcessEnds::follow(const std::map<int, Groups>& processes) {
    std::erase_if(followed_, [&](const auto& f) { return !processes.contains(f.first); });
    std::erase_if(gone_, [&](int pid) { return !processes.contains(pid); });
    for (const auto& [pid, groups] : processes) {
        if (const auto known = followed_.find(pid); known != followed_.end()) {
            known->second.groups = groups;
            continue;
        }
        if (gone_.contains(pid) || followed_.size() >= most)
            continue;
        // Without a pidfd (no descriptor left, Linux before 5.3) it is left to the full pass.
        if (const auto begun = begin(pid, groups); !begun && begun.error().sys_errno == ESRCH)
            ended(pid, groups);
    }
}

Result<void> ProcessEnds::begin(int pid, Groups groups) {
    Followed f{.pidfd = Fd(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0))), .groups = groups};
    if (!f.pidfd)
        return fail_errno("follow a process");
    PLIMSOLL_TRY(f.source, loop_.on_io(f.pidfd.get(), EPOLLIN, [this, pid](std::uint32_t) {
        auto done = followed_.extract(pid);
        ended(pid, done.mapped().groups);
    }));
    followed_.emplace(pid, std::move(f));
    return {};
}

void ProcessEnds::ended(int pid, Groups groups) {
    gone_.insert(pid);
    waiting_[pid] |= groups;
    if (!settled_) {
        auto timer = loop_.on_time(settling, settling / 10, [this] { tell(); });
        if (!timer)
            return;
        settled_ = *std::move(timer);
    } else if (waiting_.size() == 1) {
        settled_.call_after(settling);
    }
}

void ProcessEnds::tell() {
    for (const auto& [pid, groups] : std::exchange(waiting_, {}))
        on_end_(pid, groups);
}

}  // namespace plimsoll::daemon
