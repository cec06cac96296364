// SPDX-License-Identifier: Apache-2.0
#include "core/host/place.hpp"
#include "daemon/store/store.hpp"
#include "tests/support/tree.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <csignal>

#include <sys/resource.h>
#include <sys/wait.h>

namespace plimsoll::daemon {
namespace {

using policy::Severity;
using policy::Status;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

constexpr const char* state_dir = "/var/lib/plimsoll";
constexpr const char* db_file = "/var/lib/plimsoll/plimsoll.db";
constexpr const char* wal_file = "/var/lib/plimsoll/plimsoll.db-wal";

Time at(std::int64_t s) {
    return Time(std::chrono::seconds(1'700'000'000 + s));
}

Transition transition(std::uint64_t id, std::string control = "a", std::int64_t when = 0) {
    return {.id = id,
            .time = at(when),
            .control = std::move(control),
            .subject = "mallory",
            .from = Status::fail,
            .to = std::nullopt,
            .severity = Severity::critical,
            .message = "gone",
            .cause = "after a fix",
            .announced = true,
            .healed_by = "plimsolld",
            .out_for = std::chrono::microseconds(4200),
            .journal_entry = 5};
}

Standing standing(Status status) {
    return {status,
            Severity::high,
            "because\xff",
            at(1),
            7,
            is_out(status) ? std::optional(Instant(std::chrono::microseconds(1'700'000'000'000'123)))
                           : std::nullopt};
}

StoreBatch batch(std::vector<std::uint64_t> ids) {
    StoreBatch out;
    for (const auto id : ids)
        out.transitions.push_back(transition(id));
    out.cursor = 11;
    out.line = Line::outside;
    out.line_since = at(2);
    return out;
}

std::vector<std::uint64_t> ids_of(Store& store, const HistoryQuery& query = {}) {
    std::vector<std::uint64_t> out;
    const auto list = store.history(query);
    EXPECT_TRUE(list.has_value());
    if (list)
        for (const auto& t : *list)
            out.push_back(t.id);
    return out;
}

class StoreTest : public testing::Test {
  protected:
    Result<Store> open(const StoreLimits& limits = {}, Time now = at(0)) {
        return Store::open(host_.root(), state_dir, limits, now);
    }

    Store opened(const StoreLimits& limits = {}, Time now = at(0)) {
        auto store = open(limits, now);
        EXPECT_TRUE(store) << (store ? "" : store.error().message);
        return *std::move(store);
    }

    std::vector<std::string> set_aside_files() {
        std::vector<std::string> out;
        const auto entries = host_.root().list(state_dir);
        for (const auto& e : *entries)
            if (e.name.find(".corrupt-") != std::string::npos)
                out.push_back(e.name);
        return out;
    }

    tests::Tree tree_;
    host::Host host_{tree_.host()};
};

TEST_F(StoreTest, RemembersOverARestart) {
    const Key key{"subuid.root-delegated", std::string("mal\0lory\xff", 9)};
    {
        auto store = opened();
        EXPECT_EQ(store.set_aside(), "");
        EXPECT_TRUE(store.load()->keys.empty());
        auto b = batch({1, 2});
        b.put = {{key, standing(Status::fail)}, {{"b", "x"}, standing(Status::pass)}};
        b.contests = {{{"c", "s", at(3), 4, "pid 7"}}};
        b.exceptions = {{{"c*", "*", "ops", "because", at(99), "/etc/x:1"}}};
        ASSERT_TRUE(store.save(b));
        b = batch({});
        b.drop = {{"b", "x"}};
        b.cursor = 12;
        ASSERT_TRUE(store.save(b));
    }
    auto store = opened();
    const auto seen = store.load();
    ASSERT_TRUE(seen) << seen.error().message;
    ASSERT_EQ(seen->keys.size(), 1U);
    EXPECT_EQ(seen->keys.begin()->first, key);
    EXPECT_EQ(seen->keys.begin()->second, standing(Status::fail));
    EXPECT_EQ(seen->last_transition, 2U);
    EXPECT_EQ(seen->cursor, 12U);
    EXPECT_EQ(seen->line, Line::outside);
    EXPECT_EQ(seen->line_since, at(2));
    EXPECT_THAT(seen->contests, ElementsAre(policy::Contest{"c", "s", at(3), 4, "pid 7"}));
    const auto history = store.history({});
    ASSERT_TRUE(history);
    ASSERT_EQ(history->size(), 2U);
    const Transition want = transition(1);
    const Transition& got = history->front();
    EXPECT_EQ(
        std::tie(got.id, got.time, got.control, got.subject, got.from, got.to, got.severity, got.message,
                 got.cause, got.announced, got.healed_by, got.out_for, got.journal_entry),
        std::tie(want.id, want.time, want.control, want.subject, want.from, want.to, want.severity,
                 want.message, want.cause, want.announced, want.healed_by, want.out_for, want.journal_entry));
}

TEST_F(StoreTest, IsPrivate) {
    const auto old = ::umask(0);
    auto store = opened();
    ASSERT_TRUE(store.save(batch({1})));
    (void)::umask(old);
    EXPECT_EQ(host_.root().lstat(state_dir)->st_mode & 07777U, 0700U);
    EXPECT_EQ(host_.root().lstat(db_file)->st_mode & 07777U, 0600U);
    EXPECT_EQ(host_.root().lstat(wal_file)->st_mode & 07777U, 0600U);
}

TEST_F(StoreTest, ReplacesEverything) {
    auto store = opened();
    auto b = batch({});
    b.put = {{{"a", "x"}, standing(Status::fail)}};
    ASSERT_TRUE(store.save(b));
    b.everything = true;
    b.put = {{{"b", "y"}, standing(Status::unknown)}};
    ASSERT_TRUE(store.save(b));
    const auto seen = store.load();
    ASSERT_EQ(seen->keys.size(), 1U);
    EXPECT_EQ(seen->keys.begin()->first, (Key{"b", "y"}));
}

TEST_F(StoreTest, AnswersQueries) {
    auto store = opened();
    auto b = batch({});
    for (std::uint64_t i = 1; i <= 50; ++i)
        b.transitions.push_back(
            transition(i, i % 2 == 0 ? "even.one" : "odd.one", static_cast<std::int64_t>(i)));
    ASSERT_TRUE(store.save(b));
    EXPECT_THAT(ids_of(store, {.limit = 3}), ElementsAre(48, 49, 50));
    EXPECT_THAT(ids_of(store, {.after = 48}), ElementsAre(49, 50));
    EXPECT_THAT(ids_of(store, {.since = at(49)}), ElementsAre(49, 50));
    EXPECT_THAT(ids_of(store, {.controls = {"even.*"}, .limit = 2}), ElementsAre(48, 50));
    EXPECT_THAT(ids_of(store, {.controls = {"none"}}), IsEmpty());
    EXPECT_THAT(ids_of(store, {.after = ~0ULL}), IsEmpty());
    EXPECT_EQ(store.healed_since(at(41)), 10U);
}

TEST_F(StoreTest, IsBoundedByNumberAndAge) {
    const StoreLimits limits{10, std::chrono::hours(1)};
    auto store = opened(limits);
    for (std::uint64_t i = 1; i <= 200; i += 4)
        ASSERT_TRUE(store.save(batch({i, i + 1, i + 2, i + 3})));
    EXPECT_THAT(ids_of(store), ElementsAre(191, 192, 193, 194, 195, 196, 197, 198, 199, 200));
    ASSERT_TRUE(store.forget_old(at(3600)));
    EXPECT_EQ(ids_of(store).size(), 10U);
    ASSERT_TRUE(store.forget_old(at(3601)));
    EXPECT_THAT(ids_of(store), IsEmpty());
    EXPECT_EQ(store.load()->last_transition, 200U);  // numbers are never given twice
}

TEST_F(StoreTest, ALowerLimitCountsAtOnce) {
    (void)opened().save(batch({1, 2, 3, 4, 5}));
    auto store = opened({2, std::chrono::hours(1)});
    EXPECT_THAT(ids_of(store), ElementsAre(4, 5));
}

TEST_F(StoreTest, SetsWhatIsNoDatabaseAside) {
    const std::string junk(100'000, 'x');
    const std::vector<std::pair<const char*, std::string>> contents{
        {"text",
         "not a database at all, and longer than a header of one hundred bytes would have to be; "
         "so it is read as one, which it is not"},
        {"junk", junk},
        {"a header alone", std::string("SQLite format 3\0", 16) + std::string(84, '\0')},
    };
    std::size_t count = 0;
    for (const auto& [name, content] : contents) {
        SCOPED_TRACE(name);
        tree_.remove(db_file);
        tree_.write(db_file, content);
        auto store = opened();
        EXPECT_THAT(store.set_aside(), HasSubstr("set aside"));
        EXPECT_EQ(set_aside_files().size(), ++count);
        ASSERT_TRUE(store.save(batch({1})));
    }
    EXPECT_EQ(tree_.read(std::string(state_dir) + "/" + set_aside_files().front()), contents[0].second);
}

TEST_F(StoreTest, KeepsFewDamagedCopies) {
    for (int i = 0; i < 8; ++i) {
        tree_.write(db_file, std::string(500, static_cast<char>('a' + i)));
        auto store = opened({}, at(i / 2));
        ASSERT_NE(store.set_aside(), "");
    }
    ASSERT_EQ(set_aside_files().size(), Store::most_set_aside);
    EXPECT_THAT(tree_.read(std::string(state_dir) + "/" + set_aside_files().back()), HasSubstr("hhh"));
}

TEST_F(StoreTest, RefusesOthersAndLaterDatabases) {
    for (const char* sql : {"PRAGMA user_version=2", "PRAGMA application_id=7"}) {
        SCOPED_TRACE(sql);
        {
            (void)opened();
        }
        {
            auto at = host::open_place(host_.root(), db_file);
            auto db = sqlite::Database::open(std::move(at->dir), at->name);
            ASSERT_TRUE(db);
            ASSERT_TRUE(db->execute(sql));
        }
        EXPECT_NE(opened().set_aside(), "");
    }
}

// Whatever bytes are overwritten: it opens, and what it gives is either as it was or nothing.
TEST_F(StoreTest, SurvivesDamageAnywhere) {
    {
        auto store = opened();
        for (std::uint64_t i = 1; i <= 300; ++i)
            ASSERT_TRUE(store.save(batch({i})));
    }
    const std::string good = tree_.read(db_file);
    ASSERT_GT(good.size(), 20'000U);
    int lost = 0;
    for (std::size_t i = 0; i < 60; ++i) {
        std::string bad = good;
        const std::size_t from = i * good.size() / 60;
        std::ranges::fill(bad.begin() + static_cast<std::ptrdiff_t>(from),
                          bad.begin() + static_cast<std::ptrdiff_t>(std::min(from + 64, bad.size())),
                          static_cast<char>(i * 37));
        tree_.remove(wal_file);
        tree_.write(db_file, bad, 0600);
        auto store = open({}, at(static_cast<std::int64_t>(i)));
        ASSERT_TRUE(store) << store.error().message;
        lost += store->set_aside().empty() ? 0 : 1;
        const auto loaded = store->load();
        EXPECT_TRUE(loaded || loaded.error().code == Code::integrity) << loaded.error().message;
        const auto history = store->history({});
        EXPECT_TRUE(history || history.error().code == Code::integrity) << history.error().message;
    }
    EXPECT_GT(lost, 0);
}

// What a power cut or SIGKILL leaves: the file and any part of the log that had been written beside it.
TEST_F(StoreTest, AnyPartOfTheLogIsAPrefixOfHistory) {
    auto living = opened();
    for (std::uint64_t i = 1; i <= 40; ++i)
        ASSERT_TRUE(living.save(batch({i})));
    const std::string db = tree_.read(db_file);
    const std::string wal = tree_.read(wal_file);
    ASSERT_GT(wal.size(), 40'000U);
    std::size_t before = 0;
    for (std::size_t size = 0; size <= wal.size(); size += 1777) {
        const tests::Tree other;
        other.write(db_file, db, 0600);
        other.write(wal_file, wal.substr(0, size), 0600);
        const auto host = other.host();
        auto store = Store::open(host.root(), state_dir, {}, at(0));
        ASSERT_TRUE(store) << store.error().message;
        EXPECT_EQ(store->set_aside(), "") << size;
        const auto ids = ids_of(*store);
        EXPECT_GE(ids.size(), before);
        EXPECT_TRUE(ids.empty() || (ids.front() == 1 && ids.back() == ids.size()));
        before = ids.size();
    }
    EXPECT_GT(before, 30U);
}

TEST_F(StoreTest, FollowsNoSymlinkAndOpensNoFifo) {
    const tests::Tree outside{{"/victim", "precious"}};
    for (const char* name : {db_file, wal_file}) {
        SCOPED_TRACE(name);
        tree_.directory(state_dir, 0700);
        tree_.remove(name);
        tree_.link(name, outside.path("/victim").string());
        auto store = opened();
        EXPECT_NE(store.set_aside(), "");
        ASSERT_TRUE(store.save(batch({1})));
        EXPECT_EQ(outside.read("/victim"), "precious");
    }
    tree_.remove(db_file);
    tree_.fifo(db_file);
    auto store = opened({}, at(9));
    EXPECT_NE(store.set_aside(), "");
    ASSERT_TRUE(store.save(batch({1})));
}

// The directory is renamed and a link to somewhere else put in its place while the database is open.
TEST_F(StoreTest, StaysInItsDirectory) {
    const tests::Tree outside{{"/keep", ""}};
    auto store = opened();
    std::filesystem::rename(tree_.path(state_dir), tree_.path("/var/lib/moved"));
    tree_.link(state_dir, outside.path().string());
    for (std::uint64_t i = 1; i <= 3000; ++i)
        ASSERT_TRUE(store.save(batch({i})));
    EXPECT_FALSE(std::filesystem::exists(outside.path("/plimsoll.db-wal")));
    EXPECT_GT(std::filesystem::file_size(tree_.path("/var/lib/moved/plimsoll.db")), 100'000U);
}

TEST_F(StoreTest, GoesOnWhenTheDiskWasFull) {
    auto store = opened();
    ASSERT_TRUE(store.save(batch({1})));
    (void)std::signal(SIGXFSZ, SIG_IGN);
    struct rlimit old{};
    ASSERT_EQ(::getrlimit(RLIMIT_FSIZE, &old), 0);
    const struct rlimit small{20'000, old.rlim_max};
    ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &small), 0);
    Result<void> saved;
    std::uint64_t id = 2;
    for (; id < 1000 && saved; ++id)
        saved = store.save(batch({id}));
    ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &old), 0);
    ASSERT_FALSE(saved);
    EXPECT_EQ(saved.error().code, Code::io) << saved.error().message;
    ASSERT_TRUE(store.save(batch({id})));
    const auto ids = ids_of(store);
    EXPECT_EQ(ids.back(), id);
    EXPECT_EQ(ids.size(), id - 1);  // all but the one that found no room
}

TEST_F(StoreTest, SaysWhenItCannotBeMade) {
    const auto host = host::Host::open("/");
    ASSERT_TRUE(host);
    const auto store = Store::open(host->root(), "/sys/plimsoll", {}, at(0));
    ASSERT_FALSE(store);
    EXPECT_NE(store.error().code, Code::integrity) << store.error().message;
}

TEST_F(StoreTest, OneAtATime) {
    auto store = opened();
    ASSERT_TRUE(store.save(batch({1})));
    const pid_t child = ::fork();
    if (child == 0) {
        const auto second = Store::open(host_.root(), state_dir, {}, at(0));
        ::_exit(second ? 1 : second.error().code == Code::busy ? 0 : 2);
    }
    int status = -1;
    ASSERT_EQ(::waitpid(child, &status, 0), child);
    EXPECT_EQ(status, 0);
}

}  // namespace
}  // namespace plimsoll::daemon
