// SPDX-License-Identifier: Apache-2.0
#include "core/host/mountinfo.hpp"

#include "core/base/text.hpp"

#include <algorithm>
#include <array>
#include <limits>

namespace plimsoll::host {
namespace {

constexpr std::string_view deleted_mark = "//deleted";

// The kernel writes blank, tab, newline and backslash as \ooo.
std::string unescape(std::string_view s) {
    if (s.find('\\') == std::string_view::npos)
        return std::string(s);
    const auto octal = [](char c) { return c >= '0' && c <= '7'; };
    std::string out;
    for (std::size_t i = 0; i < s.size(); ++i) {
        if (s[i] == '\\' && i + 3 < s.size() && octal(s[i + 1]) && octal(s[i + 2]) && octal(s[i + 3])) {
            out += static_cast<char>((s[i + 1] - '0') * 64 + (s[i + 2] - '0') * 8 + (s[i + 3] - '0'));
            i += 3;
        } else {
            out += s[i];
        }
    }
    return out;
}

std::optional<std::uint64_t> device_number(std::string_view s) {
    const auto colon = s.find(':');
    if (colon == std::string_view::npos)
        return std::nullopt;
    const auto major = parse_u64(s.substr(0, colon));
    const auto minor = parse_u64(s.substr(colon + 1));
    constexpr std::uint64_t most = std::numeric_limits<std::uint32_t>::max();
    if (!major || !minor || *major > most || *minor > most)
        return std::nullopt;
    return *major << 32U | *minor;
}

void read_options(std::string_view options, Mount& m) {
    for (const auto o : split(options, ',')) {
        m.read_only = m.read_only || o == "ro";
        m.no_exec = m.no_exec || o == "noexec";
        m.id_mapped = m.id_mapped || o == "idmapped";
    }
}

// The fields between the options and " - ": any number of tags.
bool read_tag(std::string_view tag, Mount& m) {
    const auto number = [&](std::string_view prefix) { return parse_u64(tag.substr(prefix.size())); };
    if (tag.starts_with("shared:"))
        return (m.shared = number("shared:")).has_value();
    if (tag.starts_with("master:"))
        return (m.master = number("master:")).has_value();
    return true;  // propagate_from:N, unbindable, and what later kernels add
}

std::optional<Mount> parse_line(std::string_view line) {
    std::array<std::string_view, 6> head{};
    std::size_t at = 0;
    const auto next = [&]() -> std::string_view {
        const auto end = std::min(line.find(' ', at), line.size());
        const auto field = line.substr(at, end - at);
        at = std::min(end + 1, line.size());
        return field;
    };
    for (auto& field : head)
        field = next();
    Mount m;
    const auto id = parse_u64(head[0]);
    const auto device = device_number(head[2]);
    if (!id || !parse_u64(head[1]) || !device || head[3].empty() || head[4].empty() || head[5].empty())
        return std::nullopt;
    for (auto tag = next(); tag != "-"; tag = next())
        if (tag.empty() || !read_tag(tag, m))
            return std::nullopt;
    m.id = *id;
    m.device = *device;
    m.root = unescape(head[3]);
    m.deleted = m.root.ends_with(deleted_mark);
    if (m.deleted)
        m.root.resize(m.root.size() - deleted_mark.size());
    m.point = unescape(head[4]);
    read_options(head[5], m);
    m.type = unescape(next());
    m.source = unescape(next());  // may be empty
    m.super = unescape(next());
    if (m.type.empty())
        return std::nullopt;
    return m;
}

}  // namespace

std::optional<std::string> Mount::super_option(std::string_view key) const {
    for (const auto o : split(super, ',')) {
        if (o == key)
            return "";
        if (o.starts_with(key) && o.size() > key.size() && o[key.size()] == '=')
            return std::string(o.substr(key.size() + 1));
    }
    return std::nullopt;
}

Result<std::vector<Mount>> parse_mountinfo(std::string_view text, std::string_view source) {
    std::vector<Mount> out;
    out.reserve(static_cast<std::size_t>(std::ranges::count(text, '\n')));
    for (const auto line : split_lines(text)) {
        auto m = parse_line(line);
        if (!m)
            return fail(Code::invalid_input, std::string(source) + ":" + std::to_string(out.size() + 1) +
                                                 ": not a line of mountinfo");
        out.push_back(*std::move(m));
    }
    return out;
}

const Mount* mount_at(const std::vector<Mount>& mounts, std::string_view point) {
    for (auto it = mounts.rbegin(); it != mounts.rend(); ++it)
        if (it->point == point)
            return &*it;
    return nullptr;
}

const Mount* mount_of(const std::vector<Mount>& mounts, std::string_view path) {
    const Mount* best = nullptr;
    for (const Mount& m : mounts)
        if (is_within(path, m.point) && (best == nullptr || m.point.size() >= best->point.size()))
            best = &m;
    return best;
}

bool may_block(std::string_view type) {
    static constexpr std::array<std::string_view, 17> local{
        "tmpfs", "devtmpfs", "ramfs", "rootfs", "ext2",     "ext3",  "ext4",    "xfs",     "btrfs",
        "f2fs",  "erofs",    "zfs",   "proc",   "squashfs", "sysfs", "cgroup2", "bcachefs"};
    return std::ranges::find(local, type) == local.end();
}

bool is_within(std::string_view path, std::string_view dir) {
    if (dir == "/" || path == dir)
        return true;
    return path.starts_with(dir) && path[dir.size()] == '/';
}

HostMounts::HostMounts(std::vector<Mount> mounts) : mounts_(std::move(mounts)) {
    for (std::size_t i = 0; i < mounts_.size(); ++i) {
        by_device_.emplace(mounts_[i].device, i);
        if (mounts_[i].shared)
            groups_[*mounts_[i].shared] = true;
    }
}

std::optional<std::string> HostMounts::path_of(const Mount& mount) const {
    const Mount* best = nullptr;
    const auto [first, last] = by_device_.equal_range(mount.device);
    for (auto it = first; it != last; ++it) {
        const Mount& m = mounts_[it->second];
        if (is_within(mount.root, m.root) && (best == nullptr || m.root.size() > best->root.size()))
            best = &m;
    }
    if (best == nullptr)
        return std::nullopt;
    std::string rest = mount.root.substr(best->root == "/" ? 0 : best->root.size());
    if (rest == "/")
        rest.clear();
    const std::string& point = best->point;
    return rest.empty() ? point : (point == "/" ? rest : point + rest);
}

}  // namespace plimsoll::host
