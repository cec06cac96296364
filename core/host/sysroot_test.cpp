// SPDX-License-Identifier: Apache-2.0
#include "core/host/sysroot.hpp"

#include "tests/support/tree.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <thread>

#include <fcntl.h>
#include <sys/inotify.h>
#include <unistd.h>

namespace {
using namespace plimsoll;
using tests::Tree;

TEST(Sysroot, SymlinksAndDotDotStayInside) {
    Tree t({{"etc/passwd", "fake\n"}});
    t.link("abs", "/etc/passwd");
    t.link("rel", "../../../../../../etc/passwd");
    t.link("magic", "/proc/self/root/etc/passwd");
    const auto h = t.host();
    EXPECT_EQ(*h.root().read("/abs"), "fake\n");
    EXPECT_EQ(*h.root().read("rel"), "fake\n");
    EXPECT_EQ(h.root().read("magic").error().code, Code::not_found);
    EXPECT_EQ(*h.root().read("../../../etc/passwd"), "fake\n");
}

TEST(Sysroot, NeverOpensWhatIsNotARegularFile) {
    Tree t({{"d/x", ""}});
    t.fifo("fifo");
    const auto h = t.host();
    EXPECT_EQ(h.root().read("fifo").error().code, Code::integrity);  // and does not hang
    EXPECT_EQ(h.root().read("d").error().code, Code::integrity);
    EXPECT_NE(h.root().read("fifo").error().message.find("a FIFO"), std::string::npos);
}

TEST(Sysroot, OfTheRunningHostOpensNothingElseBehindALink) {
    Tree t({{"regular", "1\n"}});
    t.fifo("fifo");
    t.link("to-fifo", "fifo");
    t.link("to-regular", "regular");
    const auto root = host::Sysroot::open("/").value();
    ASSERT_TRUE(root.is_running());
    ASSERT_FALSE(t.host().root().is_running());
    const Fd opened(::inotify_init1(IN_NONBLOCK | IN_CLOEXEC));
    ASSERT_GE(::inotify_add_watch(opened.get(), t.path("fifo").c_str(), IN_OPEN), 0);
    EXPECT_EQ(root.read(t.path("to-fifo").native()).error().code, Code::integrity);
    EXPECT_EQ(*root.read(t.path("to-regular").native()), "1\n");
    EXPECT_EQ(t.host().root().read("fifo").error().code, Code::integrity);
    std::array<char, 256> event{};
    EXPECT_EQ(::read(opened.get(), event.data(), event.size()), -1) << "the FIFO was opened";
    EXPECT_EQ(root.read(t.path("fifo").native()).error().code, Code::integrity);
    EXPECT_NE(root.read(t.path("fifo").native()).error().message.find("a FIFO"), std::string::npos);
    EXPECT_EQ(root.read(t.path("regular").native(), 1).error().code, Code::invalid_input);
    EXPECT_EQ(root.read(t.path("none").native()).error().code, Code::not_found);
    EXPECT_EQ(root.read(t.path("").native()).error().code, Code::integrity);
}

TEST(Sysroot, BoundsSize) {
    Tree t;
    t.write("big", std::string(100, 'x'));
    EXPECT_EQ(t.host().root().read("big", 99).error().code, Code::invalid_input);
    EXPECT_EQ(t.host().root().read("big", 100)->size(), 100U);
}

TEST(Sysroot, RemembersWhatIsMissingForAsLongAsItIsAskedTo) {
    const Tree t({{"home/a/.config/x/conf", "1\n"}, {"home/a-b/conf", "2\n"}, {"proc/7/status", ""}});
    t.link("home/link", "/home/a");
    t.link("home/dangling", "/home/none");
    const auto h = t.host();
    const auto& root = h.root();
    const auto code = [&](const char* path) { return root.read(path).error().code; };
    {
        const host::Sysroot::Remembering missing(root);
        EXPECT_EQ(code("/home/b/.config/x/conf"), Code::not_found);
        EXPECT_EQ(code("/home/dangling/conf"), Code::not_found);
        EXPECT_EQ(code("/home/a/.config/y"), Code::not_found);
        EXPECT_EQ(code("/home/a/.local/share/y"), Code::not_found);
        EXPECT_EQ(code("/proc/8/status"), Code::not_found);
        for (const char* there :
             {"/home/a/.config/x/conf", "/home/link/.config/x/conf", "home//a/.config/x/conf"})
            EXPECT_EQ(*root.read(there), "1\n") << there;
        EXPECT_EQ(*root.read("/home/a-b/conf"), "2\n");
        EXPECT_EQ(root.read("/home/a/.config/x/conf/below").error().sys_errno, ENOTDIR);
        t.write("home/b/.config/x/conf", "3\n");
        t.write("home/a/.config/y", "4\n");
        t.write("proc/8/status", "5\n");
        const auto again = root.read("/home/b/.config/z");
        ASSERT_FALSE(again);
        EXPECT_EQ(again.error().sys_errno, ENOENT);
        EXPECT_EQ(again.error().message.find("open /home/b/.config/z"), 0U) << again.error().message;
        EXPECT_EQ(root.read("/home/a/.config/y").error().message,
                  "open /home/a/.config/y: No such file or directory");
        EXPECT_EQ(*root.read("/proc/8/status"), "5\n") << "numbers of processes come back";
        EXPECT_FALSE(root.exists("/home/b/.config/x/conf"));
    }
    EXPECT_EQ(*root.read("/home/b/.config/x/conf"), "3\n");
}

TEST(Sysroot, RemembersWhatItReadAndListed) {
    const Tree t({{"d/a", "1\n"}, {"d/large", std::string(20'000, 'x')}, {"proc/7/status", "1\n"}});
    const auto h = t.host();
    const auto& root = h.root();
    const auto names = [&](const char* dir) { return root.list(dir)->size(); };
    const host::Sysroot::Remembering looking(root);
    host::Footprint first;
    const auto look = [&](host::Footprint& into) {
        root.record(&into);
        EXPECT_EQ(*root.read("/d/a"), "1\n");
        EXPECT_FALSE(root.read("/d/none"));
        EXPECT_EQ(names("/d"), 2U);
        EXPECT_EQ(root.list("/none").error().code, Code::not_found);
        root.record(nullptr);
    };
    look(first);
    for (const char* path : {"/d/a", "/d/none", "/d/large", "/none/x", "/proc/7/status", "/proc/8/status"})
        t.write(path, "new\n");
    host::Footprint again;
    look(again);
    EXPECT_EQ(again, first) << "whoever is told from memory depends on the files as well";
    EXPECT_EQ(root.read("/d/a", 1).error().code, Code::invalid_input);
    EXPECT_EQ(*root.read("/d/large"), "new\n");
    EXPECT_EQ(*root.read("/proc/7/status"), "new\n");
    EXPECT_EQ(names("/proc"), 2U);
    h.forget();
    EXPECT_EQ(*root.read("/d/a"), "new\n");
    EXPECT_EQ(names("/d"), 3U);
    EXPECT_EQ(names("/none"), 1U);
    t.write("/d/a", "newer\n");
    EXPECT_EQ(*root.read("/d/a"), "new\n") << "remembers on";
}

TEST(Sysroot, RemembersNoMoreThanABoundedNumberOfBytes) {
    const Tree t({{"d/last", "1\n"}, {"d/first", "1\n"}});
    const std::string text(16'000, 'x');
    for (int i = 0; i < 600; ++i)
        t.write("d/" + std::to_string(i), text);
    const auto h = t.host();
    const host::Sysroot::Remembering looking(h.root());
    EXPECT_EQ(*h.root().read("/d/first"), "1\n");
    for (int i = 0; i < 600; ++i)
        EXPECT_EQ(h.root().read("/d/" + std::to_string(i))->size(), text.size());
    EXPECT_EQ(*h.root().read("/d/last"), "1\n");
    t.write("d/last", "2\n");
    t.write("d/first", "2\n");
    EXPECT_EQ(*h.root().read("/d/first"), "1\n");
    EXPECT_EQ(*h.root().read("/d/last"), "2\n");
}

TEST(Sysroot, ReadLinkTellsMissingFromNotALink) {
    Tree t({{"file", ""}});
    t.link("l", "target");
    const auto h = t.host();
    EXPECT_EQ(*h.root().read_link("l"), "target");
    EXPECT_EQ(h.root().read_link("file").error().code, Code::integrity);
    EXPECT_EQ(h.root().read_link("none").error().code, Code::not_found);
}

// A file that is replaced by rename while being read gives one of the two contents, whole.
TEST(Sysroot, RacingReplacementGivesWholeContent) {
    Tree t;
    const std::string a(200'000, 'a');
    const std::string b(300'000, 'b');
    t.write("f", a);
    std::atomic<bool> stop{false};
    std::thread writer([&] {
        for (int i = 0; !stop; ++i) {
            t.write("f.new", i % 2 != 0 ? a : b);
            std::filesystem::rename(t.path("f.new"), t.path("f"));
        }
    });
    const auto h = t.host();
    for (int i = 0; i < 200; ++i) {
        const auto got = h.root().read("f");
        if (!got) {
            EXPECT_EQ(got.error().code, Code::busy);
            continue;
        }
        EXPECT_TRUE(*got == a || *got == b);
    }
    stop = true;
    writer.join();
}

TEST(Host, OsRelease) {
    Tree t({{"usr/lib/os-release", "ID=debian\nPRETTY_NAME=\"A b\"\n# c\n"}});
    EXPECT_EQ(t.host().os_release().at("PRETTY_NAME"), "A b");
}

TEST(Host, OnlyTheRunningRootIsLive) {
    Tree t;
    EXPECT_FALSE(t.host().live());
    EXPECT_FALSE(t.host().processes());
    EXPECT_TRUE(host::Host::open("/")->live());
}

TEST(Accounts, ReadsFilesAndImageCopies) {
    Tree t({{"etc/passwd", "root:x:0:0::/root:/bin/sh\n+\nbad\nal:x:1000:1000::/home/al:/bin/sh\n"},
            {"usr/lib/passwd", "core:x:500:500::/home/core:/bin/sh\n"},
            {"etc/group", "docker:x:998:al,zoe\nal:x:1000:\n"},
            {"etc/nsswitch.conf", "passwd: files [NOTFOUND=return] sss\ngroup: files systemd\n"}});
    const auto h = t.host();
    const auto& a = h.accounts();
    ASSERT_TRUE(a);
    EXPECT_EQ(a->user("core")->uid, 500U);
    EXPECT_EQ(a->user("al")->source, "/etc/passwd:4");
    EXPECT_EQ(a->problems.size(), 1U);
    EXPECT_EQ(a->members_of(*a->group("docker")), (std::vector<std::string>{"al", "zoe"}));
    EXPECT_EQ(a->remote_sources, std::vector<std::string>{"sss"});
}

TEST(Accounts, MayStandBehindBlanks) {
    Tree t({{"etc/passwd", " \tal:x:1000:1000::/home/al:/bin/sh\n  # none\n \n"},
            {"etc/group", "  docker:x:998:al\n\t+\n"}});
    const auto h = t.host();
    const auto& a = h.accounts();
    ASSERT_TRUE(a);
    ASSERT_NE(a->user("al"), nullptr);
    EXPECT_EQ(a->user("al")->source, "/etc/passwd:1");
    ASSERT_NE(a->group("docker"), nullptr);
    EXPECT_EQ(a->group("docker")->members, std::vector<std::string>{"al"});
    EXPECT_TRUE(a->problems.empty());
}

TEST(Processes, OfThisMachine) {
    const auto h = host::Host::open("/");
    const auto& all = h->processes();
    ASSERT_TRUE(all);
    const auto self = std::ranges::find(*all, ::getpid(), &host::Process::pid);
    ASSERT_NE(self, all->end());
    EXPECT_EQ(self->uid[0], ::getuid());
    EXPECT_TRUE(self->exe && self->exe->ends_with("sysroot_test"));
    EXPECT_EQ(self->in_child_user_ns(), false);
}
}  // namespace
