// SPDX-License-Identifier: Apache-2.0
// The service manager, connected to when it is first needed and again after its bus was lost.
#pragma once
#include "core/host/service_manager.hpp"

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <type_traits>

namespace plimsoll::daemon {

class Services final : public host::ServiceManager {
  public:
    // The daemon waits for a job's end and hears nothing meanwhile, so that is kept well below its watchdog;
    // a job that takes longer goes on by itself and is looked at again.
    static constexpr std::chrono::seconds job_deadline{20};

    [[nodiscard]] Result<std::string> active_state(const std::string& unit) override;
    [[nodiscard]] Result<void> start(const std::string& unit) override;
    [[nodiscard]] Result<void> stop(const std::string& unit) override;
    [[nodiscard]] Result<void> restart(const std::string& unit) override;
    [[nodiscard]] Result<void> reload_manager() override;
    [[nodiscard]] Result<void> set_linger(std::uint32_t uid, bool linger) override;

  private:
    template <class F>
    [[nodiscard]] std::invoke_result_t<F, host::ServiceManager&> ask(F call);

    std::unique_ptr<host::ServiceManager> manager_{};
};

}  // namespace plimsoll::daemon
