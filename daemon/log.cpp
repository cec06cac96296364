// SPDX-License-Identifier: Apache-2.0
#include "daemon/log.hpp"

#include "core/bus/system_journal.hpp"

#include <cstdio>

namespace plimsoll::daemon {
namespace {

std::string one_line(std::string_view text) {
    std::string out;
    for (const char c : text)
        if (c == '\n')
            out += "; ";
        else
            out += c;
    return out;
}

bool sent_to_journal(const std::string& priority, const std::string& line, const Details& details) {
    std::vector<std::string> fields{"MESSAGE=" + line, "PRIORITY=" + priority, "SYSLOG_IDENTIFIER=plimsolld"};
    if (!details.id.empty())
        fields.push_back("MESSAGE_ID=" + std::string(details.id));
    for (const auto& [name, value] : details.fields)
        fields.push_back("PLIMSOLL_" + std::string(name) + "=" + value);
    return bus::send_to_journal(fields).has_value();
}

}  // namespace

Log log_to_stderr() {
    return
        [journal = bus::stderr_is_journal()](Level level, const std::string& text, const Details& details) {
            const std::string line = one_line(text);
            const std::string priority = std::to_string(static_cast<int>(level));
            if (journal && sent_to_journal(priority, line, details))
                return;
            const std::string head = journal ? "<" + priority + ">" : "plimsolld: ";
            (void)std::fputs((head + line + "\n").c_str(), stderr);
        };
}

}  // namespace plimsoll::daemon
