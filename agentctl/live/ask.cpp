// SPDX-License-Identifier: Apache-2.0
#include "agentctl/live/render.hpp"
#include "agentctl/live/verbs.hpp"
#include "core/base/text.hpp"

#include <cstdlib>

namespace plimsoll::agentctl::live {
namespace {

Outcome<BusKind> bus_of(const Options& options) {
    const char* env = std::getenv("PLIMSOLL_BUS");
    std::string name = options.bus;
    if (name.empty() && env != nullptr)
        name = env;
    if (name.empty() || name == "system")
        return BusKind::system;
    if (name == "session")
        return BusKind::session;
    return std::unexpected(
        Stop{exit_usage, "PLIMSOLL_BUS is \"" + shown(name) + "\"; it may be session or system"});
}

std::string what_next(BusKind kind) {
    return std::string("\nStart it: ") +
           (kind == BusKind::system ? "systemctl start plimsolld" : "plimsolld --bus=session") +
           "\nOr look without it: agentctl check";
}

Stop nobody(const std::string& why, BusKind kind) {
    return {exit_unobserved, why + what_next(kind)};
}

}  // namespace

Outcome<Asked> ask_daemon(const Options& options) {
    const auto kind = bus_of(options);
    if (!kind)
        return std::unexpected(kind.error());
    auto client = Client::connect(*kind);
    if (!client && client.error().code == Code::permission)
        return std::unexpected(stop_for(client.error(), options, exit_unobserved));
    if (!client)
        return std::unexpected(nobody("no daemon can be asked: " + client.error().message, *kind));
    const auto there = (*client)->daemon_is_there();
    if (!there)
        return std::unexpected(no_answer(there.error(), options));
    if (!*there)
        return std::unexpected(nobody(std::string("no daemon answers: plimsolld is not on the ") +
                                          (*kind == BusKind::system ? "system" : "session") + " bus",
                                      *kind));
    auto status = (*client)->status();
    if (!status)
        return std::unexpected(no_answer(status.error(), options));
    if (options.root != Options().root && options.root != status->root)
        return std::unexpected(Stop{exit_usage, "the daemon keeps " + shown(status->root) + ", not " +
                                                    shown(options.root) +
                                                    "\nLook there without it: agentctl check"});
    return Asked{*std::move(client), *std::move(status)};
}

Stop no_answer(const Error& error, const Options& options) {
    return stop_for(error, options, error.code == Code::invalid_input ? exit_usage : exit_unobserved);
}

std::string controls_of(const Options& options) {
    return join(options.control, " ");
}

}  // namespace plimsoll::agentctl::live
