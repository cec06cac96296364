// SPDX-License-Identifier: Apache-2.0
#include "daemon/watch/writers.hpp"

#include "core/base/text.hpp"
#include "core/host/place.hpp"
#include "core/host/processes.hpp"

#include <algorithm>
#include <array>
#include <cstring>
#include <deque>
#include <optional>

#include <fcntl.h>
#include <sys/epoll.h>
#include <sys/fanotify.h>
#include <unistd.h>

namespace plimsoll::daemon {
namespace {

constexpr std::uint64_t changes =
    FAN_CREATE | FAN_DELETE | FAN_MOVED_FROM | FAN_MOVED_TO | FAN_MODIFY | FAN_ATTRIB | FAN_EVENT_ON_CHILD;
constexpr std::size_t most_names{1024};     // whose last writer is kept
constexpr std::size_t largest_handle{128};  // MAX_HANDLE_SZ of the kernel

// A directory by its file handle, as name_to_handle_at(2) and the events give it.
using Handle = std::string;
using Name = std::pair<Handle, std::string>;

Handle as_handle(const file_handle& h) {
    const auto type = static_cast<std::uint32_t>(h.handle_type);
    Handle out(reinterpret_cast<const char*>(&type), sizeof type);
    return out.append(reinterpret_cast<const char*>(h.f_handle), h.handle_bytes);
}

std::optional<Handle> handle_of(int dir) {
    alignas(file_handle) std::array<char, sizeof(file_handle) + largest_handle> room{};
    auto* const handle = reinterpret_cast<file_handle*>(room.data());
    handle->handle_bytes = largest_handle;
    int mount = 0;
    if (::name_to_handle_at(dir, "", handle, &mount, AT_EMPTY_PATH) < 0)
        return std::nullopt;
    return as_handle(*handle);
}

// The first record of an event about a name in a directory; nullopt: none is.
std::optional<Name> name_in(const char* event, const fanotify_event_metadata& about) {
    fanotify_event_info_fid info{};
    if (about.event_len < about.metadata_len + sizeof info + sizeof(file_handle))
        return std::nullopt;
    const char* at = event + about.metadata_len;
    std::memcpy(&info, at, sizeof info);
    const bool named = info.hdr.info_type == FAN_EVENT_INFO_TYPE_DFID_NAME;
    const std::size_t left = about.event_len - about.metadata_len;
    if (!named || info.hdr.len > left || info.hdr.len < sizeof info + sizeof(file_handle))
        return std::nullopt;
    const auto* const handle = reinterpret_cast<const file_handle*>(at + sizeof info);
    const std::size_t before_name = sizeof info + sizeof(file_handle) + handle->handle_bytes;
    if (before_name >= info.hdr.len)
        return std::nullopt;
    const char* name = at + before_name;
    return Name{as_handle(*handle), std::string(name, ::strnlen(name, info.hdr.len - before_name))};
}

std::string title_of(const host::Process& p) {
    return printable(p.comm) + " (pid " + std::to_string(p.pid);
}

}  // namespace

std::string describe_writer(const host::Sysroot& real, int pid, std::string_view comm) {
    const host::Sysroot::Unrecorded aside(real);
    const auto writer = host::read_process(real, pid);
    if (!writer || (!comm.empty() && writer->comm != comm))
        return (comm.empty() ? "pid " + std::to_string(pid)
                             : printable(comm) + " (pid " + std::to_string(pid) + ")") +
               ", which has ended";
    std::string out = title_of(*writer) + ", uid " + std::to_string(writer->uid[0]) + ")";
    if (const auto parent = writer->parent > 1 ? host::read_process(real, writer->parent) : std::nullopt)
        out += ", started by " + title_of(*parent) + ")";
    return out;
}

struct Writers::State {
    State(const host::Sysroot& r, host::Sysroot real_root, Fd events)
        : root(r), real(std::move(real_root)), fd(std::move(events)) {}

    const host::Sysroot& root;
    host::Sysroot real;  // for /proc
    Fd fd;
    std::deque<std::pair<Handle, Fd>> followed{};        // the oldest first
    std::map<Name, std::pair<int, std::string>> last{};  // its number and what it is called
    bus::Source source{};

    void read();
    void note(const Name& name, int pid);
};

void Writers::State::note(const Name& name, int pid) {
    const auto known = last.find(name);
    if (known != last.end() && known->second.first == pid)
        return;  // who writes all the time is looked up once
    if (known == last.end() && last.size() >= most_names)
        last.clear();
    last[name] = {pid, describe_writer(real, pid)};
}

void Writers::State::read() {
    alignas(fanotify_event_metadata) std::array<char, 16384> room{};
    ssize_t n = 0;
    while ((n = ::read(fd.get(), room.data(), room.size())) > 0) {
        fanotify_event_metadata about{};  // a copy, as events are aligned to four bytes only
        for (std::size_t at = 0; at + sizeof about <= static_cast<std::size_t>(n); at += about.event_len) {
            std::memcpy(&about, room.data() + at, sizeof about);
            if (about.event_len < sizeof about || at + about.event_len > static_cast<std::size_t>(n))
                return;
            const auto name = name_in(room.data() + at, about);
            if (name && about.pid > 0 && about.pid != ::getpid())
                note(*name, about.pid);
        }
    }
}

Result<Writers> Writers::make(const bus::EventLoop& loop, const host::Sysroot& root) {
    Fd fd(::fanotify_init(FAN_CLASS_NOTIF | FAN_CLOEXEC | FAN_NONBLOCK | FAN_REPORT_DFID_NAME, O_RDONLY));
    if (!fd && errno == EINVAL)
        return fail(Code::unsupported, "the kernel does not tell who changes a file (fanotify, Linux 5.9)");
    if (!fd)
        return fail_errno("ask who changes files");
    PLIMSOLL_TRY(auto real, host::Sysroot::open("/"));
    auto state = std::make_shared<State>(root, std::move(real), std::move(fd));
    // Before anything else looks: the writer may be about to end.
    PLIMSOLL_TRY(state->source, loop.on_io(
                                    state->fd.get(), EPOLLIN, [s = state.get()](std::uint32_t) { s->read(); },
                                    bus::EventLoop::Priority::watch));
    return Writers(std::move(state));
}

void Writers::follow(const std::string& path) {
    auto at = host::open_place(state_->root, path);
    if (!at)
        return;
    const auto handle = handle_of(at->dir.get());
    if (!handle || std::ranges::any_of(state_->followed, [&](const auto& f) { return f.first == *handle; }))
        return;
    if (::fanotify_mark(state_->fd.get(), FAN_MARK_ADD | FAN_MARK_ONLYDIR, changes, at->dir.get(), ".") < 0)
        return;
    state_->followed.emplace_back(*handle, std::move(at->dir));
    if (state_->followed.size() <= most_directories)
        return;
    (void)::fanotify_mark(state_->fd.get(), FAN_MARK_REMOVE, changes, state_->followed.front().second.get(),
                          ".");
    state_->followed.pop_front();
}

std::string Writers::last(const std::string& path) const {
    state_->read();
    const auto at = host::open_place(state_->root, path);
    const auto handle = at ? handle_of(at->dir.get()) : std::nullopt;
    if (!handle)
        return "";
    const auto found = state_->last.find({*handle, at->name});
    return found == state_->last.end() ? "" : found->second.second;
}

}  // namespace plimsoll::daemon
