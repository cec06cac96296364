// SPDX-License-Identifier: Apache-2.0
// plimsoll-live: the verbs of agentctl that ask the daemon, with agentctl's own command line. agentctl
// becomes this program for them (docs/decisions/0016-service-helper.md), so that every other verb starts
// without D-Bus.
#include "agentctl/live/verbs.hpp"
#include "agentctl/terminal.hpp"

#include <array>
#include <utility>

namespace {

using namespace plimsoll::agentctl;

constexpr std::array<std::pair<std::string_view, int (*)(const Options&)>, 5> functions{{
    {"status", live::status},
    {"watch", live::watch},
    {"history", live::history},
    {"containers", live::containers},
    {"wait", live::wait},
}};

}  // namespace

int main(int argc, char** argv) {
    return run_command_line(argc, argv, [](const Options& options) {
        for (const auto& [name, function] : functions)
            if (name == options.verb)
                return function(options);
        return complain({exit_usage, "plimsoll-live is started by agentctl"});
    });
}
