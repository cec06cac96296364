// SPDX-License-Identifier: Apache-2.0
// What the daemon tells on the bus (units/dbus/org.plimsoll.Agent1.xml), as plain data. Text is as it came:
// whoever shows it makes it safe. Words for statuses, severities and the line are kept as words, so that a
// newer daemon's are shown and never taken for something else.
#pragma once
#include "core/base/value.hpp"

#include <chrono>
#include <cstdint>
#include <expected>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace plimsoll::agentctl::live {

struct Contested {  // a key that is not enforced any more
    std::string control;
    std::string subject;
    Time since{};
    std::uint32_t reverts{0};
    std::string writer;  // "": not known
};

struct Status {
    std::string line;  // "inside", "outside" or "unobserved"
    Time line_since{};
    std::map<std::string, std::uint32_t> counts{};  // by status
    std::string profile;
    std::string policy_digest;
    std::vector<std::string> policy_problems{};  // not empty: the last good policy is in force
    Time started{};
    std::optional<Time> last_full_pass{};
    std::uint64_t healed_today{0};  // since midnight UTC
    std::vector<Contested> contested{};
    std::vector<std::string> degraded{};
    std::string root;
    std::string version;
};

struct Finding {
    std::string control;
    std::string subject;
    std::string status;
    std::string severity;
    std::string message;
    Time since{};
    bool required{true};  // whether "unknown" counts against the line
};

struct Transition {
    std::uint64_t id{0};
    Time time{};
    std::string control;
    std::string subject;
    std::string from;  // "": was not there
    std::string to;    // "": is not there any more
    std::string severity;
    std::string message;
    std::string cause;
    bool announced{true};   // false: only a full pass found it
    std::string healed_by;  // "": nobody of ours
    std::optional<std::chrono::microseconds> out_for{};
    std::uint64_t journal_entry{0};  // 0: none
};

struct Container {
    std::string id;
    std::string name;  // may be ""
    std::string engine;
    bool rootless{false};
    std::uint32_t owner{0};  // uid outside
    std::int32_t pid{0};
    Time started{};
    std::string cgroup;
    std::uint32_t failing{0};
    std::string worst;  // severity; "": nothing fails
};

// A list, or why it could not be had.
template <class T>
using Observed = std::expected<std::vector<T>, std::string>;

// What `status` shows.
struct Overview {
    Status status{};
    Observed<Finding> findings{};   // failing ones, and unknown ones
    Observed<Transition> healed{};  // today's, oldest first
    Observed<Container> containers{};
    Time now{};
};

}  // namespace plimsoll::agentctl::live
