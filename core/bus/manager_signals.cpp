// SPDX-License-Identifier: Apache-2.0
#include "core/bus/manager_signals.hpp"

#include "core/base/text.hpp"
#include "core/bus/compat.hpp"
#include "core/bus/guard.hpp"
#include "core/bus/managers.hpp"
#include "core/bus/pump.hpp"
#include "core/bus/retry.hpp"

#include <algorithm>
#include <array>
#include <chrono>

namespace plimsoll::bus {
namespace {

using namespace std::chrono_literals;

constexpr std::chrono::milliseconds together = 100ms;
constexpr std::chrono::microseconds answer_within = 60s;  // also of a manager that is busy booting

// Ended in the reverse order.
struct Session {
    std::unique_ptr<sdbus::IConnection> connection{};
    std::unique_ptr<sdbus::IProxy> systemd{};
    std::unique_ptr<sdbus::IProxy> logind{};
    std::unique_ptr<Pump> pump{};
};

}  // namespace

bool has_processes(const std::string& unit) {
    static constexpr std::array<std::string_view, 3> kinds{".service", ".scope", ".socket"};
    return std::ranges::any_of(kinds, [&](std::string_view kind) { return unit.ends_with(kind); });
}

struct ManagerSignals::State {
    State(const EventLoop& l, Calls c) : loop(l), calls(std::move(c)) {}

    Result<void> start();
    Result<void> connect();
    void listen_to_systemd(sdbus::IProxy& proxy);
    void listen_to_logind(sdbus::IProxy& proxy);
    void heard(const std::string& what);
    void tell();

    const EventLoop& loop;
    Calls calls;
    std::unique_ptr<Session> session{};
    std::string cause{};  // waits for `settled`
    Source settled{};
    Retry retry{[this] { return connect(); },
                [this](const std::string& why) {
                    if (calls.report)
                        calls.report(why);
                }};
};

Result<void> ManagerSignals::State::start() {
    PLIMSOLL_CHECK(retry.attach(loop));
    PLIMSOLL_TRY(settled, loop.on_time(together, together / 10, [this] { tell(); }));
    settled.enable(false);
    if (const auto done = connect(); !done)
        retry.after(done.error().message);
    return {};
}

Result<void> ManagerSignals::State::connect() {
    auto fresh = std::make_unique<Session>();
    PLIMSOLL_CHECK(guarded("listen to the service manager", [&] {
        fresh->connection = sdbus::createSystemBusConnection();
        fresh->systemd = make_proxy(*fresh->connection, managers::systemd, managers::systemd_path);
        fresh->logind = make_proxy(*fresh->connection, managers::logind, managers::logind_path);
        listen_to_systemd(*fresh->systemd);
        listen_to_logind(*fresh->logind);
    }));
    PLIMSOLL_TRY(fresh->pump, Pump::attach(loop, *fresh->connection, [this](const std::string& why) {
                     session.reset();
                     retry.after("the service manager is not heard: " + why);
                 }));
    session = std::move(fresh);
    // What happened before was not heard.
    heard("event bus connected");
    return {};
}

void ManagerSignals::State::listen_to_systemd(sdbus::IProxy& proxy) {
    proxy.uponSignal("JobRemoved")
        .onInterface(managers::systemd_manager)
        .call([this](std::uint32_t, const sdbus::ObjectPath&, const std::string& unit, const std::string&) {
            if (has_processes(unit))
                heard("event job of " + printable(unit));
        });
    signals_registered(proxy);
    // Without a subscriber systemd announces no job. Whoever does not answer is heard of by the full pass.
    call_async(proxy, managers::systemd_manager, "Subscribe", answer_within,
               [this](sdbus::MethodReply&, const sdbus::Error* error) {
                   if (error != nullptr && calls.report)
                       calls.report("systemd does not announce its jobs: " + error->getMessage());
               });
}

void ManagerSignals::State::listen_to_logind(sdbus::IProxy& proxy) {
    for (const char* name : {"UserNew", "UserRemoved"})
        proxy.uponSignal(name)
            .onInterface(managers::logind_manager)
            .call([this](std::uint32_t uid, const sdbus::ObjectPath&) {
                heard("event user " + std::to_string(uid));
            });
    signals_registered(proxy);
}

void ManagerSignals::State::heard(const std::string& what) {
    if (!cause.empty())
        return;
    cause = what;
    settled.call_after(together);
}

void ManagerSignals::State::tell() {
    const std::string first = std::exchange(cause, {});
    if (calls.news)
        calls.news(first);
}

Result<std::unique_ptr<ManagerSignals>> ManagerSignals::make(const EventLoop& loop, Calls calls) {
    auto state = std::make_unique<State>(loop, std::move(calls));
    PLIMSOLL_CHECK(state->start());
    return std::unique_ptr<ManagerSignals>(new ManagerSignals(std::move(state)));
}

ManagerSignals::ManagerSignals(std::unique_ptr<State> state) : state_(std::move(state)) {}

ManagerSignals::~ManagerSignals() = default;

}  // namespace plimsoll::bus
