// SPDX-License-Identifier: Apache-2.0
#include "core/host/sysctl_files.hpp"

#include "tests/support/tree.hpp"

#include <gtest/gtest.h>

namespace plimsoll::host {
namespace {

constexpr std::string_view key = "user.max_user_namespaces";

std::string effective(const tests::Tree& tree, std::string_view k = key) {
    const auto line = read_sysctl_files(tree.host().root()).effective(k);
    if (!line)
        return "error";
    return *line ? *(*line)->value + " from " + (*line)->source() : "unset";
}

struct Case {
    const char* name;
    std::vector<std::pair<std::string_view, std::string_view>> files;
    const char* want;
};

TEST(SysctlFiles, EffectiveValueAndItsOrigin) {
    const Case cases[] = {
        {"nothing", {}, "unset"},
        {"one file",
         {{"etc/sysctl.d/a.conf", "user.max_user_namespaces=5\n"}},
         "5 from /etc/sysctl.d/a.conf:1"},
        {"the later name wins whatever the directory",
         {{"etc/sysctl.d/10-a.conf", "user.max_user_namespaces=1\n"},
          {"usr/lib/sysctl.d/50-b.conf", "# c\nuser.max_user_namespaces = 2"}},
         "2 from /usr/lib/sysctl.d/50-b.conf:2"},
        {"of one name /etc wins, then /run",
         {{"run/sysctl.d/a.conf", "user.max_user_namespaces=1\n"},
          {"usr/lib/sysctl.d/a.conf", "user.max_user_namespaces=2\n"}},
         "1 from /run/sysctl.d/a.conf:1"},
        {"an empty file masks",
         {{"etc/sysctl.d/a.conf", ""}, {"usr/lib/sysctl.d/a.conf", "user.max_user_namespaces=2\n"}},
         "unset"},
        {"only *.conf counts", {{"etc/sysctl.d/a.conf.bak", "user.max_user_namespaces=5\n"}}, "unset"},
        {"/etc/sysctl.conf does not count", {{"etc/sysctl.conf", "user.max_user_namespaces=5\n"}}, "unset"},
        {"slashes, minus and ; comments",
         {{"etc/sysctl.d/a.conf", ";x\n -user/max_user_namespaces =  7  \n"}},
         "7 from /etc/sysctl.d/a.conf:2"},
        {"a named key wins over a later glob",
         {{"etc/sysctl.d/a.conf", "user.max_user_namespaces=5\nuser.max_*=0\n"}},
         "5 from /etc/sysctl.d/a.conf:1"},
        {"a glob alone", {{"etc/sysctl.d/a.conf", "user.max_*=9\n"}}, "9 from /etc/sysctl.d/a.conf:1"},
        {"an exclusion keeps the glob off",
         {{"etc/sysctl.d/a.conf", "user.max_*=9\n-user.max_user_namespaces\n"}},
         "unset"},
        {"the last of several lines",
         {{"etc/sysctl.d/a.conf",
           "user.max_user_namespaces=1\rx\n"
           "user.max_user_namespaces=2\n"}},
         "2 from /etc/sysctl.d/a.conf:2"},
    };
    for (const Case& c : cases) {
        const tests::Tree tree;
        for (const auto& [file, content] : c.files)
            tree.write(file, content);
        EXPECT_EQ(effective(tree), c.want) << c.name;
    }
}

TEST(SysctlFiles, ALinkIsFollowedAndDevNullMasks) {
    const tests::Tree tree{{"etc/sysctl.conf", "user.max_user_namespaces=3\n"},
                           {"usr/lib/sysctl.d/z.conf", "user.max_user_namespaces=0\n"}};
    tree.link("etc/sysctl.d/99-sysctl.conf", "../sysctl.conf");
    tree.link("etc/sysctl.d/z.conf", "/dev/null");
    EXPECT_EQ(effective(tree), "3 from /etc/sysctl.d/99-sysctl.conf:1");
}

TEST(SysctlFiles, WhatCannotBeReadIsNotGuessed) {
    const tests::Tree tree{{"etc/sysctl.d/50-a.conf", "user.max_user_namespaces=3\n"}};
    tree.fifo("etc/sysctl.d/40-b.conf");
    EXPECT_EQ(effective(tree), "3 from /etc/sysctl.d/50-a.conf:1") << "an earlier file cannot matter";
    EXPECT_EQ(effective(tree, "kernel.panic"), "error");
    tree.fifo("etc/sysctl.d/60-c.conf");
    EXPECT_EQ(effective(tree), "error") << "a later one can";
}

TEST(SysctlFiles, LinesThatAreNotAssignmentsAreReported) {
    SysctlFiles files;
    parse_sysctl(std::string_view("abc\n=5\nok=1\0k=2\n", 16), "/x", files);
    ASSERT_EQ(files.problems.size(), 2u);
    EXPECT_EQ(files.problems[0], "/x:1: not an assignment: abc");
    ASSERT_EQ(files.lines.size(), 2u);
    EXPECT_EQ(files.lines[1].key, "k");
    EXPECT_EQ(files.lines[1].source(), "/x:3");
}

TEST(SysctlFiles, Names) {
    EXPECT_EQ(normalise_sysctl("net.ipv4.conf.eth0/1.x"), "net/ipv4/conf/eth0.1/x");
    EXPECT_EQ(normalise_sysctl("net/ipv4/conf/eth0.1/x"), "net/ipv4/conf/eth0.1/x");
    EXPECT_EQ(sysctl_knob("user.max_user_namespaces"), "/proc/sys/user/max_user_namespaces");
    for (const char* bad : {"", ".", "a//b", "a/../../b", "/../x", "a."})
        EXPECT_FALSE(sysctl_knob(bad)) << bad;
    EXPECT_TRUE(same_sysctl_value("0\t2147483647\n", "0 2147483647"));
    EXPECT_FALSE(same_sysctl_value("0", "00"));
}

TEST(SysctlFiles, OurFileSortsAfterWhatDecidesNow) {
    EXPECT_EQ(sysctl_drop_in_path("a.b", std::nullopt), "/etc/sysctl.d/60-plimsoll-a.b.conf");
    const auto after = [](const char* file) {
        return sysctl_drop_in_path("a.b", SysctlLine{"a/b", "1", file, 1});
    };
    EXPECT_EQ(after("/usr/lib/sysctl.d/50-x.conf"), "/etc/sysctl.d/60-plimsoll-a.b.conf");
    EXPECT_EQ(after("/etc/sysctl.d/60-plimsoll-a.b.conf"), "/etc/sysctl.d/60-plimsoll-a.b.conf");
    EXPECT_EQ(after("/etc/sysctl.d/99-sysctl.conf"), "/etc/sysctl.d/99-zz-plimsoll-a.b.conf");
    EXPECT_EQ(after("/etc/sysctl.d/local.conf"), "/etc/sysctl.d/zz-plimsoll-a.b.conf");
    EXPECT_EQ(after("/etc/sysctl.d/zzz.conf"), std::nullopt);
    EXPECT_EQ(sysctl_drop_in_path("a.b", SysctlLine{"a/*", "1", "/etc/sysctl.d/zzz.conf", 1}),
              "/etc/sysctl.d/60-plimsoll-a.b.conf");
}

TEST(SysctlFiles, OurContentIsReadBack) {
    SysctlFiles files;
    parse_sysctl(sysctl_drop_in_content("net.ipv4.ping_group_range", "0 5"), "/x", files);
    ASSERT_EQ(files.lines.size(), 1u);
    EXPECT_EQ(files.lines[0].key, "net/ipv4/ping_group_range");
    EXPECT_EQ(files.lines[0].value, "0 5");
}

}  // namespace
}  // namespace plimsoll::host
