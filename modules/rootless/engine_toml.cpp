// SPDX-License-Identifier: Apache-2.0
#include "modules/rootless/engine_toml.hpp"

#include "core/base/toml.hpp"

namespace plimsoll::modules::rootless {

std::string ConfigFile::place(const Value* v) const {
    return v != nullptr && v->where.line > 0 ? path + ":" + std::to_string(v->where.line) : path;
}

std::optional<ConfigFile> read_toml(const host::Sysroot& root, const std::string& path,
                                    std::vector<Error>& problems) {
    constexpr std::size_t max_size = std::size_t{1} << 20;
    const auto text = root.read(path, max_size);
    if (!text) {
        if (text.error().code != Code::not_found)
            problems.push_back(text.error());
        return std::nullopt;
    }
    auto parsed = parse_toml(*text, path);
    if (!parsed) {
        problems.push_back(std::move(parsed).error());
        return std::nullopt;
    }
    return ConfigFile{path, *std::move(parsed)};
}

std::vector<EngineCommand> engine_commands(const host::Host& host, const Inventory& inventory,
                                           std::string_view engine, std::vector<Error>& problems) {
    std::vector<EngineCommand> out;
    for (const EngineUnit& u : inventory.units) {
        if (u.engine != engine || u.file.masked || u.rootless)
            continue;
        if (u.script)
            problems.push_back(script_hides(u));
        const auto environment = unit_environment(host, u.file);
        problems.insert(problems.end(), environment.problems.begin(), environment.problems.end());
        for (const auto& line : u.runs)
            out.push_back(
                {expand(command_words(line.value), environment.values), environment.values, line.source});
    }
    if (inventory.processes)
        for (const EngineProcess& p : *inventory.processes)
            if (p.engine == engine && p.parent_engine.empty() && (p.rootful() || p.undecided()))
                out.push_back({p.argv, {}, "pid " + std::to_string(p.pid)});
    problems.insert(problems.end(), inventory.unit_problems.begin(), inventory.unit_problems.end());
    return out;
}

}  // namespace plimsoll::modules::rootless
