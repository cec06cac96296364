// SPDX-License-Identifier: Apache-2.0
#include "modules/rootless/user_environment.hpp"

#include "tests/support/tree.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

namespace {
using namespace plimsoll;
using namespace plimsoll::modules::rootless;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

bool only_x(std::string_view name) {
    return name == "X";
}

std::vector<std::string> shown(const std::vector<Assignment>& all) {
    std::vector<std::string> out;
    for (const auto& a : all)
        out.push_back(a.source + " " + a.name + "=" + a.value + (a.services ? "" : " (shells)"));
    std::ranges::sort(out);
    return out;
}

TEST(Assignments, OfSettingsFiles) {
    EXPECT_THAT(
        shown(parse_assignments("# X=0\n;X=0\nX=1\n X = 2\nexport X='a b' \nY=3 X=4\nX=\"c\nXX=5\nX\n=6\n",
                                "f", Syntax::settings, only_x)),
        ElementsAre("f:3 X=1", "f:5 X=a b", "f:7 X=c"));
    EXPECT_THAT(parse_assignments("", "f", Syntax::settings, only_x), IsEmpty());
    EXPECT_THAT(parse_assignments(std::string_view("\0=\n=\0", 5), "f", Syntax::shell, only_x), IsEmpty());
}

TEST(Assignments, OfShellFiles) {
    EXPECT_THAT(shown(parse_assignments(
                    "#X=0\nexport X=1; Y=2\n[ $Y ]&&X=\"a b\"\n{ X='c;d' cmd; }\nif (X=$(f 'x' y); z) "
                    "fi\nX=`g h`i\nMYX=3 -X=4 $X=5\nX=\nX=\\ k\n",
                    "f", Syntax::shell, only_x)),
                ElementsAre("f:2 X=1", "f:3 X=a b", "f:4 X=c;d", "f:5 X=$(f 'x' y)", "f:6 X=`g h`i",
                            "f:8 X=", "f:9 X= k"));
}

TEST(Assignments, OfPamEnv) {
    EXPECT_THAT(shown(parse_assignments("#X DEFAULT=0\nX DEFAULT=1\nX\tDEFAULT=a OVERRIDE=\"b c\"\nX=3\nX\n"
                                        "Y DEFAULT=X=0\n",
                                        "f", Syntax::pam, only_x)),
                ElementsAre("f:2 X=1", "f:3 X=b c", "f:4 X=3"));
}

TEST(UserEnvironment, ReadsUnitsShellsAndPam) {
    const std::string unit = "[Service]\nEnvironment=\"X=1\" Y=2\n";
    for (const char* file :
         {"home/alice/.config/systemd/user/web.service",
          "home/alice/.config/systemd/user/web.service.d/a.conf",
          "home/alice/.config/systemd/user/service.d/a.conf",
          "home/alice/.local/share/systemd/user/web.service", "run/user/1000/systemd/transient/run-1.service",
          "home/alice/.config/containers/systemd/web.container",
          "home/alice/.config/containers/systemd/container.d/a.conf"}) {
        const tests::Tree tree{{"etc/passwd", "alice:x:1000:1000::/home/alice:/bin/sh\n"}};
        tree.write(file, unit);
        const auto host = tree.host();
        const auto found = read_user_environment(host, persons(host), only_x);
        ASSERT_EQ(found.own.size(), 1U) << file;
        EXPECT_THAT(shown(found.own.at("alice")), ElementsAre("/" + std::string(file) + ":2 X=1"));
    }
    const tests::Tree tree{{"etc/passwd", "alice:x:1000:1000::/home/alice:/bin/sh\n"},
                           {"etc/systemd/user/web.service", unit},
                           {"etc/systemd/user/music.service.d/a.conf", unit},
                           {"etc/security/pam_env.conf", "X DEFAULT=2\n"},
                           {"etc/zsh/zshenv", "export X=3\n"},
                           {"home/alice/.zshenv", "X=4\n"},
                           {"home/alice/.pam_environment", "X OVERRIDE=5\n"}};
    const auto host = tree.host();
    const auto found = read_user_environment(host, persons(host), only_x);
    EXPECT_THAT(
        shown(found.everybody),
        ElementsAre("/etc/security/pam_env.conf:1 X=2", "/etc/systemd/user/music.service.d/a.conf:2 X=1",
                    "/etc/systemd/user/web.service:2 X=1", "/etc/zsh/zshenv:1 X=3 (shells)"));
    EXPECT_THAT(shown(found.own.at("alice")),
                ElementsAre("/home/alice/.pam_environment:1 X=5", "/home/alice/.zshenv:1 X=4 (shells)"));
}

TEST(UserEnvironment, ReadsEveryPlace) {
    const tests::Tree tree{
        {"etc/passwd",
         "root:x:0:0::/root:/bin/sh\nalice:x:1000:1000::/home/alice:/bin/sh\n"
         "bob:x:1001:1001::/home/bob:/bin/sh\nno:x:1002:1002::/:/bin/sh\n"},
        {"usr/lib/systemd/system/user@.service", "[Service]\nEnvironment=X=1\nEnvironmentFile=-/etc/u.env\n"},
        {"etc/u.env", "X=2\nY=0\n"},
        {"etc/systemd/system/user@1000.service.d/a.conf", "[Service]\nEnvironment=X=3\n"},
        {"etc/systemd/user.conf", "[Manager]\nDefaultEnvironment=X=4\n[Other]\nDefaultEnvironment=X=0\n"},
        {"run/systemd/user.conf.d/a.conf", "[Manager]\nManagerEnvironment=\"X=5\" Y=0\n"},
        {"usr/local/lib/systemd/user.conf.d/b.conf", "[Manager]\nDefaultEnvironment=X=13\n"},
        {"run/systemd/system.conf.d/a.conf", "[Manager]\nDefaultEnvironment=X=14\nManagerEnvironment=X=0\n"},
        {"usr/local/lib/environment.d/b.conf", "X=15\n"},
        {"home/bob/.config/systemd/user.conf", "[Manager]\nDefaultEnvironment=X=16\n"},
        {"home/bob/.config/systemd/user.conf.d/a.conf", "[Manager]\nDefaultEnvironment=X=17\n"},
        {"home/bob/.config/systemd/user.conf.d/a.txt", "[Manager]\nDefaultEnvironment=X=0\n"},
        {"usr/lib/environment.d/a.conf", "X=6\n"},
        {"usr/lib/environment.d/a.txt", "X=0\n"},
        {"etc/environment", "X=7\n"},
        {"etc/profile", "X=8\n"},
        {"etc/profile.d/a.sh", "X=9\n"},
        {"etc/profile.d/a.csh", "X=0\n"},
        {"home/alice/.config/environment.d/a.conf", "X=10\n"},
        {"home/bob/.bashrc", "X=11\n"},
        {"root/.profile", "X=12\n"},
        {".bashrc", "X=0\n"}};
    tree.link("home/bob/.config/systemd/user.conf.d/b.conf", "/dev/null");
    const auto host = tree.host();
    const auto people = persons(host);
    const auto found = read_user_environment(host, people, only_x);
    EXPECT_THAT(
        shown(found.everybody),
        ElementsAre("/etc/environment:1 X=7", "/etc/profile.d/a.sh:1 X=9 (shells)",
                    "/etc/profile:1 X=8 (shells)", "/etc/systemd/user.conf:2 X=4",
                    "/run/systemd/system.conf.d/a.conf:2 X=14", "/run/systemd/user.conf.d/a.conf:2 X=5",
                    "/usr/lib/environment.d/a.conf:1 X=6", "/usr/lib/systemd/system/user@.service:2 X=1",
                    "/usr/lib/systemd/system/user@.service:3 X=2",
                    "/usr/local/lib/environment.d/b.conf:1 X=15",
                    "/usr/local/lib/systemd/user.conf.d/b.conf:2 X=13"));
    EXPECT_EQ(found.own.size(), 3U);
    EXPECT_THAT(shown(found.own.at("alice")),
                ElementsAre("/etc/systemd/system/user@1000.service.d/a.conf:2 X=3",
                            "/home/alice/.config/environment.d/a.conf:1 X=10"));
    EXPECT_THAT(shown(found.own.at("bob")), ElementsAre("/home/bob/.bashrc:1 X=11 (shells)",
                                                        "/home/bob/.config/systemd/user.conf.d/a.conf:2 X=17",
                                                        "/home/bob/.config/systemd/user.conf:2 X=16"));
    EXPECT_EQ(found.of("bob").size(), 14U);
    EXPECT_THAT(found.problems, IsEmpty());
    EXPECT_TRUE(found.own_problems.empty());
}

TEST(UserEnvironment, SaysWhatItCouldNotRead) {
    for (const char* file :
         {"usr/lib/systemd/system/user@.service", "etc/systemd/user.conf", "etc/environment.d/a.conf",
          "etc/environment", "etc/profile", "etc/profile.d/a.sh", "run/systemd/system.conf.d/a.conf",
          "usr/local/lib/systemd/user.conf.d/a.conf"}) {
        const tests::Tree tree{{"etc/passwd", "alice:x:1000:1000::/home/alice:/bin/sh\n"}};
        tree.fifo(file);
        const auto host = tree.host();
        EXPECT_EQ(read_user_environment(host, persons(host), only_x).problems.size(), 1U) << file;
    }
    const tests::Tree tree{{"etc/passwd", "alice:x:1000:1000::/home/alice:/bin/sh\n"}};
    tree.fifo("home/alice/.profile");
    for (int i = 0; i < 70; ++i)
        tree.write("etc/profile.d/" + std::to_string(i) + ".sh", "");
    const auto host = tree.host();
    const auto found = read_user_environment(host, persons(host), only_x);
    EXPECT_EQ(found.own_problems.at("alice").size(), 1U);
    EXPECT_EQ(found.problems.size(), 1U) << "too many files";
}

}  // namespace
