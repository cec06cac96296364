// SPDX-License-Identifier: Apache-2.0
// Unified diff of two texts. Pure.
#pragma once
#include "agentctl/render/text.hpp"

#include <optional>
#include <string>
#include <vector>

namespace plimsoll::agentctl::render {

// The lines of a unified diff with three lines of context, headed by "--- a/PATH" and "+++ b/PATH" (/dev/null
// for a file that is not there); empty when nothing differs. Lines are safe() and without '\n'. In shadow(5)
// and gshadow(5) files the password field is hidden.
[[nodiscard]] std::vector<std::string> unified_diff(const std::string& path,
                                                    const std::optional<std::string>& before,
                                                    const std::optional<std::string>& after);

// The same as text for a terminal, each line with `indent` before it. Lines are not wrapped: a diff that was
// cut is no diff.
[[nodiscard]] std::string diff_text(const std::vector<std::string>& lines, std::string_view indent,
                                    const Style& style);

}  // namespace plimsoll::agentctl::render
