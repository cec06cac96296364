// SPDX-License-Identifier: Apache-2.0
#include "core/host/runner.hpp"

#include <gtest/gtest.h>

#include <chrono>
#include <csignal>
#include <filesystem>
#include <iterator>

#include <fcntl.h>
#include <unistd.h>

namespace {
using namespace plimsoll;
using namespace std::chrono_literals;
using host::Command;

// Programs of the test are shell scripts; the product never runs a shell.
Command script(std::string text) {
    return {.argv = {"/bin/sh", "-c", std::move(text)}};
}

std::size_t open_descriptors() {
    return static_cast<std::size_t>(std::distance(std::filesystem::directory_iterator("/proc/self/fd"),
                                                  std::filesystem::directory_iterator()));
}

TEST(Runner, GivesOutputErrorsAndExitCode) {
    host::ProcessRunner r;
    const auto o = r.run(script("echo out; echo err >&2; exit 3"));
    ASSERT_TRUE(o) << o.error().message;
    EXPECT_EQ(o->out, "out\n");
    EXPECT_EQ(o->err, "err\n");
    EXPECT_EQ(o->exit_code, 3);
}

TEST(Runner, PassesArgumentsUntouchedAndOnlyTheGivenEnvironment) {
    host::ProcessRunner r;
    ::setenv("PLIMSOLL_LEAK", "1", 1);
    EXPECT_EQ(r.run({.argv = {"/bin/echo", "$HOME; rm *", "a b"}})->out, "$HOME; rm * a b\n");
    EXPECT_EQ(r.run({.argv = {"/usr/bin/env"}})->out, "PATH=/usr/sbin:/usr/bin:/sbin:/bin\nLC_ALL=C.UTF-8\n");
}

TEST(Runner, TellsWhyAProgramCannotStart) {
    host::ProcessRunner r;
    EXPECT_EQ(r.run({.argv = {"/no/such/program"}}).error().code, Code::not_found);
    EXPECT_EQ(r.run({.argv = {"/etc/passwd"}}).error().code, Code::permission);
    EXPECT_EQ(r.run({.argv = {"sh"}}).error().code, Code::internal);
    EXPECT_EQ(r.run({.argv = {}}).error().code, Code::internal);
}

TEST(Runner, KillsTheWholeGroupAtTheDeadline) {
    host::ProcessRunner r;
    auto c = script("sleep 60 & echo $!; wait");
    c.deadline = 300ms;
    const auto before = std::chrono::steady_clock::now();
    const auto o = r.run(c);
    ASSERT_FALSE(o);
    EXPECT_EQ(o.error().code, Code::busy);
    EXPECT_LT(std::chrono::steady_clock::now() - before, 20s);
}

TEST(Runner, DoesNotWaitForWhatAProgramLeavesBehindAndEndsIt) {
    host::ProcessRunner r;
    const auto before = std::chrono::steady_clock::now();
    const auto o = r.run(script("sleep 60 & echo $!"));
    ASSERT_TRUE(o) << o.error().message;
    EXPECT_LT(std::chrono::steady_clock::now() - before, 20s);
    const pid_t left = std::stoi(o->out);
    for (int i = 0; i < 500 && ::kill(left, 0) == 0; ++i) {
        // Killed; it may be a zombie until its new parent reaps it.
        const auto status = std::filesystem::path("/proc") / std::to_string(left) / "cmdline";
        if (FILE* f = std::fopen(status.c_str(), "r"); f != nullptr) {
            const int c = std::fgetc(f);
            std::fclose(f);
            if (c == EOF)
                return;
        }
        ::usleep(10'000);
    }
    EXPECT_NE(::kill(left, 0), 0);
}

TEST(Runner, StopsAFlood) {
    host::ProcessRunner r;
    for (const char* text : {"yes", "yes >&2"}) {
        auto c = script(text);
        c.max_output = 100'000;
        const auto o = r.run(c);
        ASSERT_FALSE(o);
        EXPECT_EQ(o.error().code, Code::invalid_input);
    }
}

TEST(Runner, ReportsDeathBySignal) {
    host::ProcessRunner r;
    EXPECT_EQ(r.run(script("kill -SEGV $$"))->exit_code, 128 + SIGSEGV);
    EXPECT_EQ(r.run(script("kill -KILL $$"))->exit_code, 128 + SIGKILL);
}

TEST(Runner, StandardInputIsEmpty) {
    host::ProcessRunner r;
    EXPECT_EQ(r.run({.argv = {"/bin/cat"}})->out, "");
}

TEST(Runner, NoDescriptorCrossesInEitherDirection) {
    host::ProcessRunner r;
    const int leak = ::open("/dev/zero", O_RDONLY);  // without O_CLOEXEC
    const auto before = open_descriptors();
    // ls itself opens the directory: 0, 1, 2 and 3.
    EXPECT_EQ(r.run({.argv = {"/bin/ls", "/proc/self/fd"}})->out, "0\n1\n2\n3\n");
    (void)r.run({.argv = {"/no/such/program"}});
    EXPECT_EQ(open_descriptors(), before);
    ::close(leak);
}

TEST(Runner, SignalsAreNotInherited) {
    host::ProcessRunner r;
    sigset_t blocked;
    sigset_t old;
    ::sigemptyset(&blocked);
    ::sigaddset(&blocked, SIGTERM);
    ::sigprocmask(SIG_BLOCK, &blocked, &old);
    const auto o = r.run(script("kill -TERM $$; echo survived"));
    ::sigprocmask(SIG_SETMASK, &old, nullptr);
    EXPECT_EQ(o->exit_code, 128 + SIGTERM);
    EXPECT_EQ(o->out, "");
}

TEST(Runner, DropsPrivileges) {
    if (::geteuid() != 0)
        GTEST_SKIP() << "only root can become somebody else";
    host::ProcessRunner r;
    Command c{.argv = {"/usr/bin/id"}};
    c.uid = 12345;
    c.gid = 23456;
    const auto o = r.run(c);
    ASSERT_TRUE(o) << o.error().message;
    EXPECT_EQ(o->out, "uid=12345 gid=23456 groups=23456\n");
}
}  // namespace
