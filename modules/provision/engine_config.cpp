// SPDX-License-Identifier: Apache-2.0
// provision.engine-config: containers.conf, registries.conf and storage.conf as the policy states them.
#include "core/base/text.hpp"
#include "core/base/toml.hpp"
#include "modules/provision/judge.hpp"

#include <algorithm>

namespace plimsoll::modules::provision {
namespace {

using policy::Evidence;
using policy::Finding;

// The first line tells whose file it is, for people and for us.
constexpr std::string_view header =
    "# Managed by Plimsoll: edits are overwritten. Source: [provision] of the policy.\n";

std::string content_of(const Table& settings) {
    return std::string(header) + to_toml(settings);
}

Finding judge_ours(const ConfigFile& file, const std::string& wanted) {
    if (!file.text)
        return unknown(Control::engine_config, file.path, file.text.error());
    if (*file.text == wanted)
        return pass(Control::engine_config, file.path, "the file is as the policy states it");
    const bool absent = !file.text->has_value();
    return repair(Control::engine_config, file.path,
                  absent ? "the file is missing" : "the file is not as the policy states it",
                  absent ? "write the file" : "write the file anew",
                  {write_file(file.path, wanted, *file.text)},
                  {{file.path, absent ? "no such file" : "other content", "the content of the policy"}});
}

// What makes an engine look for its images and containers elsewhere: "driver", "graphroot" and the like.
std::vector<std::string> moved_storage(const Table& before, const Table& after) {
    std::vector<std::string> out;
    const Value a(before);
    const Value b(after);
    for (const char* key : {"driver", "graphroot", "runroot", "rootless_storage_path"}) {
        const Value* old_value = a.at("storage", key);
        const Value* new_value = b.at("storage", key);
        const bool same =
            old_value != nullptr && new_value != nullptr ? *old_value == *new_value : old_value == new_value;
        if (!same)
            out.emplace_back(key);
    }
    return out;
}

// The first places in which two texts differ, as a diff would mark them; a whole diff is the plan's business.
std::vector<Evidence> difference(const std::string& path, const std::string& found,
                                 const std::string& wanted) {
    const auto a = split_lines(found);
    const auto b = split_lines(wanted);
    std::vector<Evidence> out;
    for (std::size_t i = 0; i < a.size(); ++i)
        if (std::ranges::find(b, a[i]) == b.end() && !trim(a[i]).empty() && a[i].front() != '#')
            out.push_back({path + ":" + std::to_string(i + 1), printable(a[i]), "not in the policy"});
    for (const auto line : b)
        if (std::ranges::find(a, line) == a.end() && !trim(line).empty() && line.front() != '#')
            out.push_back({path, "no such line", printable(line)});
    if (out.size() > 20)
        out.resize(20);
    return out;
}

bool storage_in_use(const Facts& f) {
    return f.rootful_storage ||
           std::ranges::any_of(f.tenants, [](const auto& t) { return t.second.has_storage; });
}

Finding judge_storage(const Facts& f, const Table& settings) {
    const ConfigFile& file = f.storage_conf;
    const std::string wanted = content_of(settings);
    if (!file.text || *file.text == wanted)
        return judge_ours(file, wanted);
    const std::string found = file.text->value_or("");
    if (file.text->has_value() && !found.starts_with(header))
        return refuse(Control::engine_config, file.path, "the file is somebody else's, and differs",
                      "merge the settings by hand; or remove the file, and it will be written",
                      difference(file.path, found, wanted));
    const auto before = parse_toml(found, file.path);
    const Table empty;
    const auto moved =
        moved_storage(before && before->table() != nullptr ? *before->table() : empty, settings);
    if (!moved.empty() && storage_in_use(f))
        return refuse(
            Control::engine_config, file.path,
            "the change would hide the images and containers that are there (" + join(moved, ", ") + ")",
            "move or remove the old storage (podman system reset), then write the file by hand",
            difference(file.path, found, wanted));
    return judge_ours(file, wanted);
}

}  // namespace

std::vector<Finding> judge_engine_config(const Context& c) {
    std::vector<Finding> out;
    if (c.wanted.containers_conf)
        out.push_back(judge_ours(c.facts.containers_conf, content_of(*c.wanted.containers_conf)));
    if (c.wanted.registries_conf)
        out.push_back(judge_ours(c.facts.registries_conf, content_of(*c.wanted.registries_conf)));
    if (c.wanted.storage_conf)
        out.push_back(judge_storage(c.facts, *c.wanted.storage_conf));
    return out;
}

}  // namespace plimsoll::modules::provision
