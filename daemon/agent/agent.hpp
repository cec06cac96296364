// SPDX-License-Identifier: Apache-2.0
// The heart of plimsolld: looks when something moved, tells what changed, heals what the policy enforces, and
// remembers. Everything happens on one loop; see docs/daemon.md.
#pragma once
#include "core/bus/event_loop.hpp"
#include "core/host/host.hpp"
#include "core/host/service_manager.hpp"
#include "daemon/api.hpp"
#include "daemon/log.hpp"
#include "daemon/store/store.hpp"
#include "daemon/watch/watcher.hpp"

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace plimsoll::daemon {

struct AgentOptions {
    std::vector<std::string> policy_paths{};         // empty: the host's policy directories
    policy::FixClass allow{policy::FixClass::live};  // the costliest class that is carried out by itself
    std::chrono::seconds full_pass{std::chrono::minutes(15)};  // give or take a tenth
    StoreLimits store{};
    host::ServiceManager* services{nullptr};  // null: fixes that need it fail
    std::string version{};
    Log log{};
    Fd audit{};  // a socket of the audit records that somebody opened for us; or none
};

class Agent final : public Api {
  public:
    // `loop`, `host` (whose state_dir() is used) and `modules` must outlive it. Code::invalid_input:
    // `policy_paths` are refused.
    [[nodiscard]] static Result<std::unique_ptr<Agent>> make(const bus::EventLoop& loop,
                                                             const host::Host& host,
                                                             const policy::Modules& modules,
                                                             AgentOptions options);
    ~Agent() override;
    Agent(const Agent&) = delete;
    Agent& operator=(const Agent&) = delete;
    Agent(Agent&&) = delete;
    Agent& operator=(Agent&&) = delete;

    // Looks at everything for the first time; from then on the loop drives it.
    void start();

    // What the watcher tells.
    void on_event(const Event& event);

    // Processes came or went, as somebody else tells: who looks at all of them looks again.
    void processes_changed(const std::string& cause);

    // A trouble of another part of the daemon, for Status::degraded; "" ends it.
    void set_trouble(const std::string& part, const std::string& trouble);

    [[nodiscard]] Status status() const override;
    [[nodiscard]] Counters counters() const override;
    [[nodiscard]] Measures measures() const override;
    [[nodiscard]] std::vector<Tracked> findings(const FindingFilter& filter) const override;
    [[nodiscard]] Changes changes(std::uint64_t after) const override;
    [[nodiscard]] Result<std::vector<Transition>> history(const HistoryQuery& query) const override;
    [[nodiscard]] Result<std::vector<ContainerRow>> containers() const override;
    [[nodiscard]] Result<std::vector<Planned>> plan(const ApplyRequest& request) override;
    [[nodiscard]] Result<std::uint64_t> apply(const ApplyRequest& request) override;
    [[nodiscard]] Result<std::uint64_t> undo(std::uint64_t journal_entry) override;
    [[nodiscard]] Result<Job> job(std::uint64_t id) const override;
    // Ends what is contested, too.
    [[nodiscard]] Result<void> reload() override;
    void look_again() override;
    void listen(Listener* listener) override;
    void forget_listener(Listener* listener) override;

  private:
    struct State;
    explicit Agent(std::unique_ptr<State> state);
    std::unique_ptr<State> state_;
};

}  // namespace plimsoll::daemon
