// SPDX-License-Identifier: Apache-2.0
#include "daemon/watch/starts.hpp"

#include "core/base/text.hpp"
#include "core/host/directory.hpp"
#include "core/host/namespaces.hpp"
#include "core/host/processes.hpp"
#include "daemon/watch/netlink.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstring>
#include <string_view>

#include <arpa/inet.h>
#include <linux/cn_proc.h>
#include <linux/connector.h>
#include <linux/filter.h>
#include <linux/netlink.h>
#include <sys/epoll.h>
#include <sys/socket.h>

namespace plimsoll::daemon {
namespace {

using host::Ns;

// linux/cn_proc.h has had these as members of an unnamed enum of a struct since 6.6, of proc_event before.
constexpr std::uint32_t acknowledgement = 0;
constexpr std::uint32_t execution = 2;

// nlmsghdr, cn_msg, and then struct proc_event: what, cpu, timestamp, and what the event tells.
constexpr std::size_t what_at = NLMSG_HDRLEN + sizeof(cn_msg);
constexpr std::size_t data_at = what_at + 4 + 4 + 8;

std::uint32_t word_at(std::string_view bytes, std::size_t at) {
    std::uint32_t out = 0;
    if (bytes.size() >= at + sizeof out)
        std::memcpy(&out, bytes.data() + at, sizeof out);
    return out;
}

// Nobody is woken for forks and ends.
Result<void> want_executions_only(int fd) {
    std::array<sock_filter, 5> code{{BPF_STMT(BPF_LD | BPF_W | BPF_ABS, what_at),
                                     BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, htonl(execution), 1, 0),
                                     BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, htonl(acknowledgement), 0, 1),
                                     BPF_STMT(BPF_RET | BPF_K, ~0U), BPF_STMT(BPF_RET | BPF_K, 0)}};
    const sock_fprog program{static_cast<unsigned short>(code.size()), code.data()};
    if (::setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof program) < 0)
        return fail_errno("filter the process connector");
    return {};
}

Result<void> ask_to_listen(int fd) {
    std::array<char, what_at + sizeof(std::uint32_t)> message{};
    nlmsghdr head{};
    head.nlmsg_len = message.size();
    head.nlmsg_type = NLMSG_DONE;
    cn_msg inner{};
    inner.id = {CN_IDX_PROC, CN_VAL_PROC};
    inner.len = sizeof(std::uint32_t);
    const std::uint32_t wish = PROC_CN_MCAST_LISTEN;
    std::memcpy(message.data(), &head, sizeof head);
    std::memcpy(message.data() + NLMSG_HDRLEN, &inner, sizeof inner);
    std::memcpy(message.data() + what_at, &wish, sizeof wish);
    if (::send(fd, message.data(), message.size(), 0) < 0)
        return fail_errno("listen to the process connector");
    return {};
}

std::optional<int> parent_of(const host::Sysroot& root, int pid) {
    const auto process = host::read_process(root, pid);
    return process ? std::optional(process->parent) : std::nullopt;
}

// By the name that the kernel gave it from its program. podman is one for as long as it serves.
bool is_engine(const host::Sysroot& root, int pid) {
    static constexpr std::array<std::string_view, 8> daemons{"dockerd", "containerd", "crio", "buildkitd",
                                                             "k3s",     "k3s-server", "rke2", "rootlesskit"};
    const auto directory = "/proc/" + std::to_string(pid);
    const auto comm = host::read_kernel_file(root, directory + "/comm", 64);
    if (!comm)
        return false;
    const auto name = trim(*comm);
    if (name != "podman")
        return std::ranges::find(daemons, name) != daemons.end();
    const auto line = host::read_kernel_file(root, directory + "/cmdline", std::size_t{64} << 10);
    return line && line->find(std::string_view("\0service\0", 9)) != std::string::npos;
}

}  // namespace

ProcessNews parse_process_news(std::string_view datagram) {
    if (datagram.size() < data_at + sizeof(std::uint32_t))
        return {};
    const auto what = word_at(datagram, what_at);
    const auto first = word_at(datagram, data_at);
    if (what == acknowledgement)
        return {.listening = first == 0};  // an errno
    // process_pid is the thread's, process_tgid the process's.
    if (what == execution && datagram.size() >= data_at + 2 * sizeof(std::uint32_t))
        if (const auto pid = word_at(datagram, data_at + sizeof(std::uint32_t)); pid > 0 && pid < 1U << 30U)
            return {.executed = static_cast<int>(pid)};
    return {};
}

Starts::Starts(const bus::EventLoop& loop, const host::Sysroot& root,
               std::function<void(const Told&)> on_start)
    : loop_(loop), root_(root), on_start_(std::move(on_start)) {
    const host::Sysroot::Unrecorded aside(root_);
    host_mounts_ = host::host_namespaces(root_).of(Ns::mnt);
    if (auto timer = loop_.on_time(longest_pause, first_pause / 10, [this] { on_settling(); })) {
        settling_ = *std::move(timer);
        settling_.enable(false);
    }
    if (!connect())
        from_kernel_.reset();
}

Result<void> Starts::connect() {
    PLIMSOLL_TRY(socket_, join_netlink(NETLINK_CONNECTOR, CN_IDX_PROC, "the process connector"));
    PLIMSOLL_CHECK(want_executions_only(socket_.get()));
    PLIMSOLL_TRY(from_kernel_, loop_.on_io(
                                   socket_.get(), EPOLLIN, [this](std::uint32_t) { on_messages(); },
                                   bus::EventLoop::Priority::watch));
    return ask_to_listen(socket_.get());
}

void Starts::on_messages() {
    constexpr int most_at_once = 256;
    std::array<char, 1024> buffer{};
    int started = 0;
    int engine = 0;
    for (int i = 0; i < most_at_once; ++i) {
        const auto datagram = next_from_kernel(socket_, buffer);
        if (!datagram)
            return on_start_({"starts lost", true});
        if (!*datagram)
            break;
        const auto news = parse_process_news(**datagram);
        told_by_kernel_ = told_by_kernel_ || news.listening;
        if (!news.executed || (started != 0 && engine != 0))
            continue;
        if (const Kind kind = kind_of(*news.executed); kind != Kind::none)
            (kind == Kind::container ? started : engine) = *news.executed;
    }
    if (engine != 0)
        on_start_({.cause = "event start of " + std::to_string(engine), .engine = true});
    else if (started != 0)
        on_start_({"event start of " + std::to_string(started)});
}

// What a container's own processes start is the same container still.
Starts::Kind Starts::kind_of(int pid) const {
    const host::Sysroot::Unrecorded aside(root_);
    const auto own = host::read_ns(root_, pid, Ns::mnt);
    if (!own)
        return Kind::none;
    if (own == host_mounts_)
        return is_engine(root_, pid) ? Kind::engine : Kind::none;
    const auto parent = parent_of(root_, pid);
    return !parent || host::read_ns(root_, *parent, Ns::mnt) != own ? Kind::container : Kind::none;
}

void Starts::expect() {
    if (told_by_kernel_)
        return;
    pause_ = first_pause;
    settling_.call_after(pause_);
}

void Starts::on_settling() {
    if (pause_ < longest_pause) {
        pause_ *= 2;
        settling_.call_after(pause_);
    }
    on_start_({"event settling"});
}

}  // namespace plimsoll::daemon
