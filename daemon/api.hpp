// SPDX-License-Identifier: Apache-2.0
// What the daemon offers to whoever asks: the D-Bus adaptor, the metrics and the tests speak to this and to
// nothing else of it. One thread: every call comes from the event loop and returns at once; what takes longer
// is a job.
#pragma once
#include "core/base/result.hpp"
#include "core/policy/engine.hpp"

#include <array>
#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace plimsoll::daemon {

// A finding with its place in time.
struct Tracked {
    policy::Finding finding{};
    Time since{};             // when it was first seen with this status
    std::uint64_t cursor{0};  // of the last change of its content; see Changes
    bool required{true};      // whether `unknown` counts against the line (the policy's `required`)
    bool operator==(const Tracked&) const = default;
};

// What changed after a cursor that the caller got earlier; cursors grow and survive a restart.
struct Changes {
    std::uint64_t cursor{0};         // to be given next time
    bool complete{true};             // false: the caller's cursor is too old, `changed` is everything
    std::vector<Tracked> changed{};  // in catalogue order
    std::vector<std::pair<std::string, std::string>> gone{};  // (control, subject) that is no more
};

struct FindingFilter {
    std::vector<std::string> controls{};     // ids or globs; empty: all
    std::vector<policy::Status> statuses{};  // empty: all
    std::optional<policy::Severity> at_least{};
};

// One change of a verdict, as the store keeps it. Subjects with which nothing was wrong come and go silently.
struct Transition {
    std::uint64_t id{0};  // ascending, never reused; jumps when the store was lost
    Time time{};
    std::string control;
    std::string subject;
    std::optional<policy::Status> from{};  // nullopt: was not there before
    std::optional<policy::Status> to{};    // nullopt: is not there any more
    policy::Severity severity{policy::Severity::medium};
    std::string message;
    std::string cause;      // "start", "event /etc/subuid", "full pass", "policy", "after a fix", "asked"
    bool announced{true};   // false: a full pass found what no event had announced
    std::string healed_by;  // "plimsolld" when our fix was for it and worked, else ""
    // When it stops failing or being unknown, also by going away: how long it had been so.
    std::optional<std::chrono::microseconds> out_for{};
    std::uint64_t journal_entry{0};  // of the fix; 0: none
};

struct HistoryQuery {
    std::uint64_t after{0};  // ids greater than this
    std::optional<Time> since{};
    std::vector<std::string> controls{};  // ids or globs; empty: all
    std::size_t limit{100};               // the newest so many, given oldest first; 1 to 10000
};

enum class Line { inside, outside, unobserved };  // exit codes 0, 1 and 3 of `agentctl check`
inline constexpr std::array<std::string_view, 3> line_names{"inside", "outside", "unobserved"};

struct Status {
    Line line{Line::unobserved};
    Time line_since{};
    std::array<std::size_t, 5> counts{};  // by policy::Status
    std::string profile;
    std::string policy_digest;
    std::vector<std::string> policy_problems{};  // not empty: the last good policy is in force
    Time started{};
    std::optional<Time> last_full_pass{};
    std::uint64_t healed_today{0};             // since midnight UTC
    std::vector<policy::Contest> contested{};  // keys whose enforcement was stopped
    std::vector<std::string> degraded{};       // what the daemon itself cannot do: "no inotify watch left", …
    std::string root;
    std::string version;
    bool operator==(const Status&) const = default;
};

inline constexpr std::array<std::string_view, 3> denied_by{"selinux", "apparmor", "seccomp"};

// Counters since the start, for the metrics.
struct Counters {
    std::uint64_t drifts{0};  // to failing, but for what failed at the start or by another policy
    std::uint64_t heals{0};   // failures that our fixes ended
    std::uint64_t failed_heals{0};
    std::uint64_t event_overflows{0};  // events were lost
    std::uint64_t watches_lost{0};
    // Of what processes of containers, and of services with mounts of their own, wanted to do, by who denied
    // it: see denied_by.
    std::array<std::uint64_t, 3> denials{};
    std::uint64_t unannounced{0};  // found by a full pass, announced by no event
    std::uint64_t full_passes{0};
    std::uint64_t last_full_pass_us{0};  // how long it took
    std::uint64_t evaluations{0};
    std::uint64_t store_losses{0};      // databases that were damaged and set aside
    std::uint64_t lost_transitions{0};  // that the store could not take for too long
    // Of what our fixes healed, how long it had been out of line (1 ms to 1 h); upper bounds in microseconds
    // and one more for the rest.
    static constexpr std::array<std::uint64_t, 13> bounds_us{
        1000,    2500,      5000,       10'000,     25'000,      50'000,       100'000,
        250'000, 1'000'000, 10'000'000, 60'000'000, 600'000'000, 3'600'000'000};
    std::array<std::uint64_t, bounds_us.size() + 1> healed_after{};
    std::uint64_t healed_after_sum_us{0};
};

// Everything that the metrics tell of.
struct Measures {
    Status status{};
    Counters counters{};
    std::array<std::array<std::size_t, 5>, 5> findings{};  // by policy::Status, then by policy::Severity
    // By engine, as modules/containers names them; nullopt: nothing could be said of containers.
    std::optional<std::map<std::string, std::size_t>> containers{};
};

struct Planned {
    std::string control;
    std::string subject;
    policy::Mode mode{policy::Mode::audit};
    policy::FixClass cls{policy::FixClass::never_automatic};
    std::string summary;
    std::string preview;  // a unified diff for files, "old -> new" for everything else
};

struct Job {
    enum class State { waiting, running, done, failed };
    std::uint64_t id{0};
    std::string verb;  // "apply" or "undo"
    State state{State::waiting};
    std::uint32_t steps_done{0};
    std::uint32_t steps_total{0};        // 0 while it is not known
    std::string message;                 // what happens now; with `failed`: why, and what to do next
    std::uint64_t journal_entry{0};      // of the changes it made; 0: none
    std::vector<std::string> changes{};  // one line for each carried-out change
};

inline constexpr std::array<std::string_view, 4> job_state_names{"waiting", "running", "done", "failed"};

struct ApplyRequest {
    std::vector<std::string> controls{};             // ids or globs; empty: all
    bool enforced_only{false};                       // only findings in mode `enforce`
    policy::FixClass allow{policy::FixClass::live};  // the costliest class that may be carried out
};

// One container that is there now, as modules/containers found it.
struct ContainerRow {
    std::string id;    // 12 characters, or what the kernel's side tells
    std::string name;  // a hint of the engine's files; may be empty
    std::string
        engine;  // "podman", "docker", "cri-o", "containerd", "nspawn", "lxc", "kata", "gvisor", "unknown"
    bool rootless{false};
    std::uint32_t owner{0};  // uid outside
    std::int32_t pid{0};     // of its first process
    Time started{};
    std::string cgroup;
    std::size_t failing{0};  // findings of ctr.* controls on it
    std::optional<policy::Severity> worst{};
};

// Told of what happens; calls must return at once and must not call back into the Api.
class Listener {
  public:
    virtual ~Listener() = default;
    virtual void on_transition(const Transition& transition) = 0;
    virtual void on_status(const Status& status) = 0;  // when anything in it changed
    virtual void on_job(const Job& job) = 0;
};

class Api {
  public:
    virtual ~Api() = default;
    [[nodiscard]] virtual Status status() const = 0;
    [[nodiscard]] virtual Counters counters() const = 0;
    [[nodiscard]] virtual Measures measures() const = 0;
    [[nodiscard]] virtual std::vector<Tracked> findings(const FindingFilter& filter) const = 0;
    [[nodiscard]] virtual Changes changes(std::uint64_t after) const = 0;
    [[nodiscard]] virtual Result<std::vector<Transition>> history(const HistoryQuery& query) const = 0;
    [[nodiscard]] virtual Result<std::vector<ContainerRow>> containers() const = 0;
    // Looks again at everything that is selected, first.
    [[nodiscard]] virtual Result<std::vector<Planned>> plan(const ApplyRequest& request) = 0;
    // Code::busy: a job has not ended yet. The job begins after this has returned.
    [[nodiscard]] virtual Result<std::uint64_t> apply(const ApplyRequest& request) = 0;
    [[nodiscard]] virtual Result<std::uint64_t> undo(std::uint64_t journal_entry) = 0;
    // Code::not_found for an id that never was or is too old (the newest 64 are kept).
    [[nodiscard]] virtual Result<Job> job(std::uint64_t id) const = 0;
    // Reads the policy again. An error is also in status().policy_problems; the last good one stays in force.
    [[nodiscard]] virtual Result<void> reload() = 0;
    // A full pass, now.
    virtual void look_again() = 0;
    // `listener` must outlive the Api or be taken away again.
    virtual void listen(Listener* listener) = 0;
    virtual void forget_listener(Listener* listener) = 0;
};

}  // namespace plimsoll::daemon
