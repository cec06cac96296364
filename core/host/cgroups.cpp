// SPDX-License-Identifier: Apache-2.0
#include "core/host/cgroups.hpp"

#include "core/base/text.hpp"
#include "core/host/processes.hpp"

#include <algorithm>
#include <array>

namespace plimsoll::host {
namespace {

constexpr std::uint64_t unlimited_v1 = std::uint64_t{1} << 62U;  // what version 1 shows is near 2^63
constexpr std::size_t max_depth = 64;

struct LimitFile {
    std::string_view controller;
    std::string_view unified;
    std::string_view legacy;
};

constexpr std::array<LimitFile, 4> files{{{"pids", "pids.max", "pids.max"},
                                          {"memory", "memory.max", "memory.limit_in_bytes"},
                                          {"memory", "memory.swap.max", "memory.memsw.limit_in_bytes"},
                                          {"cpu", "cpu.max", "cpu.cfs_quota_us"}}};

int rank(const CgroupMembership& m) {
    return m.controllers.empty() ? 0 : m.controllers.front() == "name=systemd" ? 1 : 2;
}

std::string parent_of(const std::string& path) {
    const auto slash = path.rfind('/');
    return slash == std::string::npos || slash == 0 ? "/" : path.substr(0, slash);
}

// "max", "-1", a number, or for cpu.max two words of which the first counts.
Result<std::optional<std::uint64_t>> parse_limit(std::string_view text, const std::string& source) {
    const auto f = words(text);
    if (!f.empty() && (f[0] == "max" || f[0] == "-1"))
        return std::optional<std::uint64_t>();
    const auto value = f.empty() ? std::nullopt : parse_u64(f[0]);
    if (!value)
        return fail(Code::invalid_input, source + " holds no limit: " + printable(trim(text), 60));
    return *value >= unlimited_v1 ? std::optional<std::uint64_t>() : value;
}

struct Place {
    bool unified{false};
    std::string path;
};

// The hierarchy that limits: version 1's if it has the controller, else the unified one.
std::optional<Place> place_of(const std::vector<CgroupMembership>& own, std::string_view controller) {
    for (const auto& m : own)
        if (std::ranges::find(m.controllers, controller) != m.controllers.end())
            return Place{false, m.path};
    for (const auto& m : own)
        if (m.controllers.empty())
            return Place{true, m.path};
    return std::nullopt;
}

}  // namespace

Result<std::vector<CgroupMembership>> parse_proc_cgroup(std::string_view text, std::string_view source) {
    std::vector<CgroupMembership> out;
    std::size_t number = 0;
    for (const auto line : split_lines(text)) {
        ++number;
        const auto first = line.find(':');
        const auto second = first == std::string_view::npos ? first : line.find(':', first + 1);
        // A line names a hierarchy by number; the path starts with a slash and may hold any other byte.
        if (second == std::string_view::npos || !parse_u64(line.substr(0, first)) ||
            !line.substr(second + 1).starts_with('/'))
            return fail(Code::invalid_input,
                        std::string(source) + ":" + std::to_string(number) + ": not a line of cgroup");
        CgroupMembership m{.path = std::string(line.substr(second + 1))};
        for (const auto c : split(line.substr(first + 1, second - first - 1), ','))
            if (!c.empty())
                m.controllers.emplace_back(c);
        out.push_back(std::move(m));
    }
    std::ranges::stable_sort(out, {}, rank);
    return out;
}

CgroupMounts::CgroupMounts(const std::vector<Mount>& mounts) {
    for (const Mount& m : mounts) {
        if (m.root != "/")
            continue;  // a part of a hierarchy only
        if (m.type == "cgroup2")
            by_controller_.try_emplace("", m.point);
        if (m.type == "cgroup")
            for (const auto option : split(m.super, ','))
                by_controller_.try_emplace(std::string(option), m.point);
    }
}

std::optional<std::string> CgroupMounts::directory(std::string_view controller, std::string_view path) const {
    const auto it = by_controller_.find(controller);
    if (it == by_controller_.end())
        return std::nullopt;
    return path == "/" ? it->second : it->second + std::string(path);
}

Result<CgroupLimit> read_limit(const Sysroot& root, const CgroupMounts& mounts,
                               const std::vector<CgroupMembership>& own, LimitKind kind, LimitFiles& known) {
    const LimitFile& file = files[static_cast<std::size_t>(kind)];
    const auto place = place_of(own, file.controller);
    if (!place)
        return fail(Code::not_found, "no cgroup hierarchy with " + std::string(file.controller));
    CgroupLimit out;
    std::string path = place->path;
    for (std::size_t depth = 0; depth < max_depth && path != "/"; ++depth, path = parent_of(path)) {
        const auto dir = mounts.directory(place->unified ? "" : file.controller, path);
        if (!dir)
            return fail(Code::not_found,
                        "no cgroup hierarchy with " + std::string(file.controller) + " is mounted");
        const std::string source = *dir + "/" + std::string(place->unified ? file.unified : file.legacy);
        if (out.source.empty())
            out.source = source;
        auto at = known.find(source);
        if (at == known.end())
            at = known.emplace(source, read_kernel_file(root, source, 256)).first;
        const auto& text = at->second;
        if (!text && text.error().code == Code::not_found)
            continue;  // the controller is not enabled here: an ancestor's limit is the one
        if (!text)
            return Failure(text.error());
        PLIMSOLL_TRY(const auto value, parse_limit(*text, source));
        if (value && (!out.value || *value < *out.value))
            out = {value, source};
    }
    return out;
}

}  // namespace plimsoll::host
