// SPDX-License-Identifier: Apache-2.0
#include "core/policy/testing/catalogue.hpp"
#include "tests/support/tree.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>

namespace {
using namespace plimsoll;
using namespace plimsoll::policy;
using testing::ElementsAre;
using testing::HasSubstr;

// 2027-01-15T00:00:00Z, for ever.
const Time now = std::chrono::sys_days{std::chrono::year{2027} / 1 / 15};

Finding finding(std::string control, std::string subject, Status status) {
    Finding f{.control = std::move(control), .subject = std::move(subject), .status = status, .message = "m"};
    f.severity = Severity::high;
    if (status == Status::fail)
        f.fix = Fix{.cls = FixClass::live, .summary = "do it"};
    return f;
}

const std::vector<Finding>& all_pass() {
    static const std::vector<Finding> out{finding("demo.live", "host", Status::pass),
                                          finding("demo.restart", "host", Status::pass),
                                          finding("demo.person", "host", Status::pass)};
    return out;
}

Policy compiled(const std::string& text) {
    auto p = compile_policy({{"f.toml", text}}, fake::catalogue());
    EXPECT_TRUE(p) << testing::PrintToString(p ? Problems{} : p.error());
    return p ? *p : Policy{};
}

struct Assess {
    std::vector<Finding> findings{all_pass()};
    std::string policy{};
    Selection selection{};
    Problems broken{};
    int runs{0};

    Assessment run() {
        const tests::Tree tree;
        const auto modules = fake::modules(findings, &runs);
        return assess(modules, tree.host(), compiled(policy), selection, now, broken);
    }
};

std::vector<std::string> shown(const Assessment& a) {
    std::vector<std::string> out;
    for (const Finding& f : a.findings)
        out.push_back(f.control + " " + f.subject + " " + std::string(name_of(f.status)));
    return out;
}

std::vector<Finding> of(const Assessment& a, std::string_view control) {
    std::vector<Finding> out;
    for (const Finding& f : a.findings)
        if (f.control == control)
            out.push_back(f);
    return out;
}

std::string exception(const std::string& control, const std::string& subject, const std::string& expires,
                      const std::string& owner = "ops") {
    return "[[exception]]\ncontrol = \"" + control + "\"\nsubject = \"" + subject + "\"\nowner = \"" + owner +
           "\"\nreason = \"why\"\nexpires = " + expires + "\n";
}

TEST(Assess, EveryControlOnceInCatalogueOrder) {
    Assess a;
    a.findings = {finding("demo.person", "p", Status::pass), finding("demo.live", "b", Status::fail),
                  finding("demo.live", "a", Status::pass), finding("demo.unknown", "x", Status::pass)};
    const Assessment out = a.run();
    EXPECT_THAT(
        shown(out),
        ElementsAre("demo.live b fail", "demo.live a pass", "demo.restart host unknown", "demo.person p pass",
                    "policy.files policy pass", "policy.exception-expired policy pass",
                    "policy.exception-unmatched policy pass", "policy.contested policy not-applicable"));
    EXPECT_EQ(of(out, "demo.restart")[0].message, "the module gave no finding");
    EXPECT_EQ(out.count(), (std::array<std::size_t, 5>{5, 1, 1, 1, 0}));
}

TEST(Assess, ModeAndSeverityComeFromThePolicy) {
    Assess a;
    a.findings[0].status = Status::fail;
    a.policy =
        "[control.\"demo.live\"]\nmode = \"enforce\"\nseverity = \"info\"\n[control.\"demo.restart\"]\nmode "
        "= \"off\"\n[control.\"policy.files\"]\nseverity = \"critical\"\n";
    const Assessment out = a.run();
    EXPECT_EQ(of(out, "demo.live")[0].mode, Mode::enforce);
    EXPECT_EQ(of(out, "demo.live")[0].severity, Severity::info);
    EXPECT_EQ(of(out, "demo.person")[0].mode, Mode::audit);
    EXPECT_EQ(of(out, "demo.person")[0].severity, Severity::high);  // as the module gave it
    EXPECT_EQ(of(out, "policy.files")[0].severity, Severity::critical);
    EXPECT_TRUE(of(out, "demo.restart").empty());
}

TEST(Assess, RunsOnlyWhatIsSelectedAndNotOff) {
    Assess some{.selection = {{"demo.p*", "demo.live"}}};
    EXPECT_THAT(shown(some.run()), ElementsAre("demo.live host pass", "demo.person host pass"));
    EXPECT_EQ(some.runs, 1);
    Assess none{.selection = {{"policy.*"}}};
    EXPECT_EQ(none.run().findings.size(), 4U);
    EXPECT_EQ(none.runs, 0);
    Assess off{.policy =
                   "[control]\n\"demo.live\".mode = \"off\"\n\"demo.restart\".mode = \"off\"\n"
                   "\"demo.person\".mode = \"off\"\n\"policy.files\".mode = \"off\"\n"};
    EXPECT_THAT(shown(off.run()),
                ElementsAre("policy.exception-expired policy pass", "policy.exception-unmatched policy pass",
                            "policy.contested policy not-applicable"));
    EXPECT_EQ(off.runs, 0);
}

TEST(Exceptions, ExcuseFailuresUntilTheyExpire) {
    struct Case {
        const char* name;
        Status found;
        const char* control;
        const char* subject;
        const char* expires;
        Status status;
        Status expired;
        Status unmatched;
    };

    using enum Status;
    const Case cases[] = {
        {"match", fail, "demo.live", "alice", "2027-01-16", excepted, pass, pass},
        {"globs", fail, "demo.l*", "al*", "2027-01-15T00:00:01Z", excepted, pass, pass},
        {"expired now", fail, "demo.live", "alice", "2027-01-15", fail, fail, pass},
        {"expired", fail, "demo.live", "alice", "2026-01-01", fail, fail, pass},
        {"other subject", fail, "demo.live", "bob", "2027-02-01", fail, pass, fail},
        {"other control", fail, "demo.person", "alice", "2027-02-01", fail, pass, fail},
        {"a pass stays", pass, "demo.live", "alice", "2027-02-01", pass, pass, fail},
        {"unknown stays unknown", unknown, "demo.live", "alice", "2027-02-01", unknown, pass, not_applicable},
        {"does not apply", not_applicable, "demo.live", "*", "2027-02-01", not_applicable, pass,
         not_applicable},
    };
    for (const Case& c : cases) {
        Assess a;
        a.findings[0] = finding("demo.live", "alice", c.found);
        a.policy = exception(c.control, c.subject, c.expires);
        const Assessment out = a.run();
        EXPECT_EQ(of(out, "demo.live")[0].status, c.status) << c.name;
        const auto expired = of(out, "policy.exception-expired");
        const auto unmatched = of(out, "policy.exception-unmatched");
        ASSERT_EQ(expired.size(), 1U);
        ASSERT_EQ(unmatched.size(), 1U);
        EXPECT_EQ(expired[0].status, c.expired) << c.name;
        EXPECT_EQ(unmatched[0].status, c.unmatched) << c.name;
        for (const Finding& f : {expired[0], unmatched[0]})
            EXPECT_EQ(f.subject, f.status == pass ? "policy" : std::string(c.control) + "/" + c.subject)
                << c.name;
    }
}

TEST(Exceptions, AreRecordedInTheFinding) {
    Assess a;
    a.findings[0] = finding("demo.live", "alice", Status::fail);
    a.policy =
        exception("demo.live", "*", "2027-02-01", "a") + exception("demo.*", "alice", "2027-03-01", "z");
    const Assessment out = a.run();
    const Finding f = of(out, "demo.live")[0];
    EXPECT_EQ(f.exception, "z until 2027-03-01T00:00:00Z: why");
    EXPECT_FALSE(f.fix);
    // Both matched.
    EXPECT_EQ(of(out, "policy.exception-unmatched")[0].status, Status::pass);
}

TEST(Exceptions, NameWhereTheyStandWhenTheyFail) {
    Assess a;
    a.policy = exception("demo.live", "x", "2027-01-01") + exception("demo.live", "y", "2027-02-01");
    const Assessment out = a.run();
    const Finding expired = of(out, "policy.exception-expired")[0];
    EXPECT_EQ(expired.evidence[0].source, "f.toml:1");
    EXPECT_EQ(expired.evidence[0].found, "expired 2027-01-01T00:00:00Z");
    EXPECT_EQ(expired.severity, Severity::medium);
    EXPECT_EQ(expired.fix->cls, FixClass::never_automatic);
    const Finding unmatched = of(out, "policy.exception-unmatched")[0];
    EXPECT_EQ(unmatched.subject, "demo.live/y");
    EXPECT_EQ(unmatched.evidence[0].source, "f.toml:7");
    EXPECT_EQ(unmatched.severity, Severity::low);
}

TEST(Exceptions, AreNotJudgedUnmatchedByAPartialRun) {
    struct Case {
        std::vector<std::string> globs;
        Status unmatched;
    };

    for (const Case& c :
         {Case{{"demo.person", "policy.*"}, Status::not_applicable},
          Case{{"demo.live", "policy.*"}, Status::not_applicable},  // demo.l* would cover more
          Case{{"demo.*", "policy.*"}, Status::fail}, Case{{}, Status::fail}}) {
        Assess a{.policy = exception("demo.[lr]*", "y", "2027-02-01"), .selection = {c.globs}};
        EXPECT_EQ(of(a.run(), "policy.exception-unmatched")[0].status, c.unmatched)
            << testing::PrintToString(c.globs);
    }
}

TEST(Exceptions, CannotExcuseThePolicyItself) {
    Assess a;
    a.policy = exception("*", "*", "2027-02-01") + exception("demo.live", "x", "2026-01-01");
    a.broken = {"/etc/x.toml:1:2: bad; expected good"};
    const Assessment out = a.run();
    EXPECT_EQ(of(out, "policy.files")[0].status, Status::fail);
    EXPECT_EQ(of(out, "policy.exception-expired")[0].status, Status::fail);
}

TEST(BrokenFiles, AreFindingsWhateverIsSelected) {
    Assess a;
    a.selection = {{"demo.live"}};
    a.broken = {"/etc/plimsoll/policy.d/a.toml:3:1: unknown key \"x: y\"; expected z",
                "/etc/plimsoll/policy.d/a.toml:9:2: other", "/etc/plimsoll/policy.d/b.toml: is a FIFO"};
    const auto findings = of(a.run(), "policy.files");
    ASSERT_EQ(findings.size(), 2U);
    EXPECT_EQ(findings[0].subject, "/etc/plimsoll/policy.d/a.toml");
    EXPECT_EQ(findings[0].status, Status::fail);
    EXPECT_EQ(findings[0].severity, Severity::high);
    ASSERT_EQ(findings[0].evidence.size(), 2U);
    EXPECT_EQ(findings[0].evidence[0].source, "/etc/plimsoll/policy.d/a.toml:3");
    EXPECT_EQ(findings[0].evidence[0].found, "unknown key \"x: y\"; expected z");
    EXPECT_EQ(findings[1].subject, "/etc/plimsoll/policy.d/b.toml");
    EXPECT_EQ(findings[1].evidence[0].source, "/etc/plimsoll/policy.d/b.toml");
}

TEST(Verdict, FailThenRequiredUnknown) {
    using enum Status;
    const Policy p = compiled("[control.\"demo.person\"]\nrequired = false\n");
    const auto of_findings = [&](std::vector<Finding> findings) { return verdict({std::move(findings)}, p); };
    EXPECT_EQ(of_findings({}), 0);
    EXPECT_EQ(of_findings({finding("demo.live", "", pass), finding("demo.live", "", not_applicable),
                           finding("demo.live", "", excepted)}),
              0);
    EXPECT_EQ(of_findings({finding("demo.live", "", unknown)}), 3);
    EXPECT_EQ(of_findings({finding("demo.person", "", unknown)}), 0);
    EXPECT_EQ(of_findings({finding("not.in-policy", "", unknown)}), 3);
    EXPECT_EQ(of_findings({finding("demo.live", "", unknown), finding("demo.person", "", fail)}), 1);
}

TEST(Contested, AreFailuresThatNameTheWriter) {
    const auto judge = [&](std::optional<std::vector<Contest>> contests) {
        const Assessment out = conclude({}, {}, compiled(""), {}, now, {{}, std::move(contests)});
        return of(out, "policy.contested");
    };
    EXPECT_EQ(judge(std::nullopt)[0].status, Status::not_applicable);
    EXPECT_EQ(judge(std::vector<Contest>{})[0].status, Status::pass);
    const auto failing = judge(
        std::vector<Contest>{{"demo.live", "a\x1b", now, 3, ""}, {"demo.live", "b", now, 4, "puppet (812)"}});
    ASSERT_EQ(failing.size(), 2U);
    EXPECT_EQ(failing[0].status, Status::fail);
    EXPECT_EQ(failing[0].subject, "demo.live/a\\x1b");
    EXPECT_EQ(failing[0].evidence.at(0).found, "changed back by an unknown writer");
    EXPECT_EQ(failing[1].evidence.at(0).found, "changed back by puppet (812)");
}

TEST(Catalogue, HasTheEnginesControlsLast) {
    const Catalogue& c = fake::catalogue();
    EXPECT_EQ(c.controls.size(), 7U);
    EXPECT_EQ(c.controls[3]->id, "policy.files");
    EXPECT_EQ(c.controls[6]->code, "P04");
    EXPECT_EQ(c.params.size(), fake::params().size());
    EXPECT_NE(c.find("policy.exception-expired"), nullptr);
    EXPECT_EQ(c.find("nope"), nullptr);
}
}  // namespace
