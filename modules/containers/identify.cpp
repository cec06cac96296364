// SPDX-License-Identifier: Apache-2.0
#include "modules/containers/identify.hpp"

#include "core/base/text.hpp"
#include "modules/containers/cgroup_names.hpp"

#include <algorithm>
#include <array>

namespace plimsoll::modules::containers {
namespace {

constexpr std::array<std::string_view, 9> engine_names{"podman", "docker", "containerd", "crio",   "nspawn",
                                                       "lxc",    "runc",   "buildkit",   "unknown"};
constexpr std::array<std::string_view, 3> machine_monitors{"qemu-system", "cloud-hypervisor", "firecracker"};

std::string argument_after(const std::vector<std::string>& argv, std::string_view option) {
    for (std::size_t i = 0; i + 1 < argv.size(); ++i)
        if (argv[i] == option)
            return argv[i + 1];
    return "";
}

bool has_argument(const std::vector<std::string>& argv, std::string_view end) {
    return std::ranges::any_of(argv, [&](const std::string& a) { return a.ends_with(end); });
}

// The monitor's arguments only say how to call the container; they do not decide whether it is one.
void from_monitor(const host::Process& monitor, Container& c) {
    const auto program = program_of(monitor);
    std::string id;
    Engine engine = Engine::unknown;
    if (program == "conmon") {
        engine = has_argument(monitor.argv, "podman") ? Engine::podman : Engine::crio;
        id = argument_after(monitor.argv, "-c");
    } else if (program == "conmonrs" || program == "crio-conmonrs") {
        engine = Engine::crio;
    } else if (program.starts_with("containerd-shim") || program == "docker-containerd-shim") {
        engine = argument_after(monitor.argv, "-namespace") == "moby" ? Engine::docker : Engine::containerd;
    } else if (program == "systemd-nspawn") {
        engine = Engine::nspawn;
        id = argument_after(monitor.argv, "-M");
    } else if (program.starts_with("lxc-") || program == "lxc") {
        engine = Engine::lxc;
    }
    if (c.engine == Engine::unknown || c.engine == Engine::runc)
        c.engine = engine;
    if (c.id.empty() && id.size() <= 64)
        c.id = printable(id);
}

// Root of the host, unless a user namespace below the initial one is somebody else's.
std::optional<std::uint32_t> owner_of(const Trace& t, const Container& c) {
    const Seen& first = t.first;
    const auto child = first.process.in_child_user_ns();
    if (child == false)
        return 0;
    if (c.user_ns_chain && !c.user_ns_chain->empty())
        return c.user_ns_chain->back().owner;
    for (const auto& m : c.cgroups)
        if (const auto uid = user_of(m.path))
            return uid;
    if (t.monitor != nullptr)
        return t.monitor->process.uid[0];
    if (first.process.uid_map)
        for (const auto& line : *first.process.uid_map)
            if (line.count == 1)
                return line.outside;
    return std::nullopt;
}

bool is_machine(std::string_view program) {
    return std::ranges::any_of(machine_monitors, [&](auto m) { return program.starts_with(m); });
}

// By the name; whether the program is the host's own is looked at afterwards.
Kernel kernel_of(const Trace& t) {
    const auto program = program_of(t.first.process);
    if (is_machine(program))
        return Kernel::kata;
    return program == "runsc" ? Kernel::gvisor : Kernel::shared;
}

bool needs_monitor(Engine engine) {
    return engine == Engine::podman || engine == Engine::docker || engine == Engine::containerd ||
           engine == Engine::crio || engine == Engine::nspawn;
}

}  // namespace

std::string_view name_of(Engine engine) {
    return engine_names[static_cast<std::size_t>(engine)];
}

std::string subject_of(const Container& c) {
    std::string name = !c.names.empty()  ? c.names.front()
                       : !c.id.empty()   ? c.short_id()
                       : !c.unit.empty() ? c.unit
                                         : "pid-" + std::to_string(c.init);
    return std::string(name_of(c.engine)) + "/" + (c.owner_name.empty() ? "nobody" : c.owner_name) + "/" +
           printable(name, 80);
}

bool is_monitor(const host::Process& process) {
    static constexpr std::array<std::string_view, 7> exact{
        "conmon",    "conmonrs",   "crio-conmonrs",         "systemd-nspawn",
        "lxc-start", "lxc-attach", "docker-containerd-shim"};
    const auto program = program_of(process);
    return std::ranges::find(exact, program) != exact.end() || program.starts_with("containerd-shim");
}

bool is_sandbox_program(const host::Process& process) {
    const auto program = program_of(process);
    return is_machine(program) || program == "runsc" || program == "virtiofsd";
}

void identify(const Trace& t, Container& c) {
    if (t.monitor != nullptr) {
        c.monitor = t.monitor->process.pid;
        c.monitor_name = printable(program_of(t.monitor->process), 40);
        c.monitor_verified = runs_host_program(t.host, *t.monitor, t.host_mnt, t.host_mounts);
        from_monitor(t.monitor->process, c);
    }
    if (c.cgroup.empty() && !c.cgroups.empty())
        c.unit = unit_of(c.cgroups.front().path);
    c.monitor_gone = t.monitor == nullptr && needs_monitor(c.engine);
    c.kernel = kernel_of(t);
    c.owner = owner_of(t, c);
    if (c.owner) {
        const auto& accounts = t.host.accounts();
        const auto* user = accounts ? accounts->user(*c.owner) : nullptr;
        c.owner_name = user != nullptr ? printable(user->name, 40) : std::to_string(*c.owner);
    }
    t.records.add_to(c);
}

}  // namespace plimsoll::modules::containers
