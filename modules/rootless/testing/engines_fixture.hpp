// SPDX-License-Identifier: Apache-2.0
// What the tests of the Engines module share: a pretended /proc, and short ways to ask for a verdict.
#pragma once
#include "core/host/executor.hpp"
#include "modules/rootless/engines.hpp"
#include "tests/support/fake_services.hpp"
#include "tests/support/tree.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <string>
#include <vector>

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

namespace plimsoll::modules::rootless::testing {

struct FakeProcess {
    int pid{0};
    std::string exe;  // empty: the link is left out
    std::vector<std::string> argv{};
    std::uint32_t uid{0};
    int parent{1};
    std::string user_ns{"4026531837"};  // empty: unreadable
    std::string groups{};
    std::vector<std::uint64_t> sockets{};
};

inline void add_process(const tests::Tree& tree, const FakeProcess& p) {
    const std::string dir = "proc/" + std::to_string(p.pid);
    const std::string uid = std::to_string(p.uid);
    const std::string comm = p.exe.substr(p.exe.rfind('/') + 1).substr(0, 15);
    tree.write(dir + "/status", "Name:\t" + comm + "\nPPid:\t" + std::to_string(p.parent) + "\nUid:\t" + uid +
                                    "\t" + uid + "\t" + uid + "\t" + uid + "\nGroups:\t" + p.groups + "\n");
    tree.write(dir + "/comm", comm + "\n");
    std::string cmdline;
    for (const auto& a : p.argv)
        cmdline += a + '\0';
    tree.write(dir + "/cmdline", cmdline);
    tree.link(dir + "/exe", p.exe);
    if (!p.user_ns.empty())
        tree.link(dir + "/ns/user", "user:[" + p.user_ns + "]");
    tree.write(dir + "/uid_map", "         0          0 4294967295\n");
    tree.write(dir + "/gid_map", "         0          0 4294967295\n");
    tree.directory(dir + "/fd");
    for (const auto inode : p.sockets)
        tree.link(dir + "/fd/" + std::to_string(inode), "socket:[" + std::to_string(inode) + "]");
}

// /proc of a host on which nothing runs and nothing listens.
inline void add_proc(const tests::Tree& tree) {
    tree.write("proc/net/unix", "Num       RefCount Protocol Flags    Type St Inode Path\n");
    tree.write("proc/net/tcp",
               "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid\n");
}

inline void add_socket(const tests::Tree& tree, const std::string& path, mode_t mode, gid_t gid = 0) {
    tree.directory(path.substr(0, path.rfind('/')));
    const std::string full = tree.path(path).string();
    const int fd = ::socket(AF_UNIX, SOCK_STREAM, 0);
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    ASSERT_LT(full.size(), sizeof address.sun_path);
    std::memcpy(address.sun_path, full.c_str(), full.size() + 1);
    ASSERT_EQ(::bind(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
    ::close(fd);
    ASSERT_EQ(::chmod(full.c_str(), mode), 0);
    if (gid != 0) {
        ASSERT_EQ(::chown(full.c_str(), 0, gid), 0);
    }
}

using Params = Engines::Params;

inline std::vector<policy::Finding> assess(const host::Host& host, const Params& params = {}) {
    host.forget();
    return Engines::evaluate(params, {}, Engines::observe(host, params, {}), {});
}

// Findings of one control as "subject: status[ severity]", the severity only of failing ones.
inline std::vector<std::string> verdicts(const std::vector<policy::Finding>& findings,
                                         std::string_view control) {
    std::vector<std::string> out;
    for (const auto& f : findings)
        if (f.control == control)
            out.push_back(
                f.subject + ": " + std::string(policy::name_of(f.status)) +
                (f.status == policy::Status::fail ? " " + std::string(policy::name_of(f.severity)) : ""));
    return out;
}

// Carries out what fails of the control until nothing that can be fixed does, then undoes it: every fix must
// make its finding pass and leave no trace.
inline void expect_converges(const tests::Tree& tree, const host::Host& host, std::string_view control,
                             const Params& params = {}) {
    const auto before = tree.snapshot();
    tests::FakeServices services;
    auto executor = host::Executor::open(host, "/var/lib/plimsoll", &services);
    ASSERT_TRUE(executor) << executor.error().message;
    std::vector<std::string> done;
    for (int round = 0; round < 20; ++round) {
        const policy::Finding* todo = nullptr;
        const auto findings = assess(host, params);
        for (const auto& f : findings)
            if (f.control == control && f.fix && !f.fix->changes.empty() && todo == nullptr)
                todo = &f;
        if (todo == nullptr)
            break;
        ASSERT_EQ(std::ranges::find(done, todo->subject), done.end()) << todo->subject << " fails again";
        done.push_back(todo->subject);
        for (const auto& change : todo->fix->changes) {
            const auto r = executor->apply(todo->control, todo->subject, change);
            ASSERT_TRUE(r) << r.error().message;
        }
    }
    EXPECT_FALSE(done.empty());
    for (const auto& f : assess(host, params))
        if (f.control == control && std::ranges::find(done, f.subject) != done.end()) {
            EXPECT_EQ(policy::name_of(f.status), "pass") << f.subject << ": " << f.message;
        }
    const auto undone = executor->undo(executor->current_entry());
    ASSERT_TRUE(undone) << undone.error().message;
    EXPECT_EQ(tree.snapshot(), before);
}

inline constexpr std::string_view docker_unit =
    "[Service]\nExecStart=/usr/bin/dockerd -H fd://\n[Install]\n"
    "WantedBy=multi-user.target\n";
inline constexpr std::string_view rootless_unit = "[Service]\nExecStart=/usr/bin/dockerd-rootless.sh\n";
inline constexpr std::string_view docker_socket =
    "[Socket]\nListenStream=/run/docker.sock\nSocketMode=0660\n"
    "SocketUser=root\nSocketGroup=docker\n[Install]\n"
    "WantedBy=sockets.target\n";
inline constexpr const char* wants = "etc/systemd/system/multi-user.target.wants/docker.service";
inline constexpr const char* socket_wants = "etc/systemd/system/sockets.target.wants/docker.socket";
inline constexpr const char* accounts =
    "root:x:0:0::/root:/bin/sh\nalice:x:1000:1000::/home/alice:/bin/sh\n"
    "bob:x:1001:998::/home/bob:/bin/sh\n";

// A host with Docker as its vendor packages it, enabled.
inline void add_docker(const tests::Tree& tree) {
    tree.write("usr/bin/dockerd", "");
    tree.write("usr/lib/systemd/system/docker.service", docker_unit);
    tree.write("usr/lib/systemd/system/docker.socket", docker_socket);
    tree.link(wants, "/usr/lib/systemd/system/docker.service");
    tree.link(socket_wants, "/usr/lib/systemd/system/docker.socket");
}

}  // namespace plimsoll::modules::rootless::testing
