// SPDX-License-Identifier: Apache-2.0
#include "core/host/read_fd.hpp"

#include "core/host/sysroot.hpp"

#include <algorithm>
#include <array>

#include <fcntl.h>

namespace plimsoll::host {
namespace {

constexpr std::size_t chunk = 16384;

Result<std::size_t> read_some(const Fd& fd, std::string_view path, char* into, std::size_t size) {
    for (;;) {
        const ssize_t n = ::read(fd.get(), into, size);
        if (n >= 0)
            return static_cast<std::size_t>(n);
        if (errno != EINTR)
            return fail_errno("read " + std::string(path));
    }
}

// Straight into the string, as far as `size`.
Result<std::string> read_sized(const Fd& fd, std::string_view path, std::size_t size) {
    std::string out;
    Result<void> read{};
    // Without the zeros of resize(), which would be written for nothing.
    out.resize_and_overwrite(size, [&](char* into, std::size_t) {
        std::size_t got = 0;
        while (got < size) {
            const auto n = read_some(fd, path, into + got, size - got);
            if (!n)
                read = Failure(n.error());
            if (!n || *n == 0)
                break;
            got += *n;
        }
        return got;
    });
    PLIMSOLL_CHECK(read);
    return out;
}

Result<std::string> read_chunks(const Fd& fd, std::string_view path, std::size_t max, bool once) {
    std::string out;
    std::array<char, chunk> buf;  // NOLINT(cppcoreguidelines-pro-type-member-init): read() fills it
    for (;;) {
        PLIMSOLL_TRY(const auto n, read_some(fd, path, buf.data(), buf.size()));
        if (n > max - out.size())
            return too_large(path, max);
        out.append(buf.data(), n);
        if (n == 0 || (once && n < buf.size()))
            return out;
    }
}

}  // namespace

Failure too_large(std::string_view path, std::size_t max) {
    return fail(Code::invalid_input,
                "read " + std::string(path) + ": larger than " + std::to_string(max) + " bytes");
}

Result<std::string> read_fd(const Fd& fd, std::string_view path, std::size_t max, off_t size_hint) {
    if (size_hint <= 0)
        return read_chunks(fd, path, max, false);
    const auto size = static_cast<std::size_t>(size_hint);
    return size > max ? Result<std::string>(too_large(path, max)) : read_sized(fd, path, size);
}

Result<std::string> read_once(const Fd& fd, std::string_view path, std::size_t max) {
    return read_chunks(fd, path, max, true);
}

Result<std::optional<std::string>> read_stable(const Fd& fd, std::string_view path, std::size_t max) {
    struct stat before{};
    struct stat after{};
    if (::fstat(fd.get(), &before) < 0)
        return fail_errno("stat " + std::string(path));
    if (!S_ISREG(before.st_mode))
        return fail(Code::integrity, "read " + std::string(path) + ": is " +
                                         std::string(file_type_name(before.st_mode)) +
                                         ", not a regular file");
    PLIMSOLL_TRY(auto bytes, read_fd(fd, path, max, before.st_size));
    if (::fstat(fd.get(), &after) < 0)
        return fail_errno("stat " + std::string(path));
    if (!same_version(before, after))
        return std::optional<std::string>();
    return std::optional(std::move(bytes));
}

Result<struct ::stat> stat_fd(const Fd& fd, std::string_view path) {
    struct stat st{};
    if (::fstat(fd.get(), &st) < 0)
        return fail_errno("stat " + std::string(path));
    return st;
}

namespace {

constexpr int for_reading = O_RDONLY | O_NONBLOCK | O_NOCTTY;

Result<struct ::stat> stat_regular(const Fd& fd, std::string_view path, std::size_t max) {
    PLIMSOLL_TRY(const auto seen, stat_fd(fd, path));
    if (!S_ISREG(seen.st_mode))
        return fail(Code::integrity, "read " + std::string(path) + ": is " +
                                         std::string(file_type_name(seen.st_mode)) + ", not a regular file");
    if (seen.st_size > 0 && static_cast<std::uint64_t>(seen.st_size) > max)
        return too_large(path, max);
    return seen;
}

}  // namespace

Result<RegularFile> open_regular(const Sysroot& root, std::string_view path, std::size_t max) {
    if (root.is_running()) {
        auto fd = root.open_at(path, for_reading | O_NOFOLLOW);
        if (fd) {
            PLIMSOLL_TRY(const auto seen, stat_regular(*fd, path, max));
            return RegularFile{*std::move(fd), seen};
        }
        // A link, or a socket or device without a driver: of the latter the type is to be told.
        if (fd.error().sys_errno != ELOOP && fd.error().sys_errno != ENXIO)
            return Failure(std::move(fd).error());
    }
    PLIMSOLL_TRY(const Fd probe, root.open_at(path, O_PATH));
    PLIMSOLL_TRY(const auto seen, stat_regular(probe, path, max));
    PLIMSOLL_TRY(Fd fd, root.open_at(path, for_reading));
    return RegularFile{std::move(fd), seen};
}

Result<void> read_parts(const Sysroot& root, std::string_view path, std::size_t max,
                        const std::function<void(std::string_view)>& take) {
    PLIMSOLL_TRY(const auto file, open_regular(root, path, max));
    std::string buffer(std::size_t{64} << 10, '\0');
    std::size_t got = 0;
    for (;;) {
        PLIMSOLL_TRY(const auto n, read_some(file.fd, path, buffer.data(), buffer.size()));
        if (n == 0)
            break;
        if (n > max - got)
            return too_large(path, max);
        got += n;
        take(std::string_view(buffer).substr(0, n));
    }
    PLIMSOLL_TRY(const auto after, stat_fd(file.fd, path));
    if (!same_version(file.seen, after))
        return fail(Code::busy, "read " + std::string(path) + ": changed while it was read");
    return {};
}

bool same_version(const struct ::stat& a, const struct ::stat& b) {
    return a.st_dev == b.st_dev && a.st_ino == b.st_ino && a.st_size == b.st_size &&
           a.st_mtim.tv_sec == b.st_mtim.tv_sec && a.st_mtim.tv_nsec == b.st_mtim.tv_nsec &&
           a.st_ctim.tv_sec == b.st_ctim.tv_sec && a.st_ctim.tv_nsec == b.st_ctim.tv_nsec;
}

}  // namespace plimsoll::host
