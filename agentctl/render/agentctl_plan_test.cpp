// SPDX-License-Identifier: Apache-2.0
#include "agentctl/render/plan.hpp"
#include "agentctl/render/report_fixture.hpp"
#include "core/base/json.hpp"
#include "core/base/text.hpp"

#include <gtest/gtest.h>

namespace plimsoll::agentctl::render {
namespace {

Plan sample_plan() {
    const Report report = sample_report();
    Plan plan{report.host, report.profile, report.digest};
    PlannedFix lines{failing(), {"remove line \"mallory:0:1\" of /etc/subuid"}};
    lines.previews = {{"/etc/subuid", true, "a:1:1\nmallory:0:1\n", "a:1:1\n"}};
    PlannedFix knob{simple("rootless.kernel", policy::Status::fail, "host", "too low")};
    knob.finding.fix =
        policy::Fix{policy::FixClass::service_restart, "raise it", {policy::SetKnob{"/proc/sys/x", "2"}}};
    knob.previews = {{"/proc/sys/x", false, {}, {}, "1", "2"}};
    plan.fixes = {lines, knob};
    plan.by_hand = {by_hand()};
    return plan;
}

TEST(PlanTable, GroupsByControlWithDiffAndOldNew) {
    EXPECT_EQ(plan_table(sample_plan(), {}),
              "subuid.root-delegated\n"
              "  mallory: remove the line\n"
              "    class live, mode enforce\n"
              "    --- a/etc/subuid\n    +++ b/etc/subuid\n    @@ -1,2 +1 @@\n     a:1:1\n    -mallory:0:1\n"
              "\nrootless.kernel\n"
              "  host: raise it\n"
              "    class service-restart, mode audit\n"
              "    /proc/sys/x: 1 -> 2\n"
              "\nrootless.socket\n"
              "  by hand: /run/docker.sock: move its users to rootless engines\n"
              "\n2 fixes, 1 live, 1 service-restart; 1 by hand\n"
              "Next: agentctl apply   (asks first; agentctl undo takes it back)\n");
}

TEST(PlanTable, SaysWhenThereIsNothing) {
    Plan plan;
    plan.unobserved = 1;
    EXPECT_EQ(plan_table(plan, {}),
              "Nothing to change.\n1 finding could not be observed; see agentctl check\n");
}

TEST(PlanTable, FallsBackToStepsWhenThereIsNoPreview) {
    Plan plan = sample_plan();
    plan.fixes.resize(1);
    plan.fixes[0].previews.clear();
    plan.fixes[0].preview_error = "no\x1b[2J";
    const auto text = plan_table(plan, {});
    EXPECT_NE(text.find("    - remove line \"mallory:0:1\" of /etc/subuid\n    cannot preview: no\\x1b[2J\n"),
              std::string::npos);
    EXPECT_NE(text.find("1 fix, 1 live; 1 by hand"), std::string::npos);
}

TEST(PlanJson, CarriesDiffsAndValues) {
    const Value v = plan_json(sample_plan());
    EXPECT_EQ(*v.at("schema")->string(), "plimsoll.plan/1");
    const auto& fixes = *v.at("fixes")->array();
    EXPECT_EQ(*fixes[0].at("class")->string(), "live");
    EXPECT_EQ(*fixes[0].at("changes")->array()->front().at("diff")->string(),
              "--- a/etc/subuid\n+++ b/etc/subuid\n@@ -1,2 +1 @@\n a:1:1\n-mallory:0:1\n");
    EXPECT_TRUE(fixes[1].at("changes")->array()->front().at("diff")->is_null());
    EXPECT_EQ(*fixes[1].at("changes")->array()->front().at("new")->string(), "2");
    EXPECT_EQ(*v.at("by_hand")->array()->front().at("class")->string(), "never-automatic");
}

Applied sample_applied() {
    Applied out;
    out.done = {{"subuid.root-delegated", "mallory", "remove the line", {"remove a line"}}};
    out.entry = 7;
    out.by_hand = {by_hand()};
    auto restart = failing();
    restart.fix->cls = policy::FixClass::service_restart;
    restart.fix->summary = "restart it";
    out.needs_allow = {restart};
    out.after = sample_report();
    return out;
}

TEST(ApplyTable, TellsWhatWasDoneWhatIsLeftAndHowToUndo) {
    EXPECT_EQ(apply_table(sample_applied(), {.command = " --root /t"}),
              "done: subuid.root-delegated  mallory: remove the line\n"
              "left: subuid.root-delegated  mallory: restart it (needs --allow service-restart)\n"
              "rootless.socket\n"
              "  by hand: /run/docker.sock: move its users to rootless engines\n"
              "1 pass, 2 fail, 1 unknown\n"
              "Journal entry 7. To take it back:\n"
              "  agentctl undo 7 --root /t\n");
}

TEST(ApplyTable, SaysThatNothingWasToDoOrWhyItStopped) {
    Applied none;
    EXPECT_TRUE(apply_table(none, {}).starts_with("Nothing to do: "));
    none.stopped = "no space";
    const auto text = apply_table(none, {});
    EXPECT_TRUE(text.starts_with("stopped: no space\n"));
    EXPECT_EQ(text.find("Nothing to do"), std::string::npos);
    EXPECT_EQ(text.find("undo"), std::string::npos);
}

TEST(ApplyJson, NamesTheEntry) {
    const Value v = apply_json(sample_applied());
    EXPECT_EQ(*v.at("schema")->string(), "plimsoll.apply/1");
    EXPECT_EQ(*v.at("entry")->integer(), 7);
    EXPECT_TRUE(v.at("stopped")->is_null());
    EXPECT_EQ(*v.at("check", "schema")->string(), "plimsoll.check/1");
}

}  // namespace
}  // namespace plimsoll::agentctl::render
