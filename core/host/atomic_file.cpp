// SPDX-License-Identifier: Apache-2.0
#include "core/host/atomic_file.hpp"

#include <fcntl.h>
#include <sys/file.h>

namespace plimsoll::host {
namespace {

// A temporary entry beside its final name; removed unless it was renamed.
class Temporary {
  public:
    explicit Temporary(const Place& at, std::string name) : at_(at), name_(std::move(name)) {}

    Temporary(const Temporary&) = delete;
    Temporary(Temporary&&) = delete;
    Temporary& operator=(const Temporary&) = delete;
    Temporary& operator=(Temporary&&) = delete;

    ~Temporary() {
        if (!renamed_ && ::unlinkat(at_.dir.get(), name_.c_str(), 0) < 0 &&
            (errno == EISDIR || errno == EPERM))
            (void)::unlinkat(at_.dir.get(), name_.c_str(), AT_REMOVEDIR);
    }

    [[nodiscard]] const char* name() const { return name_.c_str(); }

    Result<void> rename(bool replace) {
        const int dir = at_.dir.get();
        int r = ::renameat2(dir, name(), dir, at_.name.c_str(), replace ? 0 : RENAME_NOREPLACE);
        // Some network file systems do not know the flag.
        if (r < 0 && errno == EINVAL && !replace)
            r = ::renameat2(dir, name(), dir, at_.name.c_str(), 0);
        if (r < 0 && (errno == EEXIST || errno == ENOENT))
            return fail(Code::busy, at_.path + ": somebody else changed it meanwhile");
        if (r < 0)
            return fail_errno("rename " + at_.path);
        renamed_ = true;
        return {};
    }

  private:
    const Place& at_;
    std::string name_;
    bool renamed_{false};
};

Result<void> sync_fd(const Fd& fd, const std::string& path) {
    if (::fsync(fd.get()) < 0)
        return fail_errno("fsync " + path);
    return {};
}

// Changing the owner drops capabilities and set-id bits, an ACL sets the group's mode bits: hence the order.
Result<void> set_metadata(const Fd& fd, const std::string& path, const FileImage& image) {
    struct stat st{};
    if (::fstat(fd.get(), &st) < 0)
        return fail_errno("stat " + path);
    if ((st.st_uid != image.uid || st.st_gid != image.gid) && ::fchown(fd.get(), image.uid, image.gid) < 0)
        return fail_errno("chown " + path);
    PLIMSOLL_CHECK(write_xattrs(fd, path, image.xattrs));
    if (::fchmod(fd.get(), image.mode) < 0)
        return fail_errno("chmod " + path);
    return {};
}

Result<void> take_place(const Place& at, Temporary& temporary, const FileImage& seen) {
    PLIMSOLL_TRY(const auto now, capture_at(at));
    if (now != seen)
        return fail(Code::busy, at.path + ": somebody else changed it meanwhile");
    PLIMSOLL_CHECK(temporary.rename(seen.kind != FileImage::Kind::absent));
    return sync_fd(at.dir, at.path);
}

// `finish` gives it its final name.
template <class Finish>
Result<void> put_regular(const Place& at, const FileImage& image, Finish finish) {
    PLIMSOLL_TRY(auto name, temporary_name(at.name));
    const Fd fd(
        ::openat(at.dir.get(), name.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600));
    if (!fd)
        return fail_errno("create a temporary file for " + at.path);
    Temporary temporary(at, std::move(name));
    // Tells remove_leftovers() of another process that this one is alive.
    if (::flock(fd.get(), LOCK_EX | LOCK_NB) < 0)
        return fail_errno("lock a temporary file for " + at.path);
    PLIMSOLL_CHECK(write_all(fd, image.content, at.path));
    PLIMSOLL_CHECK(set_metadata(fd, at.path, image));
    PLIMSOLL_CHECK(sync_fd(fd, at.path));
    return finish(temporary);
}

Result<void> put_symlink(const Place& at, const FileImage& image, const FileImage& seen) {
    PLIMSOLL_TRY(auto name, temporary_name(at.name));
    if (::symlinkat(image.content.c_str(), at.dir.get(), name.c_str()) < 0)
        return fail_errno("symlink for " + at.path);
    Temporary temporary(at, name);
    struct stat st{};
    if (::fstatat(at.dir.get(), name.c_str(), &st, AT_SYMLINK_NOFOLLOW) < 0)
        return fail_errno("stat a symlink for " + at.path);
    if ((st.st_uid != image.uid || st.st_gid != image.gid) &&
        ::fchownat(at.dir.get(), name.c_str(), image.uid, image.gid, AT_SYMLINK_NOFOLLOW) < 0)
        return fail_errno("chown " + at.path);
    const Place there{Fd(::dup(at.dir.get())), name, at.path};
    PLIMSOLL_CHECK(write_link_xattrs(there, image.xattrs));
    return take_place(at, temporary, seen);
}

Result<void> put_directory(const Place& at, const FileImage& image, const FileImage& seen) {
    if (seen.kind != FileImage::Kind::absent)
        return fail(Code::integrity, at.path + ": is " + std::string(name_of(seen.kind)) +
                                         ", a directory cannot take its place");
    PLIMSOLL_TRY(auto name, temporary_name(at.name));
    if (::mkdirat(at.dir.get(), name.c_str(), 0700) < 0)
        return fail_errno("mkdir " + at.path);
    Temporary temporary(at, name);
    const Fd fd(::openat(at.dir.get(), name.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
    if (!fd)
        return fail_errno("open a new directory for " + at.path);
    if (::flock(fd.get(), LOCK_EX | LOCK_NB) < 0)
        return fail_errno("lock a new directory for " + at.path);
    PLIMSOLL_CHECK(set_metadata(fd, at.path, image));
    PLIMSOLL_CHECK(sync_fd(fd, at.path));
    return take_place(at, temporary, seen);
}

Result<void> remove_at(const Place& at, const FileImage& seen) {
    if (seen.kind == FileImage::Kind::absent)
        return {};
    PLIMSOLL_TRY(const auto now, capture_at(at));
    if (now != seen)
        return fail(Code::busy, at.path + ": somebody else changed it meanwhile");
    const int flags = seen.kind == FileImage::Kind::directory ? AT_REMOVEDIR : 0;
    if (::unlinkat(at.dir.get(), at.name.c_str(), flags) < 0) {
        if (errno == ENOTEMPTY || errno == EEXIST)
            return fail(Code::busy, at.path + ": the directory is not empty");
        return fail_errno("remove " + at.path);
    }
    return sync_fd(at.dir, at.path);
}

}  // namespace

Result<void> write_all(const Fd& fd, std::string_view content, const std::string& path) {
    while (!content.empty()) {
        const ssize_t n = ::write(fd.get(), content.data(), content.size());
        if (n < 0 && errno != EINTR)
            return fail_errno("write " + path);
        if (n > 0)
            content.remove_prefix(static_cast<std::size_t>(n));
    }
    return {};
}

Result<void> put(const Sysroot& root, std::string_view path, const FileImage& image, const FileImage& seen) {
    PLIMSOLL_TRY(const auto at, open_place(root, path));
    remove_leftovers(at);
    if (seen.kind == FileImage::Kind::directory && image.kind != FileImage::Kind::absent)
        return fail(Code::integrity, at.path + ": is a directory, which is not replaced");
    switch (image.kind) {
        case FileImage::Kind::regular:
            return put_regular(at, image, [&](Temporary& t) { return take_place(at, t, seen); });
        case FileImage::Kind::symlink:
            return put_symlink(at, image, seen);
        case FileImage::Kind::directory:
            return put_directory(at, image, seen);
        case FileImage::Kind::absent:
            return remove_at(at, seen);
    }
    return fail(Code::internal, "put: no such kind of file");
}

Result<void> replace_own_file(const Sysroot& root, std::string_view path, std::string_view content) {
    PLIMSOLL_TRY(const auto at, open_place(root, path));
    const FileImage image{FileImage::Kind::regular, 0600, ::geteuid(), ::getegid(), std::string(content)};
    return put_regular(at, image, [&](Temporary& t) -> Result<void> {
        PLIMSOLL_CHECK(t.rename(true));
        return sync_fd(at.dir, at.path);
    });
}

Result<void> make_private_directory(const Sysroot& root, const std::string& path) {
    PLIMSOLL_CHECK(make_parents(root, path));
    PLIMSOLL_TRY(const auto seen, capture(root, path));
    if (seen.kind == FileImage::Kind::directory)
        return {};
    return put(root, path, {FileImage::Kind::directory, 0700, ::geteuid(), ::getegid()}, seen);
}

Result<void> put_metadata(const Sysroot& root, std::string_view path, const FileImage& image) {
    PLIMSOLL_TRY(const auto at, open_place(root, path));
    const Fd fd(
        ::openat(at.dir.get(), at.name.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC));
    if (!fd)
        return fail_errno("open " + at.path);
    struct stat st{};
    if (::fstat(fd.get(), &st) < 0)
        return fail_errno("stat " + at.path);
    if (!S_ISREG(st.st_mode) && !S_ISDIR(st.st_mode))
        return fail(Code::integrity, at.path + ": is " + std::string(file_type_name(st.st_mode)));
    PLIMSOLL_CHECK(set_metadata(fd, at.path, image));
    return sync_fd(fd, at.path);
}

Result<void> replace_file(const Sysroot& root, std::string_view path, std::string_view content,
                          const NewFile& fresh) {
    PLIMSOLL_CHECK(make_parents(root, path));
    PLIMSOLL_TRY(const auto seen, capture(root, path));
    if (seen.kind != FileImage::Kind::absent && seen.kind != FileImage::Kind::regular)
        return fail(Code::integrity,
                    std::string(path) + ": is a " + std::string(name_of(seen.kind)) + ", not a regular file");
    FileImage image = seen;
    if (seen.kind == FileImage::Kind::absent)
        image = {FileImage::Kind::regular, fresh.mode, fresh.uid, fresh.gid};
    else
        std::erase_if(*image.xattrs, [](const auto& x) { return speaks_of_content(x.first); });
    image.content = content;
    return put(root, path, image, seen);
}

}  // namespace plimsoll::host
