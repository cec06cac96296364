// SPDX-License-Identifier: Apache-2.0
// What hides from the audit or passes for something harmless: every case here once passed, or could have.
#include "core/base/text.hpp"
#include "modules/containers/containers.hpp"
#include "modules/containers/testing/fixture.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <functional>

#include <sys/stat.h>
#include <sys/sysmacros.h>

namespace plimsoll::modules::containers {
namespace {

using policy::Finding;
using policy::Severity;
using policy::Status;
using testing::add;
using testing::add_thread;
using testing::fill_container;
using testing::fill_host;
using ::testing::HasSubstr;
using testing::id_a;
using testing::id_b;
using testing::Program;
using testing::scope_a;
using tests::Tree;

const std::string all_caps = "000001ffffffffff";
// The host's devices at a second place, where the container's own /dev of the fixture does not show them.
const std::string other_dev = "10 1 0:6 / /hd rw - devtmpfs devtmpfs rw\n";

std::vector<Finding> judge(const Tree& tree) {
    const auto host = tree.live_host();
    return Containers::evaluate({}, {}, Containers::observe(host, {}, {}), Time{});
}

Finding first_of(const std::vector<Finding>& all, std::string_view control, bool host = false) {
    for (const auto& f : all)
        if (f.control == control && (control != "ctr.found" || (f.subject == "host") == host))
            return f;
    return {};
}

struct Row {
    const char* name;
    std::function<void(const Tree&)> fill;
    std::string host_mounts;  // besides the usual ones
    const char* control;
    Status status;
    Severity severity{Severity::info};  // of a failure
    std::string says{};                 // part of the message
    bool host{false};                   // the host's own finding of ctr.found
    bool needs_root{false};             // device nodes, files of root

    friend std::ostream& operator<<(std::ostream& out, const Row& row) { return out << row.name; }
};

class Hidden : public ::testing::TestWithParam<Row> {};

TEST_P(Hidden, IsSeen) {
    const Row& row = GetParam();
    if (row.needs_root && ::geteuid() != 0)
        GTEST_SKIP() << "only root can make the files of this case";
    const Tree tree;
    fill_host(tree);
    tree.write("/proc/1/mountinfo", testing::host_mountinfo + row.host_mounts);
    row.fill(tree);
    const auto f = first_of(judge(tree), row.control, row.host);
    EXPECT_EQ(f.status, row.status) << f.message;
    EXPECT_THAT(f.message, HasSubstr(row.says));
    if (row.status == Status::fail) {
        EXPECT_EQ(f.severity, row.severity) << f.message;
    }
}

// A container whose mount table has `more`.
std::function<void(const Tree&)> mounts(std::string more, std::string map = "0 100000 65536\n") {
    return [more, map](const Tree& tree) {
        Program p{.map = map};
        p.mounts += more;
        fill_container(tree, p);
    };
}

// A usual container with one more process.
std::function<void(const Tree&)> with(Program p) {
    return [p](const Tree& tree) {
        fill_container(tree, {});
        add(tree, p);
    };
}

std::function<void(const Tree&)> alone(Program p) {
    return [p](const Tree& tree) { fill_container(tree, p); };
}

const Program escaped{.pid = 101,
                      .parent = 100,
                      .uid = 101000,
                      .mounts = testing::host_mountinfo,
                      .shared = " mnt net pid user"};

INSTANTIATE_TEST_SUITE_P(
    Reading, Hidden,
    ::testing::Values(
        Row{"status_unreadable",
            [](const Tree& tree) {
                fill_container(tree, {});
                tree.remove("/proc/100/status");
                tree.directory("/proc/100/status");
            },
            "",
            "ctr.found",
            Status::unknown,
            {},
            "pid 100",
            true},
        Row{"status_of_a_member_unreadable",
            [](const Tree& tree) {
                fill_container(tree, {});
                add(tree, {.pid = 101, .parent = 100});
                tree.remove("/proc/101/status");
                tree.directory("/proc/101/status");
            },
            "",
            "ctr.seccomp",
            Status::unknown,
            {},
            "pid 101 of it"},
        Row{"populated_cgroup",
            [](const Tree& tree) { tree.write("/sys/fs/cgroup" + scope_a + "/cgroup.procs", "100\n"); },
            "",
            "ctr.found",
            Status::unknown,
            {},
            "libpod-" + id_a,
            true},
        Row{"ended_cgroup",
            [](const Tree& tree) {
                tree.write("/sys/fs/cgroup" + scope_a + "/cgroup.procs", "");
                tree.write("/sys/fs/cgroup" + scope_a + "/cgroup.events", "populated 0\nfrozen 0\n");
            },
            "",
            "ctr.found",
            Status::pass,
            {},
            "0 containers",
            true},
        Row{"cgroup_unreadable",
            [](const Tree& tree) {
                fill_container(tree, {});
                tree.write("/proc/100/cgroup", "garbage\n");
            },
            "",
            "ctr.found",
            Status::unknown,
            {},
            "pid 100",
            true},
        Row{"leader_ended_in_a_container",
            [](const Tree& tree) {
                fill_container(tree, {});
                tree.write("/proc/300/status", "Name:\tx\nPPid:\t1\nUid:\t0\t0\t0\t0\nThreads:\t4\n");
                tree.write("/proc/300/stat", "300 (x) Z 1 1 1 0 -1 0 0 0 0 0 0 0 0 0 0 0 0 0 0 5 0 0\n");
                tree.write("/proc/300/cgroup", "0::" + scope_a + "\n");
            },
            "",
            "ctr.capabilities",
            Status::unknown,
            {},
            "pid 300 of it"}),
    [](const auto& row) { return std::string(row.param.name); });

INSTANTIATE_TEST_SUITE_P(
    Members, Hidden,
    ::testing::Values(
        Row{"userns_of_a_member", with(escaped), "", "ctr.root-userns", Status::fail, Severity::high,
            "pid 101"},
        Row{"ids_of_a_member",
            with({.pid = 101, .parent = 100, .uid = 101000, .ns_pid = "2", .map = "", .start = 900}), "",
            "ctr.root-maps-host-root", Status::fail, Severity::critical, "pid 101"},
        Row{"namespaces_of_a_member", with(escaped), "", "ctr.host-namespaces", Status::fail, Severity::high,
            "pid 101 (app) shares the host's"},
        Row{"mounts_of_a_member", with(escaped), "", "ctr.sensitive-mounts", Status::fail, Severity::critical,
            "pid 101 (app) is in the host's mount namespace"},
        Row{"mount_namespace_of_its_own",
            [](const Tree& tree) {
                fill_container(tree, {});
                Program p{.pid = 101, .parent = 100, .ns_pid = "2", .ns = 7000, .start = 900};
                p.mounts += "120 100 8:1 /etc /x rw - ext4 /dev/sda1 rw\n";
                add(tree, p);
            },
            "", "ctr.sensitive-mounts", Status::fail, Severity::critical, "the host's /etc"},
        Row{"chroot_of_the_init",
            [](const Tree& tree) {
                fill_container(tree, {.mounts = "97 73 0:42 / / rw - tmpfs t rw\n", .root = "/tmp/r"});
            },
            "",
            "ctr.sensitive-mounts",
            Status::unknown,
            {},
            "below its root"},
        Row{"chroot_of_the_init_alone",
            [](const Tree& tree) {
                fill_container(tree, {.mounts = "97 73 0:42 / / rw - tmpfs t rw\n", .root = "/tmp/r"});
                Program p{.pid = 101, .parent = 100, .ns_pid = "2", .start = 900};
                p.mounts += "120 100 8:1 /etc /x rw - ext4 /dev/sda1 rw\n";
                add(tree, p);
            },
            "", "ctr.sensitive-mounts", Status::fail, Severity::critical, "the host's /etc"},
        Row{"nested_init_is_not_the_first",
            [](const Tree& tree) {
                fill_container(tree, {.ns_pid = "", .map = ""});
                add(tree, {.pid = 101, .parent = 100, .ns_pid = "1", .ns = 7000, .start = 900});
            },
            "", "ctr.root-userns", Status::fail, Severity::high, "runs in the host's"},
        Row{"thread_without_filter",
            [](const Tree& tree) {
                fill_container(tree, {.threads = 2});
                add_thread(tree, 100, {.pid = 101, .seccomp = 0, .threads = 2});
            },
            "", "ctr.seccomp", Status::fail, Severity::high, "pid 101"},
        Row{"thread_with_capabilities",
            [](const Tree& tree) {
                fill_container(tree, {.threads = 2});
                add_thread(tree, 100, {.pid = 101, .caps = all_caps, .threads = 2});
            },
            "", "ctr.capabilities", Status::fail, Severity::medium, "pid 101"},
        Row{"thread_in_the_hosts_network",
            [](const Tree& tree) {
                fill_container(tree, {.threads = 2});
                add_thread(tree, 100, {.pid = 101, .shared = " net", .threads = 2});
            },
            "", "ctr.host-namespaces", Status::fail, Severity::high, "pid 101"},
        Row{"called_conmon",
            with({.pid = 101,
                  .parent = 100,
                  .exe = "/tmp/conmon",
                  .caps = all_caps,
                  .seccomp = 0,
                  .ns_pid = "",
                  .map = "",
                  .shared = " mnt"}),
            "", "ctr.seccomp", Status::fail, Severity::high, "pid 101"},
        Row{"in_a_cgroup_of_its_own_naming",
            with({.pid = 101,
                  .parent = 100,
                  .cgroup = scope_a + "/runc-x.scope",
                  .caps = all_caps,
                  .seccomp = 0,
                  .ns_pid = "",
                  .map = "",
                  .ns = 0}),
            "", "ctr.seccomp", Status::fail, Severity::high, "pid 101"},
        Row{"sentry_that_the_container_can_run",
            [](const Tree& tree) {
                tree.write("/usr/bin/runsc", "the host's own", 0755);
                Program p{.exe = "/usr/bin/runsc", .seccomp = 0};
                p.mounts += "120 100 8:1 /usr /usr ro - ext4 /dev/sda1 rw\n";
                fill_container(tree, p);
                struct stat st{};
                ASSERT_EQ(::stat(tree.path("/usr/bin/runsc").c_str(), &st), 0);
                char line[200];
                std::snprintf(line, sizeof line, "1000-2000 r-xp 0 %02x:%02x %lu   /usr/bin/runsc\n",
                              major(st.st_dev), minor(st.st_dev), static_cast<unsigned long>(st.st_ino));
                tree.write("/proc/100/maps", line);
            },
            "", "ctr.seccomp", Status::fail, Severity::high, "pid 100", false, true},
        Row{"workload_beside_a_sentry",
            [](const Tree& tree) {
                tree.write("/usr/bin/runsc", "the host's own", 0755);
                fill_container(tree, {.exe = "/usr/bin/runsc", .seccomp = 0, .shared = " mnt"});
                add(tree, {.pid = 101, .parent = 100, .seccomp = 0, .start = 900});
            },
            "", "ctr.seccomp", Status::fail, Severity::high, "pid 101", false, true}),
    [](const auto& row) { return std::string(row.param.name); });

INSTANTIATE_TEST_SUITE_P(
    Mounts, Hidden,
    ::testing::Values(
        Row{"etc_as_a_volume", mounts("120 100 8:1 /etc /x rw - ext4 /dev/sda1 rw\n"),
            "8 1 8:1 /etc /var/lib/docker/volumes/v/_data rw - ext4 /dev/sda1 rw\n", "ctr.sensitive-mounts",
            Status::fail, Severity::critical, "the host's /etc"},
        Row{"whole_disk_under_sysroot", mounts("120 100 8:4 / /x rw - xfs /dev/sda4 rw\n"),
            "8 1 8:4 / /sysroot rw - xfs /dev/sda4 rw\n9 1 8:4 /ostree/deploy/x/var /var rw - xfs /dev/sda4 "
            "rw\n",
            "ctr.sensitive-mounts", Status::fail, Severity::critical, "/sysroot, which holds /var"},
        Row{"roothome",
            [](const Tree& tree) {
                tree.link("/root", "var/roothome");
                mounts("120 100 8:4 /ostree/deploy/x/var/roothome /x rw - xfs /dev/sda4 rw\n")(tree);
            },
            "9 1 8:4 /ostree/deploy/x/var /var rw - xfs /dev/sda4 rw\n", "ctr.sensitive-mounts", Status::fail,
            Severity::critical, "holds /root"},
        Row{"hosts_root_as_root",
            [](const Tree& tree) {
                fill_container(tree, {.mounts = "9 8 0:33 / / ro - overlay overlay rw\n"});
            },
            "1 0 0:33 / / ro - overlay overlay rw\n", "ctr.sensitive-mounts", Status::fail,
            Severity::critical, "the host's /"},
        Row{"home_by_account", mounts("120 100 8:1 /home/alice /x ro - ext4 /dev/sda1 rw\n"), "",
            "ctr.sensitive-mounts", Status::fail, Severity::high, "/home/alice"},
        Row{"overlay_of_a_host_path",
            mounts("120 100 0:77 / /x rw - overlay overlay rw,lowerdir=/root,upperdir=/u,workdir=/w\n"), "",
            "ctr.sensitive-mounts", Status::fail, Severity::critical, "the host's /root as a layer"},
        Row{"relative_overlay",
            mounts("120 100 0:77 / /x rw - overlay overlay rw,lowerdir=a,upperdir=b\n"),
            "",
            "ctr.sensitive-mounts",
            Status::unknown,
            {},
            "the layer a"},
        Row{"disk_that_the_host_has_not",
            mounts("120 100 8:9 / /x rw - ext4 /dev/sda9 rw\n"),
            "",
            "ctr.sensitive-mounts",
            Status::unknown,
            {},
            "/dev/sda9"},
        Row{"private_keys_of_pki", mounts("120 100 8:1 /etc/pki /etc/pki ro - ext4 /dev/sda1 rw\n"), "",
            "ctr.sensitive-mounts", Status::fail, Severity::high, "/etc/pki"},
        Row{"debugfs", mounts("120 100 0:7 / /sys/kernel/debug rw - debugfs debugfs rw\n"), "",
            "ctr.sensitive-mounts", Status::fail, Severity::medium, "debugfs"},
        Row{"bpf_of_the_host", mounts("121 100 0:8 / /b rw - bpf bpf rw\n", ""), "", "ctr.sensitive-mounts",
            Status::fail, Severity::critical, "bpf"},
        Row{"cgroup_of_others", mounts("122 100 0:30 /system.slice /c rw - cgroup2 cgroup2 rw\n"), "",
            "ctr.sensitive-mounts", Status::fail, Severity::medium, "/system.slice"},
        Row{"own_cgroup", mounts("122 100 0:30 " + scope_a + " /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n"), "",
            "ctr.sensitive-mounts", Status::pass},
        Row{"handle_on_the_hosts_network", mounts("122 100 0:4 net:[4026531833] /n rw - nsfs nsfs rw\n"), "",
            "ctr.sensitive-mounts", Status::fail, Severity::high, "net namespace"},
        Row{"device_by_bind",
            [](const Tree& tree) {
                tree.directory("/hd");
                ASSERT_EQ(::mknod(tree.path("/hd/sda").c_str(), S_IFBLK | 0600, makedev(8, 0)), 0);
                mounts("120 100 0:6 /sda /x rw - devtmpfs devtmpfs rw\n")(tree);
            },
            other_dev, "ctr.devices", Status::fail, Severity::high, "b 8:0", false, true},
        Row{"folder_of_devices",
            [](const Tree& tree) {
                tree.directory("/hd/mapper");
                ASSERT_EQ(::mknod(tree.path("/hd/mapper/v").c_str(), S_IFBLK | 0600, makedev(253, 0)), 0);
                mounts("120 102 0:6 /mapper /dev/mapper rw - devtmpfs devtmpfs rw\n")(tree);
            },
            other_dev, "ctr.devices", Status::fail, Severity::high, "b 253:0", false, true},
        Row{"device_that_is_not_there",
            mounts("120 102 0:6 /vfio /dev/vfio rw - devtmpfs devtmpfs rw\n"),
            "",
            "ctr.devices",
            Status::unknown,
            {},
            "not all of its devices"},
        Row{"folder_of_a_socket",
            [](const Tree& tree) {
                tree.directory("/run/d");
                tree.link("/var/run", "../run");
                ASSERT_EQ(::mknod(tree.path("/run/d/x.sock").c_str(), S_IFSOCK | 0600, 0), 0);
                add(tree, testing::on_host(50, "dockerd", "/usr/bin/dockerd"));
                tree.link("/proc/50/fd/3", "socket:[55]");
                tree.write("/proc/net/unix",
                           "Num RefCount Protocol Flags Type St Inode Path\n"
                           "0: 00000002 00000000 00010000 0001 01 55 /var/run/d/x.sock\n");
                mounts("120 100 0:24 /d /x ro - tmpfs tmpfs rw\n")(tree);
            },
            "", "ctr.sensitive-mounts", Status::fail, Severity::critical, "socket of dockerd"}),
    [](const auto& row) { return std::string(row.param.name); });

Program unmasked() {
    Program p{.uid = 0, .map = ""};
    std::string kept;
    for (const auto line : split_lines(p.mounts))
        if (!line.starts_with("104 ") && !line.starts_with("105 ") && !line.starts_with("106 "))
            kept += std::string(line) + "\n";
    p.mounts = kept;
    return p;
}

INSTANTIATE_TEST_SUITE_P(
    Rest, Hidden,
    ::testing::Values(
        Row{"unmasked_proc", alone(unmasked()), "", "ctr.sensitive-mounts", Status::fail, Severity::critical,
            "kernel's settings"},
        Row{"core_pattern_on_the_console",
            mounts("140 102 0:60 /sys/kernel/core_pattern /dev/console rw - proc proc rw\n", ""), "",
            "ctr.sensitive-mounts", Status::fail, Severity::critical, "core_pattern"},
        Row{"core_pattern_is_an_attack",
            mounts("140 102 0:60 /sys/kernel/core_pattern /dev/console rw - proc proc rw\n"), "",
            "ctr.privileged", Status::fail, Severity::critical, "uncovered"},
        Row{"dropped_on_a_tmpfs",
            [](const Tree& tree) {
                Program p{.exe = "/tmp/x"};
                p.mounts += "120 100 0:70 / /tmp rw - tmpfs t rw\n";
                fill_container(tree, p);
            },
            "", "ctr.exec-drift", Status::fail, Severity::high, "tmpfs at /tmp"},
        Row{"run_from_a_volume",
            [](const Tree& tree) {
                Program p{.exe = "/v/x"};
                p.mounts += "120 100 8:1 /srv/v /v rw - ext4 /dev/sda1 rw\n";
                fill_container(tree, p);
            },
            "", "ctr.exec-drift", Status::fail, Severity::high, "writable volume at /v"},
        Row{"root_without_layers",
            alone({.mounts =
                       "100 90 8:2 / / rw - ext4 /dev/sdb rw\n102 100 0:61 / /dev rw - tmpfs tmpfs rw\n"}),
            "",
            "ctr.exec-drift",
            Status::unknown,
            {},
            "does not tell"},
        Row{"relative_upper_layer",
            alone({.mounts = "100 90 0:52 / / rw - overlay overlay rw,lowerdir=l/A,upperdir=x/diff\n"}),
            "",
            "ctr.exec-drift",
            Status::unknown,
            {},
            "relative"},
        Row{"upper_layer_not_there",
            alone({.mounts = "100 90 0:52 / / rw - overlay overlay rw,lowerdir=/l,upperdir=/gone/diff\n"}),
            "",
            "ctr.exec-drift",
            Status::unknown,
            {},
            "cannot be looked at"},
        Row{"memory_called_crun", alone({.exe = "/memfd:crun-x (deleted)"}), "", "ctr.exec-drift",
            Status::fail, Severity::high, "from memory"},
        Row{"root_of_its_own_without_a_unit",
            alone({.parent = 1,
                   .cgroup = "/system.slice/x.service",
                   .caps = all_caps,
                   .ns_pid = "",
                   .map = "",
                   .mounts = "9 8 0:42 / / rw - tmpfs t rw\n120 9 8:1 /etc /e rw - ext4 /dev/sda1 rw\n"}),
            "", "ctr.sensitive-mounts", Status::fail, Severity::critical, "the host's /etc"},
        Row{"root_of_the_host_unmapped",
            with({.pid = 102, .parent = 1, .cgroup = "/user.slice", .uid = 0, .ns_pid = "3", .start = 900}),
            "", "ctr.runs-as-root", Status::fail, Severity::critical, "pid 102 (app) is root of the host"},
        Row{"root_that_maps_itself_away",
            with({.pid = 101,
                  .parent = 100,
                  .uid = 100000,
                  .ns_pid = "2",
                  .map = "1000 100000 1\n",
                  .ns = 7000,
                  .start = 900}),
            "", "ctr.runs-as-root", Status::fail, Severity::medium, "pid 101"},
        Row{"accounts_unreadable",
            [](const Tree& tree) {
                tree.remove("/etc/passwd");
                tree.directory("/etc/passwd");
                fill_container(tree, {.map = "9 1000 1\n"});
            },
            "", "ctr.root-maps-host-root", Status::unknown},
        Row{"group_of_the_host",
            [](const Tree& tree) {
                tree.write("/etc/group", "root:x:0:\ndocker:x:998:\n");
                fill_container(tree, {.gid_map = "9 998 1\n"});
            },
            "", "ctr.root-maps-host-root", Status::fail, Severity::high, "the group docker"},
        Row{"limits_of_a_part",
            [](const Tree& tree) {
                fill_container(tree, {.cgroup = scope_a + "/init"});
                tree.write("/sys/fs/cgroup" + scope_a + "/pids.max", "max\n");
                tree.write("/sys/fs/cgroup" + scope_a + "/memory.max", "max\n");
            },
            "", "ctr.limits", Status::fail, Severity::medium, "no limit on"},
        Row{"made_up_cgroup", alone({.parent = 1, .cgroup = "/user.slice/buildkit-x"}), "", "ctr.orphan",
            Status::fail, Severity::medium, "neither a monitor nor a record"},
        Row{"monitor_by_name_alone",
            [](const Tree& tree) {
                add(tree, testing::on_host(91, "conmon", "/tmp/conmon"));
                fill_container(tree, {.parent = 91});
            },
            "",
            "ctr.orphan",
            Status::unknown,
            {},
            "called conmon"},
        Row{"bubblewrap_by_name_alone",
            alone({.parent = 1,
                   .exe = "/bwrap",
                   .cgroup = "/x.scope",
                   .uid = 1000,
                   .no_new_privs = 0,
                   .map = ""}),
            "", "ctr.no-new-privs", Status::fail, Severity::medium},
        Row{"agent_in_a_pid_namespace",
            [](const Tree& tree) {
                tree.remove("/proc/1/ns/pid");
                tree.link("/proc/1/ns/pid", "pid:[4026532000]");
            },
            "",
            "ctr.found",
            Status::unknown,
            {},
            "PID namespace",
            true}),
    [](const auto& row) { return std::string(row.param.name); });

TEST(Hidden, ANumberThatBecameAnotherProcessIsReadAsThat) {
    const Tree tree;
    fill_host(tree);
    fill_container(tree, {});
    const auto host = tree.live_host();
    (void)host.processes();
    for (const char* link : {"exe", "root"})
        tree.remove(std::string("/proc/100/") + link);
    tree.remove("/proc/100/ns");
    fill_container(tree, {.caps = all_caps, .start = 900});
    const auto all = Containers::evaluate({}, {}, Containers::observe(host, {}, {}), Time{});
    EXPECT_EQ(first_of(all, "ctr.capabilities").status, Status::fail);
}

// As on a host: a thread's number shows its own start, though no list of processes has it. Here the flag of
// the kernel's threads keeps it out of that.
TEST(Hidden, AThreadThatStartedLaterIsNoOtherProcess) {
    const Tree tree;
    fill_host(tree);
    fill_container(tree, {.threads = 2});
    add_thread(tree, 100, {.pid = 101, .seccomp = 0, .threads = 2});
    tree.write("/proc/101/stat", "101 (app) S 90 1 1 0 -1 2097152 0 0 0 0 0 0 0 0 0 0 0 0 999 0 0\n");
    EXPECT_EQ(first_of(judge(tree), "ctr.seccomp").status, Status::fail);
}

TEST(Hidden, AThreadOfTheKernelIsNoProgramWhateverItsFilesSay) {
    const Tree tree;
    fill_host(tree);
    fill_container(tree, {.pid = 101, .parent = 2, .exe = "/app"});
    tree.write("/proc/101/stat", "101 (app) S 2 0 0 0 -1 2129984 0 0 0 0 0 0 0 0 0 0 0 0 7 0 0\n");
    EXPECT_EQ(first_of(judge(tree), "ctr.found", true).status, Status::pass);
    EXPECT_EQ(first_of(judge(tree), "ctr.seccomp").status, Status::not_applicable) << "no container runs";
}

TEST(Hidden, OneProcessIsJudgedWithAllOfItsContainer) {
    const Tree tree;
    fill_host(tree);
    fill_container(tree, {.seccomp = 0});
    add(tree, {.pid = 101, .parent = 100, .start = 900});
    const auto all = judge_containers_of(tree.live_host(), {}, {101}, Time{});
    EXPECT_EQ(first_of(all, "ctr.seccomp").status, Status::fail);
    EXPECT_THAT(first_of(all, "ctr.seccomp").message, HasSubstr("pid 100"));
}

TEST(Hidden, AGivenProcessThatCannotBeReadIsNotInNoContainer) {
    const Tree tree;
    fill_host(tree);
    fill_container(tree, {});
    tree.remove("/proc/100/status");
    tree.directory("/proc/100/status");
    const auto all = judge_containers_of(tree.live_host(), {}, {100}, Time{});
    ASSERT_FALSE(all.empty());
    EXPECT_EQ(first_of(all, "ctr.found", true).status, Status::unknown);
}

TEST(Hidden, TenantsThatShareIdsAreSaid) {
    const Tree tree;
    fill_host(tree);
    const auto cgroup = [](const char* uid, const std::string& id) {
        return "/user.slice/user-" + std::string(uid) + ".slice/user@" + uid + ".service/libpod-" + id +
               ".scope";
    };
    fill_container(tree, {.cgroup = cgroup("1000", id_a)});
    fill_container(tree, {.pid = 200,
                          .cgroup = cgroup("1001", id_b),
                          .map = "0 150000 65536\n",
                          .label = "system_u:system_r:container_t:s0:c5,c6",
                          .ns = 6000});
    for (const auto& f : judge(tree))
        if (f.control == "ctr.root-maps-host-root") {
            EXPECT_EQ(f.status, Status::fail) << f.message;
            EXPECT_THAT(f.message, HasSubstr("shares host ids"));
        }
}

}  // namespace
}  // namespace plimsoll::modules::containers
