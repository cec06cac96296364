// SPDX-License-Identifier: Apache-2.0
// Whether this caller may change this host, and the service manager that changes need.
#pragma once
#include "agentctl/session.hpp"
#include "core/host/service_manager.hpp"

#include <memory>

namespace plimsoll::agentctl {

// Exit 4 when the running host is to be changed by somebody who is not root. For an image the permissions of
// its files decide.
[[nodiscard]] Outcome<void> may_change(const host::Host& host, const Options& options);

// Connects to the bus when first asked, because most changes need no service manager, and an image has none.
class LazySystemManager final : public host::ServiceManager {
  public:
    [[nodiscard]] Result<std::string> active_state(const std::string& unit) override;
    [[nodiscard]] Result<void> start(const std::string& unit) override;
    [[nodiscard]] Result<void> stop(const std::string& unit) override;
    [[nodiscard]] Result<void> restart(const std::string& unit) override;
    [[nodiscard]] Result<void> reload_manager() override;

  private:
    [[nodiscard]] Result<host::ServiceManager*> manager();

    std::unique_ptr<host::ServiceManager> manager_;
};

}  // namespace plimsoll::agentctl
