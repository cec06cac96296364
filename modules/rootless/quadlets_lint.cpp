// SPDX-License-Identifier: Apache-2.0
// What quadlets and units ask of podman, judged before anything runs.
#include "core/base/text.hpp"
#include "core/host/glob.hpp"
#include "modules/rootless/command_line.hpp"
#include "modules/rootless/quadlets.hpp"

#include <algorithm>
#include <iterator>

namespace plimsoll::modules::rootless {
namespace {

// A key of a quadlet and the podman option that its value becomes (podman-systemd.unit(5)).
struct Key {
    std::string_view name;
    std::string_view option;
    std::string_view prefix{};  // of the value
    enum class Kind { list, last, on } kind{Kind::list};
};

constexpr Key keys[] = {
    {"AddCapability", "cap-add"},
    {"AddDevice", "device"},
    {"AppArmor", "security-opt", "apparmor=", Key::Kind::last},
    {"CgroupsMode", "cgroups", "", Key::Kind::last},
    {"ContainersConfModule", "module"},
    {"EnvironmentHost", "env-host", "", Key::Kind::last},
    {"Mount", "mount"},
    {"Network", "network"},
    {"Rootfs", "rootfs", "", Key::Kind::last},
    {"SeccompProfile", "security-opt", "seccomp=", Key::Kind::last},
    {"SecurityLabelDisable", "security-opt", "label=disable", Key::Kind::on},
    {"SecurityLabelNested", "security-opt", "label=nested", Key::Kind::on},
    {"SecurityLabelType", "security-opt", "label=type:", Key::Kind::last},
    {"Unmask", "security-opt", "unmask="},
    {"UserNS", "userns", "", Key::Kind::last},
    {"Volume", "volume"},
};

using Settings = std::vector<host::UnitSetting>;

// "Container" of "web.container": the section that podman turns into arguments.
std::string section_of(const Quadlet& q) {
    std::string out = q.path.substr(q.path.rfind('.') + 1);
    if (!out.empty() && out[0] >= 'a' && out[0] <= 'z')
        out[0] = static_cast<char>(out[0] - 'a' + 'A');
    return out;
}

host::UnitFile unit_of(const Quadlet& q) {
    return {.name = q.path, .fragment = q.path, .settings = q.settings};
}

// An option of podman, and the setting that asks for it.
struct Asked {
    PodmanOption option;
    std::string source;
    std::string shown;
    // Where podman resolves its relative paths, empty: not known; nullopt: beside the definition.
    std::optional<std::string> directory{};
};

void ask_words(const Settings& lines, bool global, const std::string& directory, std::vector<Asked>& out) {
    std::vector<std::string> words;
    std::vector<const host::UnitSetting*> of;  // each word
    for (const host::UnitSetting& line : lines)
        for (auto& word : split_words(line.value)) {
            words.push_back(std::move(word.text));
            of.push_back(&line);
        }
    for (auto& option : podman_options(words, global)) {
        const host::UnitSetting& line = *of[option.at];
        std::string shown = line.key + "=" + show_option(option);
        out.push_back({std::move(option), line.source, std::move(shown), directory});
    }
}

void ask_key(const Key& key, Settings lines, std::vector<Asked>& out) {
    if (key.kind != Key::Kind::list && lines.size() > 1)
        lines.erase(lines.begin(), std::prev(lines.end()));
    for (const host::UnitSetting& s : lines) {
        const bool on = key.kind == Key::Kind::on;
        if (!on || is_truthy(s.value))
            out.push_back({{std::string(key.option), std::string(key.prefix) + (on ? "" : s.value), 0},
                           s.source,
                           s.key + "=" + s.value});
    }
}

// What is played stands for itself where it has been read.
bool is_read(const host::UnitFile& unit, const PodmanOption& option, const Manager& manager,
             const std::vector<KubeFile>& kube) {
    const auto path = option.name == "kube" ? named_path(unit, option.value, manager) : std::nullopt;
    return path && std::ranges::find(kube, *path, &KubeFile::path) != kube.end();
}

std::string directory_of(const host::UnitFile& unit, const Manager& manager) {
    return start_directory(unit, manager).value_or("");
}

// A script, and env --chdir, may go elsewhere first.
bool goes_elsewhere(const std::vector<std::string>& argv) {
    return std::ranges::any_of(argv, [](std::string_view w) {
        return w == "cd" || w == "pushd" || w == "-C" || w.starts_with("--chdir");
    });
}

void ask_commands(const host::UnitFile& unit, const Manager& manager, const std::vector<KubeFile>& kube,
                  std::vector<Asked>& out) {
    const std::string start = directory_of(unit, manager);
    for (const host::UnitSetting& line : commands_of(unit)) {
        const auto argv = command_words(line.value);
        const std::string directory = goes_elsewhere(argv) ? "" : start;
        for (auto& option : podman_command_options(argv)) {
            if (is_read(unit, option, manager, kube))
                continue;
            std::string shown = show_option(option);
            out.push_back({std::move(option), line.source, line.key + ": " + shown, directory});
        }
    }
}

void ask_kube(const std::vector<KubeFile>& kube, const std::optional<std::string>& directory,
              std::vector<Asked>& out) {
    for (const KubeFile& file : kube) {
        if (!file.documents)
            continue;
        for (const Value& document : *file.documents)
            for (auto& option : kube_options(document)) {
                std::string shown = show_option(option);
                const std::string line = std::to_string(option.at);
                out.push_back({std::move(option), file.path + ":" + line, std::move(shown), directory});
            }
    }
}

std::vector<Asked> asked_by(const Quadlet& q) {
    std::vector<Asked> out;
    const host::UnitFile unit = unit_of(q);
    const std::string section = section_of(q);
    for (const Key& key : keys)
        ask_key(key, unit.values(section, key.name), out);
    // A volume can be a bind mount under another name.
    for (const auto& s : unit.values("Volume", "Device"))
        out.push_back({{"volume", s.value + ":/"}, s.source, s.key + "=" + s.value});
    const std::string directory = directory_of(unit, q.manager);
    ask_words(unit.values(section, "PodmanArgs"), false, directory, out);
    ask_words(unit.values(section, "GlobalArgs"), true, directory, out);
    ask_commands(unit, q.manager, q.kube, out);
    ask_kube(q.kube, std::nullopt, out);
    return out;
}

std::vector<Asked> asked_by(const host::UnitFile& unit, const Manager& manager,
                            const std::vector<KubeFile>& kube) {
    std::vector<Asked> out;
    ask_commands(unit, manager, kube, out);
    ask_kube(kube, directory_of(unit, manager), out);
    return out;
}

// Empty where it has a character that a pattern has, of which plain_path() takes the beginning.
std::string home_of(const Manager& manager) {
    return host::is_pattern(manager.home) ? "" : plain_path(manager.home);
}

// `scope`: with the directory of the definition.
std::vector<LintNote> notes_on(const std::vector<Asked>& all, const std::vector<KubeFile>& kube,
                               const PodmanScope& scope) {
    std::vector<LintNote> out;
    for (const Asked& a : all) {
        PodmanScope own = scope;
        own.own_directory = !a.directory;
        own.directory = a.directory.value_or(scope.directory);
        if (auto objection = objection_to(a.option, own))
            out.push_back({a.source, printable(a.shown, 120), std::move(objection->expected),
                           objection->undecided, objection->engine_socket});
    }
    for (const KubeFile& file : kube)
        if (!file.documents)
            out.push_back(
                {file.path, printable(file.documents.error().message), "YAML that can be read", true});
    return out;
}

Settings networks_in(std::vector<Asked> all, const std::string& section) {
    Settings out;
    for (Asked& a : all)
        if (a.option.name == "network")
            out.push_back({section, std::move(a.shown), std::move(a.option.value), std::move(a.source)});
    return out;
}

const host::UnitSetting* last(const Settings& settings) {
    return settings.empty() ? nullptr : &settings.back();
}

bool drops_all(const host::UnitFile& unit) {
    return std::ranges::any_of(unit.values("Container", "DropCapability"), [](const host::UnitSetting& s) {
        return std::ranges::any_of(words(s.value),
                                   [](std::string_view c) { return c == "all" || c == "ALL" || c == "All"; });
    });
}

}  // namespace

std::vector<LintNote> unsafe_settings(const Quadlet& q) {
    const std::string directory = q.path.substr(0, std::max<std::size_t>(q.path.rfind('/'), 1));
    return notes_on(asked_by(q), q.kube,
                    {.rootful = q.user.empty(), .directory = directory, .home = home_of(q.manager)});
}

std::vector<LintNote> unsafe_commands(const host::UnitFile& unit, const std::vector<KubeFile>& kube) {
    return notes_on(asked_by(unit, {}, kube), kube, {});
}

std::vector<LintNote> unsafe_commands(const UserUnit& unit) {
    return notes_on(asked_by(unit.file, unit.manager, unit.kube), unit.kube,
                    {.rootful = false, .home = home_of(unit.manager)});
}

Settings networks(const Quadlet& q) {
    return networks_in(asked_by(q), section_of(q));
}

Settings networks(const UserUnit& unit) {
    return networks_in(asked_by(unit.file, unit.manager, unit.kube), "Service");
}

std::vector<LintNote> missing_hardening(const Quadlet& q) {
    std::vector<LintNote> out;
    if (!q.path.ends_with(".container"))
        return out;
    const host::UnitFile unit = unit_of(q);
    if (!drops_all(unit))
        out.push_back({q.path, "no DropCapability=all", "DropCapability=all"});
    for (const std::string_view key : {"ReadOnly", "NoNewPrivileges"}) {
        const Settings settings = unit.values("Container", key);
        const auto* s = last(settings);
        if (s == nullptr || !is_truthy(s->value))
            out.push_back({s == nullptr ? q.path : s->source,
                           s == nullptr ? "no " + std::string(key) + "=true"
                                        : std::string(key) + "=" + printable(s->value, 40),
                           std::string(key) + "=true"});
    }
    const Settings images = unit.values("Container", "Image");
    const auto* image = last(images);
    if (image == nullptr || image->value.ends_with(".image") || image->value.ends_with(".build"))
        return out;
    if (image->value.find("@sha256:") == std::string::npos)
        out.push_back({image->source, "Image=" + printable(image->value, 80), "an image by its digest"});
    return out;
}

}  // namespace plimsoll::modules::rootless
