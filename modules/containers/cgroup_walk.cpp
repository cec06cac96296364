// SPDX-License-Identifier: Apache-2.0
#include "modules/containers/cgroup_walk.hpp"

#include "core/base/text.hpp"
#include "core/host/process_at.hpp"
#include "modules/containers/cgroup_names.hpp"

#include <algorithm>
#include <limits>

#include <dirent.h>

namespace plimsoll::modules::containers {
namespace {

constexpr int max_depth = 64;

// kernfs counts the folders below in st_nlink; other file systems may say 1.
bool has_folders(const host::Sysroot& root, const std::string& dir) {
    const host::Sysroot::Unrecorded quiet(root);
    const auto st = root.lstat(dir);
    return st && st->st_nlink != 2;
}

}  // namespace

CgroupWalk::CgroupWalk(const host::Sysroot& root, const std::vector<host::Mount>& host_mounts)
    : root_(&root) {
    // The unified hierarchy, and of version 1 one is enough: engines make a container's cgroup in all.
    const auto top = [&](std::string_view type, std::string_view controller) {
        for (const auto& m : host_mounts)
            if (m.type == type && m.root == "/" &&
                (controller.empty() || m.super_option(controller).has_value())) {
                tops_.push_back(m.point);
                return true;
            }
        return false;
    };
    (void)top("cgroup2", "");
    if (!top("cgroup", "pids") && !top("cgroup", "memory"))
        (void)top("cgroup", "");
}

// The directories are recorded: a cgroup that is made is news of a container.
std::vector<CgroupWalk::Populated> CgroupWalk::populated(const std::set<std::string>& known) const {
    std::vector<Populated> out;
    for (const auto& top : tops_)
        walk(top, "", known, out, 0);
    return out;
}

void CgroupWalk::walk(const std::string& dir, const std::string& path, const std::set<std::string>& known,
                      std::vector<Populated>& out, int depth) const {
    const auto entries = root_->list(dir);
    if (!entries) {
        if (!host::is_gone(entries.error()) && problem_.empty())
            problem_ = entries.error().message;
        return;
    }
    for (const auto& e : *entries) {
        if (e.type != DT_DIR)
            continue;
        if (left_ == 0 || depth == max_depth) {
            problem_ = "there are more cgroups than are looked at";
            return;
        }
        --left_;
        const std::string below = dir + "/" + e.name;
        const std::string name = path + "/" + e.name;
        if (const auto found = name_of_cgroup(name); found && found->path == name && !known.contains(name))
            look_at(below, name, out);
        if (has_folders(*root_, below))
            walk(below, name, known, out, depth + 1);
    }
}

void CgroupWalk::look_at(const std::string& dir, const std::string& path, std::vector<Populated>& out) const {
    const host::Sysroot::Unrecorded quiet(*root_);
    const auto events = host::read_kernel_file(*root_, dir + "/cgroup.events", 4096);
    if (events && std::ranges::any_of(split_lines(*events), [](auto l) { return trim(l) == "populated 0"; }))
        return;
    std::set<int> pids;
    const auto read = add_pids(dir, pids, 0);
    if (!read && host::is_gone(read.error()))
        return;
    if (!read || !pids.empty())
        out.push_back({path, {pids.begin(), pids.end()}, read ? "" : read.error().message});
}

Result<void> CgroupWalk::add_pids(const std::string& dir, std::set<int>& out, int depth) const {
    PLIMSOLL_TRY(const auto text,
                 host::read_kernel_file(*root_, dir + "/cgroup.procs", std::size_t{16} << 20));
    for (const auto line : split_lines(text))
        if (const auto pid = parse_u64(trim(line));
            pid && *pid <= static_cast<std::uint64_t>(std::numeric_limits<int>::max()))
            out.insert(static_cast<int>(*pid));
    if (depth == max_depth || !has_folders(*root_, dir))
        return {};
    const auto entries = root_->list(dir);
    if (!entries)
        return host::is_gone(entries.error()) ? Result<void>() : Failure(entries.error());
    for (const auto& e : *entries)
        if (e.type == DT_DIR)
            if (auto below = add_pids(dir + "/" + e.name, out, depth + 1);
                !below && !host::is_gone(below.error()))
                return below;
    return {};
}

Result<std::vector<int>> CgroupWalk::pids_of(const std::string& path) const {
    const host::Sysroot::Unrecorded quiet(*root_);
    std::set<int> out;
    bool any = false;
    for (const auto& top : tops_) {
        const auto read = add_pids(top + path, out, 0);
        if (!read && !host::is_gone(read.error()))
            return Failure(read.error());
        any = any || read.has_value();
    }
    if (!any)
        return fail(Code::not_found, "no cgroup " + printable(path));
    return std::vector<int>(out.begin(), out.end());
}

}  // namespace plimsoll::modules::containers
