// SPDX-License-Identifier: Apache-2.0
#include "agentctl/options.hpp"

#include <gtest/gtest.h>

namespace plimsoll::agentctl {
namespace {

std::expected<Options, NotParsed> parse(std::vector<const char*> words) {
    words.insert(words.begin(), "agentctl");
    return parse_options(static_cast<int>(words.size()), words.data());
}

TEST(Options, GlobalOptionsStandBeforeOrAfterTheVerb) {
    for (const auto& words :
         {std::vector<const char*>{"--root", "/t", "--policy", "p.toml", "check", "--json"},
          std::vector<const char*>{"check", "--json", "--root=/t", "--policy", "p.toml"}}) {
        const auto o = parse(words);
        ASSERT_TRUE(o) << o.error().text;
        EXPECT_EQ(o->verb, "check");
        EXPECT_EQ(o->root, "/t");
        EXPECT_EQ(o->policy, std::vector<std::string>{"p.toml"});
        EXPECT_EQ(o->format, "json");
    }
}

TEST(Options, RepeatableOptionsTakeOneValueEach) {
    const auto o = parse({"--control", "a.*", "--control", "b.*", "apply", "--allow", "reboot", "--allow",
                          "service-restart", "--yes", "-v"});
    ASSERT_TRUE(o) << o.error().text;
    EXPECT_EQ(o->control, (std::vector<std::string>{"a.*", "b.*"}));
    EXPECT_EQ(o->allow, (std::vector<std::string>{"reboot", "service-restart"}));
    EXPECT_TRUE(o->yes && o->verbose && !o->quiet);
}

TEST(Options, NestedVerbsAndPositionals) {
    EXPECT_EQ(parse({"policy", "show"})->verb, "policy show");
    EXPECT_EQ(parse({"policy", "validate", "a.toml", "b.toml"})->files,
              (std::vector<std::string>{"a.toml", "b.toml"}));
    EXPECT_EQ(parse({"explain", "A01"})->subject, "A01");
    EXPECT_EQ(parse({"undo", "3", "--root", "/t"})->id, "3");
    EXPECT_TRUE(parse({"undo", "--all"})->all);
    EXPECT_EQ(parse({"policy", "schema"})->format, "json");
}

TEST(Options, WrongUsageSaysWhat) {
    const struct {
        std::vector<const char*> words;
        std::string_view says;
    } cases[] = {
        {{}, "no verb given"},
        {{"chekc"}, "did you mean \"check\"?"},
        {{"policy"}, "show, validate or schema"},
        {{"policy", "shwo"}, "did you mean \"policy show\"?"},
        {{"check", "--nonsense"}, "--nonsense"},
        {{"check", "extra"}, "extra"},
        {{"explain"}, "explain needs CONTROL"},
        {{"undo"}, "--last or --all"},
        {{"undo", "3", "--all"}, "--last or --all"},
        {{"plan", "--format", "sarif"}, "no format \"sarif\" for plan; it knows table, json"},
        {{"check", "--format", "xml"}, "no format \"xml\""},
        {{"check", "--json", "--format", "junit"}, "exclude each other"},
        {{"check", "--color", "blue"}, "blue"},
        {{"apply", "--allow", "live"}, "--allow"},
        {{"apply", "--allow", "never-automatic"}, "--allow"},
        {{"check", "--root"}, "--root"},
        {{"check", "--yes"}, "--yes"},
        {{"check", "\x1b[2J"}, "\\x1b[2J"},
        {{"wait"}, "--inside-line"},
        {{"wait", "--inside-line", "--timeout", "soon"}, "--timeout is a number of seconds"},
        {{"wait", "--inside-line", "--timeout", "-1"}, "--timeout"},
        {{"history", "--limit", "0"}, "--limit is a number from 1 to 10000"},
        {{"history", "--limit", "10001"}, "--limit"},
        {{"history", "--since", "2026-01-01T00:00:00"}, "--since is a date"},
        {{"history", "--control", "a b"}, "is no pattern of ids"},
        {{"status", "--control", "a"}, "--control is not for status"},
        {{"containers", "--policy", "p"}, "asks the daemon"},
        {{"watch", "--state", "/s"}, "asks the daemon"},
        {{"status", "--bus", "school"}, "school"},
        {{"status", "--format", "sarif"}, "no format \"sarif\" for status"},
        {{"check", "--since", "1h"}, "--since"},
    };

    for (const auto& c : cases) {
        const auto o = parse(c.words);
        ASSERT_FALSE(o) << c.says;
        EXPECT_EQ(o.error().exit_code, exit_usage) << c.says;
        EXPECT_NE(o.error().text.find(c.says), std::string::npos) << o.error().text;
        EXPECT_NE(o.error().text.find("--help"), std::string::npos);
    }
}

TEST(Options, LiveVerbsAreMarkedAndTakeTheirOptions) {
    const auto o =
        parse({"--bus=session", "history", "--since", "2h", "--limit", "10000", "--control", "a.*"});
    ASSERT_TRUE(o) << o.error().text;
    EXPECT_EQ(o->bus, "session");
    EXPECT_EQ(o->limit, "10000");
    EXPECT_EQ(parse({"wait", "--inside-line", "--timeout", "0"})->timeout, "0");
    for (const char* name : {"status", "watch", "history", "containers", "wait"})
        EXPECT_TRUE(find_verb(name)->live) << name;
    for (const char* name : {"check", "apply", "journal", "version"})
        EXPECT_FALSE(find_verb(name)->live) << name;
}

TEST(Options, SinceIsATimeOrHowLongAgo) {
    const Time now(std::chrono::seconds(1'700'000'000));
    const auto at = [&](const char* text) {
        const auto t = parse_since(text, now);
        return t ? t->time_since_epoch().count() : -1;
    };
    EXPECT_EQ(at("45s"), 1'699'999'955);
    EXPECT_EQ(at("30m"), 1'699'998'200);
    EXPECT_EQ(at("2h"), 1'699'992'800);
    EXPECT_EQ(at("7d"), 1'699'395'200);
    EXPECT_EQ(at("100000d"), 0) << "before 1970";
    EXPECT_EQ(at("2023-11-14T22:13:20Z"), 1'700'000'000);
    EXPECT_EQ(at("1970-01-02"), 86400);
    for (const char* wrong : {"", "d", "h2", "-2h", "2 h", "2w", "99999999999999999999s", "99999999999d",
                              "yesterday", "2023-11-14T22:13:20"})
        EXPECT_EQ(at(wrong), -1) << wrong;
}

TEST(Options, HelpIsThereForEveryVerb) {
    for (const VerbSpec& verb : verb_table()) {
        std::vector<std::string> parts;
        std::string word;
        for (const char c : std::string(verb.name) + " ")
            if (c == ' ')
                parts.push_back(std::exchange(word, ""));
            else
                word += c;
        for (const char* flag : {"--help", "-h"}) {
            std::vector<const char*> words;
            for (const auto& p : parts)
                words.push_back(p.c_str());
            words.push_back(flag);
            const auto o = parse(words);
            ASSERT_FALSE(o);
            EXPECT_EQ(o.error().exit_code, exit_inside);
            EXPECT_TRUE(o.error().text.starts_with("Usage: agentctl " + std::string(verb.name)))
                << o.error().text;
        }
    }
    EXPECT_TRUE(parse({"--help"}).error().text.starts_with("Usage: agentctl VERB"));
}

}  // namespace
}  // namespace plimsoll::agentctl
