// SPDX-License-Identifier: Apache-2.0
#include "agentctl/session.hpp"
#include "agentctl/terminal.hpp"
#include "agentctl/verbs/verbs.hpp"

namespace plimsoll::agentctl::verbs {

int check(const Options& options) {
    const auto session = open_session(options);
    if (!session)
        return complain(session.error());
    const auto report = session->report(session->assess(session->selection));
    const int exit_code = policy::verdict(report.assessment, session->loaded.policy);
    if (options.quiet)
        return exit_code;
    if (options.format == "json")
        return print_json(options, render::check_json(report), exit_code);
    if (options.format == "sarif")
        return print_json(options, render::sarif(report, session->catalogue, PLIMSOLL_VERSION), exit_code);
    if (options.format == "junit")
        return print(options, render::junit(report), exit_code);
    return print(options, render::check_table(report, style_for(options)), exit_code);
}

}  // namespace plimsoll::agentctl::verbs
