// SPDX-License-Identifier: Apache-2.0
// A18 and A19, and the speed of the module.
#include "modules/subuid/test_support.hpp"

#include <unistd.h>

namespace plimsoll::modules::subuid {
namespace {

constexpr const char* one = "alice:100000:65536\n";

host::Process process(int pid, int parent, std::uint32_t uid) {
    host::Process p;
    p.pid = pid;
    p.parent = parent;
    p.comm = "app";
    p.uid = {uid, uid, uid, uid};
    p.user_ns = host::initial_user_ns;
    return p;
}

host::Process contained(int pid, int parent, std::vector<host::IdMapLine> map) {
    auto p = process(pid, parent, map.empty() ? 0 : map.front().outside);
    p.user_ns = 5000U + static_cast<unsigned>(pid);
    p.uid_map = map;
    p.gid_map = std::move(map);
    return p;
}

std::vector<std::string> verdict(std::vector<host::Process> processes, const std::string& subuid = one) {
    const Tree tree;
    fill(tree, subuid, subuid);
    Facts facts = Subuid::observe(tree.host(), {}, {});
    facts.live = true;
    facts.processes = std::move(processes);
    return brief(of(Subuid::evaluate({}, {}, facts, {}), "subuid.effective-mapping"));
}

TEST(EffectiveMapping, ComparesMapsWithTheFiles) {
    const auto init = process(1, 0, 0);
    const auto shell = process(10, 1, 1000);
    EXPECT_EQ(verdict({init, shell}), std::vector<std::string>{"not-applicable host"});
    EXPECT_EQ(verdict({init, contained(20, 1, {{0, 1000, 1}, {1, 100000, 65536}})}),
              std::vector<std::string>{"pass host"});
    EXPECT_EQ(verdict({init, contained(20, 1, {{0, 1000, 1}, {1, 100000, 65537}})}),
              std::vector<std::string>{"fail alice medium by-hand"});
    EXPECT_EQ(verdict({init, contained(20, 1, {{0, 1000, 1}, {1, 300000, 65536}})}),
              std::vector<std::string>{"fail alice medium by-hand"});
    EXPECT_EQ(verdict({init, shell, contained(20, 10, {{0, 300000, 65536}})}),
              std::vector<std::string>{"fail alice medium by-hand"})
        << "without the user's own id, the parent tells whose it is";
    EXPECT_EQ(verdict({init, contained(20, 1, {{0, 300000, 65536}})}),
              std::vector<std::string>{"not-applicable host"})
        << "made by root";
    EXPECT_EQ(verdict({init, contained(20, 1, {{0, 0, 4294967295U}})}),
              std::vector<std::string>{"not-applicable host"});
    EXPECT_EQ(verdict({init, contained(20, 1, {})}), std::vector<std::string>{"not-applicable host"});
    EXPECT_EQ(verdict({init, shell, contained(20, 10, {{0, 0, 1}})}),
              std::vector<std::string>{"fail alice medium by-hand"})
        << "host root in use";
}

TEST(EffectiveMapping, IsUnknownWhenNamespacesCannotBeSeen) {
    auto dark = process(30, 1, 0);
    dark.user_ns.reset();
    EXPECT_EQ(verdict({process(1, 0, 0), dark}), std::vector<std::string>{"unknown pid 30"});
    auto mapless = contained(30, 1, {{0, 1000, 1}});
    mapless.uid_map.reset();
    EXPECT_EQ(verdict({process(1, 0, 0), mapless}), std::vector<std::string>{"unknown pid 30"});
    const Tree tree;
    fill(tree, one, one);
    EXPECT_EQ(brief(judge(tree, "subuid.effective-mapping")),
              std::vector<std::string>{"not-applicable host"});
    Facts facts = Subuid::observe(tree.host(), {}, {});
    facts.live = true;
    facts.processes = fail(Code::permission, "/proc: Permission denied");
    EXPECT_EQ(brief(of(Subuid::evaluate({}, {}, facts, {}), "subuid.effective-mapping")),
              std::vector<std::string>{"unknown /proc"});
}

TEST(StaleOwner, IsKeptWhileAProcessUsesTheRange) {
    const Tree tree;
    fill(tree, "ghost:100000:65536\n", "");
    Facts facts = Subuid::observe(tree.host(), {}, {});
    facts.live = true;
    facts.processes = std::vector<host::Process>{contained(20, 1, {{0, 100000, 65536}})};
    EXPECT_EQ(brief(of(Subuid::evaluate({}, {}, facts, {}), "subuid.stale-owner")),
              std::vector<std::string>{"fail ghost medium by-hand"});
    facts.processes = std::vector<host::Process>{process(1, 0, 0)};
    EXPECT_EQ(brief(of(Subuid::evaluate({}, {}, facts, {}), "subuid.stale-owner")),
              std::vector<std::string>{"fail ghost medium fixable"});
}

TEST(ForeignScan, FindsFilesOfOtherRanges) {
    if (::geteuid() != 0)
        GTEST_SKIP() << "needs root to give files away";
    const Tree tree;
    fill(tree, one, one);
    const auto scan = [&](const Options& o = {}) { return brief(judge(tree, "subuid.foreign-scan", o)); };
    EXPECT_EQ(scan(), std::vector<std::string>{"not-applicable host"});
    const std::string store = "/home/alice/.local/share/containers/storage";
    tree.write(store + "/overlay/l1/diff/etc/passwd", "");
    for (const char* below : {"", "/overlay", "/overlay/l1", "/overlay/l1/diff", "/overlay/l1/diff/etc",
                              "/overlay/l1/diff/etc/passwd"})
        ASSERT_EQ(::chown(tree.path(store + below).c_str(), 100001, 100001), 0);
    EXPECT_EQ(scan(), std::vector<std::string>{"pass host"});
    ASSERT_EQ(::chown(tree.path(store + "/overlay/l1/diff/etc/passwd").c_str(), 300000, 100000), 0);
    const auto found = judge(tree, "subuid.foreign-scan");
    EXPECT_EQ(brief(found), std::vector<std::string>{"fail alice low by-hand"});
    EXPECT_EQ(found.front().evidence.front().source, store + "/overlay/l1/diff/etc/passwd");
    Options few;
    few.params.scan_max_entries = 2;
    EXPECT_EQ(scan(few), std::vector<std::string>{"unknown storage"});
    tree.link(store + "/overlay/l1/diff/etc/passwd", "/etc/shadow");  // links are not followed
    ASSERT_EQ(::lchown(tree.path(store + "/overlay/l1/diff/etc/passwd").c_str(), 100000, 100000), 0);
    EXPECT_EQ(scan(), std::vector<std::string>{"pass host"});
}

}  // namespace
}  // namespace plimsoll::modules::subuid
