// SPDX-License-Identifier: Apache-2.0
#include "daemon/bus/authority.hpp"

#include "core/bus/compat.hpp"
#include "core/bus/errors.hpp"

#include <array>
#include <map>

#include <unistd.h>

namespace plimsoll::daemon {
namespace {

using namespace std::chrono_literals;

constexpr std::size_t most_waiting = 2048;
constexpr std::uint32_t allow_user_interaction = 1;

constexpr std::array<const char*, 5> ids{"org.plimsoll.agent1.apply", "org.plimsoll.agent1.undo",
                                         "org.plimsoll.agent1.reload", "org.plimsoll.agent1.look-again",
                                         "org.plimsoll.agent1.read-sensitive"};

const char* id_of(Action action) {
    return ids[static_cast<std::size_t>(action)];
}

std::string only_root(Action action, const std::string& why) {
    return std::string(id_of(action)) + ": only root may do this: " + why;
}

// What polkit's silence means: without it there is nobody who could grant anything.
std::string silence(const sdbus::Error& error) {
    const auto code = bus::code_of_name(std::string(error.getName()));
    return code == Code::unsupported ? "polkit is not there" : "polkit gave no answer: " + error.getMessage();
}

}  // namespace

Authority::Authority(sdbus::IConnection& connection, BusKind kind)
    : kind_(kind),
      driver_(bus::make_proxy(connection, "org.freedesktop.DBus", "/org/freedesktop/DBus")),
      polkit_(bus::make_proxy(connection, "org.freedesktop.PolicyKit1",
                              "/org/freedesktop/PolicyKit1/Authority")) {}

Authority::~Authority() = default;

Authority::Then Authority::counted(Then then) {
    ++waiting_;
    return [this, then = std::move(then)](Result<void> answer) {
        --waiting_;
        then(std::move(answer));
    };
}

void Authority::ask(const std::string& sender, Action action, bool interactive, Then then) {
    if (waiting_ >= most_waiting)
        return then(fail(Code::busy, "too many callers wait for an answer; try again"));
    const auto answer = counted(std::move(then));
    bus::call_async(
        *driver_, "org.freedesktop.DBus", "GetConnectionUnixUser", 10s,
        [this, sender, action, interactive, answer](sdbus::MethodReply& reply, const sdbus::Error* error) {
            if (error != nullptr)
                return answer(
                    fail(Code::permission, "the bus does not tell who calls: " + error->getMessage()));
            std::uint32_t uid = 0;
            reply >> uid;
            with_uid(sender, uid, action, interactive, answer);
        },
        sender);
}

void Authority::with_uid(const std::string& sender, std::uint32_t uid, Action action, bool interactive,
                         const Then& then) {
    if (uid == 0 || uid == ::geteuid())
        return then({});
    if (kind_ != BusKind::system)
        return then(fail(Code::permission, only_root(action, "polkit serves the system bus only")));
    ask_polkit(sender, action, interactive, then);
}

void Authority::ask_polkit(const std::string& sender, Action action, bool interactive, const Then& then) {
    using Details = std::map<std::string, std::string>;
    const sdbus::Struct<std::string, std::map<std::string, sdbus::Variant>> subject{
        std::string("system-bus-name"), {{"name", sdbus::Variant(sender)}}};
    bus::call_async(
        *polkit_, "org.freedesktop.PolicyKit1.Authority", "CheckAuthorization", interactive ? 120s : 10s,
        [action, then](sdbus::MethodReply& reply, const sdbus::Error* error) {
            if (error != nullptr)
                return then(fail(Code::permission, only_root(action, silence(*error))));
            sdbus::Struct<bool, bool, Details> answer;
            reply >> answer;
            if (std::get<0>(answer))
                return then({});
            then(fail(Code::permission,
                      std::string(id_of(action)) + ": " +
                          (std::get<1>(answer) ? "polkit wants to ask, and may not" : "polkit says no")));
        },
        subject, std::string(id_of(action)), Details{},
        interactive ? allow_user_interaction : std::uint32_t{0}, std::string());
}

}  // namespace plimsoll::daemon
