// SPDX-License-Identifier: Apache-2.0
#include "modules/containers/cgroup_names.hpp"

#include "core/base/text.hpp"

#include <algorithm>
#include <array>
#include <limits>

namespace plimsoll::modules::containers {
namespace {

constexpr std::string_view scope = ".scope";
constexpr std::string_view service = ".service";

bool is_hex_id(std::string_view s) {
    return s.size() == 64 &&
           std::ranges::all_of(s, [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); });
}

struct Pattern {
    std::string_view prefix;
    std::string_view suffix;
    Engine engine;
    bool hex;  // the rest is 64 hex digits
};

// In the order in which they are tried.
constexpr std::array<Pattern, 16> patterns{{
    {"libpod-payload-", "", Engine::podman, true},
    {"libpod-", ".scope", Engine::podman, true},
    {"libpod-", "", Engine::podman, true},
    {"docker-", ".scope", Engine::docker, true},
    {"cri-containerd-", ".scope", Engine::containerd, true},
    {"cri-containerd:", "", Engine::containerd, false},
    {"nerdctl-", ".scope", Engine::containerd, true},
    {"crio-", ".scope", Engine::crio, true},
    {"crio-", "", Engine::crio, true},
    {"runc-", ".scope", Engine::runc, false},
    {"crun-", ".scope", Engine::runc, false},
    {"systemd-nspawn@", ".service", Engine::nspawn, false},
    {"machine-", ".scope", Engine::nspawn, false},
    {"lxc.payload.", "", Engine::lxc, false},
    {"runsc-", ".scope", Engine::runc, false},
    {"buildkit-", "", Engine::buildkit, false},
}};

// "docker/<id>" of the cgroupfs drivers: the component above says whose.
Engine engine_of_parent(std::string_view parent) {
    if (parent == "docker")
        return Engine::docker;
    if (parent == "buildkit")
        return Engine::buildkit;
    if (parent == "lxc" || parent == "lxc.payload")
        return Engine::lxc;
    if (parent == "libpod_parent")
        return Engine::podman;
    if (parent.starts_with("pod") || parent.starts_with("kubepods") || parent == "default" ||
        parent == "k8s.io" || parent == "moby")
        return Engine::containerd;
    return Engine::unknown;
}

std::optional<CgroupName> match(std::string_view component, std::string_view parent) {
    for (const Pattern& p : patterns) {
        if (!component.starts_with(p.prefix) || !component.ends_with(p.suffix) ||
            component.size() <= p.prefix.size() + p.suffix.size())
            continue;
        const auto id =
            component.substr(p.prefix.size(), component.size() - p.prefix.size() - p.suffix.size());
        if (!p.hex || is_hex_id(id))
            return CgroupName{p.engine, std::string(id)};
    }
    const Engine engine = engine_of_parent(parent);
    if (is_hex_id(component) && engine != Engine::unknown)
        return CgroupName{engine, std::string(component)};
    if (parent == "buildkit" || parent == "lxc")
        return CgroupName{engine, std::string(component)};
    return std::nullopt;
}

// "machine-libpod_pod_<id>.slice", "kubepods-besteffort-pod<uid>.slice", "pod<uid>".
std::string pod_of(std::string_view component) {
    if (component.ends_with(".slice"))
        component.remove_suffix(6);
    if (const auto at = component.find("libpod_pod_"); at != std::string_view::npos)
        return std::string(component.substr(at + 11));
    const auto at = component.starts_with("pod") ? 0 : component.rfind("-pod");
    if (at == std::string_view::npos)
        return "";
    const auto uid = component.substr(at == 0 && component.starts_with("pod") ? 3 : at + 4);
    // A pod's uid is a UUID, in systemd's names with underscores.
    return uid.size() == 36 ? std::string(uid) : "";
}

bool is_unit(std::string_view component) {
    return (component.ends_with(scope) && component.size() > scope.size()) ||
           (component.ends_with(service) && component.size() > service.size());
}

}  // namespace

std::optional<CgroupName> name_of_cgroup(std::string_view path) {
    std::optional<CgroupName> out;
    std::string_view parent;
    std::string unit;
    std::string pod;
    std::size_t at = 0;
    while (at < path.size()) {
        const auto end = std::min(path.find('/', at), path.size());
        const auto component = path.substr(at, end - at);
        at = end + 1;
        if (component.empty())
            continue;
        if (is_unit(component))
            unit = component;
        if (auto p = pod_of(component); !p.empty())
            pod = std::move(p);
        if (auto found = match(component, parent)) {
            out = std::move(found);
            out->path = path.substr(0, end);
            out->unit = unit;
            out->pod = pod;
        }
        parent = component;
    }
    return out;
}

Result<Cgroups> parse_cgroups(std::string_view text, std::string_view source) {
    Cgroups out;
    PLIMSOLL_TRY(out.all, host::parse_proc_cgroup(text, source));
    for (const auto& m : out.all)
        if (auto name = name_of_cgroup(m.path))
            out.names.push_back(*std::move(name));
    return out;
}

std::string unit_of(std::string_view path) {
    std::string out;
    for (const auto c : split(path, '/'))
        if (is_unit(c))
            out = c;
    return out;
}

std::optional<std::uint32_t> user_of(std::string_view path) {
    for (const auto c : split(path, '/'))
        for (const auto& [head, tail] :
             {std::pair{std::string_view("user@"), service}, {"user-", std::string_view(".slice")}})
            if (c.starts_with(head) && c.ends_with(tail) && c.size() > head.size() + tail.size())
                if (const auto uid = parse_u64(c.substr(head.size(), c.size() - head.size() - tail.size()));
                    uid && *uid <= std::numeric_limits<std::uint32_t>::max())
                    return static_cast<std::uint32_t>(*uid);
    return std::nullopt;
}

}  // namespace plimsoll::modules::containers
