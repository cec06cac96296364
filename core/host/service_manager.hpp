// SPDX-License-Identifier: Apache-2.0
// The service manager of the running host, and its logind. core/bus implements it over D-Bus; tests fake it.
#pragma once
#include "core/base/result.hpp"

#include <cstdint>
#include <string>

namespace plimsoll::host {

class ServiceManager {
  public:
    virtual ~ServiceManager() = default;
    // "active", "inactive", "failed", …; Code::not_found for a unit that is not loaded.
    [[nodiscard]] virtual Result<std::string> active_state(const std::string& unit) = 0;
    // Each waits for the job's end, at most 90 s.
    [[nodiscard]] virtual Result<void> start(const std::string& unit) = 0;
    [[nodiscard]] virtual Result<void> stop(const std::string& unit) = 0;
    [[nodiscard]] virtual Result<void> restart(const std::string& unit) = 0;
    [[nodiscard]] virtual Result<void> reload_manager() = 0;
    // Has logind make or remove its file for the user (/var/lib/systemd/linger/NAME), then waits until the
    // user's manager runs, or has ended unless the user has a session; for its job as above.
    // Code::unsupported or Code::not_found when no logind answers or it knows no such user: nothing was
    // changed then.
    [[nodiscard]] virtual Result<void> set_linger(std::uint32_t uid, bool linger) = 0;
};

}  // namespace plimsoll::host
