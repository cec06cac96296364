// SPDX-License-Identifier: Apache-2.0
#include "agentctl/terminal.hpp"
#include "agentctl/verbs/verbs.hpp"

namespace plimsoll::agentctl::verbs {

int version(const Options& options) {
    if (options.format != "json")
        return print(options, "agentctl " PLIMSOLL_VERSION "\n", exit_inside);
    Table out;
    out.set("schema", "plimsoll.version/1");
    out.set("version", PLIMSOLL_VERSION);
    return print_json(options, Value(std::move(out)), exit_inside);
}

}  // namespace plimsoll::agentctl::verbs
