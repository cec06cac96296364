// SPDX-License-Identifier: Apache-2.0
// plimsolld: keeps a host inside its line. Sets everything up and hands over to the loop (docs/daemon.md).
#include "core/base/text.hpp"
#include "core/bus/event_loop.hpp"
#include "core/bus/inherited.hpp"
#include "core/bus/manager_signals.hpp"
#include "core/host/atomic_file.hpp"
#include "core/host/state_lock.hpp"
#include "daemon/agent/agent.hpp"
#include "daemon/bus/service.hpp"
#include "daemon/messages.hpp"
#include "daemon/metrics/render.hpp"
#include "daemon/metrics/server.hpp"
#include "daemon/metrics/textfile.hpp"
#include "daemon/options.hpp"
#include "daemon/services.hpp"
#include "modules/all.hpp"

#include <algorithm>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <optional>
#include <utility>

#include <sys/stat.h>
#include <unistd.h>

namespace {

using namespace plimsoll;
using namespace plimsoll::daemon;

enum Exit { exit_ok = 0, exit_failed = 1, exit_usage = 2, exit_not_permitted = 4 };

int exit_code_of(const Error& error) {
    return error.code == Code::permission      ? exit_not_permitted
           : error.code == Code::invalid_input ? exit_usage
                                               : exit_failed;
}

// "inside the line; 131 pass, 2 excepted", for systemctl status. A line a second at most: sd_notify(3) waits
// for a reader that does not keep up.
class Summary final : public Listener {
  public:
    Result<void> attach(const bus::EventLoop& loop) {
        PLIMSOLL_TRY(timer_, loop.on_time(pause, pause / 10, [this] { send(); }));
        timer_.enable(false);
        return {};
    }

    void on_transition(const Transition&) override {}

    void on_job(const Job&) override {}

    void on_status(const daemon::Status& status) override {
        next_ = text(status);
        if (!std::exchange(waiting_, true))
            timer_.call_after(std::max(std::chrono::ceil<std::chrono::microseconds>(
                                           sent_at_ + pause - std::chrono::steady_clock::now()),
                                       std::chrono::microseconds(0)));
    }

    [[nodiscard]] static std::string text(const daemon::Status& status) {
        std::string out = status.line == Line::inside    ? "inside the line"
                          : status.line == Line::outside ? "outside the line"
                                                         : "not known to be inside the line";
        std::string sep = "; ";
        for (std::size_t i = 0; i < status.counts.size(); ++i)
            if (status.counts.at(i) != 0) {
                out +=
                    sep + std::to_string(status.counts.at(i)) + " " + std::string(policy::status_names.at(i));
                sep = ", ";
            }
        if (status.healed_today != 0)
            out += "; " + std::to_string(status.healed_today) + " healed today";
        if (!status.degraded.empty())
            out += "; degraded";
        return out;
    }

  private:
    static constexpr std::chrono::seconds pause{1};

    void send() {
        waiting_ = false;
        if (next_ == sent_)
            return;
        sent_ = next_;
        sent_at_ = std::chrono::steady_clock::now();
        bus::notify_service_manager("STATUS=" + sent_);
    }

    bus::Source timer_{};
    bool waiting_{false};
    std::string next_{};
    std::string sent_{};
    std::chrono::steady_clock::time_point sent_at_{};
};

std::string reloading() {
    struct timespec now{};
    (void)::clock_gettime(CLOCK_MONOTONIC, &now);
    return "RELOADING=1\nMONOTONIC_USEC=" +
           std::to_string(static_cast<std::int64_t>(now.tv_sec) * 1'000'000 + now.tv_nsec / 1000);
}

class Daemon {
  public:
    Daemon(Options options, Log log, Fd audit)
        : options_(std::move(options)), log_(std::move(log)), audit_(std::move(audit)) {}

    int run() {
        const auto done = set_up();
        if (!done) {
            log_(Level::error, done.error().message, {});
            return exit_code_of(done.error());
        }
        agent_->start();
        const daemon::Status status = agent_->status();
        log_(Level::notice, "looks after " + printable(status.root, 4096) + ": " + Summary::text(status),
             {messages::started,
              {{"ROOT", printable(status.root, 4096)},
               {"VERSION", status.version},
               {"PROFILE", printable(status.profile)},
               {"POLICY_DIGEST", status.policy_digest}}});
        serve_metrics();
        if (const auto served = serve_bus(); !served) {
            log_(Level::error, served.error().message, {});
            return exit_code_of(served.error());
        }
        bus::notify_service_manager("READY=1\nSTATUS=" + Summary::text(status));
        const auto code = loop_->run();
        bus::notify_service_manager("STOPPING=1");
        if (!code)
            log_(Level::error, code.error().message, {});
        log_(Level::notice, "ends", {.id = messages::stopped});
        return code.value_or(exit_failed);
    }

  private:
    Result<void> set_up() {
        PLIMSOLL_TRY(host_, host::Host::open(options_.root));
        host_->use_state_dir(options_.state);
        if (host_->live() && ::geteuid() != 0)
            return fail(Code::permission, "looking after the running host takes root");
        PLIMSOLL_TRY(loop_, bus::EventLoop::make());
        const auto alone = be_alone();
        if (!alone && alone.error().code == Code::busy)
            return alone;
        PLIMSOLL_TRY(agent_, Agent::make(*loop_, *host_, modules_, agent_options()));
        PLIMSOLL_CHECK(summary_.attach(*loop_));
        agent_->listen(&summary_);
        if (!alone)
            agent_->set_trouble("state", "a second plimsolld is not kept out: " + alone.error().message);
        PLIMSOLL_TRY(term_, loop_->on_signal(SIGTERM, [this] { loop_->quit(exit_ok); }));
        PLIMSOLL_TRY(interrupt_, loop_->on_signal(SIGINT, [this] { loop_->quit(exit_ok); }));
        PLIMSOLL_TRY(hangup_, loop_->on_signal(SIGHUP, [this] { reload(); }));
        return loop_->watchdog();
    }

    // A directory that cannot be written to is no reason not to look after the host.
    Result<void> be_alone() {
        PLIMSOLL_CHECK(host::make_private_directory(host_->root(), options_.state));
        PLIMSOLL_TRY(alone_, host::StateLock::take(host_->root(), options_.state, "plimsolld.lock",
                                                   "another plimsolld looks after this host"));
        return {};
    }

    AgentOptions agent_options() {
        return {.policy_paths = options_.policy,
                .allow = options_.allow,
                .full_pass = options_.full_pass,
                .services = host_->live() ? &services_ : nullptr,
                .version = PLIMSOLL_VERSION,
                .log = log_,
                .audit = std::move(audit_)};
    }

    Result<void> serve_bus() {
        if (options_.bus == BusChoice::none)
            return {};
        ServeOptions serving{.kind = options_.bus == BusChoice::system ? BusKind::system : BusKind::session,
                             .report = [this](const std::string& problem) {
                                 agent_->set_trouble("bus", problem);
                                 log_(problem.empty() ? Level::notice : Level::warning,
                                      problem.empty() ? "on the bus again" : problem, {});
                             }};
        PLIMSOLL_TRY(service_, serve(*loop_, *agent_, std::move(serving)));
        return hear_managers();
    }

    // Those of the running host are on its system bus.
    Result<void> hear_managers() {
        if (options_.bus != BusChoice::system || !host_->live())
            return {};
        PLIMSOLL_TRY(managers_,
                     bus::ManagerSignals::make(
                         *loop_, {.news = [this](const auto& cause) { agent_->processes_changed(cause); },
                                  .report = [this](const auto& p) { agent_->set_trouble("managers", p); }}));
        return {};
    }

    void metrics_trouble(const std::string& part, const std::string& problem) {
        agent_->set_trouble(part, problem);
        if (!problem.empty())
            log_(Level::warning, problem, {});
    }

    // Nobody to look at the metrics is no reason not to look after the host.
    void serve_metrics() {
        using metrics::Dialect;
        const auto text = [this](Dialect dialect) {
            return [this, dialect] { return metrics::render(agent_->measures(), dialect); };
        };
        if (!options_.metrics_socket.empty()) {
            auto made = metrics::Server::make(*loop_, host_->root(), options_.metrics_socket,
                                              text(Dialect::openmetrics));
            if (made)
                metrics_.emplace(*std::move(made));
            else
                metrics_trouble("metrics", "no metrics: " + made.error().message);
        }
        if (options_.metrics_textfile.empty())
            return;
        textfile_.emplace(host_->root(), metrics::Textfile::Options{.path = options_.metrics_textfile,
                                                                    .text = text(Dialect::textfile),
                                                                    .report = [this](const auto& p) {
                                                                        metrics_trouble("textfile", p);
                                                                    }});
        if (const auto attached = textfile_->attach(*loop_); !attached)
            return metrics_trouble("textfile", attached.error().message);
        agent_->listen(&*textfile_);
    }

    void reload() {
        bus::notify_service_manager(reloading());
        (void)agent_->reload();  // says by itself what is wrong
        bus::notify_service_manager("READY=1");
    }

    Options options_;
    Log log_;
    Fd audit_;
    Services services_{};
    policy::Modules modules_{modules::all()};
    std::optional<host::Host> host_{};
    std::optional<host::StateLock> alone_{};
    std::optional<bus::EventLoop> loop_{};
    Summary summary_{};
    std::optional<metrics::Textfile> textfile_{};
    std::unique_ptr<Agent> agent_{};
    std::unique_ptr<Service> service_{};
    std::unique_ptr<bus::ManagerSignals> managers_{};
    std::optional<metrics::Server> metrics_{};
    bus::Source term_{};
    bus::Source interrupt_{};
    bus::Source hangup_{};
};

}  // namespace

int main(int argc, char** argv) {
    Fd audit = bus::take_inherited("audit");  // and nothing else that was left open for us
    (void)::umask(077);
    (void)std::signal(SIGPIPE, SIG_IGN);
    (void)std::signal(SIGXFSZ, SIG_IGN);
    const auto options = daemon::parse_options(argc, argv);
    if (!options) {
        (void)std::fputs(options.error().text.c_str(),
                         options.error().exit_code == exit_ok ? stdout : stderr);
        return options.error().exit_code;
    }
    return Daemon(*options, log_to_stderr(), std::move(audit)).run();
}
