// SPDX-License-Identifier: Apache-2.0
#include "core/bus/event_loop.hpp"

#include <systemd/sd-daemon.h>
#include <systemd/sd-event.h>

#include <algorithm>
#include <csignal>

namespace plimsoll::bus {
namespace {

std::unexpected<Error> failed(int r, const char* what) {
    return fail_errno(what, -r);
}

constexpr std::uint64_t usec(std::chrono::microseconds d) {
    return d.count() < 0 ? 0 : static_cast<std::uint64_t>(d.count());
}

}  // namespace

struct Source::State {
    std::function<void(std::uint32_t)> call{};
    sd_event_source* source{nullptr};
    bool running{false};
    bool gone{false};  // its owner let go of it while it was running

    static int dispatch(void* p, std::uint32_t events) {
        auto* self = static_cast<State*>(p);
        self->running = true;
        self->call(events);
        self->running = false;
        if (self->gone)
            delete self;
        return 0;
    }

    State() = default;
    State(const State&) = delete;
    State& operator=(const State&) = delete;

    ~State() { sd_event_source_disable_unref(source); }
};

Source::Source(std::unique_ptr<State> state) : state_(std::move(state)) {}

Source::Source() = default;
Source::Source(Source&&) noexcept = default;

Source::operator bool() const {
    return state_ != nullptr;
}

Source& Source::operator=(Source&& other) noexcept {
    if (this != &other) {
        reset();
        state_ = std::move(other.state_);
    }
    return *this;
}

Source::~Source() {
    reset();
}

void Source::reset() {
    if (state_ == nullptr)
        return;
    if (!state_->running) {
        state_.reset();
        return;
    }
    auto* state = state_.release();  // dispatch() deletes it when its call returns
    state->gone = true;
    (void)sd_event_source_set_enabled(state->source, SD_EVENT_OFF);
}

void Source::call_after(std::chrono::microseconds delay) {
    if (state_ == nullptr)
        return;
    (void)sd_event_source_set_time_relative(state_->source, usec(delay));
    (void)sd_event_source_set_enabled(state_->source, SD_EVENT_ONESHOT);
}

void Source::enable(bool on) {
    if (state_ != nullptr)
        (void)sd_event_source_set_enabled(state_->source, on ? SD_EVENT_ON : SD_EVENT_OFF);
}

void EventLoop::Unref::operator()(sd_event* e) const noexcept {
    sd_event_unref(e);
}

Result<EventLoop> EventLoop::make() {
    sd_event* event = nullptr;
    if (const int r = sd_event_new(&event); r < 0)
        return failed(r, "make an event loop");
    return EventLoop(event);
}

Result<Source> EventLoop::on_io(int fd, std::uint32_t events, std::function<void(std::uint32_t)> call,
                                Priority priority) const {
    auto state = std::make_unique<Source::State>();
    state->call = std::move(call);
    const auto handler = [](sd_event_source*, int, std::uint32_t revents, void* p) {
        return Source::State::dispatch(p, revents);
    };
    if (const int r = sd_event_add_io(raw(), &state->source, fd, events, handler, state.get()); r < 0)
        return failed(r, "wait for a descriptor");
    (void)sd_event_source_set_priority(state->source, static_cast<std::int64_t>(priority));
    return Source(std::move(state));
}

Result<Source> EventLoop::on_time(std::chrono::microseconds delay, std::chrono::microseconds slack,
                                  std::function<void()> call, Priority priority) const {
    auto state = std::make_unique<Source::State>();
    state->call = [call = std::move(call)](std::uint32_t) { call(); };
    const auto handler = [](sd_event_source*, std::uint64_t, void* p) {
        return Source::State::dispatch(p, 0);
    };
    // An accuracy of 0 would mean the default of 250 ms.
    const int r = sd_event_add_time_relative(raw(), &state->source, CLOCK_MONOTONIC, usec(delay),
                                             std::max<std::uint64_t>(1, usec(slack)), handler, state.get());
    if (r < 0)
        return failed(r, "wait for a time");
    (void)sd_event_source_set_priority(state->source, static_cast<std::int64_t>(priority));
    return Source(std::move(state));
}

Result<Source> EventLoop::on_signal(int signal, std::function<void()> call) const {
    sigset_t set;
    (void)::sigemptyset(&set);
    (void)::sigaddset(&set, signal);
    if (const int error = ::pthread_sigmask(SIG_BLOCK, &set, nullptr); error != 0)
        return fail_errno("block a signal", error);
    auto state = std::make_unique<Source::State>();
    state->call = [call = std::move(call)](std::uint32_t) { call(); };
    const auto handler = [](sd_event_source*, const struct signalfd_siginfo*, void* p) {
        return Source::State::dispatch(p, 0);
    };
    if (const int r = sd_event_add_signal(raw(), &state->source, signal, handler, state.get()); r < 0)
        return failed(r, "wait for a signal");
    return Source(std::move(state));
}

Result<Source> EventLoop::defer(std::function<void()> call, Priority priority) const {
    auto state = std::make_unique<Source::State>();
    state->call = [call = std::move(call)](std::uint32_t) { call(); };
    const auto handler = [](sd_event_source*, void* p) { return Source::State::dispatch(p, 0); };
    if (const int r = sd_event_add_defer(raw(), &state->source, handler, state.get()); r < 0)
        return failed(r, "defer a call");
    (void)sd_event_source_set_priority(state->source, static_cast<std::int64_t>(priority));
    return Source(std::move(state));
}

Result<void> EventLoop::watchdog() const {
    if (const int r = sd_event_set_watchdog(raw(), 1); r < 0)
        return failed(r, "serve the watchdog");
    return {};
}

Result<int> EventLoop::run() const {
    const int r = sd_event_loop(raw());
    if (r < 0)
        return failed(r, "run the event loop");
    return r;
}

void EventLoop::quit(int code) const {
    (void)sd_event_exit(raw(), code);
}

Result<bool> EventLoop::turn(std::chrono::microseconds wait) const {
    const int r = sd_event_run(raw(), usec(wait));
    if (r < 0)
        return failed(r, "run the event loop");
    return r > 0;
}

void notify_service_manager(const std::string& state) {
    (void)sd_notify(0, state.c_str());
}

}  // namespace plimsoll::bus
