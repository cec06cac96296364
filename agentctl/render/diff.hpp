// SPDX-License-Identifier: Apache-2.0
// Unified diffs for a terminal. Pure.
#pragma once
#include "agentctl/render/text.hpp"
#include "core/base/unified_diff.hpp"

#include <optional>
#include <string>
#include <vector>

namespace plimsoll::agentctl::render {

// As core/base/unified_diff.hpp has it, with lines that are safe().
[[nodiscard]] std::vector<std::string> unified_diff(const std::string& path,
                                                    const std::optional<std::string>& before,
                                                    const std::optional<std::string>& after);

// The same as text for a terminal, each line with `indent` before it. Lines are not wrapped: a diff that was
// cut is no diff.
[[nodiscard]] std::string diff_text(const std::vector<std::string>& lines, std::string_view indent,
                                    const Style& style);

}  // namespace plimsoll::agentctl::render
