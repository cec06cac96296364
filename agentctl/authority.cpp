// SPDX-License-Identifier: Apache-2.0
#include "agentctl/authority.hpp"

#include <unistd.h>

namespace plimsoll::agentctl {

Outcome<void> may_change(const host::Host& host, const Options& options) {
    if (host.live() && ::geteuid() != 0)
        return std::unexpected(Stop{
            exit_not_permitted, "only root may change the running host\nTry: sudo agentctl " + options.verb});
    return {};
}

}  // namespace plimsoll::agentctl
