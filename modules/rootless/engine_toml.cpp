// SPDX-License-Identifier: Apache-2.0
#include "modules/rootless/engine_toml.hpp"

#include "core/base/path.hpp"
#include "core/base/text.hpp"
#include "core/base/toml.hpp"

#include <algorithm>

namespace plimsoll::modules::rootless {
namespace {

// Itself, not by a wrapper that has options of its own for it ("snap run docker.dockerd").
bool calls(const std::vector<std::string>& argv, std::string_view engine) {
    const auto info = std::ranges::find(engine_table, engine, &EngineInfo::name);
    return engine_of(argv) == engine && std::ranges::any_of(argv, [&](const std::string& word) {
               return base_name(word) == info->program;
           });
}

void add_unit(const host::Host& host, const EngineUnit& unit, std::vector<EngineCommand>& out,
              std::vector<Error>& problems) {
    if (unit.script)
        return problems.push_back(script_hides(unit));
    const auto environment = unit_environment(host, unit.file);
    problems.insert(problems.end(), environment.problems.begin(), environment.problems.end());
    // The vendor's own service starts the engine, whatever it calls for that.
    const bool own =
        unit.file.name.ends_with(".service") && engine_of_unit_name(unit.file.name) == unit.engine;
    for (const auto& line : own ? unit.file.values("Service", "ExecStart") : unit.runs) {
        const auto written = command_words(line.value);
        auto argv = expand(written, environment.values);
        if (calls(argv, unit.engine)) {
            std::ranges::move(
                host::unset_variables(written, environment.values, host::ManagerOf::system, line.source),
                std::back_inserter(problems));
            out.push_back({std::move(argv), environment.values, line.source});
        } else if (own || engine_of(written) == unit.engine) {
            problems.push_back(fail(Code::unsupported, line.source + ": does not call " + unit.engine +
                                                           " itself, so that its options cannot be seen: " +
                                                           printable(line.value, 80))
                                   .error());
        }
    }
}

}  // namespace

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

EngineCommands unit_commands(const host::Host& host, const Inventory& inventory, std::string_view engine) {
    EngineCommands out;
    for (const EngineUnit& u : inventory.units)
        if (u.engine == engine && !u.file.masked && !u.rootless)
            add_unit(host, u, out.found, out.problems);
    return out;
}

std::vector<EngineCommand> engine_commands(const host::Host& host, const Inventory& inventory,
                                           std::string_view engine, std::vector<Error>& problems) {
    auto units = unit_commands(host, inventory, engine);
    problems.insert(problems.end(), units.problems.begin(), units.problems.end());
    auto out = std::move(units.found);
    if (!inventory.processes)
        problems.push_back(inventory.processes.error());
    else
        for (const EngineProcess& p : *inventory.processes)
            if (p.engine == engine && p.parent_engine.empty() && (p.rootful() || p.undecided()))
                out.push_back({p.argv, {}, "pid " + std::to_string(p.pid)});
    problems.insert(problems.end(), inventory.unit_problems.begin(), inventory.unit_problems.end());
    return out;
}

}  // namespace plimsoll::modules::rootless
