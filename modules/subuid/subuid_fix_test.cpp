// SPDX-License-Identifier: Apache-2.0
// Every fix of the module, carried out: the finding passes, nothing is left to fix, and undo restores the
// tree.
#include "core/host/executor.hpp"
#include "modules/subuid/test_support.hpp"

namespace plimsoll::modules::subuid {
namespace {

constexpr const char* state_dir = "/var/lib/plimsoll";

bool fixable(const Finding& f) {
    return f.status == Status::fail && f.fix && !f.fix->changes.empty();
}

struct FixCase {
    const char* what;
    const char* control;  // fails before, fixable
    std::string subuid;
    std::string subgid;
    std::string subuid_after;
    std::string subgid_after;
    const char* file{nullptr};  // another file of the tree
    const char* content{""};

    friend std::ostream& operator<<(std::ostream& out, const FixCase& c) { return out << c.what; }
};

constexpr const char* one = "alice:100000:65536\n";

class EachFix : public testing::TestWithParam<FixCase> {};

// Carries the fixable failures out, one after the other, judging again in between.
int apply_all(const Tree& tree, host::Executor& executor) {
    const auto host = tree.host();
    for (int steps = 0; steps < 30; ++steps) {
        const auto all = judge(tree);
        const auto next = std::ranges::find_if(all, fixable);
        if (next == all.end())
            return steps;
        for (const auto& change : next->fix->changes) {
            const auto done = executor.apply(next->control, next->subject, change);
            EXPECT_TRUE(done) << done.error().message;
            if (!done)
                return -1;
        }
        const auto again = judge(tree, next->control);
        EXPECT_TRUE(std::ranges::none_of(
            again, [&](const Finding& f) { return f.status == Status::fail && f.subject == next->subject; }))
            << next->control << " " << next->subject << " still fails after its fix";
    }
    return -1;
}

TEST_P(EachFix, MakesItPassAndCanBeUndone) {
    const FixCase& c = GetParam();
    const Tree tree;
    fill(tree, c.subuid, c.subgid);
    if (c.file != nullptr)
        tree.write(c.file, c.content);
    const auto before = tree.snapshot();
    ASSERT_TRUE(std::ranges::any_of(judge(tree, c.control), fixable));
    const auto host = tree.host();
    auto executor = host::Executor::open(host, state_dir, nullptr);
    ASSERT_TRUE(executor) << executor.error().message;
    EXPECT_GT(apply_all(tree, *executor), 0);
    EXPECT_EQ(tree.read("/etc/subuid"), c.subuid_after);
    EXPECT_EQ(tree.read("/etc/subgid"), c.subgid_after);
    EXPECT_TRUE(std::ranges::none_of(judge(tree, c.control),
                                     [](const Finding& f) { return f.status == Status::fail; }));
    const auto undone = executor->undo(executor->current_entry());
    ASSERT_TRUE(undone) << undone.error().message;
    EXPECT_EQ(tree.read("/etc/subuid"), c.subuid);
    EXPECT_EQ(tree.read("/etc/subgid"), c.subgid);
    if (c.file != nullptr) {
        EXPECT_EQ(tree.read(c.file), c.content);
    }
    // Locks are left behind as shadow's tools leave /etc/.pwd.lock; everything else is as before.
    tree.remove("/etc/.pwd.lock");
    EXPECT_EQ(tree.snapshot(), before);
}

INSTANTIATE_TEST_SUITE_P(
    Subuid, EachFix,
    testing::Values(
        FixCase{"root removed", "subuid.root-delegated", "alice:0:1\n" + std::string(one), one, one, one},
        FixCase{"root trimmed", "subuid.root-delegated", "alice:0:165536\n", one, one, one},
        FixCase{"root by count zero", "subuid.root-delegated", "alice:0:0\n", "", "", ""},
        FixCase{"root of a stranger", "subuid.root-delegated", "mallory:0:70000\n", "", "", ""},
        FixCase{"root for dockerd", "subuid.root-delegated", "alice:0x186A0:65536\n", one, one, one},
        FixCase{"root for dockerd, within another's", "subuid.root-delegated",
                "alice:0x186A0:65536\nmallory:0:100000000\n", one, one, one},
        FixCase{"self overlap", "subuid.self-overlap", std::string(one) + "alice:165000:10000\n",
                "alice:100000:75000\n", "alice:100000:75000\n", "alice:100000:75000\n"},
        FixCase{"too small", "subuid.min-size", "alice:100000:1\n", "alice:100000:1\n",
                "alice:100000:1\nalice:131072:65535\n", "alice:100000:1\nalice:131072:65535\n"},
        FixCase{"too small, unequal", "subuid.min-size", "alice:100000:1\n", one,
                "alice:100000:1\nalice:196608:65535\n", one},
        FixCase{"missing", "subuid.missing", "", "", "bob:131072:65536\n", "bob:131072:65536\n",
                "/var/lib/systemd/linger/bob"},
        FixCase{"no group ids", "subuid.gid-parity", one, "", one, one},
        FixCase{"fewer group ids, taken", "subuid.gid-parity", "alice:100000:65536\nbob:300000:65536\n",
                "bob:100000:65536\n", "alice:100000:65536\nbob:300000:65536\n",
                "bob:100000:65536\nalice:196608:65536\n"},
        FixCase{"stale", "subuid.stale-owner", "ghost:300000:65536\n" + std::string(one),
                std::string(one) + "1234:300000:65536\n", one, one},
        FixCase{"renamed", "subuid.rename-orphan", "alica:100000:65536\n", "alica:100000:65536\n", one, one,
                "/etc/passwd-", "alica:x:1000:1000::/home/alica:/bin/sh\n"},
        FixCase{"by number and name", "subuid.numeric-vs-name", one, "1000:100000:65536\n", one, one},
        FixCase{"hex", "subuid.parser-divergence", "alice:100000:0x10000\n", one, one, one},
        FixCase{"carriage return", "subuid.parser-divergence", "alice:100000:65536\r\n", one, one, one},
        FixCase{"four fields", "subuid.parser-divergence", "alice:100000:65536:\n", one, one, one},
        FixCase{"leading blank", "subuid.parser-divergence", " alice:100000:65536\n", one, one, one},
        FixCase{"comment that counts", "subuid.parser-divergence", std::string(one) + "#bob:200000:65536\n",
                one, std::string(one) + "#bob 200000 65536\n", one},
        FixCase{"login.defs", "subuid.alloc-policy", one, one, one, one, "/etc/login.defs",
                "UMASK 022\nSUB_UID_COUNT 10\n"}));

TEST(FileIntegrityFix, RestoresTheModeOnUndo) {
    const Tree tree;
    fill(tree, one, one);
    tree.write("/etc/subuid", one, 0666);
    const auto before = tree.snapshot();
    const auto host = tree.host();
    auto executor = host::Executor::open(host, state_dir, nullptr);
    ASSERT_TRUE(executor);
    EXPECT_EQ(apply_all(tree, *executor), 1);
    EXPECT_EQ(brief(judge(tree, "subuid.file-integrity")), std::vector<std::string>{"pass host"});
    ASSERT_TRUE(executor->undo(executor->current_entry()));
    tree.remove("/etc/.pwd.lock");
    EXPECT_EQ(tree.snapshot(), before);
}

}  // namespace
}  // namespace plimsoll::modules::subuid
