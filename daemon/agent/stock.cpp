// SPDX-License-Identifier: Apache-2.0
// What a look means: judged, compared, remembered, told.
#include "core/base/text.hpp"
#include "core/base/time.hpp"
#include "daemon/agent/agent_state.hpp"
#include "daemon/agent/work.hpp"
#include "daemon/messages.hpp"

#include <algorithm>

namespace plimsoll::daemon {
namespace {

using Verdict = policy::Status;
using Why = Occasion::Why;

constexpr std::size_t most_gone = 4096;
constexpr std::size_t most_unsaved = 256;  // transitions

Line line_of(int verdict) {
    return verdict == 0 ? Line::inside : verdict == 1 ? Line::outside : Line::unobserved;
}

std::string milliseconds(std::chrono::microseconds t) {
    const auto us = t.count();
    return std::to_string(us / 1000) + "." + std::to_string(us / 100 % 10) + " ms";
}

// "/etc/subuid" of "/etc/subuid:3".
std::string without_line(const std::string& source) {
    const auto colon = source.find_last_not_of("0123456789");
    return colon != std::string::npos && source[colon] == ':' ? source.substr(0, colon) : source;
}

std::string title_of(const Transition& t) {
    return t.control + (t.subject.empty() ? "" : " (" + printable(t.subject) + ")");
}

Details details_of(const Transition& t, std::string_view id) {
    return {id,
            {{"CONTROL", t.control},
             {"SUBJECT", printable(t.subject)},
             {"SEVERITY", std::string(policy::name_of(t.severity))},
             {"CAUSE", t.cause},
             {"TRANSITION", std::to_string(t.id)}}};
}

}  // namespace

policy::Assessment Agent::State::assessment() const {
    return looking.conclude(policy.policy(), {policy.broken(), contests.list()});
}

void Agent::State::account_heal(const Key& key, const Transition& t) {
    ++counters.heals;
    const auto today = std::chrono::floor<std::chrono::days>(t.time);
    if (healed.first != today)
        healed = {today, 0};
    ++healed.second;
    if (!by_request)
        contests.healed(key, now_instant());
    const auto out_for = t.out_for.value_or(std::chrono::microseconds(0));
    const auto us = static_cast<std::uint64_t>(out_for.count());
    const auto bound = std::ranges::lower_bound(Counters::bounds_us, us);
    ++counters.healed_after.at(static_cast<std::size_t>(bound - Counters::bounds_us.begin()));
    counters.healed_after_sum_us += us;
    Details details = details_of(t, messages::healed);
    details.fields.emplace_back("OUT_USEC", std::to_string(us));
    details.fields.emplace_back("JOURNAL_ENTRY", std::to_string(t.journal_entry));
    say(Level::notice,
        "healed " + title_of(t) + ": " + t.message + "; was out for " + milliseconds(out_for) +
            ", journal entry " + std::to_string(t.journal_entry),
        details);
}

std::vector<std::string> Agent::State::files_of(const Key& key) const {
    std::vector<std::string> out;
    for (const Tracked& t : board.findings)
        if (t.finding.control == key.control && t.finding.subject == key.subject && wants_healing(t.finding))
            for (const auto& e : t.finding.evidence)
                if (e.source.starts_with('/'))
                    out.push_back(without_line(e.source));
    return out;
}

std::string Agent::State::last_writer(const Key& key) const {
    for (const auto& file : files_of(key)) {
        if (auto who = writers ? writers->last(file) : ""; !who.empty())
            return who;
        if (auto who = knob_writes ? knob_writes->last(file) : ""; !who.empty())
            return who;
    }
    return "";
}

// True: with this the key became contested.
bool Agent::State::account(const Transition& t, const Occasion& occasion) {
    const Key key{t.control, t.subject};
    if (!t.announced)
        ++counters.unannounced;
    if (is_drift(t, occasion.why))
        ++counters.drifts;
    if (!t.healed_by.empty())
        account_heal(key, t);
    if (t.to != Verdict::fail) {
        retries.forget(key);
        return false;
    }
    if (occasion.why != Why::start)
        say(Level::warning, "fails: " + title_of(t) + ": " + t.message + " (" + t.cause + ")",
            details_of(t, messages::out_of_line));
    if (writers)
        std::ranges::for_each(files_of(key), [&](const auto& file) { writers->follow(file); });
    const std::string writer = last_writer(key);
    if (!contests.failed(key, occasion.at))
        return false;
    contests.name_writer(key, writer);
    say(Level::error,
        "contested: " + title_of(t) + " was changed back " + std::to_string(Contests::most_reverts) +
            " times within ten minutes" + (writer.empty() ? "" : ", at last by " + writer) +
            "; it is not enforced any more until the policy is reloaded",
        details_of(t, messages::contested));
    return true;
}

void Agent::State::note_gone(const Difference& d) {
    for (const Key& key : d.gone)
        gone[key] = cursor;
    for (const Key& key : d.changed)  // what is there again
        gone.erase(key);
    if (gone.size() <= most_gone)
        return;
    oldest_cursor = cursor;
    gone.clear();
}

std::vector<policy::Exception> Agent::State::exceptions_in_force() const {
    auto out = policy.policy().exceptions;
    std::erase_if(out, [now = wall_clock()](const auto& e) { return e.expires <= now; });
    return out;
}

StoreBatch Agent::State::whole() const {
    StoreBatch out;
    out.put.assign(board.keys.begin(), board.keys.end());
    out.cursor = cursor;
    out.line = line;
    out.line_since = line_since;
    out.contests = contests.list();
    out.exceptions = exceptions_in_force();
    return out;
}

// What the last run knew, of a store that could not be read when this one began.
void Agent::State::adopt(const Remembered& earlier) {
    contests.restore(earlier.contests);
    for (const auto& [key, old] : earlier.keys) {
        const auto here = board.keys.find(key);
        if (here == board.keys.end() || here->second.status != old.status)
            continue;
        here->second.since = std::min(here->second.since, old.since);
        if (here->second.out_since && old.out_since)
            here->second.out_since = std::min(*here->second.out_since, *old.out_since);
    }
}

void Agent::State::say_losses() {
    if (std::exchange(told_losses, memory.losses()) != memory.losses())
        say(Level::error, memory.loss(), {.id = messages::store_set_aside});
}

// What is healed in the next turn is saved together with its drift: the disk waits, not the host.
void Agent::State::save(const Difference& d) {
    unsaved.keys.insert(d.changed.begin(), d.changed.end());
    unsaved.keys.insert(d.gone.begin(), d.gone.end());
    unsaved.transitions.insert(unsaved.transitions.end(), d.transitions.begin(), d.transitions.end());
    const bool heals_next = work == nullptr && next_to_heal(std::chrono::steady_clock::now()) != nullptr;
    if (!heals_next || unsaved.transitions.size() > most_unsaved)
        save_now();
}

StoreBatch Agent::State::batch_of_unsaved() {
    StoreBatch out;
    for (const Key& key : unsaved.keys)
        if (const auto known = board.keys.find(key); known != board.keys.end())
            out.put.emplace_back(*known);
        else
            out.drop.push_back(key);
    out.transitions = std::move(unsaved.transitions);
    unsaved = {};
    out.cursor = cursor;
    out.line = line;
    out.line_since = line_since;
    return out;
}

void Agent::State::save_now() {
    const bool contests_too = std::exchange(contests_changed, false);
    if (unsaved.keys.empty() && unsaved.transitions.empty() && !contests_too && !memory.owes())
        return;
    StoreBatch batch = batch_of_unsaved();
    if (contests_too) {
        batch.contests = contests.list();
        batch.exceptions = exceptions_in_force();
    }
    const std::string before = memory.problem();
    memory.save(std::move(batch));
    if (memory.problem().empty() && !before.empty())
        healed = {std::chrono::floor<std::chrono::days>(wall_clock()),
                  memory.healed_since(std::chrono::floor<std::chrono::days>(wall_clock()))};
    say_losses();
    if (memory.problem() != before)
        say(memory.problem().empty() ? Level::notice : Level::error,
            memory.problem().empty() ? "the store works again" : memory.problem());
}

// True: a key became contested, which is a finding of its own.
bool Agent::State::take_stock_once(const Occasion& occasion) {
    ++counters.evaluations;
    auto now = assessment();
    const Line found = line_of(policy::verdict(now, policy.policy()));
    if (found != line) {
        line = found;
        line_since = to_seconds(occasion.at);
    }
    auto d = compare(board, std::move(now.findings), policy.policy(), occasion, cursor + 1);
    if (!d.changed.empty() || !d.gone.empty())
        ++cursor;
    board = std::move(d.after);
    note_gone(d);
    bool contested = false;
    for (Transition& t : d.transitions) {
        t.id = ++last_transition;
        contested = account(t, occasion) || contested;
    }
    contests_changed =
        contests_changed || contested || occasion.why == Why::start || occasion.why == Why::expiry;
    save(d);
    for (const Transition& t : d.transitions)
        for (Listener* l : std::vector(listeners))
            l->on_transition(t);
    return contested;
}

void Agent::State::take_stock(const Occasion& occasion) {
    if (take_stock_once(occasion))
        (void)take_stock_once({Why::contest, "contested", occasion.at});
    tell_status();
    arm_expiry();
    follow_processes();
    plan_healing();
}

void Agent::State::arm_expiry() {
    std::optional<Time> next;
    const Time now = wall_clock();
    for (const auto& e : policy.policy().exceptions)
        if (e.expires > now && (!next || e.expires < *next))
            next = e.expires;
    wall_timer->arm(next);
}

daemon::Status Agent::State::status() const {
    daemon::Status out{.line = line, .line_since = line_since};
    for (const Tracked& t : board.findings)
        ++out.counts.at(static_cast<std::size_t>(t.finding.status));
    out.profile = policy.policy().profile;
    out.policy_digest = policy.policy().digest;
    out.policy_problems = policy.broken();
    out.started = started;
    out.last_full_pass = last_full_pass;
    out.healed_today =
        healed.first == std::chrono::floor<std::chrono::days>(wall_clock()) ? healed.second : 0;
    out.contested = contests.list();
    for (const auto& [part, trouble] : troubles)
        out.degraded.push_back(trouble);
    for (auto& line_of_watcher : watcher ? watcher->degraded() : std::vector<std::string>{})
        out.degraded.push_back(std::move(line_of_watcher));
    for (const std::string& line_of_memory : {memory.problem(), memory.loss(), policy.problem()})
        if (!line_of_memory.empty())
            out.degraded.push_back(line_of_memory);
    for (auto& problem : hands.problems())
        out.degraded.push_back(std::move(problem));
    out.root = host.root().directory();
    out.version = options.version;
    return out;
}

void Agent::State::tell_status() {
    auto now = status();
    if (told_status == now)
        return;
    told_status = std::move(now);
    for (Listener* l : std::vector(listeners))
        l->on_status(*told_status);
}

}  // namespace plimsoll::daemon
