// SPDX-License-Identifier: Apache-2.0
#include "agentctl/command_line.hpp"
#include "agentctl/live/render.hpp"
#include "core/base/json.hpp"
#include "core/base/text.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

namespace plimsoll::agentctl::live {
namespace {

using namespace std::chrono_literals;
using render::Style;
using testing::HasSubstr;
using testing::Not;

constexpr std::int64_t noon = 1'700'049'600;  // 2023-11-15T12:00:00Z
const std::string hostile = "\x1b[2J\r\n\u202e\xff|evil" + std::string(2000, 'x');

Time at(std::int64_t seconds) {
    return Time(std::chrono::seconds(seconds));
}

Transition transition(std::uint64_t id) {
    Transition t;
    t.id = id;
    t.time = at(noon - 60);
    t.control = "subuid.root-delegated";
    t.subject = "mallory";
    t.from = "fail";
    t.to = "pass";
    t.severity = "critical";
    t.message = "gone";
    t.cause = "after a fix";
    t.healed_by = "plimsolld";
    t.out_for = 4200us;
    t.journal_entry = 5;
    return t;
}

Finding finding(std::string control, std::string status, std::string severity) {
    return {std::move(control), "mallory", std::move(status), std::move(severity), "because",
            at(noon - 120),     true};
}

Overview overview() {
    Overview o;
    o.now = at(noon);
    o.status.line = "inside";
    o.status.line_since = at(noon - 11520);
    o.status.counts = {{"pass", 40}, {"fail", 0}};
    o.status.profile = "rootless-strict";
    o.status.policy_digest = "0123456789abcdef0123456789abcdef";
    o.status.started = at(noon - 200000);
    o.status.last_full_pass = at(noon - 240);
    o.status.root = "/";
    o.status.version = "0.1.0";
    return o;
}

std::vector<std::string> lines_of(const std::string& text) {
    std::vector<std::string> out;
    for (const auto line : split_lines(text))
        out.emplace_back(line);
    return out;
}

// Every text that a daemon can send, as nasty as D-Bus allows and nastier.
Overview hostile_overview() {
    Overview o;
    o.now = at(noon);
    o.status = {hostile,
                at(noon + 1000),
                {{hostile, 7}, {"fail", 4'294'967'295U}},
                hostile,
                hostile,
                {hostile, hostile},
                at(0),
                {},
                ~0ULL,
                {},
                {hostile, hostile},
                hostile,
                hostile};
    o.status.contested = {{hostile, hostile, at(0), 3, hostile}, {hostile, hostile, at(0), 3, ""}};
    const Finding f{hostile, hostile, "fail", hostile, hostile, at(253'402'300'799), true};
    o.findings = std::vector<Finding>(100, f);
    auto unknown = f;
    unknown.status = "unknown";
    o.findings->insert(o.findings->end(), 100, unknown);
    Transition t{~0ULL,   at(noon), hostile, hostile, hostile, hostile, hostile,
                 hostile, hostile,  false,   hostile, 1us,     ~0ULL};
    o.healed = std::vector<Transition>(100, t);
    o.containers = std::vector<Container>(100, Container{hostile, hostile, hostile, true, 4'294'967'295U, -1,
                                                         at(0), hostile, 4'294'967'295U, hostile});
    return o;
}

void expect_harmless(const std::string& text) {
    EXPECT_TRUE(valid_utf8(text));
    for (const char* bad : {"\x1b", "\r", "\u202e", "\xff"})
        EXPECT_THAT(text, Not(HasSubstr(bad)));
}

TEST(LiveText, DurationsHaveTwoUnitsAtMost) {
    EXPECT_EQ(duration(0us), "0 µs");
    EXPECT_EQ(duration(-5us), "0 µs");
    EXPECT_EQ(duration(999us), "999 µs");
    EXPECT_EQ(duration(4250us), "4.2 ms");
    EXPECT_EQ(duration(4000us), "4 ms");
    EXPECT_EQ(duration(12'300ms), "12.3 s");
    EXPECT_EQ(duration(60s), "1 min");
    EXPECT_EQ(duration(184s), "3 min 4 s");
    EXPECT_EQ(duration(11520s), "3 h 12 min");
    EXPECT_EQ(duration(86400s), "1 d");
    EXPECT_EQ(duration(51h), "2 d 3 h");
    EXPECT_EQ(ago(at(100), at(160)), "1 min ago");
    EXPECT_EQ(ago(at(200), at(100)), "just now") << "a clock that was set back";
}

TEST(LiveText, OnlyInsideIsInside) {
    EXPECT_EQ(exit_code_of("inside"), exit_inside);
    EXPECT_EQ(exit_code_of("outside"), exit_outside);
    for (const char* other : {"unobserved", "", "INSIDE", "inside ", "fine"})
        EXPECT_EQ(exit_code_of(other), exit_unobserved) << other;
    EXPECT_EQ(line_words("fine"), "line not observed");
}

TEST(LiveStatus, InsideIsShort) {
    const auto lines = lines_of(status_table(overview(), {}));
    EXPECT_EQ(lines[0], "INSIDE THE LINE since 2023-11-15T08:48:00Z, 3 h 12 min");
    EXPECT_EQ(lines[1], "daemon     plimsolld 0.1.0, up 2 d 7 h; last full pass 4 min ago");
    EXPECT_EQ(lines[2], "policy     rootless-strict, digest 0123456789abcdef");
    EXPECT_EQ(lines[3], "findings   40 pass, 0 fail, 0 not-applicable, 0 unknown, 0 excepted");
    EXPECT_EQ(lines[4], "healed     nothing today (UTC)");
    EXPECT_EQ(lines[5], "containers none runs");
    EXPECT_EQ(lines.size(), 6U);
}

TEST(LiveStatus, OutsideSaysWhatFailsWorstFirst) {
    auto o = overview();
    o.status.line = "outside";
    o.findings =
        std::vector<Finding>{finding("a.low", "fail", "low"), finding("b.future", "fail", "apocalyptic"),
                             finding("c.worst", "fail", "critical"), finding("d.blind", "unknown", "high")};
    auto not_required = finding("e.whatever", "unknown", "critical");
    not_required.required = false;
    o.findings->push_back(not_required);
    o.status.healed_today = 3;
    o.healed = std::vector<Transition>{transition(1), transition(2), transition(3)};
    o.status.contested = {{"rootless.sysctl", "host", at(noon - 60), 3, "pid 7 (sysctl)"}};
    o.status.degraded = {"no inotify watch left"};
    o.status.policy_problems = {"x.toml:1:1: no"};
    o.containers = std::vector<Container>{{"1", "", "podman", true, 1000, 1, at(0), "", 1, "high"},
                                          {"2", "", "docker", false, 0, 1, at(0), "", 2, "critical"},
                                          {"3", "", "docker", false, 0, 1, at(0), "", 0, ""}};
    const auto text = status_table(o, {});
    EXPECT_THAT(text, HasSubstr("OUTSIDE THE LINE since "));
    EXPECT_LT(text.find("c.worst"), text.find("a.low"));
    EXPECT_LT(text.find("a.low"), text.find("b.future")) << "an unknown severity comes last";
    EXPECT_THAT(text, HasSubstr("unobserved high  d.blind  mallory, 2 min ago: because"));
    EXPECT_THAT(text, Not(HasSubstr("e.whatever")));
    EXPECT_THAT(text, HasSubstr("healed     3 today (UTC)"));
    EXPECT_THAT(text, HasSubstr("11:59:00Z  subuid.root-delegated  mallory, out for 4.2 ms"));
    EXPECT_THAT(text, HasSubstr("and 1 more: agentctl history"));
    EXPECT_THAT(text, HasSubstr("contested  rootless.sysctl  host: changed back 3 times by pid 7 (sysctl)"));
    EXPECT_THAT(text, HasSubstr("degraded   no inotify watch left"));
    EXPECT_THAT(text, HasSubstr("x.toml:1:1: no"));
    EXPECT_THAT(text, HasSubstr("containers 3: docker 2, podman 1; 2 with failing findings, worst critical"));
}

TEST(LiveStatus, WhatCouldNotBeHadIsSaid) {
    auto o = overview();
    o.findings = std::unexpected("timed out");
    o.healed = std::unexpected("the store is broken");
    o.containers = std::unexpected("no /proc");
    const auto text = status_table(o, {});
    for (const char* why : {"failing    not known: timed out", "which, is not known: the store is broken",
                            "containers not known: no /proc"})
        EXPECT_THAT(text, HasSubstr(why));
    const Value json = status_json(o);
    EXPECT_TRUE(json.at("findings")->is_null());
    EXPECT_TRUE(json.at("containers")->is_null());
    EXPECT_EQ(*json.at("unavailable", "containers")->string(), "no /proc");
}

TEST(LiveStatus, FitsOnOneScreenAndIsHarmlessWhateverIsTold) {
    for (const std::size_t width : {40, 80, 120}) {
        const auto text = status_table(hostile_overview(), Style{false, false, width, ""});
        expect_harmless(text);
        const auto lines = lines_of(text);
        EXPECT_LE(lines.size(), 24U);
        for (const auto& line : lines)
            EXPECT_LE(render::display_width(line), std::max<std::size_t>(width, 60)) << line;
    }
    EXPECT_THAT(status_table(hostile_overview(), {}), HasSubstr("LINE NOT OBSERVED"));
}

TEST(LiveStatus, ColoursOnlyWhenWanted) {
    EXPECT_THAT(status_table(overview(), {}), Not(HasSubstr("\x1b")));
    EXPECT_THAT(status_table(overview(), Style{true, false, 80, ""}), HasSubstr("\x1b[32mINSIDE THE LINE"));
}

TEST(LiveHistory, TellsWhenWhatHowLongAndWho) {
    auto second = transition(2);
    second.from = "";
    second.to = "fail";
    second.healed_by = "";
    second.out_for.reset();
    second.journal_entry = 0;
    second.announced = false;
    const auto text = history_table({transition(1), second}, 100, {});
    EXPECT_EQ(text,
              "2023-11-15T11:59:00Z  fail → pass     critical\n"
              "                      subuid.root-delegated  mallory\n"
              "                      out for 4.2 ms, healed by plimsolld, journal entry 5\n"
              "                      gone\n"
              "2023-11-15T11:59:00Z  new → fail      critical\n"
              "                      subuid.root-delegated  mallory\n"
              "                      no event had announced it\n"
              "                      gone\n");
    EXPECT_THAT(history_table({transition(1)}, 1, {}), HasSubstr("The newest 1; there may be more: --limit"));
    EXPECT_EQ(history_table({}, 100, {}), "No verdict changed.\n");
}

TEST(LiveContainers, TheNameGivesWay) {
    const std::vector<Container> list{
        {"0123456789ab", std::string(200, 'n'), "podman", true, 1000, 42, at(noon - 60), "/x", 1, "high"},
        {"fedcba987654", "", "docker", false, 0, 4'000'000, at(noon - 11520), "/y", 0, ""}};
    const auto lines = lines_of(containers_table(list, at(noon), {}));
    ASSERT_EQ(lines.size(), 3U);
    EXPECT_EQ(lines[0].substr(0, 8), "ENGINE  ");
    EXPECT_THAT(lines[1], HasSubstr("podman  rootless 1000  0123456789ab  nnnnnnn"));
    EXPECT_THAT(lines[1], HasSubstr("…"));
    EXPECT_TRUE(lines[1].ends_with("1 high")) << lines[1];
    EXPECT_THAT(lines[2], HasSubstr("docker  rootful 0      fedcba987654  -"));
    for (const auto& line : lines)
        EXPECT_LE(render::display_width(line), 80U) << line;
    EXPECT_EQ(containers_table({}, at(noon), {}), "No container runs.\n");
    for (const auto& line : lines_of(containers_table(*hostile_overview().containers, at(noon), {}))) {
        expect_harmless(line);
        EXPECT_LE(render::display_width(line), 100U);
    }
}

TEST(LiveWatch, OneLineForEachEvent) {
    EXPECT_EQ(transition_line(transition(1), {}),
              "2023-11-15T11:59:00Z  fail → pass     critical  subuid.root-delegated  mallory: gone (out for "
              "4.2 ms, "
              "healed by plimsolld, journal entry 5)");
    EXPECT_EQ(line_line(overview().status, at(noon), {}),
              "2023-11-15T12:00:00Z  inside the line since 2023-11-15T08:48:00Z");
    EXPECT_THAT(presence_line(false, at(noon), {}), HasSubstr("the daemon has left the bus; waiting for it"));
    const auto nasty = transition_line(hostile_overview().healed->front(), {});
    expect_harmless(nasty);
    EXPECT_EQ(nasty.find('\n'), std::string::npos);
    EXPECT_LT(nasty.size(), 5000U);
}

TEST(LiveJson, EveryDocumentNamesItsSchemaAndParses) {
    const auto o = hostile_overview();
    const std::vector<std::pair<std::string, Value>> documents{
        {"plimsoll.status/1", status_json(o)},
        {"plimsoll.history/1", history_json(*o.healed)},
        {"plimsoll.containers/1", containers_json(*o.containers)},
        {"plimsoll.event/1", transition_event(o.healed->front())},
        {"plimsoll.event/1", line_event(o.status, o.now)},
        {"plimsoll.event/1", presence_event(false, o.now)},
        {"plimsoll.wait/1", wait_json("", true)}};
    for (const auto& [schema, document] : documents) {
        EXPECT_EQ(*document.at("schema")->string(), schema);
        const std::string text = render::safe_json(to_json(document));
        expect_harmless(text);
        EXPECT_EQ(text.find('\n'), std::string::npos);
        EXPECT_TRUE(parse_json(text, schema)) << schema;
    }
}

TEST(LiveJson, WhatIsNotThereIsNull) {
    auto t = transition(7);
    t.from = "";
    t.healed_by = "";
    t.out_for.reset();
    t.journal_entry = 0;
    const Value event = transition_event(t);
    for (const char* key : {"from", "healed_by", "out_for_us", "journal_entry"})
        EXPECT_TRUE(event.at(key)->is_null()) << key;
    EXPECT_EQ(*event.at("id")->integer(), 7);
    EXPECT_EQ(*transition_event(transition(7)).at("out_for_us")->integer(), 4200);
    EXPECT_EQ(*event.at("event")->string(), "transition");
    EXPECT_TRUE(wait_json("", true).at("line")->is_null());
}

}  // namespace
}  // namespace plimsoll::agentctl::live
