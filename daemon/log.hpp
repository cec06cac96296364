// SPDX-License-Identifier: Apache-2.0
// What the daemon says on its standard error: one line each, for people and the journal.
#pragma once
#include <functional>
#include <string>

namespace plimsoll::daemon {

enum class Level { error = 3, warning = 4, notice = 5, info = 6 };  // as syslog(3) numbers them

using Log = std::function<void(Level, const std::string&)>;

// Lines to standard error, "plimsolld: TEXT"; when that is the journal, "<N>TEXT" (sd-daemon(3)). What others
// wrote must be printable() already; newlines become "; ".
[[nodiscard]] Log log_to_stderr();

}  // namespace plimsoll::daemon
