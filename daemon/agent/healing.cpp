// SPDX-License-Identifier: Apache-2.0
// Carries out what the policy enforces: one fix a turn, so that events are heard between two of them.
#include "core/base/text.hpp"
#include "daemon/agent/agent_state.hpp"
#include "daemon/agent/work.hpp"
#include "daemon/messages.hpp"

#include <algorithm>

namespace plimsoll::daemon {
namespace {

using policy::Finding;
using Why = Occasion::Why;
using Clock = std::chrono::steady_clock;

}  // namespace

bool Agent::State::wants_healing(const Finding& f) const {
    return f.mode == policy::Mode::enforce && host::has_automatic_fix(f) && f.fix->cls <= options.allow &&
           !contests.holds({f.control, f.subject});
}

const Finding* Agent::State::next_to_heal(Moment now) const {
    for (const Tracked& t : board.findings)
        if (wants_healing(t.finding) && retries.may_try({t.finding.control, t.finding.subject}, now))
            return &t.finding;
    return nullptr;
}

void Agent::State::plan_healing() {
    if (work != nullptr)
        return;  // it plans when it has ended
    const Moment now = Clock::now();
    if (next_to_heal(now) != nullptr)
        return later(heal_turn, &State::heal_one, bus::EventLoop::Priority::normal);
    const auto wanted = [&](const Key& key) {
        return std::ranges::any_of(board.findings, [&](const Tracked& t) {
            return t.finding.control == key.control && t.finding.subject == key.subject &&
                   wants_healing(t.finding);
        });
    };
    if (const auto next = retries.next(wanted))
        retry_timer.call_after(std::chrono::ceil<std::chrono::microseconds>(
            std::max(*next - now, Clock::duration::zero()) + std::chrono::milliseconds(1)));
    else
        retry_timer.enable(false);
}

void Agent::State::heal_one() {
    if (work != nullptr)
        return;
    if (const Finding* next = next_to_heal(Clock::now()))
        return heal(Finding(*next));
    save_now();
    plan_healing();
}

void Agent::State::heal(const Finding& f) {
    const Key key{f.control, f.subject};
    const auto executor = hands.take();
    if (!executor) {
        heal_failed(f, executor.error());
        save_now();
        return plan_healing();
    }
    const policy::Assessment before = assessment();
    const Groups group = looking.group_of(f.control);
    auto steps = host::carry_out_fix(f, before, **executor, [&](const std::string&) {
        looking.look(group, policy.policy());
        return assessment();
    });
    const auto entry = hands.let_go();
    if (!steps) {
        heal_failed(f, steps.error());
        looking.look(group, policy.policy());
        return take_stock({Why::failed_fix, "after a fix", now_instant(), key, entry});
    }
    const auto after = [&] {
        return std::ranges::any_of(board.findings, [&](const Tracked& t) {
            return t.finding.control == key.control && t.finding.subject == key.subject &&
                   t.finding.status == policy::Status::fail;
        });
    };
    take_stock({Why::fix, "after a fix", now_instant(), key, entry});
    retries.worked(key, after(), Clock::now());
    plan_healing();
}

void Agent::State::heal_failed(const Finding& f, const Error& error) {
    const bool busy = error.code == Code::busy;
    retries.failed({f.control, f.subject}, busy, Clock::now());
    if (!busy)
        ++counters.failed_heals;
    const std::string what = host::title_of(f) + ": " + printable(error.message, 1000);
    if (busy)
        say(Level::info, "fix put off: " + what);
    else
        say(Level::error, "fix failed: " + what,
            {messages::heal_failed,
             {{"CONTROL", f.control},
              {"SUBJECT", printable(f.subject)},
              {"SEVERITY", std::string(policy::name_of(f.severity))}}});
}

}  // namespace plimsoll::daemon
