// SPDX-License-Identifier: Apache-2.0
#include "modules/containers/records.hpp"

#include "core/base/json.hpp"
#include "core/base/text.hpp"

#include <algorithm>
#include <array>

namespace plimsoll::modules::containers {
namespace {

constexpr std::size_t max_file = std::size_t{8} << 20;

std::string text_at(const Value* v) {
    return v != nullptr && v->string() != nullptr ? printable(*v->string(), 120) : "";
}

bool plain_id(const std::string& id) {
    return !id.empty() && id.find('/') == std::string::npos && id != "." && id != "..";
}

// Where the runtime below the engine keeps its state of a container.
std::vector<std::string> state_places(const Container& c) {
    const std::string user = "/run/user/" + std::to_string(c.owner.value_or(0));
    switch (c.engine) {
        case Engine::podman:
        case Engine::crio:
            if (c.rootless())
                return {user + "/crun/", user + "/runc/", user + "/containers/overlay-containers/",
                        "/tmp/storage-run-" + std::to_string(*c.owner) + "/crun/",
                        "/tmp/storage-run-" + std::to_string(*c.owner) + "/runc/"};
            return {"/run/crun/", "/run/runc/"};
        case Engine::docker:
            if (c.rootless())
                return {user + "/docker/runtime-runc/moby/", user + "/docker/containerd/daemon/"};
            return {"/run/docker/runtime-runc/moby/", "/run/containerd/io.containerd.runtime.v2.task/moby/"};
        case Engine::containerd:
            return {"/run/containerd/io.containerd.runtime.v2.task/k8s.io/",
                    "/run/containerd/io.containerd.runtime.v2.task/default/", "/run/containerd/runc/k8s.io/"};
        case Engine::runc:
            return {"/run/runc/", "/run/crun/", user + "/runc/", user + "/crun/"};
        default:
            return {};
    }
}

}  // namespace

bool Records::could_block(const std::string& file, std::uint32_t owner) const {
    if (const auto* m = host::mount_of(*host_mounts_, file);
        m != nullptr && host::may_block(m->type) && m->type != "overlay")
        return true;
    if (owner == 0)
        return false;
    // A symlink in the owner's files may lead to what the owner has mounted.
    const std::string id = std::to_string(owner);
    return std::ranges::any_of(*host_mounts_, [&](const host::Mount& m) {
        return m.type.starts_with("fuse") && m.super_option("user_id") == id;
    });
}

std::optional<Value> Records::read_json(const std::string& file, std::uint32_t owner) const {
    if (could_block(file, owner))
        return std::nullopt;
    const auto st = host_->root().stat(file);
    if (!st || (st->st_uid != 0 && st->st_uid != owner))
        return std::nullopt;
    const auto text = host_->root().read(file, max_file);
    if (!text)
        return std::nullopt;
    auto value = parse_json(*text, file);
    return value ? std::optional(*std::move(value)) : std::nullopt;
}

// containers-storage keeps, in one file for all: [{"id", "names": […], "metadata": "{\"image-name\": …}"}].
void Records::read_podman(const std::string& file, std::uint32_t owner, ById& out) const {
    const auto all = read_json(file, owner);
    if (!all || all->array() == nullptr)
        return;
    for (const Value& one : *all->array()) {
        const std::string id = text_at(one.at("id"));
        if (id.empty())
            continue;
        Named named;
        if (const auto* names = one.at("names"); names != nullptr && names->array() != nullptr)
            for (const Value& n : *names->array())
                if (auto name = text_at(&n); !name.empty())
                    named.names.push_back(std::move(name));
        if (const auto* m = one.at("metadata"); m != nullptr && m->string() != nullptr)
            if (const auto metadata = parse_json(*m->string(), file))
                named.image = text_at(metadata->at("image-name"));
        out.emplace(id, std::move(named));
    }
}

const Records::ById& Records::podman_of(std::uint32_t owner) {
    const auto [it, fresh] = podman_.try_emplace(owner);
    if (!fresh)
        return it->second;
    std::string base = "/var/lib/containers/storage";
    if (owner != 0) {
        const auto& accounts = host_->accounts();
        const auto* user = accounts ? accounts->user(owner) : nullptr;
        if (user == nullptr)
            return it->second;
        base = user->home + "/.local/share/containers/storage";
    }
    for (const std::string_view driver : {"overlay", "vfs", "btrfs"})
        read_podman(base + "/" + std::string(driver) + "-containers/containers.json", owner, it->second);
    return it->second;
}

void Records::add_docker(Container& c) const {
    const auto config = read_json("/var/lib/docker/containers/" + c.id + "/config.v2.json", 0);
    if (!config || c.rootless())
        return;
    std::string name = text_at(config->at("Name"));
    if (name.starts_with('/'))
        name.erase(0, 1);
    if (!name.empty())
        c.names.push_back(std::move(name));
    c.image = text_at(config->at("Config", "Image"));
}

void Records::add_cri(Container& c) const {
    std::string file = "/run/containerd/io.containerd.runtime.v2.task/k8s.io/" + c.id + "/config.json";
    if (c.engine == Engine::crio)
        file = "/run/containers/storage/overlay-containers/" + c.id + "/userdata/config.json";
    const auto config = read_json(file, 0);
    const Value* notes = config ? config->at("annotations") : nullptr;
    if (notes == nullptr)
        return;
    for (const std::string_view key :
         {"io.kubernetes.cri.container-name", "io.kubernetes.cri-o.Name", "io.kubernetes.container.name"})
        if (auto name = text_at(notes->at(key)); !name.empty())
            c.names.push_back(std::move(name));
    for (const std::string_view key : {"io.kubernetes.cri.image-name", "io.kubernetes.cri-o.ImageName"})
        if (auto image = text_at(notes->at(key)); !image.empty())
            c.image = std::move(image);
}

void Records::add_to(Container& c) {
    if (!plain_id(c.id) || !c.owner)
        return;
    if (c.engine == Engine::podman) {
        const auto& all = podman_of(*c.owner);
        if (const auto it = all.find(c.id); it != all.end()) {
            c.names = it->second.names;
            c.image = it->second.image;
        }
    } else if (c.engine == Engine::docker) {
        add_docker(c);
    } else if (c.engine == Engine::containerd || c.engine == Engine::crio) {
        add_cri(c);
    } else if (c.engine == Engine::nspawn || c.engine == Engine::lxc) {
        c.names.push_back(c.id);
    }
    for (const std::string& place : state_places(c))
        if (host_->root().exists(place + c.id)) {
            c.record = place + c.id;
            break;
        }
}

}  // namespace plimsoll::modules::containers
