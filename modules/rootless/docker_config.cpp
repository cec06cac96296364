// SPDX-License-Identifier: Apache-2.0
#include "modules/rootless/docker_config.hpp"

#include "core/base/digest.hpp"
#include "core/base/json.hpp"
#include "core/base/text.hpp"

#include <algorithm>

namespace plimsoll::modules::rootless {
namespace {

constexpr std::size_t daemon_json_max = std::size_t{1} << 20;

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
                                             "no-new-privileges",
                                             "selinux-enabled",
                                             "userland-proxy",
                                             "experimental",
                                             "init",
                                             "raw-logs",
                                             "validate",
                                             "version",
                                             "help",
                                             "rootless",
                                             "disable-legacy-registry",
                                             "enable-cors"};

// Where the flag's name is not the key's (dockerd(8)).
constexpr std::pair<std::string_view, std::string_view> renamed[] = {
    {"host", "hosts"},
    {"H", "hosts"},
    {"G", "group"},
    {"D", "debug"},
    {"insecure-registry", "insecure-registries"},
    {"registry-mirror", "registry-mirrors"},
    {"authorization-plugin", "authorization-plugins"}};

// Keys of which a different spelling must not pass unseen.
constexpr std::string_view known_keys[] = {"hosts",
                                           "userns-remap",
                                           "no-new-privileges",
                                           "icc",
                                           "live-restore",
                                           "userland-proxy",
                                           "selinux-enabled",
                                           "seccomp-profile",
                                           "tlsverify",
                                           "insecure-registries",
                                           "registry-mirrors",
                                           "experimental",
                                           "group",
                                           "log-driver",
                                           "default-cgroupns-mode",
                                           "allow-nondistributable-artifacts",
                                           "authorization-plugins",
                                           "default-runtime",
                                           "runtimes",
                                           "data-root"};

std::string lower(std::string_view s) {
    std::string out(s);
    std::ranges::transform(
        out, out.begin(), [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; });
    return out;
}

std::string key_of_flag(std::string_view name) {
    for (const auto& [flag, key] : renamed)
        if (flag == name)
            return std::string(key);
    return std::string(name);
}

bool is_boolean(std::string_view key) {
    return std::ranges::find(boolean_keys, key) != std::end(boolean_keys);
}

// "host=tcp://…", "H", "Htcp://…" -> name and attached value.
std::pair<std::string, std::optional<std::string>> split_flag(std::string_view word) {
    const bool is_long = word.starts_with("--");
    word.remove_prefix(is_long ? 2 : 1);
    if (!is_long && word.size() > 1) {
        auto value = word.substr(1);
        if (value.starts_with('='))
            value.remove_prefix(1);
        return {std::string(word.substr(0, 1)), std::string(value)};
    }
    const auto eq = word.find('=');
    if (eq == std::string_view::npos)
        return {std::string(word), std::nullopt};
    return {std::string(word.substr(0, eq)), std::string(word.substr(eq + 1))};
}

std::map<std::string, std::string> unit_environment(const host::Sysroot& root, const host::UnitFile& unit,
                                                    std::vector<Error>& problems) {
    std::map<std::string, std::string> out;
    for (const auto& setting : unit.values("Service", "Environment"))
        for (const auto& word : command_words(setting.value))
            if (const auto eq = word.find('='); eq != std::string::npos)
                out[word.substr(0, eq)] = word.substr(eq + 1);
    for (const auto& setting : unit.values("Service", "EnvironmentFile")) {
        const std::string path = setting.value.starts_with('-') ? setting.value.substr(1) : setting.value;
        const auto text = root.read(path, daemon_json_max);
        if (!text) {
            if (text.error().code != Code::not_found)
                problems.push_back(text.error());
            continue;
        }
        for (auto& [name, value] : parse_environment(*text))
            out[name] = value;
    }
    return out;
}

std::vector<DockerFlag> flags_of(const host::Sysroot& root, const Inventory& inventory,
                                 std::vector<Error>& problems) {
    std::vector<DockerFlag> out;
    for (const EngineUnit& u : inventory.units) {
        if (u.engine != "docker" || u.rootless || u.file.masked)
            continue;
        const auto environment = unit_environment(root, u.file, problems);
        for (const auto& line : u.runs)
            std::ranges::move(parse_docker_flags(expand(command_words(line.value), environment), line.source),
                              std::back_inserter(out));
    }
    if (inventory.processes)
        for (const EngineProcess& p : *inventory.processes)
            if (p.engine == "docker" && p.uid == 0 && p.child_ns != true)
                std::ranges::move(parse_docker_flags(p.argv, "pid " + std::to_string(p.pid)),
                                  std::back_inserter(out));
    return out;
}

bool selinux_host(const host::Host& host) {
    if (host.live() && host.root().exists("/sys/fs/selinux/enforce"))
        return true;
    const auto config = host.root().read("/etc/selinux/config", daemon_json_max);
    if (!config)
        return false;
    return std::ranges::any_of(split_lines(*config), [](std::string_view line) {
        return trim(line) == "SELINUX=enforcing" || trim(line) == "SELINUX=permissive";
    });
}

// Go's decoder takes "ICC" for "icc" while dockerd's own check of unknown keys does not: nobody should have
// to know which wins.
std::optional<std::string> misspelt_key(const Table& table) {
    for (const auto& m : table) {
        const auto folded = lower(m.key);
        if (folded != m.key && std::ranges::find(known_keys, folded) != std::end(known_keys))
            return m.key;
    }
    return std::nullopt;
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
    for (std::size_t i = 1; i < argv.size(); ++i) {
        const std::string& word = argv[i];
        if (word == "--" || word.size() < 2 || word.front() != '-')
            continue;
        auto [name, value] = split_flag(word);
        std::string key = key_of_flag(name);
        if (!value && is_boolean(key))
            value = "true";
        else if (!value && i + 1 < argv.size() && !argv[i + 1].starts_with('-'))
            value = argv[++i];
        out.push_back({std::move(key), value.value_or(""), source});
    }
    return out;
}

std::map<std::string, std::string> parse_environment(std::string_view text) {
    std::map<std::string, std::string> out;
    for (const auto raw : split_lines(text)) {
        auto line = trim(raw);
        if (line.starts_with("export "))  // /etc/default files are also read by shells
            line = trim(line.substr(7));
        const auto eq = line.find('=');
        if (line.empty() || line.front() == '#' || line.front() == ';' || eq == std::string_view::npos)
            continue;
        auto value = trim(line.substr(eq + 1));
        if (value.size() >= 2 && (value.front() == '"' || value.front() == '\'') &&
            value.back() == value.front())
            value = value.substr(1, value.size() - 2);
        out[std::string(trim(line.substr(0, eq)))] = std::string(value);
    }
    return out;
}

std::vector<std::string> expand(const std::vector<std::string>& argv,
                                const std::map<std::string, std::string>& environment) {
    std::vector<std::string> out;
    const auto value_of = [&](std::string_view name) {
        const auto it = environment.find(std::string(name));
        return it == environment.end() ? std::string() : it->second;
    };
    for (const auto& word : argv) {
        if (word.size() > 1 && word.front() == '$' && word[1] != '{') {
            const auto value = value_of(std::string_view(word).substr(1));
            for (const auto part : words(value))
                out.emplace_back(part);
            continue;
        }
        std::string whole = word;
        for (auto at = whole.find("${"); at != std::string::npos;) {
            const auto end = whole.find('}', at);
            if (end == std::string::npos)
                break;
            const auto value = value_of(std::string_view(whole).substr(at + 2, end - at - 2));
            whole.replace(at, end - at + 1, value);
            at = whole.find("${", at + value.size());
        }
        out.push_back(std::move(whole));
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

DockerConfig read_docker_config(const host::Host& host, const Inventory& inventory) {
    DockerConfig out;
    out.flags = flags_of(host.root(), inventory, out.problems);
    std::string path = "/etc/docker/daemon.json";
    for (const DockerFlag& f : out.flags)
        if (f.key == "config-file" && !f.value.empty())
            path = f.value;
    out.json = read_daemon_json(host.root(), path);
    out.selinux = selinux_host(host);
    const auto swarm = host.root().list("/var/lib/docker/swarm");
    out.swarm = swarm && !swarm->empty();
    return out;
}

}  // namespace plimsoll::modules::rootless
