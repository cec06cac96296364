// SPDX-License-Identifier: Apache-2.0
// Who changes a file: fanotify(7) tells the process id of every change in a directory, which inotify(7) does
// not. For the few files that somebody keeps changing back, so that the finding can name who it is.
#pragma once
#include "core/base/fd.hpp"
#include "core/bus/event_loop.hpp"
#include "core/host/sysroot.hpp"

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace plimsoll::daemon {

class Writers {
  public:
    static constexpr std::size_t most_directories{64};  // that are followed; the newest

    // Code::permission without CAP_SYS_ADMIN in the initial user namespace, Code::unsupported before
    // Linux 5.9. `root` and `loop` must outlive it.
    [[nodiscard]] static Result<Writers> make(const bus::EventLoop& loop, const host::Sysroot& root);

    // From now on who changes what is in the directory of `path` is noted. Nothing happens when that cannot
    // be followed (a file system without file handles).
    void follow(const std::string& path);

    // Who changed `path`, a path within the root, last, other than this process: "puppet (pid 7, uid 0),
    // started by cron (pid 5)". Of a process that had ended when it was looked for, only its number. Empty:
    // not known.
    [[nodiscard]] std::string last(const std::string& path) const;

  private:
    struct State;

    explicit Writers(std::shared_ptr<State> state) : state_(std::move(state)) {}

    std::shared_ptr<State> state_;
};

// "puppet (pid 7, uid 0), started by cron (pid 5)". Of a process that has ended, or is another by now, what
// is known besides: `comm`, empty if nothing. `real` is "/".
[[nodiscard]] std::string describe_writer(const host::Sysroot& real, int pid, std::string_view comm = {});

}  // namespace plimsoll::daemon
