// SPDX-License-Identifier: Apache-2.0
// What containers see of the host: mounts, devices, root file system, propagation.
#include "core/base/text.hpp"
#include "modules/containers/judge.hpp"
#include "modules/containers/masks.hpp"

#include <algorithm>
#include <array>

namespace plimsoll::modules::containers {
namespace {

using policy::Finding;
using policy::Severity;

// Severity of what only matters as far as its root is the host's.
Severity by_userns(const Case& c) {
    return c.in_host_userns() == false ? Severity::medium : Severity::critical;
}

// Where the kernel's own is changed or looked into: debugfs, tracefs and the like have one instance only.
void judge_instance(const Case& c, const host::Mount& m, const policy::Evidence& evidence, Verdict& v) {
    static constexpr std::array<std::string_view, 8> types{
        "debugfs", "tracefs", "securityfs", "configfs", "efivarfs", "binfmt_misc", "bpf", "pstore"};
    if (std::ranges::find(types, m.type) == types.end())
        return;
    if (!m.read_only)
        v.wrong(by_userns(c), "may write to the host's " + m.type, evidence);
    else if (m.type == "debugfs" || m.type == "tracefs")
        v.wrong(c.in_host_userns() == false ? Severity::low : Severity::high, "sees the host's " + m.type,
                evidence);
}

bool is_of_its_cgroup(const Container& k, const host::Mount& m) {
    if (m.root == "/")
        return false;
    if (!k.cgroup.empty())
        return host::is_within(m.root, k.cgroup);
    return !m.root.ends_with(".slice") && std::ranges::any_of(k.cgroups, [&](const auto& own) {
        return host::is_within(m.root, own.path) || host::is_within(own.path, m.root);
    });
}

void judge_cgroup(const Case& c, const host::Mount& m, const policy::Evidence& evidence, Verdict& v) {
    if ((m.type != "cgroup2" && m.type != "cgroup") || m.read_only || is_of_its_cgroup(c.container(), m))
        return;
    v.wrong(by_userns(c),
            m.root == "/" ? "may write to the host's whole cgroup hierarchy"
                          : "may write to the cgroup " + printable(m.root, 120) + ", which is not its own",
            evidence);
}

// /proc is the kernel's whatever PID namespace it is of; root of the host may write to /proc/sys without any
// capability. Runtimes cover that read-only.
void judge_proc(const Case& c, const std::vector<host::Mount>& mounts, const host::Mount& m,
                const policy::Evidence& evidence, Verdict& v) {
    if (m.type != "proc")
        return;
    if (c.host.proc_device != 0 && m.device == c.host.proc_device)
        v.wrong(weigh(c, Severity::critical), "has the host's own /proc", evidence);
    if (m.read_only || c.in_host_userns() == false)
        return;
    if (m.root != "/" && !is_network_setting(m))
        return v.wrong(Severity::critical, "may write to /proc" + printable(m.root, 60), evidence);
    const auto* sys = host::mount_at(mounts, m.point == "/" ? "/sys" : m.point + "/sys");
    if (m.root == "/" && host::mount_at(mounts, m.point) == &m && (sys == nullptr || !sys->read_only))
        v.wrong(Severity::critical,
                "may write to the kernel's settings in " + printable(m.point, 60) + "/sys", evidence);
}

void judge_handle(const Case& c, const host::Mount& m, const policy::Evidence& evidence, Verdict& v) {
    if (m.type != "nsfs")
        return;
    for (std::size_t i = 0; i < host::ns_names.size(); ++i)
        if (const auto inode = c.host.ns.of(static_cast<host::Ns>(i));
            inode && m.root == std::string(host::ns_names[i]) + ":[" + std::to_string(*inode) + "]")
            v.wrong(Severity::high,
                    "holds a way into the host's " + std::string(host::ns_names[i]) + " namespace", evidence);
}

// The kernel's file systems: a mount of the host's own instance, or one that the whole host shares.
void judge_kernel_mounts(const Case& c, const View& view, Verdict& v) {
    const auto& mounts = *view.mounts;
    for (const host::Mount& m : mounts) {
        const policy::Evidence evidence{view.dir + "/mountinfo",
                                        m.type + " " + printable(m.root, 60) + " at " +
                                            printable(m.point, 120) +
                                            (m.read_only ? ", read-only" : ", writable"),
                                        "an own instance, read-only where it is the host's"};
        judge_proc(c, mounts, m, evidence, v);
        if (m.type == "sysfs" && !m.read_only && host::mount_at(mounts, m.point) == &m)
            v.wrong(by_userns(c), "may write to /sys", evidence);
        judge_instance(c, m, evidence, v);
        judge_cgroup(c, m, evidence, v);
        judge_handle(c, m, evidence, v);
    }
}

bool is_common_device(const host::DeviceNode& d) {
    // linux/Documentation/admin-guide/devices.txt: null, zero, full, random, urandom; tty, console, ptmx;
    // pts; the first terminals that nspawn gives are of the container's devpts.
    if (d.block)
        return false;
    return (d.major == 1 && (d.minor == 3 || d.minor == 5 || d.minor == 7 || d.minor == 8 || d.minor == 9)) ||
           (d.major == 5 && (d.minor == 0 || d.minor == 1 || d.minor == 2)) ||
           (d.major >= 136 && d.major <= 143);
}

std::string number_of(const host::DeviceNode& d) {
    return std::string(d.block ? "b " : "c ") + std::to_string(d.major) + ":" + std::to_string(d.minor);
}

std::string known_device(const host::DeviceNode& d) {
    struct Known {
        std::uint32_t major;
        std::uint32_t minor;
        std::string_view name;
    };

    static constexpr std::array<Known, 10> known{{{1, 1, "mem"},
                                                  {1, 2, "kmem"},
                                                  {1, 4, "port"},
                                                  {1, 11, "kmsg"},
                                                  {10, 200, "net/tun"},
                                                  {10, 223, "uinput"},
                                                  {10, 229, "fuse"},
                                                  {10, 232, "kvm"},
                                                  {10, 236, "mapper/control"},
                                                  {10, 237, "loop-control"}}};
    if (d.block)
        return "block device";
    for (const auto& k : known)
        if (k.major == d.major && k.minor == d.minor)
            return std::string(k.name);
    return "device";
}

}  // namespace

Finding judge_mounts(const Case& c) {
    Verdict v(c, Rule::mounts);
    each(c, v, [&](const Member& m) {
        const auto ns = m.ns.of(host::Ns::mnt);
        if (ns && ns == c.host.ns.of(host::Ns::mnt) && m.role != Member::Role::init)
            v.wrong(Severity::critical,
                    Case::name_of_process(m.process) + " is in the host's mount namespace",
                    {m.file("ns/mnt"), "mnt:[" + std::to_string(*ns) + "]", "the container's"});
    });
    for (const SharedMount& m : c.seen.shared)
        judge_shared(c, m, v);
    for (const View& view : c.container().views) {
        if (view.mounts)
            judge_kernel_mounts(c, view, v);
        else
            v.unknown(printable(view.mounts.error().message));
        if (!view.hidden.empty())
            v.unknown(view.hidden);
    }
    for (const auto& what : c.seen.shared_unknown)
        v.unknown("cannot be told what is on " + what);
    return v.end("no sensitive path or socket of the host");
}

Finding judge_rw_rootfs(const Case& c) {
    Verdict v(c, Rule::rw_rootfs);
    for (const View& view : c.container().views) {
        const bool first = &view == &c.container().views.front();
        const auto* top = view.mounts ? host::mount_at(*view.mounts, "/") : nullptr;
        if (!view.mounts)
            v.unknown(printable(view.mounts.error().message));
        else if (top == nullptr && first)
            v.unknown(view.dir + "/mountinfo has no line for its root");
        // What else runs on a tmpfs has confined itself further.
        else if (top != nullptr && !top->read_only && (first || top->type != "tmpfs"))
            v.wrong(Severity::low, "its root file system is writable",
                    {view.dir + "/mountinfo", top->type + " at /, rw", "ro"});
        if (!view.hidden.empty())
            v.unknown(view.hidden);
    }
    return v.end("its root file system is mounted read-only");
}

// The worst of its processes: signs, else what is not known.
Fingerprint worst_fingerprint(const Case& c, Verdict& v) {
    Fingerprint out;
    const auto weight = [](const Fingerprint& f) { return std::pair(f.signs.size(), f.unknown.size()); };
    bool open = false;
    each(c, v, [&](const Member& m) {
        auto print = fingerprint(c, m);
        open = open || print.signs.size() + print.unknown.size() >= 3;
        if (weight(print) > weight(out))
            out = std::move(print);
    });
    if (open && out.signs.size() < 3)
        v.unknown("could be privileged; not everything was observed: " + join(out.unknown, ", "));
    return out;
}

Finding judge_privileged(const Case& c) {
    Verdict v(c, Rule::privileged);
    for (const View& view : c.container().views) {
        if (!view.mounts)
            v.unknown(printable(view.mounts.error().message));
        else if (const auto hole = broken_mask(*view.mounts))
            v.wrong(Severity::critical, "a masked path is uncovered, as by an attack on the runtime",
                    {view.dir + "/mountinfo", *hole, "masks by tmpfs or /dev/null"});
        if (!view.hidden.empty())
            v.unknown(view.hidden);
    }
    const Fingerprint print = worst_fingerprint(c, v);
    if (print.signs.size() >= 3)
        v.wrong(c.in_host_userns() == false ? Severity::high : Severity::critical,
                "looks privileged: " + join(print.signs, ", "),
                {c.file("status") + ", " + c.file("mountinfo"),
                 std::to_string(print.signs.size()) + " of 6 signs", "at most 2"});
    return v.end(print.signs.empty() ? "no sign of --privileged" : "only " + join(print.signs, ", "));
}

Finding judge_devices(const Case& c) {
    Verdict v(c, Rule::devices);
    if (!c.seen.devices) {
        v.unknown(printable(c.seen.devices.error().message));
        return v.end("");
    }
    for (const auto& d : c.seen.devices->nodes) {
        const auto number = number_of(d);
        if (is_common_device(d) ||
            std::ranges::find(c.params.allowed_devices, number) != c.params.allowed_devices.end())
            continue;
        v.wrong(Severity::high, "sees " + known_device(d) + " " + number,
                {"/proc/" + std::to_string(c.container().init) + "/root" + printable(d.path, 120), number,
                 "none but null, zero, full, random, urandom and terminals"});
    }
    if (!c.seen.devices->complete)
        v.unknown("not all of its devices could be looked at");
    for (const View& view : c.container().views)
        if (!view.hidden.empty())
            v.unknown(view.hidden);
    return v.end("only devices that every container has");
}

Finding judge_propagation(const Case& c) {
    Verdict v(c, Rule::propagation);
    const auto peer = [&](const auto& group) { return group && c.host.peer_groups.contains(*group); };
    for (const View& view : c.container().views) {
        if (!view.mounts) {
            v.unknown(printable(view.mounts.error().message));
            continue;
        }
        if (!view.hidden.empty())
            v.unknown(view.hidden);
        for (const host::Mount& m : *view.mounts)
            if (peer(m.shared))
                v.wrong(Severity::high,
                        "what is mounted at " + printable(m.point, 120) + " appears on the host",
                        {view.dir + "/mountinfo", "shared:" + std::to_string(*m.shared), "private"});
            else if (peer(m.master))
                v.wrong(Severity::low,
                        "what the host mounts below " + printable(m.point, 120) + " appears in it",
                        {view.dir + "/mountinfo", "master:" + std::to_string(*m.master), "private"});
    }
    return v.end("no mount has a peer on the host");
}

}  // namespace plimsoll::modules::containers
