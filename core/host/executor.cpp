// SPDX-License-Identifier: Apache-2.0
#include "core/host/executor.hpp"

#include "core/base/text.hpp"
#include "core/base/time.hpp"
#include "core/host/account_lock.hpp"
#include "core/host/state_lock.hpp"
#include "core/host/steps.hpp"

#include <algorithm>
#include <array>
#include <ranges>

namespace plimsoll::host {
namespace {

using StepState = JournalStep::State;

// Held while a step's databases are looked at and changed; empty for steps without any.
using MaybeLock = std::optional<AccountLock>;

Result<MaybeLock> lock_databases(const Host& host, std::vector<std::string> files) {
    if (files.empty())
        return MaybeLock{};
    PLIMSOLL_TRY(auto lock, AccountLock::take(host, std::move(files)));
    return MaybeLock{std::move(lock)};
}

}  // namespace

bool JournalEntry::undone() const {
    return std::ranges::all_of(steps, [](const JournalStep& s) {
        return s.state == StepState::undone || s.state == StepState::not_done;
    });
}

struct Executor::State {
    const Host& host;
    Journal journal;
    ServiceManager* services;
    StateLock lock;
    Entry current{};
    std::uint64_t last_id{0};  // of the entries that this executor has closed
    std::vector<std::string> problems{};

    [[nodiscard]] Workshop shop() const { return {host, journal, services}; }

    [[nodiscard]] std::size_t room() const;
    Result<void> begin();
    Result<void> record_intent(Record record);
    Result<void> finish(const Draft& draft);
    Error take_back_failed(Error why);
    void settle_all();
    void settle(Entry& entry);
    Result<void> settle(Record& record);
    Result<void> undo(Entry& entry, const std::vector<std::size_t>& order);
    Result<void> undo(Record& record);
};

// Numbers grow with the names of the files, so that a damaged newest entry keeps its own.
Result<void> Executor::State::begin() {
    if (current.id != 0)
        return {};
    if (last_id == 0) {
        PLIMSOLL_TRY(const auto ids, journal.ids());
        last_id = ids.empty() ? 0 : ids.back();
    }
    current.id = last_id + 1;
    current.time = to_rfc3339(wall_clock());
    return {};
}

// For contents, in the current entry.
std::size_t Executor::State::room() const {
    std::size_t taken = 0;
    for (const Record& r : current.records)
        taken += content_in(r);
    return most_content_in_entry - std::min(taken, most_content_in_entry);
}

Result<void> Executor::State::record_intent(Record record) {
    PLIMSOLL_CHECK(begin());
    current.records.push_back(std::move(record));
    auto saved = journal.save(current);
    if (!saved) {
        // What may stand on disk now is an intent whose effect is not there: it settles as not done.
        current.records.pop_back();
        return Failure(std::move(saved).error().context("record the intent"));
    }
    return {};
}

// Leaves the step as it was before, or, when even that fails, as `intended` for the next run to settle.
Error Executor::State::take_back_failed(Error why) {
    Record& record = current.records.back();
    auto back = bring_back(shop(), record);
    if (back && record.unit && record.unit->action.verb != policy::UnitAction::Verb::reload_manager) {
        // The state only: restarting what failed to restart would not help.
        UnitStep unit = *record.unit;
        unit.action.verb = unit.was_active ? policy::UnitAction::Verb::start : policy::UnitAction::Verb::stop;
        back = bring_back_unit(shop(), unit);
    }
    if (!back) {
        record.step.undo_error = back.error().message;
        why.message += "; it could not be taken back: " + back.error().message;
    } else {
        record.step.state = StepState::not_done;
    }
    (void)journal.save(current);  // not saved: it settles the same way in the next run
    return why;
}

Result<void> Executor::State::finish(const Draft& draft) {
    auto carried = carry_out(shop(), current.records.back(), draft);
    if (carried) {
        current.records.back().step.state = StepState::done;
        carried = journal.save(current);
    }
    if (!carried) {
        current.records.back().step.state = StepState::intended;
        return Failure(take_back_failed(std::move(carried).error()));
    }
    return {};
}

Result<void> Executor::State::settle(Record& record) {
    PLIMSOLL_TRY(const auto guard, lock_databases(host, databases_of(record)));
    PLIMSOLL_TRY(const Side side, side_of(shop(), record));
    if (side == Side::neither)
        return fail(Code::busy, record.step.target + ": is neither as before nor as intended");
    if (side == Side::after) {
        record.step.state = StepState::done;
        return {};
    }
    PLIMSOLL_CHECK(bring_back(shop(), record));
    record.step.state = StepState::not_done;
    return {};
}

void Executor::State::settle(Entry& entry) {
    bool changed = false;
    for (auto& record : entry.records) {
        if (record.step.state != StepState::intended)
            continue;
        const auto settled = settle(record);
        record.step.undo_error = settled ? "" : settled.error().message;
        changed = true;
        if (!settled)
            problems.push_back("entry " + std::to_string(entry.id) + ", '" + record.step.what +
                               "' of an interrupted run: " + settled.error().message);
    }
    if (!changed)
        return;
    if (const auto saved = journal.save(entry); !saved)
        problems.push_back("entry " + std::to_string(entry.id) + ": " + saved.error().message);
}

void Executor::State::settle_all() {
    AccountLock::clean(host);
    const auto ids = journal.ids();
    if (!ids) {
        problems.push_back(ids.error().message);
        return;
    }
    for (const auto id : *ids) {
        auto entry = journal.load(id);
        if (entry)
            settle(*entry);
        else
            problems.push_back(entry.error().message);
    }
}

Result<Executor> Executor::open(const Host& host, const std::string& state_dir, ServiceManager* services) {
    Journal journal(host.root(), state_dir);
    PLIMSOLL_CHECK(journal.make_directory());
    PLIMSOLL_TRY(auto lock, StateLock::take(host.root(), state_dir, "lock",
                                            "another run of plimsoll is changing this host"));
    PLIMSOLL_CHECK(journal.prepare());
    auto state = std::unique_ptr<State>(new State{host, std::move(journal), services, std::move(lock)});
    state->settle_all();
    host.forget();
    return Executor(std::move(state));
}

Executor::Executor(std::unique_ptr<State> state) : state_(std::move(state)) {}

Executor::Executor(Executor&&) noexcept = default;
Executor& Executor::operator=(Executor&&) noexcept = default;
Executor::~Executor() = default;

std::uint64_t Executor::current_entry() const {
    return state_->current.id;
}

void Executor::close_entry() {
    if (state_->current.id == 0)
        return;
    state_->last_id = state_->current.id;  // nobody else adds entries while we hold the lock
    state_->current = {};
}

void Executor::pause() {
    close_entry();
    state_->lock.release();
}

Result<void> Executor::resume() {
    PLIMSOLL_TRY(const bool others, state_->lock.retake());
    if (!others)
        return {};
    state_->last_id = 0;
    state_->problems.clear();
    PLIMSOLL_CHECK(state_->journal.prepare());
    state_->settle_all();
    state_->host.forget();
    return {};
}

const std::vector<std::string>& Executor::problems() const {
    return state_->problems;
}

Result<void> Executor::apply(const std::string& control, const std::string& subject,
                             const policy::Change& change) {
    PLIMSOLL_TRY(const auto guard, lock_databases(state_->host, databases_of(change)));
    PLIMSOLL_TRY(const auto draft, draft_change(View(state_->host, state_->journal.directory()), change));
    if (draft.empty())
        return {};
    PLIMSOLL_TRY(auto record, make_record(state_->shop(), draft, state_->room()));
    // Starting what runs, or stopping what does not: nothing to undo, hence nothing to record.
    if (record.unit && is_already_so(*record.unit))
        return {};
    record.step = {StepState::intended, control, subject, describe(change), target_of(change)};
    PLIMSOLL_CHECK(state_->record_intent(std::move(record)));
    auto finished = state_->finish(draft);
    state_->host.forget();
    return finished;
}

Result<void> Executor::State::undo(Record& record) {
    if (record.step.state == StepState::intended)
        PLIMSOLL_CHECK(settle(record));
    if (record.step.state != StepState::done)
        return {};
    if (record.unit)
        return bring_back_unit(shop(), *record.unit);
    PLIMSOLL_TRY(const auto guard, lock_databases(host, databases_of(record)));
    return bring_back(shop(), record);
}

Result<void> Executor::State::undo(Entry& entry, const std::vector<std::size_t>& order) {
    std::vector<std::string> failures;
    Code code = Code::internal;
    for (const auto i : order) {
        Record& record = entry.records[i];
        if (record.step.state == StepState::undone || record.step.state == StepState::not_done)
            continue;
        auto undone = undo(record);
        if (undone && record.step.state == StepState::done)
            record.step.state = StepState::undone;
        record.step.undo_error = undone ? "" : undone.error().message;
        const auto saved = journal.save(entry);
        if (undone && !saved)
            undone = saved;
        if (!undone) {
            code = failures.empty() ? undone.error().code : code;
            failures.push_back(undone.error().message);
        }
    }
    if (failures.empty())
        return {};
    return fail(code, std::to_string(failures.size()) + " of " + std::to_string(entry.records.size()) +
                          " changes could not be undone: " + join(failures, "; "));
}

namespace {

// Whether its undo lets a user linger again, which starts the user's manager.
bool starts_a_manager(const Record& r) {
    return r.linger_of && !r.files.empty() && r.files.front().before.image.kind == FileImage::Kind::regular;
}

// Files first, then the manager's view of them, then the units that use them; each last first.
std::vector<std::size_t> undo_order(const Entry& entry) {
    const auto phase = [](const Record& r) {
        if (!r.unit)
            return starts_a_manager(r) ? 2 : 0;
        return r.unit->action.verb == policy::UnitAction::Verb::reload_manager ? 1 : 2;
    };
    std::vector<std::size_t> out;
    for (int p = 0; p < 3; ++p)
        for (std::size_t i = entry.records.size(); i-- > 0;)
            if (phase(entry.records[i]) == p)
                out.push_back(i);
    return out;
}

}  // namespace

Result<void> Executor::undo(std::uint64_t id) {
    PLIMSOLL_TRY(auto entry, state_->journal.load(id));
    auto undone = state_->undo(entry, undo_order(entry));
    if (id == state_->current.id)
        state_->current = std::move(entry);
    state_->host.forget();
    return undone;
}

Result<std::vector<JournalEntry>> read_journal(const Host& host, const std::string& state_dir) {
    const Journal journal(host.root(), state_dir);
    PLIMSOLL_TRY(const auto ids, journal.ids());
    std::vector<JournalEntry> out;
    for (const auto id : ids) {
        PLIMSOLL_TRY(auto entry, journal.load(id));
        JournalEntry shown{entry.id, std::move(entry.time)};
        for (auto& record : entry.records)
            shown.steps.push_back(std::move(record.step));
        out.push_back(std::move(shown));
    }
    return out;
}

}  // namespace plimsoll::host
