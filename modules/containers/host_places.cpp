// SPDX-License-Identifier: Apache-2.0
#include "modules/containers/host_places.hpp"

#include "core/base/text.hpp"

#include <algorithm>

namespace plimsoll::modules::containers {
namespace {

constexpr int max_links = 40;  // as path_resolution(7)

std::string joined(const std::string& dir, const std::string& rest) {
    if (rest.empty())
        return dir;
    return dir == "/" ? rest : dir + rest;
}

// Components of a path, the first one last.
std::vector<std::string> components(std::string_view path) {
    std::vector<std::string> out;
    for (const auto c : split(path, '/'))
        if (!c.empty() && c != ".")
            out.emplace_back(c);
    std::ranges::reverse(out);
    return out;
}

}  // namespace

bool is_within(const Place& place, const Place& of) {
    return place.device == of.device && host::is_within(place.root, of.root);
}

std::string rest_of(const Place& place, const Place& of) {
    auto out = place.root.substr(of.root == "/" ? 0 : of.root.size());
    return out == "/" ? "" : out;
}

HostPlaces::HostPlaces(const host::Sysroot& root, const std::vector<host::Mount>& mounts) : root_(&root) {
    for (const auto& m : mounts) {
        by_device_[m.device].push_back(&m);
        on_top_[m.point] = &m;
    }
}

const std::optional<std::string>& HostPlaces::target_of(std::string path) const {
    const auto [it, fresh] = targets_.try_emplace(std::move(path));
    if (fresh)
        if (auto target = root_->read_link(it->first))
            it->second = *std::move(target);
    return it->second;
}

std::string HostPlaces::real_path(std::string_view path) const {
    auto left = components(path);
    std::string out;
    for (int links = 0; !left.empty();) {
        const std::string name = std::move(left.back());
        left.pop_back();
        if (name == "..") {
            out.resize(out.empty() ? 0 : out.rfind('/'));
            continue;
        }
        const auto target = links < max_links ? target_of(out + "/" + name) : std::nullopt;
        if (!target) {
            out += "/" + name;
            continue;
        }
        ++links;
        if (target->starts_with('/'))
            out.clear();
        for (auto& c : components(*target))
            left.insert(left.end(), std::move(c));
    }
    return out.empty() ? "/" : out;
}

std::optional<Place> HostPlaces::find(std::string_view path) const {
    const std::string real = real_path(path);
    std::size_t end = real == "/" ? 0 : real.size();  // of the mount point
    auto at = on_top_.end();
    for (;; end = real.rfind('/', end - 1)) {
        at = on_top_.find(end == 0 ? std::string_view("/") : std::string_view(real).substr(0, end));
        if (at != on_top_.end() || end == 0)
            break;
    }
    if (at == on_top_.end())
        return std::nullopt;
    return Place{at->second->device, joined(at->second->root, real == "/" ? "" : real.substr(end))};
}

std::vector<std::string> HostPlaces::names_of(const Place& place) const {
    std::vector<std::string> out;
    const auto mounts = by_device_.find(place.device);
    if (mounts == by_device_.end())
        return out;
    for (const auto* m : mounts->second)
        if (host::is_within(place.root, m->root))
            out.push_back(joined(m->point, rest_of(place, place_of(*m))));
    std::ranges::sort(out, [](const auto& a, const auto& b) {
        return std::pair(a.size(), std::string_view(a)) < std::pair(b.size(), std::string_view(b));
    });
    out.erase(std::ranges::unique(out).begin(), out.end());
    return out;
}

}  // namespace plimsoll::modules::containers
