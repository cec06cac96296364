// SPDX-License-Identifier: Apache-2.0
// The files that one of containerd's configuration files imports (containerd-config.toml(5)).
#pragma once
#include "core/base/value.hpp"
#include "core/host/sysroot.hpp"

#include <string>
#include <vector>

namespace plimsoll::host {

// Absolute paths in the order in which they count, the last most; they need not be there. `config`: what
// `file` says. Among the problems: imports that are no list of paths, directories that cannot be listed.
[[nodiscard]] std::vector<std::string> containerd_imports(const Sysroot& root, const Value& config,
                                                          const std::string& file,
                                                          std::vector<Error>& problems);

}  // namespace plimsoll::host
