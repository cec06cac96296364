// SPDX-License-Identifier: Apache-2.0
#include "agentctl/render/text.hpp"
#include "core/base/json.hpp"

#include <gtest/gtest.h>

namespace plimsoll::agentctl::render {
namespace {

TEST(Safe, EscapesWhatActsOnATerminal) {
    const struct {
        std::string_view in;
        std::string_view out;
    } cases[] = {
        {"plain", "plain"},
        {"", ""},
        {"a\x1b[31mb", "a\\x1b[31mb"},
        {"a\nb\tc\r", "a\\x0ab\\x09c\\x0d"},
        {std::string_view("a\0b", 3), "a\\x00b"},
        {"\x7f", "\\x7f"},
        {"\xc2\x9b", "\\x9b"},               // C1 CSI
        {"\xff\xfe", "\\xff\\xfe"},          // not UTF-8
        {"\xe2\x80\xae", "\\u{202e}"},       // right-to-left override
        {"a\xe2\x80\x8b", "a\\u{200b}"},     // zero-width space
        {"\xf3\xa0\x81\x81", "\\u{e0041}"},  // tag character
        {"Zoë 漢 🚢", "Zoë 漢 🚢"},
        {"\xe6\xbc", "\\xe6\\xbc"},  // cut off
    };

    for (const auto& c : cases)
        EXPECT_EQ(safe(c.in), c.out) << c.out;
}

TEST(SafeJson, StaysTheSameDocument) {
    const Value v(std::string("a\x7f\xc2\x9b\xe2\x80\xae\xf3\xa0\x81\x81 ë \x1b"));
    const std::string text = safe_json(to_json(v));
    for (const char c : text)
        EXPECT_TRUE(static_cast<unsigned char>(c) >= 0x20 && c != 0x7f);
    EXPECT_EQ(text.find("\xe2\x80\xae"), std::string::npos);
    const auto back = parse_json(text, "test");
    ASSERT_TRUE(back);
    EXPECT_EQ(*back, v);
}

TEST(DisplayWidth, CountsColumns) {
    EXPECT_EQ(display_width(""), 0U);
    EXPECT_EQ(display_width("abc"), 3U);
    EXPECT_EQ(display_width("Zoë"), 3U);
    EXPECT_EQ(display_width("漢字"), 4U);
    EXPECT_EQ(display_width("🚢"), 2U);
    EXPECT_EQ(display_width("e\xcc\x81"), 1U);  // combining acute
    EXPECT_EQ(display_width("\xff"), 1U);
}

TEST(Wrap, NeverExceedsTheWidth) {
    EXPECT_EQ(wrap("one two three", 7), (std::vector<std::string>{"one two", "three"}));
    EXPECT_EQ(wrap("keeps  two", 10), (std::vector<std::string>{"keeps  two"}));
    EXPECT_EQ(wrap("  abcdefgh", 4), (std::vector<std::string>{"  ab", "cdef", "gh"}));
    EXPECT_EQ(wrap("", 10), (std::vector<std::string>{""}));
    EXPECT_EQ(wrap("abcdefghij", 4), (std::vector<std::string>{"abcd", "efgh", "ij"}));
    EXPECT_EQ(wrap("漢字漢字", 5), (std::vector<std::string>{"漢字", "漢字"}));
    EXPECT_EQ(wrap("a abcdefgh b", 4), (std::vector<std::string>{"a", "abcd", "efgh", "b"}));
    for (std::size_t width = 2; width < 30; ++width)
        for (const auto& line : wrap("some 漢字 words of-very-different-length here 🚢🚢🚢", width))
            EXPECT_LE(display_width(line), width);
}

TEST(Hanging, IndentsFollowingLines) {
    EXPECT_EQ(hanging("- ", "one two three", 9), "- one two\n  three\n");
    EXPECT_EQ(hanging("- ", "", 9), "- \n");
}

TEST(Pad, CountsColumnsNotBytes) {
    EXPECT_EQ(pad("ë", 3), "ë  ");
    EXPECT_EQ(pad("long", 2), "long");
}

TEST(Paint, OnlyWithColors) {
    EXPECT_EQ(paint({.color = false}, Ink::red, "x"), "x");
    EXPECT_EQ(paint({.color = true}, Ink::red, "x"), "\x1b[1;31mx\x1b[0m");
    EXPECT_EQ(paint({.color = true}, Ink::plain, "x"), "x");
}

TEST(ShellQuote, IsOneWord) {
    EXPECT_EQ(shell_quote("/srv/image"), "/srv/image");
    EXPECT_EQ(shell_quote("subuid.*"), "'subuid.*'");
    EXPECT_EQ(shell_quote("it's $HOME"), "'it'\\''s $HOME'");
    EXPECT_EQ(shell_quote(""), "''");
}

}  // namespace
}  // namespace plimsoll::agentctl::render
