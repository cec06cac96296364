// SPDX-License-Identifier: Apache-2.0
// The daemon, asked over D-Bus. Calls wait for the answer, 15 s at most (the daemon itself may have to wait
// 10 s for polkit).
#pragma once
#include "agentctl/live/model.hpp"
#include "core/base/result.hpp"
#include "core/bus/event_loop.hpp"

#include <functional>
#include <memory>

namespace plimsoll::agentctl::live {

enum class BusKind { session, system };

struct HistoryQuery {
    std::uint64_t after{0};    // ids greater than this
    Time since{};              // 0: always
    std::string controls{};    // patterns, separated by blanks; "": all
    std::uint32_t limit{100};  // the newest so many
};

// What the bus tells by itself. These are called from within the bus library: they must not ask the daemon.
struct Signals {
    std::function<void(const Transition&)> transition{};
    std::function<void()> status_changed{};
    std::function<void(bool there)> presence{};          // the daemon came to the bus, or left it
    std::function<void(const std::string& why)> lost{};  // the bus itself is gone
};

class Client {
  public:
    // Code::unsupported: there is no such bus; Code::permission: we may not use it.
    [[nodiscard]] static Result<std::unique_ptr<Client>> connect(BusKind kind);
    Client(const Client&) = delete;
    Client& operator=(const Client&) = delete;
    ~Client();

    // Whether a daemon is on the bus. The calls below would have the bus start one that is not.
    [[nodiscard]] Result<bool> daemon_is_there();
    [[nodiscard]] Result<Status> status();
    // `statuses`: names separated by blanks.
    [[nodiscard]] Result<std::vector<Finding>> findings(const std::string& statuses);
    [[nodiscard]] Result<std::vector<Transition>> history(const HistoryQuery& query);  // oldest first
    [[nodiscard]] Result<std::vector<Container>> containers();

    // From now on the loop serves the connection. Once.
    [[nodiscard]] Result<void> listen(const bus::EventLoop& loop, Signals signals);

  private:
    struct State;
    explicit Client(std::unique_ptr<State> state);
    std::unique_ptr<State> state_;
};

}  // namespace plimsoll::agentctl::live
