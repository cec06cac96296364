// SPDX-License-Identifier: Apache-2.0
// Free ranges for fixes.
#pragma once
#include "modules/subuid/grants.hpp"

#include <array>
#include <optional>
#include <string>
#include <vector>

namespace plimsoll::modules::subuid {

// Hands out free blocks, each once. What is taken is looked up when the first one is asked for.
class Blocks {
  public:
    explicit Blocks(const Context& c);

    // The changes that give `owner` so many ids of each kind, of the same numbers when as many of both are
    // wanted; nullopt: see why_not().
    [[nodiscard]] std::optional<std::vector<policy::Change>> give(const std::string& owner,
                                                                  std::array<std::uint64_t, 2> counts);

    [[nodiscard]] std::string why_not() const;

  private:
    [[nodiscard]] std::optional<std::uint64_t> take(std::uint64_t count);
    [[nodiscard]] RangeSet look_up_taken() const;

    const Context& c_;
    Range window_;
    std::optional<RangeSet> taken_{};
    std::string obstacle_{};
};

}  // namespace plimsoll::modules::subuid
