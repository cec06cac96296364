// SPDX-License-Identifier: Apache-2.0
#include "modules/rootless/cri.hpp"

#include "core/base/json.hpp"
#include "core/base/text.hpp"
#include "core/base/toml.hpp"
#include "modules/rootless/docker_config.hpp"

#include <algorithm>
#include <array>
#include <filesystem>

namespace plimsoll::modules::rootless {
namespace {

constexpr std::size_t config_max = std::size_t{1} << 20;
constexpr std::size_t max_imports = 256;

// nullopt: no such file.
std::optional<ConfigFile> read_toml(const host::Sysroot& root, const std::string& path,
                                    std::vector<Error>& problems) {
    const auto text = root.read(path, config_max);
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

// Files that an import pattern names: a path, or a pattern in the last component.
std::vector<std::string> matches(const host::Sysroot& root, const std::string& pattern,
                                 std::vector<Error>& problems) {
    if (pattern.find_first_of("*?[") == std::string::npos)
        return {pattern};
    const auto dir = std::filesystem::path(pattern).parent_path().string();
    std::vector<std::string> out;
    const auto entries = root.list(dir);
    if (!entries) {
        if (entries.error().code != Code::not_found)
            problems.push_back(entries.error());
        return out;
    }
    for (const auto& e : *entries)
        if (glob_match(pattern, dir + "/" + e.name))
            out.push_back(dir + "/" + e.name);
    return out;
}

// Adds the files that `file` imports to `queue`, each once.
void follow_imports(const host::Sysroot& root, const ConfigFile& file, std::vector<std::string>& queue,
                    std::vector<Error>& problems) {
    const Value* imports = file.value.at("imports");
    if (imports == nullptr)
        return;
    const auto wrong = [&] {
        problems.push_back(
            fail(Code::invalid_input, file.place(imports) + ": imports is not a list of paths").error());
    };
    if (imports->array() == nullptr)
        return wrong();
    for (const Value& v : *imports->array()) {
        if (v.string() == nullptr)
            return wrong();
        const auto pattern = std::filesystem::path(file.path).parent_path() / *v.string();
        for (auto& path : matches(root, pattern.lexically_normal().string(), problems))
            if (std::ranges::find(queue, path) == queue.end())
                queue.push_back(std::move(path));
    }
}

void read_containerd(const host::Sysroot& root, const std::string& main, CriFacts& into) {
    std::vector<std::string> queue{main};
    for (std::size_t i = 0; i < queue.size() && i < max_imports; ++i) {
        auto file = read_toml(root, queue[i], into.containerd_problems);
        if (!file)
            continue;
        follow_imports(root, *file, queue, into.containerd_problems);
        into.containerd.push_back(*std::move(file));
    }
    if (queue.size() > max_imports)
        into.containerd_problems.push_back(
            fail(Code::invalid_input, main + ": imports more than " + std::to_string(max_imports) + " files")
                .error());
    if (!into.containerd.empty() && into.containerd.front().value.at("imports") != nullptr)
        return;
    const auto dir = std::filesystem::path(main).parent_path().string();
    for (const auto& path : matches(root, dir + "/conf.d/*.toml", into.containerd_problems))
        if (auto file = read_toml(root, path, into.containerd_problems))
            into.containerd_maybe.push_back(*std::move(file));
}

void read_crio(const host::Sysroot& root, const std::string& main, const std::string& dir, CriFacts& into) {
    if (auto file = read_toml(root, main, into.crio_problems))
        into.crio.push_back(*std::move(file));
    const auto entries = root.list(dir);
    if (!entries) {
        if (entries.error().code != Code::not_found)
            into.crio_problems.push_back(entries.error());
        return;
    }
    for (const auto& e : *entries)
        if (auto file = read_toml(root, dir + "/" + e.name, into.crio_problems))
            into.crio.push_back(*std::move(file));
}

struct CommandLine {
    std::vector<std::string> argv{};
    Variables environment{};
    std::string source{};
};

// How an engine is started: by its units, and as it runs.
std::vector<CommandLine> command_lines(const host::Host& host, const Inventory& inventory,
                                       std::string_view engine, std::vector<Error>& problems) {
    std::vector<CommandLine> out;
    for (const EngineUnit& u : inventory.units) {
        if (u.engine != engine || u.file.masked)
            continue;
        const auto environment = unit_environment(host, u.file);
        problems.insert(problems.end(), environment.problems.begin(), environment.problems.end());
        for (const auto& line : u.runs)
            out.push_back(
                {expand(command_words(line.value), environment.values), environment.values, line.source});
    }
    if (inventory.processes)
        for (const EngineProcess& p : *inventory.processes)
            if (p.engine == engine && p.parent_engine.empty())
                out.push_back({p.argv, {}, "pid " + std::to_string(p.pid)});
    problems.insert(problems.end(), inventory.unit_problems.begin(), inventory.unit_problems.end());
    return out;
}

void read_containerd(const host::Host& host, const Inventory& inventory, CriFacts& into) {
    std::string main = "/etc/containerd/config.toml";
    for (const auto& line : command_lines(host, inventory, "containerd", into.containerd_problems))
        for (const char* name : {"--config", "-c"})
            if (const auto v = flag_value(line.argv, name))
                main = *v;
    read_containerd(host.root(), main, into);
}

void read_crio(const host::Host& host, const Inventory& inventory, CriFacts& into) {
    std::string main = "/etc/crio/crio.conf";
    std::string dir = "/etc/crio/crio.conf.d";
    ConfigFiles flags;
    for (const auto& line : command_lines(host, inventory, "crio", into.crio_problems)) {
        flags.push_back(crio_flags(line.argv, line.environment, line.source));
        if (const Value* v = flags.back().value.at("config"); v != nullptr && v->string() != nullptr)
            main = *v->string();
        if (const Value* v = flags.back().value.at("config_dir"); v != nullptr && v->string() != nullptr)
            dir = *v->string();
    }
    read_crio(host.root(), main, dir, into);
    std::ranges::move(flags, std::back_inserter(into.crio));
    const auto named = crio_setting(into.crio, "signature_policy");
    into.signature_policy_path =
        named.value != nullptr && named.value->string() != nullptr && !named.value->string()->empty()
            ? *named.value->string()
            : "/etc/containers/policy.json";
    into.signature_policy = [&]() -> Result<Value> {
        PLIMSOLL_TRY(const auto text, host.root().read(into.signature_policy_path, config_max));
        return parse_json(text, into.signature_policy_path);
    }();
}

// The CRI plugin's table in each version of containerd's configuration.
constexpr std::array<std::string_view, 3> cri_tables{"cri", "io.containerd.grpc.v1.cri",
                                                     "io.containerd.cri.v1.runtime"};

enum class FlagType { boolean, integer, text, list };

struct CrioFlag {
    std::string_view name;  // "seccomp-profile"; the key has underscores
    FlagType type;
};

constexpr std::array<CrioFlag, 14> crio_flag_table{{{"apparmor-profile", FlagType::text},
                                                    {"config", FlagType::text},
                                                    {"config-dir", FlagType::text},
                                                    {"hostnetwork-disable-selinux", FlagType::boolean},
                                                    {"insecure-registries", FlagType::list},
                                                    {"insecure-registry", FlagType::list},
                                                    {"minimum-mappable-gid", FlagType::integer},
                                                    {"minimum-mappable-uid", FlagType::integer},
                                                    {"pids-limit", FlagType::integer},
                                                    {"read-only", FlagType::boolean},
                                                    {"seccomp-profile", FlagType::text},
                                                    {"seccomp-use-default-when-empty", FlagType::boolean},
                                                    {"selinux", FlagType::boolean},
                                                    {"signature-policy", FlagType::text}}};

// What the text of a flag is to the configuration; a text that is not of the type stays one, which no
// verdict takes for well set.
Value flag_as_value(FlagType type, const std::string& text) {
    switch (type) {
        case FlagType::boolean:
            if (const auto b = go_bool(text))
                return *b;
            break;
        case FlagType::integer:
            if (const auto n = parse_u64(text); n && *n <= INT64_MAX)
                return static_cast<std::int64_t>(*n);
            break;
        case FlagType::list:
            return Array{Value(text)};
        case FlagType::text:
            break;
    }
    return text;
}

Setting find_last(const ConfigFiles& files, std::span<const std::string_view> tables, std::string_view outer,
                  std::string_view key) {
    Setting out;
    for (const auto& file : files)
        for (const auto table : tables)
            if (const Value* v = file.value.at(outer, table, key))
                out = {v, file.place(v)};
    return out;
}

}  // namespace

std::string ConfigFile::place(const Value* v) const {
    return v != nullptr && v->where.line > 0 ? path + ":" + std::to_string(v->where.line) : path;
}

Setting containerd_setting(const ConfigFiles& files, std::string_view key) {
    return find_last(files, cri_tables, "plugins", key);
}

std::map<std::string, Setting> containerd_runtimes(const ConfigFiles& files, std::string_view key) {
    std::map<std::string, Setting> out{{"runc", {}}};
    for (const auto& file : files)
        for (const auto table : cri_tables) {
            const Value* runtimes = file.value.at("plugins", table, "containerd", "runtimes");
            if (runtimes == nullptr || runtimes->table() == nullptr)
                continue;
            for (const Member& m : *runtimes->table()) {
                Setting& setting = out[m.key];
                if (const Value* v = m.value.at(key))
                    setting = {v, file.place(v)};
            }
        }
    return out;
}

Setting crio_setting(const ConfigFiles& files, std::string_view key) {
    static constexpr std::array<std::string_view, 3> tables{"runtime", "image", "api"};
    return find_last(files, tables, "crio", key);
}

bool cri_disabled(const ConfigFiles& files) {
    bool out = false;
    for (const auto& file : files) {
        const Value* list = file.value.at("disabled_plugins");
        if (list == nullptr || list->array() == nullptr)
            continue;
        out |= std::ranges::any_of(*list->array(), [](const Value& v) {
            return v.string() != nullptr &&
                   std::ranges::find(cri_tables, std::string_view(*v.string())) != cri_tables.end();
        });
    }
    return out;
}

ConfigFile crio_flags(std::span<const std::string> argv, const Variables& environment,
                      const std::string& source) {
    std::vector<std::string> words(argv.begin(), argv.end());
    for (auto& w : words)  // "-selinux" is "--selinux" to CRI-O
        if (w.size() > 2 && w[0] == '-' && w[1] != '-')
            w.insert(0, "-");
    Table top;
    Table runtime;
    for (const CrioFlag& f : crio_flag_table) {
        std::string variable = "CONTAINER_" + std::string(f.name);
        std::ranges::transform(variable, variable.begin(), [](char c) {
            return c == '-' ? '_' : c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
        });
        auto text = flag_value(words, "--" + std::string(f.name));
        if (const auto it = environment.find(variable); !text && it != environment.end())
            text = it->second;
        if (!text)
            continue;
        std::string key(f.name == "insecure-registry" ? "insecure-registries" : f.name);
        std::ranges::replace(key, '-', '_');
        (key.starts_with("config") ? top : runtime).set(key, flag_as_value(f.type, *text));
    }
    Table crio;
    crio.set("runtime", Value(std::move(runtime)));
    top.set("crio", Value(std::move(crio)));
    return {source, Value(std::move(top))};
}

CriFacts read_cri(const host::Host& host, const Inventory& inventory) {
    CriFacts out;
    if (inventory.has("containerd"))
        read_containerd(host, inventory, out);
    if (inventory.has("crio"))
        read_crio(host, inventory, out);
    if (inventory.kubelet)
        out.kubelet = read_kubelet(host);
    return out;
}

}  // namespace plimsoll::modules::rootless
