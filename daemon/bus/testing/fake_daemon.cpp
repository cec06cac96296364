// SPDX-License-Identifier: Apache-2.0
// plimsoll_fake_daemon session|system [PRESENCE-SOCKET|"" [MOOD]]: the real bus service over invented
// findings, until SIGTERM; each line on stdout is what a report said. MOOD: "hostile" tells the nastiest text
// there is, "unobserved" and "outside" are where the line is, "blind" sees no containers.
#include "daemon/bus/service.hpp"
#include "daemon/bus/testing/fake_api.hpp"

#include <csignal>
#include <cstdio>
#include <string_view>

namespace {

using namespace plimsoll;

void set_mood(daemon::testing::FakeApi& api, std::string_view mood) {
    if (mood == "unobserved")
        api.state.line = daemon::Line::unobserved;
    if (mood == "outside")
        api.state.line = daemon::Line::outside;
    if (mood == "blind")
        api.running.clear();
    if (mood != "hostile")
        return;
    const std::string nasty = "\x1b[2J\x1b]0;owned\x07\r\nPASS\u202e\xff" + std::string(5000, 'x');
    auto& s = api.state;
    s.profile = s.policy_digest = s.root = s.version = nasty;
    s.policy_problems = s.degraded = std::vector<std::string>(50, nasty);
    s.contested.assign(50, {nasty, nasty, daemon::testing::at(1), 3, nasty});
    for (auto& t : api.list)
        t.finding.subject = t.finding.message = nasty;
    for (auto& t : api.past)
        t.subject = t.message = t.cause = t.control = t.healed_by = nasty;
    for (auto& c : api.running)
        c.id = c.name = c.engine = c.cgroup = nasty;
}

}  // namespace

int main(int argc, char** argv) {
    const auto loop = bus::EventLoop::make();
    if (!loop || argc < 2)
        return 2;
    daemon::testing::FakeApi api;
    set_mood(api, argc > 2 ? argv[2] : "");
    daemon::ServeOptions options;
    options.kind = std::string_view(argv[1]) == "system" ? daemon::BusKind::system : daemon::BusKind::session;
    options.report = [](const std::string& problem) {
        (void)std::printf("%s\n", problem.empty() ? "back" : problem.c_str());
        (void)std::fflush(stdout);
    };
    const auto term = loop->on_signal(SIGTERM, [&] { loop->quit(0); });
    const auto service = daemon::serve(*loop, api, options);
    if (!service) {
        (void)std::fprintf(stderr, "%s\n", service.error().message.c_str());
        return 1;
    }
    (void)std::printf("ready\n");
    (void)std::fflush(stdout);
    return loop->run().value_or(3);
}
