// SPDX-License-Identifier: Apache-2.0
// plimsoll-units: one request to the service manager, for agentctl (service_helper.hpp).
// plimsoll-units active-state|start|stop|restart UNIT, plimsoll-units reload-manager,
// plimsoll-units linger|no-linger UID
#include "agentctl/service_helper.hpp"
#include "core/base/text.hpp"
#include "core/bus/system_manager.hpp"

#include <cstdio>
#include <string_view>

namespace {

using namespace plimsoll;

Result<void> act(host::ServiceManager& manager, std::string_view verb, const std::string& object) {
    if (verb == "start")
        return manager.start(object);
    if (verb == "stop")
        return manager.stop(object);
    if (verb == "restart")
        return manager.restart(object);
    if (verb == "reload-manager")
        return manager.reload_manager();
    const bool linger = verb == "linger";
    if (!linger && verb != "no-linger")
        return fail(Code::invalid_input, "no verb \"" + std::string(verb) + "\"");
    const auto uid = parse_u64(object);
    if (!uid || *uid > 0xffffffff)
        return fail(Code::invalid_input, "no uid \"" + object + "\"");
    return manager.set_linger(static_cast<std::uint32_t>(*uid), linger);
}

Result<std::string> request(host::ServiceManager& manager, std::string_view verb, const std::string& object) {
    if (verb == "active-state")
        return manager.active_state(object);
    PLIMSOLL_CHECK(act(manager, verb, object));
    return "";
}

Result<std::string> run(int argc, char** argv) {
    const std::string_view verb = argc > 1 ? argv[1] : "";
    if (argc != (verb == "reload-manager" ? 2 : 3))
        return fail(Code::invalid_input, "plimsoll-units is started by agentctl");
    PLIMSOLL_TRY(const auto manager, bus::connect_system_manager());
    return request(*manager, verb, argc > 2 ? argv[2] : "");
}

}  // namespace

int main(int argc, char** argv) {
    const auto result = run(argc, argv);
    if (result)
        return std::puts(result->c_str()) < 0 ? agentctl::helper_error_base + static_cast<int>(Code::io) : 0;
    (void)std::fputs((result.error().message + "\n").c_str(), stderr);
    return agentctl::helper_error_base + static_cast<int>(result.error().code);
}
