// SPDX-License-Identifier: Apache-2.0
#include "tests/integration/laws_trees.hpp"

#include <string>

namespace plimsoll::tests {
namespace {

using std::string_literals::operator""s;

constexpr std::string_view passwd =
    "root:x:0:0:root:/root:/bin/bash\n"
    "daemon:x:1:1:daemon:/usr/sbin:/usr/sbin/nologin\n"
    "nobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin\n"
    "alice:x:1000:1000::/home/alice:/bin/bash\n";
constexpr std::string_view group = "root:x:0:\ndaemon:x:1:\nshadow:x:42:\nnogroup:x:65534:\nalice:x:1000:\n";

void fill_knobs(const Tree& tree) {
    tree.write("/proc/sys/user/max_user_namespaces", "96000\n");
    tree.write("/proc/sys/kernel/unprivileged_userns_clone", "1\n");
    tree.write("/proc/sys/kernel/overflowuid", "65534\n");
    tree.write("/proc/sys/net/ipv4/ip_unprivileged_port_start", "1024\n");
    tree.write("/proc/sys/net/ipv4/ping_group_range", "1\t0\n");
    tree.write("/proc/net/tcp", "  sl  local_address rem_address   st\n");
    tree.write("/proc/net/tcp6", "  sl  local_address rem_address   st\n");
    tree.write("/sys/fs/cgroup/cgroup.controllers", "cpuset cpu io memory pids\n");
}

void fill_nothing(const Tree& tree) {
    tree.directory("/etc");
}

void fill_violations(const Tree& tree) {
    fill_healthy(tree);
    tree.write("/etc/passwd", std::string(passwd) +
                                  "mallory:x:1001:1001::/home/mallory:/bin/bash\n"
                                  "bob:x:1002:1002::/home/bob:/bin/bash\n"
                                  "svc:x:231072:231072::/srv:/usr/sbin/nologin\n");
    tree.write("/etc/group", std::string(group) + "mallory:x:1001:\nbob:x:1002:\ndocker:x:990:mallory,bob\n");
    tree.write(
        "/etc/subuid",
        "alice:100000:65536\nmallory:0:1\nmallory:0:0\nbob:100000:65536\nbob:150000:65536\n"
        "1002:400000:65536\nghost:500000:65536\nalice:0x186A0:65536\nbob:0300000:10\n"
        "svc:231000:65536\nalice:61184:100\nalice:4294967290:100\nbob:600000:65536:extra\n# note:1:2\n");
    tree.write("/etc/subgid", "alice:100000:1000\nmallory:0:1\n", 0666);
    tree.write("/etc/login.defs",
               "UID_MIN 1000\nUID_MAX 60000\nSUB_UID_MIN 1000\nSUB_UID_MAX 5000\nSUB_UID_COUNT 10\n"
               "SUB_GID_COUNT 0\n");
    tree.write("/etc/nsswitch.conf", "passwd: files sss\ngroup: files sss\nsubid: sss files\n");
    tree.write("/etc/docker/daemon.json",
               R"({"hosts": ["tcp://0.0.0.0:2375"], "userns-remap": "default", "icc": true,
                   "insecure-registries": ["0.0.0.0/0"], "live-restore": false})");
    tree.write("/usr/lib/systemd/system/docker.service",
               "[Service]\nExecStart=/usr/bin/dockerd -H "
               "tcp://0.0.0.0:2375\n[Install]\nWantedBy=multi-user.target\n");
    tree.link("/etc/systemd/system/multi-user.target.wants/docker.service",
              "/usr/lib/systemd/system/docker.service");
    tree.write(
        "/usr/lib/systemd/system/docker.socket",
        "[Socket]\nListenStream=/run/docker.sock\nSocketMode=0666\n[Install]\nWantedBy=sockets.target\n");
    tree.link("/etc/systemd/system/sockets.target.wants/docker.socket",
              "/usr/lib/systemd/system/docker.socket");
    tree.write("/usr/lib/systemd/system/podman.socket",
               "[Socket]\nListenStream=%t/podman/podman.sock\n[Install]\nWantedBy=sockets.target\n");
    tree.link("/etc/systemd/system/sockets.target.wants/podman.socket",
              "/usr/lib/systemd/system/podman.socket");
    tree.write("/etc/containers/systemd/web.container", "[Container]\nImage=docker.io/library/nginx\n");
    tree.write("/etc/containers/containers.conf",
               "[containers]\nprivileged = true\nuserns = \"host\"\nnetns = \"host\"\n"
               "default_capabilities = [\"SYS_ADMIN\"]\nlabel = false\n[engine]\nruntime = \"runc\"\n"
               "[network]\ndefault_rootless_network_cmd = \"slirp4netns\"\n");
    tree.write("/etc/containers/storage.conf", "[storage]\ndriver = \"vfs\"\n");
    tree.write("/var/lib/systemd/linger/mallory", "");
    tree.write("/etc/sysctl.d/90-local.conf",
               "net.ipv4.ip_unprivileged_port_start = 0\nkernel.unprivileged_userns_clone = 0\n"
               "user.max_user_namespaces = 0\n");
    tree.write("/proc/sys/net/ipv4/ip_unprivileged_port_start", "0\n");
    tree.write("/proc/sys/user/max_user_namespaces", "0\n");
    tree.write("/proc/sys/kernel/unprivileged_userns_clone", "0\n");
}

void fill_attacker_content(const Tree& tree) {
    fill_healthy(tree);
    const std::string long_line(1 << 20, 'x');
    tree.write("/etc/subuid",
               "a"s + '\0' + "b:100000:65536\n" + long_line + ":1:1\n\x1b[31mred:0:1\nalice:-1:-1\n" +
                   "u:18446744073709551615:18446744073709551615\n::\n:::::\n\xff\xfe:1:1\nalice");
    tree.write("/etc/subgid", "alice:1:4294967296\n" + std::string(3, '\0') + "\n");
    tree.write("/etc/passwd",
               std::string(passwd) + "x\x1b]0;t\x07:x:zz:1::/:/bin/sh\n" + long_line + "\n:::::::\n");
    tree.write("/etc/group", std::string(group) + "docker:x:999999999999:" + long_line + "\n");
    tree.write("/etc/login.defs",
               "SUB_UID_MIN 0x\nSUB_UID_COUNT -5\nUID_MAX\nSUB_UID_MAX 99999999999999999999\n");
    tree.write("/etc/docker/daemon.json", "{\"hosts\": [[[[[\xff");
    tree.write("/etc/containers/containers.conf", "[engine\nruntime = \x01\n");
    tree.write("/etc/containers/storage.conf", "= = =");
    tree.write("/etc/containers/registries.conf", "unqualified-search-registries = 7\n");
    tree.write("/etc/nsswitch.conf", "subid:\npasswd\n: :\n");
    tree.write("/proc/sys/user/max_user_namespaces", "many\n");
    tree.write("/proc/sys/net/ipv4/ip_unprivileged_port_start", "");
}

void fill_not_files(const Tree& tree) {
    fill_healthy(tree);
    tree.fifo("/etc/subuid");
    tree.link("/etc/subgid", "/etc/subgid");  // a loop
    tree.fifo("/etc/login.defs");
    tree.remove("/etc/group");
    tree.directory("/etc/group");
    tree.fifo("/etc/docker/daemon.json");
    tree.link("/etc/containers/containers.conf", "../../../../../../../../proc/self/mem");
    tree.fifo("/etc/containers/storage.conf");
    tree.fifo("/proc/sys/user/max_user_namespaces");
    tree.fifo("/etc/nsswitch.conf");
}

}  // namespace

void fill_healthy(const Tree& tree) {
    tree.write("/etc/os-release", "ID=debian\nVERSION_ID=\"12\"\n");
    tree.write("/etc/passwd", passwd);
    tree.write("/etc/group", group);
    tree.write("/etc/shadow", "root:*:19000:0:99999:7:::\nalice:*:19000:0:99999:7:::\n", 0640);
    tree.write("/etc/gshadow", "root:*::\nalice:!::\n", 0640);
    tree.write("/etc/subuid", "alice:100000:65536\n");
    tree.write("/etc/subgid", "alice:100000:65536\n");
    tree.write("/etc/login.defs",
               "UID_MIN 1000\nUID_MAX 60000\nGID_MIN 1000\nGID_MAX 60000\nSUB_UID_MIN 100000\n"
               "SUB_UID_MAX 600100000\nSUB_UID_COUNT 65536\nSUB_GID_MIN 100000\nSUB_GID_MAX 600100000\n"
               "SUB_GID_COUNT 65536\n");
    tree.write("/etc/nsswitch.conf", "passwd: files systemd\ngroup: files systemd\n");
    tree.write("/usr/bin/newuidmap",
               "\x7f"
               "ELF",
               04755);
    tree.write("/usr/bin/newgidmap",
               "\x7f"
               "ELF",
               04755);
    tree.write("/usr/bin/podman",
               "\x7f"
               "ELF",
               0755);
    tree.write("/usr/bin/pasta",
               "\x7f"
               "ELF",
               0755);
    tree.write("/var/lib/dpkg/status",
               "Package: podman\nStatus: install ok installed\nVersion: 4.3.1+ds1-8+deb12u1\n\n"
               "Package: uidmap\nStatus: install ok installed\nVersion: 1:4.13+dfsg1-1+b1\n");
    tree.write("/usr/lib/systemd/system/user@.service", "[Service]\nDelegate=pids memory cpu\n");
    tree.directory("/home/alice", 0700);
    tree.directory("/var/lib/systemd/linger");
    fill_knobs(tree);
}

const std::vector<TreeKind>& tree_kinds() {
    static const std::vector<TreeKind> kinds{{"empty", fill_nothing},
                                             {"healthy", fill_healthy},
                                             {"violations", fill_violations},
                                             {"attacker_content", fill_attacker_content},
                                             {"not_files", fill_not_files}};
    return kinds;
}

}  // namespace plimsoll::tests
