// SPDX-License-Identifier: Apache-2.0
#include "daemon/watch/mac_changes.hpp"

#include "daemon/watch/netlink.hpp"

#include <array>
#include <cerrno>
#include <cstring>
#include <utility>

#include <fcntl.h>
#include <linux/netlink.h>
#include <linux/selinux_netlink.h>
#include <sys/epoll.h>
#include <unistd.h>

namespace plimsoll::daemon {
namespace {

constexpr std::uint32_t decisions = 1U << (SELNLGRP_AVC - 1);  // the only group

}  // namespace

std::string_view parse_selinux_news(std::string_view datagram) {
    nlmsghdr head{};
    if (datagram.size() < sizeof head + sizeof(std::uint32_t))
        return {};
    std::memcpy(&head, datagram.data(), sizeof head);
    if (head.nlmsg_type == SELNL_MSG_SETENFORCE)
        return "SELinux mode changed";
    return head.nlmsg_type == SELNL_MSG_POLICYLOAD ? "SELinux policy loaded" : "";
}

MacChanges::MacChanges(const bus::EventLoop& loop, const host::Sysroot& root,
                       std::function<void(const Told&)> on_change)
    : on_change_(std::move(on_change)) {
    if (!listen_to_apparmor(loop, root))
        from_apparmor_.reset();
    if (!listen_to_selinux(loop))
        from_selinux_.reset();
}

Result<void> MacChanges::listen_to_apparmor(const bus::EventLoop& loop, const host::Sysroot& root) {
    const host::Sysroot::Unrecorded aside(root);
    PLIMSOLL_TRY(revision_, root.open_at(std::string(apparmor) + "/revision", O_RDONLY | O_NONBLOCK));
    PLIMSOLL_TRY(from_apparmor_, loop.on_io(
                                     revision_.get(), EPOLLIN, [this](std::uint32_t) { on_revision(); },
                                     bus::EventLoop::Priority::watch));
    return {};
}

// The kernel counts a revision as seen once it was read; the first is the one we began with.
void MacChanges::on_revision() {
    std::array<char, 64> number{};
    const auto n = ::read(revision_.get(), number.data(), number.size());
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (n <= 0)
        return from_apparmor_.reset();
    on_change_({apparmor, "AppArmor profiles changed", false});
}

Result<void> MacChanges::listen_to_selinux(const bus::EventLoop& loop) {
    PLIMSOLL_TRY(socket_, join_netlink(NETLINK_SELINUX, decisions, "SELinux's announcements"));
    PLIMSOLL_TRY(from_selinux_, loop.on_io(
                                    socket_.get(), EPOLLIN, [this](std::uint32_t) { on_messages(); },
                                    bus::EventLoop::Priority::watch));
    return {};
}

void MacChanges::on_messages() {
    std::array<char, 1024> buffer{};
    std::string_view cause;
    for (;;) {
        const auto datagram = next_from_kernel(socket_, buffer);
        if (!datagram)
            return on_change_({selinux, "SELinux announcements lost", true});
        if (!*datagram)
            break;
        if (const auto news = parse_selinux_news(**datagram); !news.empty())
            cause = news;
    }
    if (!cause.empty())
        on_change_({selinux, std::string(cause), false});
}

}  // namespace plimsoll::daemon
