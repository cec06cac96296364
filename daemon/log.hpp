// SPDX-License-Identifier: Apache-2.0
// What the daemon says: one line each on its standard error, for people; in the journal with fields, for
// programs.
#pragma once
#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace plimsoll::daemon {

enum class Level { error = 3, warning = 4, notice = 5, info = 6 };  // as syslog(3) numbers them

// For the journal alone.
struct Details {
    std::string_view id{};  // MESSAGE_ID, of daemon/messages.hpp; empty: none
    // Without their prefix: "CONTROL" becomes PLIMSOLL_CONTROL=. The catalog shows values: what others wrote
    // must be printable().
    std::vector<std::pair<std::string_view, std::string>> fields{};
};

using Log = std::function<void(Level, const std::string&, const Details&)>;

// Lines to standard error, "plimsolld: TEXT"; when that is the journal, messages with fields to it
// (sd_journal_send(3)), or lines "<N>TEXT" (sd-daemon(3)) when it does not take these. What others wrote must
// be printable() already; newlines become "; ".
[[nodiscard]] Log log_to_stderr();

}  // namespace plimsoll::daemon
