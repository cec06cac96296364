// SPDX-License-Identifier: Apache-2.0
#include "core/host/executor.hpp"

#include "core/base/digest.hpp"
#include "core/host/journal.hpp"
#include "core/host/subid.hpp"
#include "tests/support/tree.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>

#include <sys/wait.h>
#include <sys/xattr.h>

namespace {
using namespace plimsoll;
using namespace plimsoll::policy;
using host::Executor;
using host::JournalStep;
using testing::HasSubstr;
using tests::Tree;

constexpr const char* state_dir = "/var/lib/plimsoll";

// Units by name; what was asked of them in order.
class FakeServices final : public host::ServiceManager {
  public:
    std::map<std::string, std::string> units;
    std::vector<std::string> asked;
    bool broken{false};

    Result<std::string> active_state(const std::string& unit) override {
        const auto u = units.find(unit);
        if (u == units.end())
            return fail(Code::not_found, unit);
        return u->second;
    }

    Result<void> start(const std::string& unit) override { return act("start", unit, "active"); }

    Result<void> stop(const std::string& unit) override { return act("stop", unit, "inactive"); }

    Result<void> restart(const std::string& unit) override { return act("restart", unit, "active"); }

    Result<void> reload_manager() override { return act("reload", "", ""); }

    Result<void> set_linger(std::uint32_t, bool) override { return fail(Code::unsupported, "no logind"); }

  private:
    Result<void> act(const std::string& verb, const std::string& unit, const std::string& state) {
        asked.push_back(verb + " " + unit);
        if (broken)
            return fail(Code::io, "the job failed");
        if (!unit.empty())
            units[unit] = state;
        return {};
    }
};

Executor open(const host::Host& h, host::ServiceManager* services = nullptr) {
    auto e = Executor::open(h, state_dir, services);
    EXPECT_TRUE(e) << e.error().message;
    return std::move(e).value();
}

// A tree with something to do for each alternative.
struct World {
    Tree tree{{"/etc/passwd", "root:x:0:0::/root:/bin/sh\n"},
              {"/etc/subuid", "root:0:1\nal:100000:65536"},
              {"/etc/subgid", "al:100000:65536\n"},
              {"/etc/shadow", "root:$6$secret:1::::::\n"},
              {"/etc/.pwd.lock", ""},
              {"/etc/conf", "old\n"},
              {"/etc/gone", "goes\n"},
              {"/proc/sys/user/max", "0\n"}};

    World() {
        tree.link("/etc/link", "/somewhere");
        EXPECT_EQ(::chmod(tree.path("/etc/gone").c_str(), 0604), 0);
        EXPECT_EQ(::lchown(tree.path("/etc/gone").c_str(), 11, 12), 0);
        EXPECT_EQ(::setxattr(tree.path("/etc/gone").c_str(), "user.k", "v", 1, 0), 0);
    }
};

const std::vector<std::pair<std::string, Change>>& every_kind() {
    static const std::vector<std::pair<std::string, Change>> all{
        {"write over", WriteFile{"/etc/conf", "new\n"}},
        {"write new", WriteFile{"/etc/a/b/new", "x", 0640, 7, 8}},
        {"remove", RemoveFile{"/etc/gone"}},
        {"remove link", RemoveFile{"/etc/link"}},
        {"link new", MakeSymlink{"/etc/systemd/system/docker.service", "/dev/null"}},
        {"link over file", MakeSymlink{"/etc/gone", "conf"}},
        {"link over link", MakeSymlink{"/etc/link", "conf"}},
        {"directory", MakeDirectory{"/srv/x/y", 01770, 9, 10}},
        {"edit", EditLines{"/etc/subuid", {"root:0:1"}, {"al:200000:65536"}}},
        {"edit shadow", EditLines{"/etc/shadow", {"root:$6$secret:1::::::"}, {"root:!:1::::::"}, true}},
        {"allocate", AllocateRange{"zoe", 300000, 65536}},
        {"metadata", SetMetadata{"/etc/gone", 0600, 0, 0}},
        {"knob", SetKnob{"/proc/sys/user/max", "28633"}},
    };
    return all;
}

TEST(Executor, EveryKindIsAppliedOnceAndUndoneWithoutATrace) {
    for (const auto& [name, change] : every_kind()) {
        const World w;
        const auto h = w.tree.live_host();
        const std::string first = w.tree.snapshot();
        auto e = open(h);
        const auto applied = e.apply("c.id", "subject", change);
        ASSERT_TRUE(applied) << name << ": " << applied.error().message;
        EXPECT_NE(w.tree.snapshot(), first) << name;
        ASSERT_TRUE(e.apply("c.id", "subject", change)) << name;
        const auto journal = host::read_journal(h, state_dir);
        ASSERT_TRUE(journal) << journal.error().message;
        ASSERT_EQ(journal->size(), 1U) << name;
        ASSERT_EQ((*journal)[0].steps.size(), 1U) << name << ": the second time must do nothing";
        EXPECT_EQ((*journal)[0].steps[0].state, JournalStep::State::done);
        EXPECT_EQ((*journal)[0].steps[0].what, host::describe(change));
        const auto undone = e.undo(e.current_entry());
        ASSERT_TRUE(undone) << name << ": " << undone.error().message;
        EXPECT_EQ(w.tree.snapshot(), first) << name;
        EXPECT_TRUE(host::read_journal(h, state_dir)->at(0).undone()) << name;
        ASSERT_TRUE(e.undo(e.current_entry())) << "twice is harmless";
        EXPECT_EQ(w.tree.snapshot(), first) << name;
    }
}

TEST(Executor, AllKindsInOneEntryAreUndoneByAnotherRun) {
    const World w;
    const auto h = w.tree.live_host();
    const std::string first = w.tree.snapshot();
    for (const auto& [name, change] : every_kind()) {
        // Two of them are for the same file.
        if (name == "link over file" || name == "link over link" || name == "metadata")
            continue;
        static std::optional<Executor> e;
        if (!e)
            e.emplace(open(h));
        ASSERT_TRUE(e->apply("c", "s", change)) << name;
        if (name == "knob")
            e.reset();
    }
    ASSERT_TRUE(open(h).undo(1));
    EXPECT_EQ(w.tree.snapshot(), first);
}

TEST(Executor, NewFilesGetWhatWasAsked) {
    const World w;
    const auto h = w.tree.live_host();
    auto e = open(h);
    ASSERT_TRUE(e.apply("c", "s", WriteFile{"/etc/a/b/new", "x", 0640, 7, 8}));
    struct stat st{};
    ASSERT_EQ(::stat(w.tree.path("/etc/a/b/new").c_str(), &st), 0);
    EXPECT_EQ(st.st_mode & 07777, 0640U);
    EXPECT_EQ(st.st_uid, 7U);
    EXPECT_EQ(st.st_gid, 8U);
    ASSERT_EQ(::stat(w.tree.path(state_dir).c_str(), &st), 0);
    EXPECT_EQ(st.st_mode & 07777, 0700U);
}

TEST(Executor, ExpectGuardsAgainstWhatChangedSince) {
    const World w;
    const auto h = w.tree.live_host();
    auto e = open(h);
    EXPECT_EQ(e.apply("c", "s", WriteFile{"/etc/conf", "n", 0644, 0, 0, sha256("other")}).error().code,
              Code::busy);
    EXPECT_EQ(e.apply("c", "s", WriteFile{"/etc/conf", "n", 0644, 0, 0, ""}).error().code, Code::busy);
    EXPECT_EQ(e.current_entry(), 0U);
    EXPECT_TRUE(e.apply("c", "s", WriteFile{"/etc/conf", "n", 0644, 0, 0, sha256("old\n")}));
    EXPECT_TRUE(e.apply("c", "s", WriteFile{"/etc/conf2", "n", 0644, 0, 0, ""}));
}

TEST(Executor, RefusesTargetsOfTheWrongKind) {
    const World w;
    w.tree.fifo("/etc/fifo");
    const auto h = w.tree.live_host();
    const std::string first = w.tree.snapshot();
    auto e = open(h);
    const std::vector<std::pair<Change, Code>> cases{
        {WriteFile{"/etc/link", "x"}, Code::integrity},
        {WriteFile{"/etc/fifo", "x"}, Code::integrity},
        {WriteFile{"/etc", "x"}, Code::integrity},
        {WriteFile{"etc/conf", "x"}, Code::invalid_input},
        {WriteFile{"/etc/../etc/conf", "x"}, Code::invalid_input},
        {RemoveFile{"/etc"}, Code::integrity},
        {MakeSymlink{"/etc", "x"}, Code::integrity},
        {MakeSymlink{"/etc/new", ""}, Code::invalid_input},
        {MakeDirectory{"/etc/conf"}, Code::integrity},
        {EditLines{"/etc/conf", {}, {"x"}}, Code::internal},
        {EditLines{"/etc/group", {}, {"x:x:1:"}}, Code::not_found},
        {EditLines{"/etc/subuid", {}, {"a\nb"}}, Code::invalid_input},
        {AllocateRange{"a:b", 300000, 65536}, Code::invalid_input},
        {AllocateRange{"a", 0, 65536}, Code::invalid_input},
        {AllocateRange{"a", 300000, 0}, Code::invalid_input},
        {AllocateRange{"a", 4294901760, 65536}, Code::invalid_input},
        {AllocateRange{"a", 165535, 1}, Code::busy},
        {SetMetadata{"/etc/none", 0600}, Code::not_found},
        {SetMetadata{"/etc/link", 0600}, Code::integrity},
        {SetKnob{"/etc/conf", "1"}, Code::internal},
        {SetKnob{"/proc/sys/none", "1"}, Code::not_found},
        {UnitAction{UnitAction::Verb::start, ""}, Code::internal},
        {UnitAction{UnitAction::Verb::start, "x.service"}, Code::unsupported},
    };
    for (const auto& [change, code] : cases) {
        const auto r = e.apply("c", "s", change);
        ASSERT_FALSE(r) << host::describe(change);
        EXPECT_EQ(r.error().code, code) << host::describe(change) << ": " << r.error().message;
    }
    EXPECT_EQ(w.tree.snapshot(), first);
    EXPECT_EQ(e.current_entry(), 0U);
}

TEST(Executor, UndoLeavesAloneWhatSomebodyChangedAndDoesTheRest) {
    const World w;
    const auto h = w.tree.live_host();
    auto e = open(h);
    ASSERT_TRUE(e.apply("c", "s", RemoveFile{"/etc/gone"}));
    ASSERT_TRUE(e.apply("c", "s", WriteFile{"/etc/conf", "ours\n"}));
    ASSERT_TRUE(e.apply("c", "s", MakeDirectory{"/srv/dir"}));
    w.tree.write("/etc/conf", "theirs\n");
    w.tree.write("/srv/dir/file", "theirs\n");
    const auto r = e.undo(1);
    ASSERT_FALSE(r);
    EXPECT_EQ(r.error().code, Code::busy);
    EXPECT_THAT(r.error().message, HasSubstr("/etc/conf"));
    EXPECT_THAT(r.error().message, HasSubstr("2 of 3"));
    EXPECT_EQ(w.tree.read("/etc/conf"), "theirs\n");
    EXPECT_EQ(w.tree.read("/etc/gone"), "goes\n");
    const auto entry = host::read_journal(h, state_dir)->at(0);
    EXPECT_FALSE(entry.undone());
    EXPECT_EQ(entry.steps[1].state, JournalStep::State::done);
    EXPECT_THAT(entry.steps[1].undo_error, HasSubstr("/etc/conf"));
    // Once they have put it back, it is undone.
    w.tree.write("/etc/conf", "ours\n");
    w.tree.remove("/srv/dir/file");
    EXPECT_TRUE(e.undo(1));
    EXPECT_EQ(w.tree.read("/etc/conf"), "old\n");
}

TEST(Executor, DatabasesKeepLinesThatOthersAddedSince) {
    const World w;
    const auto h = w.tree.live_host();
    auto e = open(h);
    ASSERT_TRUE(e.apply("c", "s", EditLines{"/etc/subuid", {"root:0:1"}, {"bo:1:2"}}));
    EXPECT_EQ(w.tree.read("/etc/subuid"), "al:100000:65536\nbo:1:2\n");
    w.tree.write("/etc/subuid", "al:100000:65536\nbo:1:2\nnew:500000:65536\n");
    ASSERT_TRUE(e.undo(1));
    EXPECT_EQ(w.tree.read("/etc/subuid"), "root:0:1\nal:100000:65536\nnew:500000:65536\n");
}

TEST(Executor, ALineSomebodyChangedSinceIsNotTakenBack) {
    const World w;
    w.tree.write("/etc/group", "docker:x:5:al,zoe\n");
    const auto h = w.tree.live_host();
    auto e = open(h);
    ASSERT_TRUE(e.apply("c", "s", EditLines{"/etc/group", {"docker:x:5:al,zoe"}, {"docker:x:5:al"}, true}));
    w.tree.write("/etc/group", "docker:x:5:al,bo\n");
    EXPECT_EQ(e.undo(1).error().code, Code::busy);
    EXPECT_EQ(w.tree.read("/etc/group"), "docker:x:5:al,bo\n");
}

TEST(Executor, RangesStayInTheLedgerAndAreNeverGivenToAnother) {
    const World w;
    const auto h = w.tree.live_host();
    auto e = open(h);
    ASSERT_TRUE(e.apply("c", "s", AllocateRange{"zoe", 300000, 65536}));
    EXPECT_EQ(w.tree.read("/etc/subuid"), "root:0:1\nal:100000:65536\nzoe:300000:65536\n");
    ASSERT_TRUE(e.undo(1));
    const auto ledger = host::parse_ledger(w.tree.read("/var/lib/plimsoll/subid-ledger"), "ledger");
    ASSERT_TRUE(ledger);
    EXPECT_THAT(*ledger, testing::ElementsAre(host::LedgerEntry{"zoe", {300000, 365536}, true, true}));
    const auto other = e.apply("c", "s", AllocateRange{"bo", 365535, 10});
    ASSERT_FALSE(other);
    EXPECT_EQ(other.error().code, Code::busy);
    EXPECT_THAT(other.error().message, HasSubstr("zoe"));
    // Its owner may have it back.
    EXPECT_TRUE(e.apply("c", "s", AllocateRange{"zoe", 300000, 65536}));
    EXPECT_EQ(host::parse_ledger(w.tree.read("/var/lib/plimsoll/subid-ledger"), "ledger")->size(), 1U);
}

// The ids of what `change` takes away are in the ledger afterwards, also of what undo takes away.
TEST(Executor, WhatAChangeTakesAwayIsInTheLedger) {
    const auto ledger_after = [](const Change& change, bool undone) {
        const World w;
        const auto h = w.tree.live_host();
        auto e = open(h);
        const auto applied = e.apply("c", "s", change);
        EXPECT_TRUE(applied) << applied.error().message;
        if (undone) {
            EXPECT_TRUE(e.undo(1));
        }
        return host::parse_ledger(w.tree.read("/var/lib/plimsoll/subid-ledger"), "ledger").value();
    };
    const host::LedgerEntry al{"al", {100000, 165536}, true, false};
    const host::LedgerEntry root{"root", {0, 1}, true, false};
    using testing::ElementsAre;
    EXPECT_THAT(ledger_after(EditLines{"/etc/subuid", {"al:100000:65536"}}, false), ElementsAre(al));
    EXPECT_THAT(ledger_after(EditLines{"/etc/subgid", {"al:100000:65536"}}, false),
                ElementsAre(host::LedgerEntry{"al", {100000, 165536}, false, true}));
    EXPECT_THAT(ledger_after(WriteFile{"/etc/subuid", "root:0:1\n"}, false), ElementsAre(al));
    EXPECT_THAT(ledger_after(WriteFile{"/etc//subuid", "root:0:1\n"}, false), ElementsAre(al));
    EXPECT_THAT(ledger_after(RemoveFile{"/etc/subuid"}, false), ElementsAre(al, root));
    EXPECT_THAT(ledger_after(MakeSymlink{"/etc/subuid", "/dev/null"}, false), ElementsAre(al, root));
    // Added by the change, taken away by undo.
    EXPECT_THAT(ledger_after(EditLines{"/etc/subuid", {}, {"bo:300000:5"}}, true),
                ElementsAre(host::LedgerEntry{"bo", {300000, 300005}, true, false}));
    EXPECT_THAT(ledger_after(AllocateRange{"zoe", 300000, 65536}, true),
                ElementsAre(host::LedgerEntry{"zoe", {300000, 365536}, true, true}));
}

TEST(Executor, WhatASymlinkLeadsToIsTakenAwayWithIt) {
    const World w;
    w.tree.write("/opt/subuid", "bo:300000:5\n");
    w.tree.link("/etc/subuid", "/opt/subuid");
    const auto h = w.tree.live_host();
    auto e = open(h);
    ASSERT_TRUE(e.apply("c", "s", RemoveFile{"/etc/subuid"}));
    EXPECT_THAT(*host::parse_ledger(w.tree.read("/var/lib/plimsoll/subid-ledger"), "ledger"),
                testing::ElementsAre(host::LedgerEntry{"bo", {300000, 300005}, true, false}));
}

TEST(Executor, TakenIdsGoBackToTheirOwnerAlone) {
    const World w;
    const auto h = w.tree.live_host();
    auto e = open(h);
    ASSERT_TRUE(e.apply("c", "s", EditLines{"/etc/subuid", {"al:100000:65536"}}));
    const auto refused = e.apply("c", "s", AllocateRange{"bo", 131072, 10, true, false});
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, Code::busy);
    EXPECT_TRUE(e.apply("c", "s", AllocateRange{"al", 131072, 10, true, false}));
}

// Others' lines added meanwhile stay, and what undo takes back is recorded all the same.
TEST(Executor, UndoAmongOthersLinesRecordsWhatItTakes) {
    const World w;
    const auto h = w.tree.live_host();
    auto e = open(h);
    ASSERT_TRUE(e.apply("c", "s", EditLines{"/etc/subuid", {}, {"bo:300000:5"}}));
    w.tree.write("/etc/subuid", w.tree.read("/etc/subuid") + "new:400000:5\n");
    ASSERT_TRUE(e.undo(1));
    EXPECT_THAT(*host::parse_ledger(w.tree.read("/var/lib/plimsoll/subid-ledger"), "ledger"),
                testing::ElementsAre(host::LedgerEntry{"bo", {300000, 300005}, true, false}));
}

TEST(Executor, NoLineGoesWithoutTheLedger) {
    const World w;
    const auto h = w.tree.live_host();
    auto e = open(h);
    w.tree.write("/var/lib/plimsoll/subid-ledger", "garbage\n");
    const std::string before = w.tree.snapshot();
    const auto applied = e.apply("c", "s", EditLines{"/etc/subuid", {"al:100000:65536"}});
    ASSERT_FALSE(applied);
    EXPECT_EQ(applied.error().code, Code::integrity);
    EXPECT_EQ(w.tree.snapshot(), before);
}

TEST(Executor, ADamagedLedgerStopsAllocationATornLineDoesNot) {
    const World w;
    const auto h = w.tree.live_host();
    auto e = open(h);
    ASSERT_TRUE(e.apply("c", "s", AllocateRange{"zoe", 300000, 65536}));
    const std::string good = w.tree.read("/var/lib/plimsoll/subid-ledger");
    w.tree.write("/var/lib/plimsoll/subid-ledger", good + "2026-01-01T00:00:00Z bo 1 ");
    ASSERT_TRUE(e.apply("c", "s", AllocateRange{"bo", 400000, 65536}));
    EXPECT_EQ(host::parse_ledger(w.tree.read("/var/lib/plimsoll/subid-ledger"), "l")->size(), 2U);
    w.tree.write("/var/lib/plimsoll/subid-ledger", "garbage\n" + good);
    EXPECT_EQ(e.apply("c", "s", AllocateRange{"cy", 500000, 65536}).error().code, Code::integrity);
}

TEST(Executor, TheLedgerIsNotWrittenAnewForEveryRange) {
    const World w;
    const auto h = w.tree.live_host();
    auto e = open(h);
    const std::filesystem::path file = w.tree.path("/var/lib/plimsoll/subid-ledger");
    const auto inode = [&] {
        struct stat st{};
        EXPECT_EQ(::stat(file.c_str(), &st), 0);
        return st.st_ino;
    };
    ASSERT_TRUE(e.apply("c", "s", AllocateRange{"zoe", 300000, 65536}));
    const auto first = inode();
    const std::string text = w.tree.read("/var/lib/plimsoll/subid-ledger");
    ASSERT_TRUE(e.apply("c", "s", AllocateRange{"bo", 400000, 65536}));
    EXPECT_EQ(inode(), first);
    EXPECT_TRUE(w.tree.read("/var/lib/plimsoll/subid-ledger").starts_with(text));
    std::filesystem::rename(file, file.string() + ".real");
    std::filesystem::create_symlink(file.filename().string() + ".real", file);
    EXPECT_FALSE(e.apply("c", "s", AllocateRange{"cy", 500000, 65536})) << "written through a symlink";
    EXPECT_EQ(w.tree.read("/etc/subuid").find("cy"), std::string::npos);
}

TEST(Executor, UnitsComeAfterFilesAndOnlyWhatChangedIsTurnedBack) {
    const World w;
    FakeServices s;
    s.units = {{"docker.service", "active"}, {"off.service", "inactive"}};
    const auto h = w.tree.live_host();
    auto e = open(h, &s);
    using Verb = UnitAction::Verb;
    ASSERT_TRUE(e.apply("c", "s", UnitAction{Verb::stop, "docker.service"}));
    ASSERT_TRUE(e.apply("c", "s", UnitAction{Verb::stop, "off.service"}));
    ASSERT_TRUE(e.apply("c", "s", UnitAction{Verb::stop, "unknown.service"}));
    ASSERT_TRUE(e.apply("c", "s", MakeSymlink{"/etc/systemd/system/docker.service", "/dev/null"}));
    ASSERT_TRUE(e.apply("c", "s", UnitAction{Verb::reload_manager}));
    EXPECT_EQ(s.asked, (std::vector<std::string>{"stop docker.service", "reload "}));
    s.asked.clear();
    ASSERT_TRUE(e.undo(1));
    EXPECT_EQ(s.asked, (std::vector<std::string>{"reload ", "start docker.service"}));
    EXPECT_FALSE(std::filesystem::exists(w.tree.path("/etc/systemd/system")));
}

TEST(Executor, AFailedUnitJobLeavesNothing) {
    const World w;
    FakeServices s;
    s.units = {{"a.service", "inactive"}};
    s.broken = true;
    const auto h = w.tree.live_host();
    auto e = open(h, &s);
    EXPECT_EQ(e.apply("c", "s", UnitAction{UnitAction::Verb::start, "a.service"}).error().code, Code::io);
    EXPECT_EQ(host::read_journal(h, state_dir)->at(0).steps.at(0).state, JournalStep::State::not_done);
}

TEST(Executor, AnImageHasNoUnitsAndNoKnobs) {
    const World w;
    const auto h = w.tree.host();
    auto e = open(h);
    EXPECT_TRUE(e.apply("c", "s", UnitAction{UnitAction::Verb::stop, "docker.service"}));
    EXPECT_EQ(e.apply("c", "s", SetKnob{"/proc/sys/user/max", "1"}).error().code, Code::unsupported);
    EXPECT_EQ(e.current_entry(), 0U);
}

TEST(Executor, AnImageKeepsNoLockFileThatItDidNotHave) {
    const Tree t({{"/etc/subuid", "a:1:1\n"}});
    const auto h = t.host();
    const auto first = t.snapshot();
    auto e = open(h);
    ASSERT_TRUE(e.apply("c", "s", EditLines{"/etc/subuid", {"a:1:1"}, {}}));
    EXPECT_EQ(t.read("/etc/subuid"), "");
    EXPECT_FALSE(std::filesystem::exists(t.path("/etc/.pwd.lock")));
    ASSERT_TRUE(e.undo(1));
    EXPECT_EQ(t.snapshot(), first);
}

TEST(Executor, AnAclIsDroppedAndComesBack) {
    const World w;
    const unsigned char acl[] = {2, 0, 0,   0,   1,   0,   6,  0, 255, 255, 255, 255, 2,   0,  6,
                                 0, 7, 0,   0,   0,   4,   0,  4, 0,   255, 255, 255, 255, 16, 0,
                                 6, 0, 255, 255, 255, 255, 32, 0, 4,   0,   255, 255, 255, 255};
    const auto p = w.tree.path("/etc/conf");
    if (::setxattr(p.c_str(), "system.posix_acl_access", acl, sizeof acl, 0) != 0)
        GTEST_SKIP() << "no ACLs on this file system";
    const auto h = w.tree.live_host();
    const auto first = w.tree.snapshot();
    auto e = open(h);
    ASSERT_TRUE(e.apply("c", "s", SetMetadata{"/etc/conf", 0640, std::nullopt, std::nullopt, true}));
    EXPECT_EQ(*h.root().xattr("/etc/conf", "system.posix_acl_access"), std::nullopt);
    ASSERT_TRUE(e.undo(1));
    EXPECT_EQ(w.tree.snapshot(), first);
    // With the ACL kept, the mode goes through its mask.
    ASSERT_TRUE(e.apply("c", "s", SetMetadata{"/etc/conf", 0600}));
    ASSERT_TRUE(e.undo(e.current_entry()));
    EXPECT_EQ(w.tree.snapshot(), first);
}

TEST(Executor, OnlyOneAtATime) {
    const World w;
    const auto h = w.tree.live_host();
    auto e = open(h);
    const auto second = Executor::open(h, state_dir, nullptr);
    ASSERT_FALSE(second);
    EXPECT_EQ(second.error().code, Code::busy);
}

TEST(Executor, LetsOthersInWhilePausedAndGoesOnAfterThem) {
    const World w;
    const auto h = w.tree.live_host();
    auto e = open(h);
    ASSERT_TRUE(e.apply("c", "s", WriteFile{"/etc/conf", "1\n"}));
    EXPECT_EQ(e.current_entry(), 1U);
    e.pause();
    ASSERT_TRUE(e.resume());  // nobody came
    ASSERT_TRUE(e.apply("c", "s", WriteFile{"/etc/conf", "2\n"}));
    EXPECT_EQ(e.current_entry(), 2U);
    e.pause();
    {
        auto other = open(h);
        EXPECT_EQ(e.resume().error().code, Code::busy);
        ASSERT_TRUE(other.apply("c", "s", WriteFile{"/etc/conf", "3\n"}));
        EXPECT_EQ(other.current_entry(), 3U);
    }
    w.tree.write("/var/lib/plimsoll/journal/000000000004.json", "{");  // and it crashed
    ASSERT_TRUE(e.resume());
    EXPECT_THAT(e.problems(), testing::ElementsAre(HasSubstr("000000000004.json")));
    ASSERT_TRUE(e.apply("c", "s", WriteFile{"/etc/conf", "5\n"}));
    EXPECT_EQ(e.current_entry(), 5U);
    e.pause();
    w.tree.remove("/var/lib/plimsoll/lock");
    EXPECT_EQ(e.resume().error().code, Code::not_found);
}

TEST(Journal, ADamagedEntryIsNamedKeepsItsNumberAndHindersNoOther) {
    const World w;
    const auto h = w.tree.live_host();
    ASSERT_TRUE(open(h).apply("c", "s", WriteFile{"/etc/conf", "1\n"}));
    ASSERT_TRUE(open(h).apply("c", "s", WriteFile{"/etc/other", "2\n"}));
    const std::string file = "/var/lib/plimsoll/journal/000000000002.json";
    const std::string good = w.tree.read(file);
    std::vector<std::string> damaged{"", "{", good.substr(0, good.size() / 2), good + "x", "null\n"};
    for (const std::size_t at : {good.size() / 3, good.size() / 2, good.size() - 20}) {
        damaged.push_back(good);
        damaged.back()[at] = static_cast<char>(damaged.back()[at] ^ 1);
    }
    for (const auto& bytes : damaged) {
        w.tree.write(file, bytes);
        const auto all = host::read_journal(h, state_dir);
        ASSERT_FALSE(all);
        EXPECT_EQ(all.error().code, Code::integrity);
        EXPECT_THAT(all.error().message, HasSubstr("000000000002.json"));
        auto e = open(h);
        EXPECT_THAT(e.problems(), testing::ElementsAre(HasSubstr("000000000002.json")));
        EXPECT_EQ(e.undo(2).error().code, Code::integrity);
        EXPECT_EQ(e.undo(7).error().code, Code::not_found);
    }
    auto e = open(h);
    ASSERT_TRUE(e.apply("c", "s", WriteFile{"/etc/third", "3\n"}));
    EXPECT_EQ(e.current_entry(), 3U);
    EXPECT_EQ(w.tree.read(file), damaged.back()) << "damaged entries are evidence";
    ASSERT_TRUE(e.undo(1));
    EXPECT_EQ(w.tree.read("/etc/conf"), "old\n");
}

TEST(Journal, ADamagedPreImageIsNeverRestored) {
    const World w;
    const auto h = w.tree.live_host();
    auto e = open(h);
    const std::string old(host::most_content_in_entry + 1, 'x');
    w.tree.write("/etc/conf", old);
    ASSERT_TRUE(e.apply("c", "s", WriteFile{"/etc/conf", "new\n"}));
    w.tree.write("/var/lib/plimsoll/blobs/" + sha256(old), "evil");
    EXPECT_EQ(e.undo(1).error().code, Code::integrity);
    EXPECT_EQ(w.tree.read("/etc/conf"), "new\n");
}

// A damaged one with a checksum that somebody made right.
TEST(Journal, AnotherContentInAnEntryIsNeverRestored) {
    const World w;
    const auto h = w.tree.live_host();
    auto e = open(h);
    ASSERT_TRUE(e.apply("c", "s", WriteFile{"/etc/conf", "new\n"}));
    const std::string file = "/var/lib/plimsoll/journal/000000000001.json";
    std::string text = w.tree.read(file);
    const std::size_t content = text.find(R"("content":"old\n")");
    ASSERT_NE(content, std::string::npos) << text;
    text.replace(content, 17, R"("content":"bad\n")");
    const std::string_view marker = R"("entry":)";
    const std::size_t body = text.find(marker) + marker.size();
    text.replace(text.find(R"("sha256":")") + 10, 64,
                 sha256(std::string_view(text).substr(body, text.size() - body - 2)));
    w.tree.write(file, text);
    const auto undone = e.undo(1);
    ASSERT_FALSE(undone);
    EXPECT_EQ(undone.error().code, Code::integrity);
    EXPECT_NE(undone.error().message.find("content"), std::string::npos) << undone.error().message;
    EXPECT_EQ(w.tree.read("/etc/conf"), "new\n");
}

TEST(Journal, ShortContentsAreInTheEntryAndTheRestAreBlobs) {
    const World w;
    const auto h = w.tree.live_host();
    auto e = open(h);
    const std::string big(host::most_content_in_entry - 2, 'x');
    w.tree.write("/etc/big", big);
    ASSERT_TRUE(e.apply("c", "s", WriteFile{"/etc/big", "1\n"}));
    const auto blobs = [&] {
        return std::filesystem::directory_iterator(w.tree.path("/var/lib/plimsoll/blobs"));
    };
    EXPECT_EQ(blobs(), std::filesystem::directory_iterator());
    ASSERT_TRUE(e.apply("c", "s", WriteFile{"/etc/conf", "2\n"}));
    ASSERT_NE(blobs(), std::filesystem::directory_iterator());
    EXPECT_EQ(blobs()->path().filename(), sha256("old\n"));
    ASSERT_TRUE(e.undo(1));
    EXPECT_EQ(w.tree.read("/etc/big"), big);
    EXPECT_EQ(w.tree.read("/etc/conf"), "old\n");
}

TEST(Journal, BytesThatAreNotTextSurvive) {
    const Tree t({{"/etc/.pwd.lock", ""}});
    const std::string odd("\xff\x00\x80 x:1:2", 9);
    t.write("/etc/subuid", odd + "\nal:1:2\n");
    const auto first = t.snapshot();
    const auto h = t.live_host();
    ASSERT_TRUE(open(h).apply("c", "s", EditLines{"/etc/subuid", {odd}, {}}));
    EXPECT_EQ(t.read("/etc/subuid"), "al:1:2\n");
    ASSERT_TRUE(host::read_journal(h, state_dir));
    t.write("/etc/subuid", "al:1:2\nnew:3:4\n");
    ASSERT_TRUE(open(h).undo(1));
    EXPECT_EQ(t.read("/etc/subuid"), odd + "\nal:1:2\nnew:3:4\n");
}

TEST(Journal, IsEmptyWhereNothingWasDone) {
    const Tree t;
    EXPECT_TRUE(host::read_journal(t.host(), state_dir)->empty());
    EXPECT_FALSE(std::filesystem::exists(t.path(state_dir)));
}

// ---- preview ----

TEST(Preview, ShowsOnePerTargetAndTouchesNothing) {
    const World w;
    const auto h = w.tree.live_host();
    const auto first = w.tree.snapshot("");
    const auto all =
        host::preview(h, state_dir,
                      {EditLines{"/etc/subuid", {"root:0:1"}, {}}, AllocateRange{"zoe", 300000, 10},
                       SetMetadata{"/etc/conf", 0600}, WriteFile{"/etc/conf", "new\n"},
                       RemoveFile{"/etc/gone"}, MakeSymlink{"/etc/systemd/system/x.service", "/dev/null"},
                       SetKnob{"/proc/sys/user/max", "5"}, UnitAction{UnitAction::Verb::stop, "x.service"}});
    ASSERT_TRUE(all) << all.error().message;
    EXPECT_EQ(w.tree.snapshot(""), first);
    std::map<std::string, host::Preview> by;
    for (const auto& p : *all)
        EXPECT_TRUE(by.emplace(p.target, p).second) << p.target;
    EXPECT_EQ(by.at("/etc/subuid").before, "root:0:1\nal:100000:65536");
    EXPECT_EQ(by.at("/etc/subuid").after, "al:100000:65536\nzoe:300000:10\n");
    EXPECT_EQ(by.at("/etc/conf").after, "new\n");
    EXPECT_EQ(by.at("/etc/conf").new_value, "mode 0600, owner 0:0");
    EXPECT_EQ(by.at("/etc/gone").after, std::nullopt);
    EXPECT_EQ(by.at("/etc/systemd/system/x.service").new_value, "symlink to /dev/null");
    EXPECT_EQ(by.at("/proc/sys/user/max").old_value, "0");
    EXPECT_EQ(by.at("x.service").new_value, "stop");
}

TEST(Preview, TwoAllocationsOfOneRangeConflict) {
    const World w;
    const auto r = host::preview(w.tree.host(), state_dir,
                                 {AllocateRange{"a", 300000, 10}, AllocateRange{"b", 300005, 10}});
    EXPECT_EQ(r.error().code, Code::busy);
}

TEST(Preview, PasswordHashesAreNeverShown) {
    const World w;
    const EditLines c{"/etc/shadow", {"root:$6$secret:1::::::"}, {"root:!:1::::::"}, true};
    EXPECT_EQ(host::describe(c).find("secret"), std::string::npos) << host::describe(c);
    const auto all = host::preview(w.tree.host(), state_dir, {c, WriteFile{"/etc/shadow-", "$6$secret"}});
    ASSERT_TRUE(all);
    for (const auto& p : *all) {
        EXPECT_FALSE(p.is_file);
        EXPECT_EQ((p.old_value + p.new_value).find("secret"), std::string::npos);
    }
}

TEST(Describe, OneLineForEach) {
    for (const auto& [name, change] : every_kind())
        EXPECT_EQ(host::describe(change).find('\n'), std::string::npos) << name;
    EXPECT_EQ(host::describe(MakeSymlink{"/etc/systemd/system/docker.service", "/dev/null"}),
              "mask unit docker.service");
    EXPECT_EQ(host::describe(EditLines{"/etc/subuid", {"a:1:2", "b:1:2", "c:1:2", "d:1:2"}, {}}),
              "in /etc/subuid: remove 'a:1:2', remove 'b:1:2', remove 'c:1:2' and 1 more");
}
}  // namespace
