// SPDX-License-Identifier: Apache-2.0
#include "core/host/account_lock.hpp"

#include "tests/support/tree.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <csignal>
#include <thread>

#include <fcntl.h>
#include <sys/wait.h>

namespace {
using namespace plimsoll;
using namespace std::chrono_literals;
using host::AccountLock;
using testing::HasSubstr;
using tests::Tree;

// A process that holds what lckpwdf(3) takes, until it is told to end.
class Holder {
  public:
    explicit Holder(const Tree& t) {
        int ready[2];
        if (::pipe(ready) != 0)
            std::abort();
        pid_ = ::fork();
        if (pid_ == 0) {
            const int fd = ::open(t.path("/etc/.pwd.lock").c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
            struct flock lock{};
            lock.l_type = F_WRLCK;
            ::fcntl(fd, F_SETLKW, &lock);
            (void)!::write(ready[1], "x", 1);
            ::pause();
            ::_exit(0);
        }
        char byte = 0;
        (void)!::read(ready[0], &byte, 1);
        ::close(ready[0]);
        ::close(ready[1]);
    }

    Holder(const Holder&) = delete;
    Holder& operator=(const Holder&) = delete;

    ~Holder() { end(); }

    void end() {
        if (pid_ > 0) {
            ::kill(pid_, SIGKILL);
            ::waitpid(pid_, nullptr, 0);
        }
        pid_ = -1;
    }

  private:
    pid_t pid_{-1};
};

// The number of a process that is gone.
pid_t dead_pid() {
    const pid_t pid = ::fork();
    if (pid == 0)
        ::_exit(0);
    ::waitpid(pid, nullptr, 0);
    return pid;
}

std::string as_lock(pid_t pid) {
    return std::to_string(pid) + '\0';  // as shadow writes it
}

bool exists(const Tree& t, std::string_view file) {
    return std::filesystem::exists(std::filesystem::symlink_status(t.path(file)));
}

TEST(AccountLock, HoldsBothLocksAndLetsGo) {
    const Tree t({{"/etc/subuid", ""}});
    const auto h = t.live_host();
    {
        const auto lock = AccountLock::take(h, {"/etc/subuid"}, 0ms);
        ASSERT_TRUE(lock) << lock.error().message;
        EXPECT_EQ(t.read("/etc/subuid.lock"), as_lock(::getpid()));
        const int fd = ::open(t.path("/etc/.pwd.lock").c_str(), O_WRONLY | O_CLOEXEC);
        struct flock probe{};
        probe.l_type = F_WRLCK;
        ASSERT_EQ(::fcntl(fd, F_OFD_GETLK, &probe), 0);
        EXPECT_NE(probe.l_type, F_UNLCK);
        ::close(fd);
    }
    EXPECT_FALSE(exists(t, "/etc/subuid.lock"));
    EXPECT_TRUE(AccountLock::take(h, {"/etc/subuid"}, 0ms));
}

TEST(AccountLock, WaitsForLckpwdfAndGivesUp) {
    const Tree t({{"/etc/subuid", ""}});
    const auto h = t.live_host();
    Holder holder(t);
    const auto r = AccountLock::take(h, {"/etc/subuid"}, 100ms);
    ASSERT_FALSE(r);
    EXPECT_EQ(r.error().code, Code::busy);
    EXPECT_THAT(r.error().message, HasSubstr(".pwd.lock"));
    std::jthread later([&] {
        std::this_thread::sleep_for(100ms);
        holder.end();
    });
    EXPECT_TRUE(AccountLock::take(h, {"/etc/subuid"}, 20s));
}

TEST(AccountLock, RespectsTheLiving) {
    const Tree t({{"/etc/subuid", ""}});
    const auto h = t.live_host();
    // Of this and of another database: of a process that runs, of init, and what nobody can make sense of.
    for (const char* file : {"/etc/subuid.lock", "/etc/passwd.lock", "/etc/gshadow.lock"})
        for (const std::string& content :
             {as_lock(::getppid()), as_lock(1), std::string("x"), std::string()}) {
            t.write(file, content);
            const auto r = AccountLock::take(h, {"/etc/subuid"}, 30ms);
            ASSERT_FALSE(r) << file;
            EXPECT_EQ(r.error().code, Code::busy);
            EXPECT_THAT(r.error().message, HasSubstr(file));
            EXPECT_EQ(t.read(file), content);
            t.remove(file);
        }
    EXPECT_FALSE(exists(t, "/etc/subuid.lock"));
}

TEST(AccountLock, RemovesLocksOfTheDead) {
    const Tree t({{"/etc/subuid", ""}});
    const auto h = t.live_host();
    t.write("/etc/subuid.lock", as_lock(dead_pid()));
    t.write("/etc/group.lock", as_lock(dead_pid()));
    t.write("/etc/shadow.lock", as_lock(::getpid()));  // ours, when removing it failed
    ASSERT_TRUE(AccountLock::take(h, {"/etc/subuid"}, 0ms));
    EXPECT_FALSE(exists(t, "/etc/group.lock"));
    EXPECT_FALSE(exists(t, "/etc/shadow.lock"));
    t.write("/etc/subuid.lock", as_lock(dead_pid()));
    t.write("/etc/.subuid.lock.plimsoll-abc123", "1");
    AccountLock::clean(h);
    EXPECT_FALSE(exists(t, "/etc/subuid.lock"));
    EXPECT_FALSE(exists(t, "/etc/.subuid.lock.plimsoll-abc123"));
}

TEST(AccountLock, DoesNotFollowSymlinks) {
    const Tree t({{"/etc/subuid", ""}, {"/victim", "stays"}});
    const auto h = t.live_host();
    t.link("/etc/subuid.lock", "/victim");
    EXPECT_FALSE(AccountLock::take(h, {"/etc/subuid"}, 30ms));
    t.remove("/etc/subuid.lock");
    t.link("/etc/.pwd.lock", "/victim");
    EXPECT_FALSE(AccountLock::take(h, {"/etc/subuid"}, 30ms));
    EXPECT_EQ(t.read("/victim"), "stays");
}

TEST(AccountLock, TakesAllOrNone) {
    const Tree t({{"/etc/subuid", ""}});
    const auto h = t.live_host();
    t.write("/etc/subuid.lock", as_lock(::getppid()));
    EXPECT_FALSE(AccountLock::take(h, {"/etc/subgid", "/etc/subuid"}, 30ms));
    EXPECT_FALSE(exists(t, "/etc/subgid.lock"));
}
}  // namespace
