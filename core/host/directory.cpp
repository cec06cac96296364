// SPDX-License-Identifier: Apache-2.0
#include "core/host/directory.hpp"

#include "core/host/read_fd.hpp"

#include <algorithm>
#include <array>

#include <dirent.h>
#include <fcntl.h>

namespace plimsoll::host {

Result<Directory> Directory::open(const Sysroot& root, std::string path) {
    PLIMSOLL_TRY(Fd fd, root.open_at(path, O_RDONLY | O_DIRECTORY | O_NONBLOCK));
    return Directory(std::move(fd), std::move(path), root);
}

Result<std::vector<DirEntry>> Directory::list() const {
    recorder_->listed(path_);
    std::vector<DirEntry> out;
    alignas(dirent64) std::array<char, 16384> buf;  // not initialised: getdents64() fills it
    if (::lseek(fd_.get(), 0, SEEK_SET) < 0)
        return fail_errno("list " + path_);
    for (;;) {
        const ssize_t n = ::getdents64(fd_.get(), buf.data(), buf.size());
        if (n < 0)
            return fail_errno("list " + path_);
        if (n == 0)
            break;
        for (std::size_t at = 0; at < static_cast<std::size_t>(n);) {
            const auto* e = reinterpret_cast<const dirent64*>(buf.data() + at);
            const std::string_view name = e->d_name;
            if (name != "." && name != "..")
                out.push_back({std::string(name), e->d_type});
            at += e->d_reclen;
        }
    }
    std::ranges::sort(out, {}, &DirEntry::name);
    return out;
}

// O_NONBLOCK: a FIFO in its place does not hold us up.
Result<Fd> Directory::open_entry(const std::string& name) const {
    if (recorder_->into != nullptr)
        recorder_->looked_up(path_of(name));
    Fd fd(::openat(fd_.get(), name.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC));
    if (fd)
        return fd;
    if (errno == ELOOP)
        return fail(Code::integrity, "open " + path_of(name) + ": became a symlink");
    return fail_errno("open " + path_of(name));
}

Result<std::string> Directory::read_regular(const std::string& name, std::size_t max) const {
    const std::string path = path_of(name);
    if (!memory_->on)
        return read_now(name, path, max);
    if (auto known = memory_->text(path, max)) {
        recorder_->looked_up(path);
        return *std::move(known);
    }
    auto text = read_now(name, path, max);
    memory_->keep(path, text);
    return text;
}

Result<std::string> Directory::read_now(const std::string& name, const std::string& path,
                                        std::size_t max) const {
    constexpr int attempts = 4;
    for (int i = 0; i < attempts; ++i) {
        PLIMSOLL_TRY(const Fd fd, open_entry(name));
        PLIMSOLL_TRY(auto bytes, read_stable(fd, path, max));
        if (bytes)
            return *std::move(bytes);
    }
    return fail(Code::busy, "read " + path + ": kept changing while it was read");
}

Result<std::string> Directory::read_kernel(const std::string& name, std::size_t max, bool whole) const {
    PLIMSOLL_TRY(const Fd fd, open_entry(name));
    return whole ? read_once(fd, path_of(name), max) : read_fd(fd, path_of(name), max, 0);
}

Result<std::string> Directory::read_link(const std::string& name) const {
    if (recorder_->into != nullptr)
        recorder_->looked_up(path_of(name));
    std::array<char, 4096> buf{};
    const ssize_t n = ::readlinkat(fd_.get(), name.c_str(), buf.data(), buf.size());
    if (n < 0)
        return fail_errno("readlink " + path_of(name));
    return std::string(buf.data(), static_cast<std::size_t>(n));
}

}  // namespace plimsoll::host
