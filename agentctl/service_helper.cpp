// SPDX-License-Identifier: Apache-2.0
#include "agentctl/service_helper.hpp"

#include "core/base/text.hpp"

#include <array>
#include <cstdlib>
#include <utility>

#include <unistd.h>

namespace plimsoll::agentctl {
namespace {

// A job may take 90 s (service_manager.hpp); the helper itself tells when it did.
constexpr std::chrono::seconds helper_deadline{100};

Error error_of(const host::Outcome& outcome) {
    const int code = outcome.exit_code - helper_error_base;
    const bool known = code >= 0 && code <= static_cast<int>(Code::internal);
    std::string message(trim(outcome.err));
    if (message.empty())
        message = std::string(helper_name) + " ended with exit code " + std::to_string(outcome.exit_code);
    return {known ? static_cast<Code>(code) : Code::internal, 0, printable(message, 2000), Where::here()};
}

Result<void> without_output(const Result<std::string>& result) {
    PLIMSOLL_CHECK(result);
    return {};
}

}  // namespace

HelperServiceManager::HelperServiceManager(std::unique_ptr<host::Runner> runner, std::string program)
    : runner_(std::move(runner)), program_(std::move(program)) {}

Result<std::string> HelperServiceManager::ask(std::vector<std::string> arguments) {
    host::Command command;
    command.argv = std::move(arguments);
    command.argv.insert(command.argv.begin(), program_);
    command.deadline = helper_deadline;
    if (const char* bus = std::getenv("DBUS_SYSTEM_BUS_ADDRESS"); bus != nullptr)
        command.env.push_back("DBUS_SYSTEM_BUS_ADDRESS=" + std::string(bus));
    PLIMSOLL_TRY(const auto outcome, runner_->run(command));
    if (outcome.exit_code != 0)
        return Failure(error_of(outcome));
    return std::string(trim(outcome.out));
}

Result<std::string> HelperServiceManager::active_state(const std::string& unit) {
    return ask({"active-state", unit});
}

Result<void> HelperServiceManager::start(const std::string& unit) {
    return without_output(ask({"start", unit}));
}

Result<void> HelperServiceManager::stop(const std::string& unit) {
    return without_output(ask({"stop", unit}));
}

Result<void> HelperServiceManager::restart(const std::string& unit) {
    return without_output(ask({"restart", unit}));
}

Result<void> HelperServiceManager::reload_manager() {
    return without_output(ask({"reload-manager"}));
}

Result<void> HelperServiceManager::set_linger(std::uint32_t uid, bool linger) {
    return without_output(ask({linger ? "linger" : "no-linger", std::to_string(uid)}));
}

std::string helper_beside(std::string_view own_program, std::string_view name) {
    const std::string_view dir = own_program.substr(0, own_program.rfind('/'));
    if (dir.ends_with("/bin") || dir.ends_with("/sbin"))
        return std::string(dir.substr(0, dir.rfind('/'))) + "/libexec/plimsoll/" + std::string(name);
    return std::string(dir) + "/" + std::string(name);
}

std::string own_helper(std::string_view name) {
    std::array<char, 4096> own{};
    const auto n = ::readlink("/proc/self/exe", own.data(), own.size());
    const std::string_view program(own.data(), n > 0 ? static_cast<std::size_t>(n) : 0);
    // Without /proc there is only the place where packages install it.
    return helper_beside(program.empty() ? "/usr/bin/agentctl" : program, name);
}

HelperServiceManager system_services() {
    return {std::make_unique<host::ProcessRunner>(), own_helper(helper_name)};
}

}  // namespace plimsoll::agentctl
