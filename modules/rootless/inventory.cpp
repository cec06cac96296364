// SPDX-License-Identifier: Apache-2.0
#include "modules/rootless/inventory.hpp"

#include "core/base/path.hpp"
#include "core/base/text.hpp"
#include "core/host/sysv_scripts.hpp"

#include <algorithm>
#include <iterator>
#include <map>
#include <set>

namespace plimsoll::modules::rootless {
namespace {

constexpr std::string_view program_dirs[] = {"/usr/bin",       "/usr/sbin", "/bin",      "/sbin",
                                             "/usr/local/bin", "/opt/bin",  "/snap/bin", "/opt/rke2/bin"};

bool has_program(const host::Sysroot& root, std::string_view program) {
    return std::ranges::any_of(program_dirs, [&](std::string_view dir) {
        return root.exists(std::string(dir) + "/" + std::string(program));
    });
}

std::string engine_named(std::string_view program) {
    for (const EngineInfo& e : engine_table)
        if (e.program == program)
            return std::string(e.name);
    return program == "docker.dockerd" ? "docker" : "";  // as the snap calls it
}

bool runs_as_other(const host::Host& host, const host::UnitFile& file) {
    const auto user = file.values("Service", "User");
    if (user.empty())
        return false;
    const std::string& name = user.back().value;
    // A specifier may stand for anybody, root among them.
    if (name == "root" || name.find('%') != std::string::npos)
        return false;
    const host::User* account = host.accounts() ? host.accounts()->user(name) : nullptr;
    const auto number = parse_u64(name);
    return account != nullptr ? account->uid != 0 : number != std::uint64_t{0};
}

// systemd.service(5), "Table 1": these prefixes keep root's power whatever User= says.
bool keeps_root(std::string_view command) {
    const auto prefix = command.substr(0, command.find_first_not_of("-@:+!|"));
    return prefix.find('+') != std::string_view::npos ||
           (prefix.find('!') != std::string_view::npos && prefix.find("!!") == std::string_view::npos);
}

// An engine whose program stands in the text by its path: "${DAEMON:-/usr/bin/dockerd}". podman is one only
// by what it is told.
std::string engine_of_path(std::string_view text) {
    static constexpr std::string_view ends = " \t\"'`;&|(){}<>:,";
    for (const EngineInfo& e : engine_table)
        for (auto at = text.find(e.program); at != std::string_view::npos && e.name != "podman";
             at = text.find(e.program, at + 1)) {
            const auto after = text.substr(at + e.program.size());
            if (text.substr(0, at).ends_with("bin/") &&
                (after.empty() || ends.find(after.front()) != std::string_view::npos))
                return std::string(e.name);
        }
    return {};
}

// An engine that start-stop-daemon(8) is told to start, whose lines may be continued; short options mean
// other things elsewhere.
std::string engine_to_exec(std::span<const std::string> argv) {
    const bool whole =
        std::ranges::any_of(argv, [](const std::string& w) { return base_name(w) == "start-stop-daemon"; });
    for (const std::string option : {"--exec", "--startas", "-x", "-a"}) {
        const auto program =
            whole || option.starts_with("--") ? flag_value(argv, option) : std::optional<std::string>();
        if (program && base_name(*program) != "podman" && !engine_named(base_name(*program)).empty())
            return engine_named(base_name(*program));
    }
    return {};
}

// What the lines of an init script call, as far as that can be told without a shell.
class ScriptLines {
  public:
    explicit ScriptLines(const host::SysvScript& script)
        : script_(script), variables_(parse_environment(script.text)) {}

    // By its name, else by what its lines name: "DOCKERD=/usr/bin/dockerd", "exec dockerd".
    [[nodiscard]] std::string engine() const {
        auto out = engine_of_unit_name(script_.unit);
        for_each([&](std::string_view line, const std::string&) {
            if (out.empty())
                out = engine_of_path(line);
            for (const auto& argv : {command_words(line), expand(command_words(line), variables_)}) {
                if (out.empty())
                    out = engine_of(argv);
                if (out.empty())
                    out = engine_to_exec(argv);
            }
        });
        return out;
    }

    // Those that start containers with podman, as if a unit had them.
    [[nodiscard]] std::vector<host::UnitSetting> containers() const {
        std::vector<host::UnitSetting> out;
        for_each([&](std::string_view line, const std::string& source) {
            const auto argv = command_words(line);
            if (starts_container(argv) || starts_container(expand(argv, variables_)))
                out.push_back({"Service", "ExecStart", std::string(trim(line)), source});
        });
        return out;
    }

  private:
    template <class Visit>
    void for_each(Visit visit) const {
        int number = 0;
        for (const auto line : split_lines(script_.text)) {
            ++number;
            if (!trim(line).starts_with('#'))
                visit(line, script_.path + ":" + std::to_string(number));
        }
    }

    const host::SysvScript& script_;
    Variables variables_;
};

// nullopt: it starts neither an engine nor containers.
std::optional<EngineUnit> classify(host::SysvScript script) {
    const ScriptLines lines(script);
    EngineUnit out{.engine = lines.engine(), .script = true};
    if (!out.engine.empty())
        out.runs.push_back({"Service", "ExecStart", script.path + " start", script.path});
    else
        out.runs = lines.containers();
    if (out.runs.empty())
        return std::nullopt;
    out.file = {.name = script.unit,
                .fragment = script.path,
                .enabled_by = std::move(script.links),
                .settings = out.runs};
    return out;
}

// Where systemd-sysv-generator(8) puts what it makes at boot.
bool is_generated(const host::UnitFile& unit) {
    return unit.fragment.starts_with("/run/systemd/generator.late/");
}

// A unit that is none of ours gives an entry without engine and runs.
EngineUnit classify(const host::Host& host, host::UnitFile file) {
    EngineUnit unit{.engine = engine_of_unit_name(file.name)};
    unit.rootless = runs_as_other(host, file);
    for (const char* key : {"ExecStart", "ExecStartPre", "ExecStartPost"})
        for (const auto& line : file.values("Service", key)) {
            const auto argv = command_words(line.value);
            const auto engine = engine_of(argv);
            if (engine.empty() && !starts_container(argv))
                continue;
            if (!engine.empty() && unit.engine.empty())
                unit.engine = engine;
            unit.rootless = unit.rootless && !keeps_root(line.value);
            unit.runs.push_back(line);
        }
    unit.file = std::move(file);
    return unit;
}

bool is_own_file(const host::Sysroot& root, const std::string& name) {
    const auto st = root.lstat("/etc/systemd/system/" + name);
    return st && S_ISREG(st->st_mode) && st->st_size > 0;
}

std::string socket_of(const std::string& service) {
    return service.substr(0, service.rfind('.')) + ".socket";
}

// systemd.socket(5): it starts the service of its own name unless it names another.
bool listens_for(const host::UnitFile& unit, const std::string& service) {
    if (!unit.name.ends_with(".socket"))
        return false;
    const auto named = unit.values("Socket", "Service");
    return named.empty() ? unit.name == socket_of(service) : named.back().value == service;
}

// Reads the system's units of engines, those that start containers, and those by which others start them.
class UnitReader {
  public:
    UnitReader(const host::Host& host, Inventory& into) : host_(host), into_(into) {}

    void read() {
        if (!host_.units())
            return into_.unit_problems.push_back(host_.units().error());
        find(needles, host::service_suffixes);
        for (const EngineInfo& e : engine_table)
            names_.insert(e.units.begin(), e.units.end());
        names_.erase("");
        for (const auto& name : names_)
            read_unit(name);
        read_scripts();
        adopt_sockets();
        follow_others();
    }

  private:
    // A socket of any name is the engine's that it starts.
    void adopt_sockets() {
        std::vector<EngineUnit> services;
        for (const EngineUnit& u : into_.units)
            if (!u.engine.empty() && u.file.name.ends_with(".service"))
                services.push_back(
                    {.engine = u.engine, .file = {.name = u.file.name}, .rootless = u.rootless});
        for (const EngineUnit& s : services)
            read_unit(socket_of(s.file.name));
        std::vector<host::UnitFile> rest;
        for (host::UnitFile& other : others_) {
            const auto service = std::ranges::find_if(
                services, [&](const EngineUnit& s) { return listens_for(other, s.file.name); });
            if (service == services.end()) {
                rest.push_back(std::move(other));
                continue;
            }
            const bool own_file = is_own_file(host_.root(), other.name);
            into_.units.push_back({.engine = service->engine,
                                   .file = std::move(other),
                                   .rootless = service->rootless,
                                   .own_file = own_file});
        }
        others_ = std::move(rest);
    }

    // Services that systemd-sysv-generator(8) makes or would make.
    void read_scripts() {
        auto scripts = host::read_sysv_scripts(host_.root(), needles);
        into_.unit_problems.insert(into_.unit_problems.end(), scripts.problems.begin(),
                                   scripts.problems.end());
        for (host::SysvScript& s : scripts.found) {
            const auto& made = host_.unit(s.unit);
            if (made && *made && !is_generated(**made))
                continue;
            if (!made)
                into_.unit_problems.push_back(made.error());
            auto unit = classify(std::move(s));
            if (!unit)
                continue;
            if (made && *made)
                take_over(**made, *unit);
            if (unit->engine.empty())
                unit->kube = read_kube_files(host_.root(), played_files(unit->file, {}), "");
            read_.insert(unit->file.name);
            into_.units.push_back(*std::move(unit));
        }
    }

    // Puts the script in the place of what the generator made of it, which tells less.
    void take_over(const host::UnitFile& made, EngineUnit& script) {
        const auto same = [&](const host::UnitFile& f) { return f.name == made.name; };
        std::erase_if(into_.units, [&](const EngineUnit& u) { return same(u.file); });
        std::erase_if(others_, same);
        script.rootless = runs_as_other(host_, made);
        std::ranges::copy(made.enabled_by, std::back_inserter(script.file.enabled_by));
        script.file.settings.insert(script.file.settings.begin(), made.settings.begin(), made.settings.end());
    }

    // What every unit has that runs an engine, and most that name one.
    static constexpr std::string_view needles[] = {"docker",   "containerd", "crio",  "rke2",
                                                   "buildkit", "k3s",        "podman"};
    static constexpr std::string_view starters[] = {".target", ".timer", ".path"};

    void find(std::span<const std::string_view> words, std::span<const std::string_view> suffixes) {
        if (const auto found = host_.units()->mentioning(host_.root(), words, suffixes))
            names_.insert(found->begin(), found->end());
        else
            into_.unit_problems.push_back(found.error());
    }

    void read_unit(const std::string& name) {
        if (!read_.insert(name).second)
            return;
        const auto& read = host_.unit(name);
        if (!read)
            return into_.unit_problems.push_back(Error(read.error()).context(name));
        if (!*read)
            return;
        EngineUnit unit = classify(host_, **read);
        if (unit.engine.empty() && unit.runs.empty())
            return others_.push_back(std::move(unit.file));
        unit.own_file = is_own_file(host_.root(), name);
        if (unit.engine.empty())
            unit.kube = read_kube_files(host_.root(), played_files(unit.file, {}), "");
        into_.units.push_back(std::move(unit));
    }

    // Units that nothing seems to start may be started by others, which say so by their names.
    void follow_others() {
        std::vector<std::string> dormant;
        for (const EngineUnit& u : into_.units)
            if (!u.rootless && !u.file.masked && !u.starts())
                dormant.push_back(u.file.name);
        if (dormant.empty())
            return;
        const std::vector<std::string_view> words(dormant.begin(), dormant.end());
        names_.clear();
        find(words, starters);
        const bool all_seen = std::ranges::all_of(words, [](std::string_view name) {
            return std::ranges::any_of(
                needles, [&](std::string_view n) { return name.find(n) != std::string_view::npos; });
        });
        if (!all_seen)
            find(words, host::service_suffixes);
        for (const std::string& name : dormant)
            for (const char* suffix : {".timer", ".path"})
                names_.insert(name.substr(0, name.rfind('.')) + suffix);
        for (const auto& name : names_)
            read_unit(name);
        const auto started = started_others();
        for (EngineUnit& u : into_.units)
            if (std::ranges::find(dormant, u.file.name) != dormant.end())
                for (const host::UnitFile* other : started)
                    if (auto pull = other->pull_of(u.file.name))
                        u.pulled_in.push_back(*std::move(pull));
    }

    // Those that links start, targets, and what these start in turn.
    [[nodiscard]] std::vector<const host::UnitFile*> started_others() const {
        std::vector<const host::UnitFile*> started;
        const auto add_if = [&](auto starts) {
            const auto before = started.size();
            for (const host::UnitFile& f : others_)
                if (!f.masked && std::ranges::find(started, &f) == started.end() && starts(f))
                    started.push_back(&f);
            return started.size() > before;
        };
        add_if([](const host::UnitFile& f) { return !f.enabled_by.empty() || f.name.ends_with(".target"); });
        while (add_if([&](const host::UnitFile& f) {
            return std::ranges::any_of(started,
                                       [&](const auto* by) { return by->pull_of(f.name).has_value(); });
        })) {
        }
        return started;
    }

    const host::Host& host_;
    Inventory& into_;
    std::set<std::string> names_{};
    std::set<std::string> read_{};
    std::vector<host::UnitFile> others_{};  // of no engine
};

std::string engine_of_process(const host::Process& p) {
    const std::vector<std::string> own = p.argv;
    // The link is the truth; without it (not permitted) the names a process gives itself must do.
    std::string_view program = p.exe ? base_name(*p.exe) : std::string_view(p.comm);
    if (program == "podman" || program == "podman-remote")
        return engine_of(own);
    // The containerd of k3s is the program of k3s under another name.
    if (program == "k3s" && !own.empty() && base_name(own.front()) == "containerd")
        return "containerd";
    if (auto e = engine_named(program); !e.empty())
        return e;
    if (!p.exe && !own.empty())
        return engine_named(base_name(own.front()));
    return {};
}

// The chain of parents up to init, bounded against loops in what is not one snapshot.
template <class Visit>
void for_ancestors(const std::map<int, const host::Process*>& by_pid, const host::Process& p, Visit visit) {
    int pid = p.parent;
    for (int hops = 0; hops < 16 && pid > 1; ++hops) {
        const auto it = by_pid.find(pid);
        if (it == by_pid.end())
            return;
        visit(*it->second);
        pid = it->second->parent;
    }
}

bool is_rootlesskit(const host::Process& p) {
    return p.exe && !p.exe->empty() ? base_name(*p.exe) == "rootlesskit" : p.comm == "rootlesskit";
}

Result<std::vector<EngineProcess>> engine_processes(const host::Host& host) {
    if (!host.live())
        return std::vector<EngineProcess>{};
    const auto& all = host.processes();
    if (!all)
        return Failure(all.error());
    std::map<int, const host::Process*> by_pid;
    for (const auto& p : *all)
        by_pid[p.pid] = &p;
    std::vector<EngineProcess> out;
    for (const auto& p : *all) {
        const auto engine = engine_of_process(p);
        if (engine.empty())
            continue;
        EngineProcess e{engine, p.pid, p.uid[1], p.in_child_user_ns(), p.argv};
        for_ancestors(by_pid, p, [&](const host::Process& up) {
            if (is_rootlesskit(up)) {
                e.under_rootlesskit = true;
                e.detached_net |= std::ranges::any_of(
                    up.argv, [](const std::string& a) { return a.starts_with("--detach-netns"); });
            } else if (const auto by = engine_of_process(up); e.parent_engine.empty() && by != engine) {
                e.parent_engine = by;
            }
        });
        out.push_back(std::move(e));
    }
    return out;
}

// Runs what its last words name, after options of its own.
bool is_wrapper(std::string_view program) {
    static constexpr std::string_view wrappers[] = {"env",  "nice",  "ionice",  "chrt", "taskset", "setpriv",
                                                    "exec", "nohup", "unshare", "sh",   "bash",    "dash"};
    return std::ranges::find(wrappers, program) != std::end(wrappers);
}

// Brings a containerd of its own along, which is no installed one.
bool is_bundle(std::string_view engine) {
    return engine == "k3s" || engine == "rke2";
}

bool has_kubelet(const host::Host& host, const Inventory& inventory) {
    const auto& root = host.root();
    if (has_program(root, "kubelet") || root.exists("/var/lib/kubelet/config.yaml") ||
        root.exists("/etc/kubernetes/kubelet.conf") || inventory.has("k3s") || inventory.has("rke2"))
        return true;
    if (!host.live())
        return false;
    if (!host.processes())
        return true;  // perhaps, and then its settings are unknown
    return std::ranges::any_of(*host.processes(), [](const host::Process& p) { return p.comm == "kubelet"; });
}

}  // namespace

std::string engine_of_unit_name(std::string_view unit) {
    for (const EngineInfo& e : engine_table)
        if (!unit.empty() && std::ranges::find(e.units, unit) != e.units.end())
            return std::string(e.name);
    return {};
}

std::string engine_of(std::span<const std::string> argv) {
    for (std::size_t i = 0; i < argv.size(); ++i) {
        const auto program = base_name(argv[i]);
        if (program == "podman") {
            const auto rest = argv.subspan(i + 1);
            const auto verb = std::ranges::find(rest, "system");
            if (verb != rest.end() && std::find(verb, rest.end(), "service") != rest.end())
                return "podman";
            continue;
        }
        // Only what is run: "--containerd /run/…/containerd.sock" and "-H unix://…" are not programs.
        const bool option = i > 0 && argv[i - 1].starts_with('-') && !is_wrapper(base_name(argv[0]));
        if (auto e = engine_named(program); !e.empty() && !option)
            return e;
    }
    return {};
}

Error script_hides(const EngineUnit& unit) {
    return {Code::unsupported, 0,
            unit.file.fragment + ": an init script, so that the options of what it starts cannot be seen"};
}

bool starts_container(std::span<const std::string> argv) {
    static constexpr std::string_view verbs[] = {"run", "start", "play", "kube", "restart", "create"};
    const auto program =
        std::ranges::find_if(argv, [](const std::string& w) { return base_name(w) == "podman"; });
    if (program == argv.end())
        return false;
    return std::any_of(program + 1, argv.end(), [](const std::string& w) {
        return std::ranges::find(verbs, std::string_view(w)) != std::end(verbs);
    });
}

bool Inventory::has(std::string_view engine) const {
    return std::ranges::find(installed, engine) != installed.end();
}

std::optional<bool> Inventory::rootful(std::string_view engine) const {
    for (const EngineUnit& u : units)
        if (u.engine == engine && u.starts())
            return true;
    bool undecided = !processes || !unit_problems.empty();
    if (processes)
        for (const EngineProcess& p : *processes) {
            if (p.engine == engine && p.rootful())
                return true;
            undecided |= p.engine == engine && p.undecided();
        }
    return undecided ? std::nullopt : std::optional(false);
}

Inventory take_inventory(const host::Host& host) {
    Inventory out;
    UnitReader(host, out).read();
    out.processes = engine_processes(host);
    for (const EngineInfo& e : engine_table) {
        const bool unit = std::ranges::any_of(
            out.units, [&](const EngineUnit& u) { return u.engine == e.name && !u.runs.empty(); });
        const bool runs = out.processes && std::ranges::any_of(*out.processes, [&](const EngineProcess& p) {
                              return p.engine == e.name && !is_bundle(p.parent_engine);
                          });
        if (unit || runs || has_program(host.root(), e.program))
            out.installed.emplace_back(e.name);
    }
    out.kubelet = has_kubelet(host, out);
    out.crictl = has_program(host.root(), "crictl");
    return out;
}

}  // namespace plimsoll::modules::rootless
