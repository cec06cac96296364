// SPDX-License-Identifier: Apache-2.0
#include "agentctl/planning.hpp"
#include "agentctl/terminal.hpp"
#include "agentctl/verbs/verbs.hpp"

namespace plimsoll::agentctl::verbs {

int plan(const Options& options) {
    const auto session = open_session(options);
    if (!session)
        return complain(session.error());
    const auto assessment = session->assess(session->selection);
    const int exit_code = policy::verdict(assessment, session->loaded.policy);
    const auto plan = make_plan(*session, assessment);
    if (options.format == "json")
        return print_json(options, render::plan_json(plan), exit_code);
    return print(options, render::plan_table(plan, style_for(options)), exit_code);
}

}  // namespace plimsoll::agentctl::verbs
