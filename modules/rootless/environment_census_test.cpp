// SPDX-License-Identifier: Apache-2.0
// Every control on the environment of rootless containers ends in every way that it can, and rootless-strict
// lets pass only what the policy names.
#include "modules/rootless/testing/settings_scene.hpp"

#include <cstring>

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

namespace plimsoll::modules::rootless::testing {
namespace {

using M = Environment;
using tests::Cell;
using S = tests::Scene<M>;
using Case = tests::CensusCase<M>;
using Cases = std::vector<Case>;

constexpr const char* sysctl_file = "etc/sysctl.d/50-a.conf";
constexpr const char* restrict_knob = "proc/sys/kernel/apparmor_restrict_unprivileged_userns";
constexpr const char* unconfined_knob = "proc/sys/kernel/apparmor_restrict_unprivileged_unconfined";
constexpr const char* user_unit = "usr/lib/systemd/system/user@.service";
constexpr const char* linger_file = "var/lib/systemd/linger/alice";

Arrange<M> sysctl(std::string line) {
    return file<M>(sysctl_file, line + "\n");
}

Arrange<M> knobs(std::string userns, std::string unconfined) {
    return [=](S& s) {
        s.live = true;
        s.tree.write(restrict_knob, userns);
        s.tree.write(unconfined_knob, unconfined);
    };
}

// /run/user/1000 of a user whose manager runs.
void add_runtime_dir(S& s) {
    const std::string dir = s.tree.path("run/user/1000");
    s.tree.directory("run/user/1000", 0700);
    ASSERT_EQ(::chown(dir.c_str(), 1000, 1000), 0);
    const int fd = ::socket(AF_UNIX, SOCK_STREAM, 0);
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    const std::string bus = dir + "/bus";
    ASSERT_LT(bus.size(), sizeof address.sun_path);
    std::memcpy(address.sun_path, bus.c_str(), bus.size() + 1);
    ASSERT_EQ(::bind(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
    ::close(fd);
}

Cases setting_cases() {
    Cases out;
    const auto add = [&](const char* control, Cell cell, auto what) {
        out.emplace_back(control, cell, std::move(what));
    };
    for (const char* control :
         {"userns.available", "userns.scope-limit", "rootless.low-ports", "rootless.ping-range"})
        add(control, Cell::unknown, [=](S& s) {
            s.params.ping_range = "0 1";
            s.tree.fifo("etc/sysctl.d/99-z.conf");
        });
    add("userns.available", Cell::pass, nothing<M>());
    add("userns.available", Cell::fail, sysctl("user.max_user_namespaces = 0"));
    add("userns.available", Cell::not_applicable,
        "every host is asked: without a file that says otherwise the kernel's default is enough");
    add("userns.available", Cell::hostile, sysctl("user.max_user_namespaces = 0x\x1b[2J"));
    add("userns.available", Cell::hostile, sysctl("user.max_user_namespaces = 99999999999999999999999"));
    add("userns.scope-limit", Cell::pass, knobs("1\n", "1\n"));
    add("userns.scope-limit", Cell::fail, knobs("0\n", "1\n"));
    add("userns.scope-limit", Cell::fail, [](S& s) {
        knobs("1\n", "1\n")(s);
        sysctl("kernel.apparmor_restrict_unprivileged_userns = 0")(s);
    });
    add("userns.scope-limit", Cell::not_applicable, nothing<M>());
    add("userns.scope-limit", Cell::hostile, knobs(escape, "\xff"));
    add("userns.scope-limit", Cell::hostile, knobs("", ""));
    add("rootless.low-ports", Cell::pass, nothing<M>());
    add("rootless.low-ports", Cell::fail, sysctl("net.ipv4.ip_unprivileged_port_start = 0"));
    add("rootless.low-ports", Cell::not_applicable, [](S& s) { s.live = true; });
    add("rootless.low-ports", Cell::hostile, sysctl("net.ipv4.ip_unprivileged_port_start = 1024\x1b[2J"));
    add("rootless.ping-range", Cell::pass, nothing<M>());
    add("rootless.ping-range", Cell::fail, [](S& s) { s.params.ping_range = "0 2147483647"; });
    add("rootless.ping-range", Cell::not_applicable, [](S& s) { s.live = true; });
    add("rootless.ping-range", Cell::hostile, [](S& s) {
        s.params.ping_range = "0 1";
        sysctl("net.ipv4.ping_group_range = 0 \x1b[2J")(s);
    });
    return out;
}

Cases session_cases() {
    Cases out;
    const auto add = [&](const char* control, Cell cell, auto what) {
        out.emplace_back(control, cell, std::move(what));
    };
    const auto delegate = [](std::string line) { return file<M>(user_unit, "[Service]\n" + line + "\n"); };
    add("cgroup.v2-delegation", Cell::pass, delegate("Delegate=yes"));
    add("cgroup.v2-delegation", Cell::fail, delegate("Delegate=No"));
    add("cgroup.v2-delegation", Cell::not_applicable, nothing<M>());
    add("cgroup.v2-delegation", Cell::unknown, fifo<M>(user_unit));
    add("cgroup.v2-delegation", Cell::hostile, delegate("Delegate=cpu\x1b[2J memory pids"));
    add("cgroup.v2-delegation", Cell::hostile, [=](S& s) {
        delegate("Delegate=No")(s);
        s.tree.write("etc/default/grub", "A='\"\x1b[2J\\\nB=cgroup_disable=\x1b,memory #\a\n\\");
    });
    const auto slice = [=](std::string line) -> Arrange<M> {
        return [=](S& s) {
            delegate("Delegate=yes\nSlice=user-%i.slice")(s);
            s.tree.write("etc/systemd/system/user-.slice.d/\x1b[2J.conf", "[Slice]\n" + line + "\n");
        };
    };
    add("cgroup.v2-delegation", Cell::pass, slice("DisableControllers=hugetlb"));
    add("cgroup.v2-delegation", Cell::fail, slice("DisableControllers=cpuset cpu"));
    add("cgroup.v2-delegation", Cell::unknown, [=](S& s) {
        delegate("Delegate=yes\nSlice=user-%i.slice")(s);
        s.tree.fifo("etc/systemd/system/user.slice.d/a.conf");
    });
    add("cgroup.v2-delegation", Cell::hostile, slice("DisableControllers=\x1b[2J cpu"));
    const auto lingers = [](S& s) {
        s.live = true;
        s.tree.write(linger_file, "");
    };
    add("rootless.runtime-dir", Cell::pass, [=](S& s) {
        lingers(s);
        add_runtime_dir(s);
    });
    add("rootless.runtime-dir", Cell::fail, lingers);
    add("rootless.runtime-dir", Cell::not_applicable, nothing<M>());
    add("rootless.runtime-dir", Cell::unknown, [=](S& s) {
        lingers(s);
        s.tree.remove("etc/passwd");
        s.tree.fifo("etc/passwd");
    });
    add("rootless.runtime-dir", Cell::hostile, [=](S& s) {
        lingers(s);
        s.tree.link("run/user/1000", "/");
    });
    add("rootless.linger", Cell::pass, nothing<M>());
    add("rootless.linger", Cell::fail, file<M>("home/alice/.config/containers/systemd/a.container", ""));
    add("rootless.linger", Cell::not_applicable,
        "every host is asked: that nobody lingers is what is wanted where nobody needs to");
    add("rootless.linger", Cell::unknown, [](S& s) { s.tree.link("var/lib/systemd/linger", "linger"); });
    add("rootless.linger", Cell::hostile, file<M>("var/lib/systemd/linger/" + std::string(escape), ""));
    return out;
}

Cases network_cases() {
    Cases out;
    const auto add = [&](Cell cell, auto what) {
        out.emplace_back("rootless.network-stack", cell, std::move(what));
    };
    const auto command = [](std::string value) {
        return podman_and<M>(containers_conf, "[network]\ndefault_rootless_network_cmd = " + value + "\n");
    };
    const auto docker = [](std::string unit) -> Arrange<M> {
        return [=](S& s) {
            with_podman(s);
            s.tree.write("usr/bin/slirp4netns", "");
            s.tree.write("home/alice/.config/systemd/user/docker.service", "[Service]\n" + unit + "\n");
        };
    };
    add(Cell::pass, [](S& s) { with_podman(s); });
    add(Cell::pass, docker("Environment=A=b \"DOCKERD_ROOTLESS_ROOTLESSKIT_NET=pasta\""));
    add(Cell::fail, command("\"slirp4netns\""));
    add(Cell::fail, docker("ExecStart=/usr/bin/dockerd-rootless.sh"));
    add(Cell::fail, docker("Environment='DOCKERD_ROOTLESS_ROOTLESSKIT_NET=slirp4netns'"));
    add(Cell::fail, [=](S& s) {
        docker("Environment=DOCKERD_ROOTLESS_ROOTLESSKIT_NET=pasta\nEnvironmentFile=/etc/net.env")(s);
        s.tree.write("etc/net.env", "DOCKERD_ROOTLESS_ROOTLESSKIT_NET=slirp4netns\n");
    });
    const auto manager = [=](std::string unit, std::string net) -> Arrange<M> {
        return [=](S& s) {
            docker(unit)(s);
            s.tree.write("etc/systemd/system/user@.service.d/net.conf",
                         "[Service]\nEnvironment=DOCKERD_ROOTLESS_ROOTLESSKIT_NET=" + net + "\n");
            s.tree.write(user_unit, "[Service]\n");
        };
    };
    add(Cell::pass, manager("", "pasta"));
    add(Cell::fail, manager("", "slirp4netns"));
    add(Cell::pass, manager("Environment=DOCKERD_ROOTLESS_ROOTLESSKIT_NET=pasta", "slirp4netns"));
    add(Cell::not_applicable, nothing<M>());
    add(Cell::unknown, podman_and<M>(containers_conf, "[network\n"));
    add(Cell::unknown,
        docker("Environment=DOCKERD_ROOTLESS_ROOTLESSKIT_NET=pasta\nEnvironmentFile=-%h/net.env"));
    add(Cell::unknown, [](S& s) {
        with_podman(s);
        s.tree.fifo("home/alice/.config/systemd/user/docker.service");
    });
    add(Cell::hostile, command("\"\\u001b[2J\""));
    add(Cell::hostile,
        podman_and<M>(containers_conf, "[network]\npasta_options = [\"-T\", \"auto\", \"\\u001b[2J\"]\n"));
    return out;
}

TEST(EnvironmentCensus, LeavesNoControlOut) {
    if (::geteuid() != 0)
        GTEST_SKIP() << "needs root to give a directory to a user";
    Cases all;
    for (auto&& part : {setting_cases(), session_cases(), network_cases()})
        all.insert(all.end(), part.begin(), part.end());
    tests::take_census<M>(with_alice<M>, all);
}

TEST(EnvironmentStrict, LingerAndPortsHaveToBeNamed) {
    tests::expect_strict<M>(
        with_alice<M>,
        {{"rootless.linger", file<M>(linger_file, ""), true, [](S& s) { s.params.linger_users = {"alice"}; }},
         {"rootless.linger", file<M>("var/lib/systemd/linger/root", ""), true,
          [](S& s) { s.params.linger_users = {"root"}; }},
         {"rootless.low-ports", sysctl("net.ipv4.ip_unprivileged_port_start = 80"), true,
          [](S& s) { s.params.lowest_port = 80; }}});
}

TEST(Delegation, AFileForOneUserIsSeen) {
    const auto verdict = [](const char* line) {
        S s;
        with_alice(s);
        s.tree.write(user_unit, "[Service]\nDelegate=pids memory cpu\n");
        s.tree.write("etc/systemd/system/user@1000.service.d/x.conf",
                     "[Service]\n" + std::string(line) + "\n");
        std::string out;
        for (const auto& f : s.judge("cgroup.v2-delegation"))
            out += f.subject + " " + std::string(policy::name_of(f.status)) + ";";
        return out;
    };
    EXPECT_EQ(verdict("Delegate="), "user@.service pass;user@1000.service fail;");
    EXPECT_EQ(verdict("Delegate=OFF"), "user@.service pass;user@1000.service fail;");
    EXPECT_EQ(verdict("Delegate=io"), "user@.service pass;");
    EXPECT_EQ(verdict("CPUWeight=5"), "user@.service pass;");
    S s;
    with_alice(s);
    s.tree.write(user_unit, "[Service]\nDelegate=yes\n");
    s.tree.fifo("etc/systemd/system/user@1000.service.d/x.conf");
    const auto findings = s.judge("cgroup.v2-delegation");
    ASSERT_EQ(findings.size(), 2U);
    EXPECT_EQ(findings[1].status, policy::Status::unknown);
}

}  // namespace
}  // namespace plimsoll::modules::rootless::testing
