// SPDX-License-Identifier: Apache-2.0
#include "core/bus/inherited.hpp"

#include <systemd/sd-daemon.h>

#include <cstdlib>

#include <unistd.h>

namespace plimsoll::bus {

Fd take_inherited(std::string_view name) {
    constexpr auto first = static_cast<unsigned>(SD_LISTEN_FDS_START);
    char** names = nullptr;
    const int count = ::sd_listen_fds_with_names(1, &names);
    int found = -1;
    for (int i = 0; i < count; ++i) {
        if (found < 0 && names[i] == name)
            found = SD_LISTEN_FDS_START + i;
        std::free(names[i]);
    }
    std::free(static_cast<void*>(names));
    if (found < 0) {
        (void)::close_range(first, ~0U, 0);
        return {};
    }
    const auto kept = static_cast<unsigned>(found);
    if (kept > first)
        (void)::close_range(first, kept - 1, 0);
    (void)::close_range(kept + 1, ~0U, 0);
    return Fd(found);
}

}  // namespace plimsoll::bus
