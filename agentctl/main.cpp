// SPDX-License-Identifier: Apache-2.0
#include "agentctl/terminal.hpp"
#include "agentctl/verbs/verbs.hpp"

#include <array>
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
    return run_command_line(argc, argv, [argv](const Options& options) {
        if (find_verb(options.verb)->live)
            return verbs::live(argv);
        for (const auto& [name, function] : functions)
            if (name == options.verb)
                return function(options);
        return exit_usage;
    });
}
