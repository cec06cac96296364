// SPDX-License-Identifier: Apache-2.0
// Command lines of units, and of dockerd's the one without the addresses that nobody allows.
#pragma once
#include "core/host/command_line.hpp"

#include <optional>
#include <string>
#include <string_view>

namespace plimsoll::modules::rootless {

using host::command_words;
using host::expand;
using host::flag_value;
using host::LineWord;
using host::named_file;
using host::parse_environment;
using host::split_words;
using host::unit_environment;
using host::UnitEnvironment;
using host::Variables;

// The line without its TCP addresses ("-H tcp://…", "--host=…") for which `unwanted` is true. nullopt when
// one of them does not stand in it literally as words of its own (a variable, a script), or none does.
template <class Unwanted>
[[nodiscard]] std::optional<std::string> without_hosts(std::string_view line, Unwanted unwanted);

template <class Unwanted>
std::optional<std::string> without_hosts(std::string_view line, Unwanted unwanted) {
    const auto found = split_words(line);
    std::string out;
    std::size_t kept = 0;
    const auto cut = [&](std::size_t begin, std::size_t end) {
        out += line.substr(kept, begin - 1 - kept);  // with the blank before it
        kept = end;
    };
    for (std::size_t i = 1; i < found.size(); ++i) {
        const std::string& word = found[i].text;
        if ((word == "-H" || word == "--host") && i + 1 < found.size()) {
            if (unwanted(found[i + 1].text))
                cut(found[i].begin, found[i + 1].end);
            ++i;
        } else if (word.starts_with("--host=") ? unwanted(word.substr(7))
                                               : word.starts_with("-H") && word.size() > 2 &&
                                                     unwanted(word.substr(word[2] == '=' ? 3 : 2))) {
            cut(found[i].begin, found[i].end);
        }
    }
    if (kept == 0)
        return std::nullopt;
    return out.append(line.substr(kept));
}

}  // namespace plimsoll::modules::rootless
