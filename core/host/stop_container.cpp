// SPDX-License-Identifier: Apache-2.0
#include "core/host/stop_container.hpp"

#include "core/base/text.hpp"
#include "core/host/cgroups.hpp"
#include "core/host/namespaces.hpp"
#include "core/host/processes.hpp"

#include <algorithm>
#include <csignal>

#include <fcntl.h>
#include <linux/magic.h>
#include <poll.h>
#include <sys/syscall.h>
#include <sys/vfs.h>

namespace plimsoll::host {
namespace {

constexpr int step_milliseconds = 20;
constexpr int deadline_milliseconds = 10'000;

std::string name_of(const policy::StopContainer& c) {
    return "pid " + std::to_string(c.init);
}

Failure gone(const policy::StopContainer& c) {
    return fail(Code::busy, name_of(c) + ": is not that container's init any more");
}

// Every number that a kill can be sent to by mistake is refused here: 0 and -1 are groups, 1 is the host.
Result<void> check_names(const policy::StopContainer& c) {
    if (c.init <= 1)
        return fail(Code::invalid_input, name_of(c) + " is no container's init");
    const bool plain = c.cgroup.empty() || (c.cgroup.starts_with('/') && c.cgroup != "/" &&
                                            c.cgroup.find('\0') == std::string::npos);
    const auto parts = split(c.cgroup, '/');
    if (!plain || std::ranges::find(parts, "..") != parts.end())
        return fail(Code::invalid_input, "'" + printable(c.cgroup) + "' is no container's cgroup");
    if (!c.unit.empty() && std::ranges::find(parts, c.unit) == parts.end())
        return fail(Code::invalid_input,
                    "unit " + printable(c.unit) + " is not of cgroup " + printable(c.cgroup));
    return {};
}

// cgroup.kill reaches the cgroups below, too.
Result<bool> kill_cgroup(const Sysroot& root, const policy::StopContainer& c,
                         const std::vector<CgroupMembership>& own) {
    const bool unified = std::ranges::any_of(
        own, [&](const CgroupMembership& m) { return m.controllers.empty() && is_within(m.path, c.cgroup); });
    if (c.cgroup.empty() || !unified)
        return false;
    PLIMSOLL_TRY(const auto text, read_kernel_file(root, "/proc/1/mountinfo", std::size_t{64} << 20));
    PLIMSOLL_TRY(const auto mounts, parse_mountinfo(text, "/proc/1/mountinfo"));
    const auto dir = CgroupMounts(mounts).directory("", c.cgroup);
    if (!dir)
        return false;
    const auto fd = root.open_at(*dir + "/cgroup.kill", O_WRONLY | O_NOFOLLOW | O_NOCTTY);
    if (!fd && fd.error().code == Code::not_found)
        return false;
    if (!fd)
        return Failure(fd.error());
    if (::write(fd->get(), "1", 1) != 1)
        return fail_errno("write " + *dir + "/cgroup.kill");
    return true;
}

// By pidfd, opened before the last check, so that the number cannot have become another process's.
Result<void> kill_init(const Sysroot& root, const policy::StopContainer& c) {
    PLIMSOLL_TRY(const Fd proc, root.open_at("/proc", O_PATH | O_DIRECTORY));
    struct statfs fs{};
    if (::fstatfs(proc.get(), &fs) < 0 || fs.f_type != PROC_SUPER_MAGIC)
        return fail(Code::unsupported, name_of(c) + ": /proc is not this kernel's");
    const Fd fd(static_cast<int>(::syscall(SYS_pidfd_open, c.init, 0)));
    if (!fd)
        return fail_errno("open " + name_of(c));
    PLIMSOLL_CHECK(check_container(root, c));
    const auto process = read_process(root, c.init);
    const bool init = process && process->ns_pids.size() > 1 && process->ns_pids.back() == 1;
    const auto pid_ns = read_ns(root, c.init, Ns::pid);
    if (!init || !pid_ns || pid_ns == host_namespaces(root).of(Ns::pid))
        return fail(
            Code::unsupported,
            name_of(c) + ": has no unit, no cgroup.kill and no PID namespace; nothing ends all of it");
    if (::syscall(SYS_pidfd_send_signal, fd.get(), SIGKILL, nullptr, 0) < 0)
        return fail_errno("kill " + name_of(c));
    return {};
}

Result<void> wait_for_end(const Sysroot& root, const policy::StopContainer& c) {
    for (int waited = 0; waited < deadline_milliseconds; waited += step_milliseconds) {
        PLIMSOLL_TRY(const bool runs, is_running(root, c));
        if (!runs)
            return {};
        (void)::poll(nullptr, 0, step_milliseconds);
    }
    return fail(Code::io, name_of(c) + ": still runs " + std::to_string(deadline_milliseconds / 1000) +
                              " s after it was stopped");
}

}  // namespace

Result<bool> is_running(const Sysroot& root, const policy::StopContainer& c) {
    const auto stat = read_process_stat(root, c.init);
    if (!stat)
        return stat.error().code == Code::not_found ? Result<bool>(false) : Failure(stat.error());
    if (stat->start != c.start)
        return false;
    // A zombie keeps its number until its parent has asked for it; it has no program.
    const auto exe = root.read_link("/proc/" + std::to_string(c.init) + "/exe");
    return exe || exe.error().code != Code::not_found;
}

Result<void> check_container(const Sysroot& root, const policy::StopContainer& c) {
    PLIMSOLL_CHECK(check_names(c));
    PLIMSOLL_TRY(const bool runs, is_running(root, c));
    if (!runs)
        return gone(c);
    const std::string file = "/proc/" + std::to_string(c.init) + "/cgroup";
    const auto text = read_kernel_file(root, file);
    if (!text)
        return gone(c);
    PLIMSOLL_TRY(const auto own, parse_proc_cgroup(*text, file));
    const bool there = c.cgroup.empty() || std::ranges::any_of(own, [&](const CgroupMembership& m) {
                           return is_within(m.path, c.cgroup);
                       });
    return there ? Result<void>() : gone(c);
}

Result<void> stop_container(const Sysroot& root, ServiceManager* services, const policy::StopContainer& c) {
    PLIMSOLL_CHECK(check_container(root, c));
    if (!c.unit.empty() && services != nullptr) {
        PLIMSOLL_CHECK(services->stop(c.unit));
        return wait_for_end(root, c);
    }
    const std::string file = "/proc/" + std::to_string(c.init) + "/cgroup";
    PLIMSOLL_TRY(const auto text, read_kernel_file(root, file));
    PLIMSOLL_TRY(const auto own, parse_proc_cgroup(text, file));
    PLIMSOLL_TRY(const bool killed, kill_cgroup(root, c, own));
    if (!killed)
        PLIMSOLL_CHECK(kill_init(root, c));
    return wait_for_end(root, c);
}

}  // namespace plimsoll::host
