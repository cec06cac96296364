// SPDX-License-Identifier: Apache-2.0
// Reading a file with everything that belongs to it.
#include "core/host/atomic_file.hpp"
#include "core/host/xattrs.hpp"

#include <array>

#include <fcntl.h>

namespace plimsoll::host {
namespace {

constexpr mode_t permission_bits = 07777;

FileImage image_of(const struct stat& st, FileImage::Kind kind) {
    return {kind, st.st_mode & permission_bits, st.st_uid, st.st_gid};
}

bool same_version(const struct stat& a, const struct stat& b) {
    return a.st_dev == b.st_dev && a.st_ino == b.st_ino && a.st_size == b.st_size &&
           a.st_mtim.tv_sec == b.st_mtim.tv_sec && a.st_mtim.tv_nsec == b.st_mtim.tv_nsec &&
           a.st_ctim.tv_sec == b.st_ctim.tv_sec && a.st_ctim.tv_nsec == b.st_ctim.tv_nsec;
}

Failure changing(const Place& at) {
    return fail(Code::busy, "read " + at.path + ": kept changing while it was read");
}

Result<std::string> read_all(const Fd& fd, const Place& at) {
    std::string out;
    std::array<char, 16384> buf{};
    for (;;) {
        const ssize_t n = ::read(fd.get(), buf.data(), buf.size());
        if (n == 0)
            return out;
        if (n < 0 && errno != EINTR)
            return fail_errno("read " + at.path);
        if (n > 0)
            out.append(buf.data(), static_cast<std::size_t>(n));
        if (out.size() > Sysroot::default_max)
            return fail(Code::invalid_input, "read " + at.path + ": larger than " +
                                                 std::to_string(Sysroot::default_max) + " bytes");
    }
}

// Code::busy when it changed under our hands.
Result<FileImage> read_open(const Place& at, const struct stat& seen, bool content) {
    const bool regular = S_ISREG(seen.st_mode);
    const Fd fd(
        ::openat(at.dir.get(), at.name.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC));
    if (!fd)
        return errno == ENOENT || errno == ELOOP ? Result<FileImage>(changing(at))
                                                 : fail_errno("open " + at.path);
    struct stat before{};
    struct stat after{};
    if (::fstat(fd.get(), &before) < 0)
        return fail_errno("stat " + at.path);
    FileImage out = image_of(before, regular ? FileImage::Kind::regular : FileImage::Kind::directory);
    if (regular && content) {
        PLIMSOLL_TRY(out.content, read_all(fd, at));
    }
    PLIMSOLL_TRY(out.xattrs, read_xattrs(fd, at.path));
    if (::fstat(fd.get(), &after) < 0)
        return fail_errno("stat " + at.path);
    if (!same_version(seen, before) || !same_version(before, after))
        return changing(at);
    return out;
}

Result<FileImage> read_symlink(const Place& at, const struct stat& st) {
    FileImage out = image_of(st, FileImage::Kind::symlink);
    std::array<char, 4096> buf{};
    const ssize_t n = ::readlinkat(at.dir.get(), at.name.c_str(), buf.data(), buf.size());
    if (n < 0)
        return fail_errno("readlink " + at.path);
    out.content.assign(buf.data(), static_cast<std::size_t>(n));
    PLIMSOLL_TRY(out.xattrs, read_link_xattrs(at));
    return out;
}

}  // namespace

std::string_view name_of(FileImage::Kind kind) {
    static constexpr std::array<std::string_view, 4> names{"absent", "regular", "symlink", "directory"};
    return names[static_cast<std::size_t>(kind)];
}

bool same_file(const FileImage& a, const FileImage& b) {
    if (a.kind != b.kind || a.kind == FileImage::Kind::absent)
        return a.kind == b.kind;
    return a.content == b.content && a.uid == b.uid && a.gid == b.gid &&
           (a.kind == FileImage::Kind::symlink || a.mode == b.mode) &&
           (!a.xattrs || !b.xattrs || *a.xattrs == *b.xattrs);
}

Result<FileImage> capture_at(const Place& at, bool content) {
    constexpr int attempts = 4;
    for (int i = 0;; ++i) {
        struct stat st{};
        if (::fstatat(at.dir.get(), at.name.c_str(), &st, AT_SYMLINK_NOFOLLOW) < 0)
            return errno == ENOENT ? Result<FileImage>(FileImage{}) : fail_errno("stat " + at.path);
        if (!S_ISREG(st.st_mode) && !S_ISDIR(st.st_mode) && !S_ISLNK(st.st_mode))
            return fail(Code::integrity, at.path + ": is " + std::string(file_type_name(st.st_mode)) +
                                             ", not a file that can be kept and put back");
        auto image = S_ISLNK(st.st_mode) ? read_symlink(at, st) : read_open(at, st, content);
        if (image || image.error().code != Code::busy || i + 1 == attempts)
            return image;
    }
}

Result<FileImage> capture(const Sysroot& root, std::string_view path, bool content) {
    const auto at = open_place(root, path);
    if (!at)
        return at.error().code == Code::not_found ? Result<FileImage>(FileImage{}) : Failure(at.error());
    return capture_at(*at, content);
}

}  // namespace plimsoll::host
