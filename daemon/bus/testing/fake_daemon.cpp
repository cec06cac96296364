// SPDX-License-Identifier: Apache-2.0
// plimsoll_fake_daemon session|system [PRESENCE-SOCKET]: the real bus service over invented findings, until
// SIGTERM; each line on stdout is what a report said.
#include "daemon/bus/service.hpp"
#include "daemon/bus/testing/fake_api.hpp"

#include <csignal>
#include <cstdio>
#include <string_view>

int main(int argc, char** argv) {
    using namespace plimsoll;
    const auto loop = bus::EventLoop::make();
    if (!loop || argc < 2)
        return 2;
    daemon::testing::FakeApi api;
    daemon::ServeOptions options;
    options.kind = std::string_view(argv[1]) == "system" ? daemon::BusKind::system : daemon::BusKind::session;
    options.presence = argc > 2 ? argv[2] : "";
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
