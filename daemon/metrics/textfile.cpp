// SPDX-License-Identifier: Apache-2.0
#include "daemon/metrics/textfile.hpp"

#include "core/host/atomic_file.hpp"

#include <algorithm>
#include <utility>

namespace plimsoll::daemon::metrics {

using std::chrono::microseconds;
using Clock = std::chrono::steady_clock;

Result<void> Textfile::attach(const bus::EventLoop& loop) {
    PLIMSOLL_TRY(timer_, loop.on_time(
                             microseconds(0), options_.pause / 10, [this] { write(); },
                             bus::EventLoop::Priority::idle));
    waiting_ = true;
    return {};
}

Textfile::~Textfile() {
    if (!ours_)
        return;
    if (const auto at = host::open_place(root_, options_.path))
        (void)::unlinkat(at->dir.get(), at->name.c_str(), 0);
}

void Textfile::changed() {
    if (timer_ && !std::exchange(waiting_, true))
        timer_.call_after(
            std::chrono::ceil<microseconds>(std::max(next_ - Clock::now(), Clock::duration(0))));
}

void Textfile::write() {
    waiting_ = false;
    next_ = Clock::now() + options_.pause;
    const host::NewFile fresh{0644, ::geteuid(), ::getegid()};
    const auto written = host::replace_file(root_, options_.path, options_.text(), fresh);
    ours_ = ours_ || written;
    if (!written)
        changed();  // tries again
    const std::string problem = written ? "" : "the metrics cannot be written: " + written.error().message;
    if (problem != std::exchange(problem_, problem))
        options_.report(problem);
}

}  // namespace plimsoll::daemon::metrics
