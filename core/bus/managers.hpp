// SPDX-License-Identifier: Apache-2.0
// Where the service manager and the login manager are on the bus (org.freedesktop.systemd1(5),
// org.freedesktop.login1(5)).
#pragma once

namespace plimsoll::bus::managers {

inline constexpr const char* systemd = "org.freedesktop.systemd1";
inline constexpr const char* systemd_path = "/org/freedesktop/systemd1";
inline constexpr const char* systemd_manager = "org.freedesktop.systemd1.Manager";
inline constexpr const char* unit = "org.freedesktop.systemd1.Unit";
inline constexpr const char* logind = "org.freedesktop.login1";
inline constexpr const char* logind_path = "/org/freedesktop/login1";
inline constexpr const char* logind_manager = "org.freedesktop.login1.Manager";
inline constexpr const char* user = "org.freedesktop.login1.User";

}  // namespace plimsoll::bus::managers
