// SPDX-License-Identifier: Apache-2.0
// The object /org/plimsoll/Agent1: every method reads what was asked, has it authorised where it must be,
// asks the Api and answers. Nothing is thrown out of it.
#pragma once
#include "core/bus/compat.hpp"
#include "core/bus/event_loop.hpp"
#include "daemon/api.hpp"
#include "daemon/bus/authority.hpp"
#include "daemon/bus/wire.hpp"

#include <agent1_adaptor.hpp>

namespace plimsoll::daemon {

inline constexpr const char* service_name = "org.plimsoll.Agent1";
inline constexpr const char* object_path = "/org/plimsoll/Agent1";

class AgentObject final : public sdbus::AdaptorInterfaces<org::plimsoll::Agent1_adaptor>, public Listener {
  public:
    AgentObject(sdbus::IConnection& connection, const bus::EventLoop& loop, Api& api, BusKind kind);
    ~AgentObject() override;
    AgentObject(const AgentObject&) = delete;
    AgentObject& operator=(const AgentObject&) = delete;

    void on_transition(const Transition& transition) override;
    void on_status(const Status& status) override;
    void on_job(const Job& job) override;

  private:
    template <class... Out>
    using Answer = sdbus::Result<Out...>;
    using FindingRows = std::vector<wire::FindingRow>;

    void Findings(Answer<FindingRows>&& result, std::string controls, std::string statuses,
                  std::string at_least) override;
    void Changes(Answer<std::uint64_t, bool, FindingRows, std::vector<wire::GoneRow>>&& result,
                 std::uint64_t after) override;
    void History(Answer<std::vector<wire::TransitionRow>>&& result, std::uint64_t after, std::uint64_t since,
                 std::string controls, std::uint32_t limit) override;
    void Containers(Answer<std::vector<wire::ContainerColumns>>&& result) override;
    void Plan(Answer<std::vector<wire::PlannedRow>>&& result, std::string controls, bool enforced_only,
              std::string allow, bool interactive) override;
    void Apply(Answer<std::uint64_t>&& result, std::string controls, bool enforced_only, std::string allow,
               bool interactive) override;
    void Undo(Answer<std::uint64_t>&& result, std::uint64_t journal_entry, bool interactive) override;
    void GetJob(Answer<std::string, std::string, std::uint32_t, std::uint32_t, std::string, std::uint64_t,
                       std::vector<std::string>>&& result,
                std::uint64_t id) override;
    void Reload(Answer<>&& result, bool interactive) override;
    void LookAgain(Answer<>&& result, bool interactive) override;

    std::string Version() override;
    std::string Root() override;
    std::uint64_t Started() override;
    std::string Line() override;
    std::uint64_t LineSince() override;
    std::map<std::string, std::uint32_t> Counts() override;
    std::string Profile() override;
    std::string PolicyDigest() override;
    std::vector<std::string> PolicyProblems() override;
    std::uint64_t LastFullPass() override;
    std::uint64_t HealedToday() override;
    std::vector<wire::ContestedRow> Contested() override;
    std::vector<std::string> Degraded() override;

    void emit_status();
    // Asks for `action`, then answers with what `f` gives.
    template <class R, class F>
    void authorised(R&& result, Action action, bool interactive, F f);

    const bus::EventLoop& loop_;
    Api& api_;
    Authority authority_;
    bus::Source status_pending_{};
};

}  // namespace plimsoll::daemon
