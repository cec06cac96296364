// SPDX-License-Identifier: Apache-2.0
// Which container engines a host has: what is installed, what its units start, what runs. "Rootful" is what
// runs with effective uid 0 in the initial user namespace, whoever started it.
#pragma once
#include "core/host/host.hpp"
#include "core/host/unit_files.hpp"
#include "modules/rootless/command_line.hpp"
#include "modules/rootless/kube_files.hpp"

#include <array>
#include <span>
#include <string>
#include <vector>

namespace plimsoll::modules::rootless {

struct EngineInfo {
    std::string_view name;                  // "docker", as a policy names it
    std::string_view program;               // base name of its executable
    std::array<std::string_view, 2> units;  // as the vendors name them; "" when there is only one
    std::string_view socket;                // of its rootful API
    bool under_kubelet;                     // a kubelet may depend on it
};

inline constexpr std::array<EngineInfo, 7> engine_table{{
    {"docker", "dockerd", {"docker.service", "docker.socket"}, "/run/docker.sock", true},
    {"containerd", "containerd", {"containerd.service", ""}, "/run/containerd/containerd.sock", true},
    {"crio", "crio", {"crio.service", ""}, "/run/crio/crio.sock", true},
    {"podman", "podman", {"podman.socket", "podman.service"}, "/run/podman/podman.sock", false},
    {"buildkit", "buildkitd", {"buildkit.service", "buildkit.socket"}, "/run/buildkit/buildkitd.sock", false},
    {"k3s", "k3s", {"k3s.service", "k3s-agent.service"}, "/run/k3s/containerd/containerd.sock", true},
    {"rke2",
     "rke2",
     {"rke2-server.service", "rke2-agent.service"},
     "/run/k3s/containerd/containerd.sock",
     true},
}};

struct EngineUnit {
    std::string engine;  // "docker"; empty: starts a container rather than an engine
    host::UnitFile file;
    std::vector<host::UnitSetting> runs;  // the lines of ExecStart= and the like that count
    bool rootless{false};                 // none of them runs as root
    bool own_file{false};          // a regular file in /etc/systemd/system, which masking would replace
    std::vector<KubeFile> kube{};  // that its commands play, when it starts containers
    bool script{false};            // made of an init script: what that calls, and how, cannot be seen
    // By what other units start it, when they start themselves; not those of engines, which are judged as
    // such.
    std::vector<host::UnitSetting> pulled_in{};

    // Whether the system manager will start it by itself, or at the first connection.
    [[nodiscard]] bool starts() const {
        return !rootless && !file.masked && !(file.enabled_by.empty() && pulled_in.empty());
    }

    // What shows that it starts(): "/etc/systemd/system/multi-user.target.wants/docker.service".
    [[nodiscard]] const std::string& started_by() const {
        return file.enabled_by.empty() ? pulled_in.front().source : file.enabled_by.front();
    }
};

struct EngineProcess {
    std::string engine;
    int pid{0};
    std::uint32_t uid{0};            // effective, as the host sees it
    std::optional<bool> child_ns{};  // in another than the initial user namespace; nullopt: cannot tell
    std::vector<std::string> argv{};
    std::string parent_engine{};  // "docker" when dockerd started this containerd
    bool under_rootlesskit{false};
    bool detached_net{false};  // rootlesskit --detach-netns: the engine itself is in the host's network

    [[nodiscard]] bool rootful() const { return uid == 0 && child_ns == false; }

    [[nodiscard]] bool undecided() const { return uid == 0 && !child_ns; }
};

struct Inventory {
    std::vector<std::string> installed{};  // names of engines of which a program or unit is there
    std::vector<EngineUnit> units{};       // of engines, and system units that start containers with podman
    std::vector<Error> unit_problems{};    // what of the units could not be read
    // Of engines and, for their listeners, only theirs. Empty when the host is not live.
    Result<std::vector<EngineProcess>> processes{};
    bool kubelet{false};  // a kubelet is installed, configured or running
    bool crictl{false};   // pods may be started without a kubelet

    [[nodiscard]] bool has(std::string_view engine) const;
    // A unit starts it, or it runs with root's power; nullopt: cannot tell.
    [[nodiscard]] std::optional<bool> rootful(std::string_view engine) const;
};

[[nodiscard]] Inventory take_inventory(const host::Host& host);

// ---- pure ----

// Why the options of an engine that an init script starts are not known.
[[nodiscard]] Error script_hides(const EngineUnit& unit);

// Which engine a command line starts as a service: "docker" for ["/usr/bin/env", "dockerd", "-H", …], empty
// for others. podman counts only as "podman system service".
[[nodiscard]] std::string engine_of(std::span<const std::string> argv);
// The engine of which a unit of that name is by its vendor: "docker" for "docker.socket"; empty: none.
[[nodiscard]] std::string engine_of_unit_name(std::string_view unit);
// "podman run", "podman start", "podman kube play" … in a command line.
[[nodiscard]] bool starts_container(std::span<const std::string> argv);

}  // namespace plimsoll::modules::rootless
