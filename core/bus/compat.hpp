// SPDX-License-Identifier: Apache-2.0
// The only file that knows which sdbus-c++ is in use: 1.2 (Debian 12) or 2.x.
#pragma once
#include <sdbus-c++/sdbus-c++.h>

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#if __has_include(<sdbus-c++/VTableItems.h>)  // came with 2.0; there is no version macro
#define PLIMSOLL_SDBUS_2 1
#else
#define PLIMSOLL_SDBUS_2 0
#endif

namespace plimsoll::bus {

using PollData = sdbus::IConnection::PollData;

#if PLIMSOLL_SDBUS_2
inline std::unique_ptr<sdbus::IProxy> make_proxy(sdbus::IConnection& c, const std::string& service,
                                                 const std::string& path) {
    return sdbus::createProxy(c, sdbus::ServiceName{service}, sdbus::ObjectPath{path});
}

inline void signals_registered(sdbus::IProxy&) {}  // active at once

inline bool process_one(sdbus::IConnection& c) {
    return c.processPendingEvent();
}

inline int wake_fd(const PollData& p) {
    return p.eventFd;
}

// A point of CLOCK_MONOTONIC; nullopt: none.
inline std::optional<std::chrono::microseconds> wake_time(const PollData& p) {
    if (p.timeout == std::chrono::microseconds::max())
        return std::nullopt;
    return p.timeout;
}
#else
inline std::unique_ptr<sdbus::IProxy> make_proxy(sdbus::IConnection& c, const std::string& service,
                                                 const std::string& path) {
    return sdbus::createProxy(c, service, path);
}

inline void signals_registered(sdbus::IProxy& p) {
    p.finishRegistration();
}

inline bool process_one(sdbus::IConnection& c) {
    return c.processPendingRequest();
}

inline int wake_fd(const PollData&) {
    return -1;
}

// A point of CLOCK_MONOTONIC; nullopt: none.
inline std::optional<std::chrono::microseconds> wake_time(const PollData& p) {
    if (p.timeout_usec == UINT64_MAX)
        return std::nullopt;
    return std::chrono::microseconds(p.timeout_usec);
}
#endif

}  // namespace plimsoll::bus
