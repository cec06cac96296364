// SPDX-License-Identifier: Apache-2.0
// What is known of one running container, as plain data. Everything but `names` and `image` comes from the
// kernel; those two are what the engine's files say, for people to recognise it by, and decide nothing that
// is not the owner's own to decide.
#pragma once
#include "core/host/cgroups.hpp"
#include "core/host/mountinfo.hpp"
#include "core/host/namespaces.hpp"
#include "core/host/processes.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace plimsoll::modules::containers {

enum class Engine { podman, docker, containerd, crio, nspawn, lxc, runc, buildkit, unknown };

// Whose kernel the workload runs on. With its own, what the host sees of it is the sandbox's process.
enum class Kernel { shared, kata, gvisor };

[[nodiscard]] std::string_view name_of(Engine engine);

struct Member {  // a process of a container, or a thread of one that differs from the first thread
    enum class Role {
        init,     // the first; the end of it is the end of the container
        child,    // started by another member
        entered,  // started from outside into it: podman exec, docker exec, kubectl exec
        joined,   // in its namespaces but not in its cgroup: nsenter
    };
    Role role{Role::child};
    host::Process process{};
    std::string dir{};       // "/proc/812", of a thread "/proc/812/task/815"
    std::uint64_t start{0};  // clock ticks since boot; of a thread its process's
    bool forked_only{false};
    // Started into it and no program of the workload yet: a fork, or the runtime's own program.
    bool being_started{false};
    // The host's own VMM, sentry or helper of a sandbox with a kernel of its own.
    bool sandbox_program{false};
    host::Namespaces ns{};
    Result<std::string> label{};                    // attr/current without the newline
    std::vector<host::CgroupMembership> cgroups{};  // of one that joined

    // "/proc/812/status"
    [[nodiscard]] std::string file(std::string_view name) const { return dir + "/" + std::string(name); }
};

// The mounts that a container's processes see. Usually one; more when they are in several mount namespaces.
struct View {
    int pid{0};
    std::string dir{};  // of the member whose table it is
    int process{0};     // of that one, the process that the thread is of
    std::uint64_t start{0};
    std::optional<std::uint64_t> mnt_ns{};
    Result<std::vector<host::Mount>> mounts{};
    // Why there may be mounts that the table does not show: the kernel shows what is below the reader's
    // root alone. Empty: it shows all.
    std::string hidden{};
};

struct Container {
    std::string id{};  // as its engine names it, mostly 64 hex digits; empty: nobody gave it one
    Engine engine{Engine::unknown};
    Kernel kernel{Kernel::shared};
    std::optional<std::uint32_t> owner{};  // host uid of who started it: 0 is rootful; nullopt: cannot tell
    std::string owner_name{};              // of the account; the number when there is none
    std::string cgroup{};                  // path in its hierarchy; empty: it has none of its own
    std::string unit{};  // of systemd, innermost of `cgroup`: "libpod-….scope", "web.service"
    int init{0};
    std::uint64_t start{0};  // of the init: with it, one process for ever
    std::vector<std::string> names{};
    std::string image{};
    std::string pod{};     // the same for all of a pod; empty: in none
    std::string inside{};  // subject of the container that it runs in; empty: of the host
    // false: between its first process and the first program of its payload, when it still has every
    // privilege.
    bool settled{true};
    std::vector<std::string> why{};                     // what makes it a container, and which
    std::vector<Member> members{};                      // the init first, then by pid
    std::vector<host::CgroupMembership> cgroups{};      // of the init
    host::Namespaces ns{};                              // of the init
    Result<std::vector<host::UserNs>> user_ns_chain{};  // of the init, from its own outwards
    std::vector<View> views{};                          // that of the init first
    std::string unread{};          // why not every process of it could be read; empty: all were
    std::optional<int> monitor{};  // pid of the conmon, shim or nspawn above it
    std::string monitor_name{};    // its program
    bool monitor_verified{false};  // the program is the host's own, not only called so
    bool monitor_gone{false};      // its parent is not one though its engine uses one
    std::optional<std::string>
        record{};  // the run-time state that its engine keeps of it; nullopt: none found

    [[nodiscard]] std::string short_id() const { return id.substr(0, 12); }

    // The init's; never empty for what survey() found.
    [[nodiscard]] const Result<std::vector<host::Mount>>& mounts() const { return views.front().mounts; }

    // What a member sees; nullptr: it is in the host's mount namespace, or that could not be read.
    [[nodiscard]] const View* view_of(const Member& member) const {
        for (const View& v : views)
            if (v.mnt_ns && v.mnt_ns == member.ns.of(host::Ns::mnt))
                return &v;
        return nullptr;
    }

    [[nodiscard]] bool rootless() const { return owner && *owner != 0; }
};

// "podman/alice/web": engine, owner, and the name, short id, unit or init that tells it from others.
// Exceptions of the policy match this.
[[nodiscard]] std::string subject_of(const Container& container);

// Processes with namespaces of their own that are no container, and why not.
struct Sandbox {
    int pid{0};
    std::string comm{};
    std::string cgroup{};
    std::string why{};
    bool own_root{false};  // it has a root file system of its own
};

// A process of which cannot be told whether it is in a container.
struct Unplaced {
    int pid{0};
    std::string comm{};
    std::string why{};
};

}  // namespace plimsoll::modules::containers
