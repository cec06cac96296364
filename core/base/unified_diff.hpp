// SPDX-License-Identifier: Apache-2.0
// Unified diff of two texts. Pure.
#pragma once
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace plimsoll {

// Makes a line of somebody else's fit to be shown.
using Escape = std::function<std::string(std::string_view)>;

// The lines of a unified diff with three lines of context, headed by "--- a/PATH" and "+++ b/PATH" (/dev/null
// for a file that is not there); empty when nothing differs. Lines are escaped and without '\n'. In shadow(5)
// and gshadow(5) files the password field is hidden.
[[nodiscard]] std::vector<std::string> unified_diff(const std::string& path,
                                                    const std::optional<std::string>& before,
                                                    const std::optional<std::string>& after,
                                                    const Escape& escape);

}  // namespace plimsoll
