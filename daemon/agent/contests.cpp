// SPDX-License-Identifier: Apache-2.0
#include "daemon/agent/contests.hpp"

#include <algorithm>
#include <ranges>

namespace plimsoll::daemon {

void Contests::make_room() {
    if (tallies_.size() < most_keys)
        return;
    tallies_.erase(
        std::ranges::min_element(tallies_, {}, [](const auto& entry) { return entry.second.healed; }));
}

void Contests::healed(const Key& key, Instant at) {
    if (!tallies_.contains(key))
        make_room();
    Tally& tally = tallies_[key];
    tally.armed = true;
    tally.healed = at;
}

bool Contests::failed(const Key& key, Instant at) {
    const auto found = tallies_.find(key);
    if (found == tallies_.end() || !found->second.armed)
        return false;
    Tally& tally = found->second;
    tally.armed = false;
    std::erase_if(tally.reverts, [&](Instant then) { return then < at - window; });
    tally.reverts.push_back(at);
    if (tally.reverts.size() < most_reverts)
        return false;
    const auto count = static_cast<std::uint32_t>(tally.reverts.size());
    contested_[key] = {key.control, key.subject, to_seconds(at), count, ""};
    tallies_.erase(found);
    return true;
}

void Contests::name_writer(const Key& key, std::string writer) {
    const auto found = contested_.find(key);
    if (found != contested_.end())
        found->second.writer = std::move(writer);
}

bool Contests::holds(const Key& key) const {
    return contested_.contains(key);
}

std::vector<policy::Contest> Contests::list() const {
    const auto all = std::views::values(contested_);
    return {all.begin(), all.end()};
}

void Contests::restore(const std::vector<policy::Contest>& contests) {
    for (const auto& c : contests)
        contested_[{c.control, c.subject}] = c;
}

bool Contests::end_all() {
    tallies_.clear();
    const bool any = !contested_.empty();
    contested_.clear();
    return any;
}

bool Contests::end(const Key& key) {
    tallies_.erase(key);
    return contested_.erase(key) != 0;
}

}  // namespace plimsoll::daemon
