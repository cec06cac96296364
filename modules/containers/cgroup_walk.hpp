// SPDX-License-Identifier: Apache-2.0
// The cgroup hierarchy as folders: which cgroups named after containers hold processes, whatever /proc shows.
#pragma once
#include "core/host/mountinfo.hpp"
#include "core/host/sysroot.hpp"

#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace plimsoll::modules::containers {

class CgroupWalk {
  public:
    CgroupWalk(const host::Sysroot& root, const std::vector<host::Mount>& host_mounts);

    struct Populated {
        std::string path;  // in its hierarchy
        std::vector<int> pids;
        std::string problem;  // why not all pids could be read; empty: they were
    };

    // Cgroups that are named after a container, hold processes, and are not in `known`. Not recorded: they
    // come and go with every container.
    [[nodiscard]] std::vector<Populated> populated(const std::set<std::string>& known) const;

    // The processes of a cgroup and of those below, in any hierarchy. Code::not_found: there is none.
    [[nodiscard]] Result<std::vector<int>> pids_of(const std::string& path) const;

    // Why populated() may have missed some; empty: it did not.
    [[nodiscard]] const std::string& problem() const { return problem_; }

  private:
    void walk(const std::string& dir, const std::string& path, const std::set<std::string>& known,
              std::vector<Populated>& out, int depth) const;
    void look_at(const std::string& dir, const std::string& path, std::vector<Populated>& out) const;
    [[nodiscard]] Result<void> add_pids(const std::string& dir, std::set<int>& out, int depth) const;

    const host::Sysroot* root_;
    std::vector<std::string> tops_{};
    mutable std::size_t left_{65536};
    mutable std::string problem_{};
};

}  // namespace plimsoll::modules::containers
