// SPDX-License-Identifier: Apache-2.0
// AppArmor profiles as their files say (apparmor.d(5)).
#pragma once
#include "core/host/host.hpp"

#include <set>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace plimsoll::modules::rootless {

// Files of profiles named after one of the programs that grant it user namespaces and are not disabled.
[[nodiscard]] Result<std::vector<std::string>> userns_profiles(const host::Sysroot& root,
                                                               std::span<const std::string_view> programs);

// Names of the profiles that the kernel has loaded or, where it does not tell, of those that files define.
[[nodiscard]] Result<std::set<std::string>> profile_names(const host::Host& host);

// ---- pure ----

// Whether a rule allows userns and none denies it: denials count more, wherever they stand.
[[nodiscard]] bool grants_userns(std::string_view profile);
[[nodiscard]] std::set<std::string> names_defined_by(std::string_view profiles);

}  // namespace plimsoll::modules::rootless
