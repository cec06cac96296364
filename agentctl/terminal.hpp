// SPDX-License-Identifier: Apache-2.0
// Standard streams: where output goes and how it may look, what goes wrong, one question.
#pragma once
#include "agentctl/command_line.hpp"
#include "agentctl/render/text.hpp"
#include "agentctl/stop.hpp"
#include "core/base/value.hpp"

#include <functional>
#include <string>
#include <string_view>

namespace plimsoll::agentctl {

// Width of the terminal (80 when stdout is none), colours as --color, NO_COLOR and TERM say, and the options
// that a suggested command has to repeat.
[[nodiscard]] render::Style style_for(const Options& options);

// Writes to stdout unless --quiet. Returns `exit_code`, or another than 0 when the text could not be written:
// a caller that reads the exit status must not take lost output for success.
[[nodiscard]] int print(const Options& options, std::string_view text, int exit_code);
[[nodiscard]] int print_json(const Options& options, const Value& json, int exit_code);

// The message on stderr; returns its exit code.
[[nodiscard]] int complain(const Stop& stop);
void warn(std::string_view message);

// main(): reads the command line and calls `run`, or says what is wrong with it (or the help that it asks
// for).
[[nodiscard]] int run_command_line(int argc, char** argv, const std::function<int(const Options&)>& run);

// Whether stdin and stderr are a terminal, so that a person can answer.
[[nodiscard]] bool can_ask();
// Asks on stderr; only "y" or "yes" is a yes.
[[nodiscard]] bool ask(std::string_view question);

}  // namespace plimsoll::agentctl
