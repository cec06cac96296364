// SPDX-License-Identifier: Apache-2.0
#include "core/bus/errors.hpp"

#include <algorithm>
#include <array>

namespace plimsoll::bus {
namespace {

struct Known {
    const char* name;
    Code code;
};

// The first name of a code is the one we send.
constexpr std::array<Known, 22> known{{
    {"org.freedesktop.DBus.Error.InvalidArgs", Code::invalid_input},
    {"org.freedesktop.DBus.Error.AccessDenied", Code::permission},
    {"org.freedesktop.DBus.Error.NotSupported", Code::unsupported},
    {"org.freedesktop.DBus.Error.Failed", Code::internal},
    {"org.plimsoll.Agent1.Error.NotFound", Code::not_found},
    {"org.plimsoll.Agent1.Error.Busy", Code::busy},
    {"org.plimsoll.Agent1.Error.Integrity", Code::integrity},
    {"org.plimsoll.Agent1.Error.InputOutput", Code::io},
    {"org.freedesktop.systemd1.NoSuchUnit", Code::not_found},
    {"org.freedesktop.systemd1.LoadFailed", Code::invalid_input},
    {"org.freedesktop.login1.NoSuchUser", Code::not_found},
    {"System.Error.ESRCH", Code::not_found},
    {"org.freedesktop.DBus.Error.UnknownObject", Code::not_found},
    {"org.freedesktop.systemd1.UnitMasked", Code::unsupported},
    {"org.freedesktop.DBus.Error.InteractiveAuthorizationRequired", Code::permission},
    {"org.freedesktop.DBus.Error.LimitsExceeded", Code::busy},
    {"org.freedesktop.DBus.Error.NoReply", Code::busy},
    {"org.freedesktop.DBus.Error.Timeout", Code::busy},
    {"org.freedesktop.DBus.Error.ServiceUnknown", Code::unsupported},
    {"org.freedesktop.DBus.Error.NameHasNoOwner", Code::unsupported},
    {"org.freedesktop.DBus.Error.FileNotFound", Code::unsupported},
    {"org.freedesktop.DBus.Error.NoServer", Code::unsupported},
}};

}  // namespace

Code code_of_name(std::string_view name) {
    const auto* const found =
        std::ranges::find_if(known, [&](const Known& k) { return std::string_view(k.name) == name; });
    return found == known.end() || found->code == Code::internal ? Code::io : found->code;
}

const char* name_of(Code code) {
    const auto* const found = std::ranges::find(known, code, &Known::code);
    return found == known.end() ? "org.freedesktop.DBus.Error.Failed" : found->name;
}

}  // namespace plimsoll::bus
