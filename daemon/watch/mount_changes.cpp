// SPDX-License-Identifier: Apache-2.0
#include "daemon/watch/mount_changes.hpp"

#include "core/host/read_fd.hpp"

#include <algorithm>
#include <array>
#include <climits>

#include <fcntl.h>
#include <unistd.h>

namespace plimsoll::daemon {
namespace {

constexpr std::size_t max_table = std::size_t{64} << 20;
constexpr const char* table = "/proc/self/mountinfo";

}  // namespace

std::vector<std::string> changed_mount_points(const std::vector<host::Mount>& before,
                                              const std::vector<host::Mount>& after) {
    std::vector<std::string> out;
    auto old = before.begin();
    for (const auto& now : after) {
        for (; old != before.end() && old->id < now.id; ++old)
            out.push_back(old->point);
        const bool was = old != before.end() && old->id == now.id;
        if (!was || *old != now)
            out.push_back(now.point);
        if (was && old->point != now.point)
            out.push_back(old->point);
        if (was)
            ++old;
    }
    for (; old != before.end(); ++old)
        out.push_back(old->point);
    return out;
}

std::optional<std::string> path_below(std::string_view prefix, std::string_view path) {
    if (prefix == "/")
        return std::string(path);
    if (path.size() <= prefix.size() || !host::is_within(path, prefix))
        return std::nullopt;
    return std::string(path.substr(prefix.size()));
}

Result<MountChanges> MountChanges::make(const host::Sysroot& root) {
    MountChanges out(root);
    PLIMSOLL_TRY(const auto real, host::Sysroot::open("/"));
    PLIMSOLL_TRY(out.file_, real.open_at(table, O_RDONLY));
    PLIMSOLL_TRY(out.last_, out.read());
    return out;
}

Result<std::vector<host::Mount>> MountChanges::read() const {
    if (::lseek(fd(), 0, SEEK_SET) < 0)
        return fail_errno("read the mount table");
    PLIMSOLL_TRY(const auto text, host::read_fd(file_, table, max_table, 0));
    PLIMSOLL_TRY(auto mounts, host::parse_mountinfo(text, table));
    std::ranges::sort(mounts, {}, &host::Mount::id);
    return mounts;
}

// Where the root is, as the process sees it: what the mount points start with.
std::optional<std::string> MountChanges::prefix() const {
    const host::Sysroot::Unrecorded aside(*root_);
    const auto top = root_->open_at("/", O_PATH | O_DIRECTORY);
    if (!top)
        return std::nullopt;
    const std::string link = "/proc/self/fd/" + std::to_string(top->get());
    std::array<char, PATH_MAX> buf{};
    const ssize_t n = ::readlink(link.c_str(), buf.data(), buf.size());
    if (n <= 0 || static_cast<std::size_t>(n) == buf.size() || buf.front() != '/')
        return std::nullopt;
    std::string out(buf.data(), static_cast<std::size_t>(n));
    if (out.ends_with(" (deleted)"))
        return std::nullopt;
    return out;
}

std::optional<std::vector<std::string>> MountChanges::look() {
    auto now = read();
    const auto before = std::exchange(last_, std::nullopt);
    if (!now)
        return std::nullopt;
    last_ = *std::move(now);
    const auto below = prefix();
    if (!before || !below)
        return std::nullopt;
    std::vector<std::string> out;
    for (const auto& point : changed_mount_points(*before, *last_))
        if (auto path = path_below(*below, point))
            out.push_back(*std::move(path));
    return out;
}

}  // namespace plimsoll::daemon
