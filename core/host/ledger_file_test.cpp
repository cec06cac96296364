// SPDX-License-Identifier: Apache-2.0
#include "core/host/ledger_file.hpp"

#include "tests/support/tree.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace {
using namespace plimsoll;
using host::LedgerEntry;
using host::LedgerFile;
using testing::ElementsAre;

const std::string path = "/state/subid-ledger";
const LedgerEntry al{"al", {100000, 165536}, true, true};
const LedgerEntry bo{"bo", {200000, 265536}, true, false};
const LedgerEntry cy{"cy", {300000, 300001}, false, true};

std::string line(const LedgerEntry& e) {
    return host::ledger_line(e, "2026-11-23T19:00:00Z");
}

// What a reader that has seen `before` says of `now`.
Result<std::vector<LedgerEntry>> after(const std::string& before, const std::string& now) {
    const tests::Tree t({{path, before}});
    const auto h = t.live_host();
    LedgerFile ledger;
    (void)ledger.read(h.root(), path);
    t.write(path, now);
    return ledger.read(h.root(), path);
}

TEST(LedgerFile, WhatWasReadEarlierChangesNothing) {
    const std::string one = line(al);
    const std::string two = one + line(bo);
    for (const std::string& before :
         {std::string(), one, two, two + line(cy), line(cy), one.substr(0, 20), two + line(cy).substr(0, 20),
          std::string("garbage\n"), one + "garbage\n"}) {
        SCOPED_TRACE(before);
        EXPECT_THAT(after(before, two).value(), ElementsAre(al, bo));
        EXPECT_THAT(after(before, two + line(cy).substr(0, 20)).value(), ElementsAre(al, bo)) << "torn";
        EXPECT_THAT(after(before, line(cy)).value(), ElementsAre(cy));
        EXPECT_TRUE(after(before, "")->empty());
        const auto damaged = after(before, two + "garbage\n" + line(cy));
        ASSERT_FALSE(damaged);
        EXPECT_EQ(damaged.error().code, Code::integrity);
        EXPECT_NE(damaged.error().message.find("subid-ledger:3"), std::string::npos)
            << damaged.error().message;
    }
}

TEST(LedgerFile, AppendsWhatIsMissing) {
    const tests::Tree t({{path, line(al)}});
    const auto h = t.live_host();
    LedgerFile ledger;
    ASSERT_TRUE(ledger.append(h.root(), path, {al, bo, bo, cy}));
    EXPECT_THAT(ledger.read(h.root(), path).value(), ElementsAre(al, bo, cy));
    EXPECT_TRUE(t.read(path).starts_with(line(al)));
    const std::string text = t.read(path);
    ASSERT_TRUE(ledger.append(h.root(), path, {cy}));
    EXPECT_EQ(t.read(path), text);
}

TEST(LedgerFile, ALineThatWasTornIsCutOffAndOneWithoutItsNewlineIsKept) {
    const tests::Tree t({{path, line(al) + line(bo).substr(0, 20)}});
    const auto h = t.live_host();
    LedgerFile ledger;
    ASSERT_TRUE(ledger.append(h.root(), path, {cy}));
    EXPECT_THAT(LedgerFile().read(h.root(), path).value(), ElementsAre(al, cy));
    const std::string whole = line(al);
    t.write(path, whole.substr(0, whole.size() - 1));
    ASSERT_TRUE(ledger.append(h.root(), path, {cy}));
    EXPECT_THAT(LedgerFile().read(h.root(), path).value(), ElementsAre(al, cy));
}

TEST(LedgerFile, WhatIsNoFileIsAnError) {
    const tests::Tree t;
    const auto h = t.live_host();
    t.write("/state/.keep", "");
    ASSERT_EQ(::mkfifo(t.path(path).c_str(), 0600), 0);
    EXPECT_FALSE(LedgerFile().read(h.root(), path));
    EXPECT_FALSE(LedgerFile().append(h.root(), path, {al}));
    std::filesystem::remove(t.path(path));
    std::filesystem::create_directory(t.path(path));
    EXPECT_FALSE(LedgerFile().append(h.root(), path, {al}));
}

}  // namespace
