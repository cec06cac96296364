// SPDX-License-Identifier: Apache-2.0
#include "core/host/processes.hpp"

#include "core/base/text.hpp"
#include "core/host/directory.hpp"
#include "core/host/namespaces.hpp"
#include "core/host/process_at.hpp"
#include "core/host/read_fd.hpp"

#include <algorithm>
#include <charconv>
#include <limits>

#include <fcntl.h>

namespace plimsoll::host {
namespace {

constexpr std::size_t proc_max = std::size_t{1} << 20;
constexpr std::uint64_t forked_no_exec = 0x40;     // linux/sched.h PF_FORKNOEXEC
constexpr std::uint64_t kernel_thread = 0x200000;  // PF_KTHREAD

std::optional<std::uint32_t> id32(std::string_view s) {
    const auto v = parse_u64(s);
    if (!v || *v > std::numeric_limits<std::uint32_t>::max())
        return std::nullopt;
    return static_cast<std::uint32_t>(*v);
}

std::optional<std::vector<IdMapLine>> read_id_map(const Directory& dir, const std::string& name) {
    const auto text = dir.read_kernel(name, proc_max, false);
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

std::optional<std::uint64_t> from_hex(std::string_view s) {
    std::uint64_t out = 0;
    const auto [end, error] = std::from_chars(s.data(), s.data() + s.size(), out, 16);
    if (error != std::errc() || end != s.data() + s.size())
        return std::nullopt;
    return out;
}

// "Name:" escapes newline and backslash (proc(5)).
std::string comm_of(std::string_view name) {
    std::string out;
    for (std::size_t i = 0; i < name.size(); ++i) {
        const bool escaped = name[i] == '\\' && i + 1 < name.size();
        out += !escaped ? name[i] : name[i + 1] == 'n' ? '\n' : name[i + 1];
        i += escaped ? 1 : 0;
    }
    return out;
}

void read_ids(const std::vector<std::string_view>& fields, std::array<std::uint32_t, 4>& out) {
    for (std::size_t i = 0; i < out.size() && i < fields.size(); ++i)
        out[i] = id32(fields[i]).value_or(std::numeric_limits<std::uint32_t>::max());
}

// The five lines stand together; a kernel that leaves one out tells nothing that could be relied on.
void read_capability(std::string_view key, std::string_view value, Process& p, unsigned& seen) {
    static constexpr std::array<std::string_view, 5> keys{"CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"};
    static constexpr std::array members{&Capabilities::inheritable, &Capabilities::permitted,
                                        &Capabilities::effective, &Capabilities::bounding,
                                        &Capabilities::ambient};
    const auto at = static_cast<std::size_t>(std::ranges::find(keys, key) - keys.begin());
    const auto bits = at < keys.size() ? from_hex(value) : std::nullopt;
    if (!bits)
        return;
    if (!p.capabilities)
        p.capabilities.emplace();
    (*p.capabilities).*members[at] = *bits;
    seen |= 1U << at;
}

void read_id_line(std::string_view key, std::string_view value, Process& p) {
    if (key == "Uid" || key == "Gid") {
        if (const auto f = words(value); f.size() == 4)
            read_ids(f, key == "Uid" ? p.uid : p.gid);
    } else if (key == "Groups") {
        for (const auto w : words(value))
            if (const auto g = id32(w))
                p.groups.push_back(*g);
    } else if (key == "NSpid") {
        for (const auto w : words(value))
            p.ns_pids.push_back(static_cast<int>(id32(w).value_or(0)));
    }
}

void read_status_line(std::string_view key, std::string_view value, Process& p) {
    if (key == "Name") {
        p.comm = comm_of(value.substr(std::min<std::size_t>(value.find_first_not_of('\t'), value.size())));
    } else if (key == "PPid") {
        p.parent = static_cast<int>(id32(trim(value)).value_or(0));
    } else if (key == "Threads") {
        p.threads = parse_u64(trim(value)).value_or(1);
    } else if (key == "NoNewPrivs") {
        if (const auto v = parse_u64(trim(value)); v && *v <= 1)
            p.no_new_privs = *v == 1;
    } else if (key == "Seccomp") {
        if (const auto v = parse_u64(trim(value)); v && *v <= 2)
            p.seccomp = static_cast<int>(*v);
    } else {
        read_id_line(key, value, p);
    }
}

void read_status(std::string_view text, Process& p) {
    unsigned seen = 0;
    for (const auto line : split_lines(text)) {
        const auto colon = line.find(':');
        if (colon == std::string_view::npos)
            continue;
        const auto key = line.substr(0, colon);
        const auto value = line.substr(colon + 1);
        if (key.starts_with("Cap"))
            read_capability(key, trim(value), p, seen);
        else
            read_status_line(key, value, p);
    }
    if (seen != 0x1fU)
        p.capabilities.reset();
}

void read_exe(const Directory& dir, Process& p) {
    static constexpr std::string_view deleted = " (deleted)";
    const auto exe = dir.read_link("exe");
    if (exe) {
        p.exe_deleted = exe->ends_with(deleted);
        p.exe = p.exe_deleted ? exe->substr(0, exe->size() - deleted.size()) : *exe;
    } else if (exe.error().code == Code::not_found) {
        p.exe = "";  // a kernel thread's link is there, but has no target
    }
}

// Most processes of an idle host are kernel threads: no program, no arguments, and everybody's ids.
bool is_kernels(const Process& p) {
    return p.user_ns == initial_user_ns && p.exe && p.exe->empty();
}

// The map of the initial user namespace, and of it alone whatever a map like it may say.
std::vector<IdMapLine> full_map() {
    return {{0, 0, std::numeric_limits<std::uint32_t>::max()}};
}

}  // namespace

Result<std::string> read_kernel_file(const Sysroot& root, const std::string& path, std::size_t max) {
    PLIMSOLL_TRY(const Fd fd, root.open_at(path, O_RDONLY | O_NONBLOCK | O_NOCTTY));
    return read_fd(fd, path, max, 0);
}

bool is_gone(const Error& error) {
    return error.code == Code::not_found || error.sys_errno == ESRCH;
}

namespace {

Result<ProcessStat> parse_stat(const Result<std::string>& text, const std::string& path) {
    if (!text)
        return is_gone(text.error()) ? fail(Code::not_found, path + ": the process is gone")
                                     : Failure(text.error());
    // The name is in parentheses and may hold any byte, even ')'.
    const auto name_end = text->rfind(')');
    const auto f = words(name_end == std::string::npos ? std::string_view()
                                                       : std::string_view(*text).substr(name_end + 1));
    constexpr std::size_t flags = 9 - 3;  // proc(5) counts from 1, and the first here is field 3
    constexpr std::size_t start = 22 - 3;
    const auto bits = f.size() > start ? parse_u64(f[flags]) : std::nullopt;
    const auto ticks = f.size() > start ? parse_u64(f[start]) : std::nullopt;
    if (!bits || !ticks)
        return fail(Code::invalid_input, path + ": not a line of stat");
    return ProcessStat{*ticks, (*bits & forked_no_exec) != 0, (*bits & kernel_thread) != 0};
}

}  // namespace

Result<ProcessStat> read_process_stat(const Directory& process) {
    return parse_stat(process.read_kernel("stat", proc_max, true), process.path() + "/stat");
}

Result<ProcessStat> read_process_stat(const Sysroot& root, int pid) {
    const std::string path = "/proc/" + std::to_string(pid) + "/stat";
    const auto fd = root.open_at(path, O_RDONLY | O_NONBLOCK | O_NOCTTY);
    return parse_stat(fd ? read_once(*fd, path, proc_max) : Result<std::string>(Failure(fd.error())), path);
}

Result<Process> read_process(const Directory& dir, int pid) {
    PLIMSOLL_TRY(auto p, read_process_state(dir, pid));
    if (!is_kernels(p))
        p.argv = read_arguments(dir);
    return p;
}

Result<Process> read_process_state(const Directory& dir, int pid) {
    Process p{.pid = pid};
    read_exe(dir, p);
    p.user_ns = read_ns(dir, Ns::user);
    if (!is_kernels(p)) {
        const bool initial = p.user_ns == initial_user_ns;
        p.uid_map = initial ? full_map() : read_id_map(dir, "uid_map");
        p.gid_map = initial ? full_map() : read_id_map(dir, "gid_map");
    }
    PLIMSOLL_TRY(const auto status, dir.read_kernel("status", proc_max, true));
    read_status(status, p);
    if (p.comm.empty())
        if (const auto comm = dir.read_kernel("comm", proc_max, true))
            p.comm = std::string(trim(*comm));
    return p;
}

std::vector<std::string> read_arguments(const Directory& dir) {
    std::vector<std::string> out;
    const auto cmdline = dir.read_kernel("cmdline", proc_max, false);
    if (!cmdline)
        return out;
    std::string_view text = *cmdline;
    if (text.ends_with('\0'))
        text.remove_suffix(1);
    for (const auto arg : split(text, '\0'))
        out.emplace_back(arg);
    return out;
}

Result<Process> read_thread(const Directory& thread, int tid, const Process& leader) {
    PLIMSOLL_TRY(const auto status, thread.read_kernel("status", proc_max, true));
    Process p{.pid = tid, .exe = leader.exe, .exe_deleted = leader.exe_deleted, .argv = leader.argv};
    read_status(status, p);
    p.user_ns = leader.user_ns;
    p.uid_map = leader.uid_map;
    p.gid_map = leader.gid_map;
    return p;
}

std::optional<Process> read_process(const Sysroot& root, int pid) {
    const auto dir = Directory::open(root, "/proc/" + std::to_string(pid));
    auto process = dir ? read_process(*dir, pid) : Result<Process>(Failure(dir.error()));
    return process ? std::optional(*std::move(process)) : std::nullopt;
}

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
    for (const DirEntry& e : entries) {
        const auto pid = parse_u64(e.name);
        if (!pid || *pid > std::numeric_limits<int>::max())
            continue;
        const auto dir = Directory::open(root, "/proc/" + e.name);
        auto process =
            dir ? read_process(*dir, static_cast<int>(*pid)) : Result<Process>(Failure(dir.error()));
        if (process)
            out.push_back(*std::move(process));
        else if (!is_gone(process.error()))
            return Failure(std::move(process).error());
    }
    std::ranges::sort(out, {}, &Process::pid);
    return out;
}

}  // namespace plimsoll::host
