// SPDX-License-Identifier: Apache-2.0
// Variables that users' services have by the service managers' own configuration (systemd-system.conf(5)): of
// the system's, which starts user@.service, and that for the managers of all users.
#pragma once
#include "core/host/sysroot.hpp"
#include "core/host/unit_files.hpp"

#include <vector>

namespace plimsoll::host {

// DefaultEnvironment= and ManagerEnvironment= as they reach these. Files that cannot be read are among the
// problems.
[[nodiscard]] std::vector<UnitSetting> manager_environment(const Sysroot& root, std::vector<Error>& problems);

}  // namespace plimsoll::host
