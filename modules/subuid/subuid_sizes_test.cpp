// SPDX-License-Identifier: Apache-2.0
// A06-A11 and A15.
#include "modules/subuid/test_support.hpp"

namespace plimsoll::modules::subuid {
namespace {

constexpr const char* one = "alice:100000:65536\n";

const std::vector<policy::Change>& changes(const Finding& f) {
    return f.fix->changes;
}

TEST(MinSize, CountsDistinctIds) {
    expect_cases(
        "subuid.min-size",
        {
            {"enough", one, one, {"pass host"}},
            {"empty", "", "", {"not-applicable host"}},
            {"one too few", "alice:100000:65535\n", one, {"fail alice medium fixable"}},
            {"in two ranges", "alice:100000:65535\nalice:300000:1\n", one, {"pass host"}},
            {"twice the same",
             "alice:100000:65535\nalice:100000:65535\n",
             one,
             {"fail alice medium fixable"}},
            {"group ids", one, "alice:100000:1\n", {"fail alice medium fixable"}},
            {"root and strangers need none", "root:100000:1\nghost:200000:1\n", "", {"not-applicable host"}},
            {"readers disagree", "alice:0x186A0:65536\n", one, {"unknown alice"}},
            {"one reader refuses the file", std::string(one) + "broken\n", one, {"unknown alice"}},
        });
}

TEST(MinSize, AddsExactlyWhatIsMissing) {
    const Tree tree;
    fill(tree, "alice:100000:65000\nbob:200000:500\n", "alice:100000:65000\nbob:200000:600\n");
    const auto found = judge(tree, "subuid.min-size");
    ASSERT_EQ(found.size(), 2U);
    EXPECT_EQ(changes(found[0]),
              (std::vector<policy::Change>{policy::AllocateRange{"alice", 196608, 536, true, true}}));
    // Both kinds lack a different number: one block each, neither of them alice's.
    EXPECT_EQ(changes(found[1]),
              (std::vector<policy::Change>{policy::AllocateRange{"bob", 262144, 65036, true, false},
                                           policy::AllocateRange{"bob", 327680, 64936, false, true}}));
}

TEST(MinSize, GivesNothingOutWhenTheLedgerIsDamaged) {
    const Tree tree;
    fill(tree, "alice:100000:1\n", "alice:100000:1\n");
    tree.write("/var/lib/plimsoll/subid-ledger", "garbage\n");
    EXPECT_EQ(brief(judge(tree, "subuid.min-size")), std::vector<std::string>{"fail alice medium by-hand"});
    const host::LedgerEntry gone{"gone", {131072, 196608}, true, true};
    tree.write("/var/lib/plimsoll/subid-ledger", host::ledger_line(gone, "2026-01-01T00:00:00Z"));
    const auto found = judge(tree, "subuid.min-size");
    EXPECT_EQ(std::get<policy::AllocateRange>(changes(found.front()).front()).start, 196608U);
}

TEST(MinSize, ReadsTheLedgerOfTheStateDirectoryInUse) {
    const Tree tree;
    fill(tree, "alice:100000:1\n", "alice:100000:1\n");
    const host::LedgerEntry gone{"gone", {131072, 196608}, true, true};
    tree.write("/srv/state/subid-ledger", host::ledger_line(gone, "2026-01-01T00:00:00Z"));
    auto host = tree.host();
    host.use_state_dir("/srv/state");
    const auto found = of(Subuid::evaluate({}, {}, Subuid::observe(host, {}, {}), {}), "subuid.min-size");
    EXPECT_EQ(std::get<policy::AllocateRange>(changes(found.front()).front()).start, 196608U);
    tree.write("/srv/state/subid-ledger", "garbage\n");
    const auto damaged = of(Subuid::evaluate({}, {}, Subuid::observe(host, {}, {}), {}), "subuid.min-size");
    EXPECT_EQ(brief(damaged), std::vector<std::string>{"fail alice medium by-hand"});
}

TEST(Missing, FindsWhoRunsContainers) {
    const Tree tree;
    fill(tree, one, one);
    const auto missing = [&](const Options& o = {}) { return brief(judge(tree, "subuid.missing", o)); };
    EXPECT_EQ(missing(), std::vector<std::string>{"not-applicable host"});
    tree.write("/var/lib/systemd/linger/alice", "");
    EXPECT_EQ(missing(), std::vector<std::string>{"pass host"});
    tree.write("/home/bob/.config/containers/systemd/web.container", "");
    EXPECT_EQ(missing(), std::vector<std::string>{"fail bob medium fixable"});
    tree.remove("/home/bob");
    for (const char* sign : {"/home/bob/.config/containers/systemd/web/db.pod",
                             "/etc/containers/systemd/users/1001/web.container"}) {
        tree.write(sign, "");
        EXPECT_EQ(missing(), std::vector<std::string>{"fail bob medium fixable"}) << sign;
        tree.remove(sign);
    }
    tree.link("/home/bob/.config/systemd/user/sockets.target.wants/podman.socket",
              "/usr/lib/systemd/user/podman.socket");
    EXPECT_EQ(missing(), std::vector<std::string>{"fail bob medium fixable"});
    tree.remove("/home/bob");
    tree.write("/run/user/1001/podman/podman.sock", "");
    EXPECT_EQ(missing(), std::vector<std::string>{"pass host"}) << "an image has no running sockets";
    EXPECT_EQ(missing({.live = true}), std::vector<std::string>{"fail bob medium fixable"});
    Options quiet{.live = true};
    quiet.params.discover = false;
    EXPECT_EQ(missing(quiet), std::vector<std::string>{"not-applicable host"});
    quiet.params.users = {"bob", "carl", "root"};
    EXPECT_EQ(missing(quiet),
              (std::vector<std::string>{"fail bob medium fixable", "fail carl medium by-hand"}));
    tree.write("/etc/nsswitch.conf", "passwd: files ldap\n");
    EXPECT_EQ(missing(quiet), (std::vector<std::string>{"fail bob medium fixable", "unknown carl"}));
}

TEST(Missing, GivesTheSameNumbersInBothFiles) {
    const Tree tree;
    fill(tree, one, one);
    Options o;
    o.params.users = {"bob"};
    EXPECT_EQ(changes(judge(tree, "subuid.missing", o).front()),
              (std::vector<policy::Change>{policy::AllocateRange{"bob", 196608, 65536, true, true}}));
}

TEST(Missing, LeavesTenantsToProvisioning) {
    const Tree tree;
    fill(tree, "", "");
    Options o;
    policy::Tenant tenant{.user = "bob"};
    tenant.subuid.kind = policy::SubidRequest::Kind::allocate;
    o.wanted.tenants = {tenant};
    EXPECT_EQ(brief(judge(tree, "subuid.missing", o)), std::vector<std::string>{"fail bob medium by-hand"});
    o.wanted.tenants.front().subuid.kind = policy::SubidRequest::Kind::unmanaged;
    EXPECT_EQ(brief(judge(tree, "subuid.missing", o)), std::vector<std::string>{"fail bob medium fixable"});
}

TEST(Missing, IsUnknownWhenHomesCannotBeSeen) {
    const Tree tree;
    fill(tree, one, one);
    tree.write("/var/lib/systemd/linger", "");  // not a directory: nobody lingers
    EXPECT_NE(judge(tree, "subuid.missing").front().status, Status::pass);
}

TEST(Missing, InStrictNobodyElseHasRanges) {
    const Tree tree;
    fill(tree,
         std::string(one) + "1001:200000:65536\ncontainers:300000:65536\nroot:400000:1\n#c:1:2\nghost:5:1\n",
         one);
    Options strict;
    strict.params.only_named = true;
    const auto verdict = [&] { return brief(judge(tree, "subuid.missing", strict)); };
    EXPECT_EQ(verdict(), (std::vector<std::string>{"fail alice medium by-hand", "fail bob medium by-hand",
                                                   "fail ghost medium by-hand"}));
    strict.params.allowed_owners = {"ghost"};
    strict.wanted.tenants = {policy::Tenant{.user = "bob"}};
    fill(tree, std::string(one) + "bob:200000:65536\nghost:5:1\n", std::string(one) + "bob:200000:65536\n");
    EXPECT_EQ(verdict(), std::vector<std::string>{"fail alice medium by-hand"});
    strict.params.users = {"alice"};
    EXPECT_EQ(verdict(), std::vector<std::string>{"pass host"});
    tree.remove("/etc/passwd");
    tree.fifo("/etc/passwd");
    for (const auto& f : judge(tree, "subuid.missing", strict))
        EXPECT_NE(f.status, Status::pass);
    tree.remove("/etc/passwd");
    fill(tree, "containers:300000:65536\n", "");
    tree.write("/etc/containers/storage.conf", "[storage\n");
    EXPECT_EQ(verdict().front(), "fail alice medium fixable") << "named, but without a range";
    strict.params.users.clear();
    strict.wanted.tenants.clear();
    EXPECT_EQ(verdict(), std::vector<std::string>{"fail containers medium by-hand"})
        << "whether an engine names this owner cannot be seen";
    fill(tree, "", "");
    EXPECT_EQ(verdict(), std::vector<std::string>{"not-applicable host"});
}

TEST(GidParity, ComparesBothFiles) {
    expect_cases("subuid.gid-parity",
                 {
                     {"equal", one, one, {"pass host"}},
                     {"empty", "", "", {"not-applicable host"}},
                     {"other numbers, same count", one, "alice:300000:65536\n", {"pass host"}},
                     {"no group range", one, "", {"fail alice medium fixable"}},
                     {"no user range", "", one, {"fail alice medium fixable"}},
                     {"shorter", "alice:100000:131072\n", one, {"fail alice medium fixable"}},
                     {"min-size comes first", one, "alice:100000:10\n", {"fail alice medium by-hand"}},
                     {"readers disagree", "alice:0100000:65536\n", one, {"unknown alice"}},
                     {"root needs none", "root:100000:65536\n", "", {"not-applicable host"}},
                 });
}

TEST(GidParity, PrefersTheSameNumbers) {
    const Tree tree;
    fill(tree, "alice:100000:131072\n", one);
    EXPECT_EQ(changes(judge(tree, "subuid.gid-parity").front()),
              (std::vector<policy::Change>{policy::AllocateRange{"alice", 165536, 65536, false, true}}));
    fill(tree, "alice:100000:131072\n", std::string(one) + "bob:165536:65536\n");  // taken
    EXPECT_EQ(changes(judge(tree, "subuid.gid-parity").front()),
              (std::vector<policy::Change>{policy::AllocateRange{"alice", 262144, 65536, false, true}}));
    fill(tree, one, "");
    tree.remove("/etc/subgid");
    EXPECT_EQ(changes(judge(tree, "subuid.gid-parity").front()),
              (std::vector<policy::Change>{policy::AllocateRange{"alice", 100000, 65536, false, true}}));
}

TEST(StaleOwner, IsRemovedWhenNothingNeedsIt) {
    expect_cases(
        "subuid.stale-owner",
        {
            {"accounts", "alice:100000:1\n1001:200000:1\n", "", {"pass host"}},
            {"empty", "", "", {"not-applicable host"}},
            {"name", "ghost:100000:65536\n", "ghost:100000:65536\n", {"fail ghost medium fixable"}},
            {"number in the range of new users", "1234:100000:65536\n", "", {"fail 1234 high fixable"}},
            {"number elsewhere", "70000:100000:65536\n", "", {"fail 70000 medium fixable"}},
            {"padded number is no uid for shadow", "01000:100000:1\n", "", {"fail 01000 medium fixable"}},
            {"engines' own", "containers:100000:65536\n", "", {"pass host"}},
            {"comment", "#ghost:1:2\n", "", {"pass host"}},
            {"dockerd's when it does not remap",
             "dockremap:100000:65536\n",
             "",
             {"fail dockremap medium fixable"}},
        });
}

TEST(StaleOwner, IsLeftAloneWhenInDoubt) {
    const Tree tree;
    fill(tree, "ghost:100000:65536\n", "");
    const auto stale = [&](const Options& o = {}) { return brief(judge(tree, "subuid.stale-owner", o)); };
    Options allow;
    allow.params.allowed_owners = {"ghost"};
    EXPECT_EQ(stale(allow), std::vector<std::string>{"pass host"});
    tree.write("/etc/nsswitch.conf", "passwd: files sss\n");
    EXPECT_EQ(stale(), std::vector<std::string>{"unknown ghost"});
    tree.remove("/etc/nsswitch.conf");
    Options no_budget;
    no_budget.params.scan_max_entries = 0;
    tree.write("/home/alice/.local/share/containers/storage/x", "");
    EXPECT_EQ(stale(no_budget), std::vector<std::string>{"fail ghost medium by-hand"});
    if (::geteuid() == 0) {
        ASSERT_EQ(::chown(tree.path("/home/alice/.local/share/containers/storage/x").c_str(), 100007, 0), 0);
        EXPECT_EQ(stale(), std::vector<std::string>{"fail ghost medium by-hand"});
    }
    tree.write("/etc/docker/daemon.json", R"({"userns-remap": "ghost:ghost"})");
    EXPECT_EQ(stale(), std::vector<std::string>{"pass host"});
    tree.remove("/etc/passwd");
    tree.directory("/etc/passwd");
    EXPECT_EQ(stale(), std::vector<std::string>{"unknown /etc/passwd"});
}

TEST(StaleOwner, IsNoUserOfSystemdWhomNoPasswdHas) {
    const Tree tree;
    fill(tree, "hugo:600000:65536\n60231:700000:65536\neve:800000:65536\n", "");
    tree.write("/etc/nsswitch.conf", "passwd: files systemd\n");
    const auto stale = [&] { return brief(judge(tree, "subuid.stale-owner")); };
    EXPECT_TRUE(stale().front().starts_with("fail hugo ")) << "nobody answers for more than the files";
    tree.write("/usr/lib/systemd/systemd-homed", "");
    EXPECT_EQ(stale(), (std::vector<std::string>{"unknown hugo", "unknown 60231", "unknown eve"}));
    write_homed(tree, "hugo", 60231);
    tree.write("/etc/userdb/eve.user", R"({"userName": "eve", "uid": 5001})");
    EXPECT_EQ(stale(), std::vector<std::string>{"pass host"});
    tree.remove("/etc/nsswitch.conf");
    EXPECT_EQ(stale(), std::vector<std::string>{"pass host"});
    tree.write("/var/lib/systemd/home/hugo.identity", "torn");
    EXPECT_EQ(stale(), (std::vector<std::string>{"unknown hugo", "unknown 60231"}));
    std::string many;
    for (std::size_t i = 0; i < 250; ++i)
        many += "ghost" + std::to_string(i) + ":" + std::to_string(1000000 + i) + ":1\n";
    fill(tree, many, "");
    for (const auto& line : stale())
        EXPECT_TRUE(line.starts_with("unknown ")) << line;
    tree.remove("/var/lib/systemd/home/hugo.identity");
    EXPECT_TRUE(stale().front().starts_with("fail ")) << "nothing is in doubt any more";
}

TEST(Sizes, AreJudgedOfUsersWhomNoPasswdHas) {
    const Tree tree;
    fill(tree, "hugo:600000:1000\n#eve:700000:1\n", "hugo:600000:65536\n");
    const auto found = [&](const char* control) { return brief(judge(tree, control)); };
    EXPECT_EQ(found("subuid.min-size"), std::vector<std::string>{"not-applicable host"}) << "nobody";
    for (const char* source : {"sss", "systemd"}) {
        tree.write("/etc/nsswitch.conf", "passwd: files " + std::string(source) + "\n");
        tree.write("/usr/lib/systemd/systemd-homed", "");
        EXPECT_EQ(found("subuid.min-size"), std::vector<std::string>{"fail hugo medium by-hand"});
        EXPECT_EQ(found("subuid.gid-parity"), std::vector<std::string>{"fail hugo medium by-hand"});
    }
    write_homed(tree, "hugo", 60231);
    EXPECT_EQ(found("subuid.min-size"), std::vector<std::string>{"fail hugo medium by-hand"})
        << "the next free ids would not be mapped into that home";
    tree.remove("/var/lib/systemd/home");
    tree.write("/etc/userdb/hugo.user", R"({"userName": "hugo", "uid": 5001})");
    EXPECT_EQ(found("subuid.min-size"), std::vector<std::string>{"fail hugo medium fixable"});
    fill(tree, "hugo:600000:65536\n", "hugo:600000:65536\n");
    EXPECT_EQ(found("subuid.min-size"), std::vector<std::string>{"pass host"});
    EXPECT_EQ(found("subuid.gid-parity"), std::vector<std::string>{"pass host"});
}

TEST(RenameOrphan, FollowsTheUid) {
    const Tree tree;
    fill(tree, "alica:100000:65536\n", "alica:100000:65536\n");
    const auto renamed = [&] { return judge(tree, "subuid.rename-orphan"); };
    EXPECT_EQ(brief(renamed()), std::vector<std::string>{"unknown alica"}) << "no backup to compare with";
    tree.write("/etc/passwd-", "root:x:0:0::/:/bin/sh\nalica:x:1000:1000::/home/alica:/bin/sh\n");
    EXPECT_EQ(brief(renamed()), std::vector<std::string>{"fail alica medium fixable"});
    EXPECT_EQ(changes(renamed().front()),
              (std::vector<policy::Change>{
                  policy::EditLines{"/etc/subuid", {"alica:100000:65536"}, {"alice:100000:65536"}, true},
                  policy::EditLines{"/etc/subgid", {"alica:100000:65536"}, {"alice:100000:65536"}, true}}));
    EXPECT_EQ(brief(judge(tree, "subuid.stale-owner")), std::vector<std::string>{"pass host"});
    tree.write("/etc/passwd-", "alica:x:4000:1000::/home/alica:/bin/sh\n");  // deleted, not renamed
    EXPECT_EQ(brief(renamed()), std::vector<std::string>{"pass host"});
    for (const char* older : {"/var/backups/passwd.bak", "/ostree/deploy/os/deploy/0123.0/etc/passwd"}) {
        tree.write(older, "alica:x:1000:1000::/home/alica:/bin/sh\n");
        tree.remove("/etc/passwd-");
        EXPECT_EQ(brief(renamed()), std::vector<std::string>{"fail alica medium by-hand"}) << older;
        EXPECT_EQ(brief(judge(tree, "subuid.stale-owner")), std::vector<std::string>{"pass host"});
        put_hostile(tree, "fifo", older);
        EXPECT_EQ(renamed().front().status, Status::unknown) << older;
        tree.remove(older);
    }
    tree.fifo("/etc/passwd-");
    EXPECT_EQ(renamed().front().status, Status::unknown);
    fill(tree, "", "");
    tree.remove("/etc/passwd-");
    EXPECT_EQ(brief(renamed()), std::vector<std::string>{"not-applicable host"});
}

TEST(NumericVsName, WantsOneStyle) {
    expect_cases("subuid.numeric-vs-name",
                 {
                     {"names", one, one, {"pass host"}},
                     {"empty", "", "", {"not-applicable host"}},
                     {"numbers only", "1000:100000:65536\n", "", {"pass host"}},
                     {"both", std::string(one) + "1000:300000:1\n", "", {"fail alice low fixable"}},
                     {"across the files", one, "1000:100000:65536\n", {"fail alice low fixable"}},
                     {"not plain", std::string(one) + "1000:0x493E0:1\n", "", {"fail alice low by-hand"}},
                 });
    const Tree tree;
    fill(tree, "1000:100000:1\n", "");
    tree.write("/etc/passwd", "1000:x:1500:1500::/home/x:/bin/sh\n");
    EXPECT_EQ(brief(judge(tree, "subuid.numeric-vs-name")),
              std::vector<std::string>{"fail 1000 low by-hand"});
}

// As shadow's find_range() and the Go readers do: by the name, and by the number.
TEST(NumberedName, SharesItsLinesWithTheAccountOfThatNumber) {
    const Tree tree;
    fill(tree, "1000:100000:65536\n", "1000:100000:65536\n");
    tree.write("/etc/passwd", std::string(passwd) + "1000:x:1500:1500::/home/x:/bin/sh\n");
    const auto all = judge(tree);
    EXPECT_EQ(brief(of(all, "subuid.range-overlap")),
              std::vector<std::string>{"fail 1000,alice high by-hand"});
    EXPECT_EQ(brief(of(all, "subuid.min-size")), std::vector<std::string>{"pass host"});
    EXPECT_EQ(brief(of(all, "subuid.stale-owner")), std::vector<std::string>{"pass host"});
    tree.write("/etc/subuid", "1000:100000:65536\nalice:300000:1\nalice:100000:1\n");
    for (const char* control : {"subuid.numeric-vs-name", "subuid.self-overlap"})
        for (const Finding& f : judge(tree, control))
            EXPECT_TRUE(f.status == Status::fail && f.fix->changes.empty())
                << control << " takes the lines from one of them";
    tree.write("/etc/subuid", "1000:100000:1\n");
    EXPECT_EQ(brief(judge(tree, "subuid.min-size")),
              (std::vector<std::string>{"fail 1000 medium by-hand", "fail alice medium fixable"}));
    tree.write("/etc/subuid", "alice:100000:65536\n1500:200000:65536\n");
    tree.write("/etc/subgid", "");
    EXPECT_EQ(brief(judge(tree, "subuid.range-overlap")), std::vector<std::string>{"pass host"});
}

TEST(MinSize, NotesCountsThatAreNoWholeBlocks) {
    const Tree tree;
    fill(tree, "alice:100000:65536\nbob:200000:65537\nghost:300000:1\n", one);
    const auto found = judge(tree, "subuid.min-size");
    EXPECT_EQ(brief(found), std::vector<std::string>{"pass host"});
    ASSERT_EQ(found.front().evidence.size(), 1U);
    EXPECT_EQ(found.front().evidence.front().source, "/etc/subuid:2");
}

TEST(ContainersUser, KnowsOfDropInsThatOnlySomePodmanReads) {
    const Tree tree;
    fill(tree, one, one);
    const auto verdict = [&](const Options& o = {}) {
        return brief(judge(tree, "subuid.containers-user", o));
    };
    for (const std::string dir : {"/usr/share/containers/storage.conf.d", "/etc/containers/storage.conf.d"}) {
        tree.write(dir + "/10-a.conf", "[storage.options]\nroot-auto-userns-user = \"containers\"\n");
        tree.write(dir + "/20-b.conf", "[storage]\ndriver = \"overlay\"\n");
        tree.write(dir + "/README", "root-auto-userns-user = \"alice\"\n");
        EXPECT_EQ(verdict(), std::vector<std::string>{"not-applicable host"});
        tree.write(dir + "/10-a.conf", "[storage.options]\nroot-auto-userns-user = \"alice\"\n");
        EXPECT_EQ(verdict(), std::vector<std::string>{"unknown storage.conf"}) << dir;
        Options stated;
        stated.params.containers_owner = "alice";
        EXPECT_EQ(verdict(stated), std::vector<std::string>{"pass host"});
        put_hostile(tree, "fifo", dir + "/10-a.conf");
        EXPECT_EQ(verdict(), std::vector<std::string>{"unknown storage.conf"});
        tree.remove(dir);
    }
}

TEST(ContainersUser, IsOptionalByDefault) {
    expect_cases("subuid.containers-user",
                 {
                     {"absent", one, one, {"not-applicable host"}},
                     {"too few",
                      "containers:500000:10\n",
                      "containers:500000:65536\n",
                      {"fail containers medium by-hand", "fail containers account low by-hand"}},
                 });
    Options required;
    required.params.containers_required = true;
    expect_cases("subuid.containers-user", {{"required", one, one, {"fail containers medium by-hand"}}},
                 required);
    const Tree tree;
    fill(tree, one, one);
    tree.write("/etc/containers/storage.conf", "[storage.options]\nroot-auto-userns-user = \"alice\"\n");
    EXPECT_EQ(brief(judge(tree, "subuid.containers-user")), std::vector<std::string>{"pass host"});
    tree.write("/etc/containers/storage.conf", "[storage.options\n");
    EXPECT_EQ(brief(judge(tree, "subuid.containers-user")), std::vector<std::string>{"unknown storage.conf"});
}

}  // namespace
}  // namespace plimsoll::modules::subuid
