// SPDX-License-Identifier: Apache-2.0
// Real useradd(8) and usermod(8) on a tree while the executor edits the same databases: nobody's entry is
// lost. `--root` takes the lock of lckpwdf(3), `--prefix` only shadow's own lock files, so both are needed.
#include "core/base/text.hpp"
#include "core/host/executor.hpp"
#include "core/host/runner.hpp"
#include "core/host/subid.hpp"
#include "tests/support/tree.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <thread>

#include <unistd.h>

namespace {
using namespace plimsoll;
using namespace plimsoll::policy;
using namespace std::chrono_literals;
using tests::Tree;

constexpr int users = 30;
constexpr std::uint64_t range_size = 65536;

// Tries again as a person would: shadow's tools give up at once, and say so, when a lock file is there.
bool run(const std::vector<std::string>& argv) {
    constexpr int attempts = 1000;
    host::ProcessRunner runner;
    for (int i = 0; i < attempts; ++i) {
        const auto r = runner.run({.argv = argv, .deadline = 60s});
        if (r && r->exit_code == 0)
            return true;
        std::this_thread::sleep_for(3ms);
    }
    return false;
}

std::vector<std::string> add_users(const Tree& t, const std::string& where) {
    std::vector<std::string> added;
    for (int i = 0; i < users; ++i) {
        const std::string name = "theirs" + std::to_string(i) + "x";
        if (!run({"/usr/sbin/useradd", where, t.path().string(), "-M", name}))
            continue;
        added.push_back(name);
        const std::string id = std::to_string(500'000'000 + i * 10);
        if (i % 4 == 0) {
            EXPECT_TRUE(
                run({"/usr/sbin/usermod", where, t.path().string(), "--add-subuids", id + "-" + id, name}));
        }
    }
    return added;
}

std::size_t lines_of(const std::string& text, const std::string& owner) {
    return static_cast<std::size_t>(std::ranges::count_if(
        split_lines(text), [&](std::string_view line) { return line.starts_with(owner + ":"); }));
}

class ConcurrentUseradd : public testing::TestWithParam<std::string> {};

TEST_P(ConcurrentUseradd, LosesNoEntry) {
    if (::geteuid() != 0 || ::access("/usr/sbin/useradd", X_OK) != 0)
        GTEST_SKIP() << "needs root and useradd";
    if (::access("/dev/shm", W_OK) == 0)  // where fsync(2) costs nothing
        ::setenv("TMPDIR", "/dev/shm", 1);
    const Tree t({{"/etc/passwd", "root:x:0:0::/root:/bin/sh\n"},
                  {"/etc/group", "root:x:0:\n"},
                  {"/etc/shadow", "root:*:1::::::\n"},
                  {"/etc/gshadow", "root:*::\n"},
                  {"/etc/subuid", ""},
                  {"/etc/subgid", ""},
                  {"/etc/login.defs", "SUB_UID_COUNT 65536\nSUB_GID_COUNT 65536\n"}});
    const auto h = t.live_host();
    auto e = host::Executor::open(h, "/var/lib/plimsoll", nullptr);
    ASSERT_TRUE(e) << e.error().message;

    std::vector<std::string> theirs;
    std::atomic<bool> running{true};
    std::jthread other([&] {
        theirs = add_users(t, GetParam());
        running = false;
    });
    unsigned granted = 0;
    while (running) {
        const AllocateRange c{"ours" + std::to_string(granted) + "x", 300'000'000 + granted * range_size,
                              range_size};
        const auto r = e->apply("c", "s", c);
        ASSERT_TRUE(r || r.error().code == Code::busy) << r.error().message;
        granted += r ? 1 : 0;
        std::this_thread::sleep_for(10ms);
    }
    other.join();

    EXPECT_EQ(theirs.size(), static_cast<std::size_t>(users));
    EXPECT_GT(granted, 10U);
    for (const auto& name : theirs) {
        EXPECT_EQ(lines_of(t.read("/etc/passwd"), name), 1U) << name;
        EXPECT_GE(lines_of(t.read("/etc/subuid"), name), 1U) << name;
        EXPECT_EQ(lines_of(t.read("/etc/subgid"), name), 1U) << name;
    }
    for (unsigned i = 0; i < granted; ++i)
        for (const char* file : {"/etc/subuid", "/etc/subgid"})
            EXPECT_EQ(lines_of(t.read(file), "ours" + std::to_string(i) + "x"), 1U) << file << i;

    // And all of ours is taken back without touching theirs.
    const auto undone = e->undo(e->current_entry());
    ASSERT_TRUE(undone) << undone.error().message;
    EXPECT_EQ(t.read("/etc/subuid").find("ours"), std::string::npos);
    for (const auto& name : theirs)
        EXPECT_GE(lines_of(t.read("/etc/subuid"), name), 1U) << name;
}

INSTANTIATE_TEST_SUITE_P(Shadow, ConcurrentUseradd, testing::Values("--root", "--prefix"),
                         [](const auto& one) { return one.param.substr(2); });
}  // namespace
