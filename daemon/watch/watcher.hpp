// SPDX-License-Identifier: Apache-2.0
// Watches what was looked at, and says who has to look again (docs/decisions/0017-watch-what-was-read.md).
//
//   on_event(e)  ->  every group of e.groups looks, recording a Footprint (Sysroot::record)
//                ->  while (watcher.watch(group, footprint)) look again, for what is newly watched may have
//                    changed between the look and the watch
//
// Without events: what is written through a mapping (mmap(2)), by another host (NFS), through another mount
// of procfs, and below /proc and /sys whatever the kernel changes by itself. For these there is the full
// pass.
#pragma once
#include "core/base/result.hpp"
#include "core/bus/event_loop.hpp"
#include "core/host/footprint.hpp"
#include "core/host/sysroot.hpp"

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace plimsoll::daemon {

// Whoever looks: a module, or the reader of the policy. Bit n of a mask is group n.
using Groups = std::uint32_t;
inline constexpr std::size_t most_groups{32};

struct Event {
    Groups groups{0};   // that have to look again
    std::string cause;  // "event /etc/subuid" (printable), "mounts changed", "events lost"
    bool lost{false};   // events were lost or a watch went away: `groups` are all that it may concern
};

class Watcher {
  public:
    // `root` and `loop` must outlive it. `on_event` is called from the loop, never from watch(); it may call
    // watch(), but must not end the Watcher. Each group is named in one call at most for what one read of the
    // kernel's queue brought. A file that is still being written is announced 20 ms after the first write,
    // everything else at once.
    // Code::io when the user has no inotify instance left (fs.inotify.max_user_instances).
    [[nodiscard]] static Result<Watcher> make(const bus::EventLoop& loop, const host::Sysroot& root,
                                              std::function<void(const Event&)> on_event);
    Watcher(Watcher&&) noexcept;
    Watcher& operator=(Watcher&&) noexcept;
    Watcher(const Watcher&) = delete;
    Watcher& operator=(const Watcher&) = delete;
    ~Watcher();

    // From now on `group` (below most_groups) depends on exactly `footprint`, taken while it looked; an empty
    // one ends its watches. True: something is watched for it that was not when it looked, so that it has to
    // look once more: a few times in a row at most, then an Event follows instead, so that a tree that never
    // holds still does not hold up the loop. To be called after every look; without anything new it costs a
    // comparison.
    [[nodiscard]] bool watch(std::size_t group, const host::Footprint& footprint);

    // Groups that looked at something at or below `path`, as they asked for it; for news of what no watch
    // tells.
    [[nodiscard]] Groups looked_at(std::string_view path) const;
    // Groups that wanted to know every name in a directory.
    [[nodiscard]] Groups listed(std::string_view directory) const;

    // What cannot be watched, one printable line each:
    // "no inotify watch left (fs.inotify.max_user_watches=8192)".
    // Only a full pass is sure to find what happens there. Every watch() tries again.
    [[nodiscard]] std::vector<std::string> degraded() const;

  private:
    struct State;
    explicit Watcher(std::unique_ptr<State> state);
    std::unique_ptr<State> state_;
};

}  // namespace plimsoll::daemon
