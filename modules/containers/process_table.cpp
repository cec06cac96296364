// SPDX-License-Identifier: Apache-2.0
#include "modules/containers/process_table.hpp"

#include "core/base/text.hpp"

#include <charconv>

#include <sys/sysmacros.h>

namespace plimsoll::modules::containers {
namespace {

constexpr std::size_t max_maps = std::size_t{4} << 20;

// The line of the program in /proc/PID/maps: "RANGE PERMS OFFSET MAJOR:MINOR INODE   PATH", numbers in hex
// but for the inode.
bool maps_file(std::string_view maps, std::string_view path, const struct stat& st) {
    for (const auto line : split_lines(maps)) {
        if (!line.ends_with(path))
            continue;
        const auto f = words(line);
        if (f.size() != 6 || f[5] != path)
            continue;
        const auto hex = [](std::string_view s) {
            unsigned out = 0;
            std::from_chars(s.data(), s.data() + s.size(), out, 16);
            return out;
        };
        const auto colon = f[3].find(':');
        return colon != std::string_view::npos && hex(f[3].substr(0, colon)) == major(st.st_dev) &&
               hex(f[3].substr(colon + 1)) == minor(st.st_dev) && parse_u64(f[4]) == st.st_ino;
    }
    return false;
}

}  // namespace

std::string_view program_of(const host::Process& process) {
    const std::string_view path =
        process.exe && !process.exe->empty() ? std::string_view(*process.exe) : process.comm;
    return path.substr(path.rfind('/') + 1);
}

void ProcessTable::add(const host::Process& process) {
    if (process.exe && process.exe->empty()) {
        // A program whose first thread has ended while others run looks like a kernel thread.
        if (process.threads > 1 && process.parent != 2)
            unplaced_.push_back({process.pid, process.comm, "its first thread has ended and others run on"});
        return;
    }
    const auto stat = host::read_process_stat(host_->root(), process.pid);
    if (!stat) {
        if (stat.error().code != Code::not_found)
            unplaced_.push_back({process.pid, process.comm, stat.error().message});
        return;
    }
    const std::string file = "/proc/" + std::to_string(process.pid) + "/cgroup";
    Seen out{process, *stat};
    const auto text = host::read_kernel_file(host_->root(), file);
    if (text)
        out.cgroups = host::parse_proc_cgroup(*text, file);
    else
        out.cgroups = Failure(text.error());
    out.mnt_ns = host::read_ns(host_->root(), process.pid, host::Ns::mnt);
    out.pid_ns = host::read_ns(host_->root(), process.pid, host::Ns::pid);
    seen_.emplace(process.pid, std::move(out));
}

const host::Process* ProcessTable::look_up(int pid) {
    if (const auto it = seen_.find(pid); it != seen_.end())
        return &it->second.process;
    if (const auto it = others_.find(pid); it != others_.end())
        return &it->second;
    auto process = pid > 0 ? host::read_process(host_->root(), pid) : std::nullopt;
    return process ? &others_.emplace(pid, *std::move(process)).first->second : nullptr;
}

bool runs_host_program(const host::Host& host, const Seen& p, std::uint64_t host_mnt) {
    if (!p.process.exe || p.process.exe_deleted)
        return false;
    const auto st = host.root().lstat(*p.process.exe);
    if (!st || !S_ISREG(st->st_mode) || st->st_uid != 0 || (st->st_mode & (S_IWGRP | S_IWOTH)) != 0)
        return false;
    if (p.mnt_ns == host_mnt)
        return true;
    const auto maps =
        host::read_kernel_file(host.root(), "/proc/" + std::to_string(p.process.pid) + "/maps", max_maps);
    return maps && maps_file(*maps, *p.process.exe, *st);
}

}  // namespace plimsoll::modules::containers
