// SPDX-License-Identifier: Apache-2.0
#include "daemon/watch/netlink.hpp"

#include <bit>
#include <cerrno>
#include <string>

#include <linux/netlink.h>
#include <sys/socket.h>

namespace plimsoll::daemon {

Result<Fd> join_netlink(int protocol, std::uint32_t groups, std::string_view what) {
    Fd socket(::socket(AF_NETLINK, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, protocol));
    if (!socket)
        return errno == EPROTONOSUPPORT ? fail(Code::unsupported, std::string(what) + ": not in this kernel")
                                        : fail_errno("open " + std::string(what));
    sockaddr_nl address{};
    address.nl_family = AF_NETLINK;
    address.nl_groups = groups;
    if (::bind(socket.get(), std::bit_cast<sockaddr*>(&address), sizeof address) < 0)
        return fail_errno("join " + std::string(what));
    return socket;
}

Result<std::optional<std::string_view>> next_from_kernel(const Fd& socket, std::span<char> buffer) {
    for (;;) {
        sockaddr_nl from{};
        socklen_t size = sizeof from;
        const auto n = ::recvfrom(socket.get(), buffer.data(), buffer.size(), MSG_DONTWAIT,
                                  std::bit_cast<sockaddr*>(&from), &size);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0 && errno == ENOBUFS)
            return fail(Code::busy, "messages of the kernel were lost");
        if (n < 0)
            return std::optional<std::string_view>();
        if (from.nl_pid == 0)
            return std::string_view(buffer.data(), static_cast<std::size_t>(n));
    }
}

}  // namespace plimsoll::daemon
