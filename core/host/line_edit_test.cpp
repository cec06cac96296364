// SPDX-License-Identifier: Apache-2.0
#include "core/host/line_edit.hpp"

#include <gtest/gtest.h>

#include <random>

namespace {
using namespace plimsoll;
using host::edit_lines;
using policy::EditLines;

struct Case {
    const char* name;
    std::string before;
    EditLines change;
    std::string after;
};

TEST(EditLines, KeepsEveryOtherByte) {
    const std::string big(3 << 20, 'x');
    const std::vector<Case> cases{
        {"remove every copy", "a\nb\na\n", {"f", {"a"}, {}}, "b\n"},
        {"append", "a\n", {"f", {}, {"b"}}, "a\nb\n"},
        {"append to nothing", "", {"f", {}, {"b"}}, "b\n"},
        {"append where the last newline is missing", "a", {"f", {}, {"b"}}, "a\nb\n"},
        {"no newline is added for a removal before it", "a\nb", {"f", {"a"}, {}}, "b"},
        {"the new last line had one", "a\nb", {"f", {"b"}, {}}, "a\n"},
        {"not twice", "a\n", {"f", {}, {"a"}}, "a\n"},
        {"gone already", "a\n", {"f", {"z"}, {}}, "a\n"},
        {"move to the end", "a\nb\n", {"f", {"a"}, {"a"}}, "b\na\n"},
        {"replace in place", "a\nb\nc\n", {"f", {"b"}, {"B"}, true}, "a\nB\nc\n"},
        {"replace the last", "a\nb", {"f", {"b"}, {"B"}, true}, "a\nB"},
        {"replaced already", "a\nB\n", {"f", {"b"}, {"B"}, true}, "a\nB\n"},
        {"blank lines stay", "\n\na\n\n", {"f", {"a"}, {}}, "\n\n\n"},
        {"bytes",
         std::string("\xff\0\n", 3) + "a\n",
         {"f", {"a"}, {"b"}},
         std::string("\xff\0\n", 3) + "b\n"},
        {"long", big + "\na\n", {"f", {"a"}, {}}, big + "\n"},
        {"carriage returns are content", "a\r\na\n", {"f", {"a"}, {}}, "a\r\n"},
    };
    for (const auto& c : cases) {
        const auto r = edit_lines(c.before, c.change);
        ASSERT_TRUE(r) << c.name << r.error().message;
        EXPECT_EQ(r->content, c.after) << c.name;
    }
}

TEST(EditLines, RefusesWhatIsNotALineAndWhatIsGone) {
    EXPECT_EQ(edit_lines("", {"f", {}, {"a\nb"}}).error().code, Code::invalid_input);
    EXPECT_EQ(edit_lines("", {"f", {}, {std::string("a\0b", 3)}}).error().code, Code::invalid_input);
    EXPECT_EQ(edit_lines("x\n", {"f", {"a"}, {"A"}, true}).error().code, Code::busy);
    EXPECT_EQ(edit_lines("a\n", {"f", {"a"}, {}, true}).error().code, Code::internal);
}

TEST(EditLines, RefusesANameOrIdThatSomebodyTookMeanwhile) {
    struct Clash {
        const char* path;
        const char* there;
        const char* add;
        bool refused;
    };

    const Clash clashes[] = {
        {"/etc/passwd", "u1:x:1001:1001::/:/bin/sh\n", "ops:x:1001:1001::/:/bin/sh", true},
        {"/etc/passwd", "ops:x:1002:1002::/:/bin/sh\n", "ops:x:1001:1001::/:/bin/sh", true},
        {"/etc/passwd", "u1:x:01001:7::/:/bin/sh\n", "ops:x:1001:1001::/:/bin/sh", true},
        {"/etc/passwd", "u1:x:7:1001::/:/bin/sh\n", "ops:x:1001:1001::/:/bin/sh", false},
        {"/etc/group", "u1:x:1001:\n", "ops:x:1001:", true},
        {"/etc/shadow", "ops:*:1::::::\n", "ops:!:2::::::", true},
        {"/etc/shadow", "u1:!:2::::::\n", "ops:!:2::::::", false},
        {"/etc/gshadow", "ops:*::\n", "ops:!::", true},
        {"/etc/subuid", "ops:1001:1\n", "ops:2002:1", false},
        {"/etc/passwd", "ops:x:1001:1001::/:/bin/sh\n", "ops:x:1001:1001::/:/bin/sh", false},
    };
    for (const Clash& c : clashes) {
        const auto r = edit_lines(c.there, {c.path, {}, {c.add}});
        EXPECT_EQ(!r, c.refused) << c.path << " " << c.there;
        if (!r) {
            EXPECT_EQ(r.error().code, Code::busy);
        }
    }
}

TEST(TakeBack, LeavesWhatOthersDid) {
    const auto e = edit_lines("a:1\nb:1\nc:1\n", {"f", {"a:1"}, {"n:1"}})->edit;
    EXPECT_EQ(*host::take_back("b:1\nc:1\nn:1\nz:1\n", e, true), "a:1\nb:1\nc:1\nz:1\n");
    EXPECT_EQ(*host::take_back("c:1\n", e, true), "a:1\nc:1\n") << "our line and theirs are gone";
    EXPECT_EQ(*host::take_back("a:1\nc:1\n", e, true), "a:1\nc:1\n");
    EXPECT_EQ(host::take_back("a:2\nc:1\n", e, true).error().code, Code::busy) << "its key is taken";
    EXPECT_EQ(*host::take_back("a:2\nc:1\n", e, false), "a:1\na:2\nc:1\n");
}

// Whatever others add at the end or in between meanwhile: what they wrote is there afterwards, and ours is
// not.
TEST(TakeBack, LosesNoForeignLine) {
    std::mt19937 random(7);
    const auto pick = [&](unsigned n) { return static_cast<unsigned>(random()) % n; };
    for (int round = 0; round < 2000; ++round) {
        std::vector<std::string> lines;
        for (unsigned i = 0, n = pick(6); i < n; ++i)
            lines.push_back("l" + std::to_string(i) + ":" + std::to_string(pick(3)));
        std::string content;
        for (const auto& l : lines)
            content += l + "\n";
        EditLines change{"f", {}, {}};
        for (const auto& l : lines)
            if (pick(3) == 0)
                change.remove.push_back(l);
        for (unsigned i = 0, n = pick(3); i < n; ++i)
            change.add.push_back("ours" + std::to_string(i) + ":1");
        const auto edited = edit_lines(content, change);
        ASSERT_TRUE(edited);
        EXPECT_EQ(*host::take_back(edited->content, edited->edit, true), content) << content;
        std::string foreign = edited->content;
        std::size_t at = foreign.find('\n', pick(40));
        at = at == std::string::npos ? foreign.size() : at + 1;
        foreign.insert(at, "theirs:1\n");
        const auto back = host::take_back(foreign, edited->edit, true);
        ASSERT_TRUE(back);
        for (const auto& l : lines)
            EXPECT_NE(back->find(l + "\n"), std::string::npos);
        EXPECT_NE(back->find("theirs:1\n"), std::string::npos);
        EXPECT_EQ(back->find("ours"), std::string::npos);
    }
}
}  // namespace
