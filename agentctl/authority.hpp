// SPDX-License-Identifier: Apache-2.0
// Whether this caller may change this host.
#pragma once
#include "agentctl/session.hpp"

namespace plimsoll::agentctl {

// Exit 4 when the running host is to be changed by somebody who is not root. For an image the permissions of
// its files decide.
[[nodiscard]] Outcome<void> may_change(const host::Host& host, const Options& options);

}  // namespace plimsoll::agentctl
