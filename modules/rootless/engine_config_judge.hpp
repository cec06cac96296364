// SPDX-License-Identifier: Apache-2.0
// Shared by the verdicts of the engine-config module: what is wrong, where, and what would repair it.
#pragma once
#include "modules/rootless/engine_config.hpp"

#include <optional>
#include <string>
#include <vector>

namespace plimsoll::modules::rootless {

// One deviation.
struct Defect {
    std::string key;  // "containers.netns"
    std::string source;
    std::string found;
    std::string expected;
    std::optional<Value> repair{};  // what to write for the key; nullopt: not ours to know
    bool unknown{false};            // `found` says why it cannot be told
    policy::Severity severity{policy::Severity::medium};
};

using Defects = std::vector<Defect>;

[[nodiscard]] std::vector<policy::Evidence> evidence_of(const Defects& defects);

// The users to judge: root, and the rootless users when they are known.
[[nodiscard]] std::vector<ConfOwner> owners_of(const EngineConfigFacts& facts);

// Whether podman or any configuration for it is there; "" or why the controls do not apply.
[[nodiscard]] std::string not_applicable_reason(const EngineConfigFacts& facts);

// Why somebody other than root and `uid` could change what the path leads to; "" when nobody can.
[[nodiscard]] std::string unsafe_path(const EngineConfigFacts& facts, const std::string& path,
                                      std::uint32_t uid);

// Variables that overrule storage.conf, and those of them that leave containers.conf alone.
[[nodiscard]] bool moves_storage(std::string_view variable);
[[nodiscard]] bool moves_storage_only(std::string_view variable);

// Where the owner's images and containers are when no file says otherwise.
[[nodiscard]] std::string default_graphroot(const ConfOwner& owner);

// Judges under every layering that the installed podman may have. When these do not agree on whether there
// is a defect, the only one returned is unknown.
template <class Judge>
[[nodiscard]] Defects in_every_layering(const Podman& podman, Judge judge);

// `fail` when a defect is known, else `unknown` when one is unknown, else `pass`.
[[nodiscard]] policy::Status status_of(const Defects& defects);

// B16, B17 and B18.
[[nodiscard]] std::vector<policy::Finding> judge_effective(const EngineConfigParams& params,
                                                           const policy::Provision& provision,
                                                           const EngineConfigFacts& facts);
[[nodiscard]] std::vector<policy::Finding> judge_baseline(const EngineConfigParams& params,
                                                          const policy::Provision& provision,
                                                          const EngineConfigFacts& facts);
[[nodiscard]] std::vector<policy::Finding> judge_storage(const EngineConfigParams& params,
                                                         const EngineConfigFacts& facts);

// The part of B17 that reads registries.conf: mirrors and redirects of the system's or one user's files.
[[nodiscard]] Defects mirror_defects(const EngineConfigParams& params, const EngineConfigFacts& facts,
                                     const ConfOwner& owner);

// The part of B17 that one effective containers.conf shows.
[[nodiscard]] Defects baseline_defects(const EngineConfigParams& params, const EngineConfigFacts& facts,
                                       const ConfOwner& owner, const Effective& config);

// A key of containers.conf that policy or podman's decoder cares about.
struct KnownKey {
    std::string_view key;
    enum class Type { boolean, integer, string, array } type;
};

[[nodiscard]] std::span<const KnownKey> known_keys();
// "" when the setting has the type podman's decoder takes for it.
[[nodiscard]] std::string type_problem(const KnownKey& known, const ConfSetting& setting);

[[nodiscard]] const policy::ControlInfo& effective_control();
[[nodiscard]] const policy::ControlInfo& baseline_control();
[[nodiscard]] const policy::ControlInfo& storage_control();

template <class Judge>
Defects in_every_layering(const Podman& podman, Judge judge) {
    std::optional<Defects> first;
    for (const Layering layering : podman.layerings()) {
        Defects defects = judge(layering);
        if (!first)
            first = std::move(defects);
        else if (status_of(*first) != status_of(defects))
            return {{.key = "podman",
                     .source = "/usr/bin/podman",
                     .found = "the result depends on podman's version, which is not known",
                     .expected = "a version in the package database",
                     .unknown = true}};
    }
    return *std::move(first);
}

}  // namespace plimsoll::modules::rootless
