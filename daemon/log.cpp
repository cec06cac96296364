// SPDX-License-Identifier: Apache-2.0
#include "daemon/log.hpp"

#include <cstdio>
#include <cstdlib>
#include <string_view>

#include <sys/stat.h>
#include <unistd.h>

namespace plimsoll::daemon {
namespace {

// systemd.exec(5): $JOURNAL_STREAM is "DEVICE:INODE" of what the journal reads.
bool is_journal() {
    const char* stream = std::getenv("JOURNAL_STREAM");
    struct stat st{};
    return stream != nullptr && ::fstat(STDERR_FILENO, &st) == 0 &&
           stream == std::to_string(st.st_dev) + ":" + std::to_string(st.st_ino);
}

std::string one_line(std::string_view text) {
    std::string out;
    for (const char c : text)
        if (c == '\n')
            out += "; ";
        else
            out += c;
    return out;
}

}  // namespace

Log log_to_stderr() {
    return [journal = is_journal()](Level level, const std::string& text) {
        const std::string head =
            journal ? "<" + std::to_string(static_cast<int>(level)) + ">" : "plimsolld: ";
        (void)std::fputs((head + one_line(text) + "\n").c_str(), stderr);
    };
}

}  // namespace plimsoll::daemon
