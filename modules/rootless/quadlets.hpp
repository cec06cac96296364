// SPDX-License-Identifier: Apache-2.0
// Quadlets: container definitions that podman-systemd.unit(5) turns into units. Those in the system
// directories become rootful units at the next boot or daemon-reload.
#pragma once
#include "core/host/host.hpp"
#include "core/host/unit_files.hpp"
#include "modules/rootless/kube_files.hpp"
#include "modules/rootless/podman_options.hpp"

#include <optional>
#include <string>
#include <vector>

namespace plimsoll::modules::rootless {

struct Quadlet {
    std::string path;
    std::string user{};  // whose manager takes it: "" the system's, "*" all users', else a name
    std::vector<host::UnitSetting> settings{};  // with its drop-ins
    Manager manager{};
    std::vector<KubeFile> kube{};    // that it names or its commands play
    std::optional<Error> problem{};  // why it could not be read
};

// A unit of users' service managers that starts containers with podman.
struct UserUnit {
    host::UnitFile file;
    std::string user{};  // "*": all users'; else a name
    Manager manager{};
    std::vector<KubeFile> kube{};
    std::optional<Error> problem{};
};

struct Quadlets {
    std::vector<Quadlet> files{};
    std::vector<UserUnit> units{};
    std::vector<Error> problems{};  // directories that could not be searched
};

// Those of the system, of all users, and of each account that has a home; of users their units as well.
[[nodiscard]] Quadlets read_quadlets(const host::Host& host);

// ---- pure; any content ----

struct LintNote {
    std::string source;  // "FILE:LINE", or "FILE" for what is missing
    std::string found;
    std::string expected;
    bool undecided{false};      // it cannot be told whether it opens the container
    bool engine_socket{false};  // an engine's socket is handed over
    bool operator==(const LintNote&) const = default;
};

// Settings that open the container to the host.
[[nodiscard]] std::vector<LintNote> unsafe_settings(const Quadlet& quadlet);
// The same of the command lines (ExecStart= and its like) of a unit that runs as root, and what they play.
[[nodiscard]] std::vector<LintNote> unsafe_commands(const host::UnitFile& unit,
                                                    const std::vector<KubeFile>& kube);
[[nodiscard]] std::vector<LintNote> unsafe_commands(const UserUnit& unit);
// What it says about networks: Network=, and --network among PodmanArgs= and in command lines.
[[nodiscard]] std::vector<host::UnitSetting> networks(const Quadlet& quadlet);
[[nodiscard]] std::vector<host::UnitSetting> networks(const UserUnit& unit);
// Hardening that a [Container] does not ask for.
[[nodiscard]] std::vector<LintNote> missing_hardening(const Quadlet& quadlet);

}  // namespace plimsoll::modules::rootless
