// SPDX-License-Identifier: Apache-2.0
// A service manager that remembers what it was asked and always succeeds.
#pragma once
#include "core/host/service_manager.hpp"

#include <string>
#include <vector>

namespace plimsoll::tests {

class FakeServices final : public host::ServiceManager {
  public:
    Result<std::string> active_state(const std::string& unit) override {
        asked.push_back("state " + unit);
        return "inactive";
    }

    Result<void> start(const std::string& unit) override { return note("start " + unit); }

    Result<void> stop(const std::string& unit) override { return note("stop " + unit); }

    Result<void> restart(const std::string& unit) override { return note("restart " + unit); }

    Result<void> reload_manager() override { return note("reload"); }

    Result<void> set_linger(std::uint32_t, bool) override { return fail(Code::unsupported, "no logind"); }

    std::vector<std::string> asked{};

  private:
    Result<void> note(std::string what) {
        asked.push_back(std::move(what));
        return {};
    }
};

}  // namespace plimsoll::tests
