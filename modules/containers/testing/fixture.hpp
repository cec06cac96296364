// SPDX-License-Identifier: Apache-2.0
// A host with containers, as its /proc shows them.
#pragma once
#include "tests/support/tree.hpp"

#include <string>

#include <sys/stat.h>
#include <sys/sysmacros.h>

namespace plimsoll::modules::containers::testing {

inline const std::string id_a(64, 'a');
inline const std::string id_b(64, 'b');
inline const std::string scope_a = "/machine.slice/libpod-" + id_a + ".scope";

inline constexpr const char* host_mountinfo =
    "1 0 8:1 / / rw,relatime - ext4 /dev/sda1 rw\n"
    "2 1 0:21 / /proc rw - proc proc rw\n"
    "3 1 0:22 / /sys rw - sysfs sysfs rw\n"
    "4 1 0:24 / /run rw - tmpfs tmpfs rw\n"
    "5 1 0:6 / /dev rw - devtmpfs devtmpfs rw\n"
    "6 3 0:30 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n"
    "7 1 0:90 / /media/all rw shared:7 - ext4 /dev/sdb rw\n";

// What podman gives a container by default, with a read-only root.
inline const std::string good_mounts =
    "100 90 0:52 / / ro,relatime - overlay overlay rw,lowerdir=/l,upperdir=/up/diff,workdir=/up/work\n"
    "101 100 0:60 / /proc rw,nosuid - proc proc rw\n"
    "102 100 0:61 / /dev rw,nosuid - tmpfs tmpfs rw\n"
    "103 100 0:62 / /sys ro,nosuid - sysfs sysfs rw\n"
    "104 101 0:60 /sys /proc/sys ro - proc proc rw\n"
    "105 101 0:61 /null /proc/kcore rw - tmpfs tmpfs rw\n"
    "106 101 0:61 /null /proc/keys rw - tmpfs tmpfs rw\n"
    "107 100 0:24 /containers/storage/overlay-containers/" +
    id_a + "/userdata/hosts /etc/hosts rw - tmpfs tmpfs rw\n";

struct Program {
    int pid{100};
    int parent{90};
    std::string comm{"app"};
    std::string exe{"/app"};
    std::string cgroup{scope_a};
    unsigned uid{200000};
    std::string caps{"0000000000000000"};  // CapPrm, CapEff, CapBnd
    std::string cap_inh{"0000000000000000"};
    int no_new_privs{1};
    int seccomp{2};
    std::string ns_pid{"1"};              // inside; "": the host's PID namespace
    std::string map{"0 100000 65536\n"};  // "": the host's user namespace
    std::string mounts{good_mounts};
    std::string label{"system_u:system_r:container_t:s0:c1,c2"};
    unsigned ns{5000};     // its namespaces are ns+0 …; 0: the host's
    std::string shared{};  // " net pid": those of the host after all
    bool forked_only{false};
    unsigned long start{777};
    int threads{1};
    std::string root{"/"};  // as its link says
    std::string gid_map{};  // "": as map
};

inline void add_links(const tests::Tree& tree, const std::string& dir, const Program& p) {
    static constexpr const char* names[] = {"cgroup", "ipc", "mnt", "net", "pid", "time", "user", "uts"};
    static constexpr unsigned long host_inodes[] = {4026531835, 4026531839, 4026531832, 4026531833,
                                                    4026531836, 4026531834, 4026531837, 4026531838};
    for (unsigned i = 0; i < 8; ++i) {
        const std::string name = names[i];
        bool host_side = p.ns == 0 || p.shared.find(" " + name) != std::string::npos || name == "time";
        host_side = host_side || (name == "user" && p.map.empty()) || (name == "pid" && p.ns_pid.empty());
        tree.link(dir + "/ns/" + name,
                  name + ":[" + std::to_string(host_side ? host_inodes[i] : p.ns + i) + "]");
    }
}

inline void add_at(const tests::Tree& tree, const std::string& dir, const Program& p) {
    const std::string id = std::to_string(p.uid);
    const std::string pid = std::to_string(p.pid);
    tree.write(dir + "/status",
               "Name:\t" + p.comm + "\nPid:\t" + pid + "\nPPid:\t" + std::to_string(p.parent) + "\nUid:\t" +
                   id + "\t" + id + "\t" + id + "\t" + id + "\nGid:\t" + id + "\t" + id + "\t" + id + "\t" +
                   id + "\nNSpid:\t" + pid + (p.ns_pid.empty() ? "" : "\t" + p.ns_pid) + "\nThreads:\t" +
                   std::to_string(p.threads) + "\nCapInh:\t" + p.cap_inh + "\nCapPrm:\t" + p.caps +
                   "\nCapEff:\t" + p.caps + "\nCapBnd:\t" + p.caps +
                   "\nCapAmb:\t0000000000000000\nNoNewPrivs:\t" + std::to_string(p.no_new_privs) +
                   "\nSeccomp:\t" + std::to_string(p.seccomp) + "\n");
    std::string stat =
        pid + " (" + p.comm + ") S " + std::to_string(p.parent) + " 1 1 0 -1 " + (p.forked_only ? "64" : "0");
    for (int field = 10; field < 22; ++field)
        stat += " 0";
    tree.write(dir + "/stat", stat + " " + std::to_string(p.start) + " 0 0\n");
    tree.write(dir + "/cgroup", "0::" + p.cgroup + "\n");
    tree.write(dir + "/cmdline", p.exe + std::string(1, '\0'));
    tree.write(dir + "/uid_map", p.map.empty() ? "0 0 4294967295\n" : p.map);
    tree.write(dir + "/gid_map", !p.gid_map.empty() ? p.gid_map : p.map.empty() ? "0 0 4294967295\n" : p.map);
    tree.write(dir + "/mountinfo", p.mounts);
    tree.write(dir + "/attr/current", p.label);
    tree.link(dir + "/exe", p.exe);
    tree.link(dir + "/root", p.root);
    add_links(tree, dir, p);
}

inline void add(const tests::Tree& tree, const Program& p) {
    add_at(tree, "/proc/" + std::to_string(p.pid), p);
}

// `p.pid` is the thread's number; the process has to say that it has more than one.
inline void add_thread(const tests::Tree& tree, int process, const Program& p) {
    add_at(tree, "/proc/" + std::to_string(process) + "/task/" + std::to_string(p.pid), p);
}

inline Program on_host(int pid, std::string comm, std::string exe,
                       std::string cgroup = "/system.slice/x.service") {
    return {.pid = pid,
            .parent = 1,
            .comm = std::move(comm),
            .exe = std::move(exe),
            .cgroup = std::move(cgroup),
            .uid = 0,
            .ns_pid = "",
            .map = "",
            .mounts = host_mountinfo,
            .label = "unconfined",
            .ns = 0};
}

// The host alone: systemd, and a conmon (pid 90) that containers may have as their parent.
inline void fill_host(const tests::Tree& tree) {
    auto init = on_host(1, "systemd", "/usr/lib/systemd/systemd", "/init.scope");
    init.parent = 0;
    add(tree, init);
    add(tree, on_host(90, "conmon", "/usr/bin/conmon", "/machine.slice/libpod-conmon-" + id_a + ".scope"));
    tree.write("/proc/sys/kernel/cap_last_cap", "40\n");
    tree.write("/etc/passwd", "root:x:0:0::/root:/bin/sh\nalice:x:1000:1000::/home/alice:/bin/sh\n");
    tree.write("/etc/group", "root:x:0:\nalice:x:1000:\n");
    tree.write("/usr/bin/conmon", "a monitor", 0755);
    tree.directory("/up/diff");
    tree.directory("/run/crun/" + id_a);
    tree.directory("/run/crun/" + id_b);
}

// A container's /dev and limits, without which they are unknown.
inline void fill_container(const tests::Tree& tree, const Program& p) {
    tree.directory("/dev");
    tree.write("/sys/fs/cgroup" + p.cgroup + "/pids.max", "2048\n");
    tree.write("/sys/fs/cgroup" + p.cgroup + "/memory.max", "1000000\n");
    add(tree, p);
}

}  // namespace plimsoll::modules::containers::testing
