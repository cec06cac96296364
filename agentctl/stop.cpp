// SPDX-License-Identifier: Apache-2.0
#include "agentctl/stop.hpp"

namespace plimsoll::agentctl {

Stop stop_for(const Error& error, const Options& options, int exit_code) {
    std::string message = error.message;
    if (options.verbose)
        message += " (" + std::string(error.where.file) + ":" + std::to_string(error.where.line) + ")";
    if (error.code == Code::permission)
        return {exit_not_permitted, message + "\nTry as root: sudo agentctl " + options.verb};
    return {exit_code, message};
}

}  // namespace plimsoll::agentctl
