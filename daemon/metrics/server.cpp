// SPDX-License-Identifier: Apache-2.0
#include "daemon/metrics/server.hpp"

#include "core/base/fd.hpp"
#include "core/host/place.hpp"
#include "daemon/metrics/request.hpp"

#include <algorithm>
#include <array>
#include <cstring>
#include <list>

#include <fcntl.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

namespace plimsoll::daemon::metrics {
namespace {

using Priority = bus::EventLoop::Priority;

constexpr std::chrono::milliseconds slack{100};
constexpr int backlog{32};
constexpr mode_t everybody{0666};  // connecting takes the right to write

// The place is held open, so that neither a long root nor a link put in the way matters.
Result<struct sockaddr_un> address_of(const host::Place& at) {
    struct sockaddr_un out{.sun_family = AF_UNIX, .sun_path = {}};
    const std::string through = "/proc/self/fd/" + std::to_string(at.dir.get()) + "/" + at.name;
    if (through.size() >= sizeof out.sun_path)
        return fail(Code::invalid_input, at.path + ": the name of a socket cannot be as long");
    std::memcpy(&out.sun_path, through.c_str(), through.size() + 1);
    return out;
}

const struct sockaddr* generic(const struct sockaddr_un& address) {
    return reinterpret_cast<const struct sockaddr*>(&address);
}

Result<Fd> new_socket() {
    Fd out(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    if (!out)
        return fail_errno("make a socket");
    return out;
}

// What a daemon that was killed left behind.
Result<void> remove_stale(const host::Place& at, const struct sockaddr_un& address) {
    struct stat st{};
    if (::fstatat(at.dir.get(), at.name.c_str(), &st, AT_SYMLINK_NOFOLLOW) < 0)
        return errno == ENOENT ? Result<void>{} : Result<void>(fail_errno("stat " + at.path));
    if (!S_ISSOCK(st.st_mode))
        return fail(Code::integrity, at.path + ": is there and no socket");
    PLIMSOLL_TRY(const Fd probe, new_socket());
    if (::connect(probe.get(), generic(address), sizeof address) == 0 || errno != ECONNREFUSED)
        return fail(Code::busy, at.path + ": somebody listens there already");
    if (::unlinkat(at.dir.get(), at.name.c_str(), 0) < 0 && errno != ENOENT)
        return fail_errno("remove " + at.path);
    return {};
}

Result<Fd> listen_at(const host::Place& at) {
    PLIMSOLL_TRY(const auto address, address_of(at));
    PLIMSOLL_CHECK(remove_stale(at, address));
    PLIMSOLL_TRY(Fd out, new_socket());
    if (::bind(out.get(), generic(address), sizeof address) < 0)
        return fail_errno("bind " + at.path);
    if (::fchmodat(at.dir.get(), at.name.c_str(), everybody, 0) < 0)
        return fail_errno("chmod " + at.path);
    if (::listen(out.get(), backlog) < 0)
        return fail_errno("listen on " + at.path);
    return out;
}

}  // namespace

struct Server::State {
    // One that asks.
    struct Client {
        Fd fd{};
        std::string request{};
        std::string answer{};
        std::size_t sent{0};
        bool half_over{false};  // its time
        bus::Source io{};
        bus::Source deadline{};
    };

    State(const bus::EventLoop& l, host::Place a, std::function<std::string()> t, ServerLimits most)
        : loop(l), at(std::move(a)), text(std::move(t)), limits(most) {}

    Result<void> start();
    void begin_second();
    void on_connection();
    Result<void> welcome(Fd fd);
    void on_time_over(Client& client);
    void on_input(Client& client);
    void send(Client& client);
    void end(const Client& client);

    const bus::EventLoop& loop;
    host::Place at;
    std::function<std::string()> text;
    ServerLimits limits;
    Fd listener{};
    std::list<Client> clients{};  // who came first is in front
    std::size_t in_this_second{0};
    bool counting{false};
    bus::Source from_listener{};
    bus::Source second{};
};

Result<void> Server::State::start() {
    PLIMSOLL_TRY(listener, listen_at(at));
    PLIMSOLL_TRY(second, loop.on_time(std::chrono::seconds(1), slack, [this] { begin_second(); }));
    second.enable(false);
    const auto call = [this](std::uint32_t) { on_connection(); };
    PLIMSOLL_TRY(from_listener, loop.on_io(listener.get(), EPOLLIN, call, Priority::idle));
    return {};
}

void Server::State::begin_second() {
    counting = false;
    in_this_second = 0;
    from_listener.enable(true);
}

// One a turn, so that everything else has its own.
void Server::State::on_connection() {
    if (!std::exchange(counting, true))
        second.call_after(std::chrono::seconds(1));
    if (++in_this_second > limits.per_second)
        return from_listener.enable(false);
    Fd fd(::accept4(listener.get(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
    if (!fd) {
        // Without a descriptor left it would be ready again at once: the next second is early enough.
        if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM)
            from_listener.enable(false);
        return;
    }
    if (clients.size() >= limits.clients)
        clients.pop_front();
    if (!welcome(std::move(fd)))
        clients.pop_back();
}

Result<void> Server::State::welcome(Fd fd) {
    Client& client = clients.emplace_back();
    client.fd = std::move(fd);
    const auto input = [this, &client](std::uint32_t) { on_input(client); };
    PLIMSOLL_TRY(client.io, loop.on_io(client.fd.get(), EPOLLIN, input, Priority::idle));
    PLIMSOLL_TRY(client.deadline,
                 loop.on_time(limits.deadline / 2, slack, [this, &client] { on_time_over(client); }));
    return {};
}

// In two halves: when it was the loop that had no time, what waits on the connection has its turn in between.
void Server::State::on_time_over(Client& client) {
    if (std::exchange(client.half_over, true))
        return end(client);
    client.deadline.call_after(limits.deadline / 2);
}

void Server::State::on_input(Client& client) {
    std::array<char, 2048> buffer{};
    const ssize_t n = ::recv(client.fd.get(), buffer.data(), buffer.size(), 0);
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (n <= 0)
        return end(client);
    client.request.append(buffer.data(), static_cast<std::size_t>(n));
    const Answer answer = answer_to(client.request);
    if (answer == Answer::incomplete)
        return;
    const bool wanted = answer == Answer::metrics || answer == Answer::head;
    client.answer = response(answer, wanted ? text() : std::string());
    const auto output = [this, &client](std::uint32_t) { send(client); };
    client.io.reset();  // a descriptor is waited for once
    auto writing = loop.on_io(client.fd.get(), EPOLLOUT, output, Priority::idle);
    if (!writing)
        return end(client);
    client.io = *std::move(writing);
}

void Server::State::send(Client& client) {
    const ssize_t n = ::send(client.fd.get(), client.answer.data() + client.sent,
                             client.answer.size() - client.sent, MSG_NOSIGNAL);
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    client.sent += static_cast<std::size_t>(std::max<ssize_t>(0, n));
    if (n < 0 || client.sent == client.answer.size())
        end(client);
}

// Also from inside of a call for it, which must not touch it afterwards. What was sent stays readable.
void Server::State::end(const Client& client) {
    clients.remove_if([&](const Client& c) { return &c == &client; });
}

Server::Server(std::unique_ptr<State> state) : state_(std::move(state)) {}

Server::Server(Server&&) noexcept = default;
Server& Server::operator=(Server&&) noexcept = default;

Server::~Server() {
    if (state_ != nullptr && state_->listener)
        (void)::unlinkat(state_->at.dir.get(), state_->at.name.c_str(), 0);
}

Result<Server> Server::make(const bus::EventLoop& loop, const host::Sysroot& root, const std::string& path,
                            std::function<std::string()> text, ServerLimits limits) {
    PLIMSOLL_CHECK(host::make_parents(root, path));
    PLIMSOLL_TRY(auto at, host::open_place(root, path));
    auto state = std::make_unique<State>(loop, std::move(at), std::move(text), limits);
    PLIMSOLL_CHECK(state->start());
    return Server(std::move(state));
}

}  // namespace plimsoll::daemon::metrics
