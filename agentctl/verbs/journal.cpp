// SPDX-License-Identifier: Apache-2.0
#include "agentctl/render/catalogue.hpp"
#include "agentctl/session.hpp"
#include "agentctl/terminal.hpp"
#include "agentctl/verbs/verbs.hpp"

namespace plimsoll::agentctl::verbs {

int journal(const Options& options) {
    const auto host = open_host(options);
    if (!host)
        return complain(host.error());
    const auto entries = host::read_journal(*host, options.state);
    if (!entries)
        return complain(stop_for(entries.error(), options, exit_unobserved));
    if (options.format == "json")
        return print_json(options, render::journal_json(*entries), exit_inside);
    return print(options, render::journal_table(*entries, style_for(options)), exit_inside);
}

}  // namespace plimsoll::agentctl::verbs
