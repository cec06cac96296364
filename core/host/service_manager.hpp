// SPDX-License-Identifier: Apache-2.0
// The service manager of the running host. core/bus implements it over D-Bus; tests fake it.
#pragma once
#include "core/base/result.hpp"

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
};

}  // namespace plimsoll::host
