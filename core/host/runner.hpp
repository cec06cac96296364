// SPDX-License-Identifier: Apache-2.0
// Runs a program: an argument vector, never a shell; a deadline; bounded output; a clean environment.
#pragma once
#include "core/base/result.hpp"

#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include <sys/types.h>

namespace plimsoll::host {

struct Command {
    std::vector<std::string> argv;  // argv[0] is an absolute path
    std::vector<std::string> env{"PATH=/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL=C.UTF-8"};
    std::chrono::milliseconds deadline{5000};
    std::size_t max_output{65536};  // bytes of stdout and of stderr; more is Code::invalid_input
    std::optional<uid_t> uid{};     // drop to this user …
    std::optional<gid_t> gid{};     // … and group, with no supplementary groups
};

struct Outcome {
    int exit_code{0};  // 128 + signal when killed by one
    std::string out;
    std::string err;
};

class Runner {
  public:
    virtual ~Runner() = default;
    // Code::not_found: no such program; Code::busy: the deadline passed (the process group was killed).
    [[nodiscard]] virtual Result<Outcome> run(const Command& command) = 0;
};

class ProcessRunner final : public Runner {
  public:
    [[nodiscard]] Result<Outcome> run(const Command& command) override;
};

}  // namespace plimsoll::host
