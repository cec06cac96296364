// SPDX-License-Identifier: Apache-2.0
#include "modules/provision/tenant.hpp"
#include "modules/provision/testing/verdicts.hpp"

namespace plimsoll::modules::provision {
namespace {

using policy::EditLines;
using policy::Finding;
using policy::MakeDirectory;
using policy::Status;
using policy::Tenant;
using Kind = Tenant::Kind;

constexpr std::string_view control = "provision.user";

tests::Tree debian() {
    return {{"/etc/passwd", "root:x:0:0:root:/root:/bin/bash\nalice:x:1000:1000::/home/alice:/bin/bash\n"},
            {"/etc/group", "root:x:0:\nalice:x:1000:\n"},
            {"/etc/shadow", "root:*:20780:0:99999:7:::\n"},
            {"/etc/gshadow", "root:*::\n"},
            {"/etc/login.defs", "UID_MIN 1000\nUID_MAX 60000\nSYS_UID_MIN 100\nSYS_UID_MAX 999\n"}};
}

TEST(ProvisionUser, MakesAMissingSystemAccount) {
    const auto tree = debian();
    const Finding f = of(judge(tree, only(tenant("svc", Kind::system))), control, "svc");
    EXPECT_EQ(f.status, Status::fail);
    EXPECT_EQ(f.fix->cls, policy::FixClass::live);
    EXPECT_EQ(
        changes_of<EditLines>(f),
        (std::vector<EditLines>{{"/etc/group", {}, {"svc:x:999:"}},
                                {"/etc/gshadow", {}, {"svc:!::"}},
                                {"/etc/shadow", {}, {"svc:!*:11574::::::"}},
                                {"/etc/passwd", {}, {"svc:x:999:999::/var/lib/svc:/usr/sbin/nologin"}}}));
    EXPECT_EQ(changes_of<MakeDirectory>(f), (std::vector<MakeDirectory>{{"/var/lib/svc", 0700, 999, 999}}));
}

TEST(ProvisionUser, MakesAMissingRegularAccountAboveTheOthers) {
    const auto tree = debian();
    const Finding f = of(judge(tree, only(tenant("bob", Kind::regular))), control, "bob");
    EXPECT_EQ(changes_of<EditLines>(f).back().add,
              std::vector<std::string>{"bob:x:1001:1001::/home/bob:/bin/bash"});
    EXPECT_EQ(changes_of<EditLines>(f)[2].add, std::vector<std::string>{"bob:!:11574::::::"});
}

TEST(ProvisionUser, TwoNewTenantsGetTwoIdsAndStatedOnesAreKeptFree) {
    const auto tree = debian();
    policy::Provision p;
    p.tenants = {tenant("one", Kind::system), tenant("two", Kind::system), tenant("three", Kind::system)};
    p.tenants[2].uid = 999;
    const auto findings = judge(tree, p);
    const auto uid_of = [&](const char* user) {
        return changes_of<MakeDirectory>(of(findings, control, user)).front().uid;
    };
    EXPECT_EQ(uid_of("one"), 998U);
    EXPECT_EQ(uid_of("two"), 997U);
    EXPECT_EQ(uid_of("three"), 999U);
}

TEST(ProvisionUser, WritesNoShadowEntryWhereThereIsNoShadow) {
    const tests::Tree tree{{"/etc/passwd", "root::0:0::/:/bin/sh\n"}, {"/etc/group", "root:x:0:\n"}};
    const Finding f = of(judge(tree, only(tenant("svc", Kind::system))), control);
    const auto edits = changes_of<EditLines>(f);
    ASSERT_EQ(edits.size(), 2U);
    EXPECT_EQ(edits[1].add, std::vector<std::string>{"svc:!*:999:999::/var/lib/svc:/usr/sbin/nologin"})
        << "an account with an empty or 'x' password field and no shadow must not arise";
}

TEST(ProvisionUser, KnowsAccountsThatOnlyTheImageHas) {
    auto tree = debian();
    tree.write("/usr/lib/passwd", "core:x:990:990::/var/lib/core:/sbin/nologin\nold:x:999:998::/:/bin/sh\n");
    tree.write("/usr/lib/group", "x:x:998:\n");
    tree.directory("/var/lib/core");
    EXPECT_EQ(of(judge(tree, only(tenant("core", Kind::existing))), control).status, Status::pass);
    const auto made = of(judge(tree, only(tenant("svc", Kind::system))), control);
    EXPECT_EQ(changes_of<MakeDirectory>(made).front().uid, 997U) << "999 is a uid, 998 a gid of the image";
}

TEST(ProvisionUser, LeavesASubordinateIdAlone) {
    auto tree = debian();
    tree.write("/etc/subuid", "mallory:900:100\n");
    EXPECT_EQ(
        changes_of<MakeDirectory>(of(judge(tree, only(tenant("svc", Kind::system))), control)).front().uid,
        899U);
    auto t = tenant("svc", Kind::system);
    t.uid = 950;
    EXPECT_TRUE(for_a_person(of(judge(tree, only(t)), control)));
}

TEST(ProvisionUser, IsContentWithWhatIsThere) {
    auto tree = debian();
    EXPECT_EQ(of(judge(tree, only(tenant("alice", Kind::existing))), control).status, Status::pass);
    tree.write("/etc/passwd", "root:x:0:0::/root:/bin/bash\nme:x:" + std::to_string(::getuid() + 1000) +
                                  ":1::/home/me:/bin/sh\n");
    auto t = tenant("me", Kind::regular);
    t.uid = ::getuid() + 1000;
    const auto missing_home = of(judge(tree, only(t)), control);
    EXPECT_EQ(changes_of<MakeDirectory>(missing_home),
              (std::vector<MakeDirectory>{{"/home/me", 0700, ::getuid() + 1000, 1}}));
}

struct Case {
    const char* name;
    Tenant wanted;
    const char* passwd;
};

TEST(ProvisionUser, LeavesToAPersonWhatItMustNotDecide) {
    const auto with_uid = [](Tenant t, std::uint32_t uid) {
        t.uid = uid;
        return t;
    };
    auto other_home = tenant("a", Kind::existing);
    other_home.home = "/srv/a";
    const std::vector<Case> cases{
        {"missing", tenant("ghost", Kind::existing), ""},
        {"root by another name", tenant("toor", Kind::existing), "toor:x:0:0::/root:/bin/sh"},
        {"other uid", with_uid(tenant("a", Kind::existing), 1005), "a:x:1000:1000::/home/a:/bin/sh"},
        {"shared uid", tenant("a", Kind::existing), "a:x:1000:1000::/a:/bin/sh\nb:x:1000:1000::/b:/bin/sh"},
        {"other home", other_home, "a:x:1000:1000::/home/a:/bin/sh"},
        {"system wanted, regular found", tenant("a", Kind::system), "a:x:1000:1000::/home/a:/bin/sh"},
        {"regular wanted, system found", tenant("a", Kind::regular), "a:x:999:999::/home/a:/bin/sh"},
        {"uid taken", with_uid(tenant("a", Kind::system), 500), "b:x:500:500::/:/bin/sh"},
        {"uid reserved", with_uid(tenant("a", Kind::system), 65534), ""},
        {"a line that is no entry", tenant("a", Kind::system), "a:x:12 34:5::/:/bin/sh"},
        {"uid 0 stated", with_uid(tenant("a", Kind::system), 0), ""},
    };
    for (const Case& c : cases) {
        const tests::Tree tree{{"/etc/passwd", std::string("root:x:0:0::/root:/bin/sh\n") + c.passwd + "\n"},
                               {"/etc/group", "root:x:0:\n"}};
        EXPECT_TRUE(for_a_person(of(judge(tree, only(c.wanted)), control))) << c.name;
    }
}

TEST(ProvisionUser, NothingLeftOfAnOlderAccountComesToLife) {
    auto tree = debian();
    const auto svc = only(tenant("svc", Kind::system));
    tree.write("/etc/shadow", "svc:$y$j9T$abc:1::::::\n");
    EXPECT_TRUE(for_a_person(of(judge(tree, svc), control))) << "an old password";
    tree.write("/etc/shadow", "svc:!$y$j9T$abc:1::::::\n");
    EXPECT_EQ(changes_of<EditLines>(of(judge(tree, svc), control)).size(), 3U) << "locked: no second line";
    tree.write("/etc/group", "root:x:0:\nsvc:x:500:alice\n");
    EXPECT_TRUE(for_a_person(of(judge(tree, svc), control))) << "a group with members";
    tree.write("/etc/group", "root:x:0:\nsvc:x:500:\n");
    EXPECT_EQ(changes_of<EditLines>(of(judge(tree, svc), control)).back().add,
              std::vector<std::string>{"svc:x:500:500::/var/lib/svc:/usr/sbin/nologin"})
        << "an empty group of its own is taken";
    tree.write("/etc/group", "root:x:0:\nsvc:x:50:\n");
    EXPECT_EQ(changes_of<EditLines>(of(judge(tree, svc), control)).back().add,
              std::vector<std::string>{"svc:x:999:50::/var/lib/svc:/usr/sbin/nologin"})
        << "its number is not for accounts: the uid is another one";
    tree.write("/etc/group", "root:x:0:\ndocker:x:500:\n");
    EXPECT_TRUE(for_a_person(of(judge(tree, only(tenant("docker", Kind::system))), control)));
    tree.write("/etc/group", "root:x:0:\n");
    tree.directory("/var/lib/svc");
    EXPECT_TRUE(for_a_person(of(judge(tree, svc), control))) << "somebody's directory in the home's place";
}

TEST(ProvisionUser, TheShellIsSetWhereTheAccountStandsInEtc) {
    const auto tree = debian();
    auto t = tenant("alice", Kind::existing);
    t.shell = "/usr/sbin/nologin";
    const auto f = of(judge(tree, only(t)), control);
    EXPECT_EQ(changes_of<EditLines>(f),
              (std::vector<EditLines>{{"/etc/passwd",
                                       {"alice:x:1000:1000::/home/alice:/bin/bash"},
                                       {"alice:x:1000:1000::/home/alice:/usr/sbin/nologin"},
                                       true}}));
}

TEST(ProvisionUser, WhatCannotBeSeenIsUnknown) {
    auto tree = debian();
    const auto svc = only(tenant("svc", Kind::system));
    tree.write("/etc/login.defs", "SYS_UID_MAX lots\n");
    EXPECT_EQ(of(judge(tree, svc), control).status, Status::unknown) << "login.defs";
    tree.fifo("/etc/shadow");
    EXPECT_EQ(of(judge(tree, svc), control).status, Status::unknown) << "shadow";
    tree.write("/etc/nsswitch.conf", "passwd: files sss\n");
    EXPECT_EQ(of(judge(tree, only(tenant("ghost", Kind::existing))), control).status, Status::unknown);
    EXPECT_EQ(of(judge(tree, only(tenant("ghost", Kind::regular))), control).status, Status::unknown);
    tree.fifo("/etc/passwd");
    EXPECT_EQ(of(judge(tree, svc), control).status, Status::unknown) << "passwd";
}

TEST(ProvisionUser, NoSeparatorGetsIntoADatabase) {
    const auto tree = debian();
    for (const std::string bad : {"a:b", "a\nroot2:x:0:0::/:/bin/sh", "", "-x", "+", "12", "..", "a/b", "a b",
                                  "a,b", "a\x7f", "\xff"}) {
        const auto findings = judge(tree, only(tenant(bad, Kind::system)));
        EXPECT_TRUE(for_a_person(of(findings, control))) << bad;
        for (const auto& f : findings)
            EXPECT_TRUE(!f.fix || f.fix->changes.empty()) << bad;
    }
    auto t = tenant("svc", Kind::system);
    for (const std::string bad : {"/a:b", "/a\nb", "relative", "/", "/a/../b", "/a//b"}) {
        t.home = bad;
        t.shell.clear();
        EXPECT_TRUE(for_a_person(of(judge(tree, only(t)), control))) << bad;
        t.home.clear();
        t.shell = bad;
        EXPECT_TRUE(for_a_person(of(judge(tree, only(t)), control))) << bad;
    }
}

TEST(ProvisionUser, ATenantNamedTwiceIsRefusedTheSecondTime) {
    policy::Provision p;
    p.tenants = {tenant("svc", Kind::system), tenant("svc", Kind::regular)};
    const auto findings = judge(debian(), p);
    EXPECT_FALSE(for_a_person(findings[0]));
    EXPECT_TRUE(for_a_person(findings[1]));
}

TEST(Provision, SaysForEveryControlThatNothingIsConfigured) {
    const auto findings = judge(debian(), policy::Provision{});
    ASSERT_EQ(findings.size(), Provision::controls().size());
    for (std::size_t i = 0; i < findings.size(); ++i) {
        EXPECT_EQ(findings[i].control, Provision::controls()[i].id);
        EXPECT_EQ(findings[i].status, Status::not_applicable);
    }
}

}  // namespace
}  // namespace plimsoll::modules::provision
