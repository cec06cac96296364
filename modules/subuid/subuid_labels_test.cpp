// SPDX-License-Identifier: Apache-2.0
// The SELinux part of A13: the rules of file_contexts(5), and the verdict.
#include "modules/subuid/test_support.hpp"

#include <sys/xattr.h>
#include <unistd.h>

namespace plimsoll::modules::subuid {
namespace {

const std::vector<std::string> paths{"/etc/subuid", "/etc/passwd"};

constexpr const char* contexts =
    "# comment\n"
    "/.*\tsystem_u:object_r:default_t:s0\n"
    "/etc(/.*)?\tsystem_u:object_r:etc_t:s0\n"
    "/etc/passwd[-\\+]?\t--\tsystem_u:object_r:passwd_file_t:s0\n"
    "/etc/sub[ug]id.*  --  system_u:object_r:passwd_file_t:s0\n"
    "/etc/subuid -d system_u:object_r:dir_t:s0\n"
    "/usr/.* system_u:object_r:usr_t:s0\n";

std::string context_for(const std::string& text, const std::string& path) {
    const auto rule = label_rule_for(label_rules(text, "f", paths), path);
    if (!rule)
        return "error: " + rule.error().message;
    return *rule ? (*rule)->context + " by " + (*rule)->source : "none";
}

TEST(LabelRules, TheLastMatchWinsAndLiteralOnesBeforeAll) {
    EXPECT_EQ(context_for(contexts, "/etc/subuid"), "system_u:object_r:passwd_file_t:s0 by f:5");
    EXPECT_EQ(context_for(contexts, "/etc/passwd"), "system_u:object_r:passwd_file_t:s0 by f:4");
    EXPECT_EQ(context_for("/etc/subuid a:b:exact_t\n/etc/.* a:b:any_t\n", "/etc/subuid"),
              "a:b:exact_t by f:1");
    EXPECT_EQ(context_for("/etc/subuid a:b:x_t\n/etc/subuid -- a:b:y_t\n", "/etc/subuid"), "a:b:y_t by f:2");
    EXPECT_EQ(context_for("/etc/sub\\uid a:b:x_t\n", "/etc/subuid"), "a:b:x_t by f:1")
        << "an escape alone is literal";
    EXPECT_EQ(context_for("/etc/subui a:b:x_t\n/etc/subuidx a:b:y_t\n", "/etc/subuid"), "none")
        << "whole path";
    EXPECT_EQ(context_for("/etc/subuidd? a:b:x_t\n", "/etc/subuid"), "a:b:x_t by f:1");
    EXPECT_EQ(context_for("/usr|/etc/subuid a:b:x_t\n", "/etc/subuid"), "a:b:x_t by f:1");
    EXPECT_EQ(context_for("", "/etc/subuid"), "none");
    EXPECT_EQ(context_for("/etc/subuid\n\n x\n/etc/subuid -- a b\n", "/etc/subuid"), "none") << "no rules";
}

TEST(LabelRules, WhatCannotBeJudgedIsAnError) {
    for (const char* pattern : {"/etc/(?:sub)uid", "/etc/\\w+", "/etc/s.*?d", "/etc/s.{1,9999}d",
                                "/etc/(s)\\1", "/etc/(sub", "/etc/s[", "/etc/.*+"})
        EXPECT_TRUE(context_for(std::string(pattern) + " a:b:c\n", "/etc/subuid").starts_with("error"))
            << pattern;
    EXPECT_TRUE(
        context_for("/etc/" + std::string(1000, '.') + " a:b:c\n", "/etc/subuid").starts_with("error"));
    EXPECT_EQ(context_for("/etc/(?:x) a:b:c\n/etc/subuid a:b:d_t\n", "/etc/subuid"), "a:b:d_t by f:2")
        << "what decides can be read";
    EXPECT_EQ(context_for("/usr/(?:x) a:b:c\n/etc/.* a:b:d_t\n", "/etc/subuid"), "a:b:d_t by f:2")
        << "does not concern the path";
}

TEST(LabelRules, TypeOfALabel) {
    EXPECT_EQ(type_of_label("system_u:object_r:etc_t:s0:c1,c2"), "etc_t");
    EXPECT_EQ(type_of_label("a:b:c"), "c");
    EXPECT_EQ(type_of_label("a:b"), "");
    EXPECT_EQ(type_of_label(""), "");
}

std::string label_name(const std::string& local, const std::string& dist, const std::string& path) {
    const auto name = label_path(substitutions(local, "l"), substitutions(dist, "d"), path);
    if (!name)
        return "error: " + name.error().message;
    std::string out = name->name;
    for (const Substitution& s : name->by)
        out += " " + s.source;
    return out;
}

TEST(LabelPaths, AreRenamedAsLibselinuxDoesIt) {
    EXPECT_EQ(label_name("", "", "/etc/subuid"), "/etc/subuid");
    EXPECT_EQ(label_name("/etc /usr/etc\n", "", "/etc/subuid"), "/usr/etc/subuid l:1");
    EXPECT_EQ(label_name("/etc/subuid /srv/x\n", "", "/etc/subuid"), "/srv/x l:1");
    EXPECT_EQ(label_name("", "# /etc /x\n\n  /etc\t /usr/etc  ignored\n", "/etc/subuid"),
              "/usr/etc/subuid d:3");
    EXPECT_EQ(label_name("/et /x\n/etc/subuidx /y\n/etc/ /z\n/etc\n", "", "/etc/subuid"), "/etc/subuid")
        << "whole components, and lines of two words";
    EXPECT_EQ(label_name("/etc /\n", "", "/etc/subuid"), "/subuid l:1");
    EXPECT_EQ(label_name("/etc/subuid /\n", "", "/etc/subuid"), "/ l:1");
    EXPECT_EQ(label_name("/etc /a\n", "/a /b\n", "/etc/subuid"), "/b/subuid l:1 d:1")
        << "the distribution's is applied to what the administrator's gave";
    EXPECT_EQ(label_name("/a /b\n", "/etc /a\n", "/etc/subuid"), "/a/subuid d:1") << "not the other way";
    EXPECT_EQ(label_name("/etc /etc\n", "", "/etc/subuid"), "/etc/subuid l:1");
}

TEST(LabelPaths, AreNobodysWhereVersionsDiffer) {
    EXPECT_EQ(label_name("/etc /a\n/etc/subuid /a/subuid\n", "", "/etc/subuid"), "/a/subuid l:2")
        << "either way the same";
    EXPECT_TRUE(label_name("/etc /a\n/etc /b\n", "", "/etc/subuid").starts_with("error: l:2 and l:1"));
    EXPECT_TRUE(label_name("", "/etc/subuid /a\n/etc /b\n", "/etc/subuid").starts_with("error: d:2"));
}

class Labels : public testing::Test {
  protected:
    void SetUp() override {
        if (::geteuid() != 0)
            GTEST_SKIP() << "needs root to set labels";
        fill(tree, "alice:100000:65536\n", "alice:100000:65536\n");
        tree.write("/etc/selinux/config", "SELINUX=enforcing\nSELINUXTYPE=targeted\n");
        tree.write(rules, contexts);
        for (const char* path : {"/etc", "/etc/subuid", "/etc/subgid", "/etc/passwd", "/etc/group"})
            if (!label(path, path == std::string_view("/etc") || path == std::string_view("/etc/group")
                                 ? "system_u:object_r:etc_t:s0"
                                 : "unconfined_u:object_r:passwd_file_t:s0"))
                GTEST_SKIP() << "no security attributes on this filesystem";
    }

    bool label(const char* path, const std::string& value) const {
        return ::setxattr(tree.path(path).c_str(), "security.selinux", value.c_str(), value.size() + 1, 0) ==
               0;
    }

    std::vector<std::string> verdict(bool live = false) const {
        return brief(judge(tree, "subuid.file-integrity", {.live = live}));
    }

    static constexpr const char* rules = "/etc/selinux/targeted/contexts/files/file_contexts";
    Tree tree;
};

TEST_F(Labels, TheTypeIsCompared) {
    EXPECT_EQ(verdict(), std::vector<std::string>{"pass host"}) << "another user is no other type";
    ASSERT_TRUE(label("/etc/subuid", "system_u:object_r:user_home_t:s0"));
    EXPECT_EQ(verdict(), std::vector<std::string>{"fail /etc/subuid label high by-hand"});
    tree.write(std::string(rules) + ".local", "/etc/subuid system_u:object_r:user_home_t:s0\n");
    EXPECT_EQ(verdict(), std::vector<std::string>{"pass host"}) << "as the administrator says";
    tree.write(std::string(rules) + ".local", "/etc/subuid <<none>>\n");
    EXPECT_EQ(verdict(), std::vector<std::string>{"pass host"});
}

TEST_F(Labels, CountOnlyWhereSelinuxIsInUse) {
    ASSERT_TRUE(label("/etc/subuid", "system_u:object_r:user_home_t:s0"));
    EXPECT_EQ(verdict(true), std::vector<std::string>{"pass host"}) << "the kernel does not use it";
    tree.write("/sys/fs/selinux/enforce", "1");
    EXPECT_EQ(verdict(true), std::vector<std::string>{"fail /etc/subuid label high by-hand"});
    tree.write("/etc/selinux/config", "SELINUX=disabled\nSELINUXTYPE=targeted\n");
    EXPECT_EQ(verdict(), std::vector<std::string>{"pass host"});
    tree.write("/etc/selinux/config", "SELINUX=Permissive\nSELINUXTYPE=targeted\n");
    EXPECT_EQ(verdict(), std::vector<std::string>{"fail /etc/subuid label high by-hand"});
}

TEST_F(Labels, AMissingLabelIsAFailureOnARunningHostOnly) {
    tree.write("/sys/fs/selinux/enforce", "1");
    ASSERT_EQ(::removexattr(tree.path("/etc/subuid").c_str(), "security.selinux"), 0);
    EXPECT_EQ(verdict(true), std::vector<std::string>{"fail /etc/subuid label high by-hand"});
    ASSERT_EQ(::removexattr(tree.path("/etc").c_str(), "security.selinux"), 0);
    EXPECT_EQ(verdict(), std::vector<std::string>{"unknown SELinux"})
        << "an image that was unpacked without them";
}

TEST_F(Labels, FollowSubstitutions) {
    tree.write(rules, std::string(contexts) + "/srv/etc/sub[ug]id -- a:b:substituted_t\n" +
                          "/srv/etc/(passwd|group) -- a:b:accounts_t\n");
    for (const char* part : {".subs", ".subs_dist"}) {
        const std::string file = std::string(rules) + part;
        tree.write(file, "/run /var/run\n");
        EXPECT_EQ(verdict(), std::vector<std::string>{"pass host"}) << "concerns other paths";
        tree.write(file, "/etc /srv/etc\n");
        const auto found = judge(tree, "subuid.file-integrity");
        EXPECT_EQ(brief(found),
                  (std::vector<std::string>{
                      "fail /etc/group label high by-hand", "fail /etc/passwd label high by-hand",
                      "fail /etc/subgid label high by-hand", "fail /etc/subuid label high by-hand"}));
        EXPECT_EQ(found.front().evidence.back().source, file + ":1");
        EXPECT_EQ(found.front().evidence.back().found, "/etc has the labels of /srv/etc");
        tree.write(file, "/etc/subuid /srv/etc/subuid\n");
        EXPECT_EQ(verdict(), std::vector<std::string>{"fail /etc/subuid label high by-hand"});
        ASSERT_TRUE(label("/etc/subuid", "a:b:substituted_t"));
        EXPECT_EQ(verdict(), std::vector<std::string>{"pass host"});
        tree.write(file, "/etc/subuid /nowhere\n");
        EXPECT_EQ(verdict(), std::vector<std::string>{"fail /etc/subuid label high by-hand"})
            << "the policy's rule for everything";
        ASSERT_TRUE(label("/etc/subuid", "a:b:passwd_file_t"));
        tree.remove(file);
    }
}

TEST_F(Labels, AreUnknownWhereSubstitutionsCannotBeJudged) {
    const std::vector<std::string> all{"unknown /etc/group label", "unknown /etc/passwd label",
                                       "unknown /etc/subgid label", "unknown /etc/subuid label"};
    for (const char* part : {".subs", ".subs_dist"}) {
        const std::string file = std::string(rules) + part;
        tree.write(file, "/etc/subuid /a\n/etc/subuid /b\n");
        EXPECT_EQ(verdict(), std::vector<std::string>{"unknown /etc/subuid label"});
        tree.write(file, "/run " + std::string(2000, 'x') + "\n");
        EXPECT_EQ(verdict(), all);
        tree.write(file, std::string("/etc\0x /y\n", 10));
        EXPECT_EQ(verdict(), all);
        tree.remove(file);
        tree.fifo(file);
        EXPECT_EQ(verdict(), all);
        tree.remove(file);
    }
}

TEST_F(Labels, AreUnknownWithoutAPolicyThatCanBeRead) {
    tree.remove(rules);
    EXPECT_EQ(verdict(), std::vector<std::string>{"unknown SELinux"});
    tree.fifo(rules);
    EXPECT_EQ(verdict(), std::vector<std::string>{"unknown SELinux"});
    tree.write("/etc/selinux/config", "SELINUX=enforcing\nSELINUXTYPE=../../x\n");
    EXPECT_EQ(verdict(), std::vector<std::string>{"unknown SELinux"});
    tree.remove("/etc/selinux/config");
    tree.fifo("/etc/selinux/config");
    EXPECT_EQ(verdict(), std::vector<std::string>{"unknown SELinux"});
}

}  // namespace
}  // namespace plimsoll::modules::subuid
