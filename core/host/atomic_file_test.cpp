// SPDX-License-Identifier: Apache-2.0
#include "core/host/atomic_file.hpp"

#include "tests/support/tree.hpp"

#include <gtest/gtest.h>

#include <fcntl.h>
#include <sys/file.h>
#include <sys/xattr.h>

namespace {
using namespace plimsoll;
using host::FileImage;
using host::replace_file;
using tests::Tree;

std::string mode_of(const Tree& t, std::string_view file) {
    struct stat st{};
    if (::lstat(t.path(file).c_str(), &st) != 0)
        return "none";
    return std::to_string(st.st_mode & 07777) + " " + std::to_string(st.st_uid) + ":" +
           std::to_string(st.st_gid);
}

TEST(ReplaceFile, ReplacesContentAndKeepsTheRest) {
    Tree t({{"etc/f", "old\n"}});
    const auto p = t.path("etc/f");
    ASSERT_EQ(::chown(p.c_str(), 12, 34), 0);
    ASSERT_EQ(::chmod(p.c_str(), 02640), 0);
    ASSERT_EQ(::setxattr(p.c_str(), "user.note", "a\0b", 3, 0), 0);
    ASSERT_TRUE(replace_file(t.host().root(), "/etc/f", "new\n", {0600, 0, 0}));
    EXPECT_EQ(t.read("etc/f"), "new\n");
    EXPECT_EQ(mode_of(t, "etc/f"), std::to_string(02640) + " 12:34");
    EXPECT_EQ(*t.host().root().xattr("/etc/f", "user.note"), std::string("a\0b", 3));
}

TEST(ReplaceFile, MakesTheFileAndItsParents) {
    Tree t;
    const auto old = ::umask(077);
    ASSERT_TRUE(replace_file(t.host().root(), "a/b/c", "x", {0640, 3, 4}));
    ::umask(old);
    EXPECT_EQ(mode_of(t, "a"), std::to_string(0755) + " 0:0");
    EXPECT_EQ(mode_of(t, "a/b"), std::to_string(0755) + " 0:0");
    EXPECT_EQ(mode_of(t, "a/b/c"), std::to_string(0640) + " 3:4");
}

TEST(ReplaceFile, RefusesWhatIsNotARegularFile) {
    Tree t({{"d/x", ""}, {"real", "stays"}});
    t.link("link", "real");
    t.fifo("fifo");
    const auto h = t.host();
    for (const char* name : {"link", "fifo", "d"}) {
        const auto r = replace_file(h.root(), name, "x", {});
        ASSERT_FALSE(r) << name;
        EXPECT_EQ(r.error().code, Code::integrity) << name << r.error().message;
    }
    EXPECT_EQ(t.read("real"), "stays");
    for (const char* name : {"", "/", "..", "a/..", "."})
        EXPECT_EQ(replace_file(h.root(), name, "x", {}).error().code, Code::invalid_input) << name;
}

TEST(ReplaceFile, FollowsLinksOfRootOnTheWayOnly) {
    Tree t({{"usr/lib/f", "old"}, {"secret/f", "stays"}});
    t.link("lib", "/usr/../usr/lib");
    t.link("home", "../../secret");
    ASSERT_EQ(::lchown(t.path("home").c_str(), 1000, 1000), 0);
    const auto h = t.host();
    ASSERT_TRUE(replace_file(h.root(), "/lib/f", "new", {}));
    EXPECT_EQ(t.read("usr/lib/f"), "new");
    EXPECT_EQ(replace_file(h.root(), "/home/f", "new", {}).error().code, Code::integrity);
    EXPECT_EQ(t.read("secret/f"), "stays");
    t.link("loop", "loop");
    EXPECT_FALSE(replace_file(h.root(), "/loop/f", "new", {}));
}

TEST(ReplaceFile, RemovesLeftoversButNotThoseOfTheLiving) {
    Tree t({{"etc/f", "old"}, {"etc/.f.plimsoll-dEad00", "half"}, {"etc/.f.plimsoll-alive0", "half"}});
    t.write("etc/.f.plimsoll-notours", "7 letters");
    const Fd living(::open(t.path("etc/.f.plimsoll-alive0").c_str(), O_RDONLY | O_CLOEXEC));
    ASSERT_EQ(::flock(living.get(), LOCK_EX | LOCK_NB), 0);
    ASSERT_TRUE(replace_file(t.host().root(), "/etc/f", "new", {}));
    EXPECT_EQ(mode_of(t, "etc/.f.plimsoll-dEad00"), "none");
    EXPECT_EQ(t.read("etc/.f.plimsoll-alive0"), "half");
    EXPECT_EQ(t.read("etc/.f.plimsoll-notours"), "7 letters");
}

TEST(ReplaceFile, LongNamesWork) {
    Tree t;
    const std::string name(255, 'n');
    ASSERT_TRUE(replace_file(t.host().root(), "/d/" + name, "x", {}));
    EXPECT_EQ(t.read("d/" + name), "x");
}

TEST(FileImage, PutBringsBackEveryKindAsItWas) {
    Tree t({{"f", "content"}, {"dir/sub/.keep", ""}});
    t.link("l", "nowhere");
    t.remove("dir/sub/.keep");
    ASSERT_EQ(::lchown(t.path("l").c_str(), 5, 6), 0);
    ASSERT_EQ(::chmod(t.path("f").c_str(), 0401), 0);
    ASSERT_EQ(::setxattr(t.path("f").c_str(), "user.a", "1", 1, 0), 0);
    ASSERT_EQ(::chmod(t.path("dir/sub").c_str(), 01770), 0);
    const auto h = t.host();
    const std::string first = t.snapshot();
    for (const char* name : {"f", "l", "dir/sub"}) {
        const auto image = host::capture(h.root(), name);
        ASSERT_TRUE(image) << image.error().message;
        ASSERT_TRUE(host::put(h.root(), name, FileImage{}, *image));
        EXPECT_EQ(mode_of(t, name), "none");
        ASSERT_TRUE(host::put(h.root(), name, *image, FileImage{}));
        EXPECT_EQ(t.snapshot(), first) << name;
    }
}

TEST(FileImage, PutRefusesWhatChangedSince) {
    Tree t({{"f", "one"}});
    const auto h = t.host();
    const auto seen = *host::capture(h.root(), "f");
    t.write("f", "two");
    auto image = seen;
    image.content = "ours";
    EXPECT_EQ(host::put(h.root(), "f", image, seen).error().code, Code::busy);
    EXPECT_EQ(host::put(h.root(), "f", image, FileImage{}).error().code, Code::busy);
    EXPECT_EQ(host::put(h.root(), "f", FileImage{}, seen).error().code, Code::busy);
    EXPECT_EQ(t.read("f"), "two");
}

TEST(FileImage, AnInheritedAclDoesNotWidenANewFile) {
    Tree t;
    t.directory("d");
    // version 2; user::rwx, user:7:rwx, group::rwx, mask::rwx, other::rwx
    const unsigned char acl[] = {2, 0, 0,   0,   1,   0,   7,  0, 255, 255, 255, 255, 2,   0,  7,
                                 0, 7, 0,   0,   0,   4,   0,  7, 0,   255, 255, 255, 255, 16, 0,
                                 7, 0, 255, 255, 255, 255, 32, 0, 7,   0,   255, 255, 255, 255};
    if (::setxattr(t.path("d").c_str(), "system.posix_acl_default", acl, sizeof acl, 0) != 0)
        GTEST_SKIP() << "no ACLs on this file system";
    const auto h = t.host();
    ASSERT_TRUE(replace_file(h.root(), "d/f", "x", {0640, 0, 0}));
    EXPECT_EQ(*h.root().xattr("d/f", host::acl_xattr), std::nullopt);
    EXPECT_EQ(mode_of(t, "d/f"), std::to_string(0640) + " 0:0");
}
}  // namespace
