// SPDX-License-Identifier: Apache-2.0
#include "core/base/digest.hpp"
#include "core/base/json.hpp"
#include "core/base/ranges.hpp"
#include "core/base/text.hpp"
#include "core/base/time.hpp"
#include "core/base/toml.hpp"

#include <gtest/gtest.h>

#include <bitset>
#include <random>

namespace {
using namespace plimsoll;

TEST(Toml, KeepsOrderAndPositions) {
    const auto v = parse_toml("b = 1\n[z.\"a.b\"]\nx = [\"p\", 2]\n", "f.toml");
    ASSERT_TRUE(v) << v.error().message;
    EXPECT_EQ(v->table()->begin()->key, "b");
    const Value* x = v->at("z", "a.b", "x");
    ASSERT_NE(x, nullptr);
    EXPECT_EQ(x->where.line, 3);
    EXPECT_EQ(*(*x->array())[0].string(), "p");
}

TEST(Toml, NamesFileLineAndColumn) {
    for (const std::string_view bad :
         std::initializer_list<std::string_view>{"[{", "[\x0b", "a = ", "a = 1\na = 2", "\xef\xbb\xb7",
                                                 "a = \"\xff\"", std::string_view("a\0b = 1", 7)}) {
        const auto v = parse_toml(bad, "drop-in.toml");
        ASSERT_FALSE(v) << printable(bad);
        EXPECT_EQ(v.error().code, Code::invalid_input);
        EXPECT_TRUE(v.error().message.starts_with("drop-in.toml:")) << v.error().message;
    }
}

TEST(Toml, TakesUtf8InStringsAndComments) {
    const auto v = parse_toml("# größer\na = \"naïve\"\nb = '日本 _x0_'\n", "f");
    ASSERT_TRUE(v) << v.error().message;
    EXPECT_EQ(*v->at("a")->string(), "naïve");
    EXPECT_EQ(*v->at("b")->string(), "日本 _x0_");
}

TEST(Toml, CountsColumnsInCharacters) {
    const auto v = parse_toml("a = 1\nn = { 'é' = \"日本\", z = 2 }\n", "f");
    ASSERT_TRUE(v) << v.error().message;
    EXPECT_EQ(v->at("n", "é")->where, (Position{2, 13}));
    EXPECT_EQ(v->at("n", "z")->where, (Position{2, 23}));
    const auto bad = parse_toml("n = [\"é\", ?]\n", "f");
    ASSERT_FALSE(bad);
    EXPECT_TRUE(bad.error().message.starts_with("f:1:11:")) << bad.error().message;
}

// The wrapper's own encoding of what is not ASCII must never show, whatever stands beside it.
TEST(Toml, NothingInTheTextLooksLikeTheEncoding) {
    for (const std::string inner : {"`0x", "`0", "`", "`0xff", "`1x``0x", "`0`", "x`0x00"}) {
        for (const std::string& text : {inner + "é", "é" + inner, "é" + inner + "é", inner + "é" + inner}) {
            std::string escaped;
            for (const char c : text)
                escaped += c == '`' ? "\\u0060" : std::string(1, c);
            for (const std::string& written : {text, escaped}) {
                const auto v = parse_toml("a = \"" + written + "\"\nb = \"é\"\n", "f");
                ASSERT_TRUE(v) << v.error().message;
                EXPECT_EQ(*v->at("a")->string(), text) << written;
                EXPECT_EQ(*v->at("b")->string(), "é") << written;
            }
        }
    }
}

TEST(Toml, BareKeysAreAscii) {
    const auto v = parse_toml("# é\né = 1\n", "f");
    ASSERT_FALSE(v);
    EXPECT_TRUE(v.error().message.starts_with("f:2:1: ")) << v.error().message;
    EXPECT_NE(v.error().message.find("a character that is not ASCII"), std::string::npos)
        << v.error().message;
    EXPECT_TRUE(parse_toml("'é' = 1\n\"ü\".'ö' = 2\n", "f"));
}

TEST(Toml, CommentsCostNoLineAndHideNoError) {
    const std::string vendor = "# a = \n\t  #[b\r\n[t] # c\nx = [ # d\n# e\n  1, #f\n]\n#";
    const auto v = parse_toml(vendor, "f");
    ASSERT_TRUE(v) << v.error().message;
    EXPECT_EQ(v->at("t")->at("x")->array()->size(), 1U);
    const auto late = parse_toml("#\n # x\n\ny = ?\n", "f");
    ASSERT_FALSE(late);
    EXPECT_TRUE(late.error().message.starts_with("f:4:5: ")) << late.error().message;
    for (const char* bad : {"# \x01\n", "# \x7f\n", "#\r#\n", "# \xff\n", "a = [ # \b\n]\n"})
        EXPECT_FALSE(parse_toml(bad, "f")) << bad;
}

TEST(Toml, WhatLooksLikeACommentInAStringIsKept) {
    for (const std::string quotes : {"\"\"\"", "'''"}) {
        const auto v = parse_toml("a = " + quotes + "\n# kept\n" + quotes + "\n# not\n", "f");
        ASSERT_TRUE(v) << v.error().message;
        EXPECT_EQ(*v->at("a")->string(), "# kept\n");
    }
}

TEST(Toml, RefusesDepthInsteadOfOverflowingTheStack) {
    std::string key = "a";
    for (int i = 0; i < 200000; ++i)
        key += i % 2 == 0 ? ".a" : " . 'b'";
    std::string inner = "1";
    for (int i = 0; i < 1000; ++i)
        inner = "{ a = " + inner + " }";
    for (const std::string& bad : {key + " = 1\n", "[" + key + "]\n", "x = { " + key + " = 1 }\n",
                                   "x = " + std::string(100000, '['), "x = " + inner + "\n"}) {
        const auto v = parse_toml(bad, "f");
        ASSERT_FALSE(v) << bad.substr(0, 20);
        EXPECT_TRUE(v.error().message.starts_with("f:1:")) << v.error().message;
    }
    const auto fine =
        parse_toml("# " + key + "\nx = \"" + key + "\"\ny = \"\"\"\n" + key + "\"\"\"\nz.a.b = 1.5\n", "f");
    EXPECT_TRUE(fine) << fine.error().message;
}

TEST(Toml, DateTimes) {
    const auto v = parse_toml("a = 2026-01-02T03:04:05+01:00\nb = 2026-01-02\n", "f");
    ASSERT_TRUE(v);
    EXPECT_TRUE(v->at("a")->datetime()->has_offset);
    EXPECT_EQ(to_rfc3339(v->at("a")->datetime()->time), "2026-01-02T02:04:05Z");
    EXPECT_FALSE(v->at("b")->datetime()->has_offset);
    EXPECT_TRUE(v->at("b")->datetime()->date_only);
}

TEST(Toml, WritesWhatItReads) {
    const char* text =
        "a = \"q\\\"\\n\\u0001\"\n[t.\"x y\"]\nl = [1, true, 2.5, {k = \"v\"}]\nd = 2026-01-02T03:04:05Z\n"
        "e = 2026-01-02\nf = 2026-01-02T00:00:00\n";
    const auto v = parse_toml(text, "f");
    ASSERT_TRUE(v) << v.error().message;
    const auto again = parse_toml(to_toml(*v->table()), "again");
    ASSERT_TRUE(again) << again.error().message << "\n" << to_toml(*v->table());
    EXPECT_EQ(*v, *again);
}

TEST(Json, IsStrict) {
    for (const char* bad :
         {"", "{", "{\"a\":1,}", "// c\n{}", "{\"a\":1,\"a\":2}", "[1] x", "\"\xff\"", "nul"}) {
        const auto v = parse_json(bad, "d.json");
        ASSERT_FALSE(v) << bad;
        EXPECT_EQ(v.error().code, Code::invalid_input);
        EXPECT_TRUE(v.error().message.starts_with("d.json")) << v.error().message;
    }
    EXPECT_NE(parse_json("{\n \"a\": x}", "d").error().message.find("d:2:"), std::string::npos);
    EXPECT_FALSE(parse_json(std::string(200, '[') + std::string(200, ']'), "d"));
}

TEST(Json, RoundTrip) {
    const auto v = parse_json(R"({"b":[1,2.5,null,true],"a":"x"})", "d");
    ASSERT_TRUE(v);
    EXPECT_EQ(to_json(*v), R"({"b":[1,2.5,null,true],"a":"x"})");
}

TEST(Text, Printable) {
    EXPECT_EQ(printable("a\x1b[31m\xff\xc2\x9bé"), "a\\x1b[31m\\xff\\xc2\\x9bé");
    EXPECT_EQ(printable(std::string(300, 'a'), 10), std::string(10, 'a') + "…");
}

TEST(Text, NearestNamesASlipButNotAnything) {
    EXPECT_EQ(nearest("subuid.mising", {"subuid.missing", "subuid.min-size"}), "subuid.missing");
    EXPECT_EQ(nearest("zzzz", {"subuid.missing"}), std::nullopt);
}

TEST(Text, ParseU64) {
    EXPECT_EQ(parse_u64("18446744073709551615"), UINT64_MAX);
    for (const char* bad : {"", "-1", "+1", " 1", "1 ", "0x1", "18446744073709551616"})
        EXPECT_EQ(parse_u64(bad), std::nullopt) << bad;
}

TEST(Time, ReadsWhatPeopleWrite) {
    const std::pair<const char*, const char*> good[] = {
        {"2027-01-31", "2027-01-31T00:00:00Z"},
        {"2027-01-31T12:30:05Z", "2027-01-31T12:30:05Z"},
        {"2027-01-31 12:30:05.25z", "2027-01-31T12:30:05Z"},
        {"2028-02-29T00:30:00+01:00", "2028-02-28T23:30:00Z"},
        {"2027-12-31T23:30:00-00:45", "2028-01-01T00:15:00Z"},
    };
    for (const auto& [text, expected] : good) {
        const auto t = parse_rfc3339(text);
        ASSERT_TRUE(t) << text;
        EXPECT_EQ(to_rfc3339(*t), expected);
    }
    for (const char* bad :
         {"", "2027", "2027-1-31", "2027-02-29", "2027-13-01", "2027-00-01", "2027-01-31T",
          "2027-01-31T12:30:05", "2027-01-31T12:30Z", "2027-01-31T24:00:00Z", "2027-01-31T12:60:00Z",
          "2027-01-31T12:30:60Z", "2027-01-31T12:30:05+1:00", "2027-01-31T12:30:05+01:00Z",
          "2027-01-31T12:30:05.Z", " 2027-01-31", "+027-01-31", "2027-01-31Z"})
        EXPECT_EQ(parse_rfc3339(bad), std::nullopt) << bad;
}

TEST(Digest, KnownAnswer) {  // FIPS 180-2, "abc"
    EXPECT_EQ(sha256("abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

// Ranges against the simplest model there is: one bit per id.
TEST(Ranges, AgreeWithABitSet) {
    std::mt19937 rng(7);
    constexpr std::size_t space = 128;
    const auto number = [&](std::uint64_t n) {
        return std::uniform_int_distribution<std::uint64_t>(0, n)(rng);
    };
    for (int round = 0; round < 2000; ++round) {
        RangeSet set;
        std::bitset<space> model;
        for (int step = 0; step < 12; ++step) {
            const Range r = range_of(number(space - 1), number(20));
            const bool add = number(2) != 0;
            add ? set.add(r) : set.subtract(r);
            for (auto i = r.start; i < std::min<std::uint64_t>(r.end, space); ++i)
                model[i] = add;
            if (r.end > space)
                set.subtract({space, r.end});
        }
        ASSERT_EQ(set.size(), model.count());
        for (std::size_t i = 1; i < set.ranges().size(); ++i)
            ASSERT_LT(set.ranges()[i - 1].end, set.ranges()[i].start);
        const Range probe = range_of(number(space - 1), number(10));
        bool any = false;
        bool all = true;
        for (auto i = probe.start; i < std::min<std::uint64_t>(probe.end, space); ++i) {
            any |= model[i];
            all &= model[i];
            ASSERT_EQ(set.contains(i), model[i]);
        }
        all &= probe.end <= space || probe.empty();
        ASSERT_EQ(set.intersects(probe), any);
        ASSERT_EQ(set.contains(probe), all);
        const auto count = 1 + number(10);
        const auto align = 1 + number(7);
        std::optional<std::uint64_t> expected;
        for (std::uint64_t s = 0; s + count <= space && !expected; s += align) {
            bool free = true;
            for (auto i = s; i < s + count; ++i)
                free &= !model[i];
            if (free)
                expected = s;
        }
        ASSERT_EQ(set.first_free({0, space}, count, align), expected);
    }
}

TEST(Ranges, SplitARangeIntoWhatIsInsideAndOutside) {
    RangeSet set;
    for (const Range r : {Range{10, 20}, Range{30, 40}, Range{50, 60}})
        set.add(r);
    EXPECT_EQ(set.inside({15, 55}).ranges(), (std::vector<Range>{{15, 20}, {30, 40}, {50, 55}}));
    EXPECT_EQ(set.outside({15, 55}).ranges(), (std::vector<Range>{{20, 30}, {40, 50}}));
    EXPECT_EQ(set.outside({0, 12}).ranges(), (std::vector<Range>{{0, 10}}));
    EXPECT_EQ(set.outside({40, 50}).ranges(), (std::vector<Range>{{40, 50}}));
    EXPECT_TRUE(set.inside({40, 50}).ranges().empty());
    EXPECT_TRUE(set.outside({10, 20}).ranges().empty());
    EXPECT_TRUE(set.inside({10, 10}).ranges().empty());
    EXPECT_TRUE(set.outside({10, 10}).ranges().empty());
}

TEST(Ranges, DoNotWrap) {
    EXPECT_EQ(range_of(UINT64_MAX - 1, 10).end, UINT64_MAX);
    RangeSet s;
    s.add({0, UINT64_MAX});
    EXPECT_EQ(s.first_free({0, UINT64_MAX}, 1, 65536), std::nullopt);
}
}  // namespace
