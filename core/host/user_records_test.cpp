// SPDX-License-Identifier: Apache-2.0
#include "core/host/user_records.hpp"

#include "tests/support/tree.hpp"

#include <gtest/gtest.h>

namespace plimsoll::host {
namespace {

using tests::Tree;

constexpr std::string_view machine = "0123456789abcdef0123456789abcdef";

Accounts accounts_of(const Tree& tree) {
    const auto host = tree.host();
    EXPECT_TRUE(host.accounts());
    return *host.accounts();
}

TEST(UserRecords, OfHomedCountWithWhatIsBoundToThisMachine) {
    const Tree tree{{"/etc/machine-id", std::string(machine) + "\n"},
                    {"/var/lib/systemd/home/hugo.identity",
                     R"({"userName": "hugo", "homeDirectory": "/home/h", "shell": "/bin/zsh", "binding": {)"
                     R"("ffffffffffffffffffffffffffffffff": {"uid": 60300}, )"
                     R"("0123456789abcdef0123456789abcdef": {"uid": 60231, "gid": 60232}}})"}};
    const auto found = accounts_of(tree);
    ASSERT_EQ(found.users.size(), 1U);
    const User& hugo = found.users.front();
    EXPECT_EQ(hugo.name, "hugo");
    EXPECT_EQ(hugo.uid, 60231U);
    EXPECT_EQ(hugo.gid, 60232U);
    EXPECT_EQ(hugo.home, "/home/h");
    EXPECT_EQ(hugo.shell, "/bin/zsh");
    EXPECT_TRUE(hugo.managed_home);
    EXPECT_TRUE(found.unseen_users.empty());
}

TEST(UserRecords, OfAnImageMayBeOfAnyMachine) {
    const Tree tree{{"/etc/machine-id", "uninitialized\n"},
                    {"/var/lib/systemd/home/hugo.identity",
                     R"({"userName": "hugo", "binding": {"ffffffffffffffffffffffffffffffff": {"uid": 7}}})"}};
    const auto found = accounts_of(tree);
    ASSERT_NE(found.user("hugo"), nullptr);
    EXPECT_EQ(found.user("hugo")->uid, 7U);
    EXPECT_EQ(found.user("hugo")->gid, 7U) << "as the uid";
    EXPECT_EQ(found.user("hugo")->home, "/home/hugo");
}

TEST(UserRecords, OfTheDropInsAreAccountsAndGroups) {
    const Tree tree{{"/etc/passwd", "alice:x:1000:1000::/home/alice:/bin/sh\n"},
                    {"/etc/group", "docker:x:990:\n"},
                    {"/etc/userdb/alice.user", R"({"userName": "alice", "uid": 1000})"},
                    {"/etc/userdb/eve.user", R"({"userName": "eve", "uid": 5001, "memberOf": ["docker"]})"},
                    {"/run/userdb/5002.user", R"({"userName": "frank", "uid": 5002, "gid": 100})"},
                    {"/usr/lib/userdb/ops.group", R"({"groupName": "ops", "gid": 700, "members": ["eve"]})"},
                    {"/usr/lib/userdb/README", "not a record"}};
    const auto found = accounts_of(tree);
    ASSERT_EQ(found.users.size(), 3U) << "alice once";
    ASSERT_NE(found.user("eve"), nullptr);
    EXPECT_EQ(found.user("eve")->uid, 5001U);
    EXPECT_FALSE(found.user("eve")->managed_home);
    ASSERT_NE(found.user(5002U), nullptr);
    EXPECT_EQ(found.user(5002U)->gid, 100U);
    EXPECT_EQ(found.members_of(*found.group("docker")), std::vector<std::string>{"eve"});
    ASSERT_NE(found.group("ops"), nullptr);
    EXPECT_EQ(found.group("ops")->gid, 700U);
    EXPECT_EQ(found.group("ops")->members, std::vector<std::string>{"eve"});
}

TEST(UserRecords, ThatCannotBeReadAreReasonsForUnseenUsers) {
    const std::string path = "/var/lib/systemd/home/hugo.identity";
    for (const char* text :
         {"", "{", "[]", "{}", R"({"userName": "hugo"})", R"({"userName": "", "uid": 7})",
          R"({"userName": "hugo", "uid": -1})", R"({"userName": "hugo", "uid": 4294967295})",
          R"({"userName": ["hugo"], "uid": 7})", R"({"uid": 7, "binding": [7]})"}) {
        const Tree tree{{path, text}};
        const auto found = accounts_of(tree);
        EXPECT_TRUE(found.users.empty()) << text;
        EXPECT_EQ(found.unseen_users.size(), 1U) << text;
        EXPECT_EQ(found.problems.size(), 1U) << text;
    }
    const Tree tree;
    tree.fifo(path);
    EXPECT_EQ(accounts_of(tree).unseen_users.size(), 1U);
}

TEST(UserRecords, AreNotAllThatNssSystemdMayKnow) {
    const Tree tree{{"/etc/nsswitch.conf", "passwd: files systemd\ngroup: files systemd\n"},
                    {"/run/systemd/userdb/io.systemd.DynamicUser", ""}};
    tree.directory("/run/systemd/dynamic-uid");
    EXPECT_TRUE(accounts_of(tree).unseen_users.empty());
    EXPECT_TRUE(accounts_of(tree).remote_sources.empty());
    for (const char* somebody :
         {"/usr/lib/systemd/systemd-homed", "/run/systemd/userdb/org.example.Directory",
          "/run/systemd/dynamic-uid/direct:web"}) {
        tree.write(somebody, "");
        EXPECT_EQ(accounts_of(tree).unseen_users.size(), 1U) << somebody;
        tree.write("/etc/nsswitch.conf", "passwd: files\ngroup: files systemd\n");
        EXPECT_TRUE(accounts_of(tree).unseen_users.empty()) << somebody;
        tree.write("/etc/nsswitch.conf", "passwd: files systemd\n");
        tree.remove(somebody);
    }
}

}  // namespace
}  // namespace plimsoll::host
