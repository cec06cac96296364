// SPDX-License-Identifier: Apache-2.0
// Hears of changes of mandatory access control that no event of a file tells of: AppArmor's profiles, by the
// number of their revision, which can be waited for (security/apparmor/apparmorfs.c), and SELinux's mode and
// policy, which the kernel announces (linux/selinux_netlink.h).
#pragma once
#include "core/base/fd.hpp"
#include "core/base/result.hpp"
#include "core/bus/event_loop.hpp"
#include "core/host/sysroot.hpp"

#include <functional>
#include <string>
#include <string_view>

namespace plimsoll::daemon {

class MacChanges {
  public:
    static constexpr std::string_view apparmor{"/sys/kernel/security/apparmor"};
    static constexpr std::string_view selinux{"/sys/fs/selinux"};

    struct Told {
        std::string_view directory;  // one of these: whoever looks there has to look again
        std::string cause;           // "AppArmor profiles changed"
        bool lost{false};            // more was announced than the kernel could keep for us
    };

    // `root` (of the running host) and `loop` must outlive it. Never fails: a module that the kernel does not
    // have changes nothing. Called from the loop; must not end this.
    MacChanges(const bus::EventLoop& loop, const host::Sysroot& root,
               std::function<void(const Told&)> on_change);
    MacChanges(const MacChanges&) = delete;
    MacChanges& operator=(const MacChanges&) = delete;
    MacChanges(MacChanges&&) = delete;
    MacChanges& operator=(MacChanges&&) = delete;
    ~MacChanges() = default;

    [[nodiscard]] bool hears_apparmor() const { return static_cast<bool>(from_apparmor_); }

    [[nodiscard]] bool hears_selinux() const { return static_cast<bool>(from_selinux_); }

  private:
    [[nodiscard]] Result<void> listen_to_apparmor(const bus::EventLoop& loop, const host::Sysroot& root);
    [[nodiscard]] Result<void> listen_to_selinux(const bus::EventLoop& loop);
    void on_revision();
    void on_messages();

    std::function<void(const Told&)> on_change_;
    Fd revision_{};
    Fd socket_{};
    bus::Source from_apparmor_{};
    bus::Source from_selinux_{};
};

// "SELinux mode changed", "SELinux policy loaded"; empty for anything else.
[[nodiscard]] std::string_view parse_selinux_news(std::string_view datagram);

}  // namespace plimsoll::daemon
