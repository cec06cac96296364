// SPDX-License-Identifier: Apache-2.0
#include "daemon/store/store.hpp"

#include "core/base/text.hpp"
#include "core/host/atomic_file.hpp"
#include "daemon/store/schema.hpp"
#include "daemon/store/set_aside.hpp"

#include <algorithm>
#include <ranges>

namespace plimsoll::daemon {
namespace {

using sqlite::Database;
using sqlite::Statement;

constexpr const char* put_finding =
    "INSERT OR REPLACE INTO finding(control, subject, status, severity, message, since, cursor, out_since)"
    " VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)";
constexpr const char* add_transition =
    "INSERT INTO transition(id, time, control, subject, from_status, to_status, severity, message, cause,"
    " announced, healed_by, out_for, journal_entry)"
    " VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13)";
constexpr const char* read_transitions =
    "SELECT id, time, control, subject, from_status, to_status, severity, message, cause, announced,"
    " healed_by, out_for, journal_entry FROM transition WHERE id > ?1 AND time >= ?2 ORDER BY id DESC";
constexpr const char* add_contest =
    "INSERT OR REPLACE INTO contest(control, subject, since, reverts, writer) VALUES(?1, ?2, ?3, ?4, ?5)";
constexpr const char* add_exception =
    "INSERT INTO exception(control, subject, owner, reason, expires, origin) VALUES(?1, ?2, ?3, ?4, ?5, ?6)";

std::int64_t number(std::uint64_t n) {
    return static_cast<std::int64_t>(n);
}

template <class E>
    requires std::is_enum_v<E>
std::int64_t number(E e) {
    return static_cast<std::int64_t>(e);
}

template <class E>
std::optional<std::int64_t> number(const std::optional<E>& e) {
    return e ? std::optional(static_cast<std::int64_t>(*e)) : std::nullopt;
}

std::int64_t seconds(Time t) {
    return t.time_since_epoch().count();
}

Time to_time(std::int64_t s) {
    return Time(std::chrono::seconds(s));
}

// False: no enumerator has this number.
template <class E, std::size_t N>
bool to_enum(std::int64_t n, const std::array<std::string_view, N>&, E& out) {
    if (n < 0 || n >= static_cast<std::int64_t>(N))
        return false;
    out = static_cast<E>(n);
    return true;
}

bool to_status(std::optional<std::int64_t> n, std::optional<policy::Status>& out) {
    policy::Status status{};
    if (!n)
        return true;
    if (!to_enum(*n, policy::status_names, status))
        return false;
    out = status;
    return true;
}

Failure damaged(const char* what) {
    return fail(Code::integrity, std::string("database: a ") + what + " makes no sense");
}

}  // namespace

struct Store::State {
    Database db;
    StoreLimits limits;
    std::string set_aside{};
    Statement put{};
    Statement drop{};
    Statement transition{};
    Statement prune{};
    Statement meta{};
    Statement query{};
    std::uint64_t kept{0};  // transitions
    std::uint64_t last_transition{0};

    Result<void> prepare();
    Result<void> write(const StoreBatch& batch);
    Result<void> write_findings(const StoreBatch& batch);
    Result<void> write_transitions(const StoreBatch& batch);
    Result<void> write_policy(const StoreBatch& batch);
    Result<void> set_meta(std::string_view name, std::int64_t value);
    Result<void> load_meta(Remembered& into);
    Result<void> load_findings(Remembered& into);
    Result<void> load_contests(Remembered& into);
    Result<void> count();
    Result<void> trim();
};

namespace {

// A new file gets its tables; another must be ours, whole and of our version.
Result<void> settle_schema(const Database& db) {
    PLIMSOLL_CHECK(db.execute(schema::pragmas));
    PLIMSOLL_TRY(const std::string tables, db.ask("SELECT count(*) FROM sqlite_schema"));
    PLIMSOLL_TRY(const std::string version, db.ask("PRAGMA user_version"));
    if (tables == "0" && version == "0")
        return db.execute(schema::create);
    PLIMSOLL_TRY(const std::string id, db.ask("PRAGMA application_id"));
    if (id != schema::application_id)
        return fail(Code::integrity, "database: not one of plimsolld's");
    if (version != std::to_string(schema::version))
        return fail(Code::integrity,
                    "database: of version " + version + ", which this plimsolld cannot read");
    PLIMSOLL_TRY(const std::string check, db.ask("PRAGMA quick_check(1)"));
    if (check != "ok")
        return fail(Code::integrity, "database: " + printable(check));
    return {};
}

Result<Database> open_database(const host::Sysroot& root, const std::string& state_dir) {
    PLIMSOLL_TRY(auto at, host::open_place(root, state_dir + "/" + Store::file_name));
    PLIMSOLL_TRY(auto db, Database::open(std::move(at.dir), at.name));
    PLIMSOLL_CHECK(settle_schema(db));
    return db;
}

// Whether something else stands in the place of one of the files.
bool is_no_file(const host::Sysroot& root, const std::string& state_dir) {
    return std::ranges::any_of(database_endings, [&](std::string_view ending) {
        const auto st = root.lstat(state_dir + "/" + Store::file_name + std::string(ending));
        return st && !S_ISREG(st->st_mode);
    });
}

}  // namespace

Result<void> Store::State::prepare() {
    PLIMSOLL_TRY(put, db.prepare(put_finding));
    PLIMSOLL_TRY(drop, db.prepare("DELETE FROM finding WHERE control = ?1 AND subject = ?2"));
    PLIMSOLL_TRY(transition, db.prepare(add_transition));
    PLIMSOLL_TRY(prune, db.prepare("DELETE FROM transition WHERE id IN "
                                   "(SELECT id FROM transition ORDER BY id LIMIT ?1)"));
    PLIMSOLL_TRY(meta, db.prepare("INSERT OR REPLACE INTO meta(name, value) VALUES(?1, ?2)"));
    PLIMSOLL_TRY(query, db.prepare(read_transitions));
    return {};
}

Result<Store> Store::open(const host::Sysroot& root, const std::string& state_dir, const StoreLimits& limits,
                          Time now) {
    // `integrity` is about the database alone.
    if (const auto made = host::make_private_directory(root, state_dir); !made)
        return fail(Code::io, made.error().message);
    std::string note;
    auto db = is_no_file(root, state_dir)
                  ? Result<Database>(fail(Code::integrity, "database: not a regular file"))
                  : open_database(root, state_dir);
    if (!db && db.error().code == Code::integrity) {
        const std::string why = db.error().message;
        PLIMSOLL_CHECK(set_aside(root, state_dir, now));
        note = "the history was lost (" + why + "); the file was set aside in " + state_dir;
        db = open_database(root, state_dir);
    }
    if (!db)
        return Failure(std::move(db).error());
    auto state = std::unique_ptr<State>(new State{*std::move(db), limits, std::move(note)});
    PLIMSOLL_CHECK(state->prepare());
    Store out(std::move(state));
    PLIMSOLL_CHECK(out.forget_old(now));
    return out;
}

Result<void> Store::set_aside(const host::Sysroot& root, const std::string& state_dir, Time now) {
    return set_database_aside(root, state_dir + "/" + file_name, now, most_set_aside);
}

Store::Store(std::unique_ptr<State> state) : state_(std::move(state)) {}

Store::Store(Store&&) noexcept = default;
Store& Store::operator=(Store&&) noexcept = default;
Store::~Store() = default;

const std::string& Store::set_aside() const {
    return state_->set_aside;
}

Result<void> Store::State::set_meta(std::string_view name, std::int64_t value) {
    return meta.with(name, value).run();
}

Result<void> Store::State::write_findings(const StoreBatch& batch) {
    if (batch.everything)
        PLIMSOLL_CHECK(db.execute("DELETE FROM finding"));
    for (const auto& [key, s] : batch.put) {
        const auto out = s.out_since ? std::optional(s.out_since->time_since_epoch().count()) : std::nullopt;
        PLIMSOLL_CHECK(put.with(key.control, key.subject, number(s.status), number(s.severity), s.message,
                                seconds(s.since), number(s.cursor), out)
                           .run());
    }
    for (const Key& key : batch.drop)
        PLIMSOLL_CHECK(drop.with(key.control, key.subject).run());
    return {};
}

Result<void> Store::State::write_transitions(const StoreBatch& batch) {
    for (const Transition& t : batch.transitions) {
        const auto out = t.out_for ? std::optional(t.out_for->count()) : std::nullopt;
        PLIMSOLL_CHECK(transition
                           .with(number(t.id), seconds(t.time), t.control, t.subject, number(t.from),
                                 number(t.to), number(t.severity), t.message, t.cause,
                                 std::int64_t{t.announced}, t.healed_by, out, number(t.journal_entry))
                           .run());
    }
    kept += batch.transitions.size();
    return trim();
}

Result<void> Store::State::count() {
    PLIMSOLL_TRY(auto rows, db.prepare("SELECT count(*) FROM transition"));
    PLIMSOLL_TRY(const bool row, rows.step());
    kept = row ? static_cast<std::uint64_t>(rows.integer(0)) : 0;
    return {};
}

// Ids jump when a store was lost, so they do not tell how many there are.
Result<void> Store::State::trim() {
    if (kept <= limits.transitions)
        return {};
    PLIMSOLL_CHECK(prune.with(number(kept - limits.transitions)).run());
    kept = limits.transitions;
    return {};
}

Result<void> Store::State::write_policy(const StoreBatch& batch) {
    if (batch.contests) {
        PLIMSOLL_CHECK(db.execute("DELETE FROM contest"));
        PLIMSOLL_TRY(auto add, db.prepare(add_contest));
        for (const auto& c : *batch.contests)
            PLIMSOLL_CHECK(
                add.with(c.control, c.subject, seconds(c.since), number(std::uint64_t{c.reverts}), c.writer)
                    .run());
    }
    if (batch.exceptions) {
        PLIMSOLL_CHECK(db.execute("DELETE FROM exception"));
        PLIMSOLL_TRY(auto add, db.prepare(add_exception));
        for (const auto& e : *batch.exceptions)
            PLIMSOLL_CHECK(
                add.with(e.control, e.subject, e.owner, e.reason, seconds(e.expires), e.origin).run());
    }
    return {};
}

Result<void> Store::State::write(const StoreBatch& batch) {
    PLIMSOLL_CHECK(write_findings(batch));
    PLIMSOLL_CHECK(write_transitions(batch));
    PLIMSOLL_CHECK(write_policy(batch));
    if (!batch.transitions.empty())
        PLIMSOLL_CHECK(set_meta("last_transition", number(batch.transitions.back().id)));
    PLIMSOLL_CHECK(set_meta("cursor", number(batch.cursor)));
    PLIMSOLL_CHECK(set_meta("line", number(batch.line)));
    return set_meta("line_since", seconds(batch.line_since));
}

Result<void> Store::save(const StoreBatch& batch) {
    PLIMSOLL_CHECK(state_->db.execute("BEGIN IMMEDIATE"));
    auto written = state_->write(batch);
    if (written)
        written = state_->db.execute("COMMIT");
    if (!written) {
        (void)state_->db.execute("ROLLBACK");
        (void)state_->count();
    }
    return written;
}

Result<void> Store::State::load_meta(Remembered& into) {
    PLIMSOLL_TRY(auto rows, db.prepare("SELECT name, value FROM meta"));
    for (;;) {
        PLIMSOLL_TRY(const bool row, rows.step());
        if (!row)
            break;
        const std::string name = rows.text(0);
        const std::int64_t value = rows.integer(1);
        if (value < 0)
            return damaged("number");
        if (name == "cursor")
            into.cursor = static_cast<std::uint64_t>(value);
        else if (name == "last_transition")
            into.last_transition = static_cast<std::uint64_t>(value);
        else if (name == "line_since")
            into.line_since = to_time(value);
        else if (Line line{}; name == "line") {
            if (!to_enum(value, line_names, line))
                return damaged("line");
            into.line = line;
        }
    }
    // The number of a transition is never given twice, whatever was kept beside them.
    PLIMSOLL_TRY(const std::string last, db.ask("SELECT coalesce(max(id), 0) FROM transition"));
    into.last_transition = std::max(into.last_transition, parse_u64(last).value_or(0));
    return {};
}

Result<void> Store::State::load_findings(Remembered& into) {
    PLIMSOLL_TRY(auto rows, db.prepare("SELECT control, subject, status, severity, message, since, cursor, "
                                       "out_since FROM finding"));
    for (;;) {
        PLIMSOLL_TRY(const bool row, rows.step());
        if (!row)
            return {};
        Standing s;
        if (!to_enum(rows.integer(2), policy::status_names, s.status) ||
            !to_enum(rows.integer(3), policy::severity_names, s.severity))
            return damaged("finding");
        s.message = rows.text(4);
        s.since = to_time(rows.integer(5));
        s.cursor = static_cast<std::uint64_t>(std::max<std::int64_t>(0, rows.integer(6)));
        if (const auto out = rows.maybe_integer(7))
            s.out_since = Instant(std::chrono::microseconds(*out));
        into.keys.emplace(Key{rows.text(0), rows.text(1)}, std::move(s));
    }
}

Result<void> Store::State::load_contests(Remembered& into) {
    PLIMSOLL_TRY(auto rows, db.prepare("SELECT control, subject, since, reverts, writer FROM contest"));
    for (;;) {
        PLIMSOLL_TRY(const bool row, rows.step());
        if (!row)
            return {};
        into.contests.push_back({rows.text(0), rows.text(1), to_time(rows.integer(2)),
                                 static_cast<std::uint32_t>(rows.integer(3)), rows.text(4)});
    }
}

Result<Remembered> Store::load() {
    Remembered out;
    PLIMSOLL_CHECK(state_->load_meta(out));
    PLIMSOLL_CHECK(state_->load_findings(out));
    PLIMSOLL_CHECK(state_->load_contests(out));
    return out;
}

namespace {

Result<Transition> read_transition(const Statement& row) {
    Transition t{.id = static_cast<std::uint64_t>(row.integer(0)),
                 .time = to_time(row.integer(1)),
                 .control = row.text(2),
                 .subject = row.text(3)};
    if (!to_status(row.maybe_integer(4), t.from) || !to_status(row.maybe_integer(5), t.to) ||
        !to_enum(row.integer(6), policy::severity_names, t.severity))
        return damaged("transition");
    t.message = row.text(7);
    t.cause = row.text(8);
    t.announced = row.integer(9) != 0;
    t.healed_by = row.text(10);
    if (const auto out = row.maybe_integer(11))
        t.out_for = std::chrono::microseconds(*out);
    t.journal_entry = static_cast<std::uint64_t>(row.integer(12));
    return t;
}

}  // namespace

Result<std::vector<Transition>> Store::history(const HistoryQuery& query) {
    const policy::Selection selection{query.controls};
    const std::int64_t since = query.since ? seconds(*query.since) : std::numeric_limits<std::int64_t>::min();
    const auto after = static_cast<std::int64_t>(
        std::min<std::uint64_t>(query.after, std::numeric_limits<std::int64_t>::max()));
    auto& rows = state_->query.with(after, since);
    std::vector<Transition> out;
    while (out.size() < query.limit) {
        PLIMSOLL_TRY(const bool row, rows.step());
        if (!row)
            break;
        PLIMSOLL_TRY(auto t, read_transition(rows));
        if (selection.covers(t.control))
            out.push_back(std::move(t));
    }
    (void)rows.with();  // lets go of the read transaction
    std::ranges::reverse(out);
    return out;
}

Result<std::uint64_t> Store::healed_since(Time since) {
    PLIMSOLL_TRY(auto count,
                 state_->db.prepare("SELECT count(*) FROM transition WHERE healed_by <> '' AND time >= ?1"));
    PLIMSOLL_TRY(const bool row, count.with(seconds(since)).step());
    return row ? static_cast<std::uint64_t>(count.integer(0)) : 0;
}

Result<void> Store::forget_old(Time now) {
    PLIMSOLL_TRY(auto drop, state_->db.prepare("DELETE FROM transition WHERE time < ?1"));
    PLIMSOLL_CHECK(drop.with(seconds(now - state_->limits.age)).run());
    PLIMSOLL_CHECK(state_->count());
    return state_->trim();
}

}  // namespace plimsoll::daemon
