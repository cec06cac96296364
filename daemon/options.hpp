// SPDX-License-Identifier: Apache-2.0
// The command line of plimsolld.
#pragma once
#include "core/policy/finding.hpp"

#include <chrono>
#include <expected>
#include <optional>
#include <string>
#include <vector>

namespace plimsoll::daemon {

enum class BusChoice { system, session, none };

struct Options {
    std::string root{"/"};
    std::vector<std::string> policy{};  // empty: the host's policy directories
    std::string state{"/var/lib/plimsoll"};
    BusChoice bus{BusChoice::system};
    bool foreground{false};
    policy::FixClass allow{policy::FixClass::live};
    std::chrono::seconds full_pass{900};
    std::string metrics_socket{"/run/plimsoll/metrics.sock"};  // within the root; empty: none
    std::string metrics_textfile{};                            // within the root; empty: none
};

struct NotRun {
    int exit_code{2};
    std::string text{};  // for stdout with exit code 0, else for stderr
};

// --help and --version are NotRun with exit code 0.
[[nodiscard]] std::expected<Options, NotRun> parse_options(int argc, const char* const* argv);

}  // namespace plimsoll::daemon
