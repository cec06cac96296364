// SPDX-License-Identifier: Apache-2.0
#include "core/host/user_records.hpp"

#include "core/host/name_services.hpp"
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

TEST(UserRecords, SayWhoIsInAGroupByMembershipFilesToo) {
    const Tree tree{
        {"/etc/group", "docker:x:990:\n"},           {"/usr/lib/userdb/alice:docker.membership", ""},
        {"/run/userdb/bob:docker.membership", "{}"}, {"/etc/userdb/carol:ops.membership", ""},
        {"/etc/userdb/dave.membership", ""},         {"/etc/userdb/erin:docker", ""},
        {"/etc/userdb/:docker:x.membership", ""},    {"/usr/lib/userdb/frank:docker.membership", ""}};
    tree.link("/etc/userdb/frank:docker.membership", "/dev/null");
    const auto found = accounts_of(tree);
    EXPECT_EQ(found.group("docker")->members, (std::vector<std::string>{"bob", "alice"}));
    EXPECT_TRUE(found.problems.empty());
}

TEST(UserRecords, SayMoreForSingleMachines) {
    const auto found_with = [](const std::string& section, std::string_view id) {
        const Tree tree{
            {"/etc/machine-id", std::string(id) + "\n"},
            {"/etc/group", "docker:x:990:\n"},
            {"/etc/userdb/eve.user",
             R"({"userName": "eve", "uid": 5001, "gid": 5001, "memberOf": ["ops"], "perMachine": [{)" +
                 section + R"("memberOf": ["docker"], "gid": 990}]})"},
            {"/etc/userdb/ops.group",
             R"({"groupName": "ops", "gid": 700, "members": ["bob"], "perMachine": [{)" + section +
                 R"("members": ["alice", "bob"]}]})"}};
        const auto found = accounts_of(tree);
        std::vector<std::string> out{std::to_string(found.user("eve")->gid)};
        for (const char* group : {"docker", "ops"})
            for (const auto& member : found.group(group)->members)
                out.push_back(std::string(group) + " " + member);
        return out;
    };
    using Strings = std::vector<std::string>;
    const Strings matched{"990", "docker eve", "ops bob", "ops alice", "ops eve"};
    const Strings apart{"5001", "ops bob", "ops eve"};
    const std::string dashed = R"("matchMachineId": ["x", "01234567-89ab-cdef-0123-456789abcdef"], )";
    EXPECT_EQ(found_with(R"("matchMachineId": "0123456789abcdef0123456789abcdef", )", machine), matched);
    EXPECT_EQ(found_with(dashed, machine), matched);
    EXPECT_EQ(found_with(dashed, "uninitialized"), matched) << "an image may be of any machine";
    EXPECT_EQ(found_with(R"("matchMachineId": "ffffffffffffffffffffffffffffffff", )", machine), apart);
    EXPECT_EQ(found_with(R"("matchMachineId": 7, )", machine), apart);
    EXPECT_EQ(found_with("", machine), apart) << "a section that matches nothing";
    // A host may be called so: the groups count, while the number is that of the record.
    EXPECT_EQ(found_with(R"("matchHostname": "web", )", machine),
              (Strings{"5001", "docker eve", "ops bob", "ops alice", "ops eve"}));
}

TEST(UserRecords, OfGroupsAddTheirMembersToThoseOfTheFile) {
    const Tree tree{
        {"/etc/group", "docker:x:990:alice\nops:x:991:\n"},
        {"/etc/userdb/docker.group", R"({"groupName": "docker", "gid": 990, "members": ["eve"]})"},
        {"/etc/userdb/ops.group", R"({"groupName": "ops", "gid": 992, "members": ["eve"]})"}};
    const auto found = accounts_of(tree);
    EXPECT_EQ(found.group(990U)->members, (std::vector<std::string>{"alice", "eve"}));
    EXPECT_TRUE(found.group(991U)->members.empty());
    EXPECT_EQ(found.group(992U)->members, std::vector<std::string>{"eve"});
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

TEST(UserRecords, AreNotAllMembersWhereAnotherServiceIsAsked) {
    const Tree tree{{"/run/systemd/userdb/io.systemd.DynamicUser", ""},
                    {"/run/systemd/userdb/io.systemd.NamespaceResource", ""},
                    {"/usr/lib/systemd/systemd-homed", ""}};
    const auto with = [&](std::string_view conf) {
        tree.write("/etc/nsswitch.conf", conf);
        return !unseen_members(tree.host().root()).empty();
    };
    constexpr std::string_view conf = "passwd: files systemd\ngroup: files systemd\n";
    EXPECT_FALSE(with(conf));
    tree.write("/run/systemd/userdb/org.example.Directory", "");
    EXPECT_TRUE(with(conf));
    EXPECT_TRUE(with("group: files systemd\n"));
    EXPECT_TRUE(with("initgroups: files systemd\n"));
    EXPECT_TRUE(with("passwd: files systemd\ngroup: files\n")) << "whose primary group may be any";
    EXPECT_FALSE(with("passwd: files\ngroup: files\n"));
    tree.remove("/run/systemd/userdb");
    tree.write("/run/systemd/userdb", "");
    EXPECT_FALSE(with(conf)) << "no directory";
}

}  // namespace
}  // namespace plimsoll::host
