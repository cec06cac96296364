// SPDX-License-Identifier: Apache-2.0
#include "core/host/mountinfo.hpp"

#include "core/host/cgroups.hpp"
#include "core/host/namespaces.hpp"
#include "core/host/processes.hpp"
#include "tests/support/tree.hpp"

#include <gtest/gtest.h>

#include <unistd.h>

namespace plimsoll::host {
namespace {

using tests::Tree;

Mount line(std::string_view text) {
    const auto all = parse_mountinfo(text, "m");
    EXPECT_TRUE(all && all->size() == 1U) << (all ? "" : all.error().message);
    return all && !all->empty() ? all->front() : Mount{};
}

TEST(Mountinfo, ReadsEscapesOptionsAndTags) {
    const auto m = line(
        "120 100 8:1 /a\\040b//deleted /x\\011y ro,noexec,idmapped shared:7 master:8 later:9 - overlay "
        "over\\134lay rw,upperdir=/u,ro\n");
    EXPECT_EQ(m.id, 120U);
    EXPECT_EQ(m.device, (std::uint64_t{8} << 32U) + 1);
    EXPECT_EQ(m.root, "/a b");
    EXPECT_TRUE(m.deleted);
    EXPECT_EQ(m.point, "/x\ty");
    EXPECT_TRUE(m.read_only && m.no_exec && m.id_mapped);
    EXPECT_EQ(m.shared, 7U);
    EXPECT_EQ(m.master, 8U);
    EXPECT_EQ(m.source, "over\\lay");
    EXPECT_EQ(m.super_option("upperdir"), "/u");
    EXPECT_EQ(m.super_option("ro"), "");
    EXPECT_EQ(m.super_option("upper"), std::nullopt);
    EXPECT_FALSE(line("1 2 3:4 / / rw - ext4 d ro\n").read_only)
        << "the mount's option counts, not the file system's";
    EXPECT_EQ(line("1 2 3:4 / / rw - tmpfs  rw\n").source, "");
}

TEST(Mountinfo, ATableWithAnythingWrongIsNone) {
    for (const char* text : {"x\n", "1 2 3 / / rw - t s o\n", "1 2 99999999999:1 / / rw - t s o\n",
                             "1 2 3:4 / / rw shared:x - t s o\n", "1 2 3:4 / / rw\n", "1 2 3:4 / / rw - \n",
                             "1 2 3:4 / / rw - t s o\n\n", "-1 2 3:4 / / rw - t s o\n"})
        EXPECT_EQ(parse_mountinfo(text, "m").error().code, Code::invalid_input) << text;
}

TEST(Mountinfo, FindsTheHostsNameByTheLongestRoot) {
    const HostMounts host(
        parse_mountinfo("1 0 8:1 / / rw - ext4 d rw\n2 1 8:2 / /home rw shared:3 - ext4 e rw\n"
                        "3 1 8:1 /srv/data /data rw - ext4 d rw\n4 1 0:9 /sub /s rw - btrfs f rw\n",
                        "m")
            .value());
    const auto path = [&](std::string_view device, std::string_view root) {
        return host.path_of(
            line("9 8 " + std::string(device) + " " + std::string(root) + " /x rw - t s o\n"));
    };
    EXPECT_EQ(path("8:1", "/etc"), "/etc");
    EXPECT_EQ(path("8:1", "/"), "/");
    EXPECT_EQ(path("8:2", "/"), "/home");
    EXPECT_EQ(path("8:2", "/alice/x"), "/home/alice/x");
    EXPECT_EQ(path("8:1", "/srv/data/db"), "/data/db");
    EXPECT_EQ(path("8:1", "/srv/database"), "/srv/database");
    EXPECT_EQ(path("0:9", "/sub"), "/s");
    EXPECT_EQ(path("0:9", "/other"), std::nullopt) << "a part that the host has not mounted";
    EXPECT_TRUE(host.has_peer(3));
    EXPECT_FALSE(host.has_peer(4));
    EXPECT_EQ(mount_of(host.all(), "/home/alice")->point, "/home");
    EXPECT_EQ(mount_of(host.all(), "/homes")->point, "/");
}

TEST(Cgroups, AreReadInBothVersions) {
    const auto v1 = parse_proc_cgroup("9:name=systemd:/s\n8:pids,cpu:/p:q\n0::/u\n", "c").value();
    ASSERT_EQ(v1.size(), 3U);
    EXPECT_TRUE(v1[0].controllers.empty());
    EXPECT_EQ(v1[1].path, "/s");
    EXPECT_EQ(v1[2].path, "/p:q");
    for (const char* text : {"x\n", "0:/u\n", "a::/u\n", "0::u\n"})
        EXPECT_FALSE(parse_proc_cgroup(text, "c")) << text;
}

TEST(Cgroups, TheLeastLimitOfAllAncestorsCounts) {
    const Tree tree{{"/cg/a/pids.max", "100\n"},
                    {"/cg/a/b/pids.max", "max\n"},
                    {"/cg/a/b/c/pids.max", "200\n"},
                    {"/cg/x/pids.max", "lots\n"}};
    const auto host = tree.live_host();
    const CgroupMounts mounts(parse_mountinfo("1 0 0:1 / /cg rw - cgroup2 c rw\n", "m").value());
    const auto read = [&](const std::string& path) {
        LimitFiles none;
        return read_limit(host.root(), mounts, {{{}, path}}, LimitKind::pids, none);
    };
    EXPECT_EQ(read("/a/b/c")->value, 100U);
    EXPECT_EQ(read("/a/b/c")->source, "/cg/a/pids.max");
    EXPECT_EQ(read("/a/b")->value, 100U);
    EXPECT_EQ(read("/y")->value, std::nullopt);
    EXPECT_EQ(read("/x").error().code, Code::invalid_input);
    LimitFiles known;
    const auto again = [&] {
        return read_limit(host.root(), mounts, {{{}, "/a/b/c"}}, LimitKind::pids, known)->value;
    };
    EXPECT_EQ(again(), 100U);
    tree.write("/cg/a/pids.max", "50\n");
    EXPECT_EQ(again(), 100U) << "of one look";
    EXPECT_EQ(read("/a/b/c")->value, 50U);
    LimitFiles none;
    EXPECT_EQ(read_limit(host.root(), CgroupMounts({}), {{{}, "/a"}}, LimitKind::pids, none).error().code,
              Code::not_found);
}

TEST(Cgroups, VersionOneHasOtherNamesAndNumbers) {
    const Tree tree{{"/mem/a/memory.limit_in_bytes", "9223372036854771712\n"},
                    {"/mem/b/memory.limit_in_bytes", "4096\n"}};
    const auto host = tree.live_host();
    const CgroupMounts mounts(parse_mountinfo("1 0 0:1 / /mem rw - cgroup c rw,memory\n", "m").value());
    const auto read = [&](const std::string& path) {
        LimitFiles none;
        return read_limit(host.root(), mounts, {{{}, path}, {{"memory"}, path}}, LimitKind::memory, none)
            .value()
            .value;
    };
    EXPECT_EQ(read("/a"), std::nullopt);
    EXPECT_EQ(read("/b"), 4096U);
}

TEST(Namespaces, OfThisProcessAreReadAndItsUserNamespacesCounted) {
    const auto root = Sysroot::open("/").value();
    const auto own = host_namespaces(root);
    EXPECT_EQ(own.of(Ns::user), initial_user_ns);
    const auto user = read_ns(root, ::getpid(), Ns::user);
    ASSERT_TRUE(user.has_value());
    const auto chain = user_ns_chain(root, ::getpid());
    ASSERT_TRUE(chain) << chain.error().message;
    EXPECT_EQ(chain->empty(), *user == initial_user_ns);
    const auto stat = read_process_stat(root, ::getpid());
    ASSERT_TRUE(stat);
    EXPECT_GT(stat->start, 0U);
    EXPECT_FALSE(stat->forked_only);
    EXPECT_EQ(read_process_stat(root, 0x7ffffff0).error().code, Code::not_found);
    EXPECT_TRUE(read_process(root, ::getpid())->capabilities.has_value());
}

TEST(Namespaces, WhatPidOneHidesComesFromAKernelThreadOrIsFixed) {
    const Tree tree;
    const auto host = tree.live_host();
    EXPECT_EQ(host_namespaces(host.root()).of(Ns::pid), 4026531836U);
    EXPECT_EQ(host_namespaces(host.root()).of(Ns::mnt), std::nullopt);
    tree.link("/proc/2/ns/mnt", "mnt:[4026531832]");
    EXPECT_EQ(host_namespaces(host.root()).of(Ns::mnt), 4026531832U);
    tree.link("/proc/2/exe", "/usr/bin/anything");
    EXPECT_EQ(host_namespaces(host.root()).of(Ns::mnt), std::nullopt) << "pid 2 of another PID namespace";
    EXPECT_EQ(user_ns_chain(host.root(), 1).error().code, Code::not_found);
}

TEST(Processes, NamesAndProgramsAreReadAsTheyAre) {
    const Tree tree{
        {"proc/7/status", "Name:\ta\\nUid:\\\\ b\nUmask:\t0022\nPPid:\t3\nUid:\t5\t6\t7\t8\nGroups:\t4 9 \n"},
        {"proc/7/cmdline", std::string_view("one\0\0two", 8)},
        {"proc/8/status", "Name:\tkthreadd\nUid:\t0\t0\t0\t0\n"},
        {"proc/9/status", "Name:\todd\n"},
        {"proc/9/exe", "a file, where the kernel has a link"},
        {"proc/10/cmdline", "without status"}};
    tree.link("proc/7/exe", "/usr/bin/x (deleted)");
    tree.link("proc/7/ns/user", "user:[4026532000]");
    tree.link("proc/8/ns/user", "user:[4026531837]");
    const auto host = tree.live_host();
    ASSERT_TRUE(host.processes());
    ASSERT_EQ(host.processes()->size(), 3U);
    const auto& p = host.processes()->at(0);
    EXPECT_EQ(p.comm, "a\nUid:\\ b");
    EXPECT_EQ(p.parent, 3);
    EXPECT_EQ(p.uid, (std::array<std::uint32_t, 4>{5, 6, 7, 8}));
    EXPECT_EQ(p.groups, (std::vector<std::uint32_t>{4, 9}));
    EXPECT_EQ(p.exe, "/usr/bin/x");
    EXPECT_TRUE(p.exe_deleted);
    EXPECT_EQ(p.argv, (std::vector<std::string>{"one", "", "two"}));
    EXPECT_EQ(p.in_child_user_ns(), true);
    EXPECT_FALSE(p.uid_map.has_value()) << "its map cannot be read";
    EXPECT_EQ(host.processes()->at(1).exe, "") << "a kernel thread";
    EXPECT_EQ(host.processes()->at(2).exe, std::nullopt) << "not known";
}

TEST(Processes, OneThatIsThereButCannotBeReadMakesTheListUnknown) {
    const Tree tree{{"proc/7/status", "Name:\ta\nUid:\t0\t0\t0\t0\n"}};
    tree.directory("proc/8");  // ends while it is looked at
    const auto host = tree.live_host();
    ASSERT_TRUE(host.processes());
    EXPECT_EQ(host.processes()->size(), 1U);
    tree.directory("proc/9/status");
    host.forget();
    EXPECT_FALSE(host.processes());
}

TEST(Processes, AHostileStatIsNone) {
    const Tree tree{{"/proc/5/stat", "5 (a) b) S 1 1 1 0 -1 64 0 0 0 0 0 0 0 0 0 0 0 0 42 0\n"},
                    {"/proc/6/stat", "6 (x"},
                    {"/proc/7/stat", "7 (k) S 2 0 0 0 -1 2129984 0 0 0 0 0 0 0 0 0 0 0 0 9 0\n"}};
    const auto host = tree.live_host();
    const auto good = read_process_stat(host.root(), 5);
    ASSERT_TRUE(good) << good.error().message;
    EXPECT_EQ(*good, (ProcessStat{42, true, false}));
    EXPECT_EQ(read_process_stat(host.root(), 6).error().code, Code::invalid_input);
    EXPECT_EQ(read_process_stat(host.root(), 7).value(), (ProcessStat{9, true, true}));
}

}  // namespace
}  // namespace plimsoll::host
