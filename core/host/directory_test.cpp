// SPDX-License-Identifier: Apache-2.0
#include "core/host/directory.hpp"

#include "tests/support/tree.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <dirent.h>
#include <fcntl.h>

namespace {
using namespace plimsoll;
using host::Directory;
using testing::ElementsAre;
using tests::Tree;

Directory open(const host::Host& host, const std::string& path) {
    auto opened = Directory::open(host.root(), path);
    EXPECT_TRUE(opened) << opened.error().message;
    return *std::move(opened);
}

TEST(Directory, ListsEverythingSortedAndAgain) {
    const Tree tree;
    std::vector<std::string> names;
    for (int i = 1000; i < 3000; ++i)  // more than one getdents64(2) gives
        names.push_back("file-with-a-long-name-" + std::to_string(i));
    for (const auto& name : names)
        tree.write("d/" + name, "");
    const auto host = tree.host();
    const auto dir = open(host, "/d");
    for (int round = 0; round < 2; ++round) {
        const auto listed = dir.list();
        ASSERT_TRUE(listed);
        std::vector<std::string> got;
        for (const auto& entry : *listed) {
            got.push_back(entry.name);
            EXPECT_EQ(entry.type, DT_REG);
        }
        EXPECT_EQ(got, names);
    }
}

TEST(Directory, StaysInTheRoot) {
    const Tree tree{{"inside/f", "ours"}};
    tree.link("out", "/../../inside");
    const auto host = tree.host();
    EXPECT_EQ(*open(host, "/out").read_regular("f"), "ours");
    EXPECT_EQ(Directory::open(host.root(), "/inside/f").error().sys_errno, ENOTDIR);
    EXPECT_EQ(Directory::open(host.root(), "/none").error().code, Code::not_found);
}

TEST(Directory, TakesOnlyTheRegularFilesThatWereListed) {
    const Tree tree{{"d/f", "text"}, {"secret", "no"}};
    tree.link("d/link", "../secret");
    tree.fifo("d/fifo");
    tree.directory("d/sub");
    const auto host = tree.host();
    const auto dir = open(host, "/d");
    EXPECT_EQ(*dir.read_regular("f"), "text");
    EXPECT_EQ(dir.read_regular("link").error().code, Code::integrity);  // a file became a symlink
    EXPECT_EQ(dir.read_regular("fifo").error().code, Code::integrity);  // and does not block
    EXPECT_EQ(dir.read_regular("sub").error().code, Code::integrity);
    EXPECT_EQ(dir.read_regular("gone").error().code, Code::not_found);
    EXPECT_EQ(dir.read_regular("f", 3).error().code, Code::invalid_input);
    EXPECT_EQ(dir.read_regular("f", 4).value(), "text");
}

TEST(Directory, ReadsLinksAndSaysWhatIsNone) {
    const Tree tree{{"d/f", ""}};
    tree.link("d/link", "../some\xff/where");
    const auto host = tree.host();
    const auto dir = open(host, "/d");
    EXPECT_EQ(*dir.read_link("link"), "../some\xff/where");
    EXPECT_FALSE(dir.read_link("f"));
    EXPECT_EQ(dir.read_link("gone").error().code, Code::not_found);
}

TEST(Directory, WhatTheKernelMakesIsReadWhateverItsSizeSays) {
    const auto host = host::Host::open("/");
    ASSERT_TRUE(host);
    const auto dir = open(*host, "/proc/self/../" + std::to_string(::getpid()));
    EXPECT_TRUE(dir.read_kernel("status", 1 << 20, true).value().starts_with("Name:\t"));
    EXPECT_EQ(dir.read_kernel("status", 10, true).error().code, Code::invalid_input);
    EXPECT_GT(dir.read_kernel("maps", 64 << 20, false).value().size(), 4096U);
}

TEST(Footprint, HoldsWhatWasReadThroughADirectory) {
    const Tree tree{{"d/f", "text"}};
    const auto host = tree.host();
    host::Footprint seen;
    host.root().record(&seen);
    const auto dir = open(host, "/d");
    EXPECT_TRUE(dir.list());
    EXPECT_TRUE(dir.read_regular("f"));
    EXPECT_FALSE(dir.read_link("none"));
    EXPECT_FALSE(host.root().list("/later"));
    host.root().record(nullptr);
    EXPECT_FALSE(host.root().exists("/not-recorded"));
    EXPECT_THAT(seen.paths, ElementsAre("/d", "/d/f", "/d/none", "/later"));
    EXPECT_THAT(seen.listed, ElementsAre("/d", "/later"));
}

TEST(Directory, RemembersWhatWasReadByItsPathToo) {
    const Tree tree{{"d/f", "old"}, {"d/large", std::string(20'000, 'x')}};
    const auto host = tree.host();
    const auto& root = host.root();
    const host::Sysroot::Remembering looking(root);
    EXPECT_EQ(*root.read("/d/f"), "old");
    const auto dir = open(host, "/d");
    EXPECT_EQ(dir.read_regular("large")->size(), 20'000U);
    tree.write("d/f", "new");
    tree.write("d/g", "old");
    tree.write("d/large", "new");
    host::Footprint seen;
    root.record(&seen);
    EXPECT_EQ(*dir.read_regular("f"), "old");
    EXPECT_EQ(dir.read_regular("f", 2).error().code, Code::invalid_input);
    root.record(nullptr);
    EXPECT_THAT(seen.paths, ElementsAre("/d/f")) << "whoever is told from memory depends on the file as well";
    EXPECT_EQ(*dir.read_regular("large"), "new");
    EXPECT_EQ(*dir.read_regular("g"), "old");
    tree.write("d/g", "new");
    EXPECT_EQ(*root.read("/d/g"), "old");
    host.forget();
    EXPECT_EQ(*dir.read_regular("f"), "new");
}

TEST(Footprint, EverybodyWhoAsksDependsOnWhatWasKept) {
    const Tree tree{{"etc/passwd", "root:x:0:0::/:/bin/sh\n"}, {"etc/group", ""}};
    const auto host = tree.host();
    EXPECT_TRUE(host.accounts());  // kept, and nobody recorded
    const auto record = [&] {
        host::Footprint seen;
        host.root().record(&seen);
        EXPECT_TRUE(host.accounts());
        EXPECT_TRUE(host.units());
        host.root().record(nullptr);
        return seen;
    };
    const auto first = record();
    EXPECT_TRUE(first.paths.contains("/etc/passwd"));
    EXPECT_TRUE(first.listed.contains("/etc/systemd/system") || first.paths.contains("/etc/systemd/system"));
    EXPECT_EQ(record(), first);
    host.forget();
    EXPECT_EQ(record(), first);
}

}  // namespace
