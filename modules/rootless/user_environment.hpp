// SPDX-License-Identifier: Apache-2.0
// Variables that users' programs get by the system's configuration or their own: by way of the users' service
// managers (user@.service, systemd-user.conf(5), environment.d(5)) and single units of these, of PAM
// (/etc/environment, pam_env.conf(5)) and of shells (/etc/profile, /etc/profile.d, ~/.profile and the like).
#pragma once
#include "core/host/host.hpp"

#include <cstdint>
#include <functional>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace plimsoll::modules::rootless {

struct Assignment {
    std::string name;
    std::string value;   // unquoted; "$HOME" and the like as written
    std::string source;  // "FILE:LINE"
    // Reaches the services of users, and their shells where PAM or the manager gives it to these; else login
    // shells only.
    bool services{true};
    bool one_unit{false};  // no other service than that one's
    bool operator==(const Assignment&) const = default;
};

struct Person {
    std::string name;
    std::uint32_t uid{0};
    std::string home;
};

// Of every account with a home.
[[nodiscard]] std::vector<Person> persons(const host::Host& host);

struct UserEnvironment {
    std::vector<Assignment> everybody{};
    std::map<std::string, std::vector<Assignment>, std::less<>> own{};  // by user name
    std::vector<Error> problems{};                                      // what could not be read, for all
    std::map<std::string, std::vector<Error>, std::less<>> own_problems{};

    // What reaches that user, in no order that decides.
    [[nodiscard]] std::vector<Assignment> of(std::string_view user) const;
};

using Wanted = std::function<bool(std::string_view name)>;

// Only of the names that are wanted.
[[nodiscard]] UserEnvironment read_user_environment(const host::Host& host, std::span<const Person> people,
                                                    const Wanted& wanted);

struct ServiceEnvironment {
    std::vector<Assignment> found{};
    std::vector<Error> problems{};  // environment files that could not be read
};

// What the unit of a system service gives it by Environment= and EnvironmentFile=. Only of the names that are
// wanted.
[[nodiscard]] ServiceEnvironment read_service_environment(const host::Host& host, const host::UnitFile& unit,
                                                          const Wanted& wanted);

// ---- pure; any bytes ----

enum class Syntax {
    settings,  // environment.d(5), environment(5): NAME=VALUE at the beginning of a line
    shell,     // wherever a command may begin with it
    pam,       // pam_env.conf(5): NAME DEFAULT=VALUE OVERRIDE=VALUE, or as settings
};

[[nodiscard]] std::vector<Assignment> parse_assignments(std::string_view text, const std::string& path,
                                                        Syntax syntax, const Wanted& wanted);

}  // namespace plimsoll::modules::rootless
