// SPDX-License-Identifier: Apache-2.0
// Runs modules under a policy: filters, overrides, exceptions, and the guarantee that no control goes
// missing.
#pragma once
#include "core/policy/module.hpp"
#include "core/policy/policy.hpp"

#include <array>
#include <optional>
#include <string>
#include <vector>

namespace plimsoll::policy {

struct Assessment {
    std::vector<Finding> findings{};  // in catalogue order, then as the module gave them

    [[nodiscard]] std::array<std::size_t, 5> count() const;  // by Status
};

// A key that somebody kept changing back, so that its enforcement was stopped.
struct Contest {
    std::string control;
    std::string subject;
    Time since{};
    std::uint32_t reverts{0};
    std::string writer{};  // who, where something tells; empty: not known
    bool operator==(const Contest&) const = default;
};

// Which controls to run: ids or globs; empty means all. Controls whose mode is off never run.
struct Selection {
    std::vector<std::string> globs{};

    [[nodiscard]] bool covers(std::string_view control) const;
};

// The engine's own controls, "policy.*": broken files, expired exceptions, exceptions that match nothing.
[[nodiscard]] std::span<const ControlInfo> engine_controls();

[[nodiscard]] Catalogue catalogue_of(const Modules& modules);

// `broken` names policy files that were refused while the last good policy is in force; each is a failing
// finding of policy.files. A control for which its module gave no finding becomes `unknown`.
[[nodiscard]] Assessment assess(const Modules& modules, const host::Host& host, const Policy& policy,
                                const Selection& selection, Time now, const Problems& broken = {});

// The same in two parts, for a caller that keeps what modules found and looks only at some of them again.
// By module, in the order of `modules`; nullopt for one that has no control to run.
using RawFindings = std::vector<std::optional<std::vector<Finding>>>;

// Whether any control of the module is to be run.
[[nodiscard]] bool is_wanted(const Module& module, const Policy& policy, const Selection& selection);

// What the engine's own controls are judged by.
struct EngineFacts {
    Problems broken{};  // why policy files were refused, when the last good policy is in force
    // Keys whose enforcement was stopped; nullopt: no daemon looked.
    std::optional<std::vector<Contest>> contests{};
};

[[nodiscard]] Assessment conclude(const Modules& modules, RawFindings raw, const Policy& policy,
                                  const Selection& selection, Time now, const EngineFacts& facts);

// 0 inside the line, 1 something fails, 3 nothing fails but something required could not be observed.
[[nodiscard]] int verdict(const Assessment& assessment, const Policy& policy);

}  // namespace plimsoll::policy
