// SPDX-License-Identifier: Apache-2.0
#include "core/host/processes.hpp"

#include "core/base/text.hpp"
#include "core/host/read_fd.hpp"

#include <algorithm>
#include <limits>

#include <dirent.h>
#include <fcntl.h>

namespace plimsoll::host {
namespace {

constexpr std::size_t proc_max = std::size_t{1} << 20;

// One open instead of Sysroot::read's two, and no look at the type first: below /proc the kernel makes every
// file, there are thousands of them, and none is a device.
Result<std::string> read_kernel(const Sysroot& root, const std::string& path, std::size_t max) {
    PLIMSOLL_TRY(const Fd fd, root.open_at(path, O_RDONLY | O_NONBLOCK | O_NOCTTY));
    return read_fd(fd, path, max, 0);
}

std::optional<std::uint32_t> id32(std::string_view s) {
    const auto v = parse_u64(s);
    if (!v || *v > std::numeric_limits<std::uint32_t>::max())
        return std::nullopt;
    return static_cast<std::uint32_t>(*v);
}

std::optional<std::vector<IdMapLine>> read_id_map(const Sysroot& root, const std::string& path) {
    const auto text = read_kernel(root, path, proc_max);
    if (!text)
        return std::nullopt;
    std::vector<IdMapLine> out;
    for (const auto line : split_lines(*text)) {
        const auto f = words(line);
        const auto inside = f.size() == 3 ? id32(f[0]) : std::nullopt;
        const auto outside = f.size() == 3 ? id32(f[1]) : std::nullopt;
        const auto count = f.size() == 3 ? id32(f[2]) : std::nullopt;
        if (!inside || !outside || !count)
            return std::nullopt;
        out.push_back({*inside, *outside, *count});
    }
    return out;
}

void read_status(std::string_view text, Process& p) {
    for (const auto line : split_lines(text)) {
        const auto f = words(line);
        if (f.size() == 5 && f[0] == "Uid:")
            for (std::size_t i = 0; i < 4; ++i)
                p.uid[i] = id32(f[i + 1]).value_or(std::numeric_limits<std::uint32_t>::max());
        else if (f.size() == 2 && f[0] == "PPid:")
            p.parent = static_cast<int>(id32(f[1]).value_or(0));
        else if (!f.empty() && f[0] == "Groups:")
            for (std::size_t i = 1; i < f.size(); ++i)
                if (const auto g = id32(f[i]))
                    p.groups.push_back(*g);
    }
}

std::optional<std::uint64_t> read_user_ns(const Sysroot& root, const std::string& dir) {
    const auto link = root.read_link(dir + "/ns/user");  // "user:[4026531837]"
    if (!link || !link->starts_with("user:[") || !link->ends_with("]"))
        return std::nullopt;
    return parse_u64(std::string_view(*link).substr(6, link->size() - 7));
}

std::optional<Process> read_process(const Sysroot& root, int pid) {
    const std::string dir = "/proc/" + std::to_string(pid);
    const auto status = read_kernel(root, dir + "/status", proc_max);
    if (!status)
        return std::nullopt;
    Process p{.pid = pid};
    read_status(*status, p);
    if (const auto comm = read_kernel(root, dir + "/comm", proc_max))
        p.comm = std::string(trim(*comm));
    if (auto exe = root.read_link(dir + "/exe")) {
        static constexpr std::string_view deleted = " (deleted)";
        p.exe = exe->ends_with(deleted) ? exe->substr(0, exe->size() - deleted.size()) : *exe;
    } else if (exe.error().code == Code::not_found || exe.error().code == Code::integrity) {
        p.exe = "";  // a kernel thread's link opens, but has no target
    }
    p.user_ns = read_user_ns(root, dir);
    // Most processes of an idle host are kernel threads: no program, no arguments, and everybody's ids.
    if (p.exe && p.exe->empty() && p.user_ns == initial_user_ns)
        return p;
    if (const auto cmdline = read_kernel(root, dir + "/cmdline", proc_max))
        for (const auto arg :
             split(cmdline->ends_with('\0') ? std::string_view(*cmdline).substr(0, cmdline->size() - 1)
                                            : std::string_view(*cmdline),
                   '\0'))
            p.argv.emplace_back(arg);
    p.uid_map = read_id_map(root, dir + "/uid_map");
    p.gid_map = read_id_map(root, dir + "/gid_map");
    return p;
}

}  // namespace

std::optional<bool> Process::in_child_user_ns() const {
    if (user_ns)
        return *user_ns != initial_user_ns;
    if (!uid_map)
        return std::nullopt;
    // The link may be unreadable even for root. A map other than the full identity cannot be the initial
    // namespace; the full identity can also be a child's, so it decides nothing.
    if (uid_map->size() == 1 && (*uid_map)[0].inside == 0 && (*uid_map)[0].outside == 0 &&
        (*uid_map)[0].count == std::numeric_limits<std::uint32_t>::max())
        return std::nullopt;
    return true;
}

Result<std::vector<Process>> read_processes(const Sysroot& root) {
    PLIMSOLL_TRY(const auto entries, root.list("/proc"));
    std::vector<Process> out;
    for (const DirEntry& e : entries)
        if (const auto pid = parse_u64(e.name); pid && *pid <= std::numeric_limits<int>::max())
            if (auto p = read_process(root, static_cast<int>(*pid)))
                out.push_back(std::move(*p));
    std::ranges::sort(out, {}, &Process::pid);
    return out;
}

}  // namespace plimsoll::host
