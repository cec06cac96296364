// SPDX-License-Identifier: Apache-2.0
// Drives one sdbus-c++ connection from the event loop, the same way for sdbus-c++ 1.2 and 2.x.
#pragma once
#include "core/bus/event_loop.hpp"

#include <functional>
#include <memory>
#include <string>

namespace sdbus {
class IConnection;
}

namespace plimsoll::bus {

class Pump {
  public:
    // The connection must outlive the pump. `lost` is called once, from the loop, when the connection ended
    // or somebody's exception came through it; the pump is at rest then and may be destroyed in the call.
    [[nodiscard]] static Result<std::unique_ptr<Pump>> attach(const EventLoop& loop,
                                                              sdbus::IConnection& connection,
                                                              std::function<void(const std::string&)> lost);
    Pump(const Pump&) = delete;
    Pump& operator=(const Pump&) = delete;
    ~Pump();

  private:
    struct State;
    explicit Pump(std::unique_ptr<State> state);
    std::unique_ptr<State> state_;
};

}  // namespace plimsoll::bus
