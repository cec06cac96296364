// SPDX-License-Identifier: Apache-2.0
#include "core/host/state_lock.hpp"

#include "core/host/place.hpp"

#include <fcntl.h>

namespace plimsoll::host {
namespace {

int set_lock(const Fd& fd, short type) {
    struct flock lock{};
    lock.l_type = type;
    lock.l_whence = SEEK_SET;
    return ::fcntl(fd.get(), F_OFD_SETLK, &lock);
}

}  // namespace

Result<void> StateLock::lock() const {
    if (set_lock(fd_, F_WRLCK) == 0)
        return {};
    if (errno == EAGAIN || errno == EACCES)
        return fail(Code::busy, holder_ + " (" + path_ + " is locked)");
    return fail_errno("lock " + path_);
}

Result<bool> StateLock::count() {
    std::uint64_t seen = 0;
    const ssize_t n = ::pread(fd_.get(), &seen, sizeof seen, 0);
    if (n < 0)
        return fail_errno("read " + path_);
    const bool same = n == sizeof seen && seen == number_;
    number_ = (n == sizeof seen ? seen : 0) + 1;
    if (::pwrite(fd_.get(), &number_, sizeof number_, 0) != sizeof number_)
        return fail_errno("write " + path_);
    return same;
}

Result<StateLock> StateLock::take(const Sysroot& root, const std::string& state_dir, const std::string& name,
                                  std::string holder) {
    PLIMSOLL_TRY(const auto at, open_place(root, state_dir + "/" + name));
    Fd fd(::openat(at.dir.get(), at.name.c_str(),
                   O_RDWR | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC | O_NOCTTY, 0600));
    if (!fd)
        return fail_errno("open " + at.path);
    StateLock out(std::move(fd), at.path, std::move(holder));
    PLIMSOLL_CHECK(out.lock());
    PLIMSOLL_CHECK(out.count());
    return out;
}

void StateLock::release() {
    (void)set_lock(fd_, F_UNLCK);
}

Result<bool> StateLock::retake() {
    PLIMSOLL_CHECK(lock());
    struct stat st{};
    const bool gone = ::fstat(fd_.get(), &st) == 0 && st.st_nlink == 0;
    auto same = gone ? Result<bool>(fail(Code::not_found, path_ + ": was removed")) : count();
    if (!same) {
        release();
        return same;
    }
    return !*same;
}

}  // namespace plimsoll::host
