// SPDX-License-Identifier: Apache-2.0
#include "core/host/namespaces.hpp"

#include "core/base/text.hpp"
#include "core/host/processes.hpp"

#include <fcntl.h>
#include <linux/magic.h>
#include <linux/nsfs.h>
#include <sys/ioctl.h>
#include <sys/vfs.h>

namespace plimsoll::host {
namespace {

constexpr std::size_t max_depth = 33;  // user_namespaces(7): at most 32 nested

// linux/proc_ns.h PROC_*_INIT_INO.
std::optional<std::uint64_t> fixed_number(Ns ns) {
    switch (ns) {
        case Ns::ipc:
            return 0xEFFFFFFFU;
        case Ns::uts:
            return 0xEFFFFFFEU;
        case Ns::user:
            return initial_user_ns;
        case Ns::pid:
            return 0xEFFFFFFCU;
        case Ns::cgroup:
            return 0xEFFFFFFBU;
        case Ns::time:
            return 0xEFFFFFFAU;
        case Ns::mnt:
        case Ns::net:
            return std::nullopt;
    }
    return std::nullopt;
}

// kthreadd: pid 2 of the initial PID namespace. Elsewhere any program can have that number, but not without
// a program file.
bool is_kernel_thread(const Sysroot& root, int pid) {
    const auto exe = root.read_link("/proc/" + std::to_string(pid) + "/exe");
    return !exe && (exe.error().code == Code::not_found || exe.error().code == Code::integrity);
}

Result<Fd> open_user_ns(const Sysroot& root, int pid) {
    const std::string path = "/proc/" + std::to_string(pid) + "/ns";
    PLIMSOLL_TRY(const Fd dir, root.open_at(path, O_PATH | O_DIRECTORY | O_NOFOLLOW));
    struct statfs fs{};
    if (::fstatfs(dir.get(), &fs) < 0)
        return fail_errno("statfs " + path);
    if (fs.f_type != PROC_SUPER_MAGIC)
        return fail(Code::unsupported, path + ": not a real /proc");
    // The one magic link that is followed on purpose. It leads to nsfs, whose files do not block.
    Fd fd(::openat(dir.get(), "user", O_RDONLY | O_CLOEXEC));
    if (!fd)
        return fail_errno("open " + path + "/user");
    return fd;
}

}  // namespace

std::optional<std::uint64_t> read_ns(const Sysroot& root, int pid, Ns ns) {
    const auto process = Directory::open(root, "/proc/" + std::to_string(pid));
    return process ? read_ns(*process, ns) : std::nullopt;
}

std::optional<std::uint64_t> read_ns(const Directory& process, Ns ns) {
    const auto link = process.read_link("ns/" + std::string(name_of(ns)));
    const std::string head = std::string(name_of(ns)) + ":[";  // "user:[4026531837]"
    if (!link || !link->starts_with(head) || !link->ends_with("]"))
        return std::nullopt;
    return parse_u64(std::string_view(*link).substr(head.size(), link->size() - head.size() - 1));
}

Namespaces host_namespaces(const Sysroot& root) {
    Namespaces out;
    std::optional<bool> thread;
    for (std::size_t i = 0; i < ns_names.size(); ++i) {
        const Ns ns = static_cast<Ns>(i);
        auto inode = read_ns(root, 1, ns);
        if (!inode) {
            thread = thread.value_or(is_kernel_thread(root, 2));
            inode = *thread ? read_ns(root, 2, ns) : std::nullopt;
        }
        out.set(ns, inode ? inode : fixed_number(ns));
    }
    return out;
}

Result<std::vector<UserNs>> user_ns_chain(const Sysroot& root, int pid) {
    PLIMSOLL_TRY(Fd fd, open_user_ns(root, pid));
    std::vector<UserNs> out;
    while (out.size() < max_depth) {
        struct ::stat st{};
        if (::fstat(fd.get(), &st) < 0)
            return fail_errno("stat a user namespace");
        if (st.st_ino == initial_user_ns)
            return out;
        uid_t owner = 0;
        if (::ioctl(fd.get(), NS_GET_OWNER_UID, &owner) < 0)
            return fail_errno("ask for the owner of user namespace " + std::to_string(st.st_ino));
        out.push_back({st.st_ino, owner});
        Fd parent(::ioctl(fd.get(), NS_GET_PARENT));
        if (!parent)
            return fail_errno("ask for the parent of user namespace " + std::to_string(st.st_ino));
        fd = std::move(parent);
    }
    return fail(Code::internal, "user namespaces nested deeper than the kernel allows");
}

}  // namespace plimsoll::host
