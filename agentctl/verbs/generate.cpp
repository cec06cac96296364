// SPDX-License-Identifier: Apache-2.0
#include "agentctl/render/help.hpp"
#include "agentctl/session.hpp"
#include "agentctl/terminal.hpp"
#include "agentctl/verbs/verbs.hpp"
#include "modules/all.hpp"

namespace plimsoll::agentctl::verbs {

int generate(const Options& options) {
    if (options.subject == "man")
        return print(options, render::man_page(PLIMSOLL_VERSION), exit_inside);
    const auto modules = modules::all();
    const auto ids = control_ids(policy::catalogue_of(modules));
    if (options.subject == "zsh")
        return print(options, render::zsh_completion(ids), exit_inside);
    if (options.subject == "fish")
        return print(options, render::fish_completion(ids), exit_inside);
    return print(options, render::bash_completion(ids), exit_inside);
}

}  // namespace plimsoll::agentctl::verbs
