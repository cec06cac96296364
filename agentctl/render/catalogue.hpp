// SPDX-License-Identifier: Apache-2.0
// Controls as text: the list, the explanation of one, the reference in docs/. And the journal. Pure.
#pragma once
#include "agentctl/render/text.hpp"
#include "core/base/value.hpp"
#include "core/host/executor.hpp"
#include "core/policy/policy.hpp"

#include <string>
#include <vector>

namespace plimsoll::agentctl::render {

// One control with its parameters; `policy` is null when no policy is in force.
struct Explanation {
    const policy::ControlInfo& control;
    std::vector<policy::ParamSpec> params;
    const policy::Policy* policy{nullptr};
};

// "plimsoll.controls/1": an array of what explain_json() gives, without the policy's values.
[[nodiscard]] Value controls_json(const policy::Catalogue& catalogue);
[[nodiscard]] std::string controls_table(const policy::Catalogue& catalogue, const Style& style);
// docs/controls.md.
[[nodiscard]] std::string controls_markdown(const policy::Catalogue& catalogue);

// "plimsoll.control/1".
[[nodiscard]] Value explain_json(const Explanation& explanation);
[[nodiscard]] std::string explain_table(const Explanation& explanation, const Style& style);

// "plimsoll.journal-entries/1".
[[nodiscard]] Value journal_json(const std::vector<host::JournalEntry>& entries);
[[nodiscard]] std::string journal_table(const std::vector<host::JournalEntry>& entries, const Style& style);
[[nodiscard]] std::string_view name_of(host::JournalStep::State state);

// The parameters of one control, in catalogue order.
[[nodiscard]] std::vector<policy::ParamSpec> params_of(const policy::Catalogue& catalogue,
                                                       std::string_view control);

}  // namespace plimsoll::agentctl::render
