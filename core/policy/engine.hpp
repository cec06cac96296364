// SPDX-License-Identifier: Apache-2.0
// Runs modules under a policy: filters, overrides, exceptions, and the guarantee that no control goes
// missing.
#pragma once
#include "core/policy/module.hpp"
#include "core/policy/policy.hpp"

#include <array>
#include <string>
#include <vector>

namespace plimsoll::policy {

struct Assessment {
    std::vector<Finding> findings{};  // in catalogue order, then as the module gave them

    [[nodiscard]] std::array<std::size_t, 5> count() const;  // by Status
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

// 0 inside the line, 1 something fails, 3 nothing fails but something required could not be observed.
[[nodiscard]] int verdict(const Assessment& assessment, const Policy& policy);

}  // namespace plimsoll::policy
