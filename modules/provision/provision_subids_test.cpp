// SPDX-License-Identifier: Apache-2.0
#include "modules/provision/testing/verdicts.hpp"

namespace plimsoll::modules::provision {
namespace {

using policy::AllocateRange;
using policy::EditLines;
using policy::Finding;
using policy::Status;
using policy::Tenant;
using Kind = Tenant::Kind;

constexpr std::string_view control = "provision.subid";

struct Files {
    const char* subuid;
    const char* subgid;
};

tests::Tree host_with(Files f) {
    return {{"/etc/passwd",
             "root:x:0:0::/root:/bin/sh\nbob:x:1000:1000::/home/bob:/bin/sh\n"
             "eve:x:1001:1001::/home/eve:/bin/sh\nfar:x:300000:300000::/:/bin/sh\n"},
            {"/etc/group", "root:x:0:\n"},
            {"/etc/subuid", f.subuid},
            {"/etc/subgid", f.subgid}};
}

Tenant bob(policy::SubidRequest uid, policy::SubidRequest gid) {
    auto t = tenant("bob", Kind::existing);
    t.subuid = std::move(uid);
    t.subgid = std::move(gid);
    return t;
}

Tenant bob(const policy::SubidRequest& both) {
    return bob(both, both);
}

Finding verdict(const tests::Tree& tree, const Tenant& t) {
    return of(judge(tree, only(t)), control, "bob");
}

TEST(ProvisionSubid, PassesWithWhatIsAskedFor) {
    const auto tree = host_with({"bob:200000:65536\n", "1000:200000:65536\n"});
    EXPECT_EQ(verdict(tree, bob(allocate())).status, Status::pass) << "owner by name, and by uid";
    EXPECT_EQ(verdict(tree, bob(exactly({{200000, 265536}}))).status, Status::pass);
    EXPECT_EQ(verdict(tree, bob(allocate(1000))).status, Status::pass) << "more than asked for";
    const auto two = host_with({"bob:200000:1000\nbob:201000:64536\n", "bob:200000:65536\n"});
    EXPECT_EQ(verdict(two, bob(exactly({{200000, 265536}}))).status, Status::pass) << "in two lines";
}

TEST(ProvisionSubid, AllocatesOneBlockForBothFiles) {
    const auto f = verdict(host_with({"eve:131072:65536\n", ""}), bob(allocate()));
    EXPECT_EQ(f.status, Status::fail);
    EXPECT_EQ(changes_of<AllocateRange>(f), (std::vector<AllocateRange>{{"bob", 196608, 65536, true, true}}));
}

TEST(ProvisionSubid, AllocatesForTheFileThatLacksIt) {
    const auto f = verdict(host_with({"bob:131072:65536\n", ""}), bob(allocate()));
    EXPECT_EQ(changes_of<AllocateRange>(f),
              (std::vector<AllocateRange>{{"bob", 196608, 65536, false, true}}));
}

TEST(ProvisionSubid, WorksWithoutTheFiles) {
    const tests::Tree tree{{"/etc/passwd", "bob:x:1000:1000::/:/bin/sh\n"}};
    EXPECT_EQ(changes_of<AllocateRange>(verdict(tree, bob(allocate()))),
              (std::vector<AllocateRange>{{"bob", 131072, 65536, true, true}}));
}

TEST(ProvisionSubid, ReadsTheLedgerOfTheStateDirectoryInUse) {
    const auto tree = host_with({"", ""});
    tree.write("/srv/state/subid-ledger",
               host::ledger_line({"gone", {131072, 196608}, true, true}, "2026-01-01T00:00:00Z"));
    auto host = tree.host();
    host.use_state_dir("/srv/state");
    EXPECT_EQ(changes_of<AllocateRange>(of(judge(host, only(bob(allocate()))), control, "bob")),
              (std::vector<AllocateRange>{{"bob", 196608, 65536, true, true}}));
}

TEST(ProvisionSubid, TwoTenantsNeverGetTheSameBlock) {
    policy::Provision p;
    p.tenants = {tenant("bob", Kind::existing), tenant("eve", Kind::existing), tenant("new", Kind::system)};
    for (auto& t : p.tenants)
        t.subuid = t.subgid = allocate();
    p.tenants.push_back(tenant("far", Kind::existing));
    p.tenants.back().subuid = exactly({{131072, 131072 + 65536}});
    const auto findings = judge(host_with({"", ""}), p);
    const auto start = [&](const char* user) {
        return changes_of<AllocateRange>(of(findings, control, user)).front().start;
    };
    EXPECT_EQ(start("bob"), 196608U) << "131072 is stated for another";
    EXPECT_EQ(start("eve"), 327680U) << "the next block has the account with uid 300000 in it";
    EXPECT_EQ(start("new"), 393216U) << "an account that is about to be made";
    EXPECT_EQ(start("far"), 131072U);
}

TEST(ProvisionSubid, AddsExactlyWhatIsMissing) {
    const auto wanted = bob(exactly({{200000, 265536}, {400000, 465536}}));
    const auto f = verdict(host_with({"bob:200000:65536\n", "bob:200000:1000\n"}), wanted);
    EXPECT_EQ(changes_of<AllocateRange>(f),
              (std::vector<AllocateRange>{{"bob", 400000, 65536, true, true},
                                          {"bob", 201000, 64536, false, true}}));
}

TEST(ProvisionSubid, AnOldRangeComesBackToItsOwnerAndToNobodyElse) {
    const auto tree = host_with({"", ""});
    tree.write("/var/lib/plimsoll/subid-ledger",
               host::ledger_line({"bob", {655360, 720896}, true, true}, "2001-01-01T00:00:00Z") +
                   host::ledger_line({"gone", {131072, 196608}, true, true}, "2001-01-01T00:00:00Z"));
    const std::vector<AllocateRange> again{{"bob", 655360, 65536, true, true}};
    EXPECT_EQ(changes_of<AllocateRange>(verdict(tree, bob(allocate()))), again);
    EXPECT_EQ(changes_of<AllocateRange>(verdict(tree, bob(exactly({{655360, 720896}})))), again);
    EXPECT_EQ(changes_of<EditLines>(verdict(tree, bob(exactly({{655360, 655460}})))),
              (std::vector<EditLines>{{"/etc/subuid", {}, {"bob:655360:100"}},
                                      {"/etc/subgid", {}, {"bob:655360:100"}}}));
    EXPECT_TRUE(for_a_person(verdict(tree, bob(exactly({{131072, 196608}}))))) << "gone's";
    policy::Provision p = only(tenant("eve", Kind::existing));
    p.tenants[0].subuid = allocate();
    EXPECT_EQ(changes_of<AllocateRange>(of(judge(tree, p), control)).front().start, 196608U);
}

TEST(ProvisionSubid, NeverTakesWhatIsSomebodyElses) {
    struct Case {
        const char* name;
        Files files;
        policy::SubidRequest wanted;
    };

    const auto mine = exactly({{200000, 265536}});
    const std::vector<Case> cases{
        {"another's line", {"eve:265535:1\n", ""}, mine},
        {"another's line in subgid only", {"", "eve:100000:100001\n"}, mine},
        {"octal for newuidmap alone", {"eve:0606500:1\n", ""}, mine},
        {"everything, by a count of 0", {"eve:0:0\n", ""}, mine},
        {"the ids of an account", {"", ""}, exactly({{300000, 300001}})},
        {"root", {"", ""}, exactly({{0, 65536}})},
        {"root, and already there", {"bob:0:65536\n", "bob:0:65536\n"}, exactly({{0, 65536}})},
        {"root, and counted", {"bob:0:65536\n", "bob:0:65536\n"}, allocate()},
        {"nobody", {"", ""}, exactly({{65534, 65535}})},
        {"beyond 32 bits", {"", ""}, exactly({{4294967295, 4294967297}})},
        {"a larger range than stated", {"bob:200000:70000\n", "bob:200000:65536\n"}, mine},
        {"a file that engines refuse", {"bob:200000:65536\nx:1:2:3\n", "bob:200000:65536\n"}, mine},
        {"another number for the engines", {"bob:0606500:65536\n", "bob:0606500:65536\n"}, allocate()},
    };
    for (const Case& c : cases)
        EXPECT_TRUE(for_a_person(verdict(host_with(c.files), bob(c.wanted)))) << c.name;
}

TEST(ProvisionSubid, TwoTenantsStatedTheSameAreRefused) {
    policy::Provision p;
    p.tenants = {tenant("bob", Kind::existing), tenant("eve", Kind::existing)};
    p.tenants[0].subuid = exactly({{200000, 265536}});
    p.tenants[1].subuid = exactly({{265535, 300000}});
    const auto findings = judge(host_with({"", ""}), p);
    EXPECT_TRUE(for_a_person(of(findings, control, "bob")));
    EXPECT_TRUE(for_a_person(of(findings, control, "eve")));
}

TEST(ProvisionSubid, GivesNothingToANameWithoutAccount) {
    auto t = tenant("ghost", Kind::existing);
    t.subuid = t.subgid = allocate();
    EXPECT_TRUE(for_a_person(of(judge(host_with({"", ""}), only(t)), control)));
    t.user = "a:0:65536\nb";
    for (const auto& f : judge(host_with({"", ""}), only(t)))
        EXPECT_TRUE(!f.fix || f.fix->changes.empty());
    t.user = "root";
    EXPECT_TRUE(for_a_person(of(judge(host_with({"", ""}), only(t)), control)));
}

TEST(ProvisionSubid, NoRoomIsSaid) {
    const auto tree = host_with({"", ""});
    tree.write("/etc/login.defs", "SUB_UID_MIN 100000\nSUB_UID_MAX 150000\n");
    EXPECT_TRUE(for_a_person(verdict(tree, bob(allocate()))));
}

TEST(ProvisionSubid, WhatCannotBeSeenIsUnknown) {
    const auto unknown_with = [](auto&& spoil) {
        const auto tree = host_with({"", ""});
        spoil(tree);
        return verdict(tree, bob(allocate())).status == Status::unknown;
    };
    EXPECT_TRUE(unknown_with([](const auto& t) { t.fifo("/etc/subuid"); }));
    EXPECT_TRUE(unknown_with([](const auto& t) { t.fifo("/etc/subgid"); }));
    EXPECT_TRUE(unknown_with([](const auto& t) { t.fifo("/etc/passwd"); }));
    EXPECT_TRUE(unknown_with([](const auto& t) { t.write("/etc/login.defs", "SUB_UID_MIN x\n"); }));
    EXPECT_TRUE(unknown_with([](const auto& t) { t.write("/etc/nsswitch.conf", "subid: sss\n"); }));
    EXPECT_TRUE(unknown_with([](const auto& t) { t.write("/var/lib/plimsoll/subid-ledger", "damaged\n"); }));
}

}  // namespace
}  // namespace plimsoll::modules::provision
