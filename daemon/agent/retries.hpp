// SPDX-License-Identifier: Apache-2.0
// When a fix that did not work is tried again: with a delay that doubles. Pure.
#pragma once
#include "daemon/board.hpp"

#include <chrono>
#include <map>
#include <optional>

namespace plimsoll::daemon {

class Retries {
  public:
    using Moment = std::chrono::steady_clock::time_point;
    static constexpr std::chrono::milliseconds first_delay{1000};
    static constexpr std::chrono::milliseconds first_delay_when_busy{100};
    static constexpr std::chrono::minutes longest_delay{15};
    static constexpr std::chrono::seconds longest_delay_when_busy{5};
    // Fixes in a row that each worked and left the key failing: more is going in a circle.
    static constexpr int most_in_a_row{64};

    // `busy`: the host changed meanwhile, or somebody else holds a lock.
    void failed(const Key& key, bool busy, Moment now);
    // A fix worked; the key still fails (another of its findings does) or no longer.
    void worked(const Key& key, bool still_fails, Moment now);

    // The key no longer fails, or is to be tried at once.
    void forget(const Key& key) { keys_.erase(key); }

    void forget_all() { keys_.clear(); }

    [[nodiscard]] bool may_try(const Key& key, Moment now) const;

    // The earliest time at which something may be tried again, of the keys that `wanted` names; nullopt:
    // none.
    template <class Wanted>
    [[nodiscard]] std::optional<Moment> next(const Wanted& wanted) const {
        std::optional<Moment> out;
        for (const auto& [key, retry] : keys_)
            if (wanted(key) && (!out || retry.at < *out))
                out = retry.at;
        return out;
    }

  private:
    struct Retry {
        Moment at{};
        std::chrono::milliseconds delay{0};
        int in_a_row{0};
    };

    std::map<Key, Retry> keys_;
};

}  // namespace plimsoll::daemon
