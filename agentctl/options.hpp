// SPDX-License-Identifier: Apache-2.0
// Turns the argument vector into Options. The only home of CLI11 (options.cpp).
#pragma once
#include "agentctl/command_line.hpp"
#include "core/base/value.hpp"

#include <expected>
#include <optional>

namespace plimsoll::agentctl {

// Why there are no Options: help was asked for (exit 0, text for stdout), or the usage is wrong (exit 2).
struct NotParsed {
    int exit_code{exit_usage};
    std::string text;
};

[[nodiscard]] std::expected<Options, NotParsed> parse_options(int argc, const char* const* argv);

// What --since may be: RFC 3339 as parse_rfc3339() takes it, or so long before `now` ("45s", "30m", "2h",
// "7d").
[[nodiscard]] std::optional<Time> parse_since(std::string_view text, Time now);

}  // namespace plimsoll::agentctl
