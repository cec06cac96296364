// SPDX-License-Identifier: Apache-2.0
// Hears of every write to a kernel setting below /proc/sys, whichever mount of procfs it goes through and
// whichever namespace it comes from: the kernel runs a program of ours, attached to the root cgroup, before
// it carries one out (BPF_PROG_TYPE_CGROUP_SYSCTL, linux/bpf.h). inotify(7) tells of writes through our own
// procfs only.
#pragma once
#include "core/base/result.hpp"
#include "core/bus/event_loop.hpp"
#include "core/host/sysroot.hpp"

#include <functional>
#include <memory>
#include <string>
#include <string_view>

namespace plimsoll::daemon {

class KnobWrites {
  public:
    // `path`: "/proc/sys/kernel/yama/ptrace_scope"; "/proc/sys" when more was written than the kernel could
    // keep for us, and so anything may have been. Called from the loop 10 ms after the write, which comes
    // before the value is stored, and once more after 200 ms, should the writer have been held up in between.
    // Must not end this.
    using OnWrite = std::function<void(const std::string& path, bool lost)>;

    // Of the running host, as the root cgroup is that of all processes. `root` ("/") and `loop` must outlive
    // it. Code::permission without CAP_NET_ADMIN and CAP_BPF in the initial user namespace, Code::unsupported
    // before Linux 6.1, and without a cgroup v2 hierarchy (a hybrid one does).
    [[nodiscard]] static Result<KnobWrites> make(const bus::EventLoop& loop, const host::Sysroot& root,
                                                 OnWrite on_write);
    KnobWrites(KnobWrites&&) noexcept;
    KnobWrites& operator=(KnobWrites&&) noexcept;
    KnobWrites(const KnobWrites&) = delete;
    KnobWrites& operator=(const KnobWrites&) = delete;
    ~KnobWrites();

    // Who wrote that path last, other than this process, as Writers::last(). Empty: not known.
    [[nodiscard]] std::string last(const std::string& path) const;

  private:
    struct State;
    explicit KnobWrites(std::unique_ptr<State> state);
    std::unique_ptr<State> state_;
};

struct KnobWrite {
    int pid{0};        // in the initial PID namespace
    std::string comm;  // of the writer, at most 15 bytes
    std::string name;  // "kernel/yama/ptrace_scope"; empty: what was written is not known
};

// One record of the program's. Anything else gives nothing.
[[nodiscard]] KnobWrite parse_knob_write(std::string_view record);

}  // namespace plimsoll::daemon
