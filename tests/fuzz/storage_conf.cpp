// SPDX-License-Identifier: Apache-2.0
// storage.conf(5): judged, and the line edit of its fix, which must be TOML that passes.
#include "core/base/toml.hpp"
#include "modules/rootless/engine_config_judge.hpp"

#include <cstdlib>

using namespace plimsoll;
using namespace plimsoll::modules::rootless;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string text(reinterpret_cast<const char*>(data), size);
    const std::string path = "/etc/containers/storage.conf";
    EngineConfigFacts facts{.users = std::vector<RootlessUser>{},
                            .podman = {.present = true, .version = "5.4.2"}};
    facts.storage = with_file({}, path, text);
    for (const auto& f : judge_storage({}, facts)) {
        if (!f.fix || f.fix->changes.empty())
            continue;
        const auto* write = std::get_if<policy::WriteFile>(&f.fix->changes.front());
        if (write == nullptr)
            continue;
        EngineConfigFacts after = facts;
        after.storage = with_file({}, path, write->content);
        if (!parse_toml(write->content, path) ||
            judge_storage({}, after).front().status != policy::Status::pass)
            std::abort();
    }
    return 0;
}
