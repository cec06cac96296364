// SPDX-License-Identifier: Apache-2.0
#include "daemon/watch/denials.hpp"

#include "core/base/text.hpp"
#include "core/host/namespaces.hpp"
#include "daemon/watch/netlink.hpp"

#include <array>
#include <charconv>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <limits>
#include <vector>

#include <arpa/inet.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/netlink.h>
#include <linux/seccomp.h>
#include <sys/epoll.h>
#include <sys/socket.h>

namespace plimsoll::daemon {
namespace {

constexpr std::uint32_t records = 1U << (AUDIT_NLGRP_READLOG - 1);
constexpr std::uint16_t apparmor_denied = 1503;  // what kernels with AppArmor's own numbers use
constexpr std::size_t most_bytes{9000};          // MAX_AUDIT_MESSAGE_LENGTH

// So many in `rest`: anybody can bring about as many as he likes.
constexpr int most_at_once = 64;
constexpr std::chrono::milliseconds rest{100};

// Nobody is woken for the records that auditd's rules make.
Result<void> want_denials_only(int fd) {
    const auto is = [](std::uint16_t type, std::uint8_t further) {
        return sock_filter BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, htons(type), further, 0);
    };
    std::array<sock_filter, 6> code{{BPF_STMT(BPF_LD | BPF_H | BPF_ABS, offsetof(nlmsghdr, nlmsg_type)),
                                     is(AUDIT_AVC, 3), is(apparmor_denied, 2), is(AUDIT_SECCOMP, 1),
                                     BPF_STMT(BPF_RET | BPF_K, 0), BPF_STMT(BPF_RET | BPF_K, ~0U)}};
    const sock_fprog program{static_cast<unsigned short>(code.size()), code.data()};
    if (::setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof program) < 0)
        return fail_errno("filter the audit records");
    return {};
}

Result<void> expect_audit(int fd) {
    int domain = 0;
    int protocol = 0;
    socklen_t size = sizeof domain;
    if (::getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &size) < 0 ||
        ::getsockopt(fd, SOL_SOCKET, SO_PROTOCOL, &protocol, &size) < 0 || domain != AF_NETLINK ||
        protocol != NETLINK_AUDIT)
        return fail(Code::invalid_input,
                    "the socket \"audit\" that was passed on is no netlink socket of audit");
    return {};
}

// What the kernel did not trust itself to quote is in hexadecimal (audit_log_untrustedstring()).
std::string from_hex(std::string_view text) {
    std::string out;
    for (std::size_t i = 0; i + 1 < text.size(); i += 2) {
        unsigned byte = 0;
        const auto [end, error] = std::from_chars(text.data() + i, text.data() + i + 2, byte, 16);
        if (error != std::errc() || end != text.data() + i + 2)
            return std::string(text);
        out += static_cast<char>(byte);
    }
    return text.size() % 2 == 0 ? out : std::string(text);
}

// key=value, key="value". Values have no blanks: such ones are in hexadecimal.
class Fields {
  public:
    explicit Fields(std::string_view text) : words_(words(text)) {}

    [[nodiscard]] std::string_view raw(std::string_view key) const {
        for (const auto word : words_)
            if (word.size() > key.size() && word.starts_with(key) && word[key.size()] == '=')
                return word.substr(key.size() + 1);
        return {};
    }

    [[nodiscard]] std::string text(std::string_view key) const {
        const auto value = raw(key);
        const bool quoted = value.size() >= 2 && value.front() == '"' && value.back() == '"';
        return quoted ? std::string(value.substr(1, value.size() - 2)) : from_hex(value);
    }

    [[nodiscard]] std::uint64_t number(std::string_view key) const { return parse_u64(raw(key)).value_or(0); }

  private:
    std::vector<std::string_view> words_;
};

std::string on_name(const Fields& f) {
    const std::string name = f.text("name");
    return name.empty() ? "" : " of \"" + name + "\"";
}

std::optional<Denial> by_selinux(std::string_view text, const Fields& f) {
    const auto begin = text.find("{ ");
    const auto end = text.find(" }", begin);
    const bool denied = text.find("avc:  denied") != std::string_view::npos;
    if (!denied || begin == std::string_view::npos || end == std::string_view::npos || end < begin + 2 ||
        f.raw("permissive") == "1")
        return std::nullopt;
    std::string what(text.substr(begin + 2, end - begin - 2));
    what += on_name(f);
    if (const auto kind = f.raw("tclass"); !kind.empty())
        what += " (" + std::string(kind) + ")";
    return Denial{Denial::By::selinux, 0, {}, std::string(f.raw("scontext")), std::move(what)};
}

std::optional<Denial> by_apparmor(const Fields& f) {
    if (f.text("apparmor") != "DENIED")
        return std::nullopt;
    std::string what = f.text("operation") + on_name(f);
    if (const auto mask = f.text("denied_mask"); !mask.empty())
        what += " (" + mask + ")";
    return Denial{Denial::By::apparmor, 0, {}, f.text("profile"), std::move(what)};
}

std::optional<Denial> by_seccomp(const Fields& f) {
    std::string_view code = f.raw("code");
    std::uint32_t action = SECCOMP_RET_ALLOW;
    if (code.starts_with("0x"))
        code.remove_prefix(2);
    const auto [end, error] = std::from_chars(code.data(), code.data() + code.size(), action, 16);
    action &= SECCOMP_RET_ACTION_FULL;
    if (error != std::errc() || end != code.data() + code.size() || action == SECCOMP_RET_ALLOW ||
        action == SECCOMP_RET_LOG)
        return std::nullopt;
    std::string what = "syscall " + std::to_string(f.number("syscall"));
    if (const auto signal = f.number("sig"); signal != 0)
        what += " (signal " + std::to_string(signal) + ")";
    return Denial{Denial::By::seccomp, 0, {}, std::string(f.raw("subj")), std::move(what)};
}

}  // namespace

std::optional<Denial> parse_denial(std::string_view datagram) {
    nlmsghdr head{};
    if (datagram.size() < sizeof head)
        return std::nullopt;
    std::memcpy(&head, datagram.data(), sizeof head);
    const auto text = datagram.substr(sizeof head, datagram.substr(sizeof head).find('\0'));
    const Fields f(text);
    std::optional<Denial> out;
    if (head.nlmsg_type == AUDIT_SECCOMP)
        out = by_seccomp(f);
    else if (head.nlmsg_type == apparmor_denied ||
             (head.nlmsg_type == AUDIT_AVC && !f.raw("apparmor").empty()))
        out = by_apparmor(f);
    else if (head.nlmsg_type == AUDIT_AVC)
        out = by_selinux(text, f);
    if (!out)
        return std::nullopt;
    const auto pid = f.number("pid");
    out->pid = pid <= std::numeric_limits<int>::max() ? static_cast<int>(pid) : 0;
    out->comm = f.text("comm");
    return out;
}

struct Denials::State {
    State(const host::Sysroot& r, OnDenial call) : root(r), on_denial(std::move(call)) {}

    void read();
    void go_on();
    [[nodiscard]] std::optional<bool> in_own_mounts(int pid) const;

    const host::Sysroot& root;
    OnDenial on_denial;
    Fd socket{};
    std::optional<std::uint64_t> host_mounts{};
    bus::Source from_kernel{};
    bus::Source rested{};
    int left{most_at_once};  // until `rested`
};

std::optional<bool> Denials::State::in_own_mounts(int pid) const {
    const host::Sysroot::Unrecorded aside(root);
    const auto own = host::read_ns(root, pid, host::Ns::mnt);
    if (!own || !host_mounts)
        return std::nullopt;
    return *own != *host_mounts;
}

void Denials::State::read() {
    std::array<char, most_bytes> buffer{};
    for (; left > 0; --left) {
        const auto datagram = next_from_kernel(socket, buffer);
        if (datagram && !*datagram)
            return;
        if (left == most_at_once)
            rested.call_after(rest);
        // Lost ones are not worth more than those that were never told: auditd counts them.
        if (const auto denial = datagram ? parse_denial(**datagram) : std::nullopt)
            on_denial(*denial, in_own_mounts(denial->pid));
    }
    from_kernel.enable(false);
}

void Denials::State::go_on() {
    left = most_at_once;
    from_kernel.enable(true);
}

Denials::Denials(std::unique_ptr<State> state) : state_(std::move(state)) {}

Denials::Denials(Denials&&) noexcept = default;
Denials& Denials::operator=(Denials&&) noexcept = default;
Denials::~Denials() = default;

Result<Denials> Denials::make(const bus::EventLoop& loop, const host::Sysroot& root, Fd joined,
                              OnDenial on_denial) {
    auto state = std::make_unique<State>(root, std::move(on_denial));
    const host::Sysroot::Unrecorded aside(root);
    state->host_mounts = host::host_namespaces(root).of(host::Ns::mnt);
    if (!joined) {
        PLIMSOLL_TRY(joined, join_netlink(NETLINK_AUDIT, records, "the audit records"));
    }
    state->socket = std::move(joined);
    PLIMSOLL_CHECK(expect_audit(state->socket.get()));
    PLIMSOLL_CHECK(want_denials_only(state->socket.get()));
    PLIMSOLL_TRY(state->rested, loop.on_time(rest, rest / 10, [s = state.get()] { s->go_on(); }));
    state->rested.enable(false);
    PLIMSOLL_TRY(state->from_kernel,
                 loop.on_io(state->socket.get(), EPOLLIN, [s = state.get()](std::uint32_t) { s->read(); }));
    return Denials(std::move(state));
}

}  // namespace plimsoll::daemon
