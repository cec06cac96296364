// SPDX-License-Identifier: Apache-2.0
// Which cgroups a process is in, and where their files are: version 2, version 1, and both at once
// (cgroups(7)).
#pragma once
#include "core/host/mountinfo.hpp"
#include "core/host/sysroot.hpp"

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace plimsoll::host {

struct CgroupMembership {                    // one line of /proc/PID/cgroup
    std::vector<std::string> controllers{};  // empty: the unified hierarchy; "name=systemd": a named one
    std::string path;                        // "/system.slice/docker-….scope", as the reader sees it
    bool operator==(const CgroupMembership&) const = default;
};

// Unified first, then name=systemd, then the others as they stand. Code::invalid_input names the line.
[[nodiscard]] Result<std::vector<CgroupMembership>> parse_proc_cgroup(std::string_view text,
                                                                      std::string_view source);

// Where hierarchies are mounted, by the host's mount table.
class CgroupMounts {
  public:
    explicit CgroupMounts(const std::vector<Mount>& mounts);

    // Directory of a cgroup: of the unified hierarchy for "", else of the one that has this controller.
    // nullopt: not mounted.
    [[nodiscard]] std::optional<std::string> directory(std::string_view controller,
                                                       std::string_view path) const;

  private:
    std::map<std::string, std::string, std::less<>> by_controller_;
};

// A limit in force for a cgroup, from itself and its ancestors.
struct CgroupLimit {
    std::optional<std::uint64_t> value{};  // nullopt: none
    std::string source;                    // the file that sets it, or that was looked at first
};

enum class LimitKind { pids, memory, swap, cpu };

// The least limit (for cpu: any quota) along the path. `own` are the process's memberships. Version 1 names
// and values are translated. Code::not_found: no hierarchy with that controller holds the process; other
// errors: a file could not be read.
// What is in `known` is not read again: cgroups have ancestors in common.
using LimitFiles = std::unordered_map<std::string, Result<std::string>>;  // their text by path
[[nodiscard]] Result<CgroupLimit> read_limit(const Sysroot& root, const CgroupMounts& mounts,
                                             const std::vector<CgroupMembership>& own, LimitKind kind,
                                             LimitFiles& known);

}  // namespace plimsoll::host
