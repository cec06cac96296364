// SPDX-License-Identifier: Apache-2.0
#include "agentctl/command_line.hpp"
#include "agentctl/render/catalogue.hpp"
#include "agentctl/render/help.hpp"
#include "agentctl/render/report_fixture.hpp"
#include "core/base/json.hpp"
#include "core/base/text.hpp"

#include <gtest/gtest.h>

namespace plimsoll::agentctl::render {
namespace {

TEST(Controls, TableGroupsByConcern) {
    EXPECT_EQ(controls_table(sample_catalogue(), {}),
              "subuid\n"
              "  A01  subuid.root-delegated  critical, live\n"
              "       Nobody is handed host root\n"
              "  A02  subuid.min-size  medium, never-automatic\n"
              "       Ranges are large | enough\n"
              "\nrootless\n"
              "  B01  rootless.socket  medium, never-automatic\n"
              "       No rootful socket\n"
              "\n3 controls. Next: agentctl explain CONTROL\n");
}

TEST(Controls, MarkdownEscapesCells) {
    const auto text = controls_markdown(sample_catalogue());
    EXPECT_NE(
        text.find(
            "| A02 | [subuid.min-size](#subuidmin-size) | medium | never-automatic | Ranges are large \\| "
            "enough |\n"),
        std::string::npos);
    EXPECT_NE(
        text.find("\n### subuid.root-delegated\n\n**Nobody is handed host root.** newuidmap would map it.\n"),
        std::string::npos);
    EXPECT_NE(text.find("| `min` | integer | `65536` | `65536` | 1 to 4294967295 |"), std::string::npos);
}

TEST(Controls, JsonHasEveryControlWithItsParameters) {
    const Value v = controls_json(sample_catalogue());
    const auto& list = *v.at("controls")->array();
    ASSERT_EQ(list.size(), 3U);
    EXPECT_EQ(*list[0].at("references")->array()->front().string(), "subuid(5)");
    const Value& param = list[1].at("parameters")->array()->front();
    EXPECT_EQ(*param.at("default")->integer(), 65536);
    EXPECT_EQ(*param.at("min")->integer(), 1);
}

TEST(Explain, ShowsTheValueInForceAndItsOrigin) {
    policy::Policy policy;
    policy.controls["subuid.min-size"] = {policy::Mode::enforce};
    policy.params["subuid.min-size"]["min"] = Value(1000);
    policy.origins["control.subuid.min-size.min"] = "/etc/plimsoll/policy.d/10.toml:7";
    const auto catalogue = sample_catalogue();
    const Explanation e{sample_controls[1], params_of(catalogue, "subuid.min-size"), &policy};
    const auto text = explain_table(e, {});
    EXPECT_NE(text.find("    now: 1000  from /etc/plimsoll/policy.d/10.toml:7\n"), std::string::npos) << text;
    EXPECT_NE(text.find("mode      enforce  from default\n"), std::string::npos) << text;
    const Value v = explain_json(e);
    EXPECT_EQ(*v.at("policy", "mode")->string(), "enforce");
    EXPECT_EQ(*v.at("policy", "parameters", "min")->integer(), 1000);
    const Explanation without{sample_controls[1], {}, nullptr};
    EXPECT_TRUE(explain_json(without).at("policy")->is_null());
}

TEST(Journal, ListsEntriesWithTheirSteps) {
    using State = host::JournalStep::State;
    const std::vector<host::JournalEntry> entries{
        {1,
         "2026-01-02T03:04:05Z",
         {{State::done, "a.b", "alice", "write /etc/x", "/etc/x"},
          {State::done, "a.c", "", "set \x1b", "/proc/sys/x", "somebody changed it since"}}},
        {2, "2026-01-02T03:04:06Z", {{State::undone, "a.b", "alice", "write /etc/x", "/etc/x"}}}};
    EXPECT_EQ(journal_table(entries, {}),
              "Entry 1  2026-01-02T03:04:05Z\n"
              "  done     write /etc/x\n"
              "           a.b  alice\n"
              "  done     set \\x1b\n"
              "           a.c\n"
              "           not undone: somebody changed it since\n"
              "Entry 2  2026-01-02T03:04:06Z  undone\n"
              "  undone   write /etc/x\n"
              "           a.b  alice\n");
    EXPECT_EQ(journal_table({}, {}), "The journal is empty: nothing was changed here.\n");
    const Value v = journal_json(entries);
    EXPECT_EQ(*v.at("entries")->array()->front().at("steps")->array()->front().at("state")->string(), "done");
}

TEST(Help, EveryVerbFitsEightyColumnsAndHasExamples) {
    for (const VerbSpec& verb : verb_table()) {
        const auto text = help(verb.name);
        for (const auto line : split_lines(text))
            EXPECT_LE(display_width(line), 80U) << line;
        if (!verb.hidden && !is_group(verb.name)) {
            EXPECT_NE(text.find("Examples:"), std::string::npos) << verb.name;
            EXPECT_NE(help("").find("\n  " + std::string(verb.name) + " "), std::string::npos) << verb.name;
        }
    }
}

TEST(Help, NamesEveryOption) {
    for (const VerbSpec& verb : verb_table())
        for (const OptionSpec& option : verb.options)
            for (const auto& name : option_names(option))
                EXPECT_NE(help(verb.name).find(name), std::string::npos) << verb.name << " " << name;
}

}  // namespace
}  // namespace plimsoll::agentctl::render
