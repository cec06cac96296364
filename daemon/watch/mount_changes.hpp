// SPDX-License-Identifier: Apache-2.0
// Tells where something was mounted, unmounted, moved or mounted differently. A mount over a watched
// directory raises no event of inotify's: the watch stays with what lies below.
#pragma once
#include "core/base/fd.hpp"
#include "core/base/result.hpp"
#include "core/host/mountinfo.hpp"
#include "core/host/sysroot.hpp"

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace plimsoll::daemon {

class MountChanges {
  public:
    // Of the mount namespace that this process is in, since that is where `root` is read. Takes the first
    // look.
    [[nodiscard]] static Result<MountChanges> make(const host::Sysroot& root);

    // Becomes ready with EPOLLPRI when there is a change (proc_pid_mountinfo(5)).
    [[nodiscard]] int fd() const { return file_.get(); }

    // Real paths below the root where there is another mount than at the last look. nullopt: cannot tell, so
    // anywhere.
    [[nodiscard]] std::optional<std::vector<std::string>> look();

  private:
    explicit MountChanges(const host::Sysroot& root) : root_(&root) {}

    [[nodiscard]] Result<std::vector<host::Mount>> read() const;
    [[nodiscard]] std::optional<std::string> prefix() const;

    const host::Sysroot* root_;
    Fd file_{};
    std::optional<std::vector<host::Mount>> last_{};  // sorted by id
};

// Mount points of all mounts that are in one of the tables only. Both sorted by id.
[[nodiscard]] std::vector<std::string> changed_mount_points(const std::vector<host::Mount>& before,
                                                            const std::vector<host::Mount>& after);

// A path as the process sees it, to one below `prefix`. nullopt: it is not below.
[[nodiscard]] std::optional<std::string> path_below(std::string_view prefix, std::string_view path);

}  // namespace plimsoll::daemon
