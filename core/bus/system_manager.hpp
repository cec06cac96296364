// SPDX-License-Identifier: Apache-2.0
// systemd's manager on the system bus (org.freedesktop.systemd1(5)).
#pragma once
#include "core/host/service_manager.hpp"

#include <chrono>
#include <memory>

namespace plimsoll::bus {

// Connects to the system bus (DBUS_SYSTEM_BUS_ADDRESS, else the usual socket). Code::unsupported when there
// is no bus or nobody answers as systemd on it; Code::permission when we may not connect. `job_deadline`: how
// long start, stop, restart and a reload may take; Code::busy after it.
[[nodiscard]] Result<std::unique_ptr<host::ServiceManager>> connect_system_manager(
    std::chrono::milliseconds job_deadline = std::chrono::seconds{90});

}  // namespace plimsoll::bus
