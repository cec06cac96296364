// SPDX-License-Identifier: Apache-2.0
// Which paths of the host no container should have. Compared is where they are in their file system, as the
// names of a mount are chosen by whoever may mount.
#include "core/base/path.hpp"
#include "core/base/text.hpp"
#include "modules/containers/judge.hpp"

#include <algorithm>
#include <array>

namespace plimsoll::modules::containers {
namespace {

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
constexpr std::array<std::string_view, 15> harmless_etc{
    "/localtime",  "/timezone",        "/ssl/certs",  "/pki/ca-trust", "/pki/tls/certs",
    "/pki/java",   "/ca-certificates", "/hosts",      "/hostname",     "/resolv.conf",
    "/machine-id", "/os-release",      "/mime.types", "/services",     "/protocols"};
// Where engines mount what they made for the container, by the name of the file on the host.
constexpr std::array<std::pair<std::string_view, std::string_view>, 8> made{{
    {"/etc/resolv.conf", "resolv.conf"},
    {"/etc/hosts", "hosts"},
    {"/etc/hosts", "etc-hosts"},
    {"/etc/hostname", "hostname"},
    {"/run/.containerenv", ".containerenv"},
    {"/run/secrets", "secrets"},
    {"/dev/shm", "shm"},
    {"/run/notify", "notify"},
}};
constexpr std::array<std::string_view, 5> engine_storage{"/var/lib/docker", "/var/lib/containers",
                                                         "/var/lib/containerd", "/var/lib/kubelet", "/run"};

struct Hit {
    std::string path{};  // of the host
    Severity severity{Severity::info};
};

const Place* place_of(const Case& c, std::string_view path) {
    const auto it = c.host.places.find(std::string(path));
    return it == c.host.places.end() ? nullptr : &it->second;
}

bool is_hex_component(std::string_view path) {
    return std::ranges::any_of(split(path, '/'), [](std::string_view s) {
        return s.size() >= 36 && std::ranges::all_of(s, [](char x) {
                   return (x >= '0' && x <= '9') || (x >= 'a' && x <= 'f') || x == '-';
               });
    });
}

// What engines keep a layer of an image in.
bool is_layer(std::string_view path) {
    static constexpr std::array<std::string_view, 6> names{"diff", "fs", "upper", "empty", "merged", "work"};
    const auto parts = split(path, '/');
    return parts.size() >= 3 &&
           (std::ranges::find(names, parts.back()) != names.end() || parts[parts.size() - 2] == "l");
}

// A file that the engine made for this container, a named volume, or the root: strictly below its storage, by
// the place and not by the name.
bool is_engines_own(const Case& c, const SharedMount& m) {
    for (const auto dir : engine_storage) {
        const auto* storage = place_of(c, dir);
        if (storage == nullptr || !is_within(m.place, *storage) || m.place == *storage)
            continue;
        const std::string path = std::string(dir) + rest_of(m.place, *storage);
        if (m.layer ? is_layer(path) : m.point == "/")
            return true;
        if (path.find("/volumes/") != std::string::npos &&
            (path.ends_with("/_data") || path.find("/_data/") != std::string::npos ||
             path.find("/kubernetes.io~") != std::string::npos))
            return true;
        const auto last = base_name(path);
        if (m.point == "/dev/termination-log" && path.starts_with("/var/lib/kubelet/pods/") &&
            path.find("/containers/") != std::string::npos)
            return true;
        if (is_hex_component(path) && std::ranges::any_of(made, [&](const auto& pair) {
                return m.point == pair.first && last == pair.second;
            }))
            return true;
    }
    return false;
}

void hit_etc(const Case& c, const SharedMount& m, std::vector<Hit>& out) {
    const auto* etc = place_of(c, "/etc");
    if (etc == nullptr || !is_within(m.place, *etc) || m.place == *etc)
        return;
    const auto rest = rest_of(m.place, *etc);
    const bool harmless =
        std::ranges::any_of(harmless_etc, [&](auto dir) { return host::is_within(rest, dir); });
    if (!harmless || !m.read_only)
        out.push_back({"/etc" + rest, m.read_only ? Severity::high : Severity::critical});
}

// All of somebody's home or of all homes, or what is secret in one.
void hit_home(const Case& c, const std::string& home, const SharedMount& m, std::vector<Hit>& out) {
    static constexpr std::array<std::string_view, 6> secrets{"/.ssh",    "/.gnupg", "/.kube",
                                                             "/.docker", "/.aws",   "/.config/containers"};
    const auto* place = place_of(c, home);
    if (place == nullptr)
        return;
    if (is_within(*place, m.place))
        return out.push_back({home, Severity::high});
    if (!is_within(m.place, *place))
        return;
    const auto rest = rest_of(m.place, *place);
    const bool whole = home == "/home" && std::ranges::count(rest, '/') == 1;
    if (whole || std::ranges::any_of(secrets, [&](auto s) { return rest.find(s) != std::string::npos; }))
        out.push_back({home + rest, Severity::high});
}

std::vector<Hit> hits_of(const Case& c, const SharedMount& m) {
    std::vector<Hit> out;
    for (const Sensitive& s : sensitive) {
        const auto* place = place_of(c, s.path);
        if (place == nullptr || (s.writable_only && m.read_only))
            continue;
        if (is_within(*place, m.place))
            out.push_back({std::string(s.path), s.severity});
        else if (s.reach == Reach::below && is_within(m.place, *place))
            out.push_back({std::string(s.path) + rest_of(m.place, *place), s.severity});
    }
    hit_etc(c, m, out);
    hit_home(c, "/home", m, out);
    for (const auto& home : c.host.homes)
        hit_home(c, home, m, out);
    return out;
}

bool is_allowed(const Case& c, const std::string& path, bool literally) {
    return std::ranges::any_of(c.params.allowed_paths, [&](const std::string& g) {
        return literally ? g == path : glob_match(g, path);
    });
}

std::string shown(const SharedMount& m) {
    return printable(m.path(), 120) + " at " + printable(m.point, 120) + (m.read_only ? ", read-only" : "");
}

}  // namespace

std::vector<std::string> watched_paths() {
    std::vector<std::string> out{"/home"};
    for (const Sensitive& s : sensitive)
        out.emplace_back(s.path);
    for (const auto dir : engine_storage)
        out.emplace_back(dir);
    return out;
}

Severity weigh(const Case& c, Severity s) {
    if (!c.container().rootless() || s == Severity::info)
        return s;
    return static_cast<Severity>(static_cast<int>(s) - 1);
}

void judge_shared(const Case& c, const SharedMount& m, Verdict& v) {
    const policy::Evidence evidence{c.file("mountinfo"), shown(m), "not in a container"};
    if (!m.service.empty()) {
        if (std::ranges::none_of(m.names, [&](const auto& n) { return is_allowed(c, n, true); }))
            v.wrong(
                Severity::critical,
                "has the socket of " + m.service + (m.path().ends_with(m.point) ? "" : " under another name"),
                evidence);
        return;
    }
    if (is_engines_own(c, m))
        return;
    if (m.other_socket && !is_allowed(c, m.path(), false))
        v.wrong(weigh(c, Severity::high), "has a socket of the host: " + printable(m.path(), 120), evidence);
    // /proc, /sys and single device nodes are judged by what they are.
    if (m.type == "proc" || m.type == "sysfs" || (m.type == "devtmpfs" && m.place.root != "/"))
        return;
    std::optional<Hit> worst;
    for (Hit& h : hits_of(c, m))
        if (!is_allowed(c, h.path, false) && (!worst || h.severity > worst->severity))
            worst = std::move(h);
    if (!worst)
        return;
    const bool other = std::ranges::find(m.names, worst->path) == m.names.end();
    v.wrong(weigh(c, worst->severity),
            "has the host's " + printable(other ? m.path() : worst->path, 120) +
                (other ? ", which holds " + printable(worst->path, 120) : "") +
                (m.layer ? " as a layer" : ""),
            evidence);
}

}  // namespace plimsoll::modules::containers
