// SPDX-License-Identifier: Apache-2.0
// One sd_event loop (sd-event(3)) and its sources, owned. Everything in the daemon happens on it, in one
// thread.
#pragma once
#include "core/base/result.hpp"

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>

struct sd_event;
struct sd_event_source;

namespace plimsoll::bus {

// Something the loop waits for. It ends with this object, also from inside its own call.
class Source {
  public:
    Source();
    Source(const Source&) = delete;
    Source& operator=(const Source&) = delete;
    Source(Source&&) noexcept;
    Source& operator=(Source&&) noexcept;
    ~Source();

    [[nodiscard]] explicit operator bool() const;
    void reset();

    // Of a timer: when to call next, measured from now. Of anything: whether it is called at all.
    void call_after(std::chrono::microseconds delay);
    void enable(bool on);

  private:
    friend class EventLoop;
    struct State;
    explicit Source(std::unique_ptr<State> state);
    std::unique_ptr<State> state_;
};

class EventLoop {
  public:
    // In the order of dispatch when several are due.
    enum class Priority : std::int64_t { watch = -10, normal = 0, bus = 10, idle = 100 };

    [[nodiscard]] static Result<EventLoop> make();
    EventLoop(const EventLoop&) = delete;
    EventLoop& operator=(const EventLoop&) = delete;
    EventLoop(EventLoop&&) noexcept = default;
    EventLoop& operator=(EventLoop&&) noexcept = default;
    ~EventLoop() = default;

    // `events` as for epoll_ctl(2); the descriptor stays the caller's and must outlive the source. Regular
    // files cannot be waited for (Code::unsupported).
    [[nodiscard]] Result<Source> on_io(int fd, std::uint32_t events, std::function<void(std::uint32_t)> call,
                                       Priority priority = Priority::normal) const;
    // Once after `delay` (CLOCK_MONOTONIC, not woken from suspend); Source::call_after() arms it again.
    // `slack`: how much later it may come, so that wake-ups fall together.
    [[nodiscard]] Result<Source> on_time(std::chrono::microseconds delay, std::chrono::microseconds slack,
                                         std::function<void()> call,
                                         Priority priority = Priority::normal) const;
    // Blocks the signal in this thread (signalfd(2)).
    [[nodiscard]] Result<Source> on_signal(int signal, std::function<void()> call) const;
    // Once, before the loop waits again.
    [[nodiscard]] Result<Source> defer(std::function<void()> call,
                                       Priority priority = Priority::normal) const;

    // Pets systemd's watchdog when WATCHDOG_USEC asks for it (sd_event_set_watchdog(3)).
    [[nodiscard]] Result<void> watchdog() const;

    // Until quit(); gives its code.
    [[nodiscard]] Result<int> run() const;
    void quit(int code) const;
    // One turn, waiting at most so long; for tests. False: nothing happened.
    [[nodiscard]] Result<bool> turn(std::chrono::microseconds wait) const;

    // For bus connections, which attach themselves.
    [[nodiscard]] sd_event* raw() const { return event_.get(); }

  private:
    struct Unref {
        void operator()(sd_event* e) const noexcept;
    };

    explicit EventLoop(sd_event* event) : event_(event) {}

    std::unique_ptr<sd_event, Unref> event_;
};

// sd_notify(3): "READY=1", "STATUS=…"; nothing happens without NOTIFY_SOCKET.
void notify_service_manager(const std::string& state);

}  // namespace plimsoll::bus
