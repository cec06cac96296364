// SPDX-License-Identifier: Apache-2.0
// What the daemon knows of the host between two looks: every finding with its place in time. Plain data.
#pragma once
#include "daemon/api.hpp"

#include <chrono>
#include <compare>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace plimsoll::daemon {

// Wall clock, UTC: how long something was out of line is told in microseconds and over restarts.
using Instant = std::chrono::sys_time<std::chrono::microseconds>;

// What a verdict is about. Several findings may share one key: the worst of them is its verdict.
struct Key {
    std::string control;
    std::string subject;
    auto operator<=>(const Key&) const = default;
};

struct Standing {
    policy::Status status{policy::Status::unknown};  // of the worst finding
    policy::Severity severity{policy::Severity::medium};
    std::string message{};
    Time since{};                        // with this status
    std::uint64_t cursor{0};             // of the last change of any of its findings
    std::optional<Instant> out_since{};  // fails or could not be observed, without a break, since then
    bool operator==(const Standing&) const = default;
};

struct Board {
    std::vector<Tracked> findings{};  // in catalogue order, then as the modules gave them
    std::map<Key, Standing> keys{};
};

// Outside the line, or not known to be inside.
[[nodiscard]] constexpr bool is_out(policy::Status s) {
    return s == policy::Status::fail || s == policy::Status::unknown;
}

[[nodiscard]] inline Time to_seconds(Instant at) {
    return std::chrono::floor<std::chrono::seconds>(at);
}

}  // namespace plimsoll::daemon
