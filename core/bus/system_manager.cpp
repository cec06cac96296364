// SPDX-License-Identifier: Apache-2.0
#include "core/bus/system_manager.hpp"

#include "core/bus/compat.hpp"
#include "core/bus/errors.hpp"

#include <algorithm>
#include <array>
#include <map>
#include <string_view>

#include <poll.h>

namespace plimsoll::bus {
namespace {

using Clock = std::chrono::steady_clock;

constexpr const char* service = "org.freedesktop.systemd1";
constexpr const char* manager_path = "/org/freedesktop/systemd1";
constexpr const char* manager_interface = "org.freedesktop.systemd1.Manager";
constexpr const char* unit_interface = "org.freedesktop.systemd1.Unit";

// sdbus-c++ throws; the edge of this room is here.
template <class F>
auto guarded(const std::string& what, F&& f) -> Result<decltype(f())> {
    try {
        if constexpr (std::is_void_v<decltype(f())>) {
            f();
            return {};
        } else {
            return f();
        }
    } catch (const sdbus::Error& e) {
        return fail(code_of_name(std::string(e.getName())), what + ": " + e.getMessage());
    } catch (const std::exception& e) {
        return fail(Code::internal, what + ": " + e.what());
    }
}

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
          manager_(make_proxy(*connection_, service, manager_path)),
          deadline_(deadline) {
        manager_->uponSignal("JobRemoved")
            .onInterface(manager_interface)
            .call([this](std::uint32_t, const sdbus::ObjectPath& job, const std::string&,
                         const std::string& result) { ended_[job] = result; });
        signals_registered(*manager_);
        // Without a subscriber systemd announces no job.
        manager_->callMethod("Subscribe").onInterface(manager_interface);
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
            manager_->callMethod("Reload").onInterface(manager_interface).withTimeout(as_timeout());
        });
    }

  private:
    struct States {
        std::string load;
        std::string active;
    };

    // Loads the unit's files if need be, as systemctl does.
    States states_of(const std::string& unit) {
        sdbus::ObjectPath path;
        manager_->callMethod("LoadUnit")
            .onInterface(manager_interface)
            .withArguments(unit)
            .storeResultsTo(path);
        const auto proxy = make_proxy(*connection_, service, path);
        const auto property = [&](const char* name) {
            return proxy->getProperty(name).onInterface(unit_interface).get<std::string>();
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
                .onInterface(manager_interface)
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
