// SPDX-License-Identifier: Apache-2.0
// The command line as text: --help, the man page and shell completions, all from the table in command_line.
#pragma once
#include <string>
#include <string_view>
#include <vector>

namespace plimsoll::agentctl::render {

// The help of one verb, or of the program when `verb` is empty; at most 80 columns.
[[nodiscard]] std::string help(std::string_view verb);

// agentctl(8) as troff (man(7) macros).
[[nodiscard]] std::string man_page(std::string_view version);

// `controls` are the ids offered for CONTROL and --control.
[[nodiscard]] std::string bash_completion(const std::vector<std::string>& controls);
[[nodiscard]] std::string zsh_completion(const std::vector<std::string>& controls);
[[nodiscard]] std::string fish_completion(const std::vector<std::string>& controls);

}  // namespace plimsoll::agentctl::render
