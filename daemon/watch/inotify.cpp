// SPDX-License-Identifier: Apache-2.0
#include "daemon/watch/inotify.hpp"

#include <cstring>

#include <sys/inotify.h>
#include <unistd.h>

namespace plimsoll::daemon {

bool parse_inotify(std::string_view bytes, const OnInotify& call) {
    while (!bytes.empty()) {
        inotify_event head{};
        if (bytes.size() < sizeof head)
            return false;
        std::memcpy(&head, bytes.data(), sizeof head);
        bytes.remove_prefix(sizeof head);
        if (bytes.size() < head.len)
            return false;
        const std::string_view padded = bytes.substr(0, head.len);
        call({head.wd, head.mask, padded.substr(0, padded.find('\0'))});
        bytes.remove_prefix(head.len);
    }
    return true;
}

Result<Inotify> Inotify::make() {
    Fd fd(::inotify_init1(IN_CLOEXEC | IN_NONBLOCK));
    if (!fd)
        return fail_errno("make an inotify instance");
    return Inotify(std::move(fd));
}

Result<int> Inotify::add(const Fd& what, std::uint32_t mask) const {
    const std::string path = "/proc/self/fd/" + std::to_string(what.get());
    const int watch = ::inotify_add_watch(fd(), path.c_str(), mask);
    if (watch < 0)
        return fail_errno("watch");
    return watch;
}

void Inotify::remove(int watch) const {
    (void)::inotify_rm_watch(fd(), watch);  // EINVAL: the kernel removed it already
}

void Inotify::read(const OnInotify& call) {
    const ssize_t n = ::read(fd(), buffer_.data(), buffer_.size());
    if (n > 0)
        (void)parse_inotify({buffer_.data(), static_cast<std::size_t>(n)}, call);
}

}  // namespace plimsoll::daemon
