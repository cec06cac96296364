// SPDX-License-Identifier: Apache-2.0
// A plan, and what came of carrying it out, as text. Pure.
#pragma once
#include "agentctl/render/report.hpp"
#include "core/host/executor.hpp"

#include <cstdint>
#include <string>
#include <vector>

namespace plimsoll::agentctl::render {

// The fix of one failing finding and what it would change.
struct PlannedFix {
    policy::Finding finding;
    std::vector<std::string> steps{};       // one line per change
    std::vector<host::Preview> previews{};  // per touched target
    std::string preview_error{};            // why there are no previews
};

struct Plan {
    HostInfo host;
    std::string profile;
    std::string digest;
    std::vector<PlannedFix> fixes{};         // in the order in which apply takes them
    std::vector<policy::Finding> by_hand{};  // failing, and nothing we may do by ourselves
    std::size_t unobserved{0};               // findings that are unknown
};

// "plimsoll.plan/1", see docs/json.md.
[[nodiscard]] Value plan_json(const Plan& plan);
[[nodiscard]] std::string plan_table(const Plan& plan, const Style& style);
// Only the fixes, as plan_table() shows them.
[[nodiscard]] std::string fixes_text(const std::vector<PlannedFix>& fixes, const Style& style);

struct DoneFix {
    std::string control;
    std::string subject;
    std::string summary;
    std::vector<std::string> steps;
};

// What apply did and left.
struct Applied {
    std::vector<DoneFix> done{};
    std::string stopped{};   // why it stopped early; empty when it did not
    std::uint64_t entry{0};  // of the journal; 0 when nothing was changed
    std::vector<policy::Finding> needs_allow{};
    std::vector<policy::Finding> by_hand{};
    Report after;  // the check at the end
};

// "plimsoll.apply/1", see docs/json.md.
[[nodiscard]] Value apply_json(const Applied& applied);
[[nodiscard]] std::string apply_table(const Applied& applied, const Style& style);

}  // namespace plimsoll::agentctl::render
