// SPDX-License-Identifier: Apache-2.0
#include "core/host/footprint.hpp"

namespace plimsoll::host {
namespace {

void insert(std::set<std::string, std::less<>>& into, std::string_view path) {
    if (!into.contains(path))
        into.emplace(path);
}

bool of_a_process(std::string_view path) {
    constexpr std::string_view proc = "/proc/";
    return path.starts_with(proc) && path.size() > proc.size() && path[proc.size()] >= '0' &&
           path[proc.size()] <= '9';
}

}  // namespace

void Footprint::add(std::string_view path) {
    if (!of_a_process(path))
        insert(paths, path);
}

void Footprint::add_listing(std::string_view directory) {
    if (!of_a_process(directory))
        insert(listed, directory);
}

void Footprint::merge(const Footprint& other) {
    paths.insert(other.paths.begin(), other.paths.end());
    listed.insert(other.listed.begin(), other.listed.end());
}

}  // namespace plimsoll::host
