// SPDX-License-Identifier: Apache-2.0
// containers.conf(5): merged in every layering and judged, as a user's own file.
#include "modules/rootless/engine_config_judge.hpp"

#include <cstdlib>

using namespace plimsoll;
using namespace plimsoll::modules::rootless;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string text(reinterpret_cast<const char*>(data), size);
    const std::string path = "/home/alice/.config/containers/containers.conf";
    EngineConfigFacts facts{
        .users = std::vector<RootlessUser>{{.name = "alice", .uid = 1000, .home = "/home/alice"}},
        .podman = {.present = true}};
    facts.containers = with_file({}, path, text);
    facts.registries.emplace(path, facts.containers.files.at(path));
    const auto findings = EngineConfig::evaluate({}, {}, facts, {});
    const bool broken = !facts.containers.files.at(path).content.has_value();
    for (const auto& f : findings) {
        // A file that podman refuses is never a pass of the user whose file it is.
        if (broken && f.subject == "alice" && f.control.starts_with("containers.conf.") &&
            f.status == policy::Status::pass)
            std::abort();
        // Nothing a user writes is repaired by changing the system.
        if (f.subject == "alice" && f.fix && !f.fix->changes.empty())
            std::abort();
    }
    return 0;
}
