// SPDX-License-Identifier: Apache-2.0
// cgroup.v2-delegation, rootless.runtime-dir, rootless.linger, rootless.network-stack.
#include "modules/rootless/environment.hpp"
#include "modules/rootless/testing/environment_cases.hpp"

#include <sys/socket.h>
#include <sys/un.h>

namespace plimsoll::modules::rootless {
namespace {

using policy::FixClass;
using policy::Status;
using Judge = Judged<Environment>;

constexpr std::string_view delegation = "cgroup.v2-delegation";
constexpr std::string_view runtime_dir = "rootless.runtime-dir";
constexpr std::string_view linger = "rootless.linger";
constexpr std::string_view network = "rootless.network-stack";

constexpr std::string_view passwd = "root:x:0:0::/root:/bin/sh\nalice:x:1000:1000::/home/alice:/bin/sh\n";
constexpr const char* unit = "usr/lib/systemd/system/user@.service";
constexpr const char* linger_file = "var/lib/systemd/linger/alice";

// ---- cgroup.v2-delegation ----

TEST(Delegation, TheUnitsFilesDecide) {
    struct Case {
        const char* name;
        const char* vendor;
        const char* drop_in;  // /etc/systemd/system/user@.service.d/99-z.conf
        const char* want;
    };

    for (const Case& c : {Case{"systemd's own", "Delegate=pids memory cpu", nullptr, "pass"},
                          Case{"yes", "Delegate=yes", nullptr, "pass"}, Case{"none", "", nullptr, "fail"},
                          Case{"too few", "Delegate=pids memory", nullptr, "fail"},
                          Case{"added", "Delegate=pids memory", "Delegate=cpu", "pass"},
                          Case{"taken away", "Delegate=pids memory cpu", "Delegate=", "fail"},
                          Case{"no", "Delegate=pids memory cpu", "Delegate=no", "fail"}}) {
        tests::Tree tree{{"etc/passwd", passwd}};
        tree.write(unit, "[Service]\n" + std::string(c.vendor) + "\n");
        if (c.drop_in != nullptr)
            tree.write("etc/systemd/system/user@.service.d/99-z.conf",
                       "[Service]\n" + std::string(c.drop_in) + "\n");
        EXPECT_EQ((Judge{tree}.status(delegation, "user@.service")), c.want) << c.name;
    }
    tests::Tree none{{"etc/passwd", passwd}};
    EXPECT_EQ((Judge{none}.status(delegation, "user@.service")), "not-applicable");
    none.fifo(unit);
    EXPECT_EQ((Judge{none}.status(delegation, "user@.service")), "unknown");
}

TEST(Delegation, FixWritesADropInUnlessALaterOneTakesItAway) {
    tests::Tree tree{{"etc/passwd", passwd}};
    tree.write(unit, "[Service]\nDelegate=pids memory cpu\n");
    Judge judge{tree};
    judge.provision.delegate = {"io"};
    judge.expect_fixed(delegation, "user@.service");
    tree.write("etc/systemd/system/user@.service.d/99-z.conf", "[Service]\nDelegate=\n");
    judge.expect_by_hand(delegation, "user@.service", "/etc/systemd/system/user@.service.d/99-z.conf:2");
    tree.remove("etc/systemd/system/user@.service.d/99-z.conf");
    tree.directory("run/systemd/system");
    tree.write("sys/fs/cgroup/cgroup.controllers", "cpu io memory pids\n");
    judge.live = true;
    EXPECT_EQ(judge.of(delegation, "user@.service").fix->changes.size(), 2u) << "the manager reads it again";
}

TEST(Delegation, RunningManagersAndTheHierarchyCount) {
    tests::Tree tree{{"etc/passwd", passwd}, {"etc/subuid", "alice:100000:65536\n"}};
    tree.write(unit, "[Service]\nDelegate=yes\n");
    Judge judge{tree, true};
    judge.expect_by_hand(delegation, "hierarchy", "/sys/fs/cgroup");
    tree.write("sys/fs/cgroup/cgroup.controllers", "cpu\n");
    EXPECT_EQ(judge.status(delegation, "user@.service"), "pass");
    const std::string mine = "sys/fs/cgroup/user.slice/user-1000.slice/user@1000.service/cgroup.controllers";
    tree.write(mine, "memory pids\n");
    judge.expect_by_hand(delegation, "alice", "cgroup.controllers");
    tree.write(mine, "cpu memory pids\n");
    EXPECT_EQ(judge.status(delegation, "alice"), "pass");
    tree.remove(mine);
    tree.fifo(mine);
    EXPECT_EQ(judge.status(delegation, "alice"), "unknown");
}

TEST(Delegation, TheKernelsCommandLineComesFirst) {
    struct Case {
        const char* file;
        const char* text;
        const char* want;
    };

    for (const Case& c :
         {Case{"etc/kernel/cmdline", "root=/dev/sda1 systemd.unified_cgroup_hierarchy=0 quiet\n", "fail"},
          Case{"etc/kernel/cmdline", "cgroup_disable=memory\n", "fail"},
          Case{"usr/lib/kernel/cmdline", "cgroup_disable=pids,memory\n", "fail"},
          Case{"etc/default/grub", "A=1\nGRUB_CMDLINE_LINUX=\"systemd.unified_cgroup_hierarchy=no\"\n",
               "fail"},
          Case{"etc/default/grub.d/50.cfg", "GRUB_CMDLINE_LINUX_DEFAULT='quiet cgroup_disable=cpu'\n",
               "fail"},
          Case{"etc/default/grub", "GRUB_CMDLINE_LINUX=systemd.unified_cgroup_hierarchy=0\n", "fail"},
          Case{"etc/default/grub", "export GRUB_CMDLINE_LINUX=cgroup_disable=memory; x=1\n", "fail"},
          Case{"etc/default/grub.d/a.cfg", "GRUB_CMDLINE_LINUX+=systemd.unified_cgroup_hierarchy=0;\n",
               "fail"},
          Case{"etc/default/grub", "GRUB_CMDLINE_LINUX=quiet\\ cgroup_disable=memory\n", "fail"},
          Case{"etc/default/grub", "GRUB_CMDLINE_LINUX=cgroup_disable=hugetlb\n", "pass"},
          Case{"etc/default/grub", "GRUB_CMDLINE_LINUX==\nGRUB_DEFAULT=0\n", "pass"},
          Case{"boot/loader/entries/a.conf", "title x\noptions ro systemd.unified_cgroup_hierarchy=false\n",
               "fail"},
          Case{"boot/grub/grub.cfg", "\tlinux /vmlinuz ro cgroup_disable=memory\n", "fail"},
          Case{"usr/lib/bootc/kargs.d/a.toml", "kargs = [\"quiet\", \"cgroup_disable=memory\"]\n", "fail"},
          Case{"etc/kernel/cmdline", "cgroup_disable=hugetlb\n", "pass"},
          Case{"etc/kernel/cmdline", "# cgroup_disable=memory\n", "pass"},
          Case{"etc/kernel/cmdline",
               "systemd.unified_cgroup_hierarchy=0 systemd.unified_cgroup_hierarchy=1\n", "pass"},
          Case{"etc/kernel/cmdline", "xcgroup_disable=memory systemd.unified_cgroup_hierarchy\n", "pass"},
          Case{"etc/kernel/cmdline", "cgroup_disable=memory cgroup_disable=hugetlb\n", "fail"},
          Case{"etc/kernel/cmdline",
               "systemd.unified_cgroup_hierarchy=0 x=systemd.unified_cgroup_hierarchy=1\n", "fail"},
          Case{"etc/default/grub",
               "GRUB_CMDLINE_LINUX=\"systemd.unified_cgroup_hierarchy=0 "
               "x=systemd.unified_cgroup_hierarchy=1\"\n",
               "fail"},
          Case{"etc/kernel/cmdline", "x=cgroup_disable=memory\n", "pass"},
          Case{"oem/grub.cfg", "set linux_append=cgroup_disable=memory\n", "fail"},
          Case{"etc/default/grub", "GRUB_CMDLINE_LINUX=\"quiet\" # cgroup_disable=memory\n", "pass"},
          Case{"etc/default/grub", "GRUB_TIMEOUT=5;# don't: cgroup_disable=memory\nA='#' # x\n", "pass"},
          Case{"etc/default/grub", "GRUB_CMDLINE_LINUX=\"quiet # cgroup_disable=memory\"\n", "fail"},
          Case{"etc/default/grub", "GRUB_CMDLINE_LINUX='quiet\n# cgroup_disable=memory'\n", "fail"},
          Case{"etc/default/grub", "GRUB_CMDLINE_LINUX=a#cgroup_disable=x\\ cgroup_disable=memory\n", "fail"},
          Case{"etc/default/grub.d/a.cfg", "A=\\\" # \" cgroup_disable=memory\n", "pass"}}) {
        tests::Tree tree{{"etc/passwd", passwd}};
        tree.write(unit, "[Service]\nDelegate=yes\n");
        tree.write(c.file, c.text);
        const bool fails = std::string_view(c.want) == "fail";
        EXPECT_EQ((Judge{tree}.status(delegation, fails ? "kernel" : "")), c.want)
            << c.file << ": " << c.text;
        if (fails)
            Judge{tree}.expect_by_hand(delegation, "kernel", c.file);
    }
    tests::Tree tree{{"etc/passwd", passwd}};
    tree.fifo("boot/loader/entries/a.conf");
    EXPECT_EQ((Judge{tree}.status(delegation, "kernel")), "unknown");
}

TEST(Delegation, WhatIsDisabledAboveCannotBeDelegated) {
    constexpr std::string_view service = "[Service]\nDelegate=yes\nSlice=user-%i.slice\n";

    struct Case {
        const char* name;
        const char* file;
        const char* text;
        const char* subject;
        const char* want;
    };

    for (const Case& c : {
             Case{"nothing", "etc/systemd/system/user.slice.d/a.conf", "[Slice]\nCPUWeight=5\n",
                  "user@.service", "pass"},
             Case{"in the root slice", "etc/systemd/system/-.slice.d/a.conf",
                  "[Slice]\nDisableControllers=cpu\n", "slices", "fail"},
             Case{"in user.slice, the vendor's file", "usr/lib/systemd/system/user.slice",
                  "[Slice]\nDisableControllers=io memory\n", "slices", "fail"},
             Case{"in every user's slice", "usr/lib/systemd/system/user-.slice.d/10-defaults.conf",
                  "[Slice]\nDisableControllers=pids\n", "slices", "fail"},
             Case{"in every slice", "etc/systemd/system/slice.d/a.conf", "[Slice]\nDisableControllers=pids\n",
                  "slices", "fail"},
             Case{"in the service", "etc/systemd/system/user@.service.d/a.conf",
                  "[Service]\nDisableControllers=cpu\n", "slices", "fail"},
             Case{"taken back", "etc/systemd/system/user.slice.d/a.conf",
                  "[Slice]\nDisableControllers=cpu\nDisableControllers=\n", "user@.service", "pass"},
             Case{"one that nobody wants", "etc/systemd/system/user.slice.d/a.conf",
                  "[Slice]\nDisableControllers=io\n", "user@.service", "pass"},
             Case{"in another section", "etc/systemd/system/user.slice.d/a.conf",
                  "[Unit]\nDisableControllers=cpu\n", "user@.service", "pass"},
             Case{"in a slice beside", "etc/systemd/system/system.slice.d/a.conf",
                  "[Slice]\nDisableControllers=cpu\n", "user@.service", "pass"},
             Case{"in one user's slice", "etc/systemd/system/user-1000.slice.d/a.conf",
                  "[Slice]\nDisableControllers=cpu\n", "slices of uid 1000", "fail"},
             Case{"in one user's service", "run/systemd/system/user@1000.service.d/a.conf",
                  "[Service]\nDisableControllers=cpu\n", "slices of uid 1000", "fail"},
             Case{"elsewhere, judged there", "etc/systemd/system/user@.service.d/a.conf",
                  "[Service]\nSlice=tenants.slice\n", "user@.service", "pass"},
             Case{"in a place nobody can tell", "etc/systemd/system/user@.service.d/a.conf",
                  "[Service]\nSlice=%J.slice\n", "slices", "unknown"},
             Case{"no slice", "etc/systemd/system/user@.service.d/a.conf", "[Service]\nSlice=x\n", "slices",
                  "unknown"},
         }) {
        tests::Tree tree{{"etc/passwd", passwd}};
        tree.write(unit, service);
        tree.write(c.file, c.text);
        const Judge judge{tree};
        EXPECT_EQ(judge.status(delegation, c.subject), c.want) << c.name;
        // What cannot be had is not called delegated.
        const bool passes = std::ranges::any_of(judge.all(), [](const auto& f) {
            return f.control == delegation && f.subject == "user@.service" && f.status == Status::pass;
        });
        EXPECT_EQ(passes,
                  c.want == std::string_view("pass") || c.subject == std::string("slices of uid 1000"))
            << c.name;
    }
    tests::Tree tree{{"etc/passwd", passwd}};
    tree.write(unit, "[Service]\nDelegate=yes\nSlice=tenants-%i.slice\n");
    tree.write("etc/systemd/system/tenants.slice.d/a.conf", "[Slice]\nDisableControllers=cpu pids\n");
    Judge judge{tree};
    judge.expect_by_hand(delegation, "slices", "/etc/systemd/system/tenants.slice.d/a.conf:2");
    tree.write(unit, "[Service]\nSlice=tenants-%i.slice\n");
    EXPECT_EQ(judge.status(delegation, "slices"), "fail");
    EXPECT_EQ(judge.status(delegation, "user@.service"), "fail") << "both are said";
    tree.remove("etc/systemd/system/tenants.slice.d/a.conf");
    tree.fifo("etc/systemd/system/tenants.slice.d/a.conf");
    EXPECT_EQ(judge.status(delegation, "slices"), "unknown");
}

TEST(Delegation, MoreUnitsOfSingleUsersThanAreReadAreUnknown) {
    tests::Tree tree{{"etc/passwd", passwd}};
    tree.write(unit, "[Service]\nDelegate=yes\n");
    for (int uid = 1000; uid < 1257; ++uid)
        tree.directory("etc/systemd/system/user-" + std::to_string(uid) + ".slice.d");
    EXPECT_EQ((Judge{tree}.status(delegation, "user@UID.service")), "unknown");
}

// ---- rootless.runtime-dir ----

void listen_at(const tests::Tree& tree, const std::string& path) {
    const int fd = ::socket(AF_UNIX, SOCK_STREAM, 0);
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    const std::string full = tree.path(path);
    ASSERT_LT(full.size(), sizeof address.sun_path);
    full.copy(address.sun_path, full.size());
    ASSERT_EQ(::bind(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
    ::close(fd);
}

TEST(RuntimeDir, IsTheUsersAlone) {
    tests::Tree tree{{"etc/passwd", passwd}};
    EXPECT_EQ((Judge{tree, false}.status(runtime_dir)), "not-applicable");
    Judge judge{tree, true};
    EXPECT_EQ(judge.status(runtime_dir), "not-applicable") << "nobody lingers";
    tree.write(linger_file, "");
    judge.expect_by_hand(runtime_dir, "alice", "/run/user/1000");
    tree.directory("run/systemd/system");
    const auto f = judge.of(runtime_dir, "alice");
    ASSERT_EQ(f.fix->changes.size(), 1u);
    EXPECT_EQ(std::get<policy::UnitAction>(f.fix->changes[0]).unit, "user@1000.service");
    tree.directory("run/user/1000", 0700);
    judge.expect_by_hand(runtime_dir, "alice", "/run/user/1000");  // root's
    ASSERT_EQ(::chown(tree.path("run/user/1000").c_str(), 1000, 1000), 0);
    judge.expect_by_hand(runtime_dir, "alice", "/run/user/1000/bus");
    listen_at(tree, "run/user/1000/bus");
    EXPECT_EQ(judge.status(runtime_dir, "alice"), "pass");
    ASSERT_EQ(::chmod(tree.path("run/user/1000").c_str(), 0755), 0);
    EXPECT_EQ(judge.of(runtime_dir, "alice").severity, policy::Severity::high);
    tree.remove("run/user/1000");
    tree.link("run/user/1000", "/root");
    EXPECT_EQ(judge.status(runtime_dir, "alice"), "fail") << "a symlink is not followed";
}

// ---- rootless.linger ----

policy::Provision tenant(std::optional<bool> lingers) {
    policy::Provision out;
    out.tenants.push_back({.user = "alice", .linger = lingers});
    return out;
}

TEST(Linger, FollowsThePolicy) {
    struct Case {
        const char* name;
        bool lingers;
        bool named;  // in the policy, with `says`
        std::optional<bool> says;
        bool strict;
        const char* want;
        FixClass cls;
    };

    const Case cases[] = {
        {"wanted and there", true, true, true, true, "pass", {}},
        {"wanted and missing", false, true, true, false, "fail", FixClass::live},
        {"ruled out and there", true, true, false, false, "fail", FixClass::containers_stopped},
        {"ruled out and missing", false, true, false, true, "pass", {}},
        {"not named, default", true, false, {}, false, "pass", {}},
        {"not named, strict", true, false, {}, true, "fail", FixClass::containers_stopped},
        {"named without a word, strict", true, true, {}, true, "fail", FixClass::containers_stopped},
    };
    for (const Case& c : cases) {
        tests::Tree tree{{"etc/passwd", passwd}};
        if (c.lingers)
            tree.write(linger_file, "");
        Judge judge{tree};
        if (c.named)
            judge.provision = tenant(c.says);
        if (c.strict)
            judge.params.linger_users.clear();
        SCOPED_TRACE(c.name);
        EXPECT_EQ(judge.status(linger, "alice"), c.want);
        if (std::string_view(c.want) == "fail") {
            EXPECT_EQ(judge.of(linger, "alice").fix->cls, c.cls);
            judge.expect_fixed(linger, "alice");
        }
    }
}

TEST(Linger, UnitsWithoutLingerAndLingerWithoutAccountAreFound) {
    tests::Tree tree{{"etc/passwd", passwd}};
    tree.write("home/alice/.config/containers/systemd/web.container", "");
    Judge judge{tree};
    judge.expect_by_hand(linger, "alice", "web.container");
    tree.write(linger_file, "");
    EXPECT_EQ(judge.status(linger, "alice"), "pass");
    tree.write("var/lib/systemd/linger/bob", "");
    judge.expect_fixed(linger, "bob");
    tests::Tree system{{"etc/passwd", passwd}, {"etc/containers/systemd/users/1000/db.container", ""}};
    EXPECT_EQ((Judge{system}.status(linger, "alice")), "fail");
    tests::Tree nobody{{"etc/passwd", passwd}};
    EXPECT_EQ((Judge{nobody}.status(linger)), "pass");
}

TEST(Linger, WhateverTheUsersManagerStartsNeedsIt) {
    const std::string units = "home/alice/.config/systemd/user/";
    for (const char* link : {"default.target.wants/web.service", "sockets.target.wants/podman.socket"}) {
        tests::Tree tree{{"etc/passwd", passwd}};
        tree.write(units + "web.service", "[Service]\nExecStart=podman run web\n");
        EXPECT_EQ((Judge{tree}.status(linger)), "pass") << "not enabled";
        tree.link(units + link, "/usr/lib/systemd/user/podman.socket");
        Judge{tree}.expect_by_hand(linger, "alice", link);
    }
    tests::Tree nested{{"etc/passwd", passwd}};
    nested.write("home/alice/.config/containers/systemd/web/db/db.container", "");
    Judge{nested}.expect_by_hand(linger, "alice", "db.container");
}

TEST(Linger, WhatCannotBeReadIsUnknown) {
    tests::Tree tree{{"etc/passwd", passwd}};
    tree.fifo("etc/subuid");
    for (const auto control : {linger, runtime_dir})
        EXPECT_EQ((Judge{tree, true}.status(control)), "unknown") << control;
}

TEST(Linger, RootLingersOnlyWhenThePolicyNamesIt) {
    tests::Tree tree{{"etc/passwd", passwd}, {"var/lib/systemd/linger/root", ""}};
    Judge judge{tree};
    EXPECT_EQ(judge.status(linger), "pass");
    judge.params.linger_users.clear();
    judge.expect_fixed(linger, "root");
}

// ---- rootless.network-stack ----

void install(const tests::Tree& tree, std::string_view version) {
    tree.write("var/lib/dpkg/status",
               "Package: podman\nStatus: install ok installed\nVersion: " + std::string(version) + "\n\n");
    tree.write("usr/bin/podman", "");
    tree.write("usr/bin/pasta", "");
    tree.write("etc/subuid", "alice:100000:65536\n");
}

TEST(Network, PastaIsWantedByVersionAndConfiguration) {
    struct Case {
        const char* version;
        const char* conf;
        const char* want;
    };

    for (const Case& c :
         {Case{"5.4.2", "", "pass"},
          Case{"5.4.2", "[network]\ndefault_rootless_network_cmd = \"pasta\"\n", "pass"},
          Case{"5.4.2", "[network]\ndefault_rootless_network_cmd = \"slirp4netns\"\n", "fail"},
          Case{"4.9.3", "", "fail"},
          Case{"4.9.3", "[network]\ndefault_rootless_network_cmd = \"pasta\"\n", "pass"},
          Case{"4.3.1", "", "fail"},
          Case{"5.4.2", "[network]\npasta_options = [\"--map-gw\"]\n", "fail"},
          Case{"5.4.2", "[network]\npasta_options = [\"-T\", \"auto\"]\n", "fail"},
          Case{"5.4.2", "[network]\npasta_options = [\"-T,auto\"]\n", "fail"},
          Case{"5.4.2", "[network]\npasta_options = [\"-t\", \"auto\"]\n", "pass"},
          Case{"5.4.2", "[engine]\nnetwork_cmd_options = [\"allow_host_loopback=true\"]\n", "fail"},
          Case{"5.4.2", "[network]\npasta_options = [\"-T\", \"8080\"]\n", "fail"},
          Case{"5.4.2", "[network]\npasta_options = [\"-T8080\"]\n", "fail"},
          Case{"5.4.2", "[network]\npasta_options = [\"-T\", \"none\", \"-U\", \"none\"]\n", "pass"},
          Case{"5.4.2", "[network]\npasta_options = [\"--udp-ns=53\"]\n", "fail"},
          Case{"5.4.2", "[network]\npasta_options = [\"--map-host-loopback\", \"10.0.0.9\"]\n", "fail"},
          Case{"5.4.2", "[network]\npasta_options = [\"--map-host-loopback=10.0.0.9\"]\n", "fail"},
          Case{"5.4.2", "[network]\npasta_options = [\"--map-host-loopback=none\"]\n", "pass"},
          Case{"5.4.2", "[network]\npasta_options = [\"--host-lo-to-ns-lo\"]\n", "pass"},
          Case{"5.4.2", "[network]\ndefault_rootless_network_cmd = \"pasta:--map-gw\"\n", "fail"},
          Case{"5.4.2", "[containers]\nnetns = \"slirp4netns:allow_host_loopback=true\"\n", "fail"},
          Case{"5.4.2", "[containers]\nnetns = \"slirp4netns\"\n", "fail"},
          Case{"5.4.2", "[containers]\nnetns = \"pasta:--map-gw\"\n", "fail"},
          Case{"5.4.2", "[containers]\nnetns = \"pasta:-t,8080\"\n", "pass"},
          Case{"5.4.2", "[engine]\nnetwork_cmd_options = [\"allow_host_loopback=false\"]\n", "pass"},
          Case{"5.4.2", "[network\n", "unknown"}}) {
        tests::Tree tree{{"etc/passwd", passwd}};
        install(tree, c.version);
        tree.write("etc/containers/containers.conf", c.conf);
        EXPECT_EQ((Judge{tree}.status(network, "alice")), c.want) << c.version << " " << c.conf;
    }
}

TEST(Network, FixWritesADropInWhereThatHelps) {
    tests::Tree tree{{"etc/passwd", passwd}};
    Judge judge{tree};
    install(tree, "4.9.3");
    judge.expect_fixed(network, "alice");
    install(tree, "5.4.2");
    tree.write("etc/containers/containers.conf",
               "[network]\ndefault_rootless_network_cmd = \"slirp4netns\"\n");
    judge.expect_fixed(network, "alice");
    install(tree, "4.3.1");
    judge.expect_by_hand(network, "alice", "4.3.1");
    install(tree, "5.4.2");
    const std::string mine = "home/alice/.config/containers/containers.conf";
    tree.write(mine, "[network]\ndefault_rootless_network_cmd = \"slirp4netns\"\n");
    judge.expect_by_hand(network, "alice", "/" + mine + ":2");
}

TEST(Network, WhatCannotBeReadOrToldIsUnknown) {
    tests::Tree tree{{"etc/passwd", passwd}};
    install(tree, "5.4.2");
    tree.fifo("home/alice/.config/systemd/user/docker.service");
    EXPECT_EQ((Judge{tree}.status(network, "alice")), "unknown");
    tree.remove("home/alice/.config/systemd/user/docker.service");
    EXPECT_EQ((Judge{tree}.status(network, "alice")), "pass");
    tree.write("usr/local/bin/podman", "");
    EXPECT_EQ((Judge{tree}.status(network, "alice")), "unknown") << "the default depends on the version";
    tree.write("etc/containers/containers.conf.d/a.conf",
               "[network]\ndefault_rootless_network_cmd = \"pasta\"\n");
    EXPECT_EQ((Judge{tree}.status(network, "alice")), "pass");
}

TEST(Network, QuadletsMayNameAnother) {
    struct Case {
        const char* setting;
        const char* want;
    };

    for (const Case& c :
         {Case{"Network=slirp4netns:allow_host_loopback=true", "fail"}, Case{"Network=slirp4netns", "fail"},
          Case{"Network=pasta:--map-gw", "fail"}, Case{"Network=pasta:-T,8080", "fail"},
          Case{"PodmanArgs=--network pasta:-Tauto", "fail"}, Case{"Network=pasta", "pass"},
          Case{"Network=pasta:-t,8080", "pass"}, Case{"Network=web.network", "pass"}})
        for (const char* file :
             {"home/alice/.config/containers/systemd/deep/a.container",
              "etc/containers/systemd/users/1000/a.container", "etc/containers/systemd/users/a.container"}) {
            tests::Tree tree{{"etc/passwd", passwd}};
            install(tree, "5.4.2");
            tree.write(file, "[Container]\n" + std::string(c.setting) + "\n");
            EXPECT_EQ((Judge{tree}.status(network, "alice")), c.want) << c.setting << " in " << file;
        }
    tests::Tree tree{{"etc/passwd", passwd}};
    install(tree, "5.4.2");
    tree.write("etc/containers/systemd/users/1001/a.container", "[Container]\nNetwork=slirp4netns\n");
    EXPECT_EQ((Judge{tree}.status(network, "alice")), "pass") << "of somebody else";
    tree.fifo("home/alice/.config/containers/systemd/a.container");
    EXPECT_EQ((Judge{tree}.status(network, "alice")), "unknown");
}

TEST(Network, UnitsOfUsersMayNameAnother) {
    for (const char* file : {"home/alice/.config/systemd/user/a.service", "etc/systemd/user/a.service"}) {
        tests::Tree tree{{"etc/passwd", passwd}};
        install(tree, "5.4.2");
        tree.write(file, "[Service]\nExecStart=podman run --network=pasta web\n");
        EXPECT_EQ((Judge{tree}.status(network, "alice")), "pass") << file;
        tree.write(file, "[Service]\nExecStart=podman run --network=slirp4netns web\n");
        Judge{tree}.expect_by_hand(network, "alice", std::string(file) + ":2");
        tree.write(file, "[Service]\nExecStart=podman kube play --network pasta:--map-gw /x.yaml\n");
        Judge{tree}.expect_by_hand(network, "alice", std::string(file) + ":2");
        tree.remove(file);
        tree.fifo(file);
        EXPECT_EQ((Judge{tree}.status(network, "alice")), "unknown") << file;
    }
}

TEST(Network, DockerOfUnitsForAllUsers) {
    const std::string slirp = "[Service]\nEnvironment=DOCKERD_ROOTLESS_ROOTLESSKIT_NET=slirp4netns\n";
    tests::Tree tree{{"etc/passwd", passwd}};
    install(tree, "5.4.2");
    tree.write("etc/systemd/user/docker.service", slirp);
    const Judge judge{tree};
    EXPECT_EQ(judge.status(network, "alice"), "pass") << "nothing starts it";
    tree.link("etc/systemd/user/default.target.wants/docker.service", "../docker.service");
    judge.expect_by_hand(network, "alice", "/etc/systemd/user/docker.service:2");
    const std::string drop_in = "etc/systemd/user/docker.service.d/net.conf";
    tree.write(drop_in, "[Service]\nEnvironment=DOCKERD_ROOTLESS_ROOTLESSKIT_NET=pasta\n");
    EXPECT_EQ(judge.status(network, "alice"), "pass");
    tree.write("home/alice/.config/systemd/user/service.d/net.conf", slirp);
    EXPECT_EQ(judge.status(network, "alice"), "pass") << "less specific";
    tree.write("home/alice/.config/systemd/user/docker.service.d/net.conf", slirp);
    judge.expect_by_hand(network, "alice", "/home/alice/.config/systemd/user/docker.service.d/net.conf:2");
}

TEST(Network, DockerProcessesAndPrograms) {
    tests::Tree tree{{"etc/passwd", passwd}};
    EXPECT_EQ((Judge{tree}.status(network)), "not-applicable");
    install(tree, "5.4.2");
    tree.write("home/alice/.config/systemd/user/docker.service",
               "[Service]\nEnvironment=DOCKERD_ROOTLESS_ROOTLESSKIT_NET=pasta\n");
    const std::string drop_in = "home/alice/.config/systemd/user/docker.service.d/net.conf";
    tree.write(drop_in, "[Service]\nEnvironment=DOCKERD_ROOTLESS_ROOTLESSKIT_NET=slirp4netns\n");
    Judge judge{tree};
    judge.expect_by_hand(network, "alice", "/" + drop_in + ":2");
    tree.write(drop_in, "[Service]\nEnvironment=DOCKERD_ROOTLESS_ROOTLESSKIT_DISABLE_HOST_LOOPBACK=false\n");
    judge.expect_by_hand(network, "alice", "/" + drop_in + ":2");
    tree.remove("usr/bin/pasta");
    judge.expect_by_hand(network, "pasta", "/usr/bin/pasta");
    tree.write("proc/812/stat", "812 (slirp4netns) S 1 812 812 0 -1 0 0 0 0 0 0 0 0 0 20 0 1 0 5\n");
    tree.write("proc/812/status",
               "Name:\tslirp4netns\nState:\tS (sleeping)\nPid:\t812\nPPid:\t1\nUid:\t1000\t1000\t1000\t1000\n"
               "Gid:\t1000\t1000\t1000\t1000\nGroups:\t1000 \n");
    tree.write("proc/812/comm", "slirp4netns\n");
    tree.write("proc/812/cmdline", std::string_view("slirp4netns\0", 12));
    judge.live = true;
    judge.expect_by_hand(network, "slirp4netns", "pid 812");
}

}  // namespace
}  // namespace plimsoll::modules::rootless
