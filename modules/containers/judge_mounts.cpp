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

enum class Reach { exactly, below };  // the path itself (or a folder that holds it); everything in it, too

struct Sensitive {
    std::string_view path;
    Reach reach;
    Severity severity;
    bool writable_only;
};

constexpr std::array<Sensitive, 22> sensitive{{
    {"/", Reach::exactly, Severity::critical, false},
    {"/etc", Reach::exactly, Severity::critical, false},
    {"/root", Reach::below, Severity::critical, false},
    {"/boot", Reach::below, Severity::critical, false},
    {"/dev", Reach::exactly, Severity::critical, false},
    {"/run", Reach::exactly, Severity::critical, false},
    {"/run/docker", Reach::below, Severity::critical, false},
    {"/run/containerd", Reach::below, Severity::critical, false},
    {"/run/containers", Reach::below, Severity::critical, false},
    {"/run/crio", Reach::below, Severity::critical, false},
    {"/run/podman", Reach::below, Severity::critical, false},
    {"/run/systemd", Reach::below, Severity::critical, false},
    {"/run/dbus", Reach::below, Severity::critical, false},
    {"/run/user", Reach::exactly, Severity::high, false},
    {"/var", Reach::exactly, Severity::critical, false},
    {"/var/lib", Reach::exactly, Severity::critical, false},
    {"/var/lib/docker", Reach::below, Severity::critical, false},
    {"/var/lib/containers", Reach::below, Severity::critical, false},
    {"/var/lib/containerd", Reach::below, Severity::critical, false},
    {"/var/lib/kubelet", Reach::below, Severity::critical, false},
    {"/usr", Reach::below, Severity::critical, true},
    {"/var/log", Reach::below, Severity::high, true},
}};

// In /etc, what every image has anyway and nobody's secret.
constexpr std::array<std::string_view, 13> harmless_etc{
    "/etc/localtime",  "/etc/timezone", "/etc/ssl/certs",   "/etc/pki",        "/etc/ca-certificates",
    "/etc/hosts",      "/etc/hostname", "/etc/resolv.conf", "/etc/machine-id", "/etc/os-release",
    "/etc/mime.types", "/etc/services", "/etc/protocols"};
// Where engines mount what they made for the container, by the name of the file on the host.
constexpr std::array<std::pair<std::string_view, std::string_view>, 9> made{{
    {"/etc/resolv.conf", "resolv.conf"},
    {"/etc/hosts", "hosts"},
    {"/etc/hosts", "etc-hosts"},
    {"/etc/hostname", "hostname"},
    {"/run/.containerenv", ".containerenv"},
    {"/run/secrets", "secrets"},
    {"/dev/shm", "shm"},
    {"/dev/termination-log", ""},
    {"/run/notify", "notify"},
}};
constexpr std::array<std::string_view, 5> engine_storage{"/var/lib/docker", "/var/lib/containers",
                                                         "/var/lib/containerd", "/var/lib/kubelet", "/run"};

bool is_hex_component(std::string_view path) {
    return std::ranges::any_of(split(path, '/'), [](std::string_view c) {
        return c.size() >= 36 && std::ranges::all_of(c, [](char x) {
                   return (x >= '0' && x <= '9') || (x >= 'a' && x <= 'f') || x == '-';
               });
    });
}

// A file that the engine made for this container, or a named volume: below its storage, at its own place.
bool is_engines_own(const SharedMount& m) {
    const bool stored = std::ranges::any_of(
        engine_storage, [&](auto dir) { return m.path != dir && host::is_within(m.path, dir); });
    const bool home = m.path.find("/.local/share/") != std::string::npos;
    if (!stored && !home)
        return false;
    if (m.path.find("/volumes/") != std::string::npos &&
        (m.path.ends_with("/_data") || m.path.find("/_data/") != std::string::npos ||
         m.path.find("/kubernetes.io~") != std::string::npos))
        return true;
    const auto last = m.path.substr(m.path.rfind('/') + 1);
    return is_hex_component(m.path) && std::ranges::any_of(made, [&](const auto& pair) {
               return m.point == pair.first && (pair.second.empty() || last == pair.second);
           });
}

// The root file system itself, where the engine keeps it.
bool is_engines_root(const SharedMount& m) {
    if (m.point != "/")
        return false;
    return m.type == "overlay" || (m.path != "/" && std::ranges::any_of(engine_storage, [&](auto dir) {
                                       return m.path != dir && host::is_within(m.path, dir);
                                   }));
}

// One step down for what its own user could reach anyway, outside of the container.
Severity weigh(const Case& c, Severity s) {
    if (!c.container().rootless() || s == Severity::info)
        return s;
    return static_cast<Severity>(static_cast<int>(s) - 1);
}

std::optional<Severity> severity_of_etc(const SharedMount& m) {
    if (!host::is_within(m.path, "/etc") || m.path == "/etc")
        return std::nullopt;
    const bool harmless =
        std::ranges::any_of(harmless_etc, [&](auto dir) { return host::is_within(m.path, dir); });
    if (harmless && m.read_only)
        return std::nullopt;
    return m.read_only ? Severity::high : Severity::critical;
}

std::optional<Severity> severity_of_home(const SharedMount& m) {
    static constexpr std::array<std::string_view, 6> secrets{"/.ssh",    "/.gnupg", "/.kube",
                                                             "/.docker", "/.aws",   "/.config/containers"};
    if (!host::is_within(m.path, "/home"))
        return std::nullopt;
    const auto rest = std::string_view(m.path).substr(5);
    if (std::ranges::count(rest, '/') <= 1)
        return Severity::high;  // /home, or all of somebody's home
    return std::ranges::any_of(secrets, [&](auto s) { return rest.find(s) != std::string_view::npos; })
               ? std::optional(Severity::high)
               : std::nullopt;
}

std::optional<Severity> severity_of(const SharedMount& m) {
    std::optional<Severity> out = severity_of_etc(m);
    const auto take = [&](std::optional<Severity> s) { out = s && (!out || *s > *out) ? s : out; };
    take(severity_of_home(m));
    for (const Sensitive& s : sensitive)
        if ((m.path == s.path || (s.reach == Reach::below && host::is_within(m.path, s.path))) &&
            !(s.writable_only && m.read_only))
            take(s.severity);
    return out;
}

std::string shown(const SharedMount& m) {
    return printable(m.path, 120) + " at " + printable(m.point, 120) + (m.read_only ? ", read-only" : "");
}

void judge_shared(const Case& c, const SharedMount& m, Verdict& v) {
    const bool allowed = std::ranges::any_of(c.params.allowed_paths, [&](const std::string& g) {
        return m.service.empty() ? glob_match(g, m.path) : g == m.path;
    });
    if (allowed || (m.service.empty() && (is_engines_own(m) || is_engines_root(m))))
        return;
    const policy::Evidence evidence{c.file("mountinfo"), shown(m), "not in a container"};
    if (!m.service.empty())
        return v.wrong(
            Severity::critical,
            "has the socket of " + m.service + (m.path.ends_with(m.point) ? "" : " under another name"),
            evidence);
    if (m.other_socket)
        v.wrong(weigh(c, Severity::high), "has a socket of the host: " + printable(m.path, 120), evidence);
    // /proc, /sys and single device nodes are judged below and by other controls.
    if (m.type == "proc" || m.type == "sysfs" || (m.type == "devtmpfs" && m.path != "/dev"))
        return;
    if (const auto s = severity_of(m))
        v.wrong(weigh(c, *s), "has the host's " + printable(m.path, 120), evidence);
}

// The kernel's file systems by their device: a mount of the host's own instance.
void judge_kernel_mounts(const Case& c, const std::vector<host::Mount>& mounts, Verdict& v) {
    for (const host::Mount& m : mounts) {
        const policy::Evidence evidence{c.file("mountinfo"),
                                        m.type + " " + printable(m.root, 60) + " at " +
                                            printable(m.point, 120) +
                                            (m.read_only ? ", read-only" : ", writable"),
                                        "an own instance, read-only where it is the host's"};
        if (m.type == "proc" && c.host.proc_device != 0 && m.device == c.host.proc_device)
            v.wrong(weigh(c, Severity::critical), "has the host's own /proc", evidence);
        if (m.type == "sysfs" && !m.read_only && host::mount_at(mounts, m.point) == &m)
            v.wrong(c.in_host_userns() == false ? Severity::medium : Severity::critical, "may write to /sys",
                    evidence);
        if ((m.type == "cgroup2" || m.type == "cgroup") && m.root == "/" && !m.read_only)
            v.wrong(c.in_host_userns() == false ? Severity::medium : Severity::critical,
                    "may write to the host's whole cgroup hierarchy", evidence);
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
    if (!c.container().mounts) {
        v.unknown(printable(c.container().mounts.error().message));
        return v.end("");
    }
    for (const SharedMount& m : c.seen.shared)
        judge_shared(c, m, v);
    judge_kernel_mounts(c, *c.container().mounts, v);
    return v.end("no sensitive path or socket of the host");
}

Finding judge_rw_rootfs(const Case& c) {
    Verdict v(c, Rule::rw_rootfs);
    const auto& mounts = c.container().mounts;
    const auto* top = mounts ? host::mount_at(*mounts, "/") : nullptr;
    if (!mounts)
        v.unknown(printable(mounts.error().message));
    else if (top == nullptr)
        v.unknown(c.file("mountinfo") + " has no line for its root");
    else if (!top->read_only)
        v.wrong(Severity::low, "its root file system is writable",
                {c.file("mountinfo"), top->type + " at /, rw", "ro"});
    return v.end("its root file system is mounted read-only");
}

Finding judge_privileged(const Case& c) {
    Verdict v(c, Rule::privileged);
    const auto& mounts = c.container().mounts;
    if (!mounts) {
        v.unknown(printable(mounts.error().message));
        return v.end("");
    }
    if (const auto hole = broken_mask(*mounts))
        v.wrong(Severity::critical, "a masked path is uncovered, as by an attack on the runtime",
                {c.file("mountinfo"), *hole, "masks by tmpfs or /dev/null"});
    const Fingerprint print = fingerprint(c);
    if (print.signs.size() >= 3)
        v.wrong(c.in_host_userns() == false ? Severity::high : Severity::critical,
                "looks privileged: " + join(print.signs, ", "),
                {c.file("status") + ", " + c.file("mountinfo"),
                 std::to_string(print.signs.size()) + " of 6 signs", "at most 2"});
    else if (print.signs.size() + print.unknown.size() >= 3)
        v.unknown("could be privileged; not observed: " + join(print.unknown, ", "));
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
        v.unknown("not all of its /dev could be looked at");
    return v.end("only devices that every container has");
}

Finding judge_propagation(const Case& c) {
    Verdict v(c, Rule::propagation);
    if (!c.container().mounts)
        v.unknown(printable(c.container().mounts.error().message));
    else
        for (const host::Mount& m : *c.container().mounts) {
            const auto peer = [&](const auto& group) { return group && c.host.peer_groups.contains(*group); };
            if (peer(m.shared))
                v.wrong(Severity::high,
                        "what is mounted at " + printable(m.point, 120) + " appears on the host",
                        {c.file("mountinfo"), "shared:" + std::to_string(*m.shared), "private"});
            else if (peer(m.master))
                v.wrong(Severity::low,
                        "what the host mounts below " + printable(m.point, 120) + " appears in it",
                        {c.file("mountinfo"), "master:" + std::to_string(*m.master), "private"});
        }
    return v.end("no mount has a peer on the host");
}

}  // namespace plimsoll::modules::containers
