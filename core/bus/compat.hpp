// SPDX-License-Identifier: Apache-2.0
// The only file that knows which sdbus-c++ is in use: 1.2 (Debian 12) or 2.x.
#pragma once
#include <sdbus-c++/sdbus-c++.h>

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#if __has_include(<sdbus-c++/VTableItems.h>)  // came with 2.0; there is no version macro
#define PLIMSOLL_SDBUS_2 1
#else
#define PLIMSOLL_SDBUS_2 0
#endif

namespace plimsoll::bus {

using PollData = sdbus::IConnection::PollData;

#if PLIMSOLL_SDBUS_2
using ServiceName = sdbus::ServiceName;

inline std::unique_ptr<sdbus::IProxy> make_proxy(sdbus::IConnection& c, const std::string& service,
                                                 const std::string& path) {
    return sdbus::createProxy(c, sdbus::ServiceName{service}, sdbus::ObjectPath{path});
}

inline void signals_registered(sdbus::IProxy&) {}  // active at once

inline void request_name(sdbus::IConnection& c, const std::string& name) {
    c.requestName(sdbus::ServiceName{name});
}

inline sdbus::Error make_error(const std::string& name, const std::string& message) {
    return {sdbus::Error::Name{name}, message};
}

// Of the call that is being handled.
inline std::string sender_of(const sdbus::IObject& o) {
    return o.getCurrentlyProcessedMessage().getSender();
}

inline void emit_changed(sdbus::IObject& o, const char* interface,
                         const std::vector<std::string>& properties) {
    o.emitPropertiesChangedSignal(sdbus::InterfaceName{interface}, {properties.begin(), properties.end()});
}

inline void on_signal(sdbus::IProxy& p, const char* interface, const char* name,
                      std::function<void(sdbus::Message&)> call) {
    p.registerSignalHandler(sdbus::InterfaceName{interface}, sdbus::SignalName{name},
                            [call = std::move(call)](sdbus::Signal m) { call(m); });
}

inline sdbus::MethodCall new_call(sdbus::IProxy& p, const char* interface, const char* method) {
    return p.createMethodCall(sdbus::InterfaceName{interface}, sdbus::MethodName{method});
}

inline void send_call(sdbus::IProxy& p, const sdbus::MethodCall& call, std::chrono::microseconds timeout,
                      std::function<void(sdbus::MethodReply&, const sdbus::Error*)> then) {
    (void)p.callMethodAsync(
        call,
        [then = std::move(then)](sdbus::MethodReply reply, std::optional<sdbus::Error> error) {
            then(reply, error ? &*error : nullptr);
        },
        static_cast<std::uint64_t>(timeout.count()));
}

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
using ServiceName = std::string;

inline std::unique_ptr<sdbus::IProxy> make_proxy(sdbus::IConnection& c, const std::string& service,
                                                 const std::string& path) {
    return sdbus::createProxy(c, service, path);
}

inline void signals_registered(sdbus::IProxy& p) {
    p.finishRegistration();
}

inline void request_name(sdbus::IConnection& c, const std::string& name) {
    c.requestName(name);
}

inline sdbus::Error make_error(const std::string& name, const std::string& message) {
    return {name, message};
}

// Of the call that is being handled.
inline std::string sender_of(const sdbus::IObject& o) {
    const auto* m = o.getCurrentlyProcessedMessage();
    return m == nullptr ? "" : m->getSender();
}

inline void emit_changed(sdbus::IObject& o, const char* interface,
                         const std::vector<std::string>& properties) {
    o.emitPropertiesChangedSignal(interface, properties);
}

inline void on_signal(sdbus::IProxy& p, const char* interface, const char* name,
                      std::function<void(sdbus::Message&)> call) {
    p.registerSignalHandler(interface, name, [call = std::move(call)](sdbus::Signal& m) { call(m); });
}

inline sdbus::MethodCall new_call(sdbus::IProxy& p, const char* interface, const char* method) {
    return p.createMethodCall(interface, method);
}

inline void send_call(sdbus::IProxy& p, const sdbus::MethodCall& call, std::chrono::microseconds timeout,
                      std::function<void(sdbus::MethodReply&, const sdbus::Error*)> then) {
    (void)p.callMethod(
        call,
        [then = std::move(then)](sdbus::MethodReply& reply, const sdbus::Error* error) {
            then(reply, error);
        },
        static_cast<std::uint64_t>(timeout.count()));
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

// Calls without waiting. `then` gets the reply to read, or why there is none; it is not called any more once
// the proxy is gone. What it throws while it reads (a reply of another shape) becomes such a reason: an
// exception must not unwind through sd-bus.
template <class... In>
void call_async(sdbus::IProxy& proxy, const char* interface, const char* method,
                std::chrono::microseconds timeout,
                std::function<void(sdbus::MethodReply&, const sdbus::Error*)> then, const In&... in) {
    auto call = new_call(proxy, interface, method);
    (void)(call << ... << in);
    send_call(proxy, call, timeout,
              [then = std::move(then)](sdbus::MethodReply& reply, const sdbus::Error* error) {
                  try {
                      then(reply, error);
                  } catch (const sdbus::Error& e) {
                      then(reply, &e);
                  }
              });
}

}  // namespace plimsoll::bus
