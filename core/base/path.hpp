// SPDX-License-Identifier: Apache-2.0
// Paths as text.
#pragma once
#include <string_view>

namespace plimsoll {

// "dockerd" of "/usr/bin/dockerd" and of "dockerd" itself; empty after a slash at the end.
[[nodiscard]] constexpr std::string_view base_name(std::string_view path) {
    return path.substr(path.rfind('/') + 1);  // npos + 1 is 0
}

}  // namespace plimsoll
