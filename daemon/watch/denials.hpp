// SPDX-License-Identifier: Apache-2.0
// Hears what processes were denied: the records of SELinux, AppArmor and seccomp filters that the kernel's
// audit system gives to everybody who listens, beside auditd(8) and without it.
#pragma once
#include "core/base/fd.hpp"
#include "core/base/result.hpp"
#include "core/bus/event_loop.hpp"
#include "core/host/sysroot.hpp"

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace plimsoll::daemon {

struct Denial {
    enum class By { selinux, apparmor, seccomp };  // as denied_by of daemon/api.hpp
    By by{By::selinux};
    int pid{0};
    std::string comm;   // as the process called itself; may be hostile
    std::string label;  // SELinux context or AppArmor profile; may be empty
    std::string what;   // "read of \"shadow\"", "mount", "syscall 39 (signal 31)"
    bool operator==(const Denial&) const = default;
};

// One record with its netlink header (linux/audit.h). nullopt: it is of another kind, or says "allowed",
// "granted" or "permissive".
[[nodiscard]] std::optional<Denial> parse_denial(std::string_view datagram);

class Denials {
  public:
    // `own_mounts`: whether the process is in another mount namespace than the host's, as all of containers
    // are. nullopt: it has ended by now, as those do that a filter kills.
    using OnDenial = std::function<void(const Denial& denial, std::optional<bool> own_mounts)>;

    // `root` ("/") and `loop` must outlive it. Of more than 64 records within 0.1 s some are not told of.
    // `joined`: a socket that has joined the records already, and then is this object's; or none. Called from
    // the loop; must not end this. Code::permission without such a socket and CAP_AUDIT_READ in the initial
    // user namespace.
    [[nodiscard]] static Result<Denials> make(const bus::EventLoop& loop, const host::Sysroot& root,
                                              Fd joined, OnDenial on_denial);
    Denials(Denials&&) noexcept;
    Denials& operator=(Denials&&) noexcept;
    Denials(const Denials&) = delete;
    Denials& operator=(const Denials&) = delete;
    ~Denials();

  private:
    struct State;
    explicit Denials(std::unique_ptr<State> state);
    std::unique_ptr<State> state_;
};

}  // namespace plimsoll::daemon
