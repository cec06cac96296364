// SPDX-License-Identifier: Apache-2.0
#include "agentctl/render/catalogue.hpp"
#include "agentctl/session.hpp"
#include "agentctl/terminal.hpp"
#include "agentctl/verbs/verbs.hpp"
#include "modules/all.hpp"

#include <algorithm>

namespace plimsoll::agentctl::verbs {

int controls(const Options& options) {
    const auto modules = modules::all();
    auto catalogue = policy::catalogue_of(modules);
    const auto selection = select_controls(options, catalogue);
    if (!selection)
        return complain(selection.error());
    std::erase_if(catalogue.controls,
                  [&](const policy::ControlInfo* c) { return !selection->covers(c->id); });
    if (options.format == "json")
        return print_json(options, render::controls_json(catalogue), exit_inside);
    if (options.format == "markdown")
        return print(options, render::controls_markdown(catalogue), exit_inside);
    return print(options, render::controls_table(catalogue, style_for(options)), exit_inside);
}

}  // namespace plimsoll::agentctl::verbs
