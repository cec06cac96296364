// SPDX-License-Identifier: Apache-2.0
#include "daemon/agent/memory.hpp"

#include "core/base/time.hpp"

#include <algorithm>
#include <iterator>

namespace plimsoll::daemon {
namespace {

std::uint64_t id_of_now() {
    const auto now = std::chrono::system_clock::now().time_since_epoch();
    return static_cast<std::uint64_t>(
        std::max<std::int64_t>(0, std::chrono::duration_cast<std::chrono::microseconds>(now).count()));
}

}  // namespace

Result<void> Memory::open() {
    tried_ = std::chrono::steady_clock::now();
    PLIMSOLL_TRY(store_, Store::open(root_, state_dir_, limits_, wall_clock()));
    if (!store_->set_aside().empty()) {
        loss_ = store_->set_aside();
        ++losses_;
    }
    return {};
}

Remembered Memory::begin() {
    for (int attempt = 0; attempt < 2; ++attempt) {
        const auto opened = open();
        auto seen = opened ? store_->load() : Result<Remembered>(Failure(opened.error()));
        if (seen) {
            seen_ = true;
            if (!loss_.empty())
                seen->last_transition = id_of_now();
            return *std::move(seen);
        }
        went_wrong(seen.error());
        if (seen.error().code != Code::integrity)
            break;
    }
    return {.last_transition = id_of_now()};
}

// A damaged database makes place for a new one at once; anything else may pass.
void Memory::went_wrong(const Error& error) {
    owes_ = true;
    problem_ = "nothing is remembered over a restart: " + error.message;
    if (error.code != Code::integrity)
        return;
    loss_ = "the history was lost (" + error.message + "); the file was set aside in " + state_dir_;
    ++losses_;
    store_.reset();
    if (const auto aside = Store::set_aside(root_, state_dir_, wall_clock()); !aside)
        problem_ += "; it cannot be set aside: " + aside.error().message;
    tried_ = {};
}

void Memory::keep_waiting(std::vector<Transition> transitions) {
    std::ranges::move(transitions, std::back_inserter(waiting_));
    for (; waiting_.size() > most_waiting; ++lost_transitions_)
        waiting_.pop_front();
}

Result<void> Memory::write(StoreBatch& batch) {
    if (!store_) {
        if (tried_ + limits_.retry > std::chrono::steady_clock::now() && tried_ != decltype(tried_){})
            return fail(Code::busy, problem_);
        PLIMSOLL_CHECK(open());
        owes_ = true;
    }
    if (!seen_) {
        PLIMSOLL_TRY(const auto earlier, store_->load());
        seen_ = true;
        late_(earlier);
    }
    if (!owes_)
        return store_->save(batch);
    StoreBatch all = whole_();
    all.everything = true;
    all.transitions.assign(waiting_.begin(), waiting_.end());
    std::ranges::copy(batch.transitions, std::back_inserter(all.transitions));
    PLIMSOLL_CHECK(store_->save(all));
    owes_ = false;
    waiting_.clear();
    problem_.clear();
    return {};
}

void Memory::save(StoreBatch batch) {
    for (int attempt = 0; attempt < 2; ++attempt) {
        const auto written = write(batch);
        if (written)
            return;
        if (store_ || written.error().code != Code::busy)
            went_wrong(written.error());
        if (written.error().code != Code::integrity)
            break;
    }
    keep_waiting(std::move(batch.transitions));
}

Result<std::vector<Transition>> Memory::history(const HistoryQuery& query) {
    std::vector<Transition> out;
    if (store_) {
        auto kept = store_->history(query);
        if (kept)
            out = *std::move(kept);
        else
            went_wrong(kept.error());
    }
    const policy::Selection selection{query.controls};
    for (const Transition& t : waiting_)
        if (t.id > query.after && (!query.since || t.time >= *query.since) && selection.covers(t.control))
            out.push_back(t);
    if (out.size() > query.limit)
        out.erase(out.begin(), std::prev(out.end(), static_cast<std::ptrdiff_t>(query.limit)));
    return out;
}

std::uint64_t Memory::healed_since(Time since) {
    const auto kept = store_ ? store_->healed_since(since) : Result<std::uint64_t>(0);
    return kept.value_or(0) + static_cast<std::uint64_t>(std::ranges::count_if(waiting_, [&](const auto& t) {
               return !t.healed_by.empty() && t.time >= since;
           }));
}

void Memory::forget_old() {
    if (!store_)
        return;
    if (const auto done = store_->forget_old(wall_clock()); !done)
        went_wrong(done.error());
}

}  // namespace plimsoll::daemon
