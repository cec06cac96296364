// SPDX-License-Identifier: Apache-2.0
#include "agentctl/authority.hpp"

#include "core/bus/system_manager.hpp"

#include <unistd.h>

namespace plimsoll::agentctl {

Outcome<void> may_change(const host::Host& host, const Options& options) {
    if (host.live() && ::geteuid() != 0)
        return std::unexpected(Stop{
            exit_not_permitted, "only root may change the running host\nTry: sudo agentctl " + options.verb});
    return {};
}

Result<host::ServiceManager*> LazySystemManager::manager() {
    if (!manager_) {
        PLIMSOLL_TRY(manager_, bus::connect_system_manager());
    }
    return manager_.get();
}

Result<std::string> LazySystemManager::active_state(const std::string& unit) {
    PLIMSOLL_TRY(auto* m, manager());
    return m->active_state(unit);
}

Result<void> LazySystemManager::start(const std::string& unit) {
    PLIMSOLL_TRY(auto* m, manager());
    return m->start(unit);
}

Result<void> LazySystemManager::stop(const std::string& unit) {
    PLIMSOLL_TRY(auto* m, manager());
    return m->stop(unit);
}

Result<void> LazySystemManager::restart(const std::string& unit) {
    PLIMSOLL_TRY(auto* m, manager());
    return m->restart(unit);
}

Result<void> LazySystemManager::reload_manager() {
    PLIMSOLL_TRY(auto* m, manager());
    return m->reload_manager();
}

}  // namespace plimsoll::agentctl
