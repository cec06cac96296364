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
    // Told why the daemon is not on the bus, and "" when it is again; may be empty.
    std::function<void(const std::string& problem)> report{};
};

class Service {
  public:
    virtual ~Service() = default;
};

// Serves until the result is destroyed; `loop` and `api` must outlive it. When the bus is not there, or goes
// away, the connection is tried again after 0.25 s, 0.5 s, … 30 s, for ever; nothing else of the daemon waits
// for it. Code::busy: another daemon has the name already; Code::permission: the bus's policy refuses it.
[[nodiscard]] Result<std::unique_ptr<Service>> serve(const bus::EventLoop& loop, Api& api,
                                                     ServeOptions options);

}  // namespace plimsoll::daemon
