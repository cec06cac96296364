// SPDX-License-Identifier: Apache-2.0
#include "agentctl/live/follow.hpp"

namespace plimsoll::agentctl::live {
namespace {

using namespace std::chrono_literals;

constexpr std::chrono::microseconds slack = 1ms;
constexpr std::chrono::microseconds again = 1s;  // after a question that was not answered

}  // namespace

Follower::Follower(Client& client, const bus::EventLoop& loop, Events events)
    : client_(client), loop_(loop), events_(std::move(events)) {}

Result<std::unique_ptr<Follower>> Follower::start(Client& client, const bus::EventLoop& loop, Events events) {
    std::unique_ptr<Follower> out(new Follower(client, loop, std::move(events)));
    auto* self = out.get();
    PLIMSOLL_TRY(out->ask_, loop.on_time(again, slack, [self] { self->ask(); }));
    out->ask_.enable(false);
    Signals signals;
    signals.transition = [self](const Transition& t) {
        if (self->events_.transition)
            self->events_.transition(t);
    };
    signals.status_changed = [self] { self->ask_soon(); };
    signals.presence = [self](bool there) {
        if (self->events_.presence)
            self->events_.presence(there);
        self->ask_.enable(false);
        if (there)
            self->ask_soon();
    };
    signals.lost = [self](const std::string& why) {
        self->lost_ = why.empty() ? "it was closed" : why;
        self->loop_.quit(1);
    };
    PLIMSOLL_CHECK(client.listen(loop, std::move(signals)));
    return out;
}

// Not at once: a question must not be asked from within the bus library, and changes come in bursts.
void Follower::ask_soon() {
    ask_.call_after(0us);
}

void Follower::ask() {
    // Asking would start a daemon that has just left.
    const auto there = client_.daemon_is_there();
    if (there && !*there)
        return;
    const auto status = client_.status();
    if (!status) {
        if (!std::exchange(unanswered_, true) && events_.unanswered)
            events_.unanswered(status.error());
        return ask_.call_after(again);
    }
    unanswered_ = false;
    if (events_.status)
        events_.status(*status);
}

}  // namespace plimsoll::agentctl::live
