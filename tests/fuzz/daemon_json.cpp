// SPDX-License-Identifier: Apache-2.0
// daemon.json, and a command line of dockerd made from the same bytes: whatever they are, an edit gives a
// file that reads back.
#include "modules/rootless/cri.hpp"
#include "modules/rootless/docker_config.hpp"

#include <cstdlib>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace plimsoll::modules::rootless;
    const std::string text(reinterpret_cast<const char*>(data), size);
    const auto json = parse_daemon_json("/d", text);
    (void)json.place("icc");
    if (!json.problem) {
        const auto again = parse_daemon_json("/d", edit_daemon_json(json, {{"icc", false}}).content);
        if (again.problem || again.find("icc") == nullptr)
            std::abort();
    }
    const auto argv = command_words(text);
    const auto flags = parse_docker_flags(expand(argv, parse_environment(text)), "fuzz");
    (void)runtimes_of(json, flags);
    const auto tcp = [](const std::string& host) { return host.starts_with("tcp:"); };
    if (const auto kept = without_hosts(text, tcp); kept && without_hosts(*kept, tcp))
        std::abort();
    (void)crio_flags(argv, {}, "fuzz");
    (void)engine_of(argv);
    (void)starts_container(argv);
    return 0;
}
