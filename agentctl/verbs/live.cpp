// SPDX-License-Identifier: Apache-2.0
#include "agentctl/service_helper.hpp"
#include "agentctl/terminal.hpp"
#include "agentctl/verbs/verbs.hpp"

#include <system_error>

#include <unistd.h>

namespace plimsoll::agentctl::verbs {

int live(char** argv) {
    const std::string program = own_helper(live_name);
    (void)::execv(program.c_str(), argv);
    return complain({exit_unobserved, "cannot start " + program + ": " +
                                          std::generic_category().message(errno) +
                                          "\nIt belongs to this program: install both again, or look without "
                                          "the daemon: agentctl check"});
}

}  // namespace plimsoll::agentctl::verbs
