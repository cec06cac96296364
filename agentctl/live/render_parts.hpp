// SPDX-License-Identifier: Apache-2.0
// Colours that several of the live verbs share.
#pragma once
#include "agentctl/render/text.hpp"

#include <string_view>

namespace plimsoll::agentctl::live {

[[nodiscard]] render::Ink ink_of_status(std::string_view status);
[[nodiscard]] render::Ink ink_of_line(std::string_view line);

}  // namespace plimsoll::agentctl::live
