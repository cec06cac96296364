// SPDX-License-Identifier: Apache-2.0
// What the service manager opened for us (sd_listen_fds(3)).
#pragma once
#include "core/base/fd.hpp"

#include <string_view>

namespace plimsoll::bus {

// The descriptor of that name (FileDescriptorName= of the socket unit), ours from now on; every other that
// was left open from 3 on is closed. Empty: there is none. Once, before anything is opened.
[[nodiscard]] Fd take_inherited(std::string_view name);

}  // namespace plimsoll::bus
