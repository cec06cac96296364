// SPDX-License-Identifier: Apache-2.0
// Where the kernel stops telling: full queues, lost watches, no watches left, other mounts; and what only the
// kernel has, its settings.
#include "daemon/watch/inotify.hpp"
#include "daemon/watch/testing/child.hpp"
#include "daemon/watch/testing/watched.hpp"
#include "tests/support/tree.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>

#include <fcntl.h>
#include <sys/inotify.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

namespace plimsoll::daemon {
namespace {

namespace fs = std::filesystem;
using std::chrono::milliseconds;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using tests::of;

bool write_file(const std::string& path, std::string_view content) {
    const Fd fd(::open(path.c_str(), O_WRONLY | O_TRUNC | O_CLOEXEC));
    return fd && ::write(fd.get(), content.data(), content.size()) == static_cast<ssize_t>(content.size());
}

std::string packed(int watch, std::uint32_t mask, std::string_view name, std::uint32_t length) {
    const inotify_event head{.wd = watch, .mask = mask, .cookie = 0, .len = length};
    std::string out(sizeof head, '\0');
    std::memcpy(out.data(), &head, sizeof head);
    out += name;
    return out;
}

TEST(InotifyEvents, AreReadWithBounds) {
    std::vector<std::string> seen;
    const auto call = [&](const InotifyEvent& e) {
        seen.push_back(std::to_string(e.watch) + ":" + std::string(e.name));
    };
    const std::string whole = packed(1, IN_CREATE, std::string("a\0\0\0", 4), 4) +
                              packed(2, IN_ATTRIB, "", 0) + packed(3, IN_CREATE, "full", 4);
    EXPECT_TRUE(parse_inotify(whole, call));
    EXPECT_THAT(seen, ElementsAre("1:a", "2:", "3:full"));
    for (std::size_t n = 0; n < whole.size(); ++n) {
        // Its own block on the heap, so that reading past the end is noticed.
        const std::vector<char> cut(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(n));
        seen.clear();
        const bool complete = parse_inotify({cut.data(), cut.size()}, call);
        EXPECT_EQ(complete, n == 0 || n == sizeof(inotify_event) + 4 || n == 2 * sizeof(inotify_event) + 4);
        EXPECT_LE(seen.size(), 2U);
    }
    seen.clear();
    EXPECT_FALSE(parse_inotify(packed(1, IN_CREATE, "x", 0xffffffffU), call));
    EXPECT_THAT(seen, IsEmpty());
}

TEST(WatcherLimits, AFullQueueConcernsEverybody) {
    const tests::Tree tree{{"/etc/subuid", ""}, {"/var/run.d/x", ""}};
    tests::Watched on(tree.path().string());
    on.watch(0, of({"/etc/subuid"}));
    on.watch(5, of({}, {"/var/run.d"}));
    std::ifstream limit("/proc/sys/fs/inotify/max_queued_events");
    std::size_t most = 0;
    limit >> most;
    ASSERT_GT(most, 0U);
    if (most > 200'000)
        GTEST_SKIP() << "fs.inotify.max_queued_events=" << most << " takes too long to fill";
    const auto from = tree.path("/var/run.d/x").string();
    for (std::size_t i = 0; i <= most / 2 + 1; ++i) {
        const std::string to = from + (i % 2 == 0 ? "y" : "z");
        ASSERT_EQ(::link(from.c_str(), to.c_str()), 0);
        ASSERT_EQ(::unlink(to.c_str()), 0);
    }
    const auto events = on.settle();
    const auto lost = std::ranges::find(events, true, &Event::lost);
    ASSERT_NE(lost, events.end());
    EXPECT_EQ(lost->cause, "events lost");
    EXPECT_EQ(lost->groups, 1U | 1U << 5);
    EXPECT_FALSE(on.watcher().watch(0, of({"/etc/subuid"}))) << "planned anew before it was said";
    tree.write("/etc/subuid", "x");
    EXPECT_EQ(on.said(), "event /etc/subuid");
}

TEST(WatcherLimits, AWatchThatGoesAwayIsSaidAndPutElsewhere) {
    const tests::Tree tree{{"/etc/conf.d/a", ""}, {"/etc/subuid", ""}};
    tests::Watched on(tree.path().string());
    const auto looked = of({"/etc/conf.d/a"}, {"/etc/conf.d"});
    on.watch(0, looked);
    on.watch(1, of({"/etc/subuid"}));
    fs::remove_all(tree.path("/etc/conf.d"));
    tree.write("/etc/conf.d/b", "there again before we hear of it");
    const auto events = on.settle();
    ASSERT_THAT(events, ::testing::SizeIs(1));
    EXPECT_TRUE(events[0].lost);
    EXPECT_EQ(events[0].groups, 1U);
    EXPECT_EQ(events[0].cause, "watch lost /etc/conf.d");
    EXPECT_FALSE(on.watcher().watch(0, looked)) << "watched again before it was said";
    tree.write("/etc/conf.d/a", "x");
    EXPECT_EQ(on.said(), "event /etc/conf.d/a");
}

TEST(WatcherLimits, AHundredThousandNamesInAListedDirectory) {
    const tests::Tree tree;
    tree.directory("/run/many");
    tests::in_own_mounts([&] {
        ASSERT_EQ(::mount("none", tree.path("/run/many").c_str(), "tmpfs", 0, nullptr), 0);
        tests::Watched on(tree.path().string());
        on.watch(0, of({}, {"/run/many"}));
        const auto dir = tree.path("/run/many").string() + "/";
        std::size_t calls = 0;
        for (int i = 0; i < 100'000; ++i) {
            ASSERT_EQ(::mknod((dir + std::to_string(i)).c_str(), S_IFREG | 0600, 0), 0);
            if (i % 10'000 == 0)
                calls += on.settle().size();
        }
        EXPECT_LE(calls, 1000U) << "of 100 000 events";
        calls = on.settle().size();
        EXPECT_FALSE(on.watcher().watch(0, of({}, {"/run/many"})));
        ASSERT_EQ(::unlink((dir + "77777").c_str()), 0);
        EXPECT_EQ(on.said(), "event /run/many/77777");
    });
}

// In a user namespace of its own, whose limit concerns nobody else.
TEST(WatcherLimits, NoWatchLeftIsSaidAndTriedAgain) {
    if (::geteuid() != 0)
        GTEST_SKIP() << "needs root to map ids";
    const tests::Tree tree{{"/a/x", ""}, {"/b/x", ""}, {"/c/x", ""}, {"/d/x", ""}};
    tests::in_child([&] {
        ASSERT_EQ(::unshare(CLONE_NEWUSER), 0);
        ASSERT_TRUE(write_file("/proc/self/uid_map", "0 0 1"));
        const std::string limit = "/proc/sys/user/max_inotify_watches";
        ASSERT_TRUE(write_file(limit, "3"));
        tests::Watched on(tree.path().string());
        on.watch(0, of({"/a/x"}));
        const auto looked = of({"/a/x", "/b/x", "/c/x", "/d/x"});
        EXPECT_TRUE(on.watcher().watch(1, looked));
        EXPECT_FALSE(on.watcher().watch(1, looked));
        EXPECT_THAT(on.watcher().degraded(),
                    ElementsAre(HasSubstr("no inotify watch left (fs.inotify.max_user_watches=")));
        tree.write("/a/x", "x");
        EXPECT_EQ(on.woken(), 3U) << "what is watched goes on";
        tree.write("/d/x", "x");
        EXPECT_EQ(on.woken(), 0U);
        ASSERT_TRUE(write_file(limit, "100"));
        EXPECT_TRUE(on.watcher().watch(1, looked)) << "newly watched";
        EXPECT_FALSE(on.watcher().watch(1, looked));
        EXPECT_THAT(on.watcher().degraded(), IsEmpty());
        tree.write("/d/x", "x");
        EXPECT_EQ(on.said(), "event /d/x");
    });
}

TEST(WatcherLimits, NoInstanceLeftIsAnError) {
    if (::geteuid() != 0)
        GTEST_SKIP() << "needs root to map ids";
    tests::in_child([] {
        ASSERT_EQ(::unshare(CLONE_NEWUSER), 0);
        ASSERT_TRUE(write_file("/proc/self/uid_map", "0 0 1"));
        ASSERT_TRUE(write_file("/proc/sys/user/max_inotify_instances", "0"));
        const auto root = *host::Sysroot::open("/");
        const auto loop = *bus::EventLoop::make();
        const auto made = Watcher::make(loop, root, [](const Event&) {});
        ASSERT_FALSE(made);
        EXPECT_THAT(made.error().message, HasSubstr("make an inotify instance"));
    });
}

TEST(WatcherLimits, NoDescriptorLeftIsSaid) {
    const tests::Tree tree{{"/a/x", ""}};
    tests::in_child([&] {
        tests::Watched on(tree.path().string());
        struct rlimit most{};
        ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &most), 0);
        const struct rlimit none{.rlim_cur = 3, .rlim_max = most.rlim_max};
        ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &none), 0);
        const auto looked = of({"/a/x"});
        const bool fresh = on.watcher().watch(0, looked);
        ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &most), 0);  // before anything else, which may need some
        EXPECT_FALSE(fresh);
        EXPECT_THAT(on.watcher().degraded(), ElementsAre(HasSubstr("Too many open files")));
        on.watch(0, of({"/a/x"}));
    });
}

class WatcherMounts : public ::testing::Test {
  protected:
    void mount(std::string_view at) const {
        ASSERT_EQ(::mount("none", tree_.path(at).c_str(), "tmpfs", 0, nullptr), 0);
    }

    void bind(std::string_view from, std::string_view to) const {
        ASSERT_EQ(::mount(tree_.path(from).c_str(), tree_.path(to).c_str(), nullptr, MS_BIND, nullptr), 0);
    }

    void unmount(std::string_view at) const { ASSERT_EQ(::umount2(tree_.path(at).c_str(), MNT_DETACH), 0); }

    // With the real root, paths are longer by that of the tree.
    static host::Footprint below(const std::string& prefix, const host::Footprint& footprint) {
        host::Footprint out;
        for (const auto& path : footprint.paths)
            out.add(prefix + path);
        for (const auto& path : footprint.listed)
            out.add_listing(prefix + path);
        return out;
    }

    void directories(const std::string& directory, const std::string& prefix) const;

    const tests::Tree tree_{{"/etc/conf.d/a", ""}, {"/etc/subuid", ""}, {"/usr/x", ""}, {"/srv/b", ""}};
};

// `directory` is the root, and `prefix` what the paths of the tree start with.
void WatcherMounts::directories(const std::string& directory, const std::string& prefix) const {
    tests::Watched on(directory);
    const auto looked = below(prefix, of({"/etc/conf.d/a"}, {"/etc/conf.d"}));
    on.watch(0, looked);
    on.watch(1, below(prefix, of({"/usr/x"})));
    on.watch(2, below(prefix, of({"/etc/subuid"})));
    mount("/srv");
    EXPECT_EQ(on.said(), "") << "a mount that nobody looks at";
    mount("/etc/conf.d");
    auto events = on.settle();
    ASSERT_THAT(events, ::testing::SizeIs(1));
    EXPECT_EQ(events[0].cause, "mounts changed");
    EXPECT_EQ(events[0].groups, 1U);
    EXPECT_FALSE(events[0].lost);
    EXPECT_FALSE(on.watcher().watch(0, looked)) << "watched before it was said";
    tree_.write("/etc/conf.d/a", "on the new mount");
    EXPECT_EQ(on.said(), "event " + prefix + "/etc/conf.d/a");
    EXPECT_TRUE(on.watcher().watch(0, looked)) << "its content now";
    EXPECT_FALSE(on.watcher().watch(0, looked));
    unmount("/etc/conf.d");
    EXPECT_THAT(on.said(), HasSubstr("mounts changed"));
    EXPECT_FALSE(on.watcher().watch(0, looked));
    tree_.write("/etc/conf.d/a", "below again");
    EXPECT_EQ(on.said(), "event " + prefix + "/etc/conf.d/a");
    mount("/etc");
    EXPECT_EQ(on.woken(), 5U) << "a mount further up hides what is below";
}

TEST_F(WatcherMounts, ADirectoryMountedOverIsWatchedThere) {
    tests::in_own_mounts([&] { directories(tree_.path().string(), ""); });
}

TEST_F(WatcherMounts, InTheRealRootToo) {
    tests::in_own_mounts([&] { directories("/", tree_.path().parent_path().string()); });
}

TEST_F(WatcherMounts, AFileMountedOverIsWatchedThere) {
    tests::in_own_mounts([&] {
        tests::Watched on(tree_.path().string());
        on.watch(0, of({"/etc/subuid"}));
        on.watch(1, of({"/usr/x"}));
        bind("/srv/b", "/etc/subuid");
        EXPECT_EQ(on.said(), "mounts changed");
        EXPECT_FALSE(on.watcher().watch(0, of({"/etc/subuid"})));
        tree_.write("/srv/b", "through its other path");
        EXPECT_EQ(on.said(), "event /etc/subuid");
        ASSERT_EQ(::umount(tree_.path("/etc/subuid").c_str()), 0) << "no descriptor of ours holds it";
        EXPECT_EQ(on.woken(), 1U);
        tree_.write("/srv/b", "not ours any more");
        EXPECT_EQ(on.said(), "");
        tree_.write("/etc/subuid", "x");
        EXPECT_EQ(on.said(), "event /etc/subuid");
    });
}

TEST_F(WatcherMounts, OneDirectoryOfTwoPathsTellsBoth) {
    tests::in_own_mounts([&] {
        tree_.directory("/mnt");
        bind("/usr", "/mnt");
        tests::Watched on(tree_.path().string());
        on.watch(0, of({"/usr/x"}));
        on.watch(1, of({}, {"/mnt"}));
        tree_.write("/usr/x", "x");
        EXPECT_EQ(on.woken(), 1U);
        tree_.write("/mnt/y", "x");
        EXPECT_EQ(on.woken(), 2U);
        (void)on.watcher().watch(1, {});
        tree_.write("/mnt/x", "x");
        EXPECT_EQ(on.woken(), 1U) << "the other one's watch is still there";
    });
}

TEST_F(WatcherMounts, AnUnmountedFileSystemIsALostWatch) {
    tests::in_own_mounts([&] {
        mount("/srv");
        tree_.write("/srv/c", "");
        tests::Watched on(tree_.path().string());
        on.watch(0, of({"/srv/c"}));
        ASSERT_EQ(::umount(tree_.path("/srv").c_str()), 0);
        EXPECT_THAT(on.said(), HasSubstr("mounts changed"));
        EXPECT_FALSE(on.watcher().watch(0, of({"/srv/c"})));
        tree_.write("/srv/c", "x");
        EXPECT_EQ(on.said(), "event /srv/c");
    });
}

TEST(WatcherKnobs, ASettingThatIsWrittenIsToldAtOnce) {
    if (::geteuid() != 0)
        GTEST_SKIP() << "needs root to write kernel settings";
    tests::in_child([] {
        ASSERT_EQ(::unshare(CLONE_NEWUTS), 0);
        const std::string knob = "/proc/sys/kernel/domainname";
        tests::Watched on("/");
        on.watch(4, of({knob}, {"/proc/sys/kernel"}));
        ASSERT_TRUE(on.root().read("/proc/sys/kernel/hostname"));
        EXPECT_EQ(on.said(), "") << "reading is no event";
        for (const char* value : {"one", "two"}) {
            ASSERT_TRUE(write_file(knob, value));
            EXPECT_EQ(on.said(), "event " + knob);
            EXPECT_FALSE(on.watcher().watch(4, of({knob}, {"/proc/sys/kernel"})));
        }
    });
}

// What somebody reads often must not be forgotten with the kernel's caches.
TEST(WatcherKnobs, TheWatchOutlivesTheCaches) {
    if (::geteuid() != 0)
        GTEST_SKIP() << "needs root to write kernel settings";
    tests::in_child([] {
        ASSERT_EQ(::unshare(CLONE_NEWUTS), 0);
        const std::string knob = "/proc/sys/kernel/domainname";
        tests::Watched on("/");
        on.watch(4, of({knob}));
        ASSERT_TRUE(write_file("/proc/sys/vm/drop_caches", "2"));
        ASSERT_TRUE(write_file(knob, "x"));
        EXPECT_EQ(on.said(), "event " + knob);
    });
}

TEST(WatcherCgroups, AControlGroupThatComesAndGoes) {
    constexpr const char* places[] = {"/sys/fs/cgroup", "/sys/fs/cgroup/unified"};
    for (const std::string place : places) {
        const std::string mine = place + "/plimsoll-watch-" + std::to_string(::getpid());
        if (::access((place + "/cgroup.procs").c_str(), W_OK) != 0 || ::mkdir(mine.c_str(), 0755) != 0)
            continue;
        tests::Watched on("/");
        on.watch(0, of({mine + "/cgroup.events"}, {mine}));
        EXPECT_EQ(::mkdir((mine + "/c").c_str(), 0755), 0);
        EXPECT_EQ(on.said(), "event " + mine + "/c");
        tests::in_child([&] { EXPECT_TRUE(write_file(mine + "/c/cgroup.procs", "0")); });
        EXPECT_EQ(on.said(), "event " + mine + "/cgroup.events");
        EXPECT_EQ(::rmdir((mine + "/c").c_str()), 0);
        EXPECT_EQ(on.said(), "event " + mine + "/c");
        EXPECT_EQ(::rmdir(mine.c_str()), 0);
        EXPECT_EQ(on.woken(), 1U);
        return;
    }
    GTEST_SKIP() << "no writable cgroup v2 here";
}

}  // namespace
}  // namespace plimsoll::daemon
