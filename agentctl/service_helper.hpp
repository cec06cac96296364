// SPDX-License-Identifier: Apache-2.0
// The service manager, asked through a helper program of ours. Only apply and undo of some fixes need the
// bus; the libraries that speak it would cost every check three megabytes and two milliseconds.
#pragma once
#include "core/host/runner.hpp"
#include "core/host/service_manager.hpp"

#include <memory>
#include <string>
#include <string_view>

namespace plimsoll::agentctl {

inline constexpr std::string_view helper_name = "plimsoll-units";
inline constexpr std::string_view live_name = "plimsoll-live";  // status, watch and the other live verbs

// The helper's exit code for an error is this plus the value of its Code; the message is on its stderr.
inline constexpr int helper_error_base = 10;

class HelperServiceManager final : public host::ServiceManager {
  public:
    // `program`: absolute path of the helper.
    HelperServiceManager(std::unique_ptr<host::Runner> runner, std::string program);

    [[nodiscard]] Result<std::string> active_state(const std::string& unit) override;
    [[nodiscard]] Result<void> start(const std::string& unit) override;
    [[nodiscard]] Result<void> stop(const std::string& unit) override;
    [[nodiscard]] Result<void> restart(const std::string& unit) override;
    [[nodiscard]] Result<void> reload_manager() override;
    [[nodiscard]] Result<void> set_linger(std::uint32_t uid, bool linger) override;

  private:
    // The helper's output.
    [[nodiscard]] Result<std::string> ask(std::vector<std::string> arguments);

    std::unique_ptr<host::Runner> runner_;
    std::string program_;
};

// Where a helper belongs, given where agentctl itself is: PREFIX/libexec/plimsoll for PREFIX/bin, and
// beside it for a build tree.
[[nodiscard]] std::string helper_beside(std::string_view own_program, std::string_view name = helper_name);
// The helper of that name that belongs to this very program: an absolute path.
[[nodiscard]] std::string own_helper(std::string_view name);

// With the helper that belongs to this very program.
[[nodiscard]] HelperServiceManager system_services();

}  // namespace plimsoll::agentctl
