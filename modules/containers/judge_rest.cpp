// SPDX-License-Identifier: Apache-2.0
// Namespaces, limits, image, engine and programs of containers.
#include "core/base/text.hpp"
#include "modules/containers/capability_names.hpp"
#include "modules/containers/judge.hpp"
#include "modules/containers/process_table.hpp"

#include <algorithm>
#include <array>

namespace plimsoll::modules::containers {
namespace {

using host::Ns;
using policy::Finding;
using policy::Severity;

constexpr std::array<std::string_view, 4> limit_names{"pids", "memory", "swap", "cpu"};

Severity severity_of(Ns ns) {
    if (ns == Ns::pid || ns == Ns::net)
        return Severity::high;
    return ns == Ns::ipc ? Severity::medium : Severity::low;
}

bool is_nested_service(std::string_view program) {
    static constexpr std::array<std::string_view, 10> programs{
        "sshd",      "dockerd", "containerd", "podman",      "crio",
        "buildkitd", "kubelet", "systemd",    "rootlesskit", "dropbear"};
    return std::ranges::find(programs, program) != programs.end();
}

void judge_namespace(const Case& c, const Member& m, Ns ns, Verdict& v) {
    const auto name = std::string(host::name_of(ns));
    const auto own = m.ns.of(ns);
    const auto host = c.host.ns.of(ns);
    if (!own || !host)
        v.unknown(m.file("ns/" + name) + (own ? " has no known counterpart on the host" : " cannot be read"));
    else if (*own == *host)
        v.wrong(severity_of(ns),
                (m.role == Member::Role::init ? "" : Case::name_of_process(m.process) + " ") +
                    std::string("shares the host's ") + name + " namespace",
                {m.file("ns/" + name), name + ":[" + std::to_string(*own) + "]", "a namespace of its own"});
}

void judge_limit(const Result<host::CgroupLimit>& limit, const std::string& what, const std::string& file,
                 Verdict& v) {
    if (!limit && limit.error().code == Code::not_found)
        v.wrong(Severity::medium, what, {file, printable(limit.error().message), "a limit"});
    else if (!limit)
        v.unknown(printable(limit.error().message));
    else if (!limit->value)
        v.wrong(Severity::medium, what,
                {limit->source.empty() ? file : printable(limit->source, 300),
                 limit->source.empty() ? "no cgroup of its own" : "max", "a limit"});
}

}  // namespace

Finding judge_host_namespaces(const Case& c) {
    Verdict v(c, Rule::host_namespaces);
    for (const Ns ns : {Ns::pid, Ns::net, Ns::ipc, Ns::uts, Ns::cgroup, Ns::time}) {
        const auto name = std::string(host::name_of(ns));
        if (std::ranges::find(c.params.allowed_namespaces, name) != c.params.allowed_namespaces.end())
            continue;
        if (ns == Ns::cgroup && c.host.legacy_cgroups)
            continue;  // the default of version 1
        each(c, v, [&](const Member& m) { judge_namespace(c, m, ns, v); });
    }
    return v.end("shares no namespace with the host that matters");
}

Finding judge_limits(const Case& c) {
    Verdict v(c, Rule::limits);
    for (const auto& needed : c.params.needed_limits) {
        const auto at =
            static_cast<std::size_t>(std::ranges::find(limit_names, needed) - limit_names.begin());
        if (at == limit_names.size())
            continue;
        judge_limit(c.seen.limits.at(at), "no limit on " + needed, c.file("cgroup"), v);
        for (const auto& [pid, limits] : c.seen.joined_limits)
            judge_limit(
                limits.at(at),
                "no limit on " + needed + " for pid " + std::to_string(pid) + ", outside of its cgroup",
                "/proc/" + std::to_string(pid) + "/cgroup", v);
    }
    return v.end("has the limits that the policy asks for");
}

Finding judge_image(const Case& c) {
    Verdict v(c, Rule::image);
    if (c.params.allowed_images.empty() && !c.params.digest_needed)
        return v.not_applicable("the policy names no images or registries");
    const std::string& image = c.container().image;
    if (image.empty()) {
        v.unknown("its engine's records do not tell its image");
        return v.end("");
    }
    const bool allowed = c.params.allowed_images.empty() ||
                         std::ranges::any_of(c.params.allowed_images,
                                             [&](const std::string& g) { return glob_match(g, image); });
    if (!allowed)
        v.wrong(Severity::medium, "runs " + image + ", which the policy does not allow",
                {"records of " + std::string(name_of(c.container().engine)), image,
                 join(c.params.allowed_images, ", ")});
    if (c.params.digest_needed && image.find("@sha256:") == std::string::npos)
        v.wrong(Severity::medium, "its image is named by a tag, which can move",
                {"records of " + std::string(name_of(c.container().engine)), image, "NAME@sha256:…"});
    return v.end("runs " + image + ", as its engine's records say");
}

Finding judge_nested(const Case& c) {
    Verdict v(c, Rule::nested);
    if (!c.container().inside.empty())
        v.wrong(Severity::low, "runs inside another container",
                {c.file("status"), c.container().inside, "a container of the host"});
    each(c, v, [&](const Member& m) {
        const auto program = program_of(m.process);
        if (is_nested_service(program) || is_nested_service(m.process.comm))
            v.wrong(
                Severity::low, Case::name_of_process(m.process) + " is a login service, manager or engine",
                {"/proc/" + std::to_string(m.process.pid) + "/exe", printable(program, 60), "one workload"});
        if (!m.process.exe)
            v.unknown(m.file("exe") + " cannot be read");
    });
    return v.end("no login service, service manager or engine");
}

Finding judge_drift(const Case& c) {
    Verdict v(c, Rule::drift);
    for (const Drift& d : c.seen.drift)
        v.wrong(Severity::high,
                "pid " + std::to_string(d.pid) + " runs " + printable(d.exe, 120) + ": " + d.what,
                {"/proc/" + std::to_string(d.pid) + "/exe", printable(d.exe, 200), "a program of the image"});
    each(c, v, [&](const Member& m) {
        if (!m.process.exe)
            v.unknown(m.file("exe") + " cannot be read");
    });
    if (!c.seen.drift_unknown.empty())
        v.unknown(printable(c.seen.drift_unknown));
    return v.end("no program from memory or the upper layer");
}

Finding judge_orphan(const Case& c) {
    Verdict v(c, Rule::orphan);
    const Container& k = c.container();
    if (k.engine == Engine::unknown)
        v.wrong(Severity::medium, "no engine answers for it",
                {"pid " + std::to_string(k.init), join(k.why, "; "), "a monitor such as conmon above it"});
    if (k.monitor_gone)
        v.wrong(Severity::medium, "its monitor is gone",
                {c.file("status"), "its parent is no monitor of " + std::string(name_of(k.engine)),
                 "conmon, a shim or nspawn above it"});
    else if (k.monitor && !k.monitor_verified)
        v.unknown("its parent is called " + k.monitor_name +
                  ", but that it is the host's own program cannot be told");
    else if (!k.monitor && !k.record)
        v.wrong(Severity::medium, "neither a monitor nor a record of a runtime is there for it",
                {c.file("status"), join(k.why, "; "), "an engine that answers for it"});
    const bool keeps_record = k.engine == Engine::podman || k.engine == Engine::docker ||
                              k.engine == Engine::containerd || k.engine == Engine::crio;
    if (keeps_record && !k.record && !k.owner)
        v.unknown("whose it is cannot be told, and so not where its runtime would keep its state");
    else if (keeps_record && !k.record)
        v.wrong(Severity::medium, "its runtime keeps no state of it",
                {"/run", "no state of " + printable(k.id, 64), "a folder of the runtime named after it"});
    return v.end(k.record ? "monitored, and known to its runtime (" + printable(*k.record, 160) + ")"
                          : "monitored by " + k.monitor_name);
}

Finding judge_surface(const Case& c) {
    Verdict v(c, Rule::surface);
    const auto knob = [&](const char* name) {
        const auto it = c.host.knobs.find(name);
        return it == c.host.knobs.end() ? std::string() : it->second;
    };
    each(c, v, [&](const Member& m) {
        const host::Process& p = m.process;
        if (!p.seccomp || !p.capabilities)
            return v.unknown(m.file("status") + " does not tell filter and capabilities");
        if (*p.seccomp != 0)
            return;
        std::vector<std::string> open{"AF_ALG", "vsock"};
        const auto holds = [&](std::string_view name) {
            return (p.capabilities->effective & capability_bit(name)) != 0;
        };
        if (knob("kernel/io_uring_disabled") != "2")
            open.emplace_back("io_uring");
        if (holds("BPF") || holds("SYS_ADMIN") || knob("kernel/unprivileged_bpf_disabled") == "0")
            open.emplace_back("bpf");
        if (holds("SYS_PTRACE") || knob("vm/unprivileged_userfaultfd") == "1")
            open.emplace_back("userfaultfd");
        if (holds("NET_RAW"))
            open.emplace_back("AF_PACKET");
        v.wrong(Severity::info, "no filter before " + join(open, ", "), {m.file("status"), "Seccomp 0", "2"});
    });
    return v.end("a filter stands before every process; what it lets through, /proc does not tell");
}

}  // namespace plimsoll::modules::containers
