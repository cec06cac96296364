// SPDX-License-Identifier: Apache-2.0
// The verbs that ask the daemon. Every function returns the exit code.
#pragma once
#include "agentctl/live/client.hpp"
#include "agentctl/stop.hpp"

namespace plimsoll::agentctl::live {

[[nodiscard]] int status(const Options& options);
[[nodiscard]] int watch(const Options& options);
[[nodiscard]] int history(const Options& options);
[[nodiscard]] int containers(const Options& options);
[[nodiscard]] int wait(const Options& options);

// The connection, and what the daemon says first. Exit 2 when --bus, PLIMSOLL_BUS or --root do not fit; exit
// 3 when there is no bus or no daemon on it, with what to do next.
struct Asked {
    std::unique_ptr<Client> client;
    Status status{};
};

[[nodiscard]] Outcome<Asked> ask_daemon(const Options& options);

// The stop for an answer that did not come.
[[nodiscard]] Stop no_answer(const Error& error, const Options& options);
// --control as the daemon takes it.
[[nodiscard]] std::string controls_of(const Options& options);

}  // namespace plimsoll::agentctl::live
