// SPDX-License-Identifier: Apache-2.0
// Runs part of a test in a process of its own, which may change namespaces, limits and users.
#pragma once
#include <gtest/gtest.h>

#include <functional>

#include <sched.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <unistd.h>

namespace plimsoll::tests {

// Expectations inside count as the test's own; the child's output names them.
inline void in_child(const std::function<void()>& body) {
    const pid_t pid = ::fork();
    ASSERT_GE(pid, 0);
    if (pid == 0) {
        body();
        (void)std::fflush(nullptr);
        ::_exit(::testing::Test::HasFailure() ? 1 : 0);
    }
    int status = 0;
    ASSERT_EQ(::waitpid(pid, &status, 0), pid);
    EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0) << "in the child, see above: " << status;
}

// The same where mounts stay between us. Skips where that is not allowed.
inline void in_own_mounts(const std::function<void()>& body) {
    if (::geteuid() != 0)
        GTEST_SKIP() << "needs root to mount";
    in_child([&] {
        ASSERT_EQ(::unshare(CLONE_NEWNS), 0);
        ASSERT_EQ(::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr), 0);
        body();
    });
}

}  // namespace plimsoll::tests
