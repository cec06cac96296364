// SPDX-License-Identifier: Apache-2.0
#include "core/host/policy_files.hpp"

#include "core/base/text.hpp"
#include "core/policy/testing/catalogue.hpp"
#include "tests/support/tree.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <sys/stat.h>
#include <sys/sysmacros.h>

namespace {
using namespace plimsoll;
using namespace plimsoll::host;
using policy::fake::catalogue;
using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;

const std::string usr = "/usr/lib/plimsoll/policy.d/";
const std::string run = "/run/plimsoll/policy.d/";
const std::string etc = "/etc/plimsoll/policy.d/";
const std::string state = "/var/lib/plimsoll";

std::vector<std::string> paths(const Result<std::vector<policy::PolicyFile>>& files) {
    std::vector<std::string> out;
    if (!files)
        return {"error: " + files.error().message};
    for (const auto& f : *files)
        out.push_back(f.path + "=" + f.text);
    return out;
}

TEST(FindPolicyFiles, NoneIsFine) {
    EXPECT_THAT(paths(find_policy_files(tests::Tree{}.host())), ElementsAre());
    const tests::Tree tree{{etc + "README", "x"}, {etc + "a.toml~", "x"}, {etc + ".#a.toml", "x"}};
    EXPECT_THAT(paths(find_policy_files(tree.host())), ElementsAre());
}

TEST(FindPolicyFiles, LayersThenNames) {
    const tests::Tree tree{{etc + "10-a.toml", "5"}, {etc + "05-b.toml", "4"}, {run + "50-c.toml", "3"},
                           {usr + "99-z.toml", "2"}, {usr + "10-y.toml", "1"}, {usr + "10-a.toml", "0"}};
    EXPECT_THAT(paths(find_policy_files(tree.host())),
                ElementsAre(usr + "10-y.toml=1", usr + "99-z.toml=2", run + "50-c.toml=3",
                            etc + "05-b.toml=4", etc + "10-a.toml=5"));
}

TEST(FindPolicyFiles, Masks) {
    const tests::Tree tree{{usr + "a.toml", "a"}, {usr + "b.toml", "b"},   {usr + "c.toml", "c"},
                           {usr + "d.toml", "d"}, {usr + "e.toml", "e"},   {run + "b.toml", ""},
                           {etc + "d.toml", "D"}, {etc + "real", "linked"}};
    tree.link(etc + "a.toml", "/dev/null");
    tree.link(etc + "c.toml", "../../../dev/null");
    tree.link(run + "d.toml", "/dev/null");  // itself replaced in /etc
    tree.link(etc + "e.toml", "real");       // a link to a file is that file
    EXPECT_THAT(paths(find_policy_files(tree.host())), ElementsAre(etc + "d.toml=D", etc + "e.toml=linked"));
}

TEST(FindPolicyFiles, ALinkCannotLeaveTheRoot) {
    const tests::Tree tree{{"/etc/passwd", "inside"}};
    tree.directory(etc);
    tree.link(etc + "a.toml", "/etc/passwd");
    tree.link(etc + "b.toml", "../../../../../../../../etc/passwd");
    EXPECT_THAT(paths(find_policy_files(tree.host())),
                ElementsAre(etc + "a.toml=inside", etc + "b.toml=inside"));
}

TEST(FindPolicyFiles, WhatCannotBeReadIsAProblemEach) {
    const tests::Tree tree{{usr + "good.toml", "x"}, {usr + "fifo.toml", "x"}};
    tree.directory(etc + "dir.toml");
    tree.fifo(run + "fifo.toml");
    tree.link(etc + "gone.toml", "/nowhere");
    tree.link(etc + "loop.toml", "loop.toml");
    ASSERT_EQ(::mknod((tree.path(etc) / "null.toml").c_str(), S_IFCHR | 0600, makedev(1, 3)), 0);
    const auto files = find_policy_files(tree.host());
    ASSERT_FALSE(files);
    EXPECT_EQ(files.error().code, Code::invalid_input);
    const auto lines = split(files.error().message, '\n');
    EXPECT_THAT(std::vector<std::string>(lines.begin(), lines.end()),
                ElementsAre(AllOf(HasSubstr(run + "fifo.toml: "), HasSubstr("is a FIFO")),
                            AllOf(HasSubstr(etc + "dir.toml: "), HasSubstr("is a directory")),
                            HasSubstr(etc + "gone.toml: "), HasSubstr(etc + "loop.toml: "),
                            AllOf(HasSubstr(etc + "null.toml: "), HasSubstr("is a character device"))));
}

TEST(FindPolicyFiles, ADirectoryThatIsNoneIsAProblem) {
    const std::pair<const char*, void (*)(const tests::Tree&)> cases[] = {
        {"a file for it", [](const tests::Tree& t) { t.write("/etc/plimsoll/policy.d", "x"); }},
        {"a file for its parent", [](const tests::Tree& t) { t.write("/etc/plimsoll", "x"); }},
        {"an empty file", [](const tests::Tree& t) { t.write("/etc/plimsoll/policy.d", ""); }},
        {"a link to nowhere",
         [](const tests::Tree& t) {
             t.directory("/etc/plimsoll");
             t.link("/etc/plimsoll/policy.d", "/nowhere");
         }},
        {"its parent a link to nowhere",
         [](const tests::Tree& t) {
             t.directory("/etc");
             t.link("/etc/plimsoll", "/nowhere");
         }},
    };
    for (const auto& [name, make] : cases) {
        const tests::Tree tree{{usr + "a.toml", "a"}};
        make(tree);
        const auto files = find_policy_files(tree.host());
        ASSERT_FALSE(files) << name;
        EXPECT_THAT(files.error().message, HasSubstr("/etc/plimsoll/policy.d: ")) << name;
    }
    const tests::Tree linked{{"/srv/policy/a.toml", "a"}};
    linked.directory("/etc/plimsoll");
    linked.link("/etc/plimsoll/policy.d", "/srv/policy");
    EXPECT_THAT(paths(find_policy_files(linked.host())), ElementsAre(etc + "a.toml=a"));
}

TEST(ReadPolicyPath, TakesAFileOrADirectory) {
    const tests::Tree tree{
        {"d/b.toml", "b"}, {"d/a.toml", "a"}, {"d/c.txt", "c"}, {"e/x", "x"}, {"one", "1"}};
    tree.fifo("d2/f.toml");
    const auto at = [&](const char* p) { return tree.path(p).string(); };
    EXPECT_THAT(paths(read_policy_path(at("one"))), ElementsAre(at("one") + "=1"));
    EXPECT_THAT(paths(read_policy_path(at("d"))), ElementsAre(at("d/a.toml") + "=a", at("d/b.toml") + "=b"));
    EXPECT_EQ(read_policy_path(at("e")).error().code, Code::not_found);
    EXPECT_EQ(read_policy_path(at("none")).error().code, Code::not_found);
    EXPECT_EQ(read_policy_path("").error().code, Code::invalid_input);
    EXPECT_EQ(read_policy_path(at("d2/f.toml")).error().code, Code::integrity);
    EXPECT_THAT(read_policy_path(at("d2")).error().message, HasSubstr("is a FIFO"));
}

constexpr const char* good = "[control.\"demo.live\"]\nmin = 7\n";

TEST(LoadPolicy, DefaultsWithoutFiles) {
    const tests::Tree tree;
    const auto loaded = load_policy(tree.host(), state, catalogue());
    ASSERT_TRUE(loaded) << loaded.error().message;
    EXPECT_EQ(loaded->policy.profile, "audit-only");
    EXPECT_TRUE(loaded->broken.empty());
}

TEST(LoadPolicy, ABrokenFileWithoutALastGoodPolicyIsAnError) {
    const tests::Tree tree{{etc + "a.toml", "x = 1\ny = 2\n"}, {etc + "b.toml", good}};
    tree.fifo(run + "c.toml");
    const auto loaded = load_policy(tree.host(), state, catalogue());
    ASSERT_FALSE(loaded);
    EXPECT_EQ(loaded.error().code, Code::invalid_input);
    EXPECT_THAT(loaded.error().message,
                AllOf(HasSubstr(run + "c.toml: "), HasSubstr("\n" + etc + "a.toml:1:1: "),
                      HasSubstr("\n" + etc + "a.toml:2:1: ")));
}

TEST(LoadPolicy, ABrokenFileLeavesTheLastGoodPolicyInForce) {
    const tests::Tree tree{{etc + "a.toml", good}};
    const auto first = load_policy(tree.host(), state, catalogue());
    ASSERT_TRUE(first);
    ASSERT_TRUE(keep_last_good(tree.host(), state, first->policy, catalogue()));

    const std::pair<const char*, void (*)(const tests::Tree&)> breaks[] = {
        {"a.toml:1:1: ", [](const tests::Tree& t) { t.write(etc + "a.toml", "profil = 1\n"); }},
        {"a.toml: ",
         [](const tests::Tree& t) {
             t.remove(etc + "a.toml");
             t.fifo(etc + "a.toml");
         }},
        {"a.toml: ",
         [](const tests::Tree& t) {
             t.remove(etc + "a.toml");
             t.link(etc + "a.toml", "gone");
         }},
    };
    for (const auto& [problem, spoil] : breaks) {
        spoil(tree);
        const auto loaded = load_policy(tree.host(), state, catalogue());
        ASSERT_TRUE(loaded) << loaded.error().message;
        EXPECT_EQ(loaded->policy.digest, first->policy.digest);
        EXPECT_EQ(loaded->policy.params.at("demo.live").at("min"), Value(7));
        EXPECT_THAT(loaded->broken, ElementsAre(HasSubstr(problem)));
    }
    // Mended: nothing is broken, and what the files say counts.
    tree.remove(etc + "a.toml");
    tree.write(etc + "a.toml", "profile = \"rootless-strict\"\n");
    const auto mended = load_policy(tree.host(), state, catalogue());
    ASSERT_TRUE(mended);
    EXPECT_EQ(mended->policy.profile, "rootless-strict");
    EXPECT_TRUE(mended->broken.empty());
}

TEST(LoadPolicy, ADamagedLastGoodPolicyIsToldToo) {
    const tests::Tree tree{{etc + "a.toml", "x = 1\n"}, {state + "/policy-last-good.toml", "profile = \"\n"}};
    const auto loaded = load_policy(tree.host(), state, catalogue());
    ASSERT_FALSE(loaded);
    EXPECT_THAT(loaded.error().message, AllOf(HasSubstr(etc + "a.toml:1:1: "),
                                              HasSubstr("\n" + state + "/policy-last-good.toml:1:")));
}

TEST(KeepLastGood, MakesAPrivateFileAndLeavesAnEqualOneAlone) {
    const tests::Tree tree{{etc + "a.toml", good}};
    const auto loaded = load_policy(tree.host(), state, catalogue());
    ASSERT_TRUE(loaded);
    const auto inode = [&] { return tree.host().root().stat(state + "/policy-last-good.toml")->st_ino; };
    ASSERT_TRUE(keep_last_good(tree.host(), state, loaded->policy, catalogue()));
    EXPECT_EQ(tree.host().root().stat(state)->st_mode & 07777, 0700U);
    EXPECT_EQ(tree.host().root().stat(state + "/policy-last-good.toml")->st_mode & 07777, 0600U);
    const auto before = inode();
    ASSERT_TRUE(keep_last_good(tree.host(), state, loaded->policy, catalogue()));
    EXPECT_EQ(inode(), before);
    auto other = policy::compile_policy({{"f", "profile = \"rootless-strict\"\n"}}, catalogue());
    ASSERT_TRUE(other);
    ASSERT_TRUE(keep_last_good(tree.host(), state, *other, catalogue()));
    EXPECT_NE(inode(), before);
    EXPECT_EQ(tree.read(state + "/policy-last-good.toml"), policy::to_policy_toml(*other, catalogue()));
    EXPECT_EQ(tree.host().root().list(state)->size(), 1U);  // no temporary file stays
}
}  // namespace
