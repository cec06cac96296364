// SPDX-License-Identifier: Apache-2.0
// Keeps the daemon in view: for watch and wait.
#pragma once
#include "agentctl/live/client.hpp"

namespace plimsoll::agentctl::live {

// Called from the loop; these may ask the daemon.
struct Events {
    std::function<void(const Transition&)> transition{};
    // After it changed, and when the daemon is back.
    std::function<void(const Status&)> status{};
    std::function<void(bool there)> presence{};
    // It is on the bus but does not answer, or not what was asked; told once until it answers again.
    std::function<void(const Error&)> unanswered{};
};

class Follower {
  public:
    // `client` and `loop` must outlive it. The loop ends with an error when the bus is lost: see lost().
    [[nodiscard]] static Result<std::unique_ptr<Follower>> start(Client& client, const bus::EventLoop& loop,
                                                                 Events events);
    Follower(const Follower&) = delete;
    Follower& operator=(const Follower&) = delete;
    ~Follower() = default;

    // Why the loop ended; empty: because somebody wanted it.
    [[nodiscard]] const std::string& lost() const { return lost_; }

  private:
    Follower(Client& client, const bus::EventLoop& loop, Events events);
    void ask_soon();
    void ask();

    Client& client_;
    const bus::EventLoop& loop_;
    Events events_;
    bus::Source ask_{};
    bool unanswered_{false};
    std::string lost_{};
};

}  // namespace plimsoll::agentctl::live
