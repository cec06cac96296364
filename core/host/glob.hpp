// SPDX-License-Identifier: Apache-2.0
// Paths that a pattern names (glob(7)): '*', '?' and '[…]' in any component, none of them across a '/'.
#pragma once
#include "core/host/sysroot.hpp"

#include <string>
#include <vector>

namespace plimsoll::host {

struct GlobMatches {
    std::vector<std::string> paths{};  // that exist, sorted by component; of no pattern the path itself
    std::vector<Error> problems{};     // directories that could not be searched, or too many to follow
};

// Whether a wildcard matches a leading dot: it does for Go's filepath.Glob, not for glob(3).
enum class LeadingDot { no_match, match };

[[nodiscard]] bool is_pattern(std::string_view path);
[[nodiscard]] GlobMatches find_matches(const Sysroot& root, const std::string& pattern, LeadingDot dot);

}  // namespace plimsoll::host
