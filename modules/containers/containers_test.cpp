// SPDX-License-Identifier: Apache-2.0
#include "modules/containers/containers.hpp"

#include "core/base/text.hpp"
#include "modules/containers/cgroup_names.hpp"
#include "modules/containers/host_places.hpp"
#include "modules/containers/testing/fixture.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <functional>

namespace plimsoll::modules::containers {
namespace {

using policy::Finding;
using policy::Severity;
using policy::Status;
using testing::add;
using testing::fill_container;
using testing::fill_host;
using testing::id_a;
using testing::id_b;
using testing::Program;
using tests::Tree;

std::vector<Finding> judge(const Tree& tree, const Params& params = {}) {
    const auto host = tree.live_host();
    return Containers::evaluate(params, {}, Containers::observe(host, params, {}), Time{});
}

// The findings of one control, without the host's own of ctr.found.
std::vector<Finding> of(const std::vector<Finding>& all, std::string_view control) {
    std::vector<Finding> out;
    std::ranges::copy_if(all, std::back_inserter(out), [&](const Finding& f) {
        return f.control == control && (control != "ctr.found" || f.subject != "host");
    });
    return out;
}

Finding one(const std::vector<Finding>& all, std::string_view control) {
    const auto found = of(all, control);
    EXPECT_EQ(found.size(), 1U) << control;
    return found.empty() ? Finding{} : found.front();
}

std::string names(const std::vector<Finding>& all) {
    std::vector<std::string> out;
    for (const auto& f : all)
        if (f.status != Status::pass && f.status != Status::not_applicable)
            out.push_back(f.control + ": " + f.message);
    return join(out, "\n");
}

const std::string all_caps = "000001ffffffffff";

struct Row {
    const char* name;
    const char* control;
    std::function<void(Program&)> change;
    Status status;
    Severity severity{Severity::info};  // of a failure
    std::string says{};                 // part of the message

    friend std::ostream& operator<<(std::ostream& out, const Row& row) { return out << row.name; }
};

class ContainerVerdicts : public ::testing::TestWithParam<Row> {};

TEST_P(ContainerVerdicts, AreAsTheCatalogueSays) {
    const Row& row = GetParam();
    const Tree tree;
    fill_host(tree);
    Program p;
    row.change(p);
    fill_container(tree, p);
    if (p.comm == "unlimited")
        tree.remove("/sys/fs/cgroup" + p.cgroup);
    const auto f = one(judge(tree), row.control);
    EXPECT_EQ(f.status, row.status) << f.message;
    EXPECT_THAT(f.message, ::testing::HasSubstr(row.says));
    if (row.status == Status::fail) {
        EXPECT_EQ(f.severity, row.severity) << f.message;
        ASSERT_TRUE(f.fix.has_value());
        EXPECT_TRUE(f.fix->changes.empty()) << "only the policy may stop a container";
        EXPECT_FALSE(f.evidence.empty());
    }
}

std::function<void(Program&)> plain() {
    return [](Program&) {};
}

// As runc has it while it sets a container up: its own program, with every right, in the container's cgroup.
std::function<void(Program&)> runc_init() {
    return [](Program& p) {
        p.comm = "runc:[0:PARENT]";
        p.exe = "/usr/bin/runc";
        p.ns = 0;
        p.ns_pid = "";
        p.map = "";
        p.caps = all_caps;
        p.seccomp = 0;
    };
}

std::function<void(Program&)> mounts(std::string more) {
    return [more](Program& p) { p.mounts += more; };
}

std::function<void(Program&)> replaced(std::string from, std::string to) {
    return [from, to](Program& p) { p.mounts.replace(p.mounts.find(from), from.size(), to); };
}

INSTANTIATE_TEST_SUITE_P(
    , ContainerVerdicts,
    ::testing::Values(
        Row{"found", "ctr.found", plain(), Status::pass, {}, "cgroup /machine.slice/libpod-"},
        Row{"set_up", "ctr.found", [](Program& p) { p.forked_only = true; }, Status::unknown, {}, "set up"},
        Row{"set_up_privileged", "ctr.capabilities",
            [](Program& p) {
                p.forked_only = true;
                p.caps = all_caps;
            },
            Status::unknown},
        Row{"runc_before_its_namespaces", "ctr.found", runc_init(), Status::unknown, {}, "set up"},
        Row{"runc_before_its_namespaces_privileged", "ctr.privileged", runc_init(), Status::unknown},
        Row{"own_userns", "ctr.root-userns", plain(), Status::pass},
        Row{"host_userns", "ctr.root-userns", [](Program& p) { p.map = ""; }, Status::fail, Severity::high},
        Row{"identity_map_in_a_child", "ctr.root-userns", [](Program& p) { p.map = "0 0 4294967295\n"; },
            Status::pass},
        Row{"identity_map_is_root", "ctr.root-maps-host-root", [](Program& p) { p.map = "0 0 4294967295\n"; },
            Status::fail, Severity::critical, "host id 0"},
        Row{"maps_nobody", "ctr.root-maps-host-root", plain(), Status::pass},
        Row{"maps_an_account", "ctr.root-maps-host-root", [](Program& p) { p.map = "0 100000 5\n9 1000 1\n"; },
            Status::fail, Severity::high, "alice"},
        Row{"map_unwritten", "ctr.root-maps-host-root", [](Program& p) { p.map = "\n"; }, Status::unknown},
        Row{"map_hostile", "ctr.root-maps-host-root", [](Program& p) { p.map = "0 99999999999 1\n"; },
            Status::unknown},
        Row{"not_root", "ctr.runs-as-root", [](Program& p) { p.uid = 101000; }, Status::pass},
        Row{"root_inside", "ctr.runs-as-root", [](Program& p) { p.uid = 100000; }, Status::fail, Severity::medium},
        Row{"root_of_host", "ctr.runs-as-root",
            [](Program& p) {
                p.map = "";
                p.uid = 0;
            },
            Status::fail, Severity::high},
        Row{"no_capability", "ctr.capabilities", plain(), Status::pass},
        Row{"sys_admin_of_host", "ctr.capabilities",
            [](Program& p) {
                p.map = "";
                p.caps = "0000000000200000";
            },
            Status::fail, Severity::critical, "more than is allowed of the host: SYS_ADMIN"},
        Row{"every_one_in_a_child", "ctr.capabilities", [](Program& p) { p.caps = all_caps; }, Status::fail,
            Severity::medium, "every capability in its user namespace"},
        Row{"net_admin_own_net", "ctr.capabilities",
            [](Program& p) {
                p.map = "";
                p.caps = "0000000000001000";
            },
            Status::fail, Severity::high},
        Row{"net_admin_host_net", "ctr.capabilities",
            [](Program& p) {
                p.map = "";
                p.caps = "0000000000001000";
                p.shared = " net";
            },
            Status::fail, Severity::critical},
        Row{"inheritable", "ctr.capabilities", [](Program& p) { p.cap_inh = "0000000000000001"; }, Status::fail,
            Severity::medium, "inheritable"},
        Row{"caps_unreadable", "ctr.capabilities", [](Program& p) { p.caps = "zz"; }, Status::unknown},
        Row{"nnp", "ctr.no-new-privs", plain(), Status::pass},
        Row{"no_nnp", "ctr.no-new-privs", [](Program& p) { p.no_new_privs = 0; }, Status::fail, Severity::medium},
        Row{"nnp_hostile", "ctr.no-new-privs", [](Program& p) { p.no_new_privs = 7; }, Status::unknown},
        Row{"filter", "ctr.seccomp", plain(), Status::pass, {}, "which one, /proc does not tell"},
        Row{"no_filter", "ctr.seccomp", [](Program& p) { p.seccomp = 0; }, Status::fail, Severity::high},
        Row{"filter_hostile", "ctr.seccomp", [](Program& p) { p.seccomp = 9; }, Status::unknown},
        Row{"own_namespaces", "ctr.host-namespaces", plain(), Status::pass},
        Row{"host_pid", "ctr.host-namespaces", [](Program& p) { p.ns_pid = ""; }, Status::fail, Severity::high,
            "pid namespace"},
        Row{"host_ipc", "ctr.host-namespaces", [](Program& p) { p.shared = " ipc"; }, Status::fail,
            Severity::medium},
        Row{"host_uts", "ctr.host-namespaces", [](Program& p) { p.shared = " uts"; }, Status::fail, Severity::low},
        Row{"no_mounts_of_host", "ctr.sensitive-mounts", plain(), Status::pass},
        Row{"etc", "ctr.sensitive-mounts", mounts("120 100 8:1 /etc /x rw - ext4 /dev/sda1 rw\n"), Status::fail,
            Severity::critical, "the host's /etc"},
        Row{"shadow", "ctr.sensitive-mounts", mounts("120 100 8:1 /etc/shadow /x ro - ext4 /dev/sda1 rw\n"),
            Status::fail, Severity::high},
        Row{"localtime", "ctr.sensitive-mounts",
            mounts("120 100 8:1 /etc/localtime /etc/localtime ro - ext4 /dev/sda1 rw\n"), Status::pass},
        Row{"named_volume", "ctr.sensitive-mounts",
            mounts("120 100 8:1 /var/lib/containers/storage/volumes/db/_data /data rw - ext4 /dev/sda1 rw\n"),
            Status::pass},
        Row{"storage", "ctr.sensitive-mounts",
            mounts("120 100 8:1 /var/lib/containers/storage /s ro - ext4 /dev/sda1 rw\n"), Status::fail,
            Severity::critical},
        Row{"root_at_escaped_place", "ctr.sensitive-mounts", mounts("120 100 8:1 / /a\\040b rw - ext4 /dev/sda1 rw\n"),
            Status::fail, Severity::critical, "the host's /"},
        Row{"deleted", "ctr.sensitive-mounts",
            mounts("120 100 8:1 /root/x//deleted /y rw - ext4 /dev/sda1 rw\n"), Status::fail, Severity::critical},
        Row{"usr_read_only", "ctr.sensitive-mounts", mounts("120 100 8:1 /usr /u ro - ext4 /dev/sda1 rw\n"),
            Status::pass},
        Row{"usr_writable", "ctr.sensitive-mounts", mounts("120 100 8:1 /usr /u rw - ext4 /dev/sda1 rw\n"),
            Status::fail, Severity::critical},
        Row{"host_proc", "ctr.sensitive-mounts", mounts("120 100 0:21 / /hp rw - proc proc rw\n"), Status::fail,
            Severity::critical, "own /proc"},
        Row{"mounts_hostile", "ctr.sensitive-mounts", mounts("garbage\n"), Status::unknown},
        Row{"read_only_root", "ctr.rw-rootfs", plain(), Status::pass},
        Row{"writable_root", "ctr.rw-rootfs", replaced("/ / ro,relatime", "/ / rw,relatime"), Status::fail,
            Severity::low},
        Row{"the_last_root_counts", "ctr.rw-rootfs", mounts("130 90 0:52 / / rw - overlay overlay ro\n"),
            Status::fail, Severity::low},
        Row{"root_unreadable", "ctr.rw-rootfs", mounts("x"), Status::unknown},
        Row{"not_privileged", "ctr.privileged", plain(), Status::pass},
        Row{"privileged", "ctr.privileged",
            [](Program& p) {
                p.map = "";
                p.caps = all_caps;
                p.seccomp = 0;
                p.label = "system_u:system_r:spc_t:s0";
            },
            Status::fail, Severity::critical, "every capability, no filter"},
        Row{"privileged_rootless", "ctr.privileged",
            [](Program& p) {
                p.caps = all_caps;
                p.seccomp = 0;
                p.label = "unconfined";
            },
            Status::fail, Severity::high},
        Row{"two_signs", "ctr.privileged",
            [](Program& p) {
                p.seccomp = 0;
                p.label = "unconfined";
            },
            Status::pass, {}, "only no filter"},
        Row{"broken_mask", "ctr.privileged", mounts("140 101 0:60 /x /proc/kcore rw - proc proc rw\n"), Status::fail,
            Severity::critical, "uncovered"},
        Row{"privileged_unknown", "ctr.privileged", mounts("x"), Status::unknown},
        Row{"no_devices", "ctr.devices", plain(), Status::pass},
        Row{"dev_could_block", "ctr.devices", replaced("/dev rw,nosuid - tmpfs", "/dev rw,nosuid - fuse"),
            Status::unknown, {}, "could block"},
        Row{"container_t", "ctr.lsm-label", plain(), Status::pass},
        Row{"spc_t", "ctr.lsm-label", [](Program& p) { p.label = "system_u:system_r:spc_t:s0"; }, Status::fail,
            Severity::high, "spc_t"},
        Row{"no_categories", "ctr.lsm-label", [](Program& p) { p.label = "system_u:system_r:container_t:s0"; },
            Status::fail, Severity::high},
        Row{"apparmor", "ctr.lsm-label", [](Program& p) { p.label = "docker-default (enforce)\n"; }, Status::pass},
        Row{"complain", "ctr.lsm-label", [](Program& p) { p.label = "docker-default (complain)"; }, Status::fail,
            Severity::high},
        Row{"no_module", "ctr.lsm-label", [](Program& p) { p.label = ""; }, Status::not_applicable},
        Row{"limited", "ctr.limits", plain(), Status::pass},
        Row{"no_limits", "ctr.limits", [](Program& p) { p.comm = "unlimited"; }, Status::fail, Severity::medium},
        Row{"private", "ctr.mount-propagation", plain(), Status::pass},
        Row{"shared", "ctr.mount-propagation",
            mounts("120 100 0:90 / /m rw shared:7 - ext4 /dev/sdb rw\n"), Status::fail, Severity::high},
        Row{"receives", "ctr.mount-propagation",
            mounts("120 100 0:90 / /m rw master:7 - ext4 /dev/sdb rw\n"), Status::fail, Severity::low},
        Row{"own_peers", "ctr.mount-propagation",
            mounts("120 100 0:91 / /m rw shared:99 - tmpfs x rw\n"), Status::pass},
        Row{"propagation_hostile", "ctr.mount-propagation", mounts("1 2 3:4 / /m rw shared:x - t s o\n"),
            Status::unknown},
        Row{"no_image_policy", "ctr.image-provenance", plain(), Status::not_applicable},
        Row{"one_workload", "ctr.sshd-or-nested-engine", plain(), Status::pass},
        Row{"sshd", "ctr.sshd-or-nested-engine", [](Program& p) { p.exe = "/usr/sbin/sshd"; }, Status::fail,
            Severity::low},
        Row{"named_sshd", "ctr.sshd-or-nested-engine", [](Program& p) { p.comm = "sshd"; }, Status::fail,
            Severity::low},
        Row{"of_the_image", "ctr.exec-drift", plain(), Status::pass},
        Row{"from_memory", "ctr.exec-drift", [](Program& p) { p.exe = "/memfd:x (deleted)"; }, Status::fail,
            Severity::high, "from memory"},
        Row{"fuse_overlay", "ctr.exec-drift", replaced("overlay overlay rw", "fuse.fuse-overlayfs x rw"),
            Status::unknown},
        // Only root can make the fixture's conmon a program of the host.
        Row{"monitored", "ctr.orphan", plain(), ::geteuid() == 0 ? Status::pass : Status::unknown},
        Row{"orphan", "ctr.orphan", [](Program& p) { p.parent = 1; }, Status::fail, Severity::medium,
            "its monitor is gone"},
        Row{"filtered", "ctr.kernel-surface", plain(), Status::pass},
        Row{"open_kernel", "ctr.kernel-surface", [](Program& p) { p.seccomp = 0; }, Status::fail, Severity::info,
            "io_uring"}),
    [](const auto& row) { return std::string(row.param.name); });

TEST(Containers, AnImageHasNone) {
    for (const auto& f : Containers::evaluate({}, {}, Containers::observe(Tree{}.host(), {}, {}), Time{}))
        EXPECT_EQ(f.status, Status::not_applicable) << f.control;
}

TEST(Containers, WithoutProcEverythingIsUnknown) {
    const auto all = judge(Tree{});
    EXPECT_EQ(all.size(), Containers::controls().size());
    for (const auto& f : all)
        EXPECT_EQ(f.status, Status::unknown) << f.control;
}

TEST(Containers, AHostWithoutAnyPassesAndAppliesNothing) {
    const Tree tree;
    fill_host(tree);
    const auto all = judge(tree);
    EXPECT_EQ(all.front().status, Status::pass) << all.front().message;
    for (std::size_t i = 1; i < all.size(); ++i)
        EXPECT_EQ(all[i].status, Status::not_applicable) << all[i].control;
}

TEST(Containers, AWellConfinedOneFailsNothing) {
    if (::geteuid() != 0)
        GTEST_SKIP() << "only root can make the fixture's conmon a program of the host";
    const Tree tree;
    fill_host(tree);
    fill_container(tree, {});
    EXPECT_EQ(names(judge(tree)), "");
}

TEST(Containers, FactsTellEngineOwnerAndIdentity) {
    const Tree tree;
    fill_host(tree);
    fill_container(tree, {.cgroup = "/user.slice/user-1000.slice/user@1000.service/user.slice/libpod-" +
                                    id_a + ".scope/container"});
    tree.write(
        "/home/alice/.local/share/containers/storage/overlay-containers/containers.json",
        R"([{"id":")" + id_a + R"(","names":["web"],"metadata":"{\"image-name\":\"quay.example/web:1\"}"}])");
    const auto all = list_containers(tree.live_host());
    ASSERT_TRUE(all && all->size() == 1U);
    const Container& c = all->front();
    EXPECT_EQ(c.id, id_a);
    EXPECT_EQ(c.short_id(), id_a.substr(0, 12));
    EXPECT_EQ(c.engine, Engine::podman);
    EXPECT_EQ(c.owner, 1000U);
    EXPECT_TRUE(c.rootless());
    EXPECT_EQ(c.init, 100);
    EXPECT_EQ(c.start, 777U);
    EXPECT_EQ(c.unit, "libpod-" + id_a + ".scope");
    EXPECT_TRUE(c.settled);
    EXPECT_EQ(c.image, ::geteuid() == 0 ? "quay.example/web:1" : c.image);
    EXPECT_EQ(subject_of(c).substr(0, 13), "podman/alice/");
}

TEST(Containers, OneWithoutACgroupIsFoundByItsNamespaces) {
    const Tree tree;
    fill_host(tree);
    add(tree, {.cgroup = "/user.slice/user-1000.slice/session-1.scope"});
    const auto all = list_containers(tree.live_host());
    ASSERT_TRUE(all && all->size() == 1U);
    EXPECT_EQ(all->front().engine, Engine::crio) << "a conmon that no podman started";
    EXPECT_EQ(all->front().cgroup, "");
    EXPECT_THAT(all->front().why, ::testing::Contains(::testing::HasSubstr("conmon")));
    // The monitor's arguments tell whose it is, also when the processes were read for others before.
    tree.write("/proc/90/cmdline", std::string("/usr/bin/conmon\0-c\0web\0-r\0/usr/bin/podman\0", 42));
    for (const bool known : {false, true}) {
        const auto host = tree.live_host();
        EXPECT_TRUE(!known || host.processes());
        const auto named = list_containers(host);
        ASSERT_TRUE(named && named->size() == 1U);
        EXPECT_EQ(named->front().engine, Engine::podman);
        EXPECT_EQ(named->front().id, "web");
    }
}

TEST(Containers, OneThatNoEngineAnswersForIsFoundAndFailsForIt) {
    const Tree tree;
    fill_host(tree);
    add(tree, {.parent = 1, .cgroup = "/user.slice/x.scope"});
    const auto f = one(judge(tree), "ctr.orphan");
    EXPECT_EQ(f.status, Status::fail);
    EXPECT_EQ(f.subject.substr(0, 8), "unknown/");
}

struct Harmless {
    const char* name;
    std::function<void(Program&)> change;
};

TEST(Containers, WhatOnlyConfinesItselfIsNoneAndSaysWhy) {
    const std::string host_root = testing::host_mountinfo;
    const std::string bwrap = "9 8 0:99 /newroot / rw - tmpfs tmpfs rw\n";
    const Harmless rows[] = {
        {"PrivateUsers=",
         [](Program& p) {
             p.shared = " mnt pid net ipc uts cgroup";
             p.ns_pid = "";
         }},
        {"PrivateMounts=",
         [&](Program& p) {
             p.map = "";
             p.ns_pid = "";
             p.mounts = host_root;
         }},
        {"browser", [](Program& p) { p.shared = " mnt"; }},
        {"unshare -Urpm",
         [&](Program& p) {
             p.map = "0 1000 1\n";
             p.mounts = host_root;
         }},
        {"RootDirectory=",
         [](Program& p) {
             p.map = "";
             p.ns_pid = "";
             p.mounts = "9 8 8:1 /srv/x / rw - ext4 d rw\n";
         }},
        {"bubblewrap",
         [&](Program& p) {
             p.map = "1000 1000 1\n";
             p.mounts = bwrap;
         }},
    };
    for (const auto& row : rows) {
        const Tree tree;
        fill_host(tree);
        tree.write("/etc/systemd/system/x.service", "[Service]\nExecStart=/a\nRootDirectory=/srv/x\n");
        Program p{.parent = 1, .cgroup = "/system.slice/x.service"};
        row.change(p);
        add(tree, p);
        const auto all = judge(tree);
        EXPECT_EQ(of(all, "ctr.found").size(), 0U) << row.name;
        EXPECT_EQ(all.front().status, Status::pass) << row.name << ": " << all.front().message;
        ASSERT_EQ(all.front().evidence.size(), 1U) << row.name;
        EXPECT_THAT(all.front().evidence.front().found, ::testing::StartsWith("no container: "));
    }
}

TEST(Containers, BubblewrapWithMoreThanItsUsersRightsIsOne) {
    const Tree tree;
    fill_host(tree);
    add(tree, {.parent = 1,
               .cgroup = "/x.scope",
               .map = "0 0 1\n",
               .mounts = "9 8 0:99 /newroot / rw - tmpfs tmpfs rw\n"});
    EXPECT_EQ(one(judge(tree), "ctr.root-maps-host-root").severity, Severity::critical);
}

TEST(Containers, ASocketOfAnEngineIsKnownUnderAnyName) {
    const Tree tree;
    fill_host(tree);
    tree.directory("/run");
    ASSERT_EQ(::mknod(tree.path("/run/docker.sock").c_str(), S_IFSOCK | 0600, 0), 0);
    std::error_code ignored;
    std::filesystem::create_hard_link(tree.path("/run/docker.sock"), tree.path("/run/harmless"), ignored);
    for (const char* root : {"/docker.sock", "/harmless"}) {
        Program p;
        p.mounts += std::string("120 100 0:24 ") + root + " /x ro - tmpfs tmpfs rw\n";
        fill_container(tree, p);
        const auto f = one(judge(tree), "ctr.sensitive-mounts");
        EXPECT_EQ(f.status, Status::fail) << root;
        EXPECT_EQ(f.severity, Severity::critical);
        EXPECT_THAT(f.message, ::testing::HasSubstr("socket of docker under another name"));
        EXPECT_EQ(f.evidence.at(0).source, "/proc/100/mountinfo");
    }
}

TEST(Containers, ADeviceIsKnownByItsNumbers) {
    if (::geteuid() != 0)
        GTEST_SKIP() << "device nodes can only be made by root";
    const Tree tree;
    fill_host(tree);
    fill_container(tree, {});
    ASSERT_EQ(::mknod(tree.path("/dev/null").c_str(), S_IFBLK | 0600, makedev(8, 0)), 0);
    ASSERT_EQ(::mknod(tree.path("/dev/random").c_str(), S_IFCHR | 0600, makedev(1, 8)), 0);
    const auto f = one(judge(tree), "ctr.devices");
    EXPECT_EQ(f.status, Status::fail);
    EXPECT_THAT(f.message, ::testing::HasSubstr("block device b 8:0"));
    EXPECT_EQ(f.evidence.size(), 1U);
}

TEST(Containers, AProgramOfTheUpperLayerIsDrift) {
    const Tree tree;
    fill_host(tree);
    fill_container(tree, {});
    tree.write("/up/diff/app", "new");
    const auto f = one(judge(tree), "ctr.exec-drift");
    EXPECT_EQ(f.status, Status::fail);
    EXPECT_THAT(f.message, ::testing::HasSubstr("/up/diff/app"));
}

TEST(Containers, EveryProcessCountsAndIsNamed) {
    const Tree tree;
    fill_host(tree);
    fill_container(tree, {});
    add(tree, {.pid = 101, .comm = "sh", .caps = all_caps, .ns_pid = "2", .start = 900});
    const auto f = one(judge(tree), "ctr.capabilities");
    EXPECT_EQ(f.status, Status::fail);
    EXPECT_THAT(f.message, ::testing::HasSubstr("pid 101 (sh), started into it,"));
    EXPECT_EQ(f.evidence.at(0).source, "/proc/101/status");
}

TEST(Containers, OneThatJoinedFromOutsideTheCgroupBelongsToIt) {
    const Tree tree;
    fill_host(tree);
    fill_container(tree, {});
    add(tree, {.pid = 102, .parent = 1, .comm = "sh", .cgroup = "/user.slice", .seccomp = 0, .ns_pid = "3"});
    const auto all = judge(tree);
    EXPECT_EQ(of(all, "ctr.found").size(), 1U);
    EXPECT_THAT(one(all, "ctr.seccomp").message, ::testing::HasSubstr("pid 102 (sh) has no seccomp filter"));
}

TEST(Containers, APayloadCannotPassForASandboxByItsName) {
    const Tree tree;
    fill_host(tree);
    tree.write("/usr/bin/runsc", "the host's own", 0755);
    fill_container(tree, {.exe = "/usr/bin/runsc", .seccomp = 0});
    EXPECT_EQ(one(judge(tree), "ctr.seccomp").status, Status::fail);
}

TEST(Containers, ALeaderThatEndedWhileItsThreadsRunIsSaid) {
    const Tree tree;
    fill_host(tree);
    tree.write("/proc/300/status", "Name:\tx\nPPid:\t1\nUid:\t0\t0\t0\t0\nThreads:\t4\n");
    tree.write("/proc/300/stat", "300 (x) Z 1 1 1 0 -1 0 0 0 0 0 0 0 0 0 0 0 0 0 0 5 0 0\n");
    tree.write("/proc/300/cgroup", "0::/\n");
    const auto all = judge(tree);
    EXPECT_EQ(all.front().status, Status::unknown);
    EXPECT_THAT(all.front().message, ::testing::HasSubstr("pid 300 (x)"));
}

TEST(Containers, OneThatIsGoneOrReplacedIsUnknownNotAbsent) {
    const Tree tree;
    fill_host(tree);
    fill_container(tree, {});
    auto facts = Containers::observe(tree.live_host(), {}, {});
    ASSERT_EQ(facts.containers.size(), 1U);
    facts.containers.front().vanished = true;
    const auto all = Containers::evaluate({}, {}, facts, Time{});
    for (const auto& control : Containers::controls())
        EXPECT_EQ(one(all, control.id).status, Status::unknown) << control.id;
}

TEST(Containers, TwoWithOneLabelFailUnlessTheyAreAPod) {
    const Tree tree;
    fill_host(tree);
    fill_container(tree, {});
    fill_container(tree, {.pid = 200, .cgroup = "/machine.slice/libpod-" + id_b + ".scope", .ns = 6000});
    for (const auto& f : of(judge(tree), "ctr.lsm-label"))
        EXPECT_EQ(f.status, Status::fail) << f.message;
    const Tree pod;
    fill_host(pod);
    const std::string slice = "/machine.slice/machine-libpod_pod_" + std::string(64, 'e') + ".slice/libpod-";
    fill_container(pod, {.cgroup = slice + id_a + ".scope"});
    fill_container(pod, {.pid = 200, .cgroup = slice + id_b + ".scope", .ns = 6000});
    for (const auto& f : of(judge(pod), "ctr.lsm-label"))
        EXPECT_EQ(f.status, Status::pass) << f.message;
}

TEST(Containers, OnlyAPolicyThatSaysSoStopsOne) {
    const Tree tree;
    fill_host(tree);
    fill_container(tree, {.map = ""});
    Params params;
    params.root_userns = "stop";
    const auto f = one(judge(tree, params), "ctr.root-userns");
    ASSERT_TRUE(f.fix && f.fix->changes.size() == 1U);
    EXPECT_EQ(f.fix->cls, policy::FixClass::containers_stopped);
    const auto& stop = std::get<policy::StopContainer>(f.fix->changes.front());
    EXPECT_EQ(stop, (policy::StopContainer{testing::scope_a, "libpod-" + id_a + ".scope", 100, 777}));
    EXPECT_TRUE(one(judge(tree, params), "ctr.root-maps-host-root").fix->changes.empty());
}

TEST(Containers, AreJudgedTheSameWhenTheProcessesAreKnownAlready) {
    const Tree tree;
    fill_host(tree);
    fill_container(tree, {.seccomp = 0});
    add(tree, {.pid = 101, .parent = 100, .caps = all_caps, .start = 900});
    const auto host = tree.live_host();
    ASSERT_TRUE(host.processes());
    EXPECT_EQ(Containers::evaluate({}, {}, Containers::observe(host, {}, {}), Time{}), judge(tree));
}

TEST(Containers, GivenProcessesAreJudgedAsInAFullPass) {
    const Tree tree;
    fill_host(tree);
    fill_container(tree, {.seccomp = 0});
    fill_container(tree, {.pid = 200,
                          .cgroup = "/machine.slice/libpod-" + id_b + ".scope",
                          .label = "system_u:system_r:container_t:s0:c5,c6",
                          .ns = 6000});
    const auto full = judge(tree);
    const auto some = judge_containers_of(tree.live_host(), {}, {100}, Time{});
    EXPECT_EQ(some.size(), Containers::controls().size());
    for (const auto& f : some)
        EXPECT_NE(std::ranges::find(full, f), full.end()) << f.control << ": " << f.message;
}

TEST(HostPlaces, AreThoseOfTheMountOnTop) {
    const Tree tree{{"/srv/data/x", ""}};
    tree.link("/data", "srv/data");
    const auto host = tree.live_host();
    const auto mounts = host::parse_mountinfo(
                            "1 0 8:1 / / rw - ext4 a rw\n"
                            "2 1 8:2 /one /srv rw - ext4 b rw\n"
                            "3 1 8:3 / /srv rw - ext4 c rw\n"
                            "4 3 8:4 /sub /srv/data rw - ext4 d rw\n"
                            "5 1 8:4 / /mnt rw - ext4 d rw\n",
                            "m")
                            .value();
    const HostPlaces places(host.root(), mounts);
    const auto device = [](std::uint64_t minor) { return std::uint64_t{8} << 32U | minor; };
    EXPECT_EQ(places.find("/"), (Place{device(1), "/"}));
    EXPECT_EQ(places.find("/srvx"), (Place{device(1), "/srvx"}));
    EXPECT_EQ(places.find("/srv"), (Place{device(3), "/"}));
    EXPECT_EQ(places.find("/srv/other"), (Place{device(3), "/other"}));
    EXPECT_EQ(places.find("/data/x"), (Place{device(4), "/sub/x"}));
    EXPECT_EQ(places.find("/data/../data"), (Place{device(4), "/sub"}));
    EXPECT_EQ(places.names_of({device(4), "/sub/x"}),
              (std::vector<std::string>{"/mnt/sub/x", "/srv/data/x"}));
    EXPECT_TRUE(places.names_of({device(9), "/"}).empty());
    EXPECT_EQ(HostPlaces(host.root(), {}).find("/srv"), std::nullopt);
}

TEST(CgroupNames, AreReadAsEnginesWriteThem) {
    const auto name = [](const std::string& path) {
        const auto n = name_of_cgroup(path);
        return n ? std::string(name_of(n->engine)) + " " + n->id.substr(0, 3) : "none";
    };
    EXPECT_EQ(name("/machine.slice/libpod-" + id_a + ".scope/container"), "podman aaa");
    EXPECT_EQ(name("/machine.slice/libpod-conmon-" + id_a + ".scope"), "none");
    EXPECT_EQ(name("/system.slice/web.service/libpod-payload-" + id_a), "podman aaa");
    EXPECT_EQ(name("/libpod_parent/libpod-" + id_a), "podman aaa");
    EXPECT_EQ(name("/system.slice/docker-" + id_a + ".scope"), "docker aaa");
    EXPECT_EQ(name("/docker/" + id_a), "docker aaa");
    EXPECT_EQ(name("/kubepods.slice/kubepods-pod1.slice/cri-containerd-" + id_a + ".scope"),
              "containerd aaa");
    EXPECT_EQ(name("/kubepods/burstable/pod123/" + id_a), "containerd aaa");
    EXPECT_EQ(name("/x/crio-" + id_a + ".scope"), "crio aaa");
    EXPECT_EQ(name("/x/crio-conmon-" + id_a + ".scope"), "none");
    EXPECT_EQ(name("/docker/" + id_a + "/docker/" + id_b), "docker bbb") << "the inner of two";
    EXPECT_EQ(name("/machine.slice/systemd-nspawn@web.service/payload"), "nspawn web");
    EXPECT_EQ(name("/lxc.payload.db"), "lxc db");
    EXPECT_EQ(name("/system.slice/sshd.service"), "none");
    EXPECT_EQ(name("/x/libpod-" + std::string(63, 'a') + ".scope"), "none");
    EXPECT_EQ(name_of_cgroup("/machine.slice/systemd-nspawn@web.service/payload")->unit,
              "systemd-nspawn@web.service");
    EXPECT_EQ(user_of("/user.slice/user-7.slice/user@7.service/a"), 7U);
    EXPECT_EQ(user_of("/user.slice/user-99999999999.slice"), std::nullopt);
}

}  // namespace
}  // namespace plimsoll::modules::containers
