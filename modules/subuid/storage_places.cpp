// SPDX-License-Identifier: Apache-2.0
#include "modules/subuid/storage_places.hpp"

#include "core/base/json.hpp"
#include "core/base/text.hpp"
#include "core/base/toml.hpp"
#include "core/host/containerd_imports.hpp"
#include "core/host/user_records.hpp"
#include "modules/subuid/observe.hpp"

#include <algorithm>
#include <array>
#include <utility>

namespace plimsoll::modules::subuid {
namespace {

constexpr std::array storage_confs{"/etc/containers/storage.conf", "/usr/share/containers/storage.conf"};

template <class... Keys>
std::string text_at(const Value& conf, Keys... keys) {
    const Value* v = conf.at(keys...);
    return v != nullptr && v->string() != nullptr ? *v->string() : "";
}

std::string docker_root(const Value& conf) {
    const std::string root = text_at(conf, "data-root");
    return root.empty() ? text_at(conf, "graph") : root;
}

using Flags = std::vector<const char*>;

// The value of the first of these flags that a command line has, where it has it last; empty: it has none.
std::string flag(const std::vector<std::string>& argv, const Flags& names) {
    for (const char* name : names)
        if (auto value = host::flag_value(argv, name))
            return *std::move(value);
    return {};
}

const Flags& docker_root_flags() {
    static const Flags out{"--data-root", "--graph", "-g"};
    return out;
}

// What the configuration of the user's engines, or the user's manager, makes of it.
std::string with_values_of(const host::User& u, std::string place) {
    const std::array<std::pair<std::string_view, std::string>, 6> variables{{{"$HOME", u.home},
                                                                             {"$USER", u.name},
                                                                             {"$UID", std::to_string(u.uid)},
                                                                             {"%h", u.home},
                                                                             {"%u", u.name},
                                                                             {"%U", std::to_string(u.uid)}}};
    for (const auto& [variable, value] : variables)
        for (auto at = place.find(variable); at != std::string::npos;
             at = place.find(variable, at + value.size()))
            place.replace(at, variable.size(), value);
    return place;
}

bool is_place(const std::string& path) {
    return path.starts_with('/') && path.find_first_of("$%") == std::string::npos;
}

bool runs(const std::vector<std::string>& argv, const std::string& program) {
    return std::ranges::any_of(
        argv, [&](const std::string& w) { return w == program || w.ends_with("/" + program); });
}

}  // namespace

void note_unseen(StorageScan& out, const std::string& what) {
    auto& noted = out.elsewhere_unseen;
    if (auto text = printable(what);
        noted.size() < max_problems && std::ranges::find(noted, text) == noted.end())
        noted.push_back(std::move(text));
}

StoragePlaces::StoragePlaces(const host::Host& host, StorageScan& out)
    : host_(host), root_(host.root()), out_(out) {
    read_storage_conf();
    read_docker();
    read_containerd();
}

template <class Parser>
Result<std::optional<Value>> StoragePlaces::read(const std::string& path, Parser parse) const {
    const auto text = root_.read(path);
    if (!text && text.error().code == Code::not_found)
        return std::nullopt;
    Result<Value> conf = text ? parse(*text, path) : Result<Value>(Failure(text.error()));
    if (!conf) {
        note_unseen(out_, conf.error().message);
        return Failure(std::move(conf).error());
    }
    return std::optional(*std::move(conf));
}

void StoragePlaces::read_storage_conf() {
    for (const char* file : storage_confs) {
        const auto conf = read(file, &parse_toml);
        if (conf && !*conf)
            continue;
        if (conf) {
            rootless_ = text_at(**conf, "storage", "rootless_storage_path");
            if (auto place = text_at(**conf, "storage", "graphroot"); !place.empty())
                podman_ = std::move(place);
        }
        if (!conf || !rootless_.empty())
            out_.elsewhere.emplace();
        break;  // the first one is the only one that Podman reads
    }
    for (const std::string dir : {"/usr/share/containers/storage.conf.d", "/etc/containers/storage.conf.d"}) {
        const auto entries = list_optional(root_, dir);
        for (const auto& e : entries.value_or(std::vector<host::DirEntry>{}))
            note_drop_in(dir + "/" + e.name);
    }
}

void StoragePlaces::note_unset(const std::vector<std::string>& argv, const host::Variables& environment,
                               host::ManagerOf manager, const std::string& source) const {
    for (const auto& problem : host::unset_variables(argv, environment, manager, source))
        note_unseen(out_, problem.message);
}

// The lines by which a unit starts the program; what may start it with options of its own is noted.
std::vector<StoragePlaces::Command> StoragePlaces::commands(const std::optional<host::UnitFile>& unit,
                                                            const std::string& program) const {
    std::vector<Command> out;
    if (!unit || unit->masked)
        return out;
    const auto environment = host::unit_environment(host_, *unit);
    for (const auto& problem : environment.problems)
        note_unseen(out_, problem.message);
    for (const auto& line : unit->values("Service", "ExecStart")) {
        const auto written = host::command_words(line.value);
        note_unset(written, environment.values, host::ManagerOf::system, line.source);
        auto argv = host::expand(written, environment.values);
        if (!runs(argv, program))
            note_unseen(out_, line.source + ": does not call " + program +
                                  " itself, so that its options cannot be seen");
        out.push_back({std::move(argv), line.source});
    }
    return out;
}

// One without options where no unit says how the program is started: storage of former times counts as well.
std::vector<StoragePlaces::Command> StoragePlaces::rootful_commands(const std::string& program) const {
    const auto& unit = host_.unit(program == "dockerd" ? "docker.service" : program + ".service");
    if (!unit)
        note_unseen(out_, unit.error().message);
    auto out = commands(unit ? *unit : std::nullopt, program);
    if (out.empty())
        out.push_back({{program}, program});
    if (!host_.live())
        return out;
    if (!host_.processes()) {
        note_unseen(out_, host_.processes().error().message);
        return out;
    }
    for (const auto& p : *host_.processes())
        if (p.uid[1] == 0 && p.in_child_user_ns() != true &&
            (p.exe ? p.exe->ends_with("/" + program) : p.comm == program))
            out.push_back({p.argv, "pid " + std::to_string(p.pid)});
    return out;
}

void StoragePlaces::add_rootful(std::string place, std::vector<std::string>& into) const {
    while (place.size() > 1 && place.ends_with('/'))
        place.pop_back();
    if (!place.empty() && !is_place(place))
        note_unseen(out_, "a rootful engine puts storage at " + place);
    else if (!place.empty() && std::ranges::find(into, place) == into.end())
        into.push_back(std::move(place));
}

template <class Parser, class Root>
void StoragePlaces::add_engine(const Engine& engine, Parser parse, Root root_in,
                               std::vector<std::string>& into) const {
    for (const Command& command : rootful_commands(engine.program)) {
        std::string place = flag(command.argv, engine.root_flags);
        add_rootful(place, into);
        const std::string named = flag(command.argv, engine.file_flags);
        const auto file = host::named_file(named.empty() ? engine.file : named, command.source);
        if (!file)
            note_unseen(out_, file.error().message);
        else if (const auto conf = read(*file, parse); conf && *conf) {
            const std::string by_file = root_in(**conf, *file);
            add_rootful(by_file, into);
            place += by_file;
        }
        if (place.empty())
            add_rootful(engine.place, into);
    }
}

// Of the file and what it imports, each once, the last that is not empty counts.
std::string StoragePlaces::containerd_root(const Value& conf, const std::string& file) const {
    constexpr std::size_t max_files = 256;
    std::string out;
    std::vector<Error> problems;
    std::vector<std::string> queue{file};
    for (std::size_t i = 0; i < queue.size() && i < max_files; ++i) {
        const auto other = i == 0 ? Result<std::optional<Value>>(conf) : read(queue[i], &parse_toml);
        if (!other || !*other)
            continue;
        if (auto root = text_at(**other, "root"); !root.empty())
            out = std::move(root);
        for (auto& path : host::containerd_imports(root_, **other, queue[i], problems))
            if (std::ranges::find(queue, path) == queue.end())
                queue.push_back(std::move(path));
    }
    if (queue.size() > max_files)
        note_unseen(out_, file + " imports more than " + std::to_string(max_files) + " files");
    for (const auto& problem : problems)
        note_unseen(out_, problem.message);
    return out;
}

void StoragePlaces::read_docker() {
    add_engine(
        {.program = "dockerd",
         .root_flags = docker_root_flags(),
         .file_flags = {"--config-file"},
         .file = "/etc/docker/daemon.json",
         .place = "/var/lib/docker"},
        &parse_json, [](const Value& conf, const std::string&) { return docker_root(conf); }, docker_);
}

void StoragePlaces::read_containerd() {
    add_engine(
        {.program = "containerd",
         .root_flags = {"--root"},
         .file_flags = {"--config", "-c"},
         .file = "/etc/containerd/config.toml",
         .place = "/var/lib/containerd"},
        &parse_toml,
        [this](const Value& conf, const std::string& file) { return containerd_root(conf, file); },
        containerd_);
    for (const char* place :
         {"/var/lib/rancher/k3s/agent/containerd", "/var/lib/rancher/rke2/agent/containerd"})
        add_rootful(place, containerd_);
}

std::vector<std::string> StoragePlaces::of(const host::User& u) const {
    if (host::is_away(root_, u))
        note_unseen(out_, host::away(u).message);
    std::vector<std::string> out = in_home(u.home);
    if (!rootless_.empty())
        add(rootless_, u, storage_confs.front(), out);
    const std::string podman_conf = u.home + "/.config/containers/storage.conf";
    const auto of_podman = read(podman_conf, &parse_toml);
    if (of_podman && *of_podman)
        for (const char* key : {"graphroot", "rootless_storage_path"})
            if (const auto place = text_at(**of_podman, "storage", key); !place.empty())
                add(place, u, podman_conf, out);
    if (!of_podman || *of_podman)
        out_.elsewhere.insert(u.name);
    add_of_docker(u, out);
    return out;
}

// Rootless dockerd's, by its daemon.json and by the units of the user's manager that are the user's own.
void StoragePlaces::add_of_docker(const host::User& u, std::vector<std::string>& out) const {
    std::string file = u.home + "/.config/docker/daemon.json";
    auto dirs = host::own_unit_dirs(u.uid, u.home);
    std::erase_if(dirs, [](const std::string& dir) { return dir.starts_with("/run/"); });
    const auto units = host::UnitFiles::open(root_, dirs);
    const auto unit = units ? units->read(root_, "docker.service")
                            : Result<std::optional<host::UnitFile>>(Failure(units.error()));
    if (!unit) {
        note_unseen(out_, unit.error().message);
        out_.elsewhere.insert(u.name);
    } else if (*unit && !(*unit)->masked) {
        out_.elsewhere.insert(u.name);
        auto environment = host::unit_environment(host_, **unit);
        environment.values.try_emplace("HOME", u.home);
        for (const auto& problem : environment.problems)
            note_unseen(out_, problem.message);
        for (const auto& line : (*unit)->values("Service", "ExecStart")) {
            const auto written = host::command_words(line.value);
            note_unset(written, environment.values, host::ManagerOf::user, line.source);
            const auto argv = host::expand(written, environment.values);
            if (const auto place = flag(argv, docker_root_flags()); !place.empty())
                add(place, u, line.source, out);
            const auto named = flag(argv, {"--config-file"});
            if (auto known = with_values_of(u, named); is_place(known))
                file = std::move(known);
            else if (!named.empty())
                note_unseen(out_, host::unknown_file(named, line.source).message);
        }
    }
    const auto conf = read(file, &parse_json);
    if (conf && *conf)
        if (const auto place = docker_root(**conf); !place.empty())
            add(place, u, file, out);
    if (!conf || *conf)
        out_.elsewhere.insert(u.name);
}

std::vector<std::string> StoragePlaces::in_home(const std::string& home) {
    return {home + "/.local/share/containers/storage", home + "/.local/share/docker"};
}

// Which of them count depends on the version of Podman.
void StoragePlaces::note_drop_in(const std::string& path) const {
    const auto text = root_.read(path);
    if (!text || text->contains("graphroot") || text->contains("rootless_storage_path"))
        note_unseen(out_, path + " may put storage elsewhere");
}

void StoragePlaces::add(const std::string& place, const host::User& u, const std::string& source,
                        std::vector<std::string>& out) const {
    if (auto known = with_values_of(u, place); is_place(known))
        out.push_back(std::move(known));
    else
        note_unseen(out_, source + " puts storage at " + known);
}

}  // namespace plimsoll::modules::subuid
