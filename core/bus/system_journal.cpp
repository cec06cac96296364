// SPDX-License-Identifier: Apache-2.0
#define SD_JOURNAL_SUPPRESS_LOCATION
#include "core/bus/system_journal.hpp"

#include <systemd/sd-journal.h>

#include <cstdlib>

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

namespace plimsoll::bus {

// "DEVICE:INODE" of what the journal reads.
bool stderr_is_journal() {
    const char* stream = std::getenv("JOURNAL_STREAM");
    struct stat st{};
    return stream != nullptr && ::fstat(STDERR_FILENO, &st) == 0 &&
           stream == std::to_string(st.st_dev) + ":" + std::to_string(st.st_ino);
}

Result<void> send_to_journal(const std::vector<std::string>& fields) {
    // sd_journal_sendv(3) calls it a success when nobody is there.
    if (::faccessat(AT_FDCWD, "/run/systemd/journal/socket", F_OK, 0) < 0)
        return fail_errno("look for the journal");
    std::vector<struct iovec> parts;
    parts.reserve(fields.size());
    for (const auto& field : fields)
        parts.push_back({const_cast<char*>(field.data()), field.size()});  // iovec is for reading too
    if (const int r = sd_journal_sendv(parts.data(), static_cast<int>(parts.size())); r < 0)
        return fail_errno("send to the journal", -r);
    return {};
}

}  // namespace plimsoll::bus
