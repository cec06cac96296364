// SPDX-License-Identifier: Apache-2.0
// org.plimsoll.Agent1 on a bus: the daemon's side (units/dbus/org.plimsoll.Agent1.xml, docs/dbus.md).
#pragma once
#include "core/bus/event_loop.hpp"
#include "daemon/api.hpp"

#include <functional>
#include <memory>
#include <string>

namespace plimsoll::daemon {

enum class BusKind { session, system };

struct ServeOptions {
    BusKind kind{BusKind::system};
    // A socket that tells agentctl, for the price of one connect(2), that a daemon of this host is on the
    // system bus; nothing is ever read from it. Empty: none (private buses, scratch roots).
    std::string presence{};
    // Told when the bus is lost ("…; trying again in 2 s") and found again (""); may be empty.
    std::function<void(const std::string& problem)> report{};
};

inline constexpr const char* presence_socket = "/run/plimsoll/agent1.sock";

class Service {
  public:
    virtual ~Service() = default;
    // Why the daemon is not on the bus at the moment; "" when it is.
    [[nodiscard]] virtual const std::string& problem() const = 0;
};

// Serves until the result is destroyed; `loop` and `api` must outlive it. When the bus is not there, or goes
// away, the connection is tried again after 0.25 s, 0.5 s, … 30 s, for ever; nothing else of the daemon waits
// for it. Code::busy: another daemon has the name already; Code::permission: the bus's policy refuses it.
[[nodiscard]] Result<std::unique_ptr<Service>> serve(const bus::EventLoop& loop, Api& api,
                                                     ServeOptions options);

}  // namespace plimsoll::daemon
