// SPDX-License-Identifier: Apache-2.0
// plimsoll-live: the verbs of agentctl that ask the daemon, with agentctl's own command line. agentctl
// becomes this program for them (docs/decisions/0016-service-helper.md), so that every other verb starts
// without D-Bus.
#include "agentctl/live/verbs.hpp"
#include "agentctl/options.hpp"

#include <array>
#include <csignal>
#include <cstdio>
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
    // A reader that goes away is an error of writing, not a death.
    (void)std::signal(SIGPIPE, SIG_IGN);
    const auto options = parse_options(argc, argv);
    if (!options) {
        (void)std::fputs(options.error().text.c_str(),
                         options.error().exit_code == exit_inside ? stdout : stderr);
        return options.error().exit_code;
    }
    for (const auto& [name, function] : functions)
        if (name == options->verb)
            return function(*options);
    (void)std::fputs("plimsoll-live is started by agentctl\n", stderr);
    return exit_usage;
}
