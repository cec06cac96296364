// SPDX-License-Identifier: Apache-2.0
#include "daemon/services.hpp"

#include "core/bus/system_manager.hpp"

namespace plimsoll::daemon {
namespace {

Result<void> without_value(const Result<std::string>& result) {
    PLIMSOLL_CHECK(result);
    return {};
}

Result<std::string> without_value(Result<void> result) {
    PLIMSOLL_CHECK(result);
    return "";
}

}  // namespace

Result<std::string> Services::ask(const Call& call) {
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
    return without_value(ask([&](host::ServiceManager& m) { return without_value(m.start(unit)); }));
}

Result<void> Services::stop(const std::string& unit) {
    return without_value(ask([&](host::ServiceManager& m) { return without_value(m.stop(unit)); }));
}

Result<void> Services::restart(const std::string& unit) {
    return without_value(ask([&](host::ServiceManager& m) { return without_value(m.restart(unit)); }));
}

Result<void> Services::reload_manager() {
    return without_value(ask([](host::ServiceManager& m) { return without_value(m.reload_manager()); }));
}

Result<void> Services::set_linger(std::uint32_t uid, bool linger) {
    return without_value(
        ask([&](host::ServiceManager& m) { return without_value(m.set_linger(uid, linger)); }));
}

}  // namespace plimsoll::daemon
