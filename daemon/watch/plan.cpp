// SPDX-License-Identifier: Apache-2.0
#include "daemon/watch/plan.hpp"

#include "core/base/text.hpp"

#include <algorithm>
#include <climits>
#include <optional>
#include <string_view>
#include <unordered_map>

#include <fcntl.h>
#include <linux/magic.h>
#include <sys/statfs.h>
#include <sys/sysmacros.h>
#include <unistd.h>

namespace plimsoll::daemon {
namespace {

constexpr int most_links = 40;  // as the kernel, path_resolution(7)
// Components of one path: the links that somebody nested to keep us busy end here. The kernel goes through
// tens of thousands.
constexpr int most_steps = 256;
constexpr std::size_t most_problems = 8;

enum class FileSystem { usual, silent, cgroup };

FileSystem file_system_of(const Fd& fd) {
    struct statfs fs{};
    if (::fstatfs(fd.get(), &fs) < 0)
        return FileSystem::usual;
    switch (static_cast<unsigned long>(fs.f_type)) {
        case PROC_SUPER_MAGIC:
        case SYSFS_MAGIC:
            return FileSystem::silent;
        case CGROUP_SUPER_MAGIC:
        case CGROUP2_SUPER_MAGIC:
            return FileSystem::cgroup;
        default:
            return FileSystem::usual;
    }
}

// What is at a path, its last component not followed.
struct Node {
    bool there{false};
    mode_t mode{0};
    Identity id{};
    bool mount_point{false};
    bool other_names{false};  // hard links
    FileSystem fs{FileSystem::usual};
    std::string target{};  // of a symlink
};

constexpr unsigned wanted = STATX_TYPE | STATX_MODE | STATX_NLINK | STATX_UID | STATX_INO;

Result<struct statx> look_closely(const Fd& fd, const std::string& path) {
    struct statx st{};
    if (::statx(fd.get(), "", AT_EMPTY_PATH, wanted, &st) < 0)
        return fail_errno("stat " + path);
    return st;
}

// nullopt: the kernel does not say (before Linux 5.8).
std::optional<bool> is_mount_point(const struct statx& st) {
    if ((st.stx_attributes_mask & STATX_ATTR_MOUNT_ROOT) == 0)
        return std::nullopt;
    return (st.stx_attributes & STATX_ATTR_MOUNT_ROOT) != 0;
}

// By which it can be written without its directory being told. A tenant may make them whenever it wants to.
bool may_have_other_names(const struct statx& st) {
    return st.stx_nlink > 1 || (st.stx_uid != 0 && st.stx_uid != ::geteuid());
}

class Planner {
  public:
    explicit Planner(const host::Sysroot& root) : root_(root) {}

    void walk(std::string_view path, bool listing);

    WatchPlan result() && {
        if (unspoken_ > 0)
            out_.problems.push_back(std::to_string(unspoken_) + " more paths cannot be followed");
        return std::move(out_);
    }

  private:
    const Node& look(const std::string& path, const Node* directory);
    Node inspect(const std::string& path, const Node* directory);
    void problem(std::string text);
    Spot* spot(const std::string& path, const Node& node, Spot::Kind kind);
    bool* note_name(const std::string& directory, const Node& node, std::string_view name);
    void end_at_directory(const std::string& path, const Node& node, bool listing);
    void end_at_file(const std::string& path, const Node& node, bool* content);

    const host::Sysroot& root_;
    WatchPlan out_{};
    std::unordered_map<std::string, Node> seen_{};
    std::size_t unspoken_{0};
};

void Planner::problem(std::string text) {
    if (out_.problems.size() >= most_problems)
        ++unspoken_;
    else if (std::ranges::find(out_.problems, text) == out_.problems.end())
        out_.problems.push_back(std::move(text));
}

Node Planner::inspect(const std::string& path, const Node* directory) {
    const auto fd = root_.open_at(path, O_PATH | O_NOFOLLOW);
    if (!fd) {
        const int e = fd.error().sys_errno;
        if (e != ENOENT && e != ENOTDIR && e != ELOOP && e != ENAMETOOLONG)
            problem(printable("cannot follow " + fd.error().message));
        return {};
    }
    const auto st = look_closely(*fd, path);
    if (!st) {
        problem(printable("cannot follow: " + st.error().message));
        return {};
    }
    Node out{.there = true,
             .mode = st->stx_mode,
             .id = {::makedev(st->stx_dev_major, st->stx_dev_minor), st->stx_ino},
             .other_names = may_have_other_names(*st)};
    out.mount_point =
        directory == nullptr || is_mount_point(*st).value_or(out.id.device != directory->id.device);
    out.fs = out.mount_point ? file_system_of(*fd) : directory->fs;
    if (S_ISLNK(out.mode)) {
        auto target = root_.read_link(path);
        if (!target)
            return {};  // replaced meanwhile; its name is watched
        out.target = *std::move(target);
    }
    return out;
}

const Node& Planner::look(const std::string& path, const Node* directory) {
    if (const auto found = seen_.find(path); found != seen_.end())
        return found->second;
    return seen_.emplace(path, inspect(path, directory)).first->second;
}

Spot* Planner::spot(const std::string& path, const Node& node, Spot::Kind kind) {
    if (const auto found = out_.spots.find(path); found != out_.spots.end())
        return &found->second;
    if (out_.spots.size() >= WatchPlan::most_spots) {
        problem("more than " + std::to_string(WatchPlan::most_spots) + " directories to watch");
        return nullptr;
    }
    auto& made = out_.spots[path];
    made.kind = kind;
    made.id = node.id;
    return &made;
}

// Where to put down whether the content counts; null when there is no such place.
bool* Planner::note_name(const std::string& directory, const Node& node, std::string_view name) {
    if (node.fs == FileSystem::silent)
        return nullptr;
    auto* at = spot(directory, node, Spot::Kind::directory);
    if (at == nullptr || at->every_name)
        return nullptr;
    if (const auto found = at->names.find(name); found != at->names.end())
        return &found->second;
    if (at->names.size() >= WatchPlan::most_names) {
        at->every_name = true;
        at->names.clear();
        return nullptr;
    }
    return &at->names.emplace(name, false).first->second;
}

void Planner::end_at_directory(const std::string& path, const Node& node, bool listing) {
    const bool alone = node.mount_point || path == "/";
    if (node.fs == FileSystem::silent || (!listing && !alone))
        return;
    auto* at = spot(path, node, Spot::Kind::directory);
    if (at == nullptr)
        return;
    at->listed = at->listed || listing;
    at->itself = at->itself || alone;
}

void Planner::end_at_file(const std::string& path, const Node& node, bool* content) {
    const bool regular = S_ISREG(node.mode);
    if (content != nullptr)
        *content = regular && node.fs == FileSystem::usual;
    auto kind = Spot::Kind::knob;
    if (node.fs == FileSystem::silent) {
        if (!regular || (node.mode & 0222) == 0)
            return;  // nobody can write it
    } else if (node.fs == FileSystem::usual) {
        if (!node.mount_point && !(regular && node.other_names))
            return;  // its directory is told
        kind = regular ? Spot::Kind::file : Spot::Kind::special;
    }
    if (auto* at = spot(path, node, kind))
        at->itself = true;
}

void Planner::walk(std::string_view path, bool listing) {
    std::string rest(path);
    std::size_t at = 0;
    int links = 0;
    int steps = 0;
    std::string real = "/";
    const Node* here = &look(real, nullptr);
    while (here->there) {
        at = rest.find_first_not_of('/', at);
        if (at == std::string::npos)
            return end_at_directory(real, *here, listing);
        const std::size_t end = std::min(rest.find('/', at), rest.size());
        const std::string_view name = std::string_view(rest).substr(at, end - at);
        at = end;
        if (++steps > most_steps)
            return problem(printable("cannot follow " + std::string(path) + ": too many links in links"));
        if (name == ".")
            continue;
        if (name == "..") {
            real.resize(std::max<std::size_t>(real.rfind('/'), 1));
            here = &look(real, nullptr);
            continue;
        }
        if (name.size() > NAME_MAX)
            return;
        bool* const content = note_name(real, *here, name);
        std::string next = child_of(real, name);
        const Node& node = look(next, here);
        if (S_ISLNK(node.mode)) {
            if (++links > most_links)
                return;
            rest = node.target + rest.substr(at);
            at = 0;
            if (rest.starts_with('/')) {
                real = "/";
                here = &look(real, nullptr);
            }
            continue;
        }
        if (node.there && !S_ISDIR(node.mode)) {
            if (rest.find_first_not_of('/', at) == std::string::npos)
                end_at_file(next, node, content);
            return;
        }
        real = std::move(next);
        here = &node;
    }
}

}  // namespace

bool tells_its_directory(const host::Sysroot& root, const std::string& path) {
    const host::Sysroot::Unrecorded aside(root);
    const auto fd = root.open_at(path, O_PATH | O_NOFOLLOW);
    const auto st = fd ? look_closely(*fd, path) : Result<struct statx>(Failure(fd.error()));
    return st && S_ISREG(st->stx_mode) && !may_have_other_names(*st) && is_mount_point(*st) == false;
}

std::string child_of(std::string_view directory, std::string_view name) {
    std::string out(directory);
    if (!out.ends_with('/'))
        out += '/';
    return out.append(name);
}

WatchPlan plan_watches(const host::Sysroot& root, const host::Footprint& footprint) {
    const host::Sysroot::Unrecorded aside(root);
    Planner planner(root);
    for (const auto& path : footprint.paths)
        planner.walk(path, footprint.listed.contains(path));
    for (const auto& path : footprint.listed)
        if (!footprint.paths.contains(path))
            planner.walk(path, true);
    return std::move(planner).result();
}

}  // namespace plimsoll::daemon
