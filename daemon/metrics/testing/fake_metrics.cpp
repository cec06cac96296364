// SPDX-License-Identifier: Apache-2.0
// plimsoll_fake_metrics ROOT: the real metrics over invented measures, with the nastiest names there are, on
// ROOT/run/plimsoll/metrics.sock and in ROOT/var/metrics/plimsoll.prom, until SIGTERM. Limits are short: 8
// clients, a second for each, a pause of half a second. At SIGUSR1 something changes; each line on
// stdout is what a report said.
#include "core/host/sysroot.hpp"
#include "daemon/metrics/render.hpp"
#include "daemon/metrics/server.hpp"
#include "daemon/metrics/textfile.hpp"

#include <csignal>
#include <cstdio>

namespace {

using namespace plimsoll;
using namespace plimsoll::daemon;
using namespace std::chrono_literals;

Measures invented() {
    Measures out{.status = {.line = Line::outside, .last_full_pass = Time(1'700'000'000s)},
                 .containers = std::map<std::string, std::size_t>{{"podman", 2}}};
    const std::string nasty = "a\"} 1\n# EOF\n\x1b[2J\\\xff\xc3\r{b=\"\u202e\u00e9,";
    out.status.profile = out.status.version = out.status.policy_digest = nasty;
    // Enough to fill a socket's buffer when it is not read from.
    for (int i = 0; i < 150; ++i) {
        out.status.contested.push_back({std::to_string(i), nasty});
        out.status.contested.push_back({nasty, nasty + std::string(300, 'x') + std::to_string(i)});
    }
    out.counters.healed_after = {1, 2, 3};
    out.counters.healed_after_sum_us = 12'345;
    return out;
}

void say(const std::string& line) {
    (void)std::printf("%s\n", line.c_str());
    (void)std::fflush(stdout);
}

}  // namespace

int main(int argc, char** argv) {
    (void)std::signal(SIGPIPE, SIG_IGN);
    const auto loop = bus::EventLoop::make();
    const auto root = argc > 1 ? host::Sysroot::open(argv[1]) : fail(Code::invalid_input, "no root");
    if (!loop || !root)
        return 2;
    Measures measures = invented();
    const auto text = [&](metrics::Dialect dialect) {
        return [&measures, dialect] { return metrics::render(measures, dialect); };
    };
    const auto server =
        metrics::Server::make(*loop, *root, "/run/plimsoll/metrics.sock", text(metrics::Dialect::openmetrics),
                              {.clients = 8, .deadline = 1000ms, .per_second = 200});
    if (!server) {
        say(server.error().message);
        return 1;
    }
    metrics::Textfile file(*root, {.path = "/var/metrics/plimsoll.prom",
                                   .text = text(metrics::Dialect::textfile),
                                   .report = [](const std::string& p) { say(p.empty() ? "written" : p); },
                                   .pause = 500ms});
    const auto term = loop->on_signal(SIGTERM, [&] { loop->quit(0); });
    const auto change = loop->on_signal(SIGUSR1, [&] {
        ++measures.counters.drifts;
        file.on_status(measures.status);
    });
    if (!file.attach(*loop) || !term || !change)
        return 1;
    say("ready");
    return loop->run().value_or(3);
}
