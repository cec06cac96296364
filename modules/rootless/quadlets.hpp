// SPDX-License-Identifier: Apache-2.0
// Quadlets: container definitions that podman-systemd.unit(5) turns into units. Those in the system
// directories become rootful units at the next boot or daemon-reload.
#pragma once
#include "core/host/host.hpp"
#include "core/host/unit_files.hpp"

#include <optional>
#include <string>
#include <vector>

namespace plimsoll::modules::rootless {

struct Quadlet {
    std::string path;
    std::string user{};  // whose manager takes it: "" the system's, "*" those of users/, else a name
    std::vector<host::UnitSetting> settings{};  // with its drop-ins
    std::optional<Error> problem{};             // why it could not be read
};

struct Quadlets {
    std::vector<Quadlet> files{};
    std::vector<Error> problems{};  // directories that could not be searched
};

// The system's directories, and per-user ones of those accounts that have a home.
[[nodiscard]] Quadlets read_quadlets(const host::Host& host);

// ---- pure; any content ----

[[nodiscard]] bool is_quadlet_name(std::string_view file);

struct LintNote {
    std::string source;  // "FILE:LINE", or "FILE" for what is missing
    std::string found;
    std::string expected;
    bool operator==(const LintNote&) const = default;
};

// Settings that open the container to the host.
[[nodiscard]] std::vector<LintNote> unsafe_settings(const Quadlet& quadlet);
// Hardening that a [Container] does not ask for.
[[nodiscard]] std::vector<LintNote> missing_hardening(const Quadlet& quadlet);

}  // namespace plimsoll::modules::rootless
