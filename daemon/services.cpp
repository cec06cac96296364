// SPDX-License-Identifier: Apache-2.0
#include "daemon/services.hpp"

#include "core/bus/system_manager.hpp"

namespace plimsoll::daemon {
template <class F>
std::invoke_result_t<F, host::ServiceManager&> Services::ask(F call) {
    if (manager_ == nullptr) {
        PLIMSOLL_TRY(manager_, bus::connect_system_manager(job_deadline));
    }
    auto answer = call(*manager_);
    if (!answer && answer.error().code == Code::io)
        manager_.reset();  // the bus may have gone away; nothing is asked for twice
    return answer;
}

Result<std::string> Services::active_state(const std::string& unit) {
    return ask([&](host::ServiceManager& m) { return m.active_state(unit); });
}

Result<void> Services::start(const std::string& unit) {
    return ask([&](host::ServiceManager& m) { return m.start(unit); });
}

Result<void> Services::stop(const std::string& unit) {
    return ask([&](host::ServiceManager& m) { return m.stop(unit); });
}

Result<void> Services::restart(const std::string& unit) {
    return ask([&](host::ServiceManager& m) { return m.restart(unit); });
}

Result<void> Services::reload_manager() {
    return ask([](host::ServiceManager& m) { return m.reload_manager(); });
}

Result<void> Services::set_linger(std::uint32_t uid, bool linger) {
    return ask([&](host::ServiceManager& m) { return m.set_linger(uid, linger); });
}

}  // namespace plimsoll::daemon
