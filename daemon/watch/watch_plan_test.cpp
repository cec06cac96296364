// SPDX-License-Identifier: Apache-2.0
#include "daemon/watch/plan.hpp"
#include "daemon/watch/testing/child.hpp"
#include "daemon/watch/testing/watched.hpp"
#include "tests/support/tree.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <filesystem>
#include <thread>

#include <fcntl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

namespace plimsoll::daemon {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using tests::of;

// "/etc: passwd* subuid", a '*' where the content counts as well; "[listed]" and so on for the rest.
std::vector<std::string> shown(const WatchPlan& plan) {
    constexpr std::array kinds{"", " [file]", " [special]", " [knob]"};
    std::vector<std::string> out;
    for (const auto& [path, spot] : plan.spots) {
        std::string line = path + ":" + kinds.at(static_cast<std::size_t>(spot.kind));
        for (const auto& [name, content] : spot.names)
            line += " " + name + (content ? "*" : "");
        line += spot.every_name ? " [every name]" : "";
        line += spot.listed ? " [listed]" : "";
        // The root of a tree is nobody's entry, always.
        line += spot.itself && path != "/" && spot.kind == Spot::Kind::directory ? " [itself]" : "";
        out.push_back(std::move(line));
    }
    return out;
}

class PlanTest : public ::testing::Test {
  protected:
    [[nodiscard]] WatchPlan plan(const host::Footprint& footprint) const {
        auto out = plan_watches(root_, footprint);
        EXPECT_THAT(out.problems, IsEmpty());
        return out;
    }

    [[nodiscard]] std::vector<std::string> lines(const host::Footprint& footprint) const {
        return shown(plan(footprint));
    }

    tests::Tree tree_;
    host::Sysroot root_ = *host::Sysroot::open(tree_.path().string());
};

TEST_F(PlanTest, EveryComponentIsWatchedInItsDirectory) {
    tree_.write("/etc/containers/storage.conf", "");
    EXPECT_THAT(lines(of({"/etc/containers/storage.conf"})),
                ElementsAre("/: etc", "/etc: containers", "/etc/containers: storage.conf*"));
    EXPECT_THAT(lines(of({"etc//containers/./storage.conf"})),
                ElementsAre("/: etc", "/etc: containers", "/etc/containers: storage.conf*"));
    EXPECT_THAT(lines(of({"/etc/containers"})), ElementsAre("/: etc", "/etc: containers"));
    EXPECT_THAT(lines(of({"/etc/containers/../x"})), ElementsAre("/: etc", "/etc: containers x"));
    EXPECT_THAT(lines({}), IsEmpty());
}

TEST_F(PlanTest, AMissingNameIsWatchedWhereItWouldAppear) {
    tree_.directory("/etc");
    EXPECT_THAT(lines(of({"/etc/containers/storage.conf", "/etc/containers/registries.conf"})),
                ElementsAre("/: etc", "/etc: containers"));
    tree_.write("/etc/containers", "not a directory");
    EXPECT_THAT(lines(of({"/etc/containers/storage.conf"})), ElementsAre("/: etc", "/etc: containers"));
}

TEST_F(PlanTest, AListedDirectoryIsWatchedForEveryName) {
    tree_.write("/etc/conf.d/a", "");
    EXPECT_THAT(lines(of({}, {"/etc/conf.d"})),
                ElementsAre("/: etc", "/etc: conf.d", "/etc/conf.d: [listed]"));
    EXPECT_THAT(lines(of({"/etc/conf.d/a"}, {"/etc/conf.d", "/etc/conf.d/a", "/etc/none"})),
                ElementsAre("/: etc", "/etc: conf.d none", "/etc/conf.d: a* [listed]"));
    EXPECT_THAT(lines(of({}, {"/"})), ElementsAre("/: [listed]"));
    host::Footprint only_listed;
    only_listed.add_listing("/etc/conf.d");
    EXPECT_THAT(lines(only_listed), Contains("/etc/conf.d: [listed]"));
}

TEST_F(PlanTest, BothSidesOfASymlinkAreWatched) {
    tree_.write("/usr/etc/real.conf", "");
    tree_.link("/etc/absolute", "/usr/etc/real.conf");
    tree_.link("/etc/relative", "../usr/etc/real.conf");
    tree_.link("/etc/dir", "/usr/etc/");
    tree_.link("/etc/dangling", "nowhere/deep");
    EXPECT_THAT(lines(of({"/etc/absolute"})),
                ElementsAre("/: etc usr", "/etc: absolute", "/usr: etc", "/usr/etc: real.conf*"));
    EXPECT_THAT(lines(of({"/etc/relative"})),
                ElementsAre("/: etc usr", "/etc: relative", "/usr: etc", "/usr/etc: real.conf*"));
    EXPECT_THAT(lines(of({"/etc/dir/none"})),
                ElementsAre("/: etc usr", "/etc: dir", "/usr: etc", "/usr/etc: none"));
    EXPECT_THAT(lines(of({}, {"/etc/dir"})),
                ElementsAre("/: etc usr", "/etc: dir", "/usr: etc", "/usr/etc: [listed]"));
    EXPECT_THAT(lines(of({"/etc/dangling"})), ElementsAre("/: etc", "/etc: dangling nowhere"));
}

TEST_F(PlanTest, NothingLeadsOutOfTheRoot) {
    tree_.directory("/etc");
    tree_.link("/etc/up", "../../../../../etc/none");
    tree_.link("/etc/absolute", "/../../proc/sys");
    EXPECT_THAT(lines(of({"/etc/up", "/etc/absolute", "/../../x"})),
                ElementsAre("/: etc proc x", "/etc: absolute none up"));
}

TEST_F(PlanTest, LoopsEnd) {
    tree_.link("/a", "b");
    tree_.link("/b", "a");
    tree_.link("/self", "self/self");
    EXPECT_THAT(lines(of({"/a", "/self/x"})), ElementsAre("/: a b self"));
    for (int i = 0; i < 50; ++i)
        tree_.link("/n" + std::to_string(i), "n" + std::to_string(i + 1));
    tree_.write("/n50", "");
    EXPECT_FALSE(root_.stat("/n0")) << "the kernel too gives up after 40 links";
    const auto planned = plan(of({"/n0"}));
    EXPECT_TRUE(planned.spots.at("/").names.contains("n40"));
    EXPECT_FALSE(planned.spots.at("/").names.contains("n41"));
}

TEST_F(PlanTest, LinksNestedToKeepUsBusyAreGivenUp) {
    tree_.directory("/d");
    std::string way;
    while (way.size() < 4000)
        way += "d/../";
    tree_.link("/l0", way);
    for (int i = 1; i < 39; ++i)
        tree_.link("/l" + std::to_string(i), way + "l" + std::to_string(i - 1));
    host::Footprint footprint;
    for (int i = 0; i < 2000; ++i)
        footprint.add("/l38/" + std::to_string(i));
    const auto start = std::chrono::steady_clock::now();
    footprint.add("/usr/x");
    const auto planned = plan_watches(root_, footprint);
    EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds{10});
    EXPECT_THAT(planned.problems, Contains("cannot follow /l38/0: too many links in links"));
    EXPECT_THAT(planned.problems, Contains("1992 more paths cannot be followed"));
    EXPECT_TRUE(planned.spots.at("/").names.contains("usr")) << "nobody else's path suffers";
}

TEST_F(PlanTest, WhatIsNotAFileIsNeverOpened) {
    tree_.fifo("/run/fifo");
    tree_.directory("/dev");
    EXPECT_THAT(lines(of({"/run/fifo", "/run/fifo/x"})), ElementsAre("/: run", "/run: fifo"));
    if (::mknod(tree_.path("/dev/null").c_str(), S_IFCHR | 0666, (1 << 8) | 3) < 0)
        GTEST_SKIP() << "device nodes can only be made by root";
    EXPECT_THAT(lines(of({"/dev/null"})), ElementsAre("/: dev", "/dev: null"));
}

TEST_F(PlanTest, NamesAreBytes) {
    const std::string odd = "new\nline \xff\xfe \x1b[31m";
    tree_.write("/etc/" + odd, "");
    const auto planned = plan(of({"/etc/" + odd}));
    EXPECT_TRUE(planned.spots.at("/etc").names.at(odd));
    const std::string overlong(300, 'x');
    EXPECT_THAT(lines(of({"/etc/" + overlong})), ElementsAre("/: etc"));
    const std::string deep = [] {
        std::string out;
        while (out.size() < 5000)
            out += "/d";
        return out;
    }();
    EXPECT_THAT(lines(of({deep})), ElementsAre("/: d"));
}

TEST_F(PlanTest, AFileOfSeveralNamesIsWatchedItself) {
    tree_.write("/etc/subuid", "");
    std::filesystem::create_hard_link(tree_.path("/etc/subuid"), tree_.path("/elsewhere"));
    EXPECT_THAT(lines(of({"/etc/subuid"})), ElementsAre("/: etc", "/etc: subuid*", "/etc/subuid: [file]"));
}

TEST_F(PlanTest, ManyNamesBecomeEveryName) {
    tree_.directory("/etc");
    host::Footprint footprint;
    for (std::size_t i = 0; i <= WatchPlan::most_names; ++i)
        footprint.add("/etc/" + std::to_string(i));
    EXPECT_THAT(lines(footprint), ElementsAre("/: etc", "/etc: [every name]"));
}

TEST_F(PlanTest, WhatCannotBeFollowedIsSaid) {
    if (::geteuid() != 0)
        GTEST_SKIP() << "needs root to become somebody else";
    tree_.write("/home/u/.config/x", "");
    ASSERT_EQ(::chmod(tree_.path("/home/u").c_str(), 0700), 0);
    tests::in_child([&] {
        ASSERT_EQ(::setresuid(65534, 65534, 65534), 0);
        const auto planned = plan_watches(root_, of({"/home/u/.config/x"}));
        EXPECT_THAT(planned.problems, ElementsAre("cannot follow open /home/u/.config: Permission denied"));
        EXPECT_THAT(shown(planned), ElementsAre("/: home", "/home: u", "/home/u: .config"));
    });
}

TEST_F(PlanTest, IsNotRecordedItself) {
    tree_.write("/etc/passwd", "");
    host::Footprint recorded;
    root_.record(&recorded);
    (void)plan(of({"/etc/passwd"}));
    EXPECT_EQ(recorded, host::Footprint{});
    (void)root_.exists("/x");
    root_.record(nullptr);
    EXPECT_EQ(recorded, of({"/x"}));
}

// A directory that is replaced by a link and back, while it is planned: what comes out is one or the other.
TEST_F(PlanTest, HoldsWhileDirectoriesAreSwapped) {
    tree_.write("/etc/real/a", "");
    tree_.write("/usr/real/a", "");
    tree_.directory("/etc/dir");
    tree_.write("/etc/dir/a", "");
    tree_.link("/etc/link", "/usr/real");
    std::atomic<bool> stop{false};
    std::thread swapper([&] {
        const auto dir = tree_.path("/etc/dir");
        const auto link = tree_.path("/etc/link");
        while (!stop)
            (void)::renameat2(AT_FDCWD, dir.c_str(), AT_FDCWD, link.c_str(), RENAME_EXCHANGE);
    });
    for (int i = 0; i < 3000; ++i) {
        const auto planned = plan_watches(root_, of({"/etc/dir/a"}));
        ASSERT_TRUE(planned.spots.at("/etc").names.contains("dir"));
        for (const auto& [path, spot] : planned.spots)
            ASSERT_THAT(path, ::testing::AnyOf("/", "/etc", "/etc/dir", "/usr", "/usr/real"));
    }
    stop = true;
    swapper.join();
}

class LivePlanTest : public ::testing::Test {
  protected:
    host::Sysroot root_ = *host::Sysroot::open("/");
};

TEST_F(LivePlanTest, KernelSettingsAreWatchedThemselves) {
    if (!root_.exists("/proc/sys/kernel/domainname"))
        GTEST_SKIP() << "no /proc here";
    const auto planned = plan_watches(root_, of({"/proc/sys/kernel/domainname", "/proc/sys/kernel/osrelease",
                                                 "/proc/sys/kernel/none", "/proc/cmdline", "/proc/mounts"},
                                                {"/proc/sys/kernel", "/proc", "/sys/class"}));
    EXPECT_EQ(planned.spots.at("/proc/sys/kernel/domainname").kind, Spot::Kind::knob);
    for (const auto& [path, spot] : planned.spots)
        EXPECT_THAT(path, ::testing::AnyOf("/", "/proc/sys/kernel/domainname"));
    EXPECT_TRUE(planned.spots.at("/").names.contains("proc"));
}

TEST(PlannedMounts, TooManyDirectoriesAreAProblem) {
    const tests::Tree tree;
    tests::in_own_mounts([&] {
        ASSERT_EQ(::mount("none", tree.path().c_str(), "tmpfs", 0, nullptr), 0);
        const auto root = *host::Sysroot::open(tree.path().string());
        host::Footprint footprint;
        for (std::size_t i = 0; i <= WatchPlan::most_spots; ++i) {
            const std::string name = "/d" + std::to_string(i);
            tree.directory(name);
            footprint.add_listing(name);
        }
        const auto planned = plan_watches(root, footprint);
        EXPECT_EQ(planned.spots.size(), WatchPlan::most_spots);
        EXPECT_THAT(planned.problems, ElementsAre("more than 8192 directories to watch"));
    });
}

TEST(PlannedMounts, AFileOrDirectoryMountedUponIsWatchedItself) {
    const tests::Tree tree{{"/etc/resolv.conf", ""}, {"/run/resolv.conf", ""}};
    tests::in_own_mounts([&] {
        tree.directory("/mnt");
        tree.fifo("/run/fifo");
        tree.write("/etc/fifo", "");
        const auto bind = [&](const char* from, const char* to) {
            ASSERT_EQ(::mount(tree.path(from).c_str(), tree.path(to).c_str(), nullptr, MS_BIND, nullptr), 0);
        };
        bind("/run/resolv.conf", "/etc/resolv.conf");
        bind("/run/fifo", "/etc/fifo");
        bind("/run", "/mnt");
        const auto root = *host::Sysroot::open(tree.path().string());
        EXPECT_THAT(shown(plan_watches(root, of({"/etc/resolv.conf", "/etc/fifo", "/mnt"}))),
                    ElementsAre("/: etc mnt", "/etc: fifo resolv.conf*", "/etc/fifo: [special]",
                                "/etc/resolv.conf: [file]", "/mnt: [itself]"));
    });
}

}  // namespace
}  // namespace plimsoll::daemon
