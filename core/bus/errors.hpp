// SPDX-License-Identifier: Apache-2.0
// Error codes as D-Bus error names, and back.
#pragma once
#include "core/base/result.hpp"

#include <string_view>

namespace plimsoll::bus {

// Of an error that somebody sent us; Code::io for a name that tells nothing to act on.
[[nodiscard]] Code code_of_name(std::string_view name);
// Under which name ours are sent; docs/dbus.md lists them.
[[nodiscard]] const char* name_of(Code code);

}  // namespace plimsoll::bus
