// SPDX-License-Identifier: Apache-2.0
#include "core/host/device_nodes.hpp"

#include <algorithm>
#include <memory>

#include <dirent.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <linux/openat2.h>
#include <sys/syscall.h>
#include <sys/vfs.h>

namespace plimsoll::host {
namespace {

constexpr int max_depth = 4;

struct CloseDir {
    void operator()(DIR* d) const { ::closedir(d); }
};

// The process's root. In a real /proc that is a magic link, which is followed for its directory alone: an
// O_PATH descriptor opens no file. Elsewhere (a test's tree) it is a symlink like others.
Result<Fd> open_root_of(const Sysroot& root, int pid, bool& real) {
    const std::string path = "/proc/" + std::to_string(pid);
    PLIMSOLL_TRY(Fd dir, root.open_at(path, O_PATH | O_DIRECTORY | O_NOFOLLOW));
    struct statfs fs{};
    if (::fstatfs(dir.get(), &fs) < 0)
        return fail_errno("statfs " + path);
    real = fs.f_type == PROC_SUPER_MAGIC;
    if (!real)
        return root.open_at(path + "/root", O_PATH | O_DIRECTORY);
    Fd fd(::openat(dir.get(), "root", O_PATH | O_DIRECTORY | O_CLOEXEC));
    if (!fd)
        return fail_errno("open " + path + "/root");
    return fd;
}

Result<Fd> open_cached(const Fd& at, const char* name, std::uint64_t flags) {
    open_how how{};
    how.flags = flags | O_CLOEXEC;
    how.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS | RESOLVE_CACHED;
    const long fd = ::syscall(SYS_openat2, at.get(), name, &how, sizeof how);
    if (fd >= 0)
        return Fd(static_cast<int>(fd));
    if (errno == EAGAIN)
        return fail(Code::unsupported,
                    "its /dev is not in the kernel's cache, and asking for it could block");
    return fail_errno("open its /dev");
}

// Whether the descriptor is on the mount that the table says is a tmpfs.
bool is_on(const Fd& fd, const Mount& mount) {
    struct statx st{};
    return ::statx(fd.get(), "", AT_EMPTY_PATH | AT_STATX_DONT_SYNC, STATX_MNT_ID, &st) == 0 &&
           (st.stx_mask & STATX_MNT_ID) != 0 && st.stx_mnt_id == mount.id;
}

class Walk {
  public:
    Walk(DeviceNodes& out, std::size_t budget) : out_(out), budget_(budget) {}

    void folder(Fd fd, const std::string& path, int depth) {
        const std::unique_ptr<DIR, CloseDir> dir(::fdopendir(fd.get()));
        if (!dir) {
            out_.complete = false;
            return;
        }
        const int at = fd.release();
        for (;;) {
            errno = 0;
            const dirent* e = ::readdir(dir.get());
            if (e == nullptr) {
                out_.complete = out_.complete && errno == 0;
                return;
            }
            const std::string name = e->d_name;
            if (name == "." || name == "..")
                continue;
            if (budget_ == 0) {
                out_.complete = false;
                return;
            }
            --budget_;
            entry(at, name, path + "/" + name, depth);
        }
    }

  private:
    void entry(int at, const std::string& name, const std::string& path, int depth) {
        struct statx st{};
        constexpr int quietly = AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT | AT_STATX_DONT_SYNC;
        if (::statx(at, name.c_str(), quietly, STATX_TYPE, &st) != 0) {
            out_.complete = out_.complete && errno == ENOENT;
        } else if (S_ISCHR(st.stx_mode) || S_ISBLK(st.stx_mode)) {
            out_.nodes.push_back({path, S_ISBLK(st.stx_mode), st.stx_rdev_major, st.stx_rdev_minor});
        } else if (S_ISDIR(st.stx_mode)) {
            below(at, name, path, depth);
        }
    }

    // A folder on another mount (pts, shm, mqueue, or a volume) is not this /dev's.
    void below(int at, const std::string& name, const std::string& path, int depth) {
        open_how how{};
        how.flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
        how.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_XDEV;
        Fd fd(static_cast<int>(::syscall(SYS_openat2, at, name.c_str(), &how, sizeof how)));
        if (fd && depth < max_depth)
            folder(std::move(fd), path, depth + 1);
        else if (fd || errno != EXDEV)
            out_.complete = false;
    }

    DeviceNodes& out_;
    std::size_t budget_;
};

}  // namespace

Result<DeviceNodes> device_nodes(const Sysroot& root, int pid, const Mount& dev, std::size_t budget) {
    if (dev.type != "tmpfs" && dev.type != "devtmpfs")
        return fail(Code::unsupported, "its /dev is a " + dev.type + ", which could block");
    bool real = false;
    PLIMSOLL_TRY(const Fd top, open_root_of(root, pid, real));
    PLIMSOLL_TRY(const Fd place, open_cached(top, "dev", O_PATH | O_DIRECTORY));
    if (real && !is_on(place, dev))
        return fail(Code::busy, "its /dev was mounted over while it was looked at");
    PLIMSOLL_TRY(Fd folder, open_cached(place, ".", O_RDONLY | O_DIRECTORY));
    DeviceNodes out;
    Walk(out, budget).folder(std::move(folder), "/dev", 0);
    std::ranges::sort(out.nodes, {}, &DeviceNode::path);
    return out;
}

}  // namespace plimsoll::host
