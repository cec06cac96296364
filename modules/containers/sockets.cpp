// SPDX-License-Identifier: Apache-2.0
#include "modules/containers/sockets.hpp"

#include "core/base/text.hpp"
#include "core/host/namespaces.hpp"

#include <algorithm>
#include <array>
#include <set>

namespace plimsoll::modules::containers {
namespace {

constexpr std::array<std::pair<std::string_view, std::string_view>, 13> engine_places{{
    {"docker", "/run/docker.sock"},
    {"podman", "/run/podman/podman.sock"},
    {"containerd", "/run/containerd/containerd.sock"},
    {"containerd of docker", "/run/docker/containerd/containerd.sock"},
    {"cri-o", "/run/crio/crio.sock"},
    {"cri-dockerd", "/run/cri-dockerd.sock"},
    {"buildkit", "/run/buildkit/buildkitd.sock"},
    {"libvirt", "/run/libvirt/libvirt-sock"},
    {"libvirt", "/run/libvirt/virtqemud-sock"},
    {"libvirt", "/run/libvirt/virtlxcd-sock"},
    {"lxd", "/var/lib/lxd/unix.socket"},
    {"lxd", "/var/snap/lxd/common/lxd/unix.socket"},
    {"incus", "/var/lib/incus/unix.socket"},
}};
constexpr std::array<std::pair<std::string_view, std::string_view>, 3> system_places{{
    {"systemd", "/run/systemd/private"},
    {"systemd-notify", "/run/systemd/notify"},
    {"message bus", "/run/dbus/system_bus_socket"},
}};
constexpr std::array<std::pair<std::string_view, std::string_view>, 4> user_places{
    {{"docker", "/docker.sock"},
     {"podman", "/podman/podman.sock"},
     {"systemd", "/systemd/private"},
     {"message bus", "/bus"}}};
constexpr std::array<std::string_view, 12> daemons{"dockerd",     "podman",    "containerd", "crio",
                                                   "cri-dockerd", "buildkitd", "libvirtd",   "virtqemud",
                                                   "virtlxcd",    "lxd",       "incusd",     "virtchd"};
constexpr std::size_t max_descriptors = 4096;

using Sockets = std::map<SocketIdentity, ServiceSocket>;

void add(const host::Sysroot& root, const std::string& path, std::string service, Sockets& out) {
    const auto st = root.stat(path);
    if (st && S_ISSOCK(st->st_mode))
        out.try_emplace({st->st_dev, st->st_ino}, ServiceSocket{std::move(service), path});
}

// Inode numbers of the sockets that a process holds.
std::set<std::uint64_t> held_sockets(const host::Sysroot& root, int pid) {
    std::set<std::uint64_t> out;
    const std::string dir = "/proc/" + std::to_string(pid) + "/fd";
    const auto entries = root.list(dir);
    if (!entries)
        return out;
    for (std::size_t i = 0; i < entries->size() && i < max_descriptors; ++i) {
        const auto link = root.read_link(dir + "/" + (*entries)[i].name);
        if (link && link->starts_with("socket:[") && link->ends_with("]"))
            if (const auto inode = parse_u64(std::string_view(*link).substr(8, link->size() - 9)))
                out.insert(*inode);
    }
    return out;
}

// "Num: RefCount Protocol Flags Type St Inode Path"; a path is there for bound sockets only. The table is of
// one network namespace.
void add_listening(const host::Sysroot& root, const std::string& table,
                   const std::map<std::uint64_t, std::string>& held, Sockets& out) {
    const auto text = host::read_kernel_file(root, table, std::size_t{16} << 20);
    if (!text)
        return;
    for (const auto line : split_lines(*text)) {
        const auto f = words(line);
        if (f.size() < 8 || !f[7].starts_with('/'))
            continue;
        const auto inode = parse_u64(f[6]);
        const auto it = inode ? held.find(*inode) : held.end();
        if (it != held.end())
            add(root, std::string(f[7]), it->second, out);
    }
}

}  // namespace

std::vector<std::string> engine_sockets() {
    std::vector<std::string> out;
    for (const auto& [service, path] : engine_places)
        out.emplace_back(path);
    return out;
}

bool is_engine(std::string_view program) {
    return std::ranges::find(daemons, program) != daemons.end();
}

Sockets find_service_sockets(const host::Host& host, const std::vector<EngineProcess>& engines) {
    const auto& root = host.root();
    Sockets out;
    for (const auto& [service, path] : engine_places)
        add(root, std::string(path), std::string(service), out);
    for (const auto& [service, path] : system_places)
        add(root, std::string(path), std::string(service), out);
    if (const auto users = root.list("/run/user"))
        for (const auto& u : *users)
            for (const auto& [service, path] : user_places)
                add(root, "/run/user/" + u.name + std::string(path),
                    std::string(service) + " of uid " + printable(u.name, 12), out);
    std::map<std::uint64_t, std::string> held;
    std::map<std::optional<std::uint64_t>, std::string> tables;  // by network namespace
    for (const auto& [pid, program] : engines) {
        for (const auto inode : held_sockets(root, pid))
            held.emplace(inode, program);
        tables.try_emplace(host::read_ns(root, pid, host::Ns::net),
                           "/proc/" + std::to_string(pid) + "/net/unix");
    }
    if (held.empty())
        return out;
    add_listening(root, "/proc/net/unix", held, out);
    for (const auto& [ns, table] : tables)
        add_listening(root, table, held, out);
    return out;
}

}  // namespace plimsoll::modules::containers
