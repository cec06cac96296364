// SPDX-License-Identifier: Apache-2.0
#include "agentctl/options.hpp"
#include "agentctl/terminal.hpp"
#include "agentctl/verbs/verbs.hpp"

#include <array>
#include <csignal>
#include <cstdio>
#include <utility>

namespace {

using namespace plimsoll::agentctl;

constexpr std::array<std::pair<std::string_view, int (*)(const Options&)>, 12> functions{{
    {"check", verbs::check},
    {"plan", verbs::plan},
    {"apply", verbs::apply},
    {"undo", verbs::undo},
    {"journal", verbs::journal},
    {"explain", verbs::explain},
    {"controls", verbs::controls},
    {"policy show", verbs::policy_show},
    {"policy validate", verbs::policy_validate},
    {"policy schema", verbs::policy_schema},
    {"version", verbs::version},
    {"generate", verbs::generate},
}};

}  // namespace

int main(int argc, char** argv) {
    // A reader that goes away must not end an apply between two changes.
    (void)std::signal(SIGPIPE, SIG_IGN);
    const auto options = parse_options(argc, argv);
    if (!options) {
        (void)std::fputs(options.error().text.c_str(),
                         options.error().exit_code == exit_inside ? stdout : stderr);
        return options.error().exit_code;
    }
    if (find_verb(options->verb)->live)
        return verbs::live(argv);
    for (const auto& [name, function] : functions)
        if (name == options->verb)
            return function(*options);
    return exit_usage;
}
