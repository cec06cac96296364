// SPDX-License-Identifier: Apache-2.0
#include "core/base/time.hpp"
#include "daemon/agent/budget.hpp"
#include "daemon/agent/memory.hpp"
#include "tests/support/tree.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <csignal>
#include <filesystem>
#include <fstream>
#include <optional>

#include <sys/resource.h>

namespace plimsoll::daemon {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;
using testing::HasSubstr;

constexpr const char* state_dir = "/var/lib/plimsoll";
constexpr const char* db_file = "/var/lib/plimsoll/plimsoll.db";

StoreBatch one(std::uint64_t id) {
    StoreBatch out;
    out.transitions.push_back(
        {.id = id, .time = wall_clock(), .control = "a", .subject = "x", .healed_by = "plimsolld"});
    out.cursor = id;
    return out;
}

class MemoryTest : public testing::Test {
  protected:
    Memory memory(const StoreLimits& limits = {}) {
        const auto whole = [this] {
            StoreBatch out;
            out.put = {{{"whole", "x"}, {}}};
            out.cursor = ++wholes_;
            out.contests = late_.contests;
            return out;
        };
        return {host_.root(), state_dir, limits, whole, [this](const Remembered& r) { late_ = r; }};
    }

    static std::vector<std::uint64_t> ids(Memory& memory, const HistoryQuery& query = {}) {
        std::vector<std::uint64_t> out;
        for (const auto list = memory.history(query); const auto& t : *list)
            out.push_back(t.id);
        return out;
    }

    tests::Tree tree_;
    host::Host host_{tree_.host()};
    std::uint64_t wholes_{0};
    Remembered late_{};
};

TEST_F(MemoryTest, KeepsWhatItIsToldOverARestart) {
    {
        auto m = memory();
        EXPECT_TRUE(m.begin().keys.empty());
        m.save(one(1));
        m.save(one(2));
        EXPECT_EQ(m.problem(), "");
        EXPECT_EQ(m.loss(), "");
        EXPECT_EQ(m.losses(), 0U);
    }
    auto m = memory();
    EXPECT_EQ(m.begin().last_transition, 2U);
    EXPECT_THAT(ids(m), ElementsAre(1, 2));
    EXPECT_EQ(wholes_, 0U);
}

TEST_F(MemoryTest, WaitsWhileTheDiskIsFull) {
    auto m = memory();
    (void)m.begin();
    m.save(one(1));
    (void)std::signal(SIGXFSZ, SIG_IGN);
    struct rlimit old{};
    ASSERT_EQ(::getrlimit(RLIMIT_FSIZE, &old), 0);
    const struct rlimit none{100, old.rlim_max};
    ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &none), 0);
    m.save(one(2));
    m.save(one(3));
    ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &old), 0);
    EXPECT_THAT(m.problem(), HasSubstr("nothing is remembered"));
    EXPECT_TRUE(m.owes());
    EXPECT_THAT(ids(m), ElementsAre(1, 2, 3));
    EXPECT_THAT(ids(m, {.after = 1, .limit = 1}), ElementsAre(3));
    EXPECT_EQ(m.healed_since(Time{}), 3U);
    m.save(one(4));
    EXPECT_EQ(m.problem(), "");
    EXPECT_FALSE(m.owes());
    EXPECT_THAT(ids(m), ElementsAre(1, 2, 3, 4));
}

TEST_F(MemoryTest, BeginsAnewWhenTheDatabaseTurnsOutToBeDamaged) {
    auto m = memory();
    (void)m.begin();
    // More than SQLite keeps in memory of it, and than stays in its log.
    for (std::uint64_t i = 1; i <= 60; ++i) {
        auto b = one(i);
        b.transitions.front().message.assign(80'000, 'm');
        m.save(b);
    }
    // Somebody writes over it while it is open.
    const std::string good = tree_.read(db_file);
    ASSERT_GT(good.size(), 50'000U);
    std::fstream file(tree_.path(db_file), std::ios::in | std::ios::out | std::ios::binary);
    file.seekp(4096);
    file << std::string(good.size() - 4096, '\xaa') << std::flush;
    ASSERT_TRUE(file.good());
    const std::uint64_t id = 61;
    (void)m.history({});
    EXPECT_THAT(m.loss(), HasSubstr("set aside"));
    EXPECT_EQ(m.losses(), 1U);
    m.save(one(id));
    EXPECT_EQ(m.problem(), "");
    EXPECT_GE(wholes_, 1U);
    EXPECT_EQ(ids(m).back(), id);
}

TEST_F(MemoryTest, GoesOnWithoutAPlaceAndTriesAgain) {
    tree_.remove("/var/lib");
    tree_.write("/var/lib", "a file where the directory should be");
    auto m = memory();
    EXPECT_TRUE(m.begin().keys.empty());
    EXPECT_THAT(m.problem(), HasSubstr("not a directory"));
    EXPECT_EQ(m.loss(), "");
    m.save(one(1));
    EXPECT_THAT(ids(m), ElementsAre(1));
}

TEST_F(MemoryTest, LearnsOfTheLastRunWhenItCanBeReadLater) {
    {
        auto m = memory();
        (void)m.begin();
        auto batch = one(1);
        batch.contests = {{"a", "x", wall_clock(), 3, ""}};
        m.save(batch);
    }
    std::filesystem::rename(tree_.path("/var/lib/plimsoll"), tree_.path("/var/lib/away"));
    tree_.write("/var/lib/plimsoll", "a file where the directory should be");
    std::optional<Memory> m(memory({.retry = 0s}));
    const auto id = m->begin().last_transition + 1;
    EXPECT_GT(id, 1'000'000'000'000U) << "no id is given out twice, known or not";
    tree_.remove("/var/lib/plimsoll");
    std::filesystem::rename(tree_.path("/var/lib/away"), tree_.path("/var/lib/plimsoll"));
    EXPECT_TRUE(late_.contests.empty());
    EXPECT_EQ(m->loss(), "");
    m->save(one(id));
    EXPECT_EQ(m->problem(), "");
    EXPECT_EQ(m->loss(), "");
    EXPECT_THAT(ids(*m), ElementsAre(1, id));
    ASSERT_EQ(late_.contests.size(), 1U);
    m.reset();
    EXPECT_EQ(memory().begin().contests.size(), 1U) << "kept";
}

TEST_F(MemoryTest, IsBoundedWithoutAStore) {
    tree_.remove("/var/lib");
    tree_.write("/var/lib", "");
    auto m = memory();
    (void)m.begin();
    for (std::uint64_t i = 1; i <= Memory::most_waiting + 10; ++i)
        m.save(one(i));
    EXPECT_EQ(ids(m, {.limit = Memory::most_waiting * 2}).size(), Memory::most_waiting);
    EXPECT_EQ(m.lost_transitions(), 10U);
}

TEST(Budget, AllowsBurstsAndHalfOfTheTime) {
    Budget::Clock::time_point now{};
    Budget budget(now);
    budget.spend(1900ms, now);
    EXPECT_EQ(budget.wait(now), 0ms);
    budget.spend(200ms, now);
    EXPECT_EQ(budget.wait(now), 200ms);
    EXPECT_EQ(budget.wait(now + 200ms), 0ms);
    // One that never rests gets half.
    Budget::Clock::duration spent{};
    const auto begin = now += 1h;
    while (now - begin < 100s) {
        now += budget.wait(now);
        now += 10ms;
        budget.spend(10ms, now);
        spent += 10ms;
    }
    EXPECT_GT(spent, 50s);
    EXPECT_LT(spent, 55s);
}

}  // namespace
}  // namespace plimsoll::daemon
