// SPDX-License-Identifier: Apache-2.0
// Hears that processes end, by their pidfd (pidfd_open(2)): those that findings speak of, of which no file
// tells when they go.
#pragma once
#include "core/base/fd.hpp"
#include "core/base/result.hpp"
#include "core/bus/event_loop.hpp"
#include "daemon/watch/watcher.hpp"

#include <cstddef>
#include <functional>
#include <map>
#include <set>

namespace plimsoll::daemon {

class ProcessEnds {
  public:
    static constexpr std::size_t most{256};  // that are followed, each by a descriptor; the lowest numbers

    // `on_end` is called from the loop, 20 ms after the end, when whoever waits for the process has had time
    // to take it off the table; it may call follow(). `loop` must outlive it.
    ProcessEnds(const bus::EventLoop& loop, std::function<void(int pid, Groups groups)> on_end)
        : loop_(loop), on_end_(std::move(on_end)) {}

    ProcessEnds(const ProcessEnds&) = delete;
    ProcessEnds& operator=(const ProcessEnds&) = delete;
    ProcessEnds(ProcessEnds&&) = delete;
    ProcessEnds& operator=(ProcessEnds&&) = delete;
    ~ProcessEnds() = default;

    // These and no others from now on, by number in our PID namespace, with those whom it concerns. One that
    // is not there any more has ended, and is told of once for as long as it is asked for.
    void follow(const std::map<int, Groups>& processes);

    [[nodiscard]] std::size_t followed() const { return followed_.size(); }

  private:
    struct Followed {
        Fd pidfd{};
        Groups groups{0};
        bus::Source source{};
    };

    [[nodiscard]] Result<void> begin(int pid, Groups groups);
    void ended(int pid, Groups groups);
    void tell();

    const bus::EventLoop& loop_;
    std::function<void(int pid, Groups groups)> on_end_;
    std::map<int, Followed> followed_{};
    std::set<int> gone_{};             // and were told of
    std::map<int, Groups> waiting_{};  // for `settled_`
    bus::Source settled_{};
};

}  // namespace plimsoll::daemon
