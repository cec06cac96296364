// SPDX-License-Identifier: Apache-2.0
// Command lines of units as systemd makes them of ExecStart=, Environment= and EnvironmentFile=
// (systemd.service(5), systemd.exec(5)).
#pragma once
#include "core/base/result.hpp"
#include "core/host/host.hpp"
#include "core/host/unit_files.hpp"

#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace plimsoll::host {

using Variables = std::map<std::string, std::string>;

// What a service's environment is, as far as its unit says.
struct UnitEnvironment {
    Variables values{};
    std::vector<Error> problems{};  // what of it could not be read
};

[[nodiscard]] UnitEnvironment unit_environment(const Host& host, const UnitFile& unit);

// ---- pure; any bytes ----

// One word of a line, unquoted, and where it stands in it.
struct LineWord {
    std::string text;
    std::size_t begin{0};
    std::size_t end{0};  // one past its last character, quotes included
};

// Words of a line as systemd splits it: blanks separate, single and double quotes and backslashes protect.
// An open quote ends with the line.
[[nodiscard]] std::vector<LineWord> split_words(std::string_view line);

// Words of an ExecStart line without its prefix characters. Of "sh -c SCRIPT" the words of the script stand
// in the place of "-c" and the script, so that what it runs can be found.
[[nodiscard]] std::vector<std::string> command_words(std::string_view line);

// NAME=VALUE lines of an environment file, later ones win. Quotes and a backslash at the end of a line join
// lines. "export NAME=VALUE" counts as well: shells read these files too.
[[nodiscard]] Variables parse_environment(std::string_view text);

// Words with $NAME and ${NAME} replaced as systemd does it: the first is split into words, the second is not.
[[nodiscard]] std::vector<std::string> expand(const std::vector<std::string>& argv,
                                              const Variables& environment);

enum class ManagerOf { system, user };

// Code::unsupported for each variable of those words that the environment does not have: what the manager
// that starts the unit puts in its place, only it knows. Of the system's "$OPTIONS" that nobody set is no
// word, as whoever wrote it meant it, and "${DIR}" alone counts; a user's has an environment of its own.
// `source`: "FILE:LINE".
[[nodiscard]] std::vector<Error> unset_variables(const std::vector<std::string>& argv,
                                                 const Variables& environment, ManagerOf manager,
                                                 const std::string& source);

// The file that a word of a command line names: an absolute path, of a unit's without specifiers and
// variables. Code::unsupported for others, which only the running manager or program knows. `source`:
// "FILE:LINE", or "pid 812" where the words are those of a process.
[[nodiscard]] Result<std::string> named_file(const std::string& word, const std::string& source);
[[nodiscard]] Error unknown_file(const std::string& word, const std::string& source);

// The value of the last "--NAME=VALUE" or "--NAME VALUE"; "true" for one without value.
[[nodiscard]] std::optional<std::string> flag_value(std::span<const std::string> argv,
                                                    const std::string& name);

}  // namespace plimsoll::host
