// SPDX-License-Identifier: Apache-2.0
#include "modules/rootless/docker_config.hpp"

#include "core/base/digest.hpp"
#include "core/base/json.hpp"
#include "core/base/text.hpp"
#include "modules/rootless/engine_toml.hpp"

#include <algorithm>
#include <set>

namespace plimsoll::modules::rootless {
namespace {

constexpr std::size_t daemon_json_max = std::size_t{1} << 20;
constexpr std::size_t max_files = 64;  // that the settings can make us look at, of each kind

// Flags that take no separate value: "--icc false" is "--icc" and a stray word.
constexpr std::string_view boolean_keys[] = {"debug",
                                             "icc",
                                             "ip-forward",
                                             "ip-masq",
                                             "iptables",
                                             "ip6tables",
                                             "ipv6",
                                             "live-restore",
                                             "tls",
                                             "tlsverify",
                                             "experimental",
                                             "init",
                                             "no-new-privileges",
                                             "selinux-enabled",
                                             "userland-proxy",
                                             "raw-logs",
                                             "version",
                                             "validate",
                                             "rootless",
                                             "help",
                                             "cri-containerd",
                                             "enable-cors",
                                             "disable-legacy-registry"};

// Where the flag's name is not the key's (dockerd(8)).
constexpr std::pair<std::string_view, std::string_view> renamed[] = {
    {"host", "hosts"},
    {"H", "hosts"},
    {"G", "group"},
    {"D", "debug"},
    {"v", "version"},
    {"h", "help"},
    {"g", "data-root"},
    {"graph", "data-root"},
    {"p", "pidfile"},
    {"insecure-registry", "insecure-registries"},
    {"registry-mirror", "registry-mirrors"},
    {"authorization-plugin", "authorization-plugins"},
    {"add-runtime", "runtimes"},
    {"default-ulimit", "default-ulimits"},
    {"default-address-pool", "default-address-pools"},
    {"exec-opt", "exec-opts"},
    {"feature", "features"},
    {"label", "labels"},
    {"log-opt", "log-opts"},
    {"storage-opt", "storage-opts"}};

std::string key_of_flag(std::string_view name) {
    for (const auto& [flag, key] : renamed)
        if (flag == name)
            return std::string(key);
    return std::string(name);
}

bool is_boolean(std::string_view key) {
    return std::ranges::find(boolean_keys, key) != std::end(boolean_keys);
}

// "--host=tcp://…", "--host" -> name and attached value.
std::pair<std::string, std::optional<std::string>> split_long(std::string_view word) {
    word.remove_prefix(2);
    const auto eq = word.find('=');
    if (eq == std::string_view::npos)
        return {std::string(word), std::nullopt};
    return {std::string(word.substr(0, eq)), std::string(word.substr(eq + 1))};
}

void add_flags(const host::Host& host, const Inventory& inventory, DockerConfig& into) {
    auto units = unit_commands(host, inventory, "docker");
    std::ranges::move(units.problems, std::back_inserter(into.problems));
    for (const EngineCommand& command : units.found)
        std::ranges::move(parse_docker_flags(command.argv, command.source), std::back_inserter(into.flags));
    if (inventory.processes)
        for (const EngineProcess& p : *inventory.processes)
            if (p.engine == "docker" && p.uid == 0 && p.child_ns != true)
                std::ranges::move(parse_docker_flags(p.argv, "pid " + std::to_string(p.pid)),
                                  std::back_inserter(into.flags));
}

// That of the command lines, or the usual one.
DaemonJson named_daemon_json(const host::Sysroot& root, std::span<const DockerFlag> flags) {
    std::string path = "/etc/docker/daemon.json";
    std::optional<Error> unknown;
    for (const DockerFlag& f : flags) {
        if (f.key != "config-file")
            continue;
        auto file = named_file(f.value, f.source);
        if (file)
            path = *std::move(file);
        else
            unknown = std::move(file).error();
    }
    return unknown ? DaemonJson{.path = path, .problem = std::move(unknown)} : read_daemon_json(root, path);
}

// libselinux compares the beginning of the value, whatever its case.
bool switches_selinux_on(std::string_view line) {
    static constexpr std::string_view key = "SELINUX=";
    line = trim(line);
    if (!line.starts_with(key))
        return false;
    std::string value(trim(line.substr(key.size())));
    std::ranges::transform(value, value.begin(), [](char c) {
        return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
    });
    return value.starts_with("enforcing") || value.starts_with("permissive");
}

Result<bool> selinux_host(const host::Host& host) {
    if (host.live() && host.root().exists("/sys/fs/selinux/enforce"))
        return true;
    const auto config = host.root().read("/etc/selinux/config", daemon_json_max);
    if (!config)
        return config.error().code == Code::not_found ? Result<bool>(false) : Failure(config.error());
    return std::ranges::any_of(split_lines(*config), switches_selinux_on);
}

// Where dockerd keeps its state: more than one place when what is set does not agree.
std::set<std::string> data_roots(const DockerConfig& config) {
    std::set<std::string> out;
    const auto add = [&](std::string_view path) {
        while (path.size() > 1 && path.ends_with('/'))
            path.remove_suffix(1);
        out.emplace(path);
    };
    for (const DockerFlag& f : config.flags)
        if (f.key == "data-root" && !f.value.empty())
            add(f.value);
    for (const std::string_view key : {"data-root", "graph"})
        if (const Value* v = config.json.find(key); v != nullptr && v->string() != nullptr)
            add(*v->string());
    if (out.empty())
        add("/var/lib/docker");
    return out;
}

Result<bool> has_entries(const host::Sysroot& root, const std::string& dir) {
    const auto entries = root.list(dir);
    if (!entries && entries.error().code != Code::not_found)
        return Failure(entries.error());
    return entries && !entries->empty();
}

// "1000.1000": with userns-remap dockerd's state is one level further down.
bool is_remapped(std::string_view name) {
    const auto ids = split(name, '.');
    return ids.size() == 2 && parse_u64(ids[0]) && parse_u64(ids[1]);
}

Result<bool> has_swarm(const host::Sysroot& root, const std::string& data_root) {
    if (!data_root.starts_with('/'))
        return fail(Code::unsupported, "data-root " + printable(data_root, 80) + " is no absolute path");
    std::vector<std::string> dirs{data_root + "/swarm"};
    const auto entries = root.list(data_root);
    if (!entries && entries.error().code != Code::not_found)
        return Failure(entries.error());
    for (const auto& e : entries.value_or(std::vector<host::DirEntry>{}))
        if (is_remapped(e.name))
            dirs.push_back(data_root + "/" + e.name + "/swarm");
    for (const auto& dir : dirs) {
        PLIMSOLL_TRY(const bool found, has_entries(root, dir));
        if (found)
            return true;
    }
    return false;
}

Result<bool> find_swarm(const host::Sysroot& root, const DockerConfig& config) {
    const auto places = data_roots(config);
    if (places.size() > max_files)
        return fail(Code::unsupported, "dockerd has more than " + std::to_string(max_files) + " data-roots");
    std::optional<bool> out;
    for (const auto& place : places) {
        PLIMSOLL_TRY(const bool found, has_swarm(root, place));
        if (out && *out != found)
            return fail(Code::unsupported,
                        "whether dockerd is in a swarm depends on which data-root counts: " +
                            printable(join({places.begin(), places.end()}, ", "), 200));
        out = found;
    }
    return *out;
}

// Go's decoder takes "ICC" for "icc" while dockerd's own check of unknown keys does not: nobody should have
// to know which wins. No key of dockerd has a capital letter.
std::optional<std::string> misspelt_key(const Table& table) {
    const auto found = std::ranges::find_if(table, [](const Member& m) {
        return std::ranges::any_of(m.key, [](char c) { return c >= 'A' && c <= 'Z'; });
    });
    return found != table.end() ? std::optional(found->key) : std::nullopt;
}

}  // namespace

const Value* DaemonJson::find(std::string_view key) const {
    const Value* v = value.at(key);
    return v != nullptr && !v->is_null() ? v : nullptr;
}

std::string DaemonJson::place(std::string_view key) const {
    const std::string quoted = "\"" + std::string(key) + "\"";
    if (!text || !find(key))
        return path;
    const auto at = text->find(quoted);  // a nested key of the same name may come first: good enough to look
    if (at == std::string::npos)
        return path;
    const auto line = std::ranges::count(text->substr(0, at), '\n') + 1;
    return path + ":" + std::to_string(line);
}

DaemonJson parse_daemon_json(std::string path, std::string text) {
    DaemonJson out{.path = std::move(path)};
    auto parsed = parse_json(text, out.path);
    out.text = std::move(text);
    out.damaged = true;
    if (!parsed) {
        out.problem = std::move(parsed).error();
    } else if (parsed->table() == nullptr) {
        out.problem = Error{Code::invalid_input, 0,
                            out.path + ": is " + std::string(parsed->type_name()) + ", not an object"};
    } else if (const auto key = misspelt_key(*parsed->table())) {
        out.problem = Error{Code::invalid_input, 0,
                            out.path + ": key \"" + printable(*key) + "\" differs from dockerd's in case"};
    } else {
        out.value = *std::move(parsed);
        out.damaged = false;
    }
    return out;
}

DaemonJson read_daemon_json(const host::Sysroot& root, std::string path) {
    auto text = root.read(path, daemon_json_max);
    if (text)
        return parse_daemon_json(std::move(path), *std::move(text));
    DaemonJson out{.path = std::move(path)};
    if (text.error().code != Code::not_found)
        out.problem = std::move(text).error();
    return out;
}

std::vector<DockerFlag> parse_docker_flags(std::span<const std::string> argv, const std::string& source) {
    std::vector<DockerFlag> out;
    std::size_t i = 1;
    const auto add = [&](std::string_view name, std::optional<std::string> value) {
        std::string key = key_of_flag(name);
        if (!value && is_boolean(key))
            value = "true";
        else if (!value && i + 1 < argv.size() && !argv[i + 1].starts_with('-'))
            value = argv[++i];
        out.push_back({std::move(key), value.value_or(""), source});
    };
    for (; i < argv.size(); ++i) {
        const std::string& word = argv[i];
        if (word == "--" || word.size() < 2 || word.front() != '-')
            continue;
        if (word.starts_with("--")) {
            auto [name, value] = split_long(word);
            add(name, std::move(value));
            continue;
        }
        // Letters without value may stand before one that has one: "-DH tcp://…".
        std::string_view rest = std::string_view(word).substr(1);
        for (; rest.size() > 1 && rest[1] != '=' && is_boolean(key_of_flag(rest.substr(0, 1)));
             rest.remove_prefix(1))
            add(rest.substr(0, 1), "true");
        const auto value = rest.substr(rest.size() > 1 && rest[1] == '=' ? 2 : 1);
        add(rest.substr(0, 1), rest.size() > 1 ? std::optional(std::string(value)) : std::nullopt);
    }
    return out;
}

std::optional<bool> go_bool(std::string_view s) {
    static constexpr std::string_view yes[] = {"1", "t", "T", "true", "TRUE", "True"};
    static constexpr std::string_view no[] = {"0", "f", "F", "false", "FALSE", "False"};
    if (std::ranges::find(yes, s) != std::end(yes))
        return true;
    if (std::ranges::find(no, s) != std::end(no))
        return false;
    return std::nullopt;
}

std::vector<DockerRuntime> runtimes_of(const DaemonJson& json, std::span<const DockerFlag> flags) {
    std::vector<DockerRuntime> out;
    const Value* table = json.find("runtimes");
    if (table != nullptr && table->table() != nullptr)
        for (const Member& m : *table->table()) {
            DockerRuntime runtime{.name = m.key, .source = json.place("runtimes"), .in_json = true};
            for (const std::string_view key : {"path", "runtimeType"})
                if (const Value* v = m.value.at(key);
                    runtime.program.empty() && v != nullptr && v->string() != nullptr)
                    runtime.program = *v->string();
            out.push_back(std::move(runtime));
        }
    for (const DockerFlag& f : flags)
        if (f.key == "runtimes") {
            const auto eq = std::min(f.value.find('='), f.value.size());
            out.push_back(
                {f.value.substr(0, eq), f.value.substr(std::min(eq + 1, f.value.size())), f.source});
        }
    return out;
}

policy::WriteFile edit_daemon_json(const DaemonJson& json, const std::vector<JsonEdit>& edits) {
    Table table = json.value.table() != nullptr ? *json.value.table() : Table{};
    for (const auto& e : edits) {
        if (e.value.is_null())
            table.erase(e.key);
        else
            table.set(e.key, e.value);
    }
    return {.path = json.path,
            .content = to_json(Value(std::move(table)), 2) + "\n",
            .expect = json.text ? sha256(*json.text) : std::string()};
}

DockerFiles read_docker_files(const host::Sysroot& root, const DaemonJson& json,
                              std::span<const DockerFlag> flags) {
    DockerFiles out;
    for (const DockerRuntime& r : runtimes_of(json, flags))
        if (r.program.starts_with('/') && out.programs.size() < max_files)
            out.programs.emplace(r.program, chain_of(root, r.program));
    const auto profile = [&](const std::string& path) {
        if (path.starts_with('/') && out.profiles.size() < max_files)
            out.profiles.emplace(path, read_profile(root, path));
    };
    if (const Value* v = json.find("seccomp-profile"); v != nullptr && v->string() != nullptr)
        profile(*v->string());
    for (const DockerFlag& f : flags)
        if (f.key == "seccomp-profile")
            profile(f.value);
    return out;
}

DockerConfig read_docker_config(const host::Host& host, const Inventory& inventory) {
    DockerConfig out;
    add_flags(host, inventory, out);
    out.json = named_daemon_json(host.root(), out.flags);
    out.json_chain = chain_of(host.root(), out.json.path);
    out.files = read_docker_files(host.root(), out.json, out.flags);
    out.selinux = selinux_host(host);
    out.swarm = find_swarm(host.root(), out);
    return out;
}

}  // namespace plimsoll::modules::rootless
