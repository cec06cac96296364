// SPDX-License-Identifier: Apache-2.0
// The explicit list of modules. No static registration: a linker could drop it, and its order is unspecified.
#pragma once
#include "core/policy/module.hpp"

namespace plimsoll::modules {

// In the order in which findings are shown and fixes carried out: what others need comes first.
[[nodiscard]] policy::Modules all();

}  // namespace plimsoll::modules
