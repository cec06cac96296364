// SPDX-License-Identifier: Apache-2.0
#include "core/host/unix_socket.hpp"

#include <cstring>
#include <optional>

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

namespace plimsoll::host {
namespace {

std::optional<sockaddr_un> address_of(const std::string& path) {
    sockaddr_un out{};
    out.sun_family = AF_UNIX;
    if (path.empty() || path.size() >= sizeof out.sun_path || path.find('\0') != std::string::npos)
        return std::nullopt;
    std::memcpy(out.sun_path, path.data(), path.size());
    return out;
}

const sockaddr* plain(const sockaddr_un& address) {
    return reinterpret_cast<const sockaddr*>(
        &address);  // NOLINT(cppcoreguidelines-pro-type-reinterpret-cast)
}

Result<void> clear_way(const std::string& path) {
    struct stat st{};
    if (::fstatat(AT_FDCWD, path.c_str(), &st, AT_SYMLINK_NOFOLLOW) != 0)
        return {};
    if (!S_ISSOCK(st.st_mode))
        return fail(Code::integrity, path + ": is not a socket, and is left alone");
    if (somebody_listens(path))
        return fail(Code::busy, path + ": somebody listens there already");
    if (::unlinkat(AT_FDCWD, path.c_str(), 0) != 0)
        return fail_errno("remove " + path);
    return {};
}

}  // namespace

bool somebody_listens(const std::string& path) {
    const auto address = address_of(path);
    const Fd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    // EAGAIN: the queue of callers is full, so there is a queue.
    return address && fd && (::connect(fd.get(), plain(*address), sizeof *address) == 0 || errno == EAGAIN);
}

Result<Fd> listen_on(const std::string& path, mode_t mode, int backlog) {
    const auto address = address_of(path);
    if (!address)
        return fail(Code::invalid_input, path + ": not a name for a socket");
    PLIMSOLL_CHECK(clear_way(path));
    Fd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    if (!fd)
        return fail_errno("make a socket");
    if (::bind(fd.get(), plain(*address), sizeof *address) != 0)
        return fail_errno("bind " + path);
    if (::fchmodat(AT_FDCWD, path.c_str(), mode, 0) != 0)
        return fail_errno("set the mode of " + path);
    if (::listen(fd.get(), backlog) != 0)
        return fail_errno("listen on " + path);
    return fd;
}

}  // namespace plimsoll::host
