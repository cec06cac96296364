// SPDX-License-Identifier: Apache-2.0
#include "modules/rootless/cri.hpp"

#include "core/base/json.hpp"
#include "core/base/text.hpp"
#include "core/base/yaml.hpp"
#include "core/host/containerd_imports.hpp"
#include "core/host/glob.hpp"
#include "modules/rootless/docker_config.hpp"

#include <algorithm>
#include <array>
#include <filesystem>
#include <initializer_list>

namespace plimsoll::modules::rootless {
namespace {

constexpr std::size_t config_max = std::size_t{1} << 20;
constexpr std::size_t max_imports = 256;

void read_files(const host::Sysroot& root, ContainerdConfig& into) {
    std::vector<std::string> queue{into.path};
    for (std::size_t i = 0; i < queue.size() && i < max_imports; ++i) {
        auto file = read_toml(root, queue[i], into.problems);
        if (!file)
            continue;
        for (auto& path : host::containerd_imports(root, file->value, file->path, into.problems))
            if (std::ranges::find(queue, path) == queue.end())
                queue.push_back(std::move(path));
        into.files.push_back(*std::move(file));
    }
    if (queue.size() > max_imports)
        into.problems.push_back(fail(Code::invalid_input, into.path + ": imports more than " +
                                                              std::to_string(max_imports) + " files")
                                    .error());
    if (!into.files.empty() && into.files.front().value.at("imports") != nullptr)
        return;
    const auto dir = std::filesystem::path(into.path).parent_path().string();
    const auto found = host::find_matches(root, dir + "/conf.d/*.toml", host::LeadingDot::match);
    into.problems.insert(into.problems.end(), found.problems.begin(), found.problems.end());
    for (const auto& path : found.paths)
        if (auto file = read_toml(root, path, into.problems))
            into.maybe.push_back(*std::move(file));
}

// A word, and where it stands.
struct Given {
    std::string value;
    std::string source;  // "FILE:LINE", "pid 812"
};

// The path that is given in the place of the usual one; which it is may not be known.
void take_path(std::string& usual, const Given& given, std::vector<Error>& problems) {
    if (auto path = named_file(given.value, given.source))
        usual = *std::move(path);
    else
        problems.push_back(std::move(path).error());
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

ContainerdConfig read_containerd(const host::Host& host, const Inventory& inventory) {
    ContainerdConfig out;
    for (const auto& line : engine_commands(host, inventory, "containerd", out.problems))
        for (const char* name : {"--config", "-c"})
            if (auto v = flag_value(line.argv, name))
                take_path(out.path, {*std::move(v), line.source}, out.problems);
    read_files(host.root(), out);
    return out;
}

bool is_yaml(std::string_view name) {
    return name.ends_with(".yaml") || name.ends_with(".yml");
}

// Of the configuration of k3s or rke2: a file and those in the directory beside it, of which the last that
// says it counts.
std::optional<Given> configured_data_dir(const host::Sysroot& root, const std::string& path,
                                         std::vector<Error>& problems) {
    std::vector<std::string> files{path};
    const auto entries = root.list(path + ".d");
    if (!entries && entries.error().code != Code::not_found)
        problems.push_back(entries.error());
    for (const auto& e : entries.value_or(std::vector<host::DirEntry>{}))
        if (is_yaml(e.name))
            files.push_back(path + ".d/" + e.name);
    std::optional<Given> out;
    for (const std::string& file : files) {
        const auto text = root.read(file, config_max);
        const auto config = text ? parse_yaml(*text, file) : Result<Value>(Failure(text.error()));
        if (!config && config.error().code != Code::not_found)
            problems.push_back(config.error());
        const Value* v = config ? config->at("data-dir") : nullptr;
        if (v != nullptr && v->string() != nullptr)
            out = Given{*v->string(), file};
        else if (v != nullptr)
            problems.push_back(fail(Code::invalid_input, file + ": data-dir is no text").error());
    }
    return out;
}

// The last value that one of the flags, or else the variable, has in the command lines.
std::optional<Given> last_given(const std::vector<EngineCommand>& commands,
                                std::initializer_list<const char*> flags, const std::string& variable) {
    std::optional<Given> out;
    for (const EngineCommand& command : commands) {
        if (const auto it = command.environment.find(variable); it != command.environment.end())
            out = Given{it->second, command.source};
        for (const char* flag : flags)
            if (auto v = flag_value(command.argv, flag))
                out = Given{*std::move(v), command.source};
    }
    return out;
}

// Where k3s or rke2 keeps its state. Its flags come before its configuration, which comes before its
// environment.
std::string data_dir(const host::Host& host, const Inventory& inventory, const std::string& engine,
                     std::vector<Error>& problems) {
    const auto commands = engine_commands(host, inventory, engine, problems);
    const std::string variables = engine == "k3s" ? "K3S_" : "RKE2_";
    std::string config = "/etc/rancher/" + engine + "/config.yaml";
    if (const auto named = last_given(commands, {"--config", "-c"}, variables + "CONFIG_FILE"))
        take_path(config, *named, problems);
    auto given = last_given(commands, {}, variables + "DATA_DIR");
    if (auto configured = configured_data_dir(host.root(), config, problems))
        given = std::move(configured);
    if (auto flag = last_given(commands, {"--data-dir", "-d"}, ""))
        given = std::move(flag);
    std::string out = "/var/lib/rancher/" + engine;
    if (given)
        take_path(out, *given, problems);
    return out;
}

// k3s and rke2 write the configuration of their containerd at every start, of a template where there is one
// (pkg/agent/containerd/config.go of k3s): on a host that does not run, what that gives cannot be seen.
ContainerdConfig read_bundled(const host::Host& host, const Inventory& inventory, const std::string& engine) {
    ContainerdConfig out{.subject = "containerd of " + engine};
    const std::string dir = data_dir(host, inventory, engine, out.problems) + "/agent/etc/containerd/";
    out.path = dir + "config.toml";
    bool runs = false;
    if (inventory.processes)
        for (const EngineProcess& p : *inventory.processes)
            if (p.engine == "containerd" && p.parent_engine == engine) {
                runs = true;
                for (const char* flag : {"--config", "-c"})
                    if (auto v = flag_value(p.argv, flag))
                        take_path(out.path, {*std::move(v), "pid " + std::to_string(p.pid)}, out.problems);
            }
    read_files(host.root(), out);
    for (const char* name : {"config-v3.toml.tmpl", "config.toml.tmpl"})
        if (!runs && host.root().exists(dir + name))
            out.problems.push_back(
                fail(Code::unsupported, dir + name + ": becomes the configuration when " + engine + " starts")
                    .error());
    if (out.files.empty() && out.problems.empty())
        out.problems.push_back(
            fail(Code::unsupported, out.path + " is not there until " + engine + " has started").error());
    return out;
}

void read_crio(const host::Host& host, const Inventory& inventory, CriFacts& into) {
    std::string main = "/etc/crio/crio.conf";
    std::string dir = "/etc/crio/crio.conf.d";
    ConfigFiles flags;
    for (const auto& line : engine_commands(host, inventory, "crio", into.crio_problems)) {
        flags.push_back(crio_flags(line.argv, line.environment, line.source));
        if (const Value* v = flags.back().value.at("config"); v != nullptr && v->string() != nullptr)
            take_path(main, {*v->string(), line.source}, into.crio_problems);
        if (const Value* v = flags.back().value.at("config_dir"); v != nullptr && v->string() != nullptr)
            take_path(dir, {*v->string(), line.source}, into.crio_problems);
    }
    read_crio(host.root(), main, dir, into);
    std::ranges::move(flags, std::back_inserter(into.crio));
    const auto named = crio_setting(into.crio, "signature_policy");
    into.signature_policy_path =
        named.value != nullptr && named.value->string() != nullptr && !named.value->string()->empty()
            ? *named.value->string()
            : "/etc/containers/policy.json";
    into.signature_policy = [&]() -> Result<Value> {
        PLIMSOLL_CHECK(named_file(into.signature_policy_path, named.source));
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

// Where containerd keeps what it knows of one of its listeners: a table of its own up to version 3 of its
// configuration, a plugin since.
struct Listener {
    std::string_view table;
    std::string_view plugin;
};

constexpr Listener grpc_listener{"grpc", "io.containerd.server.v1.grpc"};
constexpr Listener ttrpc_listener{"ttrpc", "io.containerd.server.v1.ttrpc"};
constexpr Listener debug_listener{"debug", "io.containerd.server.v1.debug"};

// The last value that is not empty or 0: the files are merged, and what is empty takes no other's place.
Setting last_set(const ConfigFiles& files, const Listener& of, std::string_view key) {
    Setting out;
    for (const ConfigFile& file : files)
        for (const Value* v : {file.value.at(of.table, key), file.value.at("plugins", of.plugin, key)})
            if (v != nullptr && *v != Value(std::int64_t{0}) && *v != Value(""))
                out = {v, file.place(v)};
    return out;
}

class SocketSettings {
  public:
    void add_all(const ConfigFiles& files) {
        add_ids(files, grpc_listener);
        // Without an address of its own ttrpc takes that of grpc, and its owners with it; the plugin does
        // not.
        if (text_of(last_set(files, ttrpc_listener, "address")) || has_plugin(files, ttrpc_listener))
            add_ids(files, ttrpc_listener);
        add_tcp(last_set(files, grpc_listener, "tcp_address"));
        add_tcp(last_set(files, {"", "io.containerd.server.v1.grpc-tcp"}, "address"));
        const auto debug = last_set(files, debug_listener, "address");
        const auto* address = text_of(debug);
        if (address != nullptr && !address->starts_with('/') && !address->starts_with("unix:"))
            add_tcp(debug);
        else if (address != nullptr)
            add_ids(files, debug_listener);
    }

    [[nodiscard]] std::vector<SocketSetting> take() { return std::move(out_); }

  private:
    using Kind = SocketSetting::Kind;

    static const std::string* text_of(const Setting& s) {
        return s.value != nullptr ? s.value->string() : nullptr;
    }

    static bool has_plugin(const ConfigFiles& files, const Listener& of) {
        return std::ranges::any_of(
            files, [&](const ConfigFile& f) { return f.value.at("plugins", of.plugin) != nullptr; });
    }

    void add(SocketSetting s) {
        if (std::ranges::find(out_, s) == out_.end())
            out_.push_back(std::move(s));
    }

    void add_ids(const ConfigFiles& files, const Listener& of) {
        for (const auto& [key, kind] : {std::pair{"uid", Kind::user}, std::pair{"gid", Kind::group}})
            if (const auto id = last_set(files, of, key);
                id.value != nullptr && id.value->integer() != nullptr && *id.value->integer() > 0)
                add({kind, "containerd", std::to_string(*id.value->integer()), id.source});
    }

    void add_tcp(const Setting& address) {
        if (const auto* text = text_of(address))
            add({Kind::tcp, "containerd", *text, address.source});
    }

    std::vector<SocketSetting> out_{};
};

}  // namespace

std::vector<SocketSetting> socket_settings(const CriFacts& cri) {
    SocketSettings out;
    for (const ContainerdConfig& containerd : cri.containerd) {
        out.add_all(containerd.files);
        ConfigFiles with = containerd.files;
        with.insert(with.end(), containerd.maybe.begin(), containerd.maybe.end());
        out.add_all(with);
    }
    return out.take();
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
        out.containerd.push_back(read_containerd(host, inventory));
    for (const char* engine : {"k3s", "rke2"})
        if (inventory.has(engine))
            out.containerd.push_back(read_bundled(host, inventory, engine));
    if (inventory.has("crio"))
        read_crio(host, inventory, out);
    if (inventory.kubelet)
        out.kubelet = read_kubelet(host);
    return out;
}

}  // namespace plimsoll::modules::rootless
