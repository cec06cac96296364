// SPDX-License-Identifier: Apache-2.0
#include "agentctl/render/report.hpp"
#include "agentctl/render/report_fixture.hpp"
#include "core/base/json.hpp"
#include "core/base/text.hpp"

#include <gtest/gtest.h>

namespace plimsoll::agentctl::render {
namespace {

constexpr std::string_view hostile = "a\x1b[2J\n\x07<b>&\"'\xff\xe2\x80\xae]]>\xef\xbf\xbf";

policy::Finding hostile_finding() {
    policy::Finding f = failing();
    f.subject = hostile;
    f.message = hostile;
    f.evidence = {{std::string(hostile), std::string(hostile), std::string(hostile)}};
    f.fix->summary = hostile;
    return f;
}

// Nothing but printable characters and line ends.
void expect_safe(const std::string& text) {
    EXPECT_TRUE(valid_utf8(text));
    for (const char c : text)
        EXPECT_TRUE(c == '\n' || (static_cast<unsigned char>(c) >= 0x20 && c != 0x7f)) << int{c};
    EXPECT_EQ(text.find("\xe2\x80\xae"), std::string::npos);
}

TEST(CheckTable, FailuresFirstThenTheCounts) {
    EXPECT_EQ(check_table(sample_report(), {.command = " --root /srv/image"}),
              "ship, Debian GNU/Linux 12 (bookworm), files in /srv/image; policy profile\naudit-only\n\n"
              "FAIL, CRITICAL\n"
              "  subuid.root-delegated  mallory  [enforce]\n"
              "    mallory may map host root into a user namespace\n"
              "    /etc/subuid:3\n"
              "      found    mallory:0:1\n"
              "      expected no range that contains id 0\n"
              "    fix (live): remove the line\n\n"
              "FAIL, MEDIUM\n"
              "  rootless.socket  /run/docker.sock\n"
              "    the socket is open to a group\n"
              "    pid 812\n"
              "      found    dockerd\n"
              "    by hand: move its users to rootless engines\n\n"
              "COULD NOT BE OBSERVED\n"
              "  rootless.linger  alice\n"
              "    read /var/lib/systemd/linger: Input/output error\n\n"
              "EXCEPTED BY THE POLICY\n"
              "  subuid.min-size  bob\n"
              "    bob has 1000 ids\n"
              "    exception: ops: being moved, until 2027-01-01T00:00:00Z\n\n"
              "1 pass, 2 fail, 1 not-applicable, 1 unknown, 1 excepted\n"
              "Next: agentctl plan --root /srv/image   (what would change; nothing is touched)\n");
}

TEST(CheckTable, VerboseListsPassesToo) {
    const auto text = check_table(sample_report(), {.verbose = true});
    EXPECT_NE(text.find("PASS\n  subuid.overlap  host: no ranges overlap\n"), std::string::npos);
    EXPECT_NE(text.find("NOT APPLICABLE\n  rootless.kernel  host: not a running host\n"), std::string::npos);
}

TEST(CheckTable, NextStepFitsWhatWasFound) {
    Report r = sample_report();
    r.assessment.findings = {simple("a.b", policy::Status::pass, "host", "fine")};
    EXPECT_TRUE(check_table(r, {}).ends_with("0 excepted\nInside the line.\n"));
    r.assessment.findings = {by_hand()};
    EXPECT_NE(check_table(r, {}).find("Next: agentctl explain rootless.socket"), std::string::npos);
    r.assessment.findings = {simple("a.b", policy::Status::unknown, "host", "cannot tell")};
    EXPECT_EQ(check_table(r, {}).find("Inside"), std::string::npos);
}

TEST(CheckTable, FitsEveryWidthWithAndWithoutColor) {
    Report r = sample_report();
    r.assessment.findings[0].subject = std::string(300, 'x');
    r.assessment.findings[1].message =
        "漢字 " + std::string(200, 'y') + " 🚢🚢🚢🚢🚢🚢🚢🚢🚢🚢🚢🚢🚢🚢🚢🚢🚢🚢🚢🚢🚢";
    for (const std::size_t width : {40UL, 80UL, 120UL}) {
        const std::string table = check_table(r, {.verbose = true, .width = width});
        for (const auto line : split_lines(table))
            EXPECT_LE(display_width(line), width) << line;
    }
    const auto colored = check_table(r, {.color = true});
    EXPECT_NE(colored.find("\x1b["), std::string::npos);
}

TEST(CheckTable, HostileTextIsHarmless) {
    Report r = sample_report();
    r.assessment.findings = {hostile_finding()};
    r.host.os_name = hostile;
    r.host.hostname = hostile;
    expect_safe(check_table(r, {}));
}

TEST(CheckJson, HasTheStableShape) {
    Report r = sample_report();
    r.assessment.findings = {failing(), simple("a.b", policy::Status::pass, "host", "fine")};
    EXPECT_EQ(
        to_json(check_json(r)),
        R"j({"schema":"plimsoll.check/1","host":{"root":"/srv/image","live":false,"os":{"id":"debian",)j"
        R"j("version_id":"12","pretty_name":"Debian GNU/Linux 12 (bookworm)"},"kernel":null,)j"
        R"j("hostname":"ship"},"policy":{"profile":"audit-only","digest":"d1"},)j"
        R"j("summary":{"pass":1,"fail":1,"not-applicable":0,"unknown":0,"excepted":0},"findings":[)j"
        R"j({"control":"subuid.root-delegated","subject":"mallory","status":"fail",)j"
        R"j("severity":"critical","mode":"enforce",)j"
        R"j("message":"mallory may map host root into a user namespace","evidence":[)j"
        R"j({"source":"/etc/subuid:3","found":"mallory:0:1","expected":"no range that contains id 0"}],)j"
        R"j("fix":{"class":"live","summary":"remove the line"}},)j"
        R"j({"control":"a.b","subject":"host","status":"pass","severity":"medium","mode":"audit",)j"
        R"j("message":"fine","evidence":[],"fix":null}]})j");
}

TEST(Sarif, EveryResultHasItsRuleKindAndPlace) {
    const Value v = sarif(sample_report(), sample_catalogue(), "1.2.3");
    EXPECT_EQ(*v.at("version")->string(), "2.1.0");
    const Value& run = v.at("runs")->array()->front();
    EXPECT_EQ(*run.at("tool", "driver", "semanticVersion")->string(), "1.2.3");
    const auto& results = *run.at("results")->array();
    ASSERT_EQ(results.size(), 6U);
    const Value& fail = results[1];
    EXPECT_EQ(*fail.at("ruleIndex")->integer(), 0);
    EXPECT_EQ(*fail.at("kind")->string(), "fail");
    EXPECT_EQ(*fail.at("level")->string(), "error");
    const Value& place = fail.at("locations")->array()->front();
    EXPECT_EQ(*place.at("physicalLocation", "artifactLocation", "uri")->string(), "etc/subuid");
    EXPECT_EQ(*place.at("physicalLocation", "region", "startLine")->integer(), 3);
    const Value& pid = results[0].at("locations")->array()->front();
    EXPECT_EQ(*pid.at("logicalLocations")->array()->front().at("fullyQualifiedName")->string(), "pid 812");
    EXPECT_EQ(*results[2].at("kind")->string(), "pass");
    EXPECT_EQ(*results[2].at("level")->string(), "none");
    EXPECT_EQ(*results[3].at("kind")->string(), "open");
    EXPECT_EQ(*results[4].at("kind")->string(), "notApplicable");
    EXPECT_EQ(*results[5].at("suppressions")->array()->front().at("kind")->string(), "external");
}

TEST(Sarif, RuleIndexIsLeftOutForAnUnknownRule) {
    const Value v = sarif(sample_report(), sample_catalogue(), "1");
    const auto& results = *v.at("runs")->array()->front().at("results")->array();
    EXPECT_NE(results[1].at("ruleIndex"), nullptr);
    EXPECT_EQ(results[2].at("ruleIndex"), nullptr);  // subuid.overlap is not in the catalogue
}

TEST(Sarif, EscapesPathsAsUris) {
    Report r = sample_report();
    r.assessment.findings = {failing()};
    r.assessment.findings[0].evidence = {{"/etc/a b#%\xc3\xab:7", "x", "y"}, {"/", "", ""}};
    const Value v = sarif(r, sample_catalogue(), "1");
    const auto& places =
        *v.at("runs")->array()->front().at("results")->array()->front().at("locations")->array();
    EXPECT_EQ(*places[0].at("physicalLocation", "artifactLocation", "uri")->string(),
              "etc/a%20b%23%25%C3%AB");
    EXPECT_EQ(*places[1].at("physicalLocation", "artifactLocation", "uri")->string(), "");
}

TEST(Junit, ASuitePerConcernACasePerFinding) {
    Report r = sample_report();
    r.assessment.findings = {failing(), simple("subuid.overlap", policy::Status::pass, "host", "fine"),
                             simple("rootless.linger", policy::Status::unknown, "alice", "no <idea>")};
    EXPECT_EQ(
        junit(r),
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
        "<testsuites name=\"plimsoll\" tests=\"3\" failures=\"1\" errors=\"1\" time=\"0\">\n"
        "  <testsuite name=\"subuid\" tests=\"2\" failures=\"1\" errors=\"0\" skipped=\"0\" time=\"0\">\n"
        "    <testcase classname=\"subuid.root-delegated\" name=\"mallory\" time=\"0\">\n"
        "      <failure type=\"critical\" message=\"mallory may map host root into a user namespace\">"
        "/etc/subuid:3: found mallory:0:1, expected no range that contains id 0\n"
        "fix (live): remove the line\n</failure>\n"
        "    </testcase>\n"
        "    <testcase classname=\"subuid.overlap\" name=\"host\" time=\"0\"/>\n"
        "  </testsuite>\n"
        "  <testsuite name=\"rootless\" tests=\"1\" failures=\"0\" errors=\"1\" skipped=\"0\" time=\"0\">\n"
        "    <testcase classname=\"rootless.linger\" name=\"alice\" time=\"0\">\n"
        "      <error type=\"unknown\" message=\"no &lt;idea&gt;\"></error>\n"
        "    </testcase>\n"
        "  </testsuite>\n"
        "</testsuites>\n");
}

TEST(Junit, HostileTextIsEscaped) {
    Report r = sample_report();
    r.assessment.findings = {hostile_finding()};
    const auto text = junit(r);
    expect_safe(text);
    EXPECT_EQ(text.find("<b>"), std::string::npos);
    EXPECT_EQ(text.find("\xef\xbf\xbf"), std::string::npos);
    EXPECT_EQ(text.find("]]>"), std::string::npos);
}

}  // namespace
}  // namespace plimsoll::agentctl::render
