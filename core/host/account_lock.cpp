// SPDX-License-Identifier: Apache-2.0
#include "core/host/account_lock.hpp"

#include "core/base/text.hpp"

#include <algorithm>
#include <array>
#include <csignal>
#include <optional>
#include <thread>

#include <fcntl.h>
#include <sys/file.h>

namespace plimsoll::host {
namespace {

using Clock = std::chrono::steady_clock;
constexpr std::chrono::milliseconds pause_between_attempts{20};

constexpr int open_flags = O_WRONLY | O_CREAT | O_CLOEXEC | O_NOCTTY | O_NOFOLLOW;

Result<Fd> open_global(const Place& at) {
    Fd fd(::openat(at.dir.get(), at.name.c_str(), open_flags, 0600));
    if (!fd)
        return fail_errno("open " + at.path);
    return fd;
}

// An open file description lock conflicts with lckpwdf(3)'s process lock, but needs no signal for its timeout
// and is safe with threads.
Result<bool> try_global(const Fd& fd) {
    struct flock lock{};
    lock.l_type = F_WRLCK;
    lock.l_whence = SEEK_SET;
    if (::fcntl(fd.get(), F_OFD_SETLK, &lock) == 0)
        return true;
    if (errno == EAGAIN || errno == EACCES)
        return false;
    return fail_errno("lock /etc/.pwd.lock");
}

enum class Holder { none, dead, alive };

// Whose FILE.lock it is. What cannot be read counts as held: shadow refuses it, too.
Holder holder_of(const Sysroot& root, const std::string& lock) {
    const auto st = root.lstat(lock);
    if (!st)
        return st.error().code == Code::not_found ? Holder::none : Holder::alive;
    const auto text = root.read(lock, 64);
    if (!text)
        return text.error().code == Code::not_found ? Holder::none : Holder::alive;
    const auto pid = parse_u64(trim(std::string_view(*text).substr(0, text->find('\0'))));
    if (!pid || *pid == 0 || *pid > 0x7fffffff)
        return Holder::alive;
    const auto id = static_cast<pid_t>(*pid);
    // Our own, which could not be removed: whoever has the global lock is the only one of this process.
    if (id == ::getpid())
        return Holder::dead;
    return ::kill(id, 0) < 0 && errno == ESRCH ? Holder::dead : Holder::alive;
}

// The first FILE.lock of a living process; those of the dead are removed on the way.
std::optional<std::string> held_by_another(const Sysroot& root) {
    for (const auto& file : account_databases()) {
        std::string lock = file + ".lock";
        const Holder holder = holder_of(root, lock);
        if (holder == Holder::alive)
            return lock;
        if (holder == Holder::none)
            continue;
        if (const auto at = open_place(root, lock))
            (void)::unlinkat(at->dir.get(), at->name.c_str(), 0);
    }
    return std::nullopt;
}

// shadow's protocol (lib/commonio.c): a file with the process id, linked to its final name. false: somebody
// else has it.
Result<bool> try_file_lock(const Place& at) {
    PLIMSOLL_TRY(const auto name, temporary_name(at.name));
    const int dir = at.dir.get();
    const Fd fd(::openat(dir, name.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600));
    if (!fd)
        return fail_errno("create " + at.path);
    (void)::flock(fd.get(), LOCK_EX | LOCK_NB);  // alive: see remove_leftovers()
    // With its NUL byte, as shadow writes and reads it.
    const std::string pid = std::to_string(::getpid()) + '\0';
    Result<bool> taken = true;
    if (::write(fd.get(), pid.data(), pid.size()) != static_cast<ssize_t>(pid.size()))
        taken = fail_errno("write " + at.path, errno != 0 ? errno : ENOSPC);
    else if (::linkat(dir, name.c_str(), dir, at.name.c_str(), 0) < 0)
        taken = errno == EEXIST ? Result<bool>(false) : Result<bool>(fail_errno("link " + at.path));
    (void)::unlinkat(dir, name.c_str(), 0);
    return taken;
}

void release(std::vector<Place>& held) {
    for (const auto& at : held)
        (void)::unlinkat(at.dir.get(), at.name.c_str(), 0);
    held.clear();
}

}  // namespace

const std::vector<std::string>& account_databases() {
    static const std::vector<std::string> files{"/etc/passwd",  "/etc/group",  "/etc/shadow",
                                                "/etc/gshadow", "/etc/subuid", "/etc/subgid"};
    return files;
}

Result<AccountLock> AccountLock::take(const Host& host, std::vector<std::string> files,
                                      std::chrono::milliseconds timeout) {
    const auto deadline = Clock::now() + timeout;
    const Sysroot& root = host.root();
    std::ranges::sort(files);
    PLIMSOLL_TRY(auto at, open_place(root, "/etc/.pwd.lock"));
    const bool existed = root.exists(at.path);
    PLIMSOLL_TRY(auto global, open_global(at));
    AccountLock lock(std::move(global));
    if (!existed && !host.live())
        lock.created_ = std::move(at);
    bool have_global = false;
    for (;;) {
        PLIMSOLL_TRY(const auto holder, lock.attempt(root, files, have_global));
        if (!holder)
            return lock;
        if (Clock::now() >= deadline)
            return fail(Code::busy, "the account databases are locked by another program (" + *holder + ")");
        std::this_thread::sleep_for(pause_between_attempts);
    }
}

Result<std::optional<std::string>> AccountLock::attempt(const Sysroot& root,
                                                        const std::vector<std::string>& files,
                                                        bool& have_global) {
    if (!have_global) {
        PLIMSOLL_TRY(have_global, try_global(global_));
    }
    if (!have_global)
        return "/etc/.pwd.lock";
    if (auto other = held_by_another(root))
        return other;
    return take_files(root, files);
}

// All or none, so that two programs that want the same files in another order do not wait for each other.
Result<std::optional<std::string>> AccountLock::take_files(const Sysroot& root,
                                                           const std::vector<std::string>& files) {
    for (const auto& file : files) {
        PLIMSOLL_TRY(auto at, open_place(root, file + ".lock"));
        PLIMSOLL_TRY(const bool taken, try_file_lock(at));
        if (!taken) {
            release(held_);
            return file + ".lock";
        }
        held_.push_back(std::move(at));
    }
    return std::nullopt;
}

void AccountLock::clean(const Host& host) {
    bool stale = false;
    for (const auto& file : account_databases()) {
        if (const auto at = open_place(host.root(), file + ".lock"))
            remove_leftovers(*at);
        stale = stale || holder_of(host.root(), file + ".lock") == Holder::dead;
    }
    if (stale)  // removed while the lock is taken, so that nobody else is removing it as well
        (void)take(host, {}, std::chrono::milliseconds{0});
}

AccountLock::~AccountLock() {
    release(held_);
    if (created_)
        (void)::unlinkat(created_->dir.get(), created_->name.c_str(), 0);
}

}  // namespace plimsoll::host
