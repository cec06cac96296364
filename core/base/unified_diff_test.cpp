// SPDX-License-Identifier: Apache-2.0
#include "core/base/unified_diff.hpp"

#include "core/base/text.hpp"

#include <gtest/gtest.h>

namespace plimsoll {
namespace {

std::string escape(std::string_view s) {
    return printable(s, 1000);
}

std::string diff(const std::optional<std::string>& before, const std::optional<std::string>& after,
                 const std::string& path = "/etc/subuid") {
    return join(unified_diff(path, before, after, escape), "\n");
}

TEST(Diff, LooksLikeDiffU) {
    EXPECT_EQ(
        diff("alice:100000:65536\nmallory:0:1\nbob:165536:65536\n", "alice:100000:65536\nbob:165536:65536\n"),
        "--- a/etc/subuid\n+++ b/etc/subuid\n@@ -1,3 +1,2 @@\n alice:100000:65536\n-mallory:0:1\n "
        "bob:165536:65536");
    EXPECT_EQ(diff("a\n", "a\n"), "");
    EXPECT_EQ(diff(std::nullopt, std::nullopt), "");
}

TEST(Diff, FilesThatAppearAndGo) {
    EXPECT_EQ(diff(std::nullopt, "a\n"), "--- /dev/null\n+++ b/etc/subuid\n@@ -0,0 +1 @@\n+a");
    EXPECT_EQ(diff("a\nb\n", std::nullopt), "--- a/etc/subuid\n+++ /dev/null\n@@ -1,2 +0,0 @@\n-a\n-b");
    EXPECT_EQ(diff(std::nullopt, ""), "--- /dev/null\n+++ b/etc/subuid");
}

TEST(Diff, TellsAMissingFinalNewline) {
    EXPECT_EQ(diff("a", "a\n"),
              "--- a/etc/subuid\n+++ b/etc/subuid\n@@ -1 +1 @@\n-a\n\\ No newline at end of file\n+a");
}

TEST(Diff, SeparatesDistantHunks) {
    std::string before;
    for (int i = 1; i <= 20; ++i)
        before += std::to_string(i) + "\n";
    std::string after = before;
    after.replace(after.find("2\n"), 2, "two\n");
    after.replace(after.find("18\n"), 3, "eighteen\n");
    EXPECT_EQ(diff(before, after),
              "--- a/etc/subuid\n+++ b/etc/subuid\n@@ -1,5 +1,5 @@\n 1\n-2\n+two\n 3\n 4\n 5\n"
              "@@ -15,6 +15,6 @@\n 15\n 16\n 17\n-18\n+eighteen\n 19\n 20");
}

// Applying the script of a diff to the old text must give the new one.
std::string patched(const std::string& before, const std::vector<std::string>& diff_lines) {
    const auto old_lines = split_lines(before);
    std::string out;
    std::size_t at = 0;
    for (std::size_t i = 2; i < diff_lines.size(); ++i) {
        const std::string& line = diff_lines[i];
        if (line.front() == '@') {
            const auto comma = line.find_first_of(", ", 4);
            const bool none = line.compare(comma, 3, ",0 ") == 0;
            const std::size_t start = std::stoul(line.substr(4, comma - 4)) - (none ? 0 : 1);
            for (; at < start; ++at)
                out += std::string(old_lines[at]) + "\n";
        } else {
            if (line.front() != '+') {
                EXPECT_EQ(old_lines[at], line.substr(1));
                ++at;
            }
            if (line.front() != '-')
                out += line.substr(1) + "\n";
        }
    }
    for (; at < old_lines.size(); ++at)
        out += std::string(old_lines[at]) + "\n";
    return out;
}

TEST(Diff, PatchesBackForManyTexts) {
    std::uint32_t seed = 1;
    const auto next = [&](std::uint32_t bound) {
        seed = seed * 1664525U + 1013904223U;
        return (seed >> 8) % bound;
    };
    for (int round = 0; round < 500; ++round) {
        std::string before;
        std::string after;
        for (std::uint32_t i = next(30); i > 0; --i)
            before += std::string(1, static_cast<char>('a' + next(4))) + "\n";
        for (std::uint32_t i = next(30); i > 0; --i)
            after += std::string(1, static_cast<char>('a' + next(4))) + "\n";
        const auto lines = unified_diff("/f", before, after, escape);
        if (before == after)
            EXPECT_TRUE(lines.empty());
        else
            EXPECT_EQ(patched(before, lines), after) << join(lines, "\n");
    }
}

TEST(Diff, GivesUpOnMinimalityNotOnCorrectness) {
    std::string before;
    std::string after;
    for (int i = 0; i < 5000; ++i) {
        before += "a" + std::to_string(i) + "\n";
        after += "b" + std::to_string(i) + "\n";
    }
    EXPECT_EQ(patched(before, unified_diff("/f", before, after, escape)), after);
}

TEST(Diff, HidesPasswordsAndControlCharacters) {
    const std::string out = diff("root:$y$j9T$secret:1:\nu:!:2:\n", "root:$y$j9T$secret:1:\n", "/etc/shadow");
    EXPECT_EQ(out.find("secret"), std::string::npos);
    EXPECT_NE(out.find(" root:(hidden):1:"), std::string::npos);
    EXPECT_NE(out.find("-u:!:2:"), std::string::npos);
    EXPECT_NE(diff("a\x1b[2J\n", "").find("-a\\x1b[2J"), std::string::npos);
}

}  // namespace
}  // namespace plimsoll
