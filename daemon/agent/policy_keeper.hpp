// SPDX-License-Identifier: Apache-2.0
// Which policy is in force: the host's own, or the files that the daemon was started with.
#pragma once
#include "core/host/host.hpp"
#include "core/policy/policy.hpp"

#include <string>
#include <vector>

namespace plimsoll::daemon {

class PolicyKeeper {
  public:
    // `paths` are --policy; empty: the host's directories. `host` and `catalogue` must outlive it.
    PolicyKeeper(const host::Host& host, std::vector<std::string> paths, const policy::Catalogue& catalogue);

    // Reads it for the first time. When the host's files are refused: the last good policy of an earlier run,
    // else the one that is built in, which audits everything and changes nothing; broken() tells either way.
    // Code::invalid_input for `paths` that are refused.
    [[nodiscard]] Result<void> begin();

    // Reads it again. What is refused changes nothing but broken(). True: policy() or broken() is another.
    [[nodiscard]] bool reload();

    [[nodiscard]] const policy::Policy& policy() const { return policy_; }

    [[nodiscard]] const policy::Problems& broken() const { return broken_; }

    // Why the policy cannot be kept for a start at which its files are refused; "" when it can.
    [[nodiscard]] const std::string& problem() const { return problem_; }

  private:
    struct Read {
        policy::Policy policy{};
        policy::Problems broken{};
    };

    [[nodiscard]] Result<Read> read() const;
    void keep();

    const host::Host& host_;
    std::vector<std::string> paths_;
    const policy::Catalogue& catalogue_;
    policy::Policy policy_{};
    policy::Problems broken_{};
    std::string problem_{};
};

}  // namespace plimsoll::daemon
