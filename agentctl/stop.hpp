// SPDX-License-Identifier: Apache-2.0
// How a verb ends early.
#pragma once
#include "agentctl/command_line.hpp"
#include "core/base/result.hpp"

#include <expected>
#include <string>

namespace plimsoll::agentctl {

// Why: the message for stderr and the exit code.
struct Stop {
    int exit_code{exit_usage};
    std::string message;
};

template <class T>
using Outcome = std::expected<T, Stop>;

// The stop for an error: exit 4 for a lack of permission, else `exit_code`. With -v the place it arose.
[[nodiscard]] Stop stop_for(const Error& error, const Options& options, int exit_code);

}  // namespace plimsoll::agentctl
