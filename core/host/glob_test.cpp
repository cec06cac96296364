// SPDX-License-Identifier: Apache-2.0
#include "core/host/glob.hpp"

#include "tests/support/tree.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace {
using namespace plimsoll;
using host::find_matches;
using host::LeadingDot;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

TEST(Glob, WildcardsStandInAnyComponent) {
    const tests::Tree tree{{"etc/c/a/x.toml", ""}, {"etc/c/b/x.toml", ""},       {"etc/c/b/y.conf", ""},
                           {"etc/c/x.toml", ""},   {"etc/c/.hidden/x.toml", ""}, {"etc/c/d/e/x.toml", ""}};
    const auto host = tree.host();

    struct Case {
        const char* pattern;
        std::vector<std::string> paths;
    };

    const Case cases[] = {
        {"/etc/c/*/x.toml", {"/etc/c/a/x.toml", "/etc/c/b/x.toml"}},
        {"/etc/c/*/*.toml", {"/etc/c/a/x.toml", "/etc/c/b/x.toml"}},
        {"/etc/*/[ab]/x.t?ml", {"/etc/c/a/x.toml", "/etc/c/b/x.toml"}},
        {"/*/c/x.toml", {"/etc/c/x.toml"}},
        {"/etc/c//b/*", {"/etc/c/b/x.toml", "/etc/c/b/y.conf"}},
        {"/etc/c/.*/x.toml", {"/etc/c/.hidden/x.toml"}},
        {"/etc/c/*.toml/x", {}},
        {"/none/*/x", {}},
        {"/etc/c/x.toml", {"/etc/c/x.toml"}},
        {"/etc/c/none", {"/etc/c/none"}},
    };
    for (const Case& c : cases) {
        const auto found = find_matches(host.root(), c.pattern, LeadingDot::no_match);
        EXPECT_EQ(found.paths, c.paths) << c.pattern;
        EXPECT_THAT(found.problems, IsEmpty()) << c.pattern;
    }
    EXPECT_THAT(find_matches(host.root(), "/etc/c/*/x.toml", LeadingDot::match).paths,
                ElementsAre("/etc/c/.hidden/x.toml", "/etc/c/a/x.toml", "/etc/c/b/x.toml"));
}

TEST(Glob, WhatCannotBeSearchedIsSaid) {
    const tests::Tree tree;
    tree.link("etc/loop", "loop");
    const auto host = tree.host();
    const auto looped = find_matches(host.root(), "/etc/loop/*", LeadingDot::match);
    EXPECT_THAT(looped.paths, IsEmpty());
    EXPECT_EQ(looped.problems.size(), 1U);
    for (int i = 0; i < 70; ++i)
        tree.directory("many/" + std::to_string(i));
    tree.link("many/again", ".");
    const auto many = find_matches(host.root(), "/many/*/*/*", LeadingDot::match);
    EXPECT_EQ(many.problems.size(), 0U);
    EXPECT_FALSE(many.paths.empty());
    tree.link("many/once-more", ".");
    tree.link("many/and-more", ".");
    tree.link("many/and-more-so", ".");
    EXPECT_EQ(find_matches(host.root(), "/many/*/*/*/*/*/*/*", LeadingDot::match).problems.size(), 1U);
}

}  // namespace
