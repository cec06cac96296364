// SPDX-License-Identifier: Apache-2.0
#include "daemon/agent/diff.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace plimsoll::daemon {
namespace {

using policy::Finding;
using policy::Severity;
using policy::Status;
using testing::ElementsAre;
using testing::IsEmpty;
using Why = Occasion::Why;

constexpr std::chrono::microseconds us{1};

Instant at(std::int64_t micros) {
    return Instant(std::chrono::seconds(1'700'000'000)) + micros * us;
}

Finding finding(std::string control, std::string subject, Status status, std::string message = "because") {
    Finding f;
    f.control = std::move(control);
    f.subject = std::move(subject);
    f.status = status;
    f.message = std::move(message);
    return f;
}

Difference look(const Board& before, std::vector<Finding> now, Occasion occasion, std::uint64_t cursor = 2) {
    policy::Policy policy;
    policy.controls["b"].required = false;
    return compare(before, std::move(now), policy, occasion, cursor);
}

Board board(std::vector<Finding> findings, std::int64_t when = 0) {
    return look({}, std::move(findings), {Why::start, "start", at(when)}, 1).after;
}

const Occasion event{Why::event, "event /etc/subuid", at(5'000'000)};

struct Case {
    const char* name;
    std::vector<Finding> before;
    std::vector<Finding> now;
    // "CONTROL/SUBJECT FROM>TO", "-" for not there.
    std::vector<std::string> told;
};

std::string name_of(const std::optional<Status>& s) {
    return s ? std::string(policy::name_of(*s)) : "-";
}

std::vector<std::string> told(const Difference& d) {
    std::vector<std::string> out;
    for (const auto& t : d.transitions)
        out.push_back(t.control + "/" + t.subject + " " + name_of(t.from) + ">" + name_of(t.to));
    return out;
}

const std::vector<Case>& cases() {
    static const std::vector<Case> all{
        {"nothing changed", {finding("a", "x", Status::pass)}, {finding("a", "x", Status::pass)}, {}},
        {"only the message changed",
         {finding("a", "x", Status::fail, "one")},
         {finding("a", "x", Status::fail, "two")},
         {}},
        {"drift", {finding("a", "x", Status::pass)}, {finding("a", "x", Status::fail)}, {"a/x pass>fail"}},
        {"a failing subject appears",
         {finding("a", "host", Status::pass)},
         {finding("a", "mallory", Status::fail)},
         {"a/mallory ->fail"}},
        {"a failing subject goes",
         {finding("a", "mallory", Status::fail)},
         {finding("a", "host", Status::pass)},
         {"a/mallory fail>-"}},
        {"a passing subject appears and another goes",
         {finding("a", "x", Status::pass)},
         {finding("a", "y", Status::pass)},
         {}},
        {"does not apply any more",
         {finding("a", "x", Status::pass)},
         {finding("a", "x", Status::not_applicable)},
         {"a/x pass>not-applicable"}},
        {"cannot be observed any more",
         {finding("a", "x", Status::pass)},
         {finding("a", "x", Status::unknown)},
         {"a/x pass>unknown"}},
        {"the worst of one key counts",
         {finding("a", "x", Status::pass), finding("a", "x", Status::fail, "1")},
         {finding("a", "x", Status::unknown), finding("a", "x", Status::pass)},
         {"a/x fail>unknown"}},
        {"one of two failures of a key was mended",
         {finding("a", "x", Status::fail, "1"), finding("a", "x", Status::fail, "2")},
         {finding("a", "x", Status::fail, "2")},
         {}},
        {"in catalogue order, what is gone last",
         {finding("a", "gone", Status::unknown), finding("b", "x", Status::pass)},
         {finding("c", "n", Status::excepted), finding("b", "x", Status::fail)},
         {"c/n ->excepted", "b/x pass>fail", "a/gone unknown>-"}},
    };
    return all;
}

TEST(Diff, Tells) {
    for (const Case& c : cases()) {
        SCOPED_TRACE(c.name);
        EXPECT_EQ(told(look(board(c.before), c.now, event)), c.told);
    }
}

TEST(Diff, FirstLookTellsWhatIsWrongOnly) {
    const auto d = look({}, {finding("a", "x", Status::pass), finding("b", "y", Status::fail)},
                        {Why::start, "start", at(0)});
    ASSERT_THAT(told(d), ElementsAre("b/y ->fail"));
    EXPECT_EQ(d.transitions[0].cause, "start");
    EXPECT_FALSE(is_drift(d.transitions[0], Why::start));
    EXPECT_EQ(d.changed.size(), 2U);
}

TEST(Diff, SinceAndCursorMoveWithTheContent) {
    const auto before = board({finding("a", "x", Status::fail, "one"), finding("b", "y", Status::pass)});
    const auto d =
        look(before, {finding("a", "x", Status::fail, "two"), finding("b", "y", Status::pass)}, event, 9);
    EXPECT_THAT(d.changed, ElementsAre(Key{"a", "x"}));
    ASSERT_EQ(d.after.findings.size(), 2U);
    EXPECT_EQ(d.after.findings[0].cursor, 9U);
    EXPECT_EQ(d.after.findings[0].since, to_seconds(at(0)));  // it failed all the time
    EXPECT_EQ(d.after.findings[1].cursor, 1U);
    EXPECT_TRUE(d.after.findings[0].required);
    EXPECT_FALSE(d.after.findings[1].required);
}

TEST(Diff, AControlThatIsNotRequiredAnyMoreHasANewCursor) {
    policy::Policy strict;
    const Occasion reload{Why::policy, "policy", at(5)};
    const auto before = compare({}, {finding("b", "x", Status::unknown)}, strict, reload, 1).after;
    const auto d = look(before, {finding("b", "x", Status::unknown)}, reload);
    EXPECT_THAT(d.changed, ElementsAre(Key{"b", "x"}));
    EXPECT_THAT(d.transitions, IsEmpty());
}

TEST(Diff, TellsHowLongItWasOut) {
    auto b = board({finding("a", "x", Status::pass)});
    b = look(b, {finding("a", "x", Status::fail)}, {Why::event, "e", at(1'000)}).after;
    b = look(b, {finding("a", "x", Status::unknown)}, {Why::event, "e", at(2'000)}).after;
    auto d = look(b, {finding("a", "x", Status::pass)}, {Why::fix, "after a fix", at(5'200), {"a", "x"}, 7});
    ASSERT_EQ(d.transitions.size(), 1U);
    EXPECT_EQ(d.transitions[0].out_for, 4'200 * us);
    EXPECT_EQ(d.transitions[0].healed_by, "");  // it was unknown, so nobody can say that we mended it
    EXPECT_EQ(d.after.keys.at({"a", "x"}).out_since, std::nullopt);

    b = look(d.after, {finding("a", "x", Status::fail)}, {Why::event, "e", at(9'000)}).after;
    d = look(b, {}, {Why::fix, "after a fix", at(8'000), {"a", "x"}, 7});
    ASSERT_EQ(d.transitions.size(), 1U);
    EXPECT_EQ(d.transitions[0].out_for, 0 * us);  // the clock was set back meanwhile
    EXPECT_EQ(d.transitions[0].healed_by, "plimsolld");
    EXPECT_EQ(d.transitions[0].journal_entry, 7U);
}

TEST(Diff, SaysWhoHealedAndWhatNoEventAnnounced) {
    const auto b = board({finding("a", "x", Status::fail)});
    const auto others = look(b, {finding("a", "x", Status::pass)}, event);
    EXPECT_EQ(others.transitions[0].healed_by, "");
    EXPECT_TRUE(others.transitions[0].announced);
    const auto pass = look(b, {finding("a", "x", Status::pass)}, {Why::full_pass, "full pass", at(1)});
    EXPECT_FALSE(pass.transitions[0].announced);
    const auto by_the_way = look(b, {finding("a", "x", Status::pass)}, {Why::fix, "f", at(1), {"a", "y"}, 7});
    EXPECT_EQ(by_the_way.transitions[0].healed_by, "");
    EXPECT_EQ(by_the_way.transitions[0].journal_entry, 7U);
    const auto excepted = look(b, {finding("a", "x", Status::excepted)}, event);
    EXPECT_TRUE(is_mended(excepted.transitions[0]));
}

// Only the keys are known then; what is found now is new content, but no change of a verdict.
TEST(Diff, AfterARestart) {
    Board remembered;
    remembered.keys[{"a", "x"}] = {Status::fail, Severity::high, "because", Time{}, 3, at(-1'000'000)};
    remembered.keys[{"b", "y"}] = {Status::pass, Severity::low, "", Time{}, 3, std::nullopt};
    auto d = look(remembered, {finding("a", "x", Status::fail), finding("b", "y", Status::fail)},
                  {Why::start, "start", at(0)}, 10);
    EXPECT_THAT(told(d), ElementsAre("b/y pass>fail"));
    EXPECT_EQ(d.changed.size(), 2U);
    EXPECT_EQ(d.after.findings[0].since, Time{});
    d = look(d.after, {finding("b", "y", Status::fail)}, {Why::event, "e", at(500'000)});
    EXPECT_EQ(d.transitions[0].out_for, 1'500'000 * us);  // it was out before the restart already
}

TEST(Diff, BoundsTheMessage) {
    const auto d = look({}, {finding("a", "x", Status::fail, std::string(100'000, 'm') + "\x1b")}, event);
    EXPECT_LT(d.transitions[0].message.size(), 1100U);
}

TEST(Diff, KnowsDrift) {
    const auto d = look(board({finding("a", "x", Status::pass)}), {finding("a", "x", Status::fail)}, event);
    const Transition& t = d.transitions[0];
    EXPECT_TRUE(is_drift(t, Why::event));
    EXPECT_TRUE(is_drift(t, Why::full_pass));
    EXPECT_FALSE(is_drift(t, Why::policy));
    EXPECT_FALSE(is_drift(t, Why::expiry));
}

}  // namespace
}  // namespace plimsoll::daemon
