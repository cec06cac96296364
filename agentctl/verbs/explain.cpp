// SPDX-License-Identifier: Apache-2.0
#include "agentctl/render/catalogue.hpp"
#include "agentctl/session.hpp"
#include "agentctl/terminal.hpp"
#include "agentctl/verbs/verbs.hpp"
#include "core/base/text.hpp"
#include "modules/all.hpp"

#include <algorithm>

namespace plimsoll::agentctl::verbs {
namespace {

const policy::ControlInfo* find_control(const policy::Catalogue& catalogue, std::string_view wanted) {
    const auto same = [](char a, char b) { return (a | 0x20) == (b | 0x20); };
    for (const auto* c : catalogue.controls)
        if (c->id == wanted || std::ranges::equal(c->code, wanted, same))
            return c;
    return nullptr;
}

Stop no_such_control(const policy::Catalogue& catalogue, const std::string& wanted) {
    const auto near = nearest(wanted, control_ids(catalogue));
    return {exit_usage, "no control \"" + wanted + "\"" +
                            (near ? "; did you mean \"" + *near + "\"?" : "; agentctl controls lists them")};
}

}  // namespace

int explain(const Options& options) {
    const auto modules = modules::all();
    const auto catalogue = policy::catalogue_of(modules);
    const auto* control = find_control(catalogue, options.subject);
    if (control == nullptr)
        return complain(no_such_control(catalogue, options.subject));
    // What the control is can be told without a policy; a refused one is only worth a warning here.
    Options all = options;
    all.control.clear();
    const auto session = open_session(all);
    if (!session)
        warn(session.error().message);
    const render::Explanation explanation{*control, render::params_of(catalogue, control->id),
                                          session ? &session->loaded.policy : nullptr};
    if (options.format == "json")
        return print_json(options, render::explain_json(explanation), exit_inside);
    return print(options, render::explain_table(explanation, style_for(options)), exit_inside);
}

}  // namespace plimsoll::agentctl::verbs
