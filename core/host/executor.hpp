// SPDX-License-Identifier: Apache-2.0
// The only code that changes a host: carries out Changes with intent written first, and undoes them.
#pragma once
#include "core/host/host.hpp"
#include "core/host/service_manager.hpp"
#include "core/policy/change.hpp"

#include <memory>
#include <string>
#include <vector>

namespace plimsoll::host {

// One carried-out (or begun) change as the journal keeps it.
struct JournalStep {
    enum class State {
        intended,  // written before the effect; after a crash the host decides whether it happened
        done,
        undone,
        not_done,  // begun but without effect (failed, or crashed before it)
    };
    State state{State::intended};
    std::string control;  // "subuid.root-delegated"
    std::string subject;
    std::string what;          // one line, as a plan shows it
    std::string target;        // path or unit
    std::string undo_error{};  // why the last undo of it did not work
};

// One `apply` run.
struct JournalEntry {
    std::uint64_t id{0};  // 1, 2, 3 …; never reused
    std::string time;     // RFC 3339
    std::vector<JournalStep> steps;

    [[nodiscard]] bool undone() const;  // every step is undone or not_done
};

// "What would change": for plan output and for tests. Pure with respect to the host.
struct Preview {
    std::string target;   // path, or unit
    bool is_file{false};  // then before/after are whole contents, nullopt: no such file
    std::optional<std::string> before{};
    std::optional<std::string> after{};
    std::string old_value{};  // for everything that is not a file's content
    std::string new_value{};
};

class Executor {
  public:
    // `state_dir` is a path within the host's root ("/var/lib/plimsoll"), made when first needed (0700).
    // `services` may be null: unit actions then fail with Code::unsupported on a live host. Takes the state
    // lock (Code::busy when another process holds it), then settles what a crash left `intended`.
    [[nodiscard]] static Result<Executor> open(const Host& host, const std::string& state_dir,
                                               ServiceManager* services);

    Executor(Executor&&) noexcept;
    Executor& operator=(Executor&&) noexcept;
    Executor(const Executor&) = delete;
    Executor& operator=(const Executor&) = delete;
    ~Executor();

    // Carries out one change and journals it in this executor's entry (made at the first call). On an error
    // nothing of this change remains. Calls host.forget().
    [[nodiscard]] Result<void> apply(const std::string& control, const std::string& subject,
                                     const policy::Change& change);

    // The entry of this run's changes; 0 before the first.
    [[nodiscard]] std::uint64_t current_entry() const;

    // The next change begins a new entry. For one that lives as long as the daemon.
    void close_entry();

    // Closes the entry and lets other runs change the host; nothing but resume() may be called then.
    void pause();
    // Takes the lock again (Code::busy as for open()) and settles anew when another run had it meanwhile,
    // which else is not needed. After any other error this executor is of no use any more.
    [[nodiscard]] Result<void> resume();

    // What open() or resume() found wrong: damaged entries, and steps of an interrupted run whose target is
    // neither as before nor as intended. They hinder nothing else; one line each, to be shown.
    [[nodiscard]] const std::vector<std::string>& problems() const;

    // Undoes an entry's done steps: files and knobs last first, then the manager is reloaded if it was, then
    // units, last first, so that they meet the old files. A restart is undone by another restart. A step
    // whose target somebody changed since is refused (Code::busy, naming it) and the rest goes on, except for
    // account databases, where only our own lines are taken back. Doing it again is harmless. Ranges stay in
    // the ledger. Error: at least one step could not be undone.
    [[nodiscard]] Result<void> undo(std::uint64_t id);

  private:
    struct State;
    explicit Executor(std::unique_ptr<State> state);
    std::unique_ptr<State> state_;
};

// Newest last. Reading needs no lock. Code::integrity names a damaged entry.
[[nodiscard]] Result<std::vector<JournalEntry>> read_journal(const Host& host, const std::string& state_dir);

// One preview per touched target, with the changes applied one after the other on what is there now.
[[nodiscard]] Result<std::vector<Preview>> preview(const Host& host, const std::string& state_dir,
                                                   const std::vector<policy::Change>& changes);

// "mask unit docker.service", "remove line 3 of /etc/subuid": one line, for plan and journal.
[[nodiscard]] std::string describe(const policy::Change& change);

}  // namespace plimsoll::host
