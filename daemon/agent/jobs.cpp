// SPDX-License-Identifier: Apache-2.0
// What people ask for: fixes and undoing, one step a turn.
#include "core/base/text.hpp"
#include "daemon/agent/agent_state.hpp"
#include "daemon/agent/work.hpp"

#include <algorithm>
#include <iterator>

namespace plimsoll::daemon {
namespace {

using Why = Occasion::Why;

constexpr std::size_t most_jobs = 64;

}  // namespace

bool is_permitted(const ApplyRequest& request, const policy::Finding& f) {
    return policy::Selection{request.controls}.covers(f.control) && host::has_automatic_fix(f) &&
           f.fix->cls <= request.allow && (!request.enforced_only || f.mode == policy::Mode::enforce);
}

Result<std::uint64_t> Agent::State::begin_job(std::string verb, std::unique_ptr<Work> what) {
    if (work != nullptr)
        return fail(Code::busy, "job " + std::to_string(last_job) + " has not ended yet");
    work = std::move(what);
    jobs.push_back({.id = ++last_job, .verb = std::move(verb), .message = "waits for its turn"});
    if (jobs.size() > most_jobs)
        jobs.pop_front();
    tell_job();
    later(job_turn, &State::job_step, bus::EventLoop::Priority::normal);
    return last_job;
}

Result<std::uint64_t> Agent::apply(const ApplyRequest& request) {
    auto work = std::make_unique<State::Work>(State::Work{.request = request});
    work->fixes.emplace([request](const policy::Finding& f) { return is_permitted(request, f); });
    return state_->begin_job("apply", std::move(work));
}

Result<std::uint64_t> Agent::undo(std::uint64_t journal_entry) {
    auto work = std::make_unique<State::Work>(State::Work{.undo = journal_entry});
    return state_->begin_job("undo", std::move(work));
}

Result<Job> Agent::job(std::uint64_t id) const {
    const auto found = std::ranges::find(state_->jobs, id, &Job::id);
    if (found == state_->jobs.end())
        return fail(Code::not_found, "no job " + std::to_string(id) + "; the newest " +
                                         std::to_string(most_jobs) + " are kept");
    return *found;
}

void Agent::State::tell_job() {
    const Job now = jobs.back();
    for (Listener* l : std::vector(listeners))
        l->on_job(now);
}

void Agent::State::end_job(Job::State state, std::string message) {
    Job& job = jobs.back();
    job.state = state;
    job.message = std::move(message);
    say(state == Job::State::done ? Level::notice : Level::error,
        job.verb + " (job " + std::to_string(job.id) + "): " + printable(job.message, 1000));
    work.reset();
    tell_job();
    tell_status();
    plan_healing();
}

void Agent::State::job_step() {
    if (work == nullptr)
        return;
    jobs.back().state = Job::State::running;
    if (work->fixes)
        apply_step();
    else
        undo_step();
    if (work != nullptr)
        later(job_turn, &State::job_step, bus::EventLoop::Priority::normal);
}

void Agent::State::apply_step() {
    Job& job = jobs.back();
    if (!std::exchange(work->looked, true)) {
        job.message = "looks at the host";
        tell_job();
        looking.look(looking.groups_of(work->request.controls), policy.policy());
        return take_stock({Why::asked, "asked", now_instant()});
    }
    const policy::Assessment before = assessment();
    const policy::Finding* next = work->fixes->next(before);
    if (next == nullptr)
        return end_job(Job::State::done, job.changes.empty()
                                             ? "nothing to do"
                                             : std::to_string(job.steps_done) + " fixes done");
    job.steps_total = job.steps_done + static_cast<std::uint32_t>(work->fixes->left(before));
    job.message = host::title_of(*next) + ": " + next->fix->summary;
    tell_job();
    const auto executor = hands.take();
    if (!executor)
        return end_job(Job::State::failed, executor.error().message + "; ask again later");
    const Groups group = looking.group_of(next->control);
    auto steps = work->fixes->carry_out(*next, before, **executor, [&](const std::string&) {
        looking.look(group, policy.policy());
        return assessment();
    });
    const auto entry = hands.let_go();
    const bool done = steps && *steps;
    job.journal_entry = entry != 0 ? entry : job.journal_entry;
    const Key key{next->control, next->subject};
    if (contests.end(key))  // a person decided
        contests_changed = true;
    if (!done)
        looking.look(group, policy.policy());
    by_request = true;
    take_stock({done ? Why::fix : Why::failed_fix, "after a fix", now_instant(), key, entry});
    by_request = false;
    if (!steps)
        return end_job(Job::State::failed, steps.error().message + "; what was done before stays, and " +
                                               "\"agentctl undo\" takes it back");
    if (done) {
        ++job.steps_done;
        std::ranges::move(**steps, std::back_inserter(job.changes));
    }
}

void Agent::State::undo_step() {
    Job& job = jobs.back();
    job.steps_total = 1;
    job.message = "undoes journal entry " + std::to_string(work->undo);
    tell_job();
    const auto executor = hands.take();
    if (!executor)
        return end_job(Job::State::failed, executor.error().message + "; ask again later");
    const auto undone = (*executor)->undo(work->undo);
    (void)hands.let_go();
    job.journal_entry = work->undo;
    looking.look(looking.all(), policy.policy());
    take_stock({Why::asked, "after an undo", now_instant()});
    if (!undone)
        return end_job(Job::State::failed, undone.error().message);
    job.steps_done = 1;
    job.changes = {"undone: journal entry " + std::to_string(work->undo)};
    end_job(Job::State::done, "undone");
}

}  // namespace plimsoll::daemon
