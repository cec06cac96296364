// SPDX-License-Identifier: Apache-2.0
#include "modules/containers/shared_mounts.hpp"

#include "core/base/text.hpp"

#include <algorithm>
#include <array>

#include <dirent.h>
#include <sys/sysmacros.h>

namespace plimsoll::modules::containers {
namespace {

constexpr std::size_t device_budget = 1024;  // names in /dev
constexpr int max_device_depth = 4;

// File systems whose mounts show no file of the host; some of them are judged by what they are.
bool is_kernels_own(std::string_view type) {
    static constexpr std::array<std::string_view, 12> types{"mqueue",  "devpts",   "cgroup",   "cgroup2",
                                                            "nsfs",    "bpf",      "pstore",   "debugfs",
                                                            "tracefs", "configfs", "efivarfs", "securityfs"};
    return std::ranges::find(types, type) != types.end();
}

std::string below(const std::string& point, const std::string& rest) {
    return point == "/" ? (rest.empty() ? "/" : rest) : point + rest;
}

// "a:b\:c" -> "a", "b:c", as overlayfs splits lowerdir.
std::vector<std::string> layers_of(std::string_view option) {
    std::vector<std::string> out{""};
    for (std::size_t i = 0; i < option.size(); ++i) {
        if (option[i] == '\\' && i + 1 < option.size())
            out.back() += option[++i];
        else if (option[i] == ':')
            out.emplace_back();
        else
            out.back() += option[i];
    }
    std::erase(out, "");  // "::" stands before a layer of data only
    return out;
}

void add_node(const std::string& path, const struct stat& st, host::DeviceNodes& out) {
    const host::DeviceNode node{path, S_ISBLK(st.st_mode), major(st.st_rdev), minor(st.st_rdev)};
    if (std::ranges::find(out.nodes, node) == out.nodes.end())
        out.nodes.push_back(node);
}

void add_folder(const host::Sysroot& root, const std::string& dir, const std::string& shown, int depth,
                std::size_t& budget, host::DeviceNodes& out) {
    const auto entries = root.list(dir);
    out.complete = out.complete && entries && depth < max_device_depth;
    if (!entries || depth == max_device_depth)
        return;
    for (const auto& e : *entries) {
        if (budget == 0) {
            out.complete = false;
            return;
        }
        --budget;
        const auto st = root.lstat(dir + "/" + e.name);
        if (!st)
            out.complete = out.complete && st.error().code == Code::not_found;
        else if (S_ISCHR(st->st_mode) || S_ISBLK(st->st_mode))
            add_node(shown + "/" + e.name, *st, out);
        else if (S_ISDIR(st->st_mode))
            add_folder(root, dir + "/" + e.name, shown + "/" + e.name, depth + 1, budget, out);
    }
}

}  // namespace

SharedMounts::SharedMounts(const host::Host& host, const HostPlaces& places,
                           const std::map<SocketIdentity, ServiceSocket>& sockets)
    : host_(host), places_(places), sockets_(sockets) {
    for (const auto& [id, socket] : sockets_)
        if (auto place = places_.find(socket.path))
            socket_places_.emplace_back(id, *std::move(place));
}

void SharedMounts::add_shared(Inspected& out) const {
    for (const View& v : out.container.views)
        if (v.mounts)
            for (const host::Mount& m : *v.mounts)
                add_mount(m, out);
}

void SharedMounts::add_mount(const host::Mount& m, Inspected& out) const {
    if (is_kernels_own(m.type))
        return;
    if (m.type == "overlay")
        add_layers(m, out);
    SharedMount s{m.point, place_of(m), places_.names_of(place_of(m)), m.read_only, m.type};
    if (s.names.empty()) {
        // A disk that the host itself has not mounted; "/dev/fuse" is every FUSE file system's source.
        if (m.source.starts_with("/dev/") && m.source != "/dev/fuse" && m.type != "devtmpfs")
            out.shared_unknown.push_back(m.type + " of " + printable(m.source, 60) + " at " +
                                         printable(m.point, 120) + ", which the host has not mounted");
        return;
    }
    tell_socket(m, s);
    out.shared.push_back(std::move(s));
    add_sockets_below(m, out);
}

void SharedMounts::tell_socket(const host::Mount& m, SharedMount& s) const {
    if (host::may_block(m.type) || m.root == "/" || m.deleted)
        return;
    for (const auto& name : s.names) {
        const auto st = host_.root().lstat(name);
        if (!st || !S_ISSOCK(st->st_mode))
            continue;
        const auto it = sockets_.find({st->st_dev, st->st_ino});
        if (it != sockets_.end())
            s.service = it->second.service;
        s.other_socket = it == sockets_.end();
        if (!s.service.empty())
            return;
    }
}

// A folder that holds a service's socket gives it away as well.
void SharedMounts::add_sockets_below(const host::Mount& m, Inspected& out) const {
    const Place shown = place_of(m);
    if (const auto top = places_.find("/"); top && is_within(*top, shown))
        return;  // everything of the host is judged as such
    for (const auto& [id, place] : socket_places_)
        if (place != shown && is_within(place, shown)) {
            const ServiceSocket& socket = sockets_.at(id);
            out.shared.push_back({below(m.point, rest_of(place, shown)),
                                  place,
                                  {socket.path},
                                  m.read_only,
                                  m.type,
                                  socket.service});
        }
}

// An overlay shows its layers under a device of its own.
void SharedMounts::add_layers(const host::Mount& m, Inspected& out) const {
    std::vector<std::pair<std::string, bool>> layers;  // path, read-only
    for (const auto option : split(m.super, ',')) {
        const auto equals = option.find('=');
        if (equals == std::string_view::npos)
            continue;
        const auto key = option.substr(0, equals);
        const auto value = option.substr(equals + 1);
        if (key == "lowerdir" || key == "lowerdir+" || key == "datadir+")
            for (auto& l : layers_of(value))
                layers.emplace_back(std::move(l), true);
        if (key == "upperdir")
            layers.emplace_back(value, m.read_only);
    }
    for (const auto& [path, read_only] : layers) {
        // Engines give the root's layers relative to their storage when there are many.
        if (!path.starts_with('/') && m.point == "/")
            continue;
        const auto place = path.starts_with('/') ? places_.find(path) : std::nullopt;
        if (!place) {
            out.shared_unknown.push_back("the layer " + printable(path, 120) + " of the overlay at " +
                                         printable(m.point, 120));
            continue;
        }
        SharedMount s{m.point, *place, {places_.real_path(path)}, read_only, "overlay"};
        s.layer = true;
        out.shared.push_back(std::move(s));
    }
}

Result<host::DeviceNodes> SharedMounts::devices(const Container& c) const {
    host::DeviceNodes out;
    for (const View& v : c.views) {
        if (!v.mounts)
            return Failure(v.mounts.error());
        const auto* dev = host::mount_at(*v.mounts, "/dev");
        if (dev == nullptr)
            return fail(Code::unsupported, "its /dev is not a mount of its own, and its root could block");
        PLIMSOLL_TRY(auto nodes, host::device_nodes(host_.root(), v.pid, *dev, device_budget));
        for (auto& n : nodes.nodes)
            if (std::ranges::find(out.nodes, n) == out.nodes.end())
                out.nodes.push_back(std::move(n));
        out.complete = out.complete && nodes.complete;
        add_mounted_devices(*v.mounts, out);
    }
    std::ranges::sort(out.nodes, {}, &host::DeviceNode::path);
    return out;
}

void SharedMounts::add_mounted_devices(const std::vector<host::Mount>& mounts, host::DeviceNodes& out) const {
    for (const host::Mount& m : mounts) {
        const bool kernels = m.type == "devpts" || m.type == "mqueue" || m.type == "hugetlbfs";
        const bool in_dev = host::is_within(m.point, "/dev") && m.point != "/dev";
        // The nodes of its own tmpfs, and whatever engines mount as /dev/shm, hold no device of the host.
        const bool own_tmpfs = m.type == "tmpfs" && places_.names_of(place_of(m)).empty();
        const bool shared_memory = m.point == "/dev/shm" && m.type == "tmpfs";
        if (m.type == "devtmpfs" ? m.point != "/dev" || m.root != "/"
                                 : in_dev && !kernels && !own_tmpfs && !shared_memory)
            add_device(m, out);
    }
}

void SharedMounts::add_device(const host::Mount& m, host::DeviceNodes& out) const {
    const auto names = places_.names_of(place_of(m));
    std::size_t budget = device_budget;
    for (const auto& name : names) {
        if (host::may_block(m.type))
            break;
        const auto st = host_.root().lstat(name);
        if (!st)
            continue;
        if (S_ISCHR(st->st_mode) || S_ISBLK(st->st_mode))
            add_node(m.point, *st, out);
        else if (S_ISDIR(st->st_mode))
            add_folder(host_.root(), name, m.point, 0, budget, out);
        return;
    }
    out.complete = false;
}

}  // namespace plimsoll::modules::containers
