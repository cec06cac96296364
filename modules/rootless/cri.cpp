// SPDX-License-Identifier: Apache-2.0
#include "modules/rootless/cri.hpp"

#include "core/base/text.hpp"
#include "core/base/toml.hpp"

#include <algorithm>
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
}

void read_crio(const host::Sysroot& root, CriFacts& into) {
    if (auto main = read_toml(root, "/etc/crio/crio.conf", into.crio_problems))
        into.crio.push_back(*std::move(main));
    const auto entries = root.list("/etc/crio/crio.conf.d");
    if (!entries) {
        if (entries.error().code != Code::not_found)
            into.crio_problems.push_back(entries.error());
        return;
    }
    for (const auto& e : *entries)
        if (auto file = read_toml(root, "/etc/crio/crio.conf.d/" + e.name, into.crio_problems))
            into.crio.push_back(*std::move(file));
}

// The value of "--NAME=VALUE" or "--NAME VALUE".
std::optional<std::string> flag(const std::vector<std::string>& argv, const std::string& name) {
    std::optional<std::string> out;
    for (std::size_t i = 0; i < argv.size(); ++i) {
        if (argv[i].starts_with(name + "="))
            out = argv[i].substr(name.size() + 1);
        else if (argv[i] == name)
            out = i + 1 < argv.size() && !argv[i + 1].starts_with('-') ? argv[i + 1] : "true";
    }
    return out;
}

void read_kubelet(const host::Host& host, CriFacts& into) {
    std::vector<std::string> paths{"/var/lib/kubelet/config.yaml", "/etc/kubernetes/kubelet/config.json",
                                   "/etc/kubernetes/kubelet/kubelet-config.json"};
    if (host.live() && host.processes())
        for (const auto& p : *host.processes()) {
            if (p.comm != "kubelet")
                continue;
            if (const auto v = flag(p.argv, "--seccomp-default")) {
                into.seccomp_default = *v == "true";
                into.kubelet_source = "pid " + std::to_string(p.pid);
                return;  // a flag wins over the file
            }
            if (const auto v = flag(p.argv, "--config"))
                paths.insert(paths.begin(), *v);
        }
    for (const auto& path : paths) {
        const auto text = host.root().read(path, config_max);
        if (!text) {
            if (text.error().code == Code::not_found)
                continue;
            into.kubelet_problem = text.error();
            return;
        }
        const auto setting = find_seccomp_default(*text);
        into.seccomp_default = setting && setting->value;
        into.kubelet_source = setting ? path + ":" + std::to_string(setting->line) : path;
        return;
    }
}

Setting find_last(const std::vector<ConfigFile>& files, std::initializer_list<std::string_view> tables,
                  std::string_view outer, std::string_view key) {
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

std::optional<KubeletSetting> find_seccomp_default(std::string_view text) {
    int number = 0;
    std::optional<KubeletSetting> out;
    const bool json = trim(text).starts_with('{');
    for (const auto line : split_lines(text)) {
        ++number;
        auto rest = json ? trim(line) : line;  // in YAML an indented key is another one
        if (json && rest.starts_with('{'))
            rest = trim(rest.substr(1));
        if (rest.starts_with('"'))
            rest.remove_prefix(1);
        static constexpr std::string_view key = "seccompDefault";
        if (!rest.starts_with(key))
            continue;
        rest.remove_prefix(key.size());
        if (rest.starts_with('"'))
            rest.remove_prefix(1);
        rest = trim(rest);
        if (!rest.starts_with(':'))
            continue;
        rest = trim(rest.substr(1, rest.find_first_of("#,}") == std::string_view::npos
                                       ? std::string_view::npos
                                       : rest.find_first_of("#,}") - 1));
        out = {rest == "true", number};
    }
    return out;
}

Setting containerd_setting(const CriFacts& facts, std::string_view key) {
    return find_last(facts.containerd, {"cri", "io.containerd.grpc.v1.cri", "io.containerd.cri.v1.runtime"},
                     "plugins", key);
}

Setting crio_setting(const CriFacts& facts, std::string_view key) {
    return find_last(facts.crio, {"runtime", "image", "api"}, "crio", key);
}

bool cri_disabled(const CriFacts& facts) {
    bool out = false;
    for (const auto& file : facts.containerd) {
        const Value* list = file.value.at("disabled_plugins");
        if (list == nullptr || list->array() == nullptr)
            continue;
        out |= std::ranges::any_of(*list->array(), [](const Value& v) {
            return v.string() != nullptr &&
                   (*v.string() == "cri" || *v.string() == "io.containerd.grpc.v1.cri");
        });
    }
    return out;
}

CriFacts read_cri(const host::Host& host, const Inventory& inventory) {
    CriFacts out;
    if (inventory.has("containerd")) {
        std::string main = "/etc/containerd/config.toml";
        for (const auto& u : inventory.units)
            if (u.engine == "containerd" && !u.runs.empty())
                if (const auto v = flag(command_words(u.runs.back().value), "--config"))
                    main = *v;
        read_containerd(host.root(), main, out);
    }
    if (inventory.has("crio"))
        read_crio(host.root(), out);
    if (inventory.kubelet)
        read_kubelet(host, out);
    return out;
}

}  // namespace plimsoll::modules::rootless
