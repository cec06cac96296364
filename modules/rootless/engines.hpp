// SPDX-License-Identifier: Apache-2.0
// Container engines: which run with root's power, who can reach them, and how they are configured.
// Controls B01 to B07 and B19 to B21 of the catalogue.
#pragma once
#include "core/policy/module.hpp"
#include "modules/rootless/api_access.hpp"
#include "modules/rootless/buildkit.hpp"
#include "modules/rootless/cri.hpp"
#include "modules/rootless/docker_clients.hpp"
#include "modules/rootless/docker_config.hpp"
#include "modules/rootless/inventory.hpp"
#include "modules/rootless/quadlets.hpp"
#include "modules/rootless/remap.hpp"
#include "modules/rootless/rootless_docker.hpp"
#include "modules/rootless/sockets.hpp"

namespace plimsoll::modules::rootless {

struct Engines {
    static constexpr std::string_view name = "engines";

    struct Params {
        // engine.rootful-daemon
        std::vector<std::string> allowed_engines{};
        bool rootless_only{false};
        // engine.docker-socket-access
        std::vector<std::string> allowed_members{};
        // engine.docker-tcp
        std::vector<std::string> allowed_listeners{};
        bool require_mutual_tls{true};
        // docker.daemon-json
        bool no_new_privileges{true};
        bool no_icc{true};
        bool live_restore{true};
        bool no_userland_proxy{true};
        bool selinux{true};
        bool bounded_logs{true};
        bool require_ulimits{false};
        std::vector<std::string> allowed_runtimes{"runc",
                                                  "crun",
                                                  "youki",
                                                  "runsc",
                                                  "kata-*",
                                                  "krun",
                                                  "io.containerd.runc.*",
                                                  "io.containerd.runsc.*",
                                                  "io.containerd.kata*"};
        std::vector<std::string> allowed_plugins{"*"};
        std::vector<std::string> allowed_mirrors{"*"};
        std::vector<std::string> allowed_insecure_registries{};
        // docker.userns-remap
        bool require_remap{false};
        // podman.rootful-socket
        std::vector<std::string> allowed_units{};
        // podman.rootful-quadlets
        std::vector<std::string> allowed_quadlets{};
        bool require_hardening{false};
        // kubelet.cri-defaults
        bool require_seccomp_default{true};
        bool require_cri_hardening{false};
    };

    struct Facts {
        bool live{false};
        Inventory inventory{};
        DockerConfig docker{};
        Sockets sockets{};
        ApiAccess access{};
        Remap remap{};
        Quadlets quadlets{};
        UserEngines rootless{};
        DockerClients clients{};
        CriFacts cri{};
        Buildkit buildkit{};
        EngineCommands podman{};  // of its units
    };

    [[nodiscard]] static std::span<const policy::ControlInfo> controls();
    [[nodiscard]] static const std::vector<policy::Param<Params>>& params();
    [[nodiscard]] static Facts observe(const host::Host& host, const Params& params,
                                       const policy::Provision& provision);
    [[nodiscard]] static std::vector<policy::Finding> evaluate(const Params& params,
                                                               const policy::Provision& provision,
                                                               const Facts& facts, Time now);
};

}  // namespace plimsoll::modules::rootless
