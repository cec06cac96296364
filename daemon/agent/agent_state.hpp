// SPDX-License-Identifier: Apache-2.0
// The inside of the agent; its parts are in agent.cpp (set-up and timers), stock.cpp (what a look means),
// healing.cpp, jobs.cpp and answers.cpp.
#pragma once
#include "core/host/remedy.hpp"
#include "daemon/agent/agent.hpp"
#include "daemon/agent/budget.hpp"
#include "daemon/agent/contests.hpp"
#include "daemon/agent/diff.hpp"
#include "daemon/agent/hands.hpp"
#include "daemon/agent/looking.hpp"
#include "daemon/agent/memory.hpp"
#include "daemon/agent/policy_keeper.hpp"
#include "daemon/agent/retries.hpp"
#include "daemon/agent/wall_timer.hpp"
#include "daemon/watch/denials.hpp"
#include "daemon/watch/knob_writes.hpp"
#include "daemon/watch/mac_changes.hpp"
#include "daemon/watch/process_ends.hpp"
#include "daemon/watch/starts.hpp"
#include "daemon/watch/writers.hpp"

#include <deque>
#include <map>
#include <optional>
#include <set>

namespace plimsoll::daemon {

using Moment = std::chrono::steady_clock::time_point;

struct Agent::State {
    State(const bus::EventLoop& loop, const host::Host& host, const policy::Modules& modules,
          AgentOptions options);

    const bus::EventLoop& loop;
    const host::Host& host;
    const policy::Modules& modules;
    AgentOptions options;  // `audit` has been taken out
    const policy::Catalogue catalogue;

    PolicyKeeper policy;
    Looking looking;
    Hands hands;
    Memory memory;
    Contests contests{};
    bool contests_changed{false};  // since they were saved, or the exceptions in force
    Retries retries{};
    Budget budget;
    std::optional<Watcher> watcher{};
    // Of a running host.
    std::optional<Starts> starts{};
    std::optional<ProcessEnds> process_ends{};
    std::optional<KnobWrites> knob_writes{};
    std::optional<MacChanges> mac_changes{};
    std::optional<Denials> denials{};
    std::map<std::string, Moment> told_denials{};  // the newest, and when
    std::optional<WallTimer> wall_timer{};
    std::optional<Writers> writers{};

    // What is known.
    Board board{};
    std::uint64_t cursor{0};
    std::uint64_t oldest_cursor{0};       // what went away before it is not known any more
    std::map<Key, std::uint64_t> gone{};  // with the cursor at which it went
    std::uint64_t last_transition{0};
    Line line{Line::unobserved};
    Time line_since{};
    Time started{};
    std::optional<Time> last_full_pass{};
    Counters counters{};
    std::pair<std::chrono::sys_days, std::uint64_t> healed{};  // on that day
    Moment told_of_lost_events{};
    std::uint64_t told_losses{0};  // of databases
    std::map<std::string, std::string> troubles{};

    // What the store does not have yet.
    struct Unsaved {
        std::set<Key> keys{};
        std::vector<Transition> transitions{};
    };

    Unsaved unsaved{};

    // What is to be done.
    struct Pending {
        Groups groups{0};
        Occasion occasion{};
        Moment since{};
    };

    Pending pending{};  // told by events
    Pending pass{};     // a look at everything, one module a turn
    bool by_request{false};
    bus::Source full_pass_timer{};
    bus::Source throttle_timer{};
    bus::Source policy_timer{};
    bus::Source others_turn{};
    bus::Source pass_turn{};
    bus::Source heal_turn{};
    bus::Source retry_timer{};
    bus::Source job_turn{};

    struct Work;
    std::deque<Job> jobs{};
    std::uint64_t last_job{0};
    std::unique_ptr<Work> work{};

    std::vector<Listener*> listeners{};
    std::optional<daemon::Status> told_status{};

    // agent.cpp
    [[nodiscard]] std::size_t policy_group() const { return modules.size(); }

    [[nodiscard]] Groups containers_group() const;

    Result<void> begin();
    void on_event(const Event& event);
    void count_lost(const Event& event);
    void look_at_pending();
    void begin_pass(Occasion occasion);
    void next_of_pass();
    void arm_full_pass();
    [[nodiscard]] bool reload_policy(bool by_person);
    void on_wall_clock(WallTimer::Told told);
    void later(bus::Source& source, void (State::*what)(), bus::EventLoop::Priority priority);
    void say(Level level, const std::string& text, const Details& details = {}) const;
    void say_refused(std::string_view what) const;  // each problem of the policy

    // kernel_news.cpp
    void listen_to_kernel();
    void watch_starts();
    void watch_knobs();
    void say_unheard_mac();
    void on_denial(const Denial& denial, std::optional<bool> own_mounts);
    void follow_processes();  // that findings speak of

    // stock.cpp
    [[nodiscard]] policy::Assessment assessment() const;
    // Judges what was seen, tells and remembers what is new.
    void take_stock(const Occasion& occasion);
    [[nodiscard]] bool take_stock_once(const Occasion& occasion);
    [[nodiscard]] bool account(const Transition& t, const Occasion& occasion);
    void account_heal(const Key& key, const Transition& t);
    // Files that the findings of a key speak of.
    [[nodiscard]] std::vector<std::string> files_of(const Key& key) const;
    [[nodiscard]] std::string last_writer(const Key& key) const;
    void note_gone(const Difference& difference);
    void save(const Difference& difference);
    void save_now();
    [[nodiscard]] StoreBatch batch_of_unsaved();
    void say_losses();
    [[nodiscard]] StoreBatch whole() const;
    [[nodiscard]] std::vector<policy::Exception> exceptions_in_force() const;
    void adopt(const Remembered& earlier);
    [[nodiscard]] daemon::Status status() const;
    void tell_status();
    void arm_expiry();

    // healing.cpp
    [[nodiscard]] const policy::Finding* next_to_heal(Moment now) const;
    [[nodiscard]] bool wants_healing(const policy::Finding& finding) const;
    void plan_healing();
    void heal_one();
    void heal(const policy::Finding& finding);
    void heal_failed(const policy::Finding& finding, const Error& error);

    // jobs.cpp
    [[nodiscard]] Result<std::uint64_t> begin_job(std::string verb, std::unique_ptr<Work> what);
    void job_step();
    void apply_step();
    void undo_step();
    void end_job(Job::State state, std::string message);
    void tell_job();
};

[[nodiscard]] Instant now_instant();

}  // namespace plimsoll::daemon
