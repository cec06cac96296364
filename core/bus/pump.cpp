// SPDX-License-Identifier: Apache-2.0
#include "core/bus/pump.hpp"

#include "core/bus/compat.hpp"

#include <systemd/sd-event.h>

#include <exception>

#include <sys/epoll.h>

namespace plimsoll::bus {
namespace {

struct Unref {
    void operator()(sd_event_source* s) const noexcept { sd_event_source_disable_unref(s); }
};

using RawSource = std::unique_ptr<sd_event_source, Unref>;

constexpr auto priority = static_cast<std::int64_t>(EventLoop::Priority::bus);

}  // namespace

struct Pump::State {
    const EventLoop* loop{nullptr};
    sdbus::IConnection* connection{nullptr};
    std::function<void(const std::string&)> lost{};
    RawSource io{};
    RawSource wake{};
    RawSource time{};
    Source ending{};

    // The descriptor's events and the next deadline change whenever something is sent or received, also from
    // outside of our own calls, and messages may wait in sd-bus's own queue: so they are asked for before
    // every poll (sd_bus_get_events(3)).
    void prepare() {
        const auto data = connection->getEventLoopPollData();
        (void)sd_event_source_set_io_events(io.get(), static_cast<std::uint32_t>(data.events));
        const auto deadline = wake_time(data);
        if (deadline)
            (void)sd_event_source_set_time(time.get(), static_cast<std::uint64_t>(deadline->count()));
        (void)sd_event_source_set_enabled(time.get(), deadline ? SD_EVENT_ONESHOT : SD_EVENT_OFF);
    }

    template <class F>
    int edge(F&& f) noexcept {
        try {
            f();
        } catch (const std::exception& e) {
            end(e.what());
        }
        return 0;
    }

    // One message for each turn of the loop, so that a flood of them delays nobody else.
    int dispatch() noexcept {
        return edge([this] { (void)process_one(*connection); });
    }

    void end(const char* why) noexcept {
        if (ending)
            return;
        for (const auto* s : {&io, &wake, &time})
            if (*s != nullptr)
                (void)sd_event_source_set_enabled(s->get(), SD_EVENT_OFF);
        (void)sd_event_source_set_prepare(io.get(), nullptr);
        auto deferred = loop->defer([this, why = std::string(why)] {
            const auto call = std::move(lost);  // we may be gone when it returns
            call(why);
        });
        if (deferred)
            ending = *std::move(deferred);
    }

    static State* of(void* p) { return static_cast<State*>(p); }

    static int on_io(sd_event_source*, int, std::uint32_t, void* p) { return of(p)->dispatch(); }

    static int on_time(sd_event_source*, std::uint64_t, void* p) { return of(p)->dispatch(); }

    static int on_prepare(sd_event_source*, void* p) {
        return of(p)->edge([p] { of(p)->prepare(); });
    }

    Result<void> add_io(RawSource& to, int fd) {
        sd_event_source* s = nullptr;
        if (const int r = sd_event_add_io(loop->raw(), &s, fd, EPOLLIN, on_io, this); r < 0)
            return fail_errno("wait for the bus", -r);
        to.reset(s);
        (void)sd_event_source_set_priority(s, priority);
        return {};
    }

    Result<void> add_all() {
        const auto data = connection->getEventLoopPollData();
        PLIMSOLL_CHECK(add_io(io, data.fd));
        if (const int fd = wake_fd(data); fd >= 0)
            PLIMSOLL_CHECK(add_io(wake, fd));
        sd_event_source* s = nullptr;
        if (const int r = sd_event_add_time(loop->raw(), &s, CLOCK_MONOTONIC, UINT64_MAX, 1, on_time, this);
            r < 0)
            return fail_errno("wait for the bus", -r);
        time.reset(s);
        (void)sd_event_source_set_priority(s, priority);
        (void)sd_event_source_set_prepare(io.get(), on_prepare);
        return {};
    }
};

Pump::Pump(std::unique_ptr<State> state) : state_(std::move(state)) {}

Pump::~Pump() = default;

Result<std::unique_ptr<Pump>> Pump::attach(const EventLoop& loop, sdbus::IConnection& connection,
                                           std::function<void(const std::string&)> lost) {
    auto state = std::make_unique<State>();
    state->loop = &loop;
    state->connection = &connection;
    state->lost = std::move(lost);
    try {
        PLIMSOLL_CHECK(state->add_all());
    } catch (const std::exception& e) {
        return fail(Code::io, std::string("the bus connection: ") + e.what());
    }
    return std::unique_ptr<Pump>(new Pump(std::move(state)));
}

}  // namespace plimsoll::bus
