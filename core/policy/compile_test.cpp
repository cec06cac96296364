// SPDX-License-Identifier: Apache-2.0
#include "core/policy/testing/catalogue.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <ctime>

namespace {
using namespace plimsoll;
using namespace plimsoll::policy;
using fake::catalogue;
using testing::ElementsAre;
using testing::HasSubstr;

Policy compiled(const std::vector<PolicyFile>& files) {
    auto p = compile_policy(files, catalogue());
    EXPECT_TRUE(p) << testing::PrintToString(p ? Problems{} : p.error());
    return p ? *p : Policy{};
}

Policy compiled(const std::string& text) {
    return compiled(std::vector<PolicyFile>{{"f.toml", text}});
}

Problems refused(const std::string& text) {
    const auto p = compile_policy({{"f.toml", text}}, catalogue());
    return p ? Problems{} : p.error();
}

// ---- refusals: one problem each, at its exact place ----

struct Refusal {
    const char* name;
    const char* text;
    const char* starts;  // "f.toml:LINE:COLUMN: WHAT"
    const char* has;     // what was expected, and what may have been meant
};

void PrintTo(const Refusal& r, std::ostream* out) {
    *out << r.name;
}

class Refusals : public testing::TestWithParam<Refusal> {};

TEST_P(Refusals, NameThePlaceAndWhatWasExpected) {
    const Refusal& c = GetParam();
    const Problems problems = refused(c.text);
    ASSERT_EQ(problems.size(), 1U) << testing::PrintToString(problems);
    EXPECT_THAT(problems[0], testing::StartsWith(c.starts));
    EXPECT_THAT(problems[0], HasSubstr("; expected "));
    EXPECT_THAT(problems[0], HasSubstr(c.has));
}

#define EXC "[[exception]]\ncontrol = \"demo.live\"\nsubject = \"a*\"\nowner = \"o\"\nreason = \"r\"\n"
#define TENANT "[[provision.tenant]]\nuser = \"web\"\n"
#define MADE TENANT "kind = \"system\"\n"

const Refusal general[] = {
    {"syntax", "profile = \n", "f.toml:1:11: ", "TOML 1.0"},
    {"unknown_key", "profil = \"audit-only\"\n", "f.toml:1:1: unknown key in a policy file: \"profil\"",
     "did you mean \"profile\"?"},
    {"unknown_key_far", "\n  zzzzzzzz = 1\n", "f.toml:2:3: unknown key",
     "expected \"profile\", \"control\", \"exception\" or \"provision\""},
    {"key_with_escape", "\"a\\u001b[31m\" = 1\n", "f.toml:1:1: unknown key in a policy file: \"a\\x1b[31m\"",
     "\"profile\""},
    {"profile_value", "profile = \"rootless-strickt\"\n", "f.toml:1:11: unknown value of \"profile\"",
     "did you mean \"rootless-strict\"?"},
    {"profile_type", "profile = 3\n", "f.toml:1:11: \"profile\" is an integer", "\"audit-only\""},
    {"duplicate_key", "profile = \"audit-only\"\nprofile = \"audit-only\"\n", "f.toml:2:", "TOML 1.0"},
};

const Refusal controls[] = {
    {"section_type", "control = 1\n", "f.toml:1:11: \"control\" is an integer", "a table"},
    {"unknown_id", "[control.\"demo.lives\"]\nmode = \"off\"\n",
     "f.toml:1:10: unknown control \"demo.lives\"", "did you mean \"demo.live\"?"},
    {"glob_is_no_id", "[control.\"demo.*\"]\nmode = \"off\"\n", "f.toml:1:10: unknown control \"demo.*\"",
     ""},
    {"nested", "[control.demo.live]\nmode = \"off\"\n", "f.toml:1:10: \"demo\" is not a control",
     "in quotes: [control.\"demo.live\"]"},
    {"dotted", "[control]\ndemo.restart.mode = \"off\"\n", "f.toml:2:1: \"demo\" is not a control",
     "in quotes: [control.\"demo.restart\"]"},
    {"nested_unknown", "[control.other.live]\nmode = \"off\"\n", "f.toml:1:10: unknown control \"other\"",
     ""},
    {"control_type", "control.\"demo.live\" = true\n", "f.toml:1:23: \"demo.live\" is a boolean", "a table"},
    {"unknown_setting", "[control.\"demo.live\"]\nmni = 3\n",
     "f.toml:2:1: unknown key in control \"demo.live\": \"mni\"", "did you mean \"min\"?"},
    {"other_controls_param", "[control.\"demo.person\"]\nmin = 3\n",
     "f.toml:2:1: unknown key in control \"demo.person\": \"min\"", "\"allowed\""},
    {"mode_value", "[control.\"demo.live\"]\nmode = \"enforced\"\n", "f.toml:2:8: unknown value of \"mode\"",
     "did you mean \"enforce\"?"},
    {"mode_type", "[control.\"demo.live\"]\nmode = true\n", "f.toml:2:8: \"mode\" is a boolean",
     "\"off\", \"audit\" or \"enforce\""},
    {"severity_value", "[control.\"demo.live\"]\nseverity = \"hihg\"\n", "f.toml:2:12: unknown value",
     "did you mean \"high\"?"},
    {"required_type", "[control.\"demo.live\"]\nrequired = \"no\"\n", "f.toml:2:12: \"required\" is a string",
     "true or false"},
    {"integer_type", "[control.\"demo.live\"]\nmin = \"3\"\n", "f.toml:2:7: \"min\" is a string",
     "an integer from 1 to 100"},
    {"integer_real", "[control.\"demo.live\"]\nmin = 3.0\n", "f.toml:2:7: \"min\" is a number", "an integer"},
    {"integer_low", "[control.\"demo.live\"]\nmin = 0\n", "f.toml:2:7: \"min\" is 0",
     "an integer from 1 to 100"},
    {"integer_high", "[control.\"demo.live\"]\nmin = 101\n", "f.toml:2:7: \"min\" is 101", "from 1 to 100"},
    {"integer_beyond", "[control.\"demo.live\"]\nmin = 9223372036854775808\n", "f.toml:2:", "TOML 1.0"},
    {"boolean_type", "[control.\"demo.live\"]\ndeep = 1\n", "f.toml:2:8: \"deep\" is an integer",
     "true or false"},
    {"choice", "[control.\"demo.restart\"]\ndriver = \"slirp\"\n", "f.toml:2:10: unknown value of \"driver\"",
     "\"pasta\" or \"slirp4netns\""},
    {"text_type", "[control.\"demo.restart\"]\nlabel = []\n", "f.toml:2:9: \"label\" is an array",
     "a string"},
    {"text_control", "[control.\"demo.restart\"]\nlabel = \"a\\u0000b\"\n",
     "f.toml:2:9: \"label\" contains a control character: \"a\\x00b\"", "of one line"},
    {"list_type", "[control.\"demo.person\"]\nallowed = \"me\"\n", "f.toml:2:11: \"allowed\" is a string",
     "an array of strings"},
    {"list_element", "[control.\"demo.person\"]\nallowed = [\"é\", 2]\n",
     "f.toml:2:17: \"allowed\" is an integer", "an array of strings"},
    {"list_choice", "[control.\"demo.person\"]\ncaps = [\"kil\"]\n", "f.toml:2:9: unknown value of \"caps\"",
     "did you mean \"kill\"?"},
};

const Refusal exceptions[] = {
    {"type", "[exception]\ncontrol = \"x\"\n", "f.toml:1:1: \"exception\" is a table", "[[exception]]"},
    {"element", "exception = [1]\n", "f.toml:1:14: \"exception\" is an integer", "a table"},
    {"unknown_key", EXC "expires = 2027-01-01\nuntil = 1\n",
     "f.toml:7:1: unknown key in [[exception]]: \"until\"", "\"expires\""},
    {"no_expiry", EXC, "f.toml:1:1: an exception without \"expires\"", "control, subject, owner"},
    {"no_owner", "[[exception]]\ncontrol = \"*\"\nsubject = \"*\"\nreason = \"r\"\nexpires = 2027-01-01\n",
     "f.toml:1:1: an exception without \"owner\"", ""},
    {"no_reason", "[[exception]]\ncontrol = \"*\"\nsubject = \"*\"\nowner = \"o\"\nexpires = 2027-01-01\n",
     "f.toml:1:1: an exception without \"reason\"", ""},
    {"no_subject", "[[exception]]\ncontrol = \"*\"\nowner = \"o\"\nreason = \"r\"\nexpires = 2027-01-01\n",
     "f.toml:1:1: an exception without \"subject\"", ""},
    {"no_control", "[[exception]]\nsubject = \"*\"\nowner = \"o\"\nreason = \"r\"\nexpires = 2027-01-01\n",
     "f.toml:1:1: an exception without \"control\"", ""},
    {"blank_owner",
     "[[exception]]\ncontrol = \"*\"\nsubject = \"*\"\nowner = \" \"\nreason = \"r\"\nexpires = 2027-01-01\n",
     "f.toml:4:9: \"owner\" is blank", "who answers"},
    {"two_lines",
     "[[exception]]\ncontrol = \"*\"\nsubject = \"*\"\nowner = \"o\"\nreason = \"r\\n\"\nexpires = "
     "2027-01-01\n",
     "f.toml:5:10: \"reason\" contains a control character", "of one line"},
    {"unknown_control",
     "[[exception]]\ncontrol = \"demo.lve\"\nsubject = \"*\"\nowner = \"o\"\nreason = \"r\"\nexpires = "
     "2027-01-01\n",
     "f.toml:2:11: unknown control \"demo.lve\"", "did you mean \"demo.live\"?"},
    {"engine_control",
     "[[exception]]\ncontrol = \"policy.*\"\nsubject = \"*\"\nowner = \"o\"\nreason = \"r\"\nexpires = "
     "2027-01-01\n",
     "f.toml:2:11: \"control\" names the policy's own state", "switched off"},
    {"local_time", EXC "expires = 2027-01-01T00:00:00\n", "f.toml:6:11: \"expires\" is a local date-time",
     "with \"Z\" or an offset"},
    {"local_time_text", EXC "expires = \"2027-01-01T00:00:00\"\n",
     "f.toml:6:11: \"expires\" is \"2027-01-01T", "with \"Z\" or an offset"},
    {"no_date", EXC "expires = \"never\"\n", "f.toml:6:11: \"expires\" is \"never\"", "a date"},
    {"no_such_day", EXC "expires = \"2027-02-30\"\n", "f.toml:6:11: \"expires\" is", "a date"},
    {"expiry_type", EXC "expires = 2027\n", "f.toml:6:11: \"expires\" is an integer", "a date"},
    {"twice", EXC "expires = 2027-01-01\n" EXC "expires = 2028-01-01\n",
     "f.toml:7:1: the same control, subject and owner as the exception at f.toml:1", "one of them"},
};

const Refusal provisions[] = {
    {"unknown_key", "[provision]\nsysctls = {}\n", "f.toml:2:1: unknown key in [provision]: \"sysctls\"",
     "did you mean \"sysctl\"?"},
    {"type", "provision = []\n", "f.toml:1:13: \"provision\" is an array", "a table"},
    {"controller", "[provision]\ndelegate = [\"cpu\", \"mem\"]\n",
     "f.toml:2:20: unknown cgroup controller \"mem\"", "\"cpu\", \"cpuset\", \"io\", \"memory\" or \"pids\""},
    {"controller_v1", "[provision]\ndelegate = [\"cpuacct\"]\n", "f.toml:2:13: unknown cgroup controller",
     ""},
    {"controller_type", "[provision]\ndelegate = \"cpu\"\n", "f.toml:2:12: \"delegate\" is a string",
     "an array"},
    {"sysctl_dots", "[provision.sysctl]\n\"user..x\" = 1\n", "f.toml:2:1: \"user..x\" is no sysctl",
     "a dotted name"},
    {"sysctl_escape", "[provision.sysctl]\n\"user/../../etc/passwd\" = 1\n", "f.toml:2:1: ", "a dotted name"},
    {"sysctl_slash", "[provision.sysctl]\n\"user/max\" = 1\n", "f.toml:2:1: ", "a dotted name"},
    {"sysctl_one_part", "[provision.sysctl]\nuser = 1\n", "f.toml:2:1: ", "a dotted name"},
    {"sysctl_nested", "[provision.sysctl]\nuser.max_user_namespaces = 1\n", "f.toml:2:1: \"user\" is a table",
     "in quotes"},
    {"sysctl_value", "[provision.sysctl]\n\"user.x\" = true\n", "f.toml:2:12: \"user.x\" is a boolean",
     "an integer or a string"},
    {"sysctl_lines", "[provision.sysctl]\n\"user.x\" = \"1\\n2\"\n",
     "f.toml:2:12: \"user.x\" contains a control character", ""},
    {"sysctl_blank", "[provision.sysctl]\n\"user.x\" = \"\"\n", "f.toml:2:12: \"user.x\" is blank", ""},
    {"conf_type", "[provision]\ncontainers_conf = \"x\"\n", "f.toml:2:19: \"containers_conf\" is a string",
     "a table"},
    {"conf_date", "[provision.storage_conf]\na.b = [2027-01-01]\n", "f.toml:2:8: \"b\" is a date-time",
     "a string, number"},
    {"conf_nan", "[provision.storage_conf]\na = nan\n", "f.toml:2:5: a number that is not finite", ""},
};

const Refusal tenants[] = {
    {"type", "[provision.tenant]\nuser = \"web\"\n", "f.toml:1:1: \"tenant\" is a table",
     "[[provision.tenant]]"},
    {"unknown_key", TENANT "hom = \"/x\"\n", "f.toml:3:1: unknown key in [[provision.tenant]]: \"hom\"",
     "did you mean \"home\"?"},
    {"no_user", "[[provision.tenant]]\nlinger = true\n", "f.toml:1:1: a tenant without \"user\"",
     "a user name"},
    {"user_type", "[[provision.tenant]]\nuser = 990\n", "f.toml:2:8: \"user\" is an integer", "a user name"},
    {"root", "[[provision.tenant]]\nuser = \"root\"\n", "f.toml:2:8: root as a tenant", "without privilege"},
    {"user_colon", "[[provision.tenant]]\nuser = \"a:0:1\"\n", "f.toml:2:8: \"user\" is \"a:0:1\"",
     "a user name"},
    {"user_digits", "[[provision.tenant]]\nuser = \"1000\"\n", "f.toml:2:8: \"user\" is", "a user name"},
    {"user_slash", "[[provision.tenant]]\nuser = \"../x\"\n", "f.toml:2:8: \"user\" is", "a user name"},
    {"user_empty", "[[provision.tenant]]\nuser = \"\"\n", "f.toml:2:8: \"user\" is", "a user name"},
    {"user_long", "[[provision.tenant]]\nuser = \"a23456789012345678901234567890123\"\n", "f.toml:2:8: ", ""},
    {"user_newline", "[[provision.tenant]]\nuser = \"a\\nb\"\n", "f.toml:2:8: \"user\" contains a control",
     ""},
    {"user_capital", "[[provision.tenant]]\nuser = \"Web\"\nkind = \"system\"\n", "f.toml:2:8: \"user\" is",
     ""},
    {"kind", TENANT "kind = \"systm\"\n", "f.toml:3:8: unknown value of \"kind\"",
     "did you mean \"system\"?"},
    {"uid_zero", MADE "uid = 0\n", "f.toml:4:7: \"uid\" is 0", "from 1 to 4294967294"},
    {"uid_negative", MADE "uid = -1\n", "f.toml:4:7: \"uid\" is -1", ""},
    {"uid_high", MADE "uid = 4294967295\n", "f.toml:4:7: \"uid\" is 4294967295", ""},
    {"uid_nobody", MADE "uid = 65534\n", "f.toml:4:7: \"uid\" is 65534, which is reserved", "another id"},
    {"uid_of_existing", TENANT "uid = 990\n", "f.toml:3:7: \"uid\" for an account that is not created here",
     "kind = "},
    {"home_relative", MADE "home = \"var/web\"\n", "f.toml:4:8: \"home\" is \"var/web\"", "an absolute path"},
    {"home_dots", MADE "home = \"/var/../etc\"\n", "f.toml:4:8: ", "an absolute path"},
    {"home_colon", MADE "home = \"/var:/etc\"\n", "f.toml:4:8: ", "an absolute path"},
    {"shell", MADE "shell = \"/bin/sh\\n\"\n", "f.toml:4:9: \"shell\" contains a control character", ""},
    {"linger", TENANT "linger = \"yes\"\n", "f.toml:3:10: \"linger\" is a string", "true or false"},
    {"range_word", TENANT "subuid = \"alocate\"\n", "f.toml:3:10: \"subuid\" is \"alocate\"", "\"allocate\""},
    {"range_octal", TENANT "subuid = \"0100000:65536\"\n", "f.toml:3:10: ", "in decimal"},
    {"range_hex", TENANT "subuid = \"0x186a0:65536\"\n", "f.toml:3:10: ", "in decimal"},
    {"range_negative", TENANT "subuid = \"-5:65536\"\n", "f.toml:3:10: ", "in decimal"},
    {"range_three", TENANT "subuid = \"web:1:2\"\n", "f.toml:3:10: ", "START:COUNT"},
    {"range_zero", TENANT "subuid = \"0:65536\"\n", "f.toml:3:10: ", "starts at 1"},
    {"range_no_count", TENANT "subgid = \"100000:0\"\n",
     "f.toml:3:10: \"subgid\" is \"100000:0\", which is empty", "at least 1"},
    {"range_end", TENANT "subuid = \"4294967000:296\"\n", "f.toml:3:10: ", "4294967294 or below"},
    {"range_wrap", TENANT "subuid = \"100000:18446744073709551615\"\n",
     "f.toml:3:10: ", "4294967294 or below"},
    {"range_of_nobody", TENANT "subuid = \"60000:5535\"\n",
     "f.toml:3:10: \"subuid\" is \"60000:5535\", which contains ids that are reserved", "65534 (nobody)"},
    {"range_of_no_id", TENANT "subgid = \"65535:65536\"\n", "f.toml:3:10: \"subgid\"", "65535 (no id"},
    {"range_overflow", TENANT "subuid = \"100000:18446744073709551616\"\n", "f.toml:3:10: ", "in decimal"},
    {"range_type", TENANT "subuid = 100000\n", "f.toml:3:10: \"subuid\" is an integer", "\"allocate\""},
    {"range_element", TENANT "subuid = [\"100000:1\", 5]\n", "f.toml:3:23: \"subuid\" is an integer", ""},
    {"range_none", TENANT "subuid = []\n", "f.toml:3:10: \"subuid\" is an empty array", ""},
    {"count_alone", TENANT "count = 65536\n", "f.toml:3:9: \"count\" without an allocation", "allocate"},
    {"count_zero", TENANT "subuid = \"allocate\"\ncount = 0\n", "f.toml:4:9: \"count\" is 0", "from 1"},
    {"twice", TENANT TENANT, "f.toml:3:1: tenant \"web\" again, after f.toml:1", "one entry per user"},
    {"own_overlap", TENANT "subuid = [\"100000:10\", \"100009:1\"]\n",
     "f.toml:3:24: the subuid range 100009:1 of \"web\" overlaps 100000:10", "share no id"},
    {"other_overlap",
     TENANT "subgid = \"100000:65536\"\n[[provision.tenant]]\nuser = \"app\"\nsubgid = \"165535:1\"\n",
     "f.toml:6:10: the subgid range 165535:1 of \"app\" overlaps 100000:65536 of \"web\" (f.toml:3)", ""},
    {"uid_in_range", MADE "uid = 990\n[[provision.tenant]]\nuser = \"app\"\nsubuid = \"900:100\"\n",
     "f.toml:7:10: the subuid range 900:100 contains the uid 990 of tenant \"web\"", "without accounts"},
    {"uid_twice", MADE "uid = 990\n[[provision.tenant]]\nuser = \"app\"\nkind = \"system\"\nuid = 990\n",
     "f.toml:5:1: uid 990 for both", "one user per uid"},
};

constexpr auto name_of_case = [](const auto& info) { return std::string(info.param.name); };
INSTANTIATE_TEST_SUITE_P(General, Refusals, testing::ValuesIn(general), name_of_case);
INSTANTIATE_TEST_SUITE_P(Controls, Refusals, testing::ValuesIn(controls), name_of_case);
INSTANTIATE_TEST_SUITE_P(Exceptions, Refusals, testing::ValuesIn(exceptions), name_of_case);
INSTANTIATE_TEST_SUITE_P(Provision, Refusals, testing::ValuesIn(provisions), name_of_case);
INSTANTIATE_TEST_SUITE_P(Tenants, Refusals, testing::ValuesIn(tenants), name_of_case);

TEST(Compile, TellsAllProblemsOfAllFilesInOrder) {
    const auto p =
        compile_policy({{"a.toml", "[provision]\nx = 1\n[control.\"demo.live\"]\nmin = 0\nmode = 1\n"},
                        {"b.toml", "a = [\n"},
                        {"c.toml", "profile = \"audit-only\"\n"},
                        {"d.toml", "y = 1\nprofile = 1\n"}},
                       catalogue());
    ASSERT_FALSE(p);
    EXPECT_THAT(p.error(),
                ElementsAre(HasSubstr("a.toml:2:1: "), HasSubstr("a.toml:4:7: "), HasSubstr("a.toml:5:8: "),
                            HasSubstr("b.toml:"), HasSubstr("d.toml:1:1: "), HasSubstr("d.toml:2:11: ")));
}

TEST(Compile, FindsTenantsThatCollideAcrossFiles) {
    const auto p =
        compile_policy({{"a.toml", TENANT "subuid = \"100000:65536\"\n"},
                        {"b.toml", "[[provision.tenant]]\nuser = \"app\"\nsubuid = \"165000:1000\"\n"}},
                       catalogue());
    ASSERT_FALSE(p);
    EXPECT_THAT(p.error(),
                ElementsAre(HasSubstr("b.toml:3:10: the subuid range 165000:1000 of \"app\" overlaps "
                                      "100000:65536 of \"web\" (a.toml:3)")));
}

TEST(Compile, RefusesBytesThatAreNoText) {
    EXPECT_THAT(refused("profile = \"\xff\"\n"), ElementsAre(HasSubstr("not UTF-8")));
    EXPECT_THAT(refused(std::string("a\0b = 1\n", 8)), ElementsAre(HasSubstr("f.toml:1:2: a NUL byte")));
    EXPECT_THAT(refused(std::string(9 << 20, '\n')),
                ElementsAre(HasSubstr("f.toml:1:1: a file of 9437184 bytes")));
}

// The worst cases known to the parser and to us, twice `size` bytes of each.
std::vector<std::string> worst_cases(std::size_t size) {
    const auto repeat = [size](std::string text, auto&& next) {
        for (int i = 0; text.size() < size; ++i)
            text += next(std::to_string(i));
        return text;
    };
    return {
        repeat("[provision.containers_conf]\n", [](const std::string& i) { return "k" + i + " = 1\n"; }),
        repeat("", [](const std::string& i) { return "k" + i + " = 1\n"; }),
        repeat("", [](const std::string& i) { return "[control.\"demo.x" + i + "\"]\n"; }),
        repeat("",
               [](const std::string& i) {
                   return "[[provision.tenant]]\nuser = \"u" + i + "\"\nsubuid = \"" +
                          std::to_string(1 + std::stoi(i) * 9) + ":9\"\n";
               }),
        repeat("",
               [](const std::string& i) {
                   return "[[exception]]\nsubject = \"" + i +
                          "\"\ncontrol = \"*\"\nowner = \"o\"\nreason = \"r\"\nexpires = 2027-01-01\n";
               }),
        "[control.\"demo.restart\"]\nlabel = \"" + repeat("", [](const std::string&) { return "é"; }) +
            "\"\n",
        repeat("", [](const std::string&) { return "a."; }) + "b = 1\n",
        repeat("a = ", [](const std::string&) { return "["; }),
    };
}

// Of the processor, which other programs do not stretch as they do the clock on the wall.
double seconds_to_compile(const std::string& text) {
    const std::clock_t start = std::clock();
    (void)compile_policy({{"a", text}, {"b", text}}, catalogue());
    return static_cast<double>(std::clock() - start) / CLOCKS_PER_SEC;
}

TEST(Compile, TimeGrowsWithTheSizeAndNotWithItsSquare) {
    constexpr std::size_t size = std::size_t{1} << 16;
    constexpr double noise = 0.05;  // seconds; a quadratic step would take eight times that
    const auto some = worst_cases(size);
    const auto more = worst_cases(4 * size);
    for (std::size_t i = 0; i < some.size(); ++i)
        EXPECT_LT(seconds_to_compile(more[i]), 8 * (seconds_to_compile(some[i]) + noise))
            << more[i].substr(0, 40);
}

// ---- profiles ----

TEST(Profiles, DecideWhereValuesStart) {
    struct Case {
        const char* text;
        const char* profile;
        std::array<Mode, 4> modes;  // live, restart, person, policy.files
        int min;
        std::size_t allowed;
        const char* origin;  // of a mode
    };

    using enum Mode;
    const Case cases[] = {
        {"", "audit-only", {audit, audit, audit, audit}, 10, 1, "default"},
        {"profile = \"audit-only\"", "audit-only", {audit, audit, audit, audit}, 10, 1, "profile audit-only"},
        {"profile = \"rootless-baseline\"",
         "rootless-baseline",
         {enforce, audit, audit, audit},
         10,
         1,
         "profile rootless-baseline"},
        {"profile = \"rootless-strict\"",
         "rootless-strict",
         {enforce, enforce, audit, audit},
         20,
         0,
         "profile rootless-strict"},
    };
    for (const Case& c : cases) {
        const Policy p = compiled(c.text);
        EXPECT_EQ(p.profile, c.profile);
        const char* const ids[] = {"demo.live", "demo.restart", "demo.person", "policy.files"};
        for (std::size_t i = 0; i < c.modes.size(); ++i)
            EXPECT_EQ(p.controls.find(ids[i])->second.mode, c.modes[i]) << c.profile << " " << ids[i];
        EXPECT_EQ(p.params.at("demo.live").at("min"), Value(c.min));
        EXPECT_EQ(p.params.at("demo.person").at("allowed").array()->size(), c.allowed);
        EXPECT_EQ(p.origins.at("control.demo.live.mode"), c.origin);
        EXPECT_EQ(p.origins.at("control.demo.live.min"),
                  c.min == 10 ? std::string("default") : std::string(c.origin));
        EXPECT_EQ(p.origins.at("control.demo.live.deep"), "default");
        EXPECT_EQ(p.origins.at("profile"), *c.text == '\0' ? "default" : "f.toml:1");
    }
}

TEST(Profiles, GiveWayToWhatAFileSaysEvenAnEarlierOne) {
    const Policy p = compiled({{"a", "[control.\"demo.live\"]\nmode = \"audit\"\nmin = 5\n"},
                               {"b", "profile = \"rootless-baseline\"\n"},
                               {"c", "profile = \"rootless-strict\"\n"}});
    EXPECT_EQ(p.profile, "rootless-strict");
    EXPECT_EQ(p.controls.find("demo.live")->second.mode, Mode::audit);
    EXPECT_EQ(p.params.at("demo.live").at("min"), Value(5));
    EXPECT_EQ(p.origins.at("control.demo.live.min"), "a:3");
    EXPECT_EQ(p.origins.at("profile"), "c:1");
}

// ---- merging ----

TEST(Merge, LaterFilesWinKeyByKey) {
    const Policy p = compiled({{"a",
                                "[control.\"demo.live\"]\nmode = \"off\"\nmin = 5\nseverity = \"low\"\n"
                                "[control.\"demo.person\"]\nallowed = [\"x\", \"y\"]\n"},
                               {"b",
                                "[control.\"demo.live\"]\nmode = \"enforce\"\nrequired = false\n"
                                "[control.\"demo.person\"]\nallowed = [\"z\"]\n"}});
    const ControlPolicy& live = p.controls.find("demo.live")->second;
    EXPECT_EQ(live.mode, Mode::enforce);
    EXPECT_EQ(live.severity, Severity::low);
    EXPECT_FALSE(live.required);
    EXPECT_EQ(p.params.at("demo.live").at("min"), Value(5));
    EXPECT_EQ(p.params.at("demo.person").at("allowed"), Value(std::vector<std::string>{"z"}));
    EXPECT_EQ(p.origins.at("control.demo.live.mode"), "b:2");
    EXPECT_EQ(p.origins.at("control.demo.live.severity"), "a:4");
}

TEST(Merge, ExceptionsReplaceTheirLikes) {
    const Policy p = compiled({{"a", EXC "expires = 2027-01-01\n"},
                               {"b",
                                "[[exception]]\ncontrol = \"demo.live\"\nsubject = \"a*\"\nowner = \"o\"\n"
                                "reason = \"new\"\nexpires = \"2027-06-01T12:00:00+02:00\"\n"
                                "[[exception]]\ncontrol = \"demo.*\"\nsubject = \"a*\"\nowner = \"o\"\n"
                                "reason = \"more\"\nexpires = 2027-01-01T00:00:00Z\n"}});
    ASSERT_EQ(p.exceptions.size(), 2U);
    EXPECT_EQ(p.exceptions[0].control, "demo.*");
    EXPECT_EQ(p.exceptions[0].origin, "b:7");
    EXPECT_EQ(p.exceptions[1].reason, "new");
    EXPECT_EQ(p.exceptions[1].expires,
              std::chrono::sys_days{std::chrono::year{2027} / 6 / 1} + std::chrono::hours{10});
}

TEST(Merge, TenantsAreReplacedWhole) {
    const Policy p =
        compiled({{"a", MADE "uid = 990\nhome = \"/srv/web\"\nshell = \"/bin/sh\"\nsubuid = \"allocate\"\n"
                             "count = 131072\nsubgid = [\"300000:5\", \"200000:65536\"]\nlinger = false\n"
                             "[[provision.tenant]]\nuser = \"John.Doe\"\n"},
                  {"b", "[[provision.tenant]]\nuser = \"app\"\nkind = \"regular\"\n"}});
    ASSERT_EQ(p.provision.tenants.size(), 3U);
    EXPECT_NE(p.provision.tenant("John.Doe"), nullptr);
    const Tenant& web = *p.provision.tenant("web");
    EXPECT_EQ(web,
              (Tenant{.user = "web",
                      .kind = Tenant::Kind::system,
                      .uid = 990,
                      .home = "/srv/web",
                      .shell = "/bin/sh",
                      .subuid = {SubidRequest::Kind::allocate, 131072, {}},
                      .subgid = {SubidRequest::Kind::ranges, 131072, {{300000, 300005}, {200000, 265536}}},
                      .linger = false,
                      .origin = "a:1"}));
    const Policy replaced = compiled({{"a", MADE "uid = 990\nlinger = true\n"}, {"b", "\n" TENANT}});
    EXPECT_EQ(replaced.provision.tenants, (std::vector<Tenant>{{.user = "web", .origin = "b:2"}}));
}

TEST(Merge, ProvisionKeyByKey) {
    const Policy p =
        compiled({{"a",
                   "[provision]\ndelegate = [\"pids\", \"cpu\", \"cpu\"]\n"
                   "[provision.sysctl]\n\"user.max_user_namespaces\" = 28633\n\"net.ipv4.ping_group_range\" "
                   "= \"0 1\"\n"
                   "[provision.containers_conf.engine]\nruntime = \"crun\"\nhelpers = [\"/a\"]\n"
                   "[provision.containers_conf.engine.runtimes]\ncrun = [\"/usr/bin/crun\"]\n"},
                  {"b",
                   "[provision.sysctl]\n\"net.ipv4.ping_group_range\" = \"0 2\"\n"
                   "[provision.containers_conf]\nengine.helpers = [\"/b\"]\nengine.runtimes.runc = []\n"
                   "[provision.storage_conf]\n"}});
    EXPECT_THAT(p.provision.delegate, ElementsAre("cpu", "pids"));
    EXPECT_EQ(p.provision.sysctl.at("user.max_user_namespaces"), "28633");
    EXPECT_EQ(p.provision.sysctl.at("net.ipv4.ping_group_range"), "0 2");
    const Value conf(*p.provision.containers_conf);
    EXPECT_EQ(*conf.at("engine", "runtime"), Value("crun"));
    EXPECT_EQ(*conf.at("engine", "helpers"), Value(std::vector<std::string>{"/b"}));
    EXPECT_NE(conf.at("engine", "runtimes", "crun"), nullptr);
    EXPECT_NE(conf.at("engine", "runtimes", "runc"), nullptr);
    EXPECT_TRUE(p.provision.storage_conf && p.provision.storage_conf->empty());
    EXPECT_FALSE(p.provision.registries_conf);
    EXPECT_EQ(p.origins.at("provision.containers_conf.engine.runtime"), "a:7");
    EXPECT_EQ(p.origins.at("provision.containers_conf.engine.helpers"), "b:4");
    EXPECT_EQ(p.origins.at("provision.sysctl.net.ipv4.ping_group_range"), "b:2");
    EXPECT_EQ(p.origins.at("provision.delegate"), "a:2");
}

TEST(Merge, ATableAndAValueReplaceEachOther) {
    const Policy p = compiled({{"a", "[provision.storage_conf]\nx.y = 1\nz = 1\n"},
                               {"b", "[provision.storage_conf]\nx = 2\nz.y = 2\n"}});
    const Value conf(*p.provision.storage_conf);
    EXPECT_EQ(*conf.at("x"), Value(2));
    EXPECT_EQ(*conf.at("z", "y"), Value(2));
    EXPECT_FALSE(p.origins.contains("provision.storage_conf.x.y"));
    EXPECT_FALSE(p.origins.contains("provision.storage_conf.z"));
}
}  // namespace
