// SPDX-License-Identifier: Apache-2.0
#include "modules/containers/process_table.hpp"

#include "core/base/path.hpp"
#include "core/base/text.hpp"
#include "core/host/process_at.hpp"
#include "modules/containers/identify.hpp"

#include <algorithm>
#include <charconv>
#include <limits>

#include <sys/sysmacros.h>

namespace plimsoll::modules::containers {
namespace {

using host::Ns;

constexpr std::size_t max_maps = std::size_t{4} << 20;
constexpr std::size_t max_cgroup = std::size_t{1} << 20;
constexpr int attempts = 4;

std::string dir_of(int pid) {
    return "/proc/" + std::to_string(pid);
}

// Lines of /proc/PID/maps that name the program: "RANGE PERMS OFFSET MAJOR:MINOR INODE   PATH", numbers in
// hex but for the inode. All of them must be the file, as a process can map another one of that name.
bool maps_file(std::string_view maps, std::string_view path, const struct stat& st, std::uint64_t device) {
    bool found = false;
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
        if (colon == std::string_view::npos || parse_u64(f[4]) != st.st_ino)
            return false;
        const auto major = hex(f[3].substr(0, colon));
        const auto minor = hex(f[3].substr(colon + 1));
        // On btrfs the kernel shows the device of the file system here, and stat(2) another.
        if ((major != major(st.st_dev) || minor != minor(st.st_dev)) &&
            (std::uint64_t{major} << 32U | minor) != device)
            return false;
        found = true;
    }
    return found;
}

constexpr const char* label_file = "attr/current";

bool same_label(const Result<std::string>& a, const Result<std::string>& b) {
    return a.has_value() == b.has_value() && (!a || *a == *b);
}

// In what a thread can differ from the others of its process.
bool differs(const Seen& thread, const Seen& leader) {
    const auto& t = thread.process;
    const auto& l = leader.process;
    return t.capabilities != l.capabilities || t.no_new_privs != l.no_new_privs || t.seccomp != l.seccomp ||
           t.uid != l.uid || t.gid != l.gid || thread.ns != leader.ns ||
           !same_label(thread.root_link, leader.root_link) || !same_label(thread.label, leader.label);
}

}  // namespace

std::string_view program_of(const host::Process& process) {
    return base_name(process.exe && !process.exe->empty() ? *process.exe : process.comm);
}

const std::shared_ptr<const Cgroups>& no_cgroups() {
    static const auto none = std::make_shared<const Cgroups>();
    return none;
}

ProcessTable::ProcessTable(const host::Host& host, const host::Namespaces& host_ns)
    : host_(&host), host_ns_(host_ns) {
    // Without such a module, and only then, every label is EINVAL (security_getprocattr()).
    if (const auto first = host::Directory::open(host.root(), dir_of(1))) {
        const auto label = first->read_kernel(label_file, 4096, true);
        no_labels_ = !label && label.error().sys_errno == EINVAL;
    }
}

Result<void> ProcessTable::add_all(const std::vector<host::Process>& known) {
    PLIMSOLL_TRY(const auto entries, host_->root().list("/proc"));
    std::map<int, const host::Process*> by_pid;
    for (const auto& p : known)
        by_pid.emplace(p.pid, &p);
    for (const auto& e : entries) {
        const auto pid = parse_u64(e.name);
        if (!pid || *pid == 0 || *pid > static_cast<std::uint64_t>(std::numeric_limits<int>::max()))
            continue;
        const auto it = by_pid.find(static_cast<int>(*pid));
        add(static_cast<int>(*pid), it == by_pid.end() ? nullptr : it->second);
    }
    return {};
}

void ProcessTable::add(int pid) {
    add(pid, nullptr);
}

void ProcessTable::could_not_read(int pid, const Seen& as_far_as, std::string why) {
    Unread out{{pid, as_far_as.process.comm, std::move(why)}, ""};
    if (const auto& names = as_far_as.cgroups->names; !names.empty())
        out.cgroup = names.front().path;
    unread_.push_back(std::move(out));
}

void ProcessTable::add(int pid, const host::Process* known) {
    if (!asked_.insert(pid).second)
        return;
    // A kernel thread for ever: no program can get into one.
    if (known != nullptr && known->exe && known->exe->empty() && known->parent == 2)
        return;
    Seen blank{.process = {.pid = pid}};
    const auto dir = host::Directory::open(host_->root(), dir_of(pid));
    auto found = dir ? read(*dir, pid, known) : Result<std::optional<Seen>>(Failure(dir.error()));
    if (!found) {
        if (host::is_gone(found.error()))
            return;
        if (dir) {
            if (auto cgroups = read_cgroups(*dir))
                blank.cgroups = *std::move(cgroups);
            if (const auto comm = dir->read_kernel("comm", 64, true))
                blank.process.comm = trim(*comm);
        }
        return could_not_read(pid, blank, found.error().message);
    }
    if (!*found)
        return;
    Seen& seen = **found;
    if (seen.process.exe && seen.process.exe->empty()) {
        // A program whose first thread has ended while others run looks like a kernel thread.
        if (seen.process.threads > 1 && seen.process.parent != 2)
            could_not_read(pid, seen, "its first thread has ended and others run on");
        return;
    }
    read_threads(seen);
    seen_.emplace(pid, std::move(seen));
}

bool ProcessTable::is_of_the_host(const Seen& p) const {
    return p.cgroups->names.empty() && p.mnt_ns() && p.mnt_ns() == host_ns_.of(Ns::mnt) && p.pid_ns() &&
           p.pid_ns() == host_ns_.of(Ns::pid);
}

Result<std::shared_ptr<const Cgroups>> ProcessTable::read_cgroups(const host::Directory& dir) {
    PLIMSOLL_TRY(auto text, dir.read_kernel("cgroup", max_cgroup, true));
    if (const auto it = cgroups_.find(text); it != cgroups_.end())
        return it->second;
    PLIMSOLL_TRY(auto parsed, parse_cgroups(text, dir.path() + "/cgroup"));
    return cgroups_.emplace(std::move(text), std::make_shared<const Cgroups>(std::move(parsed)))
        .first->second;
}

Result<std::string> ProcessTable::read_label(const host::Directory& dir) const {
    if (no_labels_)
        return Failure(Error{Code::invalid_input, EINVAL, "no security module labels processes"});
    auto text = dir.read_kernel(label_file, 4096, true);
    if (!text)
        return text;
    while (!text->empty() && (text->back() == '\n' || text->back() == '\0'))
        text->pop_back();
    return text;
}

Result<std::optional<Seen>> ProcessTable::read(const host::Directory& dir, int pid,
                                               const host::Process* known) {
    for (int i = 0; i < attempts; ++i) {
        PLIMSOLL_TRY(const auto before, host::read_process_stat(dir));
        if (before.kernel_thread)
            return std::optional<Seen>();
        Seen out{.tgid = pid, .stat = before, .dir = dir.path()};
        PLIMSOLL_TRY(out.cgroups, read_cgroups(dir));
        out.ns.set(Ns::mnt, host::read_ns(dir, Ns::mnt));
        out.ns.set(Ns::pid, host::read_ns(dir, Ns::pid));
        const bool of_the_host = is_of_the_host(out);
        if (of_the_host && known != nullptr) {
            out.process = *known;
            out.ns.set(Ns::user, out.process.user_ns);
            return std::optional(std::move(out));
        }
        if (!of_the_host)
            read_inner(dir, out);
        PLIMSOLL_TRY(out.process, host::read_process_state(dir, pid));
        out.ns.set(Ns::user, out.process.user_ns);
        if (is_monitor(out.process))
            out.process.argv = host::read_arguments(dir);
        // Once a program has been started by exec, both stay as they are for ever.
        if (!before.forked_only)
            return std::optional(std::move(out));
        PLIMSOLL_TRY(const auto after, host::read_process_stat(dir));
        if (after == before)
            return std::optional(std::move(out));
    }
    return fail(Code::busy, "it kept starting programs while it was read");
}

void ProcessTable::read_inner(const host::Directory& dir, Seen& into) const {
    for (const Ns ns : {Ns::net, Ns::ipc, Ns::uts, Ns::cgroup, Ns::time})
        into.ns.set(ns, host::read_ns(dir, ns));
    into.root_link = dir.read_link("root");
    into.label = read_label(dir);
}

// Only of what may be in a container: threads have ids, capabilities, filter, label, root, and all namespaces
// but PID and user for themselves (clone(2)).
void ProcessTable::read_threads(Seen& p) {
    if (p.process.threads < 2 || is_of_the_host(p))
        return;
    const std::string tasks = p.dir + "/task";
    const auto entries = host_->root().list(tasks);
    if (!entries) {
        if (!host::is_gone(entries.error()))
            could_not_read(p.process.pid, p, entries.error().message);
        return;
    }
    for (const auto& e : *entries) {
        const auto tid = parse_u64(e.name);
        if (!tid || *tid == static_cast<std::uint64_t>(p.process.pid) ||
            *tid > static_cast<std::uint64_t>(std::numeric_limits<int>::max()))
            continue;
        if (threads_left_ == 0)
            return could_not_read(p.process.pid, p, "there are more threads than are looked at");
        --threads_left_;
        const auto dir = host::Directory::open(host_->root(), tasks + "/" + e.name);
        auto thread = dir ? host::read_thread(*dir, static_cast<int>(*tid), p.process)
                          : Result<host::Process>(Failure(dir.error()));
        if (!thread) {
            if (!host::is_gone(thread.error()))
                could_not_read(p.process.pid, p, thread.error().message);
            continue;
        }
        Seen out{.process = *std::move(thread),
                 .tgid = p.process.pid,
                 .stat = p.stat,
                 .dir = dir->path(),
                 .cgroups = p.cgroups};
        out.process.parent = p.process.pid;
        out.ns = p.ns;
        out.ns.set(Ns::mnt, host::read_ns(*dir, Ns::mnt));
        out.ns.set(Ns::net, host::read_ns(*dir, Ns::net));
        out.root_link = dir->read_link("root");
        out.label = read_label(*dir);
        if (differs(out, p) && host_->root().exists(dir->path()))
            p.threads.push_back(std::move(out));
    }
}

const Seen* ProcessTable::look_up(int pid) {
    if (const auto it = seen_.find(pid); it != seen_.end())
        return &it->second;
    if (const auto it = others_.find(pid); it != others_.end())
        return &it->second;
    const auto dir = host::Directory::open(host_->root(), dir_of(pid));
    auto found = dir ? read(*dir, pid, nullptr) : Result<std::optional<Seen>>(Failure(dir.error()));
    return found && *found ? &others_.emplace(pid, **std::move(found)).first->second : nullptr;
}

bool runs_host_program(const host::Host& host, const Seen& p, std::uint64_t host_mnt,
                       const std::vector<host::Mount>& host_mounts) {
    if (!p.process.exe || p.process.exe_deleted)
        return false;
    const auto st = host.root().lstat(*p.process.exe);
    if (!st || !S_ISREG(st->st_mode) || st->st_uid != 0 || (st->st_mode & (S_IWGRP | S_IWOTH)) != 0)
        return false;
    if (p.mnt_ns() == host_mnt)
        return true;
    const auto maps = host::read_kernel_file(host.root(), p.dir + "/maps", max_maps);
    const auto* on = host::mount_of(host_mounts, *p.process.exe);
    return maps && maps_file(*maps, *p.process.exe, *st, on != nullptr ? on->device : 0);
}

}  // namespace plimsoll::modules::containers
