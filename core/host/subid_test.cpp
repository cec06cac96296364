// SPDX-License-Identifier: Apache-2.0
#include "core/host/subid.hpp"

#include <gtest/gtest.h>

namespace plimsoll::host {
namespace {

using Views = std::array<std::optional<SubidEntry>, 3>;

std::optional<SubidEntry> view(const SubidLine& line, SubidView v) {
    const SubidEntry* entry = line.in(v);
    return entry == nullptr ? std::nullopt : std::optional(*entry);
}

const std::string name_of_1010(1010, 'u');
const std::string name_of_1011(1011, 'u');

struct LineCase {
    const char* what;
    std::string text;
    Views views;  // shadow, go, moby
};

constexpr std::uint64_t minus_one = ~std::uint64_t{0};

class EachLine : public testing::TestWithParam<LineCase> {};

TEST_P(EachLine, IsReadAsEachReaderReadsIt) {
    const auto file = parse_subid(GetParam().text + "\n", "/etc/subuid");
    ASSERT_EQ(file.lines.size(), 1U);
    for (const SubidView v : subid_views) {
        const auto i = static_cast<std::size_t>(v);
        // A line that makes the Go reader refuse the file is nothing by itself, too.
        EXPECT_EQ(view(file.lines.front(), v), GetParam().views[i]) << subid_view_names[i];
    }
}

const std::optional<SubidEntry> none;
const std::optional<SubidEntry> plain = SubidEntry{"u", 100000, 65536};

INSTANTIATE_TEST_SUITE_P(
    Subid, EachLine,
    testing::Values(
        LineCase{"plain", "u:100000:65536", {plain, plain, plain}},
        LineCase{"hex", "u:0x186A0:65536", {plain, none, SubidEntry{"u", 0, 65536}}},
        LineCase{"octal", "u:0100000:65536", {SubidEntry{"u", 32768, 65536}, plain, plain}},
        LineCase{"bad octal", "u:0109:1", {none, SubidEntry{"u", 109, 1}, SubidEntry{"u", 109, 1}}},
        LineCase{"comment with fields", "#c:1:2", {SubidEntry{"#c", 1, 2}, none, SubidEntry{"#c", 1, 2}}},
        LineCase{"comment", "# by hand", {none, none, SubidEntry{"# by hand", 0, 0}}},
        LineCase{"four fields", "u:100000:65536:x", {plain, none, plain}},
        LineCase{
            "count zero", "u:0:0", {SubidEntry{"u", 0, 0}, SubidEntry{"u", 0, 0}, SubidEntry{"u", 0, 0}}},
        LineCase{
            "minus one",
            "u:-1:1",
            {SubidEntry{"u", minus_one, 1}, SubidEntry{"u", minus_one, 1}, SubidEntry{"u", minus_one, 1}}},
        LineCase{"too large for a signed number",
                 "u:9223372036854775808:1",
                 {SubidEntry{"u", 0x8000000000000000, 1}, none, SubidEntry{"u", 0x7fffffffffffffff, 1}}},
        LineCase{"too large for 64 bits",
                 "u:99999999999999999999:1",
                 {none, none, SubidEntry{"u", 0x7fffffffffffffff, 1}}},
        LineCase{"leading blank", " u:100000:65536", {SubidEntry{" u", 100000, 65536}, plain, plain}},
        LineCase{"blank before the number", "u: 100000:65536", {plain, none, SubidEntry{"u", 0, 65536}}},
        LineCase{"carriage return", "u:100000:65536\r", {none, plain, plain}},
        LineCase{"no-break space at the end", "u:100000:65536\xc2\xa0", {none, plain, plain}},
        LineCase{"two fields", "u:100000", {none, none, SubidEntry{"u", 100000, 0}}},
        LineCase{"NIS",
                 "+u:100000:65536",
                 {none, SubidEntry{"+u", 100000, 65536}, SubidEntry{"+u", 100000, 65536}}},
        LineCase{"empty owner", ":1:2", {none, SubidEntry{"", 1, 2}, SubidEntry{"", 1, 2}}},
        LineCase{"1023 bytes",
                 name_of_1010 + ":100000:65536",
                 {SubidEntry{name_of_1010, 100000, 65536}, SubidEntry{name_of_1010, 100000, 65536},
                  SubidEntry{name_of_1010, 100000, 65536}}},
        LineCase{"1024 bytes",
                 name_of_1011 + ":100000:65536",
                 {none, SubidEntry{name_of_1011, 100000, 65536}, SubidEntry{name_of_1011, 100000, 65536}}}));

struct IdsCase {
    SubidEntry entry;
    SubidView view;
    std::vector<Range> ids;
};

constexpr std::uint64_t all_ids = std::uint64_t{1} << 32U;

TEST(HandedOut, FollowsTheArithmeticOfEachReader) {
    const auto go = SubidView::go;
    const auto shadow = SubidView::shadow;
    const std::vector<IdsCase> cases{
        {{"u", 100000, 65536}, shadow, {{100000, 165536}}},
        {{"u", 100000, 65536}, go, {{100000, 165536}}},
        {{"u", 0, 0}, shadow, {{0, all_ids}}},
        {{"u", 0, 0}, go, {}},
        {{"u", 5, 0}, shadow, {}},
        {{"u", 0, minus_one}, shadow, {{0, all_ids}}},
        {{"u", 0, minus_one}, go, {}},
        {{"u", 2, minus_one}, shadow, {}},
        {{"u", minus_one, 1}, shadow, {}},
        {{"u", minus_one, 2}, go, {{0, 1}, {all_ids - 1, all_ids}}},
        {{"u", all_ids, 10}, shadow, {}},
        {{"u", all_ids, 10}, go, {{0, 10}}},
        {{"u", all_ids - 1, 3}, shadow, {{all_ids - 1, all_ids}}},
        {{"u", all_ids - 1, 3}, go, {{0, 2}, {all_ids - 1, all_ids}}},
        {{"u", 7, all_ids}, go, {{0, all_ids}}},
        {{"u", 0x7fffffffffffffff, 0x7fffffffffffffff}, go, {}},
    };
    for (const auto& c : cases)
        EXPECT_EQ(handed_out(c.entry, c.view).ranges(), c.ids)
            << c.entry.start << ":" << c.entry.count << " " << static_cast<int>(c.view);
}

TEST(Subid, RangeCoversEveryReading) {
    EXPECT_EQ((SubidEntry{"u", 100000, 65536}.range()), (Range{100000, 165536}));
    EXPECT_TRUE((SubidEntry{"u", 0, 0}.range().contains(0)));
    EXPECT_TRUE((SubidEntry{"u", 0, 0}.range().contains(4294967295)));
    EXPECT_TRUE((SubidEntry{"u", 9, 0}.range().empty()));
}

TEST(Subid, OneLineWithoutThreeFieldsMakesTheGoReaderRefuseTheFile) {
    const auto file = parse_subid("u:100000:65536\nbroken\n", "/etc/subuid");
    ASSERT_TRUE(file.go_refuses);
    EXPECT_NE(file.go_refuses->find("line 2"), std::string::npos);
    EXPECT_FALSE(file.lines[0].in(SubidView::go));
    EXPECT_TRUE(file.lines[0].in(SubidView::shadow));
}

TEST(Subid, EachLineByItselfIsKnownAlsoWhenTheGoReaderRefusesTheFile) {
    const auto file = parse_subid("u:100000:65536\nbroken\n0u:0100000:1\n", "/etc/subuid");
    ASSERT_NE(file.lines[0].by_itself(SubidView::go), nullptr);
    EXPECT_EQ(*file.lines[0].by_itself(SubidView::go), (SubidEntry{"u", 100000, 65536}));
    EXPECT_EQ(file.lines[1].by_itself(SubidView::go), nullptr);
    EXPECT_EQ(*file.lines[2].by_itself(SubidView::go), (SubidEntry{"0u", 100000, 1}));
    EXPECT_FALSE(file.lines[0].agreed()) << "one reader sees nothing";
}

// The one pass for common lines takes exactly what the three readers take.
TEST(Subid, TheShortWayForPlainLinesAgreesWithTheReaders) {
    for (const char* text :
         {"u:0:0", "u:1:18446744073709551615", "u:999999999999999999:1", "u:4294967296:1", "u u:1:2",
          "\xc3\xa9:1:2", "u:1:2:", "u::2", "u:1:", "u:01:2", "u:1:02", "u:+1:2", "-u:1:2", "u\t:1:2"}) {
        SCOPED_TRACE(text);
        const auto alone = parse_subid(text, "f");
        // A NUL elsewhere in the file sends the shadow view, four fields the Go view, on the long way.
        const auto nul = parse_subid(std::string(text) + "\nx\0\n" + "y:1:2\n", "f");
        ASSERT_FALSE(alone.lines.empty());
        for (const SubidView v : {SubidView::go, SubidView::moby})
            EXPECT_EQ(view(alone.lines[0], v), view(parse_subid(std::string(text) + "\n", "f").lines[0], v));
        EXPECT_EQ(view(alone.lines[0], SubidView::shadow), view(nul.lines[0], SubidView::shadow));
    }
}

TEST(Subid, AgreedIsWithinTheIdsThatExist) {
    const auto agreed = [](const char* text) { return parse_subid(text, "f").lines.front().agreed(); };
    EXPECT_EQ(agreed("u:1:2"), (Range{1, 3}));
    EXPECT_EQ(agreed("u:4294967295:1"), (Range{all_ids - 1, all_ids}));
    for (const char* text :
         {"u:1:0", "u:0:0", "u:4294967295:2", "u:4294967296:1", "u:010:1", "u:0x1:1", "u:1:2:3", "#u:1:2"})
        EXPECT_FALSE(agreed(text)) << text;
}

// Copies and moves keep what the lines point into.
TEST(Subid, LinesLiveAsLongAsACopyOfTheirFile) {
    auto first = std::make_unique<SubidFile>(parse_subid("a:1:2\nb:0x1:2\n", "f"));
    const SubidFile copy = *first;
    first.reset();
    EXPECT_EQ(copy.lines[0].text, "a:1:2");
    EXPECT_EQ(view(copy.lines[1], SubidView::shadow), (SubidEntry{"b", 1, 2}));
}

TEST(Subid, LineBeyondTheScannersBufferStopsTheGoReader) {
    const auto file = parse_subid("u:1:2\n" + std::string(1 << 20, 'a') + ":1:2\n", "/etc/subuid");
    EXPECT_TRUE(file.go_refuses);
    EXPECT_FALSE(file.lines[1].in(SubidView::shadow));
}

TEST(Subid, NulJoinsLinesForShadow) {
    const auto file = parse_subid(std::string("u:10\0x\n0000:5\n", 14), "/etc/subuid");
    ASSERT_EQ(file.lines.size(), 2U);
    EXPECT_TRUE(file.has_nul);
    EXPECT_EQ(view(file.lines[0], SubidView::shadow), (SubidEntry{"u", 100000, 5}));
    EXPECT_FALSE(file.lines[1].in(SubidView::shadow));
}

TEST(Subid, NumbersLinesAndSkipsBlankOnes) {
    const auto file = parse_subid("\n\nu:1:2\n \t\nv:3:4", "/etc/subuid");
    ASSERT_EQ(file.lines.size(), 2U);
    EXPECT_EQ(file.lines[0].number, 3);
    EXPECT_EQ(file.lines[1].number, 5);
    EXPECT_TRUE(file.missing_final_newline);
    EXPECT_TRUE(parse_subid("", "x").lines.empty());
}

TEST(Subid, OccupiedIsTheUnionOfAllViews) {
    const auto file = parse_subid("u:0100000:10\nv:0x10:2\n", "/etc/subuid");
    RangeSet expected;
    expected.add({32768, 32778});    // octal
    expected.add({100000, 100010});  // decimal
    expected.add({16, 18});          // hex
    expected.add({0, 2});            // dockerd's zero
    EXPECT_EQ(occupied(file), expected);
}

TEST(Ledger, ReadsBackWhatItWrites) {
    const std::vector<LedgerEntry> entries{{"alice", {131072, 196608}, true, true},
                                           {"b%o b\n", {196608, 262144}, true, false},
                                           {"7", {1, 2}, false, true}};
    std::string text;
    for (const auto& e : entries)
        text += ledger_line(e, "2026-11-23T19:00:00Z");
    const auto read = parse_ledger(text, "ledger");
    ASSERT_TRUE(read) << read.error().message;
    EXPECT_EQ(*read, entries);
}

TEST(Ledger, TakesAwayWhatNobodyHasAnyMore) {
    const std::string one = "al:100000:65536\n";
    const LedgerEntry whole{"al", {100000, 165536}, true, false};

    struct {
        const char* what;
        std::string before;
        std::string after;
        std::vector<LedgerEntry> expected;
    } const cases[] = {
        {"the same", one, one, {}},
        {"more", one, one + "bo:300000:1\n", {}},
        {"a line goes", one + "bo:300000:1\n", one, {{"bo", {300000, 300001}, true, false}}},
        {"the file goes", one, "", {whole}},
        {"a part goes", one, "al:100000:65535\n", {{"al", {165535, 165536}, true, false}}},
        {"the middle goes", one, "al:100000:10\nal:100020:65516\n", {{"al", {100010, 100020}, true, false}}},
        {"merged", one + "al:110000:65536\n", "al:100000:75536\n", {}},
        {"a renamed owner keeps them", "la:100000:65536\n", one, {whole}},
        {"another had them too and keeps them", "bo:100000:65536\n" + one, one, {}},
        {"one of two lines for the same", one + "al:100000:65536\n", one, {}},
        {"count 0 is every id for shadow", "m:0:0\n", "", {{"m", {0, most_recorded_ids}, true, false}}},
        {"every id, but not what others keep",
         "m:0:0\n" + one,
         one,
         {{"m", {0, 100000}, true, false}, {"m", {165536, most_recorded_ids}, true, false}}},
        {"every id twice over",
         "m:1:99999999999\n",
         "",
         {{"m", {0, most_recorded_ids}, true, false}, {"m", {1, 1 + most_recorded_ids}, true, false}}},
        {"hexadecimal, which is 0 for dockerd",
         "al:0x186A0:65536\n",
         "",
         {{"al", {0, 65536}, true, false}, whole}},
        {"around the end",
         "m:4294967295:3\n",
         "",
         {{"m", {0, 2}, true, false}, {"m", {all_ids - 1, all_ids}, true, false}}},
        {"2^32 is 0 for the kernel", "m:4294967296:1\n", "", {{"m", {0, 1}, true, false}}},
        {"no ids", "m:7:0\nm:99999999999999999999:1\n#\n:\n\n", "", {}},
        {"an owner without a name", ":100000:1\n", "", {{"", {100000, 100001}, true, false}}},
    };

    for (const auto& c : cases) {
        SCOPED_TRACE(c.what);
        const auto taken = taken_away(c.before, c.after, true);
        EXPECT_EQ(taken, c.expected);
        std::string text;
        for (const auto& e : taken)
            text += ledger_line(e, "2026-11-23T19:00:00Z");
        const auto read = parse_ledger(text, "ledger");
        ASSERT_TRUE(read) << read.error().message;
        EXPECT_EQ(*read, taken);
    }
    EXPECT_EQ(taken_away(one, "", false), (std::vector<LedgerEntry>{{"al", {100000, 165536}, false, true}}));
    const auto huge = taken_away(std::string(1 << 20, 'a') + ":100000:1\n", "", true);
    ASSERT_EQ(huge.size(), 1U);
    EXPECT_EQ(huge.front().owner.size(), 256U) << "longer than any account's name";
}

TEST(Ledger, SkipsATornLastLineButNamesAnyOtherDamage) {
    const std::string good = ledger_line({"alice", {131072, 196608}, true, true}, "2026-11-23T19:00:00Z");
    const auto torn = parse_ledger(good + good.substr(0, 30), "ledger");
    ASSERT_TRUE(torn);
    EXPECT_EQ(torn->size(), 1U);
    const auto whole = parse_ledger(good + good.substr(0, good.size() - 1), "ledger");
    ASSERT_TRUE(whole);
    EXPECT_EQ(whole->size(), 2U);
    const auto middle = parse_ledger(good.substr(0, 30) + "\n" + good, "ledger");
    ASSERT_FALSE(middle);
    EXPECT_EQ(middle.error().code, Code::integrity);
    EXPECT_NE(middle.error().message.find("ledger:1"), std::string::npos);
    std::string flipped = good;
    flipped[22] ^= 1;
    EXPECT_FALSE(parse_ledger(flipped, "ledger"));
}

}  // namespace
}  // namespace plimsoll::host
