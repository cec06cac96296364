// SPDX-License-Identifier: Apache-2.0
#include "daemon/agent/retries.hpp"

#include <algorithm>

namespace plimsoll::daemon {

void Retries::failed(const Key& key, bool busy, Moment now) {
    Retry& retry = keys_[key];
    const std::chrono::milliseconds first = busy ? first_delay_when_busy : first_delay;
    const std::chrono::milliseconds longest =
        busy ? std::chrono::milliseconds(longest_delay_when_busy) : std::chrono::milliseconds(longest_delay);
    retry.delay = std::min(std::max(retry.delay * 2, first), longest);
    retry.at = now + retry.delay;
}

void Retries::worked(const Key& key, bool still_fails, Moment now) {
    if (!still_fails) {
        keys_.erase(key);
        return;
    }
    const int in_a_row = keys_[key].in_a_row + 1;
    if (in_a_row > most_in_a_row)
        failed(key, false, now);
    else
        keys_[key] = {now, {}, in_a_row};
}

bool Retries::may_try(const Key& key, Moment now) const {
    const auto found = keys_.find(key);
    return found == keys_.end() || found->second.at <= now;
}

}  // namespace plimsoll::daemon
