// SPDX-License-Identifier: Apache-2.0
// Controls B16-B18: what containers.conf, registries.conf and storage.conf come to for every user who runs
// podman, and whether that is inside the baseline.
#pragma once
#include "core/policy/module.hpp"
#include "modules/rootless/engine_config_files.hpp"
#include "modules/rootless/guarded_file.hpp"

#include <map>
#include <set>
#include <span>
#include <string>
#include <vector>

namespace plimsoll::modules::rootless {

struct EngineConfigParams {
    // containers.conf.effective
    bool allow_user_overrides{true};
    // containers.conf.baseline
    std::vector<std::string> capabilities{"CHOWN",   "DAC_OVERRIDE",     "FOWNER",    "FSETID",
                                          "KILL",    "NET_BIND_SERVICE", "SETFCAP",   "SETGID",
                                          "SETPCAP", "SETUID",           "SYS_CHROOT"};
    bool read_only{false};
    bool separate_userns{false};
    std::vector<std::string> allowed_mounts{"*"};
    std::vector<std::string> allowed_mirrors{"*"};
    std::vector<std::string> seccomp_sha256{"*"};
    // storage.conf
    std::vector<std::string> drivers{"overlay", "btrfs"};
    std::vector<std::string> allowed_image_stores{"*"};
};

struct EnvironmentVariable {  // one that moves the configuration elsewhere
    std::string name;         // "CONTAINERS_CONF"
    std::string source;       // "FILE:LINE"
};

struct EngineConfigFacts {
    Result<std::vector<RootlessUser>> users;
    Podman podman;
    ConfFiles containers;
    ConfFiles storage;
    std::map<std::string, ConfFile> registries;                           // by path
    std::map<std::string, Error> registry_directories;                    // that could not be read, by path
    std::map<std::string, PathChain> paths;                               // what the files point to
    std::map<std::string, Result<SeccompProfile>> seccomp;                // by path; absent: no such file
    Result<std::set<std::string>> apparmor;                               // profiles; only when one is named
    std::map<std::string, std::vector<EnvironmentVariable>> environment;  // by user name
    std::vector<Error> unreadable;                                        // directories and environment files
};

struct EngineConfig {
    static constexpr std::string_view name = "engine-config";
    using Params = EngineConfigParams;
    using Facts = EngineConfigFacts;
    [[nodiscard]] static std::span<const policy::ControlInfo> controls();
    [[nodiscard]] static const std::vector<policy::Param<Params>>& params();
    [[nodiscard]] static Facts observe(const host::Host& host, const Params& params,
                                       const policy::Provision& provision);
    [[nodiscard]] static std::vector<policy::Finding> evaluate(const Params& params,
                                                               const policy::Provision& provision,
                                                               const Facts& facts, Time now);
};

}  // namespace plimsoll::modules::rootless
