// SPDX-License-Identifier: Apache-2.0
// Hears of programs that somebody outside starts in a container: its first one, and what an engine starts
// into it later; and of daemons of engines that are started on the host, by whomever. The kernel tells of
// every exec through the process connector (linux/cn_proc.h), but only who is in its initial PID, user and
// network namespaces. Elsewhere a cgroup that is made is all the news of a container, long before its first
// program runs: then whoever was told to look is told again, less and less often, for ten seconds.
#pragma once
#include "core/base/fd.hpp"
#include "core/base/result.hpp"
#include "core/bus/event_loop.hpp"
#include "core/host/sysroot.hpp"

#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

namespace plimsoll::daemon {

class Starts {
  public:
    struct Told {
        std::string cause;   // "event start of 4711", "event settling", "starts lost"
        bool lost{false};    // more happened than the kernel could keep for us
        bool engine{false};  // it is an engine's daemon, on the host itself
    };

    // `root` (of the running host) and `loop` must outlive it. Never fails: without the connector there is
    // the other way. `on_start` is called from the loop and must not end this.
    Starts(const bus::EventLoop& loop, const host::Sysroot& root, std::function<void(const Told&)> on_start);
    Starts(const Starts&) = delete;
    Starts& operator=(const Starts&) = delete;
    Starts(Starts&&) = delete;
    Starts& operator=(Starts&&) = delete;
    ~Starts() = default;

    // Something may be starting: says `on_start` again until it has settled, unless the kernel tells of that.
    void expect();

    // Whether the kernel has answered that it tells of every exec.
    [[nodiscard]] bool told_by_kernel() const { return told_by_kernel_; }

  private:
    static constexpr std::chrono::milliseconds first_pause{10};
    static constexpr std::chrono::milliseconds longest_pause{5120};  // the last of ten

    [[nodiscard]] Result<void> connect();
    void on_messages();
    void on_settling();
    enum class Kind { none, container, engine };
    [[nodiscard]] Kind kind_of(int pid) const;

    const bus::EventLoop& loop_;
    const host::Sysroot& root_;
    std::function<void(const Told&)> on_start_;
    Fd socket_{};
    bool told_by_kernel_{false};
    std::chrono::milliseconds pause_{first_pause};
    std::optional<std::uint64_t> host_mounts_{};  // the mount namespace
    bus::Source from_kernel_{};
    bus::Source settling_{};
};

// What one datagram of the connector tells. Anything else gives nothing.
struct ProcessNews {
    bool listening{false};          // the kernel has taken our wish
    std::optional<int> executed{};  // a process that began another program
};

[[nodiscard]] ProcessNews parse_process_news(std::string_view datagram);

}  // namespace plimsoll::daemon
