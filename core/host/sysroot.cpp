// SPDX-License-Identifier: Apache-2.0
#include "core/host/sysroot.hpp"

#include "core/host/directory.hpp"
#include "core/host/read_fd.hpp"

#include <array>

#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/syscall.h>
#include <sys/xattr.h>

namespace plimsoll::host {
namespace {

long open_below(const Fd& root, const std::string& path, int flags, mode_t mode) {
    open_how how{};
    how.flags = static_cast<std::uint64_t>(static_cast<unsigned>(flags)) | O_CLOEXEC;
    how.mode = (flags & O_CREAT) != 0 || (flags & O_TMPFILE) == O_TMPFILE ? mode : 0;
    how.resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS;
    for (int attempt = 0;; ++attempt) {
        const long fd = ::syscall(SYS_openat2, root.get(), path.c_str(), &how, sizeof how);
        // EAGAIN: a rename elsewhere raced with resolving "..".
        if (fd >= 0 || (errno != EAGAIN && errno != EINTR) || attempt >= 32)
            return fd;
    }
}

// Larger ones are few, and would be held for the whole look.
constexpr std::size_t most_remembered_bytes = std::size_t{16} << 10;
constexpr std::size_t most_remembered_names = 256;
constexpr std::size_t most_remembered_in_all = std::size_t{8} << 20;  // users have as many files as they like

bool is_kernels(std::string_view path) {
    return path.starts_with("/proc/") || path.starts_with("/sys/") || path == "/proc" || path == "/sys";
}

// What the next one who asks is told: nothing for what is not to be remembered.
template <class Map, class T>
void remember(Map& all, std::string_view path, const Result<T>& seen, std::size_t most) {
    if (is_kernels(path))
        return;
    if (seen && seen->size() <= most)
        all.emplace(path, *seen);
    else if (!seen && seen.error().sys_errno == ENOENT)
        all.emplace(path, std::nullopt);
}

}  // namespace

std::string_view file_type_name(mode_t mode) {
    switch (mode & S_IFMT) {
        case S_IFREG:
            return "a regular file";
        case S_IFDIR:
            return "a directory";
        case S_IFLNK:
            return "a symlink";
        case S_IFIFO:
            return "a FIFO";
        case S_IFSOCK:
            return "a socket";
        case S_IFCHR:
            return "a character device";
        case S_IFBLK:
            return "a block device";
        default:
            return "of an unknown type";
    }
}

Result<Sysroot> Sysroot::open(const std::string& dir) {
    Fd fd(::open(dir.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
    if (!fd)
        return fail_errno("open root " + dir);
    struct stat own{};
    if (::stat("/", &own) < 0)
        return fail_errno("stat /");
    PLIMSOLL_TRY(const auto given, stat_fd(fd, "/"));
    return Sysroot(std::move(fd), dir, given.st_dev == own.st_dev && given.st_ino == own.st_ino);
}

// The last directory before the path in the order of names; one that sorts between the two costs a look.
bool Sysroot::Memory::covers(std::string_view path) const {
    const auto after = absent.upper_bound(path);
    if (after == absent.begin())
        return false;
    const std::string& dir = *std::prev(after);
    return path.size() > dir.size() && path[dir.size()] == '/' && path.starts_with(dir);
}

std::optional<Result<std::string>> Sysroot::Memory::text(std::string_view path, std::size_t max) const {
    const auto known = texts.find(path);
    if (known == texts.end())
        return std::nullopt;
    if (!known->second)
        return fail_errno("open " + std::string(path), ENOENT);
    return known->second->size() > max ? Result<std::string>(too_large(path, max)) : *known->second;
}

void Sysroot::Memory::keep(std::string_view path, const Result<std::string>& text) {
    bytes += path.size() + (text && text->size() <= most_remembered_bytes ? text->size() : 0);
    if (bytes <= most_remembered_in_all)
        remember(texts, path, text, most_remembered_bytes);
}

// From the top: the first directory on the way that is not there.
void Sysroot::learn_what_is_missing(const std::string& path) const {
    if (is_kernels(path))
        return;
    for (auto end = path.find('/', 1); end != std::string::npos; end = path.find('/', end + 1)) {
        std::string dir = path.substr(0, end);
        if (memory_->present.contains(dir))
            continue;
        const long fd = open_below(root_, dir, O_PATH, 0);
        if (fd < 0) {
            if (errno == ENOENT)
                memory_->absent.insert(std::move(dir));
            return;
        }
        const Fd there(static_cast<int>(fd));
        memory_->present.insert(std::move(dir));
    }
}

Result<Fd> Sysroot::open_at(std::string_view path, int flags, mode_t mode) const {
    if (path.find('\0') != std::string_view::npos)
        return fail(Code::invalid_input, "open: a path with a NUL byte");
    const std::string p(path.empty() ? "/" : path);
    recorder_->looked_up(p);
    if (memory_->on && memory_->covers(p))
        return fail_errno("open " + p, ENOENT);
    const long fd = open_below(root_, p, flags, mode);
    if (fd >= 0)
        return Fd(static_cast<int>(fd));
    const int error = errno;
    if (error == ENOENT && memory_->on)
        learn_what_is_missing(p);
    return fail_errno("open " + p, error);
}

void Sysroot::forget() const {
    *memory_ = {.on = memory_->on};
}

Result<std::string> Sysroot::read(std::string_view path, std::size_t max) const {
    if (!memory_->on)
        return read_now(path, max);
    if (auto known = memory_->text(path, max)) {
        recorder_->looked_up(path);
        return *std::move(known);
    }
    auto text = read_now(path, max);
    memory_->keep(path, text);
    return text;
}

Result<std::string> Sysroot::read_now(std::string_view path, std::size_t max) const {
    constexpr int attempts = 4;
    for (int i = 0; i < attempts; ++i) {
        PLIMSOLL_TRY(const auto file, open_regular(*this, path, max));
        PLIMSOLL_TRY(auto bytes, read_fd(file.fd, path, max, file.seen.st_size));
        PLIMSOLL_TRY(const auto after, stat_fd(file.fd, path));
        if (same_version(file.seen, after))
            return bytes;
    }
    return fail(Code::busy, "read " + std::string(path) + ": kept changing while it was read");
}

Result<struct stat> Sysroot::stat(std::string_view path) const {
    PLIMSOLL_TRY(const Fd fd, open_at(path, O_PATH));
    return stat_fd(fd, path);
}

Result<struct stat> Sysroot::lstat(std::string_view path) const {
    PLIMSOLL_TRY(const Fd fd, open_at(path, O_PATH | O_NOFOLLOW));
    return stat_fd(fd, path);
}

bool Sysroot::exists(std::string_view path) const {
    const auto fd = open_at(path, O_PATH | O_NOFOLLOW);
    return fd || fd.error().code != Code::not_found;
}

Result<std::string> Sysroot::read_link(std::string_view path) const {
    PLIMSOLL_TRY(const Fd fd, open_at(path, O_PATH | O_NOFOLLOW));
    std::array<char, 4096> buf{};
    const ssize_t n = ::readlinkat(fd.get(), "", buf.data(), buf.size());
    if (n < 0)
        // readlinkat on a descriptor that is not a symlink gives ENOENT, which would read as "missing".
        return errno == ENOENT || errno == EINVAL
                   ? Result<std::string>(
                         fail(Code::integrity, "readlink " + std::string(path) + ": not a symlink"))
                   : fail_errno("readlink " + std::string(path));
    return std::string(buf.data(), static_cast<std::size_t>(n));
}

Result<std::vector<DirEntry>> Sysroot::list(std::string_view dir) const {
    if (dir.empty())
        dir = "/";
    recorder_->listed(dir);  // also when it is not there yet
    if (!memory_->on)
        return list_now(dir);
    if (const auto known = memory_->lists.find(dir); known != memory_->lists.end()) {
        recorder_->looked_up(dir);
        return known->second ? Result<std::vector<DirEntry>>(*known->second)
                             : fail_errno("open " + std::string(dir), ENOENT);
    }
    auto entries = list_now(dir);
    remember(memory_->lists, dir, entries, most_remembered_names);
    return entries;
}

Result<std::vector<DirEntry>> Sysroot::list_now(std::string_view dir) const {
    PLIMSOLL_TRY(const auto opened, Directory::open(*this, std::string(dir)));
    return opened.list();
}

Result<std::optional<std::string>> Sysroot::xattr(std::string_view path, const char* name) const {
    PLIMSOLL_TRY(const Fd probe, open_at(path, O_PATH));
    PLIMSOLL_TRY(const auto st, stat_fd(probe, path));
    // Files and directories can be opened for reading. Sockets and devices must not be, and an O_PATH
    // descriptor has no xattr calls of its own (EBADF): our /proc link to it has, without opening anything.
    const bool readable = S_ISREG(st.st_mode) || S_ISDIR(st.st_mode);
    Fd fd;
    if (readable) {
        PLIMSOLL_TRY(fd, open_at(path, O_RDONLY | O_NONBLOCK | O_NOCTTY));
    }
    const std::string link = "/proc/self/fd/" + std::to_string(probe.get());
    std::string out(256, '\0');
    for (;;) {
        const ssize_t n = readable ? ::fgetxattr(fd.get(), name, out.data(), out.size())
                                   : ::getxattr(link.c_str(), name, out.data(), out.size());
        if (n >= 0) {
            out.resize(static_cast<std::size_t>(n));
            return out;
        }
        if (errno == ENODATA || errno == EOPNOTSUPP)
            return std::nullopt;
        if (errno == ENOENT)
            return fail(Code::unsupported, "getxattr " + std::string(path) + ": needs /proc");
        if (errno != ERANGE || out.size() > 65536)
            return fail_errno("getxattr " + std::string(path));
        out.resize(out.size() * 4);
    }
}

}  // namespace plimsoll::host
