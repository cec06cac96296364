// SPDX-License-Identifier: Apache-2.0
// How an account that is missing is made: its ids, the lines of the account databases, its home.
#pragma once
#include "core/base/ranges.hpp"
#include "modules/provision/judge.hpp"

#include <optional>
#include <string>
#include <vector>

namespace plimsoll::modules::provision {

// User and group ids that an account may still get. Ids of accounts and groups, ids delegated to anybody, and
// those that the policy gives to other tenants are not among them.
class IdPool {
  public:
    explicit IdPool(const Context& context);

    [[nodiscard]] bool is_free(std::uint64_t id) const { return !used_.contains(id); }

    [[nodiscard]] bool is_delegated(std::uint64_t id) const { return delegated_.contains(id); }

    void take(std::uint64_t id) { used_.add(range_of(id, 1)); }

    // System ids downward from the end of the range, as useradd(8) does.
    [[nodiscard]] std::optional<std::uint32_t> highest_free(Range range) const;
    // Regular ids upward: the one after the highest in use, so that a deleted account's files do not find a
    // new owner; the lowest free one when there is no room above.
    [[nodiscard]] std::optional<std::uint32_t> next_free(Range range) const;

  private:
    RangeSet used_;
    RangeSet delegated_;
};

struct NewAccount {
    host::User user;
    std::vector<policy::Change> changes;  // the account database last written is passwd, then the home
    std::string refused;                  // why it cannot be made; then `todo` says what a person can do
    std::string todo;
};

// An Error: something that decides about it could not be read.
[[nodiscard]] Result<NewAccount> plan_account(const policy::Tenant& tenant, const Context& context,
                                              IdPool& pool);

}  // namespace plimsoll::modules::provision
