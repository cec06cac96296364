// SPDX-License-Identifier: Apache-2.0
// Controls B08-B15: what rootless containers need from the host, and what they must not get: user namespaces,
// cgroup delegation, run-time directories, linger, ports, the network stack.
#pragma once
#include "core/host/disabled_controllers.hpp"
#include "core/host/sysctl_files.hpp"
#include "core/host/unit_files.hpp"
#include "core/policy/module.hpp"
#include "modules/rootless/engine_config_files.hpp"
#include "modules/rootless/kernel_arguments.hpp"

#include <map>
#include <set>
#include <span>
#include <string>
#include <vector>

namespace plimsoll::modules::rootless {

struct EnvironmentParams {
    std::int64_t min_namespaces{1024};                              // userns.available
    bool scope_limit{true};                                         // userns.scope-limit
    std::vector<std::string> controllers{"cpu", "memory", "pids"};  // cgroup.v2-delegation
    std::vector<std::string> linger_users{"*"};                     // rootless.linger
    std::int64_t lowest_port{80};                                   // rootless.low-ports
    std::int64_t needed_port{0};                                    // rootless.low-ports
    std::string ping_range;                                         // rootless.ping-range
};

// One value below /proc/sys: as it is, and as it will be after the next boot.
struct Knob {
    Result<std::optional<std::string>> live;       // nullopt: no such knob, or not a running host
    Result<std::optional<host::SysctlLine>> boot;  // nullopt: no file sets it
    std::optional<std::string> drop_in_text{};     // of the file we would write; nullopt: none
    bool drop_in_readable{true};
};

struct RuntimeDir {  // /run/user/UID
    bool exists{false};
    std::uint32_t owner{0};
    std::uint32_t mode{0};  // with file type
    bool bus{false};        // a socket named "bus"
};

struct NetworkSetting {  // a variable of a user's docker.service, or what a quadlet or a unit says of its
                         // network
    std::string source;
    std::string name;
    std::string value;
};

struct UserDockerNetwork {
    std::string unit{};  // the user's docker.service; empty: none that is the user's or starts
    std::vector<NetworkSetting> settings{};
};

struct UserFacts {
    Result<RuntimeDir> runtime_dir;
    // Controllers of user@UID.service while it runs; nullopt: it does not.
    Result<std::optional<std::set<std::string>>> controllers;
    Result<UserDockerNetwork> docker_network;
    // Of quadlets that the user's manager takes, and of its units that run podman.
    std::vector<NetworkSetting> quadlet_networks{};
    std::vector<Error> quadlet_problems{};
};

struct EnvironmentFacts {
    bool live{false};
    bool systemd_runs{false};                            // there is a manager to ask
    std::map<std::string, Knob, std::less<>> knobs;      // by key
    std::optional<std::string> kernel_without_userns;    // the kernel configuration that says so
    Result<std::vector<std::string>> apparmor_profiles;  // files that grant userns to an engine
    Result<bool> unified_cgroups;                        // Code::unsupported when not live
    KernelArguments kernel_arguments;                    // about control groups, of the next boot
    Result<std::optional<host::UnitFile>> user_unit;     // user@.service
    // user@UID.service of which a file of its own, or one of user-UID.slice, says something else, by UID; an
    // Error where that cannot be read.
    std::map<std::uint32_t, Result<std::optional<host::UnitFile>>> own_units;
    std::optional<Error> own_units_problem;                           // there may be more of them
    host::DisabledControllers disabled;                               // for the managers of all users
    std::map<std::uint32_t, host::DisabledControllers> own_disabled;  // of own_units
    std::optional<std::string> delegate_text{};  // of our drop-in; nullopt: there is none
    Result<std::vector<RootlessUser>> users;
    std::map<std::string, UserFacts> by_user;
    Result<std::set<std::string>> linger_files;
    std::set<std::string> linger_without_account;
    Podman podman;
    bool docker{false};  // rootless docker's tools are installed
    bool pasta{false};   // the pasta program is installed
    bool slirp{false};   // the slirp4netns program is installed
    ConfFiles containers;
    Result<std::vector<std::string>> slirp_processes;  // "pid 812"; Code::unsupported when not live
};

struct Environment {
    static constexpr std::string_view name = "environment";
    using Params = EnvironmentParams;
    using Facts = EnvironmentFacts;
    [[nodiscard]] static std::span<const policy::ControlInfo> controls();
    [[nodiscard]] static const std::vector<policy::Param<Params>>& params();
    // Reads files only. A functional probe (a child that unshares) is left out on purpose: it would act as a
    // user on the host at every check, and a security module could count it as an attack.
    [[nodiscard]] static Facts observe(const host::Host& host, const Params& params,
                                       const policy::Provision& provision);
    [[nodiscard]] static std::vector<policy::Finding> evaluate(const Params& params,
                                                               const policy::Provision& provision,
                                                               const Facts& facts, Time now);
};

}  // namespace plimsoll::modules::rootless
