// SPDX-License-Identifier: Apache-2.0
#include "modules/rootless/inventory.hpp"

#include "core/base/text.hpp"

#include <algorithm>
#include <map>
#include <set>

namespace plimsoll::modules::rootless {
namespace {

constexpr std::string_view program_dirs[] = {"/usr/bin",       "/usr/sbin", "/bin",     "/sbin",
                                             "/usr/local/bin", "/opt/bin",  "/snap/bin"};

std::string_view base_name(std::string_view path) {
    return path.substr(path.rfind('/') + 1);  // npos + 1 is 0
}

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

std::string engine_of_unit_name(std::string_view unit) {
    for (const EngineInfo& e : engine_table)
        if (!unit.empty() && std::ranges::find(e.units, unit) != e.units.end())
            return std::string(e.name);
    return {};
}

bool runs_as_other(const host::UnitFile& file) {
    const auto user = file.values("Service", "User");
    if (user.empty())
        return false;
    const std::string& name = user.back().value;
    // A specifier may stand for anybody, root among them.
    return name != "root" && name != "0" && name.find('%') == std::string::npos;
}

// A unit that is none of ours gives an entry without engine and runs.
EngineUnit classify(host::UnitFile file) {
    EngineUnit unit{.engine = engine_of_unit_name(file.name)};
    for (const auto& line : file.values("Service", "ExecStart")) {
        const auto argv = command_words(line.value);
        const auto engine = engine_of(argv);
        if (engine.empty() && !starts_container(argv))
            continue;
        if (!engine.empty() && unit.engine.empty())
            unit.engine = engine;
        unit.runs.push_back(line);
    }
    unit.rootless = runs_as_other(file);
    unit.file = std::move(file);
    return unit;
}

bool is_own_file(const host::Sysroot& root, const std::string& name) {
    const auto st = root.lstat("/etc/systemd/system/" + name);
    return st && S_ISREG(st->st_mode) && st->st_size > 0;
}

void read_units(const host::Host& host, Inventory& into) {
    static constexpr std::string_view needles[] = {"dockerd",   "containerd", "crio",
                                                   "buildkitd", "k3s",        "podman"};
    std::set<std::string> names;
    if (!host.units()) {
        into.unit_problems.push_back(host.units().error());
        return;
    }
    if (const auto found = host.units()->mentioning(host.root(), needles))
        names.insert(found->begin(), found->end());
    else
        into.unit_problems.push_back(found.error());
    for (const EngineInfo& e : engine_table)
        names.insert(e.units.begin(), e.units.end());
    names.erase("");
    for (const auto& name : names) {
        auto read = host.unit(name);
        if (!read) {
            into.unit_problems.push_back(std::move(read).error().context(name));
            continue;
        }
        if (!*read)
            continue;
        EngineUnit unit = classify(**std::move(read));
        if (unit.engine.empty() && unit.runs.empty())
            continue;
        unit.own_file = is_own_file(host.root(), name);
        into.units.push_back(std::move(unit));
    }
}

std::string engine_of_process(const host::Process& p) {
    const std::vector<std::string> own = p.argv;
    // The link is the truth; without it (not permitted) the names a process gives itself must do.
    std::string_view program = p.exe ? base_name(*p.exe) : std::string_view(p.comm);
    if (program == "podman" || program == "podman-remote")
        return engine_of(own);
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

bool has_kubelet(const host::Host& host, const Inventory& inventory) {
    const auto& root = host.root();
    if (has_program(root, "kubelet") || root.exists("/var/lib/kubelet/config.yaml") ||
        root.exists("/etc/kubernetes/kubelet.conf") || inventory.has("k3s"))
        return true;
    if (!host.live())
        return false;
    if (!host.processes())
        return true;  // perhaps, and then its settings are unknown
    return std::ranges::any_of(*host.processes(), [](const host::Process& p) { return p.comm == "kubelet"; });
}

}  // namespace

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
    read_units(host, out);
    out.processes = engine_processes(host);
    for (const EngineInfo& e : engine_table) {
        const bool unit = std::ranges::any_of(
            out.units, [&](const EngineUnit& u) { return u.engine == e.name && !u.runs.empty(); });
        const bool runs = out.processes && std::ranges::any_of(*out.processes, [&](const EngineProcess& p) {
                              return p.engine == e.name;
                          });
        if (unit || runs || has_program(host.root(), e.program))
            out.installed.emplace_back(e.name);
    }
    out.kubelet = has_kubelet(host, out);
    out.crictl = has_program(host.root(), "crictl");
    return out;
}

}  // namespace plimsoll::modules::rootless
