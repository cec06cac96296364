// SPDX-License-Identifier: Apache-2.0
#include "daemon/agent/contests.hpp"
#include "daemon/agent/retries.hpp"

#include <gtest/gtest.h>

namespace plimsoll::daemon {
namespace {

using namespace std::chrono_literals;

const Key mallory{"subuid.root-delegated", "mallory"};
const Key eve{"subuid.root-delegated", "eve"};

Instant at(std::chrono::microseconds t) {
    return Instant(std::chrono::seconds(1'700'000'000)) + t;
}

// Heals and is changed back, `times` in a row.
bool fight(Contests& contests, const Key& key, int times, std::chrono::seconds begin,
           std::chrono::seconds period) {
    bool stopped = false;
    for (int i = 0; i < times; ++i) {
        contests.healed(key, at(begin + i * period));
        stopped = contests.failed(key, at(begin + i * period + 1s));
    }
    return stopped;
}

TEST(Contests, ThreeRevertsWithinTenMinutesStopAKey) {
    Contests contests;
    EXPECT_FALSE(fight(contests, mallory, 2, 0s, 60s));
    EXPECT_FALSE(contests.holds(mallory));
    EXPECT_TRUE(fight(contests, mallory, 1, 120s, 60s));
    EXPECT_TRUE(contests.holds(mallory));
    EXPECT_FALSE(contests.holds(eve));
    ASSERT_EQ(contests.list().size(), 1U);
    EXPECT_EQ(contests.list()[0],
              (policy::Contest{mallory.control, mallory.subject, to_seconds(at(121s)), 3, ""}));
}

TEST(Contests, SlowerRevertsDoNot) {
    Contests contests;
    EXPECT_FALSE(fight(contests, mallory, 50, 0s, 301s));
    EXPECT_TRUE(fight(contests, eve, 3, 0s, 299s));
}

TEST(Contests, OnlyWhatFollowsAHealIsARevert) {
    Contests contests;
    for (int i = 0; i < 10; ++i)
        EXPECT_FALSE(contests.failed(mallory, at(1s * i)));
    contests.healed(mallory, at(20s));
    for (int i = 0; i < 10; ++i)
        EXPECT_FALSE(
            contests.failed(mallory, at(21s + 1s * i)));  // one revert, found failing again and again
}

TEST(Contests, EndWithACleanSlate) {
    Contests contests;
    ASSERT_TRUE(fight(contests, mallory, 3, 0s, 1s));
    ASSERT_TRUE(fight(contests, eve, 3, 0s, 1s));
    EXPECT_TRUE(contests.end(mallory));
    EXPECT_FALSE(contests.end(mallory));
    EXPECT_FALSE(contests.holds(mallory));
    EXPECT_TRUE(contests.holds(eve));
    EXPECT_FALSE(fight(contests, mallory, 2, 10s, 1s));
    EXPECT_TRUE(contests.end_all());
    EXPECT_FALSE(contests.end_all());
    EXPECT_FALSE(fight(contests, mallory, 2, 20s, 1s));
}

TEST(Contests, NameTheWriter) {
    Contests contests;
    contests.name_writer(mallory, "pid 7");
    EXPECT_TRUE(contests.list().empty());
    ASSERT_TRUE(fight(contests, mallory, 3, 0s, 1s));
    contests.name_writer(mallory, "pid 7");
    EXPECT_EQ(contests.list()[0].writer, "pid 7");
}

TEST(Contests, AreRestored) {
    Contests contests;
    contests.restore({{mallory.control, mallory.subject, Time{}, 4, "pid 7"}});
    EXPECT_TRUE(contests.holds(mallory));
    EXPECT_EQ(contests.list()[0].writer, "pid 7");
}

TEST(Contests, AreBounded) {
    Contests contests;
    contests.healed(mallory, at(0s));
    for (std::size_t i = 0; i < 3 * Contests::most_keys; ++i)
        contests.healed({"c", std::to_string(i)}, at(1s));
    EXPECT_FALSE(fight(contests, eve, 2, 2s, 1s));
    EXPECT_TRUE(fight(contests, eve, 1, 4s, 1s));
}

constexpr Retries::Moment start{};

TEST(Retries, WaitLongerEachTime) {
    Retries retries;
    EXPECT_TRUE(retries.may_try(mallory, start));
    auto now = start;
    for (const auto wait : {1s, 2s, 4s, 8s, 16s, 32s, 64s, 128s, 256s, 512s, 900s, 900s}) {
        retries.failed(mallory, false, now);
        EXPECT_FALSE(retries.may_try(mallory, now + wait - 1ms)) << wait.count();
        EXPECT_TRUE(retries.may_try(mallory, now + wait));
        now += wait;
    }
    EXPECT_TRUE(retries.may_try(eve, start));
    retries.worked(mallory, false, now);
    EXPECT_TRUE(retries.may_try(mallory, start));
}

TEST(Retries, AreSoonerWhenSomethingWasBusy) {
    Retries retries;
    retries.failed(mallory, true, start);
    EXPECT_EQ(retries.next([](const Key&) { return true; }), start + 100ms);
    for (int i = 0; i < 20; ++i)
        retries.failed(mallory, true, start);
    EXPECT_EQ(retries.next([](const Key&) { return true; }), start + 5s);
    EXPECT_EQ(retries.next([](const Key&) { return false; }), std::nullopt);
}

TEST(Retries, SlowDownFixesThatWorkForEver) {
    Retries retries;
    for (int i = 0; i < Retries::most_in_a_row; ++i) {
        retries.worked(mallory, true, start);
        ASSERT_TRUE(retries.may_try(mallory, start)) << i;
    }
    retries.worked(mallory, true, start);
    EXPECT_FALSE(retries.may_try(mallory, start));
    retries.worked(mallory, true, start + 1s);
    EXPECT_FALSE(retries.may_try(mallory, start + 2s));
}

}  // namespace
}  // namespace plimsoll::daemon
