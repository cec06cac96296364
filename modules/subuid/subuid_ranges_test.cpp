// SPDX-License-Identifier: Apache-2.0
// A01, A02, A04 and A05.
#include "core/base/text.hpp"
#include "modules/subuid/test_support.hpp"

#include <array>

namespace plimsoll::modules::subuid {
namespace {

constexpr const char* one = "alice:100000:65536\n";
constexpr std::string_view fine = "alice:100000:65536\nbob:165536:65536\n";

TEST(RootDelegated, IsFoundInEveryReading) {
    expect_cases(
        "subuid.root-delegated",
        {
            {"fine", std::string(fine), std::string(fine), {"pass host"}},
            {"empty", "", "", {"pass host"}},
            {"plain", "mallory:0:1\n", "", {"fail mallory critical fixable"}},
            {"group file", "", "mallory:0:1\n", {"fail mallory critical fixable"}},
            {"count zero is every id", "mallory:0:0\n", "", {"fail mallory critical fixable"}},
            {"count zero elsewhere is none", "mallory:5:0\n", "", {"pass host"}},
            {"octal zero", "mallory:00:1\n", "", {"fail mallory critical fixable"}},
            {"hex zero", "mallory:0x0:1\n", "", {"fail mallory critical fixable"}},
            {"hex, zero for dockerd only", "alice:0x186A0:65536\n", "", {"fail alice high fixable"}},
            {"2^32 wraps in the kernel", "mallory:4294967296:1\n", "", {"fail mallory critical fixable"}},
            {"range across 2^32", "mallory:4294967295:2\n", "", {"fail mallory critical fixable"}},
            {"minus one", "mallory:-1:2\n", "", {"fail mallory critical fixable"}},
            {"minus count", "mallory:0:-1\n", "", {"fail mallory critical fixable"}},
            {"carriage return, only Go readers", "mallory:0:1\r\n", "", {"fail mallory critical fixable"}},
            {"leading blank, two owners",
             " mallory:0:1\n",
             "",
             {"fail  mallory critical fixable", "fail mallory critical fixable"}},
            {"four fields", "mallory:0:1:x\n", "", {"fail mallory critical fixable"}},
            {"no final newline", "mallory:0:1", "", {"fail mallory critical fixable"}},
            {"long name, dropped by shadow",
             std::string(2000, 'm') + ":0:1\n",
             "",
             {"fail " + printable(std::string(2000, 'm')) + " critical fixable"}},
            {"commented out", "#mallory:0:1\n", "", {"fail #mallory low fixable"}},
            {"words only", "# mallory 0 1\nbroken\n", "", {"pass host"}},
        });
}

TEST(RootDelegated, IsCriticalForDockerdsOwnUser) {
    const Tree tree;
    fill(tree, "dockremap:0x186A0:65536\n", "");
    tree.write("/etc/docker/daemon.json", R"({"userns-remap": "default"})");
    EXPECT_EQ(brief(judge(tree, "subuid.root-delegated")),
              std::vector<std::string>{"fail dockremap critical fixable"});
    tree.write("/etc/docker/daemon.json", "{");  // unreadable: it may be anybody
    EXPECT_EQ(brief(judge(tree, "subuid.root-delegated")),
              std::vector<std::string>{"fail dockremap critical fixable"});
}

TEST(RootDelegated, KeepsTheInnocentPart) {
    const Tree tree;
    fill(tree, "alice:0:200000\nbob:0:165536\n", "");
    const auto found = judge(tree, "subuid.root-delegated");
    ASSERT_EQ(found.size(), 2U);
    EXPECT_EQ(found[0].evidence.front().source, "/etc/subuid:1");
    // 100000-199999 would be alice's, but bob's line reaches into it, and the other way round.
    EXPECT_EQ(std::get<policy::EditLines>(found[0].fix->changes.front()).add, std::vector<std::string>{});
    const Tree alone;
    fill(alone, "alice:0:200000\n", "");
    const auto fix = judge(alone, "subuid.root-delegated").front().fix->changes;
    EXPECT_EQ(std::get<policy::EditLines>(fix.front()),
              (policy::EditLines{"/etc/subuid", {"alice:0:200000"}, {"alice:100000:100000"}, true}));
}

TEST(RootDelegated, TakesNoIdsFromWhoIsRootForDockerdAlone) {
    const Tree tree;
    const std::string lines = "bob:0x7a120:65536\nmallory:0:100000000\n";
    const auto changes_of_bob = [&](const std::string& subuid) {
        fill(tree, subuid, "");
        const auto found = judge(tree, "subuid.root-delegated");
        return std::ranges::find(found, "bob", &Finding::subject)->fix->changes;
    };
    const std::vector<policy::Change> plain{
        policy::EditLines{"/etc/subuid", {"bob:0x7a120:65536"}, {"bob:500000:65536"}, true}};
    EXPECT_EQ(changes_of_bob(lines), plain);
    EXPECT_EQ(changes_of_bob("mallory:0:100000000\nbob:0x7a120:65536\n"), plain);
    EXPECT_EQ(changes_of_bob("bob:0x3e8:1\n"), (std::vector<policy::Change>{policy::EditLines{
                                                   "/etc/subuid", {"bob:0x3e8:1"}, {"bob:1000:1"}, true}}))
        << "another control says what is wrong with that";
    tree.write("/etc/docker/daemon.json", "{");
    EXPECT_EQ(changes_of_bob(lines), plain) << "nobody knows whom dockerd maps";
    tree.write("/etc/docker/daemon.json", R"({"userns-remap": "bob"})");
    EXPECT_EQ(
        changes_of_bob(lines),
        (std::vector<policy::Change>{policy::EditLines{"/etc/subuid", {"bob:0x7a120:65536"}, {}, false}}));
    tree.remove("/etc/docker/daemon.json");
    std::string many = lines;
    for (int i = 0; i < 30; ++i)
        many += "u" + std::to_string(i) + ":0:1\n";
    fill(tree, many, "");
    const auto fix = judge(tree, "subuid.root-delegated").front().fix;
    EXPECT_EQ(fix->changes.front(), plain.front()) << "among many others";
}

TEST(RootDelegated, LooksAtOtherDeployments) {
    const Tree tree;
    fill(tree, "", "");
    const auto verdict = [&] { return brief(judge(tree, "subuid.root-delegated")); };
    const std::string next = "/ostree/deploy/os/deploy/0123.1";
    for (const std::string file : {"/etc/subuid", "/usr/etc/subgid"}) {
        tree.write(next + file, "mallory:0:1\n");
        EXPECT_EQ(verdict(), std::vector<std::string>{"fail " + next + file + " critical by-hand"});
        tree.write(next + file, one);
        EXPECT_EQ(verdict(), std::vector<std::string>{"pass host"});
        put_hostile(tree, "fifo", next + file);
        EXPECT_EQ(verdict(), std::vector<std::string>{"unknown " + next + file});
        tree.remove(next + file);
    }
    // The one that runs: its /etc is this one.
    tree.write("/ostree/deploy/os/deploy/0123.1.origin", "");
    tree.remove(next);
    tree.directory(next);
    tree.link(next + "/etc", "/etc");
    tree.write("/etc/subuid", "mallory:0:1\n");
    EXPECT_EQ(verdict(), std::vector<std::string>{"fail mallory critical fixable"}) << "once";
}

TEST(RootDelegated, LooksAtTheImagesOwnCopies) {
    const Tree tree;
    fill(tree, "", "");
    tree.write("/usr/etc/subuid", "mallory:0:1\n");
    EXPECT_EQ(brief(judge(tree, "subuid.root-delegated")),
              std::vector<std::string>{"fail /usr/etc/subuid critical by-hand"});
    put_hostile(tree, "fifo", "/usr/etc/subuid");
    EXPECT_EQ(brief(judge(tree, "subuid.root-delegated")),
              std::vector<std::string>{"unknown /usr/etc/subuid"});
}

constexpr std::array<std::string_view, 10> value_controls{
    "subuid.root-delegated",   "subuid.real-id-overlap", "subuid.range-overlap", "subuid.self-overlap",
    "subuid.reserved-overlap", "subuid.min-size",        "subuid.gid-parity",    "subuid.stale-owner",
    "subuid.numeric-vs-name",  "subuid.containers-user"};

TEST(Ranges, AreUnknownWhenAFileIsNoFile) {
    for (const auto& kind : hostile_places())
        for (const char* path : {"/etc/subuid", "/etc/subgid"}) {
            SCOPED_TRACE(kind + std::string(" at ") + path);
            const Tree tree;
            fill(tree, std::string(fine), std::string(fine));
            put_hostile(tree, kind, path);
            const auto all = judge(tree);
            for (const auto control : value_controls) {
                const auto found = of(all, control);
                EXPECT_TRUE(std::ranges::any_of(found, [&](const Finding& f) {
                    return f.status == Status::unknown && f.subject == path;
                })) << control;
                EXPECT_TRUE(std::ranges::none_of(found, [](const Finding& f) {
                    return f.status == Status::pass;
                })) << control;
            }
            EXPECT_EQ(brief(of(all, "subuid.file-integrity")),
                      std::vector<std::string>{"fail " + std::string(path) + " high by-hand"});
        }
}

TEST(Ranges, AreUnknownWithNulBytes) {
    const Tree tree;
    fill(tree, "alice:100000:65536\n" + std::string("bob:1\0x\n65536:65536\n", 20), "");
    const auto all = judge(tree);
    for (const auto control : value_controls)
        EXPECT_TRUE(std::ranges::none_of(of(all, control), [](const Finding& f) {
            return f.status == Status::pass;
        })) << control;
    EXPECT_TRUE(std::ranges::any_of(of(all, "subuid.parser-divergence"), [](const Finding& f) {
        return f.status == Status::fail && f.subject == "/etc/subuid";
    }));
}

TEST(Ranges, AreUnknownWhenAnotherSourceAnswers) {
    const Tree tree;
    fill(tree, std::string(fine), std::string(fine));
    tree.write("/etc/nsswitch.conf", "subid: sss\n");
    tree.write("/usr/lib/libsubid_sss.so", shared_object);
    EXPECT_EQ(judge(tree, "subuid.root-delegated").front().status, Status::unknown);
    tree.remove("/usr/lib/libsubid_sss.so");  // shadow falls back to the files
    EXPECT_EQ(judge(tree, "subuid.root-delegated").front().status, Status::pass);
}

TEST(Ranges, MissingFilesGrantNothing) {
    const Tree tree({{"/etc/passwd", passwd}, {"/etc/group", group}});
    const auto all = judge(tree);
    EXPECT_EQ(brief(of(all, "subuid.root-delegated")), std::vector<std::string>{"pass host"});
    for (const char* control : {"subuid.range-overlap", "subuid.self-overlap", "subuid.real-id-overlap",
                                "subuid.reserved-overlap", "subuid.min-size", "subuid.gid-parity",
                                "subuid.stale-owner", "subuid.parser-divergence", "subuid.file-integrity"})
        EXPECT_EQ(brief(of(all, control)), std::vector<std::string>{"not-applicable host"}) << control;
}

TEST(RealIdOverlap, KnowsWhoseTheIdIs) {
    expect_cases("subuid.real-id-overlap",
                 {
                     {"fine", std::string(fine), std::string(fine), {"pass host"}},
                     {"empty", "", "", {"not-applicable host"}},
                     {"another user", "alice:1001:1\n", "", {"fail alice critical by-hand"}},
                     {"last id of a range", "alice:936:66\n", "", {"fail alice critical by-hand"}},
                     {"one below is not covered", "alice:900:100\n", "", {"pass host"}},
                     {"own id", "alice:1000:1\n", "", {"fail alice low by-hand"}},
                     {"own group", "", "alice:1000:1\n", {"fail alice low by-hand"}},
                     {"another group", "", "alice:1001:1\n", {"fail alice critical by-hand"}},
                     {"octal for shadow", "alice:01751:1\n", "", {"fail alice critical by-hand"}},
                     {"root has them anyway", "root:1000:1\n", "", {"fail root low by-hand"}},
                 });
}

TEST(RealIdOverlap, CountsOwnersOfHomesAndProcesses) {
    if (::geteuid() != 0)
        GTEST_SKIP() << "needs root to give a directory away";
    const Tree tree;
    fill(tree, std::string(fine), std::string(fine));
    tree.directory("/home/carl");
    ASSERT_EQ(::chown(tree.path("/home/carl").c_str(), 100005, 100005), 0);
    EXPECT_EQ(brief(judge(tree, "subuid.real-id-overlap")),
              std::vector<std::string>{"fail alice critical by-hand"});
    ASSERT_EQ(::chown(tree.path("/home/carl").c_str(), 1000, 100005), 0);
    const auto by_group = judge(tree, "subuid.real-id-overlap");
    EXPECT_EQ(brief(by_group), std::vector<std::string>{"fail alice critical by-hand"});
    EXPECT_EQ(by_group.front().evidence.front().source, "/etc/subgid:1");
    ASSERT_EQ(::chown(tree.path("/home/carl").c_str(), 1000, 1000), 0);
    EXPECT_EQ(brief(judge(tree, "subuid.real-id-overlap")), std::vector<std::string>{"pass host"});
}

TEST(RealIdOverlap, CountsUsersOfSystemd) {
    const Tree tree;
    fill(tree, "alice:5001:1\n", "alice:5002:1\n");
    EXPECT_EQ(brief(judge(tree, "subuid.real-id-overlap")), std::vector<std::string>{"pass host"});
    tree.write("/usr/lib/userdb/eve.user", R"({"userName": "eve", "uid": 5001})");
    EXPECT_EQ(brief(judge(tree, "subuid.real-id-overlap")),
              std::vector<std::string>{"fail alice critical by-hand"});
    tree.write("/usr/lib/userdb/eve.user", R"({"userName": "eve", "uid": 6000, "gid": 5002})");
    EXPECT_EQ(brief(judge(tree, "subuid.real-id-overlap")),
              std::vector<std::string>{"fail alice critical by-hand"});
    tree.remove("/usr/lib/userdb");
    write_homed(tree, "hugo", 60231);
    fill(tree, "alice:60231:1\n", "");
    EXPECT_EQ(brief(judge(tree, "subuid.real-id-overlap")),
              std::vector<std::string>{"fail alice critical by-hand"});
}

TEST(RealIdOverlap, IsUnknownWithRemoteAccountsOrWithoutAny) {
    const Tree tree;
    fill(tree, std::string(fine), std::string(fine));
    tree.write("/etc/nsswitch.conf", "passwd: files sss\n");
    EXPECT_EQ(brief(judge(tree, "subuid.real-id-overlap")),
              std::vector<std::string>{"unknown /etc/nsswitch.conf"});
    tree.remove("/etc/nsswitch.conf");
    tree.remove("/etc/passwd");
    tree.fifo("/etc/passwd");
    EXPECT_EQ(brief(judge(tree, "subuid.real-id-overlap")), std::vector<std::string>{"unknown /etc/passwd"});
}

TEST(SelfOverlap, IsMerged) {
    expect_cases(
        "subuid.self-overlap",
        {
            {"adjacent", "alice:100000:10\nalice:100010:10\n", "", {"pass host"}},
            {"empty", "", "", {"not-applicable host"}},
            {"twice the same", "alice:100000:10\nalice:100000:10\n", "", {"fail alice medium fixable"}},
            {"name and number", "alice:100000:10\n1000:100005:10\n", "", {"fail alice medium fixable"}},
            {"two owners", "alice:100000:10\nbob:100005:10\n", "", {"pass host"}},
            {"not plain", "alice:100000:10\nalice:0x186a1:1\n", "", {"fail alice medium by-hand"}},
        });
    const Tree tree;
    fill(tree, "alice:100000:10\nbob:200000:10\n1000:100005:10\nalice:100012:8\n", "");
    const auto fix = judge(tree, "subuid.self-overlap").front().fix->changes;
    ASSERT_EQ(fix.size(), 1U);
    EXPECT_EQ(
        std::get<policy::EditLines>(fix.front()),
        (policy::EditLines{
            "/etc/subuid", {"alice:100000:10", "1000:100005:10", "alice:100012:8"}, {"alice:100000:20"}}));
}

TEST(ReservedOverlap, KnowsTheReservedIds) {
    expect_cases("subuid.reserved-overlap",
                 {
                     {"fine", std::string(fine), std::string(fine), {"pass host"}},
                     {"empty", "", "", {"not-applicable host"}},
                     {"homed", "alice:60513:1\n", "", {"fail alice high by-hand"}},
                     {"below homed", "alice:59001:1000\n", "", {"pass host"}},
                     {"container users", "alice:60577:1\n", "", {"fail alice high by-hand"}},
                     {"dynamic users", "alice:61184:1\n", "", {"fail alice high by-hand"}},
                     {"nobody", "alice:65534:1\n", "", {"fail alice high by-hand"}},
                     {"free in between", "alice:60578:606\n", "", {"pass host"}},
                     {"signed", "alice:2147483648:65536\n", "", {"fail alice medium by-hand"}},
                     {"last below signed", "alice:2147418112:65536\n", "", {"pass host"}},
                     {"invalid", "alice:4294967295:1\n", "", {"fail alice high by-hand"}},
                     {"nspawn not in use", "alice:524288:65536\n", "", {"pass host"}},
                 });
    Options always;
    always.params.nspawn_range = "always";
    expect_cases("subuid.reserved-overlap",
                 {{"nspawn by policy", "alice:524288:65536\n", "", {"fail alice info by-hand"}}}, always);
}

TEST(ReservedOverlap, KnowsContainersThatPickTheirIds) {
    const Tree tree;
    fill(tree, "alice:524288:65536\n", "");
    const auto verdict = [&] { return brief(judge(tree, "subuid.reserved-overlap")); };
    for (const std::string dir : {"/etc/systemd/nspawn", "/run/systemd/nspawn", "/var/lib/machines"}) {
        tree.write(dir + "/box.nspawn", "[Exec]\nPrivateUsers=no\n[Files]\nPrivateUsers=pick\n");
        tree.write(dir + "/README", "[Exec]\nPrivateUsers=pick\n");
        EXPECT_EQ(verdict(), std::vector<std::string>{"pass host"});
        tree.write(dir + "/box.nspawn", "[Exec]\nBoot=yes\nPrivateUsers = pick\n");
        EXPECT_EQ(verdict(), std::vector<std::string>{"fail alice info by-hand"}) << dir;
        put_hostile(tree, "fifo", dir + "/box.nspawn");
        EXPECT_EQ(verdict(), std::vector<std::string>{"unknown systemd-nspawn"});
        tree.remove(dir);
    }
}

TEST(ReservedOverlap, FollowsTheUseOfNspawnAndHomed) {
    const Tree tree;
    fill(tree, "alice:524288:65536\nbob:100000:65536\n", "");
    tree.write("/run/systemd/machines/box", "");
    EXPECT_EQ(brief(judge(tree, "subuid.reserved-overlap")), std::vector<std::string>{"pass host"});
    EXPECT_EQ(brief(judge(tree, "subuid.reserved-overlap", {.live = true})),
              std::vector<std::string>{"fail alice info by-hand"});
    tree.write("/etc/passwd", "root:x:0:0:root:/root:/bin/bash\n");
    write_homed(tree, "alice", 60101);
    write_homed(tree, "bob", 60102);
    const std::vector<std::string> bob_alone{"fail bob medium by-hand"};
    EXPECT_EQ(brief(judge(tree, "subuid.reserved-overlap", {.live = true})), bob_alone);
    tree.write("/etc/subuid", "60101:524288:65536\n60102:100000:65536\n");
    EXPECT_EQ(brief(judge(tree, "subuid.reserved-overlap", {.live = true})), bob_alone) << "by number";
    tree.write("/var/lib/systemd/home/bob.identity", "{");
    EXPECT_EQ(brief(judge(tree, "subuid.reserved-overlap", {.live = true})),
              std::vector<std::string>{"unknown systemd-homed"});
    write_homed(tree, "bob", 60102);
    tree.remove("/run/systemd/machines");
    tree.fifo("/run/systemd/machines");
    EXPECT_EQ(judge(tree, "subuid.reserved-overlap", {.live = true}).back().status, Status::fail);
    fill(tree, "alice:600000:65536\n", "");
    EXPECT_NE(judge(tree, "subuid.reserved-overlap", {.live = true}).back().status, Status::fail);
}

}  // namespace
}  // namespace plimsoll::modules::subuid
