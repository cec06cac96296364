// SPDX-License-Identifier: Apache-2.0
#include "daemon/agent/agent.hpp"

#include "core/base/text.hpp"
#include "core/base/time.hpp"
#include "daemon/agent/agent_state.hpp"
#include "daemon/agent/work.hpp"
#include "daemon/messages.hpp"

#include <algorithm>
#include <random>

namespace plimsoll::daemon {
namespace {

using std::chrono::microseconds;
using Why = Occasion::Why;
using Clock = std::chrono::steady_clock;
using enum bus::EventLoop::Priority;

// Editors and package managers write a file in several steps, and an empty file of the same name would mask
// another: the policy is read when it has been quiet for so long.
constexpr std::chrono::milliseconds policy_settles{100};
constexpr std::chrono::seconds full_pass_slack{5};
// Of modules that enforce nothing, while events of others come one after the other.
constexpr std::chrono::milliseconds longest_wait_for_others{100};
// Any local user can bring about that events are lost, again and again.
constexpr std::chrono::minutes pause_between_losses{1};

// Cursors grow over restarts even when the database was lost: they begin at the time, in 2^-20 seconds.
std::uint64_t first_cursor(std::uint64_t remembered) {
    const auto now =
        static_cast<std::uint64_t>(std::max<std::int64_t>(0, wall_clock().time_since_epoch().count()));
    return std::max(remembered + 1, now << 20U);
}

std::uint64_t microseconds_since(Moment begin) {
    return static_cast<std::uint64_t>(std::chrono::floor<microseconds>(Clock::now() - begin).count());
}

}  // namespace

Instant now_instant() {
    return std::chrono::floor<microseconds>(std::chrono::system_clock::now());
}

Agent::State::State(const bus::EventLoop& l, const host::Host& h, const policy::Modules& m, AgentOptions o)
    : loop(l),
      host(h),
      modules(m),
      options(std::move(o)),
      catalogue(policy::catalogue_of(modules)),
      policy(host, options.policy_paths, catalogue),
      looking(host, modules),
      hands(host, options.services),
      memory(
          host.root(), host.state_dir(), options.store, [this] { return whole(); },
          [this](const Remembered& earlier) { adopt(earlier); }),
      budget(Clock::now()) {}

void Agent::State::say(Level level, const std::string& text, const Details& details) const {
    if (options.log)
        options.log(level, text, details);
}

void Agent::State::say_refused(std::string_view what) const {
    for (const auto& problem : policy.broken())
        say(Level::error, std::string(what) + problem, {.id = messages::policy_refused});
}

// Once per turn of the loop, however often it is asked for.
void Agent::State::later(bus::Source& source, void (State::*what)(), bus::EventLoop::Priority priority) {
    if (source)
        return;
    auto deferred = loop.defer(
        [this, &source, what] {
            source.reset();
            (this->*what)();
        },
        priority);
    if (deferred)
        source = *std::move(deferred);
    else
        say(Level::error, deferred.error().message);
}

Result<void> Agent::State::begin() {
    if (modules.size() + 1 > most_groups)
        return fail(Code::internal, "more modules than groups");
    listen_to_kernel();
    auto watching = Watcher::make(loop, host.root(), [this](const Event& e) {
        on_event(e);
        if (starts && (e.groups & containers_group()) != 0)
            starts->expect();
    });
    if (watching) {
        watcher.emplace(*std::move(watching));
        looking.use(&*watcher);
    } else {
        troubles["watch"] = "nothing is watched, only the full pass finds drift: " + watching.error().message;
    }
    auto who = Writers::make(loop, host.root());
    if (who)
        writers.emplace(*std::move(who));
    else
        say(Level::info, "who changes a file back cannot be told: " + who.error().message);
    PLIMSOLL_TRY(wall_timer, WallTimer::make(loop, [this](WallTimer::Told told) { on_wall_clock(told); }));
    const auto timer = [&](bus::Source& source, microseconds slack,
                           std::function<void()> call) -> Result<void> {
        PLIMSOLL_TRY(source, loop.on_time(std::chrono::hours(1), slack, std::move(call)));
        source.enable(false);
        return {};
    };
    PLIMSOLL_CHECK(timer(throttle_timer, microseconds(1000), [this] { look_at_pending(); }));
    PLIMSOLL_CHECK(timer(policy_timer, microseconds(1000), [this] { (void)reload_policy(false); }));
    PLIMSOLL_CHECK(timer(retry_timer, microseconds(1000), [this] { heal_one(); }));
    PLIMSOLL_CHECK(timer(full_pass_timer, full_pass_slack,
                         [this] { begin_pass({Why::full_pass, "full pass", now_instant()}); }));
    Result<void> read{};
    looking.watched(policy_group(), [&] { read = policy.begin(); });
    return read;
}

Result<std::unique_ptr<Agent>> Agent::make(const bus::EventLoop& loop, const host::Host& host,
                                           const policy::Modules& modules, AgentOptions options) {
    auto state = std::make_unique<State>(loop, host, modules, std::move(options));
    PLIMSOLL_CHECK(state->begin());
    return std::unique_ptr<Agent>(new Agent(std::move(state)));
}

Agent::Agent(std::unique_ptr<State> state) : state_(std::move(state)) {}

Agent::~Agent() {
    state_->save_now();
}

void Agent::start() {
    State& s = *state_;
    s.started = wall_clock();
    s.say_refused("policy refused: ");
    Remembered seen = s.memory.begin();
    s.say_losses();
    if (!s.memory.problem().empty())
        s.say(Level::error, s.memory.problem());
    s.board.keys = std::move(seen.keys);
    s.last_transition = seen.last_transition;
    s.cursor = s.oldest_cursor = first_cursor(seen.cursor);
    s.line = seen.line.value_or(Line::unobserved);
    s.line_since = seen.line ? seen.line_since : s.started;
    s.contests.restore(seen.contests);
    const auto today = std::chrono::floor<std::chrono::days>(s.started);
    s.healed = {today, s.memory.healed_since(today)};
    const auto begin = Clock::now();
    s.looking.look(s.looking.all(), s.policy.policy());
    s.counters.last_full_pass_us = microseconds_since(begin);
    s.last_full_pass = wall_clock();
    s.take_stock({Why::start, "start", now_instant()});
    s.arm_full_pass();
}

void Agent::on_event(const Event& event) {
    state_->on_event(event);
}

void Agent::State::count_lost(const Event& event) {
    if (event.cause.starts_with("watch lost ")) {
        ++counters.watches_lost;
        return;
    }
    ++counters.event_overflows;
    const auto now = Clock::now();
    if (now < told_of_lost_events + pause_between_losses)
        return;
    told_of_lost_events = now;
    say(Level::warning, "events were lost; what they may have concerned is looked at in full",
        {messages::events_lost, {{"OVERFLOWS", std::to_string(counters.event_overflows)}}});
}

void Agent::State::on_event(const Event& event) {
    if (event.lost)
        count_lost(event);
    if ((event.groups >> policy_group() & 1) != 0)
        policy_timer.call_after(policy_settles);
    const Groups groups = event.groups & looking.all();
    if (groups == 0)
        return;
    if (pending.groups == 0)
        pending = {0, {Why::event, event.cause, now_instant()}, Clock::now()};
    pending.groups |= groups;
    const auto wait = budget.wait(Clock::now());
    if (wait == Clock::duration::zero())
        look_at_pending();
    else
        throttle_timer.call_after(std::chrono::ceil<microseconds>(wait));
}

// Those first of whom the policy enforces something: what they find is healed before the others look.
void Agent::State::look_at_pending() {
    const auto begin = Clock::now();
    const Groups urgent = pending.groups & looking.enforced(policy.policy());
    const bool all = urgent == 0 || pending.since + longest_wait_for_others < begin;
    const Pending what{all ? pending.groups : urgent, pending.occasion, pending.since};
    pending.groups &= ~what.groups;
    if (what.groups == 0)
        return;
    looking.look(what.groups, policy.policy());
    take_stock(what.occasion);
    const auto end = Clock::now();
    budget.spend(end - begin, end);
    if (pending.groups != 0)
        later(others_turn, &State::look_at_pending, idle);
}

void Agent::State::begin_pass(Occasion occasion) {
    pass = {looking.all(), std::move(occasion), Clock::now()};
    later(pass_turn, &State::next_of_pass, normal);
}

void Agent::State::next_of_pass() {
    const Groups one = pass.groups & ~(pass.groups - 1);
    looking.look(one, policy.policy());
    pass.groups &= ~one;
    if (pass.groups != 0) {
        take_stock(pass.occasion);
        return later(pass_turn, &State::next_of_pass, normal);
    }
    ++counters.full_passes;
    counters.last_full_pass_us = microseconds_since(pass.since);
    last_full_pass = wall_clock();
    memory.forget_old();
    take_stock(pass.occasion);
    arm_full_pass();
}

void Agent::State::arm_full_pass() {
    static std::minstd_rand random{std::random_device{}()};
    std::uniform_real_distribution<double> jitter{0.9, 1.1};
    full_pass_timer.call_after(std::chrono::duration_cast<microseconds>(options.full_pass * jitter(random)));
}

// True: all files are in force.
bool Agent::State::reload_policy(bool by_person) {
    const std::string before = policy.policy().digest;
    bool changed = false;
    looking.watched(policy_group(), [&] { changed = policy.reload() || changed; });
    // A refused file changes what is said, and nothing else.
    if (by_person || policy.policy().digest != before) {
        retries.forget_all();
        contests.end_all();
        contests_changed = true;
    }
    if (changed && policy.broken().empty())
        say(Level::notice,
            "policy in force: profile " + printable(policy.policy().profile) + ", " + policy.policy().digest,
            {messages::policy_loaded,
             {{"PROFILE", printable(policy.policy().profile)}, {"POLICY_DIGEST", policy.policy().digest}}});
    if (changed || by_person) {
        say_refused("policy refused, the last good one stays in force: ");
        // All at once: no module is judged by a policy that it has not looked for, and none is left out
        // meanwhile.
        looking.look(looking.all(), policy.policy());
        take_stock({Why::policy, "policy", now_instant()});
        save_now();
    }
    return policy.broken().empty();
}

void Agent::State::on_wall_clock(WallTimer::Told told) {
    if (told == WallTimer::Told::clock_was_set)
        return begin_pass({Why::full_pass, "clock set", now_instant()});
    take_stock({Why::expiry, "exception expired", now_instant()});
}

void Agent::set_trouble(const std::string& part, const std::string& trouble) {
    if (trouble.empty())
        state_->troubles.erase(part);
    else
        state_->troubles[part] = trouble;
    state_->tell_status();
}

Result<void> Agent::reload() {
    if (state_->reload_policy(true))
        return {};
    return fail(Code::invalid_input, join(state_->policy.broken(), "\n"));
}

void Agent::look_again() {
    state_->begin_pass({Why::asked, "asked", now_instant()});
}

void Agent::listen(Listener* listener) {
    state_->listeners.push_back(listener);
}

void Agent::forget_listener(Listener* listener) {
    std::erase(state_->listeners, listener);
}

}  // namespace plimsoll::daemon
