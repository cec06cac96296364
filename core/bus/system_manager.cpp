// SPDX-License-Identifier: Apache-2.0
#include "core/bus/system_manager.hpp"

#include "core/bus/compat.hpp"
#include "core/bus/guard.hpp"
#include "core/bus/managers.hpp"

#include <algorithm>
#include <array>
#include <map>
#include <string_view>

#include <poll.h>

namespace plimsoll::bus {
namespace {

using Clock = std::chrono::steady_clock;

// What a job that did not end with "done" means for its caller; systemd.directives' JobRemoved results.
Result<void> judge(const std::string& what, const std::string& result) {
    if (result == "done" || result == "skipped")
        return {};
    if (result == "timeout" || result == "canceled")
        return fail(Code::busy, what + ": the job ended with '" + result + "'");
    return fail(Code::io, what + ": the job ended with '" + result + "'");
}

int milliseconds_until(Clock::time_point t) {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(t - Clock::now()).count();
    return static_cast<int>(std::clamp<std::int64_t>(left, 0, 60'000));
}

class SystemdManager final : public host::ServiceManager {
  public:
    SystemdManager(std::unique_ptr<sdbus::IConnection> connection, std::chrono::milliseconds deadline)
        : connection_(std::move(connection)),
          manager_(make_proxy(*connection_, managers::systemd, managers::systemd_path)),
          deadline_(deadline) {
        manager_->uponSignal("JobRemoved")
            .onInterface(managers::systemd_manager)
            .call([this](std::uint32_t, const sdbus::ObjectPath& job, const std::string&,
                         const std::string& result) { ended_[job] = result; });
        signals_registered(*manager_);
        // Without a subscriber systemd announces no job.
        manager_->callMethod("Subscribe").onInterface(managers::systemd_manager);
    }

    Result<std::string> active_state(const std::string& unit) override {
        PLIMSOLL_TRY(const auto states,
                     guarded("ask for the state of " + unit, [&] { return states_of(unit); }));
        if (states.load == "not-found")
            return fail(Code::not_found, unit + ": no such unit");
        return states.active;
    }

    Result<void> start(const std::string& unit) override { return run_job("start", "StartUnit", unit); }

    Result<void> stop(const std::string& unit) override { return run_job("stop", "StopUnit", unit); }

    Result<void> restart(const std::string& unit) override { return run_job("restart", "RestartUnit", unit); }

    Result<void> reload_manager() override {
        return guarded("reload the service manager", [&] {
            manager_->callMethod("Reload").onInterface(managers::systemd_manager).withTimeout(as_timeout());
        });
    }

    Result<void> set_linger(std::uint32_t uid, bool linger) override {
        const std::string what = (linger ? "let uid " : "do not let uid ") + std::to_string(uid) + " linger";
        PLIMSOLL_CHECK(guarded(what, [&] {
            constexpr bool may_ask_a_person = false;
            make_proxy(*connection_, managers::logind, managers::logind_path)
                ->callMethod("SetUserLinger")
                .onInterface(managers::logind_manager)
                .withTimeout(as_timeout())
                .withArguments(uid, linger, may_ask_a_person);
        }));
        if (linger)
            return done_by_logind(what, start(user_manager_of(uid)));
        PLIMSOLL_TRY(const bool kept, has_session(uid));
        return kept ? Result<void>() : done_by_logind(what, end_user(uid));
    }

  private:
    static std::string user_manager_of(std::uint32_t uid) {
        return "user@" + std::to_string(uid) + ".service";
    }

    // The codes that say that logind did nothing are no longer true.
    static Result<void> done_by_logind(const std::string& what, Result<void> job) {
        if (!job && (job.error().code == Code::not_found || job.error().code == Code::unsupported))
            job.error().code = Code::io;
        return job ? Result<void>() : Failure(std::move(job).error().context(what));
    }

    // logind forgets a user whom nothing keeps before it answers the next question.
    Result<bool> has_session(std::uint32_t uid) {
        const auto state = guarded("ask logind for uid " + std::to_string(uid), [&] {
            sdbus::ObjectPath path;
            make_proxy(*connection_, managers::logind, managers::logind_path)
                ->callMethod("GetUser")
                .onInterface(managers::logind_manager)
                .withArguments(uid)
                .storeResultsTo(path);
            const auto user = make_proxy(*connection_, managers::logind, path);
            return user->getProperty("State").onInterface(managers::user).get<std::string>();
        });
        if (!state)
            return state.error().code == Code::not_found ? Result<bool>(false) : Failure(state.error());
        return *state == "active" || *state == "online";
    }

    // logind has begun this already; waited for, so that nothing of the user runs when his account goes.
    Result<void> end_user(std::uint32_t uid) {
        for (const auto& unit :
             {user_manager_of(uid), "user-runtime-dir@" + std::to_string(uid) + ".service"}) {
            auto stopped = stop(unit);
            if (!stopped && stopped.error().code != Code::not_found)
                return stopped;
        }
        return {};
    }

    struct States {
        std::string load;
        std::string active;
    };

    // Loads the unit's files if need be, as systemctl does.
    States states_of(const std::string& unit) {
        sdbus::ObjectPath path;
        manager_->callMethod("LoadUnit")
            .onInterface(managers::systemd_manager)
            .withArguments(unit)
            .storeResultsTo(path);
        const auto proxy = make_proxy(*connection_, managers::systemd, path);
        const auto property = [&](const char* name) {
            return proxy->getProperty(name).onInterface(managers::unit).get<std::string>();
        };
        return {property("LoadState"), property("ActiveState")};
    }

    [[nodiscard]] std::chrono::microseconds as_timeout() const { return deadline_; }

    Result<void> run_job(const std::string& verb, const char* method, const std::string& unit) {
        const std::string what = verb + " " + unit;
        const auto deadline = Clock::now() + deadline_;
        ended_.clear();
        const auto job = guarded(what, [&] {
            sdbus::ObjectPath path;
            manager_->callMethod(method)
                .onInterface(managers::systemd_manager)
                .withTimeout(as_timeout())
                .withArguments(unit, std::string("replace"))
                .storeResultsTo(path);
            return path;
        });
        if (!job)
            return Failure(job.error());
        PLIMSOLL_TRY(const bool ended, guarded(what, [&] { return wait_for(*job, deadline); }));
        if (!ended)
            return fail(Code::busy,
                        what + ": did not end within " + std::to_string(deadline_.count() / 1000) + " s");
        return judge(what, ended_.at(*job));
    }

    bool wait_for(const std::string& job, Clock::time_point deadline) {
        while (!ended_.contains(job)) {
            if (process_one(*connection_))
                continue;
            if (Clock::now() >= deadline)
                return false;
            const auto poll_data = connection_->getEventLoopPollData();
            std::array<pollfd, 2> fds{{{poll_data.fd, poll_data.events, 0}, {wake_fd(poll_data), POLLIN, 0}}};
            auto until = deadline;
            if (const auto t = wake_time(poll_data))  // steady_clock is CLOCK_MONOTONIC
                until = std::min(until, Clock::time_point(*t));
            (void)::poll(fds.data(), fds.size(), milliseconds_until(until));
        }
        return true;
    }

    std::unique_ptr<sdbus::IConnection> connection_;
    std::unique_ptr<sdbus::IProxy> manager_;
    std::chrono::milliseconds deadline_;
    std::map<std::string, std::string> ended_{};  // job path -> result
};

}  // namespace

Result<std::unique_ptr<host::ServiceManager>> connect_system_manager(std::chrono::milliseconds job_deadline) {
    auto manager = guarded("connect to systemd on the system bus", [&] {
        return std::unique_ptr<host::ServiceManager>(
            std::make_unique<SystemdManager>(sdbus::createSystemBusConnection(), job_deadline));
    });
    // However the connection failed, there is no manager to ask.
    if (!manager && manager.error().code != Code::permission)
        manager.error().code = Code::unsupported;
    return manager;
}

}  // namespace plimsoll::bus
