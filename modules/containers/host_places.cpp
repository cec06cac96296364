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
        const auto target = links < max_links ? root_->read_link(out + "/" + name)
                                              : Result<std::string>(fail(Code::integrity, "too many links"));
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
    const auto* on = host::mount_of(*mounts_, real);
    if (on == nullptr)
        return std::nullopt;
    const std::string rest = on->point == "/" ? (real == "/" ? "" : real) : real.substr(on->point.size());
    return Place{on->device, joined(on->root, rest)};
}

std::vector<std::string> HostPlaces::names_of(const Place& place) const {
    std::vector<std::string> out;
    for (const auto& m : *mounts_)
        if (is_within(place, place_of(m)))
            out.push_back(joined(m.point, rest_of(place, place_of(m))));
    std::ranges::sort(out, [](const auto& a, const auto& b) {
        return std::pair(a.size(), std::string_view(a)) < std::pair(b.size(), std::string_view(b));
    });
    out.erase(std::ranges::unique(out).begin(), out.end());
    return out;
}

}  // namespace plimsoll::modules::containers
