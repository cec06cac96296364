// SPDX-License-Identifier: Apache-2.0
// Every way in which what was looked at can change, on real trees with a real event loop.
#include "daemon/watch/watcher.hpp"

#include "daemon/watch/testing/watched.hpp"
#include "tests/support/tree.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <filesystem>
#include <string>
#include <thread>

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

namespace plimsoll::daemon {
namespace {

namespace fs = std::filesystem;
using std::chrono::milliseconds;
using tests::of;

class WatcherTest : public ::testing::Test {
  protected:
    void rename(std::string_view from, std::string_view to) const {
        ASSERT_EQ(::rename(tree_.path(from).c_str(), tree_.path(to).c_str()), 0);
    }

    void watch(std::size_t group, const host::Footprint& footprint) { on_.watch(group, footprint); }

    // As an observer would: looks again, and the watch is content after that.
    void watch_again(const host::Footprint& footprint) {
        (void)on_.watcher().watch(0, footprint);
        EXPECT_FALSE(on_.watcher().watch(0, footprint));
    }

    tests::Tree tree_{{"/etc/subuid", "u:100000:65536\n"}, {"/etc/passwd", ""}};
    tests::Watched on_{tree_.path().string()};
};

TEST_F(WatcherTest, TellsWhoLookedAtAFileThatIsWritten) {
    watch(3, of({"/etc/subuid"}));
    watch(0, of({"/etc/passwd"}));
    watch(31, of({"/etc/subuid", "/etc/passwd"}));
    EXPECT_EQ(on_.woken(), 0U);
    tree_.write("/etc/subuid", "u:0:65536\n");
    const auto events = on_.settle();
    ASSERT_EQ(events.size(), 1U);
    EXPECT_EQ(events[0].groups, 1U << 3 | 1U << 31);
    EXPECT_EQ(events[0].cause, "event /etc/subuid");
    EXPECT_FALSE(events[0].lost);
}

TEST_F(WatcherTest, TellsOfEveryWayToChangeAFile) {
    watch(0, of({"/etc/subuid"}));
    const auto file = tree_.path("/etc/subuid");
    tree_.write("/etc/new", "x");
    EXPECT_EQ(on_.said(), "");
    rename("/etc/new", "/etc/subuid");
    EXPECT_EQ(on_.said(), "event /etc/subuid") << "replaced";
    watch_again(of({"/etc/subuid"}));
    ASSERT_EQ(::chmod(file.c_str(), 0600), 0);
    EXPECT_EQ(on_.said(), "event /etc/subuid") << "another mode";
    if (::setxattr(file.c_str(), "user.x", "1", 1, 0) == 0) {
        EXPECT_EQ(on_.said(), "event /etc/subuid") << "another attribute";
    }
    ASSERT_EQ(::truncate(file.c_str(), 0), 0);
    EXPECT_EQ(on_.said(), "event /etc/subuid") << "truncated";
    tree_.remove("/etc/subuid");
    EXPECT_EQ(on_.said(), "event /etc/subuid") << "removed";
    watch_again(of({"/etc/subuid"}));
    tree_.write("/etc/subuid", "x");
    EXPECT_EQ(on_.said(), "event /etc/subuid") << "made again";
    watch_again(of({"/etc/subuid"}));
    tree_.write("/etc/subuid", "y");
    EXPECT_EQ(on_.said(), "event /etc/subuid") << "written, once it is there again";
    rename("/etc/subuid", "/etc/away");
    EXPECT_EQ(on_.said(), "event /etc/subuid") << "moved away";
    ASSERT_EQ(::mkfifo(file.c_str(), 0600), 0);
    EXPECT_EQ(on_.said(), "event /etc/subuid") << "a FIFO instead, which nobody opens";
    watch_again(of({"/etc/subuid"}));
}

TEST_F(WatcherTest, AFileStillBeingWrittenIsToldOfALittleLater) {
    watch(0, of({"/etc/subuid"}));
    const Fd fd(::open(tree_.path("/etc/subuid").c_str(), O_WRONLY | O_APPEND | O_CLOEXEC));
    const auto start = std::chrono::steady_clock::now();
    for (int i = 0; i < 3; ++i) {
        ASSERT_EQ(::write(fd.get(), "x", 1), 1);
        ASSERT_TRUE(on_.loop().turn(milliseconds{2}));
    }
    const auto events = on_.settle();
    ASSERT_FALSE(events.empty());
    EXPECT_EQ(events[0].cause, "event /etc/subuid");
    EXPECT_GE(std::chrono::steady_clock::now() - start, milliseconds{20});
    ASSERT_EQ(::write(fd.get(), "x", 1), 1);
    EXPECT_EQ(on_.said(), "event /etc/subuid") << "and so on, as long as it is open";
}

TEST_F(WatcherTest, AnEventThatIsDueAnywayCoversTheWaitingOne) {
    watch(0, of({"/etc/subuid", "/etc/passwd"}));
    Fd fd(::open(tree_.path("/etc/subuid").c_str(), O_WRONLY | O_CLOEXEC));
    ASSERT_EQ(::write(fd.get(), "x", 1), 1);
    ASSERT_TRUE(on_.loop().turn(milliseconds{2}));
    ASSERT_EQ(::chmod(tree_.path("/etc/passwd").c_str(), 0600), 0);
    EXPECT_EQ(on_.said(), "event /etc/passwd");
}

TEST_F(WatcherTest, WhatNobodyLookedAtWakesNobody) {
    watch(0, of({"/etc/subuid", "/etc/none/deep"}, {"/var"}));
    tree_.write("/etc/.subuid.plimsoll-Ab12Cd", "temporary");
    tree_.write("/etc/other", "x");
    tree_.remove("/etc/other");
    tree_.directory("/etc/dir");
    tree_.write("/etc/dir/subuid", "x");
    tree_.write("/var/lib/x", "x");
    tree_.write("/srv", "x");
    EXPECT_EQ(on_.said(), "");
    EXPECT_FALSE(on_.watcher().watch(0, of({"/etc/subuid", "/etc/none/deep"}, {"/var"})));
}

TEST_F(WatcherTest, FollowsWhatAppearsStepByStep) {
    const auto looked = of({"/etc/a/b/c.conf"});
    watch(0, looked);
    tree_.directory("/etc/a");
    EXPECT_EQ(on_.said(), "event /etc/a");
    EXPECT_TRUE(on_.watcher().watch(0, looked)) << "what is in it was not watched";
    EXPECT_FALSE(on_.watcher().watch(0, looked));
    tree_.write("/etc/a/b/c.conf", "x");
    EXPECT_EQ(on_.said(), "event /etc/a/b");
    EXPECT_TRUE(on_.watcher().watch(0, looked));
    EXPECT_FALSE(on_.watcher().watch(0, looked));
    tree_.write("/etc/a/b/c.conf", "y");
    EXPECT_EQ(on_.said(), "event /etc/a/b/c.conf");
}

TEST_F(WatcherTest, WhatAppearsBetweenTheLookAndTheWatchIsLookedAtOnceMore) {
    const auto looked = of({"/etc/a/b/c.conf"});
    tree_.write("/etc/a/b/c.conf", "x");
    EXPECT_TRUE(on_.watcher().watch(0, looked));
    tree_.write("/etc/a/b/c.conf", "y");
    EXPECT_FALSE(on_.watcher().watch(0, looked)) << "nothing new to be watched";
    EXPECT_EQ(on_.said(), "event /etc/a/b/c.conf");
}

TEST_F(WatcherTest, BothSidesOfALinkCount) {
    tree_.write("/usr/one.conf", "1");
    tree_.write("/usr/two.conf", "2");
    tree_.link("/etc/link.conf", "/usr/one.conf");
    const auto looked = of({"/etc/link.conf"});
    watch(0, looked);
    tree_.write("/usr/two.conf", "x");
    EXPECT_EQ(on_.said(), "");
    tree_.write("/usr/one.conf", "x");
    EXPECT_EQ(on_.said(), "event /usr/one.conf");
    tree_.link("/etc/new", "/usr/two.conf");
    rename("/etc/new", "/etc/link.conf");
    EXPECT_EQ(on_.said(), "event /etc/link.conf");
    EXPECT_TRUE(on_.watcher().watch(0, looked)) << "the other target was not watched";
    EXPECT_FALSE(on_.watcher().watch(0, looked));
    tree_.write("/usr/one.conf", "y");
    EXPECT_EQ(on_.said(), "");
    tree_.write("/usr/two.conf", "y");
    EXPECT_EQ(on_.said(), "event /usr/two.conf");
}

TEST_F(WatcherTest, ADirectoryReplacedByAnotherIsFollowed) {
    const auto looked = of({"/etc/conf.d/a"}, {"/etc/conf.d"});
    tree_.write("/etc/conf.d/a", "1");
    tree_.write("/new/a", "2");
    watch(0, looked);
    rename("/etc/conf.d", "/old");
    rename("/new", "/etc/conf.d");
    const auto events = on_.settle();
    ASSERT_FALSE(events.empty());
    (void)on_.watcher().watch(0, looked);
    EXPECT_FALSE(on_.watcher().watch(0, looked));
    tree_.write("/old/a", "x");
    EXPECT_EQ(on_.said(), "") << "not what we look at any more";
    tree_.write("/etc/conf.d/a", "x");
    EXPECT_EQ(on_.said(), "event /etc/conf.d/a");
    fs::remove_all(tree_.path("/etc/conf.d"));
    EXPECT_EQ(on_.woken(), 1U);
    EXPECT_FALSE(on_.watcher().watch(0, looked));
    tree_.write("/etc/conf.d/a", "x");
    EXPECT_EQ(on_.woken(), 1U);
}

TEST_F(WatcherTest, AListedDirectoryTellsOfNamesButNotOfContent) {
    tree_.write("/etc/conf.d/a", "");
    tree_.write("/etc/conf.d/b", "");
    watch(0, of({"/etc/conf.d/a"}, {"/etc/conf.d"}));
    tree_.write("/etc/conf.d/b", "never read");
    EXPECT_EQ(on_.said(), "");
    tree_.write("/etc/conf.d/a", "read");
    EXPECT_EQ(on_.said(), "event /etc/conf.d/a");
    tree_.remove("/etc/conf.d/b");
    EXPECT_EQ(on_.said(), "event /etc/conf.d/b");
    tree_.write("/etc/c", "");
    rename("/etc/c", "/etc/conf.d/c");
    EXPECT_EQ(on_.said(), "event /etc/conf.d/c");
}

TEST_F(WatcherTest, AFileIsSeenThroughItsOtherName) {
    fs::create_hard_link(tree_.path("/etc/subuid"), tree_.path("/srv"));
    watch(0, of({"/etc/subuid"}));
    tree_.write("/srv", "x");
    EXPECT_EQ(on_.said(), "event /etc/subuid");
}

TEST_F(WatcherTest, AFileOfSeveralNamesMayBecomeOneOfOneNameAndBack) {
    const auto looked = of({"/etc/subuid"});
    watch(0, looked);
    tree_.write("/srv", "x");
    fs::create_hard_link(tree_.path("/srv"), tree_.path("/etc/new"));
    rename("/etc/new", "/etc/subuid");
    EXPECT_EQ(on_.said(), "event /etc/subuid");
    EXPECT_TRUE(on_.watcher().watch(0, looked));
    EXPECT_FALSE(on_.watcher().watch(0, looked));
    tree_.write("/srv", "y");
    EXPECT_EQ(on_.said(), "event /etc/subuid");
    tree_.write("/etc/new", "x");
    rename("/etc/new", "/etc/subuid");
    EXPECT_EQ(on_.said(), "event /etc/subuid");
    EXPECT_FALSE(on_.watcher().watch(0, looked));
    tree_.write("/srv", "z");
    EXPECT_EQ(on_.said(), "") << "another file by now";
    tree_.write("/etc/subuid", "z");
    EXPECT_EQ(on_.said(), "event /etc/subuid");
}

// A link, a directory or nothing may come in a file's place by the same kind of event.
TEST_F(WatcherTest, WhatReplacesAFileIsFollowed) {
    const auto looked = of({"/etc/subuid"});
    watch(0, looked);
    tree_.link("/etc/new", "/usr/subuid");
    rename("/etc/new", "/etc/subuid");
    EXPECT_EQ(on_.said(), "event /etc/subuid");
    EXPECT_TRUE(on_.watcher().watch(0, looked));
    EXPECT_FALSE(on_.watcher().watch(0, looked));
    tree_.write("/usr/subuid", "x");
    EXPECT_EQ(on_.woken(), 1U);
}

TEST_F(WatcherTest, TheRootItselfIsWatched) {
    watch(0, of({"/"}));
    ASSERT_EQ(::chmod(tree_.path().c_str(), 0700), 0);
    EXPECT_EQ(on_.said(), "event /");
}

TEST_F(WatcherTest, CausesCanBeShown) {
    const std::string odd = "new\nline\xff\x1b[31m";
    tree_.write("/etc/conf.d/" + odd, "");
    watch(0, of({"/etc/conf.d/" + odd}));
    tree_.write("/etc/conf.d/" + odd, "x");
    EXPECT_EQ(on_.said(), "event /etc/conf.d/new\\x0aline\\xff\\x1b[31m");
}

TEST_F(WatcherTest, ASecondFootprintReplacesTheFirst) {
    watch(0, of({"/etc/subuid"}, {"/etc"}));
    watch(1, of({"/etc/subuid"}));
    watch(0, of({"/etc/passwd"}));
    tree_.write("/etc/subuid", "x");
    EXPECT_EQ(on_.woken(), 2U);
    tree_.write("/etc/x", "x");
    EXPECT_EQ(on_.woken(), 0U);
    tree_.write("/etc/passwd", "x");
    EXPECT_EQ(on_.woken(), 1U);
    EXPECT_FALSE(on_.watcher().watch(0, of({"/etc"}))) << "less than before";
    EXPECT_FALSE(on_.watcher().watch(0, {}));
    EXPECT_FALSE(on_.watcher().watch(1, {}));
    tree_.write("/etc/subuid", "x");
    tree_.write("/etc/passwd", "x");
    EXPECT_EQ(on_.woken(), 0U);
    const auto turned = on_.loop().turn(milliseconds{0});
    EXPECT_FALSE(turned.value_or(true)) << "nothing is watched any more";
    EXPECT_FALSE(on_.watcher().watch(most_groups, of({"/etc"})));
}

TEST_F(WatcherTest, EventsOfOneReadAreOneCallForEachGroupAtMost) {
    tree_.write("/etc/shadow", "");
    watch(0, of({"/etc/subuid", "/etc/passwd"}));
    watch(1, of({"/etc/passwd"}));
    watch(2, of({"/etc/shadow", "/etc/passwd"}));
    for (int i = 0; i < 20; ++i)
        for (const char* file : {"/etc/subuid", "/etc/passwd", "/etc/shadow"})
            tree_.write(file, "x");
    const auto events = on_.settle();
    ASSERT_EQ(events.size(), 2U);
    EXPECT_EQ(events[0].groups, 1U);
    EXPECT_EQ(events[0].cause, "event /etc/subuid");
    EXPECT_EQ(events[1].groups, 6U);
    EXPECT_EQ(events[1].cause, "event /etc/passwd");
}

TEST_F(WatcherTest, OnEventMayWatch) {
    const auto looked = of({"/etc/subuid", "/etc/conf.d/a"});
    auto root = *host::Sysroot::open(tree_.path().string());
    Watcher* self = nullptr;
    int calls = 0;
    auto watcher = *Watcher::make(on_.loop(), root, [&](const Event&) {
        ++calls;
        while (self->watch(0, looked))
            ++calls;
    });
    self = &watcher;
    while (watcher.watch(0, looked)) {
    }
    tree_.write("/etc/conf.d/a", "x");
    (void)on_.settle();
    EXPECT_GE(calls, 2);
    calls = 0;
    tree_.write("/etc/conf.d/a", "x");
    (void)on_.settle();
    EXPECT_EQ(calls, 1);
    Watcher other = std::move(watcher);
    self = &other;
    tree_.write("/etc/conf.d/a", "y");
    (void)on_.settle();
    EXPECT_EQ(calls, 2);
}

// Somebody moves things all the time: asked again and again, but not for ever.
TEST_F(WatcherTest, ATreeThatNeverHoldsStillDoesNotHoldUpTheLoop) {
    const auto looked = of({"/home/a/x", "/home/b/x"});
    tree_.write("/home/a/x", "");
    int looks = 0;
    const auto swap = [&] {
        rename("/home/a", "/home/b");
        tree_.write("/home/a/x", "");
        fs::remove_all(tree_.path("/home/b"));
        (void)on_.loop().turn(milliseconds{0});
        ++looks;
    };
    swap();
    while (on_.watcher().watch(0, looked) && looks < 100)
        swap();
    EXPECT_LT(looks, 10);
    EXPECT_EQ(on_.woken(), 1U);
}

}  // namespace
}  // namespace plimsoll::daemon
