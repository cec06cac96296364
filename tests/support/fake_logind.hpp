// SPDX-License-Identifier: Apache-2.0
// What logind does to the files of a tree when it is asked to let a user linger, or no longer.
#pragma once
#include <cerrno>
#include <filesystem>
#include <string>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

namespace plimsoll::tests {

// Whether it could; a disk that fails fails for logind too (faults.c).
[[nodiscard]] inline bool linger_as_logind_does(const std::filesystem::path& root, const std::string& user,
                                                bool linger) {
    const std::filesystem::path systemd = root / "var/lib/systemd";
    const std::filesystem::path file = systemd / "linger" / user;
    if (!linger)
        return ::unlinkat(AT_FDCWD, file.c_str(), 0) == 0 || errno == ENOENT;
    for (const auto& dir : {root / "var", root / "var/lib", systemd, systemd / "linger"})
        if (::mkdir(dir.c_str(), 0755) != 0 && errno != EEXIST)
            return false;
    const int fd = ::open(file.c_str(), O_CREAT | O_WRONLY | O_CLOEXEC, 0644);
    return fd >= 0 && ::close(fd) == 0;
}

}  // namespace plimsoll::tests
