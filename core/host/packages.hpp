// SPDX-License-Identifier: Apache-2.0
// Versions of installed packages, from the package database's files.
#pragma once
#include "core/host/sysroot.hpp"

#include <map>
#include <string>
#include <vector>

namespace plimsoll::host {

// name -> version for those of `names` that are installed. Reads dpkg's status file
// (/var/lib/dpkg/status and status.d). Code::unsupported when the host has another package database (rpm).
[[nodiscard]] Result<std::map<std::string, std::string>> installed_versions(
    const Sysroot& root, const std::vector<std::string>& names);

}  // namespace plimsoll::host
