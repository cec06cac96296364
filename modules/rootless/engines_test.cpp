// SPDX-License-Identifier: Apache-2.0
// Verdicts of the Engines module, and that its fixes make them pass.
#include "modules/rootless/testing/engines_fixture.hpp"

#include <gmock/gmock.h>

#include <algorithm>

#include <sys/xattr.h>

namespace {
using namespace plimsoll;
using namespace plimsoll::modules::rootless;
using namespace plimsoll::modules::rootless::testing;
using ::testing::ElementsAre;
using ::testing::IsSupersetOf;
using ::testing::UnorderedElementsAre;

TEST(Engines, EveryControlSpeaksAndNothingIsApplicableOnABareTree) {
    const tests::Tree tree;
    const auto findings = assess(tree.host());
    for (const auto& control : Engines::controls()) {
        const auto said = verdicts(findings, control.id);
        ASSERT_EQ(said.size(), 1U) << control.id;
        EXPECT_TRUE(said[0].ends_with(": not-applicable")) << control.id << " " << said[0];
    }
}

TEST(Engines, ParametersBelongToControls) {
    for (const auto& p : Engines::params())
        EXPECT_TRUE(std::ranges::any_of(Engines::controls(), [&](const auto& c) {
            return c.id == p.control;
        })) << p.key;
}

// ---- B01 ----

constexpr std::string_view daemon = "engine.rootful-daemon";

TEST(RootfulDaemon, OnAnImageUnitsDecide) {
    const tests::Tree tree;
    add_docker(tree);
    EXPECT_THAT(verdicts(assess(tree.host()), daemon), ElementsAre("docker: fail high"));
    EXPECT_THAT(verdicts(assess(tree.host(), {.allowed_engines = {"docker"}}), daemon),
                ElementsAre("docker: pass"));
    EXPECT_THAT(verdicts(assess(tree.host(), {.rootless_only = true}), daemon),
                ElementsAre("docker: fail critical"));
    tree.remove(wants);
    EXPECT_THAT(verdicts(assess(tree.host()), daemon), ElementsAre("docker: fail high"));  // by its socket
    tree.remove(socket_wants);
    EXPECT_THAT(verdicts(assess(tree.host()), daemon), ElementsAre("docker: pass"));
}

TEST(RootfulDaemon, InitScriptsCountWhereNoNativeUnitHasTheirName) {
    const tests::Tree tree;
    tree.write("usr/bin/dockerd", "", 0755);
    tree.write("usr/lib/systemd/systemd", "", 0755);
    tree.write("usr/lib/systemd/system-generators/systemd-sysv-generator", "", 0755);
    tree.write("etc/init.d/docker", "#!/bin/sh\nexec dockerd $DOCKER_OPTS\n", 0755);
    EXPECT_THAT(verdicts(assess(tree.host()), daemon), ElementsAre("docker: pass"));
    tree.link("etc/rc2.d/S20docker", "../init.d/docker");
    EXPECT_THAT(verdicts(assess(tree.host()), daemon), ElementsAre("docker: fail high"));
    expect_converges(tree, tree.host(), daemon);
    // Its options are not to be seen.
    EXPECT_THAT(verdicts(assess(tree.host()), "docker.daemon-json"),
                ElementsAre("dockerd: unknown", "/etc/docker/daemon.json: fail medium"));
    // As Debian ships it: the native unit decides, which nothing starts.
    tree.write("usr/lib/systemd/system/docker.service", docker_unit);
    EXPECT_THAT(verdicts(assess(tree.host()), daemon), ElementsAre("docker: pass"));
    tree.remove("usr/lib/systemd/system/docker.service");
    tree.link("etc/systemd/system/docker.service", "/dev/null");
    EXPECT_THAT(verdicts(assess(tree.host()), daemon), ElementsAre("docker: pass"));
}

// At boot the generator has made a service of it, which says nothing of what the script calls.
TEST(RootfulDaemon, AnInitScriptCountsAlsoWhereItsServiceHasBeenMade) {
    const std::string late = "run/systemd/generator.late/";
    const tests::Tree tree;
    tree.write("etc/init.d/mine", "#!/bin/sh\nexec dockerd\n", 0755);
    tree.write(late + "mine.service",
               "[Unit]\nSourcePath=/etc/init.d/mine\n[Service]\nExecStart=/etc/init.d/mine start\n");
    EXPECT_THAT(verdicts(assess(tree.host()), daemon), ElementsAre("docker: pass"));
    tree.link(late + "multi-user.target.wants/mine.service", "../mine.service");
    EXPECT_THAT(verdicts(assess(tree.host()), daemon), ElementsAre("docker: fail high"));
    EXPECT_THAT(verdicts(assess(tree.host()), "docker.daemon-json"),
                ElementsAre("dockerd: unknown", "/etc/docker/daemon.json: fail medium"));
    tree.link("etc/rc2.d/S20mine", "../init.d/mine");
    EXPECT_THAT(verdicts(assess(tree.host()), daemon), ElementsAre("docker: fail high"));
    tree.write("etc/systemd/system/mine.service.d/x.conf", "[Service]\nUser=alice\n");
    tree.write("etc/passwd", accounts);
    EXPECT_THAT(verdicts(assess(tree.host()), daemon), ElementsAre("docker: pass"));
    tree.remove("etc/systemd/system/mine.service.d");
    tree.link("etc/systemd/system/mine.service", "/dev/null");
    EXPECT_THAT(verdicts(assess(tree.host()), daemon), ElementsAre("host: not-applicable"));
}

TEST(RootfulDaemon, AnInitScriptOfAnyNameIsFoundByWhatItNames) {
    struct Case {
        const char* text;
        const char* expected;
    };

    for (const Case& c :
         {Case{"DAEMON=/usr/bin/containerd\n$DAEMON &\n", "containerd: fail high"},
          Case{"nohup k3s server &\n", "k3s: fail high"},
          Case{"# starts no dockerd\nexec cron\n", "host: not-applicable"},
          Case{"start-stop-daemon --start --exec /usr/bin/dockerd -- -H fd://\n", "docker: fail high"},
          Case{"start-stop-daemon -S -x /opt/dockerd\n", "docker: fail high"},
          Case{"start-stop-daemon -S \\\n --exec dockerd\n", "docker: fail high"},
          Case{"pgrep -x dockerd || exit 1\n", "host: not-applicable"},
          Case{"DAEMON=${DAEMON:-/usr/bin/dockerd}\n", "docker: fail high"},
          Case{": \"${D:=/usr/local/sbin/buildkitd}\"\n", "buildkit: fail high"},
          Case{"D=dockerd\nexec $D\n", "docker: fail high"},
          Case{"P=containerd\nstart-stop-daemon --exec $P\n", "containerd: fail high"},
          Case{"rm -f /var/run/dockerd.pid /run/containerd/x /etc/rancher/k3s/x\n", "host: not-applicable"},
          Case{"test -e /usr/bin/dockerd-rootless.sh\n", "host: not-applicable"},
          Case{"\x1b[2J dockerd\n", "docker: fail high"}}) {
        const tests::Tree tree;
        tree.write("etc/init.d/mine", c.text, 0755);
        tree.link("etc/rc3.d/S99mine", "../init.d/mine");
        EXPECT_THAT(verdicts(assess(tree.host()), daemon), ElementsAre(c.expected)) << c.text;
    }
    const tests::Tree tree;
    tree.write("etc/init.d/mine", std::string(std::size_t{2} << 20, '#'), 0755);
    EXPECT_THAT(verdicts(assess(tree.host()), daemon), ElementsAre("units: unknown"));
}

TEST(RootfulDaemon, Rke2IsAnEngineThatAKubeletDependsOn) {
    const tests::Tree tree{{"usr/local/lib/systemd/system/rke2-server.service",
                            "[Service]\nExecStart=/usr/local/bin/rke2 server\n"}};
    EXPECT_THAT(verdicts(assess(tree.host()), daemon), ElementsAre("rke2: pass"));
    tree.link("etc/systemd/system/multi-user.target.wants/rke2-server.service",
              "/usr/local/lib/systemd/system/rke2-server.service");
    const auto findings = assess(tree.host());
    EXPECT_THAT(verdicts(findings, daemon), ElementsAre("rke2: fail high"));
    for (const auto& f : findings)
        if (f.control == daemon) {
            EXPECT_TRUE(f.fix && f.fix->changes.empty());
        }
    EXPECT_THAT(verdicts(assess(tree.host(), {.allowed_engines = {"rke2"}}), daemon),
                ElementsAre("rke2: pass"));
}

TEST(RootfulDaemon, AMaskedUnitPassesAndAUsersDoesNotCount) {
    const tests::Tree tree;
    add_docker(tree);
    tree.link("etc/systemd/system/docker.service", "/dev/null");
    tree.link("etc/systemd/system/docker.socket", "/dev/null");
    EXPECT_THAT(verdicts(assess(tree.host()), daemon), ElementsAre("docker: pass"));

    const tests::Tree rootless{
        {"etc/systemd/system/mine.service", "[Service]\nUser=alice\nExecStart=/usr/bin/dockerd\n"}};
    rootless.link("etc/systemd/system/x.target.wants/mine.service", "../mine.service");
    EXPECT_THAT(verdicts(assess(rootless.host()), daemon), ElementsAre("docker: pass"));
}

TEST(RootfulDaemon, AUnitOfAnyNameIsFoundByWhatItRuns) {
    const tests::Tree tree{
        {"etc/systemd/system/x.service", "[Service]\nExecStart=/bin/true\n"},
        {"etc/systemd/system/x.service.d/o.conf", "[Service]\nExecStart=\nExecStart=/opt/dockerd\n"}};
    tree.link("etc/systemd/system/y.target.wants/x.service", "../x.service");
    EXPECT_THAT(verdicts(assess(tree.host()), daemon), ElementsAre("docker: fail high"));
}

TEST(RootfulDaemon, AUsersUnitIsNoneWhenWhatItRunsKeepsRootsPower) {
    struct Case {
        const char* service;
        const char* expected;
    };

    const Case cases[] = {
        {"User=alice\nExecStart=/usr/bin/dockerd\n", "docker: pass"},
        {"User=alice\nExecStart=-/usr/bin/dockerd\n", "docker: pass"},
        {"User=alice\nExecStart=!!/usr/bin/dockerd\n", "docker: pass"},
        {"User=alice\nExecStart=+/usr/bin/dockerd\n", "docker: fail high"},
        {"User=alice\nExecStart=-!/usr/bin/dockerd\n", "docker: fail high"},
        {"User=alice\nExecStart=/bin/true\nExecStartPost=+/usr/bin/dockerd\n", "docker: fail high"},
        {"User=toor\nExecStart=/usr/bin/dockerd\n", "docker: fail high"},
        {"User=00\nExecStart=/usr/bin/dockerd\n", "docker: fail high"},
        {"User=1000\nExecStart=/usr/bin/dockerd\n", "docker: pass"},
        {"User=remote\nExecStart=/usr/bin/dockerd\n", "docker: pass"},
        {"ExecStart=/bin/true\nExecStartPre=/usr/bin/dockerd\n", "docker: fail high"},
    };
    for (const Case& c : cases) {
        const tests::Tree tree{
            {"etc/passwd", "root:x:0:0::/root:\ntoor:x:0:0::/root:\nalice:x:1000:1000::/a:\n"},
            {"etc/systemd/system/mine.service", "[Service]\n" + std::string(c.service)}};
        tree.link("etc/systemd/system/x.target.wants/mine.service", "../mine.service");
        EXPECT_THAT(verdicts(assess(tree.host()), daemon), ElementsAre(c.expected)) << c.service;
    }
}

TEST(RootfulDaemon, WhatAnotherUnitPullsInStarts) {
    struct Case {
        const char* what;
        std::vector<std::pair<std::string, std::string>> files;
        const char* link;  // of multi-user.target
        const char* expected;
    };

    const Case cases[] = {
        {"nobody", {}, "", "docker: pass"},
        {"an enabled unit",
         {{"app.service", "[Unit]\nRequires=docker.service\n"}},
         "app.service",
         "docker: fail high"},
        {"a dormant one", {{"app.service", "[Unit]\nRequires=docker.service\n"}}, "", "docker: pass"},
        {"a masked one", {{"app.service", ""}}, "app.service", "docker: pass"},
        {"only an order", {{"app.service", "[Unit]\nAfter=docker.service\n"}}, "app.service", "docker: pass"},
        {"a chain",
         {{"a.service", "[Unit]\nWants=docker-b.service\n"},
          {"docker-b.service", "[Unit]\nBindsTo=docker.service\n"}},
         "docker-b.service",
         "docker: fail high"},
        {"a target's drop-in",
         {{"multi-user.target.d/x.conf", "[Unit]\nUpholds=docker.service\n"},
          {"multi-user.target", "[Unit]\nDescription=x\n"}},
         "",
         "docker: fail high"},
        {"a timer of its name",
         {{"docker.timer", "[Timer]\nOnBootSec=1\n"}},
         "docker.timer",
         "docker: fail high"},
        {"a timer that names it",
         {{"t.timer", "[Timer]\nUnit=docker.service\n"}},
         "t.timer",
         "docker: fail high"},
        {"a dormant timer", {{"docker.timer", "[Timer]\nOnBootSec=1\n"}}, "", "docker: pass"},
        {"a path", {{"p.path", "[Path]\nUnit=docker.service\n"}}, "p.path", "docker: fail high"},
        {"a socket of another name",
         {{"s.socket", "[Socket]\nService=docker.service\n"}},
         "s.socket",
         "docker: fail high"},
    };
    for (const Case& c : cases) {
        const tests::Tree tree{
            {"usr/lib/systemd/system/docker.service", "[Service]\nExecStart=/usr/bin/dockerd\n"}};
        for (const auto& [name, text] : c.files)
            tree.write("etc/systemd/system/" + name, text);
        if (*c.link != '\0')
            tree.link("etc/systemd/system/multi-user.target.wants/" + std::string(c.link),
                      "../" + std::string(c.link));
        EXPECT_THAT(verdicts(assess(tree.host()), daemon), ElementsAre(c.expected)) << c.what;
    }
}

TEST(RootfulDaemon, AUnitOfAnyNameIsFoundByWhoPullsItIn) {
    const tests::Tree tree{{"etc/systemd/system/engine.service", "[Service]\nExecStart=/usr/bin/dockerd\n"},
                           {"etc/systemd/system/app.service", "[Unit]\nWants=engine.service\n"}};
    EXPECT_THAT(verdicts(assess(tree.host()), daemon), ElementsAre("docker: pass"));
    tree.link("etc/systemd/system/multi-user.target.wants/app.service", "../app.service");
    const auto findings = assess(tree.host());
    EXPECT_THAT(verdicts(findings, daemon), ElementsAre("docker: fail high"));
    const auto found = std::ranges::find(findings, daemon, &policy::Finding::control);
    ASSERT_NE(found, findings.end());
    EXPECT_EQ(found->evidence.front().source, "/etc/systemd/system/app.service:2");
    EXPECT_TRUE(found->fix->changes.empty())
        << "the file is the administrator's, and nothing but it keeps it up";
}

TEST(RootfulDaemon, ATemplateStartsByItsInstances) {
    const tests::Tree tree{
        {"etc/systemd/system/engine@.service", "[Service]\nExecStart=/usr/bin/dockerd -g %i\n"}};
    EXPECT_THAT(verdicts(assess(tree.host()), daemon), ElementsAre("docker: pass"));
    tree.link("etc/systemd/system/multi-user.target.wants/engine@x.service", "../engine@.service");
    EXPECT_THAT(verdicts(assess(tree.host()), daemon), ElementsAre("docker: fail high"));
}

TEST(RootfulDaemon, ProcessesDecideOnARunningHost) {
    struct Case {
        const char* what;
        FakeProcess process;
        const char* expected;
    };

    const Case cases[] = {
        {"root", {.pid = 9, .exe = "/usr/bin/dockerd"}, "docker: fail high"},
        {"deleted binary", {.pid = 9, .exe = "/usr/bin/dockerd (deleted)"}, "docker: fail high"},
        {"a user's",
         {.pid = 9, .exe = "/usr/bin/dockerd", .uid = 1000, .user_ns = "4026532000"},
         "docker: pass"},
        {"root in a child namespace",
         {.pid = 9, .exe = "/usr/bin/dockerd", .user_ns = "4026532000"},
         "docker: pass"},
        {"namespace hidden", {.pid = 9, .exe = "/usr/bin/dockerd", .user_ns = ""}, "docker: unknown"},
        {"crio", {.pid = 9, .exe = "/usr/bin/crio"}, "crio: fail high"},
        {"podman service",
         {.pid = 9, .exe = "/usr/bin/podman", .argv = {"podman", "system", "service"}},
         "podman: fail high"},
        {"podman run",
         {.pid = 9, .exe = "/usr/bin/podman", .argv = {"podman", "run"}},
         "host: not-applicable"},
        {"a name in comm alone",
         {.pid = 9, .exe = "/usr/bin/sleep", .argv = {"dockerd"}},
         "host: not-applicable"},
    };
    for (const Case& c : cases) {
        const tests::Tree tree;
        add_proc(tree);
        add_process(tree, c.process);
        EXPECT_THAT(verdicts(assess(tree.live_host()), daemon), ElementsAre(c.expected)) << c.what;
    }
}

TEST(RootfulDaemon, TheContainerdOfDockerIsDockers) {
    const tests::Tree tree;
    add_proc(tree);
    add_process(tree, {.pid = 9, .exe = "/usr/bin/dockerd"});
    add_process(tree, {.pid = 10, .exe = "/usr/bin/containerd", .parent = 9});
    EXPECT_THAT(verdicts(assess(tree.live_host()), daemon),
                ElementsAre("docker: fail high", "containerd: pass"));
}

TEST(RootfulDaemon, WhatCannotBeReadIsUnknown) {
    const tests::Tree no_proc;
    EXPECT_THAT(verdicts(assess(no_proc.live_host()), daemon), ElementsAre("processes: unknown"));
    const tests::Tree tree;
    tree.fifo("usr/lib/systemd/system/docker.service");
    EXPECT_THAT(verdicts(assess(tree.host()), daemon), ElementsAre("units: unknown"));
}

TEST(RootfulDaemon, TheFixConverges) {
    const tests::Tree tree;
    add_docker(tree);
    expect_converges(tree, tree.host(), daemon);
}

TEST(RootfulDaemon, TheFixLeavesAnAdministratorsFile) {
    const tests::Tree tree;
    add_docker(tree);
    tree.write("etc/systemd/system/docker.service", docker_unit);
    tree.remove(wants);
    tree.link(wants, "../docker.service");
    for (const auto& f : assess(tree.host()))
        if (f.control == daemon && f.fix)
            for (const auto& change : f.fix->changes)
                if (const auto* mask = std::get_if<policy::MakeSymlink>(&change)) {
                    EXPECT_EQ(mask->path, "/etc/systemd/system/docker.socket");
                }
    expect_converges(tree, tree.host(), daemon);
}

TEST(RootfulDaemon, UnderAKubeletTheFixIsNotOurs) {
    const tests::Tree tree{{"var/lib/kubelet/config.yaml", ""}};
    add_docker(tree);
    for (const auto& f : assess(tree.host()))
        if (f.control == daemon) {
            EXPECT_EQ(f.fix->cls, policy::FixClass::never_automatic);
            EXPECT_TRUE(f.fix->changes.empty());
        }
}

TEST(RootfulDaemon, StopsTheSocketBeforeTheService) {
    const tests::Tree tree;
    add_proc(tree);
    add_docker(tree);
    const auto findings = assess(tree.live_host());
    const auto f = std::ranges::find(findings, daemon, &policy::Finding::control);
    std::vector<std::string> stopped;
    for (const auto& change : f->fix->changes)
        if (const auto* action = std::get_if<policy::UnitAction>(&change);
            action != nullptr && action->verb == policy::UnitAction::Verb::stop)
            stopped.push_back(action->unit);
    EXPECT_THAT(stopped, ElementsAre("docker.socket", "docker.service"));
}

// ---- B02 ----

constexpr std::string_view access_id = "engine.docker-socket-access";

TEST(SocketAccess, MembersOfTheGroup) {
    const tests::Tree tree{{"etc/passwd", accounts}, {"etc/group", "root:x:0:\ndocker:x:997:alice,carol\n"}};
    EXPECT_THAT(verdicts(assess(tree.host()), access_id),
                ElementsAre("group docker: fail low"));  // not installed
    add_docker(tree);
    EXPECT_THAT(verdicts(assess(tree.host()), access_id),
                UnorderedElementsAre("group docker: fail critical", "docker.socket: pass"));
    EXPECT_THAT(verdicts(assess(tree.host(), {.allowed_members = {"alice", "carol"}}), access_id),
                UnorderedElementsAre("group docker: pass", "docker.socket: pass"));
    tree.write("etc/nsswitch.conf", "group: files ldap\n");
    EXPECT_THAT(verdicts(assess(tree.host(), {.allowed_members = {"alice", "carol"}}), access_id),
                UnorderedElementsAre("group docker: unknown", "docker.socket: pass"));
    tree.write("etc/group", "docker:x:998:\n");
    tree.remove("etc/nsswitch.conf");
    EXPECT_THAT(verdicts(assess(tree.host()), access_id),  // bob's primary group
                UnorderedElementsAre("group docker: fail critical", "docker.socket: pass"));
    tree.write("etc/group", "docker:x:997:\n");
    EXPECT_THAT(verdicts(assess(tree.host()), access_id),
                UnorderedElementsAre("group docker: pass", "docker.socket: pass"));
    tree.remove("etc/group");
    tree.fifo("etc/group");
    EXPECT_THAT(verdicts(assess(tree.host()), access_id),
                UnorderedElementsAre("groups: unknown", "docker.socket: pass"));
}

TEST(SocketAccess, TheGroupIsTheOneThatDockerdUses) {
    const tests::Tree tree{{"etc/passwd", accounts},
                           {"etc/group", "docker:x:997:\ndev:x:996:alice\n"},
                           {"etc/docker/daemon.json", "{\"group\": \"dev\"}"}};
    tree.write("usr/bin/dockerd", "");
    EXPECT_THAT(verdicts(assess(tree.host()), access_id), ElementsAre("group dev: fail critical"));
}

TEST(SocketAccess, TheFixConverges) {
    const tests::Tree tree{{"etc/passwd", accounts},
                           {"etc/group", "root:x:0:\ndocker:x:997:alice,carol\nzz:x:5:alice\n"},
                           {"etc/gshadow", "root:*::\ndocker:!:alice:alice,carol\n"}};
    add_docker(tree);
    expect_converges(tree, tree.host(), access_id, {.allowed_members = {"carol"}});
    tree.write("etc/group",
               "docker:x:998:\n");  // by bob's primary group, so that only the socket can be closed
    expect_converges(tree, tree.host(), access_id);
    tree.remove("etc/group");
    tree.write("usr/share/baselayout/group", "docker:x:997:alice\n");  // read-only there
    expect_converges(tree, tree.host(), access_id);
}

TEST(SocketAccess, AUnitWithoutModeIsOpenToAll) {
    const tests::Tree tree{
        {"usr/lib/systemd/system/podman.socket", "[Socket]\nListenStream=%t/podman/podman.sock\n[Install]\n"},
        {"etc/systemd/system/podman.socket.d/70-x.conf", "[Socket]\nSocketUser=root\n"}};
    tree.link("etc/systemd/system/sockets.target.wants/podman.socket",
              "/usr/lib/systemd/system/podman.socket");
    EXPECT_THAT(verdicts(assess(tree.host()), access_id),
                IsSupersetOf({std::string("podman.socket: fail critical")}));
    expect_converges(tree, tree.host(), access_id);
}

TEST(SocketAccess, SocketFilesOfARunningHost) {
    if (::geteuid() != 0)
        GTEST_SKIP() << "needs root to give a socket to another group";
    const tests::Tree tree{{"etc/passwd", accounts}, {"etc/group", "staff:x:996:alice\ndocker:x:997:\n"}};
    add_proc(tree);
    add_socket(tree, "/run/docker.sock", 0666);
    add_socket(tree, "/run/crio/crio.sock", 0660, 996);
    EXPECT_THAT(verdicts(assess(tree.live_host()), access_id),
                UnorderedElementsAre("group docker: pass", "group staff: fail low",
                                     "/run/docker.sock: fail critical", "/run/crio/crio.sock: pass"));
    EXPECT_THAT(verdicts(assess(tree.host()), access_id),
                ElementsAre("group docker: pass"));  // an image has none
}

TEST(SocketAccess, ASocketIsMadeAnewByItsUnit) {
    const tests::Tree tree{{"etc/passwd", accounts}, {"etc/group", "docker:x:997:\n"}};
    add_proc(tree);
    add_docker(tree);
    add_socket(tree, "/run/docker.sock", 0666);
    const auto findings = assess(tree.live_host());
    const auto f = std::ranges::find(findings, "/run/docker.sock", &policy::Finding::subject);
    ASSERT_EQ(f->status, policy::Status::fail);
    EXPECT_THAT(
        f->fix->changes,
        ElementsAre(policy::Change(policy::UnitAction{policy::UnitAction::Verb::restart, "docker.socket"})));
}

TEST(SocketAccess, AnAclCountsWithinItsMask) {
    const auto one = [](std::uint16_t tag, std::uint16_t permissions, std::uint32_t id) {
        std::string out{static_cast<char>(tag), '\0', static_cast<char>(permissions), '\0'};
        for (int i = 0; i < 4; ++i)
            out += static_cast<char>(id >> 8 * i & 255);
        return out;
    };
    const tests::Tree tree{{"etc/passwd", accounts}};
    add_proc(tree);
    add_socket(tree, "/run/crio/crio.sock", 0660);
    const auto set = [&](std::uint16_t mask) {
        const std::string acl = std::string("\2\0\0\0", 4) + one(1, 6, 0xffffffff) + one(2, 6, 1000) +
                                one(4, 0, 0xffffffff) + one(16, mask, 0xffffffff) + one(32, 0, 0xffffffff);
        return ::setxattr(tree.path("run/crio/crio.sock").c_str(), "system.posix_acl_access", acl.data(),
                          acl.size(), 0) == 0;
    };
    if (!set(6))
        GTEST_SKIP() << "this file system has no ACLs";
    EXPECT_THAT(verdicts(assess(tree.live_host()), access_id),
                ElementsAre("/run/crio/crio.sock: fail critical"));
    ASSERT_TRUE(set(4));
    EXPECT_THAT(verdicts(assess(tree.live_host()), access_id), ElementsAre("/run/crio/crio.sock: pass"));
}

TEST(SocketAccess, SessionsKeepTheGroup) {
    const tests::Tree tree{{"etc/passwd", accounts}, {"etc/group", "docker:x:997:\n"}};
    add_proc(tree);
    tree.write("usr/bin/dockerd", "");
    add_process(tree, {.pid = 50, .exe = "/bin/bash", .uid = 1000, .groups = "997 1000"});
    EXPECT_THAT(verdicts(assess(tree.live_host()), access_id),
                ElementsAre("group docker: pass", "sessions with group docker: fail critical"));
}

// ---- B06, B07 ----

constexpr std::string_view podman_id = "podman.rootful-socket";

TEST(PodmanSocket, Verdicts) {
    const tests::Tree tree{{"usr/bin/podman", ""},
                           {"usr/lib/systemd/system/podman.socket",
                            "[Socket]\nListenStream=%t/podman/podman.sock\nSocketMode=0660\n[Install]\n"},
                           {"usr/lib/systemd/system/podman.service",
                            "[Service]\nExecStart=/usr/bin/podman $LOGGING system service\n[Install]\n"}};
    EXPECT_THAT(verdicts(assess(tree.host()), podman_id), ElementsAre("podman.socket: pass"));
    tree.link("etc/systemd/system/sockets.target.wants/podman.socket",
              "/usr/lib/systemd/system/podman.socket");
    EXPECT_THAT(verdicts(assess(tree.host()), podman_id), ElementsAre("podman.socket: fail high"));
    EXPECT_THAT(verdicts(assess(tree.host(), {.allowed_units = {"podman.socket"}}), podman_id),
                ElementsAre("podman.socket: pass"));
    expect_converges(tree, tree.host(), podman_id);
    tree.fifo("etc/systemd/system/podman.socket.d/x.conf");
    EXPECT_THAT(verdicts(assess(tree.host()), podman_id), ElementsAre("podman.socket: unknown"));
}

TEST(PodmanSocket, AListeningSocketCountsWithoutAUnit) {
    const tests::Tree tree;
    add_proc(tree);
    add_socket(tree, "/run/podman/podman.sock", 0600);
    EXPECT_THAT(verdicts(assess(tree.live_host()), podman_id), ElementsAre("podman.socket: not-applicable"));
    tree.write("proc/net/unix", "0: 00000002 00000000 00010000 0001 01 42 /run/podman/podman.sock\n");
    EXPECT_THAT(verdicts(assess(tree.live_host()), podman_id), ElementsAre("podman.socket: fail high"));
}

constexpr std::string_view quadlet_id = "podman.rootful-quadlets";

TEST(QuadletControl, Verdicts) {
    const tests::Tree tree{{"etc/passwd", accounts},
                           {"etc/group", ""},
                           {"usr/bin/podman", ""},
                           {"etc/containers/systemd/users/a.container", "[Container]\nImage=x\n"},
                           {"home/alice/.config/containers/systemd/b.container", "[Container]\nImage=x\n"}};
    EXPECT_THAT(verdicts(assess(tree.host()), quadlet_id), ElementsAre("host: pass"));
    tree.write("etc/containers/systemd/sub/web.container", "[Container]\nImage=x\n");
    EXPECT_THAT(verdicts(assess(tree.host()), quadlet_id),
                ElementsAre("/etc/containers/systemd/sub/web.container: fail medium"));
    const Params web{.allowed_quadlets = {"web.container"}};
    EXPECT_THAT(verdicts(assess(tree.host(), web), quadlet_id),
                ElementsAre("/etc/containers/systemd/sub/web.container: pass"));
    EXPECT_THAT(
        verdicts(assess(tree.host(), {.allowed_quadlets = {"web.*"}, .require_hardening = true}), quadlet_id),
        ElementsAre("/etc/containers/systemd/sub/web.container: fail medium"));
    tree.write("etc/containers/systemd/sub/web.container.d/x.conf", "[Container]\nPodmanArgs=--privileged\n");
    EXPECT_THAT(verdicts(assess(tree.host(), web), quadlet_id),
                ElementsAre("/etc/containers/systemd/sub/web.container: fail high"));
    tree.remove("etc/containers/systemd/sub");
    tree.write("home/alice/.config/containers/systemd/b.container", "[Container]\nNetwork=host\n");
    EXPECT_THAT(verdicts(assess(tree.host()), quadlet_id),
                ElementsAre("/home/alice/.config/containers/systemd/b.container: fail low"));
    tree.fifo("run/containers/systemd/c.kube");
    EXPECT_THAT(verdicts(assess(tree.host()), quadlet_id),
                IsSupersetOf({std::string("/run/containers/systemd/c.kube: unknown")}));
}

TEST(QuadletControl, ALoopOfLinksEnds) {
    const tests::Tree tree{{"usr/bin/podman", ""}};
    tree.directory("etc/containers/systemd");
    tree.link("etc/containers/systemd/again", ".");
    EXPECT_THAT(verdicts(assess(tree.host()), quadlet_id), ElementsAre("quadlets: unknown"));
}

TEST(QuadletControl, UnitsThatRunPodman) {
    const tests::Tree tree{
        {"etc/systemd/system/web.service", "[Service]\nExecStart=/usr/bin/podman run --rm web\n"},
        {"etc/systemd/system/u.service", "[Service]\nUser=alice\nExecStart=podman run x\n"},
        {"usr/lib/systemd/system/podman-restart.service", "[Service]\nExecStart=podman start --all\n"},
        {"run/systemd/generator/gen.service", "[Service]\nExecStart=podman run gen\n"}};
    EXPECT_THAT(verdicts(assess(tree.host()), quadlet_id), ElementsAre("web.service: fail medium"));
    EXPECT_THAT(verdicts(assess(tree.host(), {.allowed_quadlets = {"web.service"}}), quadlet_id),
                ElementsAre("web.service: pass"));
}

TEST(QuadletControl, InitScriptsThatRunPodman) {
    struct Case {
        const char* text;
        const char* expected;
        const char* when_allowed;
    };

    for (const Case& c : {Case{"podman run --rm web\n", "fail medium", "unknown"},
                          Case{"P=/usr/bin/podman\n\"$P\" start web\n", "fail medium", "unknown"},
                          Case{"start-stop-daemon --exec /usr/bin/podman -- play kube /srv/web.yaml\n",
                               "fail medium", "unknown"},
                          Case{"  podman run --privileged web &\n", "fail high", "fail high"},
                          Case{"# podman run web\npodman ps\n", nullptr, nullptr}}) {
        const tests::Tree tree{{"usr/bin/podman", ""}};
        tree.write("etc/init.d/web", c.text, 0755);
        EXPECT_THAT(verdicts(assess(tree.host()), quadlet_id), ElementsAre("host: pass")) << c.text;
        tree.link("etc/rc2.d/S20web", "../init.d/web");
        const auto verdict = [&](const char* what) {
            return what == nullptr ? "host: pass" : "web.service: " + std::string(what);
        };
        EXPECT_THAT(verdicts(assess(tree.host()), quadlet_id), ElementsAre(verdict(c.expected))) << c.text;
        EXPECT_THAT(verdicts(assess(tree.host(), {.allowed_quadlets = {"web.service"}}), quadlet_id),
                    ElementsAre(verdict(c.when_allowed)))
            << c.text;
    }
}

TEST(QuadletControl, InitScriptsThatAnotherUnitStarts) {
    const tests::Tree tree{{"usr/bin/podman", ""},
                           {"etc/systemd/system/app.service", "[Unit]\nWants=web.service\n"}};
    tree.write("etc/init.d/web", "podman run --rm web\n", 0755);
    EXPECT_THAT(verdicts(assess(tree.host()), quadlet_id), ElementsAre("host: pass"));
    tree.link("etc/systemd/system/multi-user.target.wants/app.service", "../app.service");
    EXPECT_THAT(verdicts(assess(tree.host()), quadlet_id), ElementsAre("web.service: fail medium"));
}

// ---- B19, B20 ----

TEST(DockerHealth, Verdicts) {
    struct Case {
        const char* what;
        FakeProcess dockerd;
        std::string parent;
        const char* expected;
    };

    const std::string kit = "/usr/bin/rootlesskit";
    const Case cases[] = {
        {"healthy", {.pid = 9, .uid = 1000, .parent = 8, .user_ns = "4026532000"}, kit, "alice: pass"},
        {"no rootlesskit",
         {.pid = 9, .uid = 1000, .parent = 8, .user_ns = "4026532000"},
         "/bin/sh",
         "alice: fail medium"},
        {"initial namespace", {.pid = 9, .uid = 1000, .parent = 8}, kit, "alice: fail medium"},
        {"host root inside",
         {.pid = 9, .uid = 0, .parent = 8, .user_ns = "4026532000"},
         kit,
         "uid 0: fail medium"},
        {"hidden namespace", {.pid = 9, .uid = 1000, .parent = 8, .user_ns = ""}, kit, "alice: unknown"},
    };
    for (Case c : cases) {
        const tests::Tree tree{
            {"etc/passwd", accounts}, {"etc/group", ""}, {"home/alice/.config/docker/daemon.json", "{}"}};
        add_proc(tree);
        add_process(tree, {.pid = 8, .exe = c.parent, .uid = 1000});
        c.dockerd.exe = "/usr/bin/dockerd";
        add_process(tree, c.dockerd);
        EXPECT_THAT(verdicts(assess(tree.live_host()), "rootless.docker-health"), ElementsAre(c.expected))
            << c.what;
    }
}

TEST(DockerHealth, SocketAndUnit) {
    if (::geteuid() != 0)
        GTEST_SKIP() << "needs root to give a socket to a user";
    const tests::Tree tree{{"etc/passwd", accounts}, {"etc/group", ""}};
    add_proc(tree);
    add_process(tree, {.pid = 8, .exe = "/usr/bin/rootlesskit", .uid = 1000});
    add_process(tree,
                {.pid = 9, .exe = "/usr/bin/dockerd", .uid = 1000, .parent = 8, .user_ns = "4026532000"});
    add_socket(tree, "/run/user/1000/docker.sock", 0666);
    EXPECT_THAT(verdicts(assess(tree.live_host()), "rootless.docker-health"),
                ElementsAre("alice: fail medium"));
    tree.remove("proc/9");
    tree.remove("run/user/1000/docker.sock");
    tree.link("home/alice/.config/systemd/user/default.target.wants/docker.service", "../docker.service");
    tree.write("home/alice/.config/systemd/user/docker.service", rootless_unit);
    EXPECT_THAT(verdicts(assess(tree.live_host()), "rootless.docker-health"),
                ElementsAre("alice: fail medium"));
    tree.remove("run/user");
    EXPECT_THAT(verdicts(assess(tree.live_host()), "rootless.docker-health"),
                ElementsAre("alice: not-applicable"));
    EXPECT_THAT(verdicts(assess(tree.host()), "rootless.docker-health"), ElementsAre("host: not-applicable"));
}

TEST(DockerHealth, WhatCannotBeReadIsUnknown) {
    const tests::Tree tree{{"etc/passwd", accounts}, {"etc/group", ""}};
    add_proc(tree);
    tree.directory("run/user/1000");
    tree.link("etc/systemd/user", "user");
    EXPECT_THAT(verdicts(assess(tree.live_host()), "rootless.docker-health"), ElementsAre("alice: unknown"));
    tree.remove("etc/systemd/user");
    tree.link("etc/systemd/user/default.target.upholds/docker.service", "../docker.service");
    EXPECT_THAT(verdicts(assess(tree.live_host()), "rootless.docker-health"),
                ElementsAre("host: not-applicable"));  // no such unit
    tree.write("etc/systemd/user/docker.service", rootless_unit);
    EXPECT_THAT(verdicts(assess(tree.live_host()), "rootless.docker-health"),
                ElementsAre("alice: fail medium"));
    tree.remove("etc/passwd");
    tree.fifo("etc/passwd");
    EXPECT_THAT(verdicts(assess(tree.live_host()), "rootless.docker-health"), ElementsAre("users: unknown"));
}

TEST(BothStacks, Verdicts) {
    const tests::Tree tree{{"etc/passwd", accounts}, {"etc/group", ""}};
    add_docker(tree);
    EXPECT_THAT(verdicts(assess(tree.host()), "engine.both-stacks"), ElementsAre("docker: pass"));
    tree.write("home/alice/.config/systemd/user/docker.service", rootless_unit);
    tree.link("home/alice/.config/systemd/user/default.target.wants/docker.service", "../docker.service");
    EXPECT_THAT(verdicts(assess(tree.host()), "engine.both-stacks"), ElementsAre("docker: fail low"));
    tree.remove("etc/systemd");
    EXPECT_THAT(verdicts(assess(tree.host()), "engine.both-stacks"), ElementsAre("docker: pass"));
    tree.fifo("etc/systemd/system/docker.service.d/x.conf");
    EXPECT_THAT(verdicts(assess(tree.host()), "engine.both-stacks"), ElementsAre("docker: unknown"));
}

// ---- units of users ----

TEST(UserUnits, CountWhereverTheUsersManagerFindsThem) {
    for (const char* dir : {"home/alice/.config/systemd/user.control", "home/alice/.config/systemd/user",
                            "home/alice/.local/share/systemd/user"}) {
        const tests::Tree tree{{"etc/passwd", accounts}, {"etc/group", ""}};
        add_docker(tree);
        const std::string unit = std::string(dir) + "/docker.service";
        tree.write(unit, rootless_unit);
        EXPECT_THAT(verdicts(assess(tree.host()), "engine.both-stacks"), ElementsAre("docker: pass")) << dir;
        tree.link(std::string(dir) + "/default.target.wants/docker.service", "../docker.service");
        EXPECT_THAT(verdicts(assess(tree.host()), "engine.both-stacks"), ElementsAre("docker: fail low"))
            << dir;
        tree.remove(unit);
        tree.link(unit, "/dev/null");
        EXPECT_THAT(verdicts(assess(tree.host()), "engine.both-stacks"), ElementsAre("docker: pass")) << dir;
    }
}

TEST(UserUnits, MayHaveAnyName) {
    const tests::Tree tree{{"etc/passwd", accounts},
                           {"etc/group", ""},
                           {"home/alice/.config/systemd/user/mine.service", rootless_unit}};
    add_docker(tree);
    tree.link("home/alice/.config/systemd/user/default.target.wants/mine.service", "../mine.service");
    EXPECT_THAT(verdicts(assess(tree.host()), "engine.both-stacks"), ElementsAre("docker: fail low"));
    tree.write("home/alice/.config/systemd/user/mine.service",
               "[Unit]\nDescription=no dockerd\n[Service]\nExecStart=/bin/true\n");
    EXPECT_THAT(verdicts(assess(tree.host()), "engine.both-stacks"), ElementsAre("docker: pass"));
}

TEST(UserUnits, ForAllUsersStartWhereAManagerRunsOrWillRun) {
    for (const char* dir :
         {"etc/systemd/user", "etc/xdg/systemd/user", "run/systemd/user", "usr/local/share/systemd/user",
          "usr/share/systemd/user", "usr/local/lib/systemd/user", "usr/lib/systemd/user"}) {
        const tests::Tree tree{{"etc/passwd", accounts}, {"etc/group", ""}};
        add_proc(tree);
        add_docker(tree);
        tree.write(std::string(dir) + "/docker.service", rootless_unit);
        tree.link(std::string(dir) + "/default.target.wants/docker.service", "../docker.service");
        const auto stacks = [&](const host::Host& host) {
            return verdicts(assess(host), "engine.both-stacks");
        };
        EXPECT_THAT(stacks(tree.host()), ElementsAre("docker: pass")) << dir;
        tree.directory("run/user/1000");
        EXPECT_THAT(stacks(tree.live_host()), ElementsAre("docker: fail low")) << dir;
        EXPECT_THAT(stacks(tree.host()), ElementsAre("docker: pass")) << dir;  // no running host's
        tree.remove("run/user");
        tree.write("var/lib/systemd/linger/alice", "");
        EXPECT_THAT(stacks(tree.host()), ElementsAre("docker: fail low")) << dir;
        tree.write("var/lib/systemd/linger/bob", "");
        tree.remove("var/lib/systemd/linger/alice");
        tree.link("home/bob/.config/systemd/user/default.target.wants/docker.service", "/dev/null");
        EXPECT_THAT(stacks(tree.host()), ElementsAre("docker: pass")) << dir;  // bob does not want it
    }
}

TEST(UserUnits, OfPodmanAndSocketsCountToo) {
    const tests::Tree tree{{"etc/passwd", accounts},
                           {"etc/group", ""},
                           {"usr/lib/systemd/user/podman.service",
                            "[Service]\nExecStart=/usr/bin/podman $LOGGING system service\n"},
                           {"usr/lib/systemd/user/docker.socket", "[Socket]\nListenStream=%t/docker.sock\n"},
                           {"usr/lib/systemd/system/podman.socket",
                            "[Socket]\nListenStream=/run/podman/podman.sock\nSocketMode=0600\n"}};
    add_docker(tree);
    tree.link("etc/systemd/system/sockets.target.wants/podman.socket",
              "/usr/lib/systemd/system/podman.socket");
    EXPECT_THAT(verdicts(assess(tree.host()), "engine.both-stacks"),
                ElementsAre("docker: pass", "podman: pass"));
    tree.link("home/alice/.config/systemd/user/default.target.wants/podman.service",
              "/usr/lib/systemd/user/podman.service");
    tree.link("home/alice/.config/systemd/user/sockets.target.wants/docker.socket",
              "/usr/lib/systemd/user/docker.socket");
    EXPECT_THAT(verdicts(assess(tree.host()), "engine.both-stacks"),
                ElementsAre("docker: fail low", "podman: fail low"));
}

TEST(UserUnits, ThatCannotBeReadAreUnknown) {
    const tests::Tree tree{{"etc/passwd", accounts}, {"etc/group", ""}};
    add_docker(tree);
    const auto both = [&] { return verdicts(assess(tree.host()), "engine.both-stacks"); };
    tree.fifo("home/alice/.config/systemd/user/docker.service");
    EXPECT_THAT(both(), ElementsAre("docker: unknown"));
    tree.remove("home/alice");
    EXPECT_THAT(both(), ElementsAre("docker: pass"));
    tree.link("home/alice/.config/systemd/user", "user");
    EXPECT_THAT(both(), ElementsAre("docker: unknown"));
    tree.remove("home/alice");
    tree.link("etc/systemd/user", "user");
    EXPECT_THAT(both(), ElementsAre("docker: unknown"));
    tree.remove("etc/systemd/user");
    tree.write("var/lib/systemd/linger", "");
    EXPECT_THAT(both(), ElementsAre("docker: pass"));  // no such directory
    tree.fifo("etc/passwd");
    EXPECT_THAT(both(), ElementsAre("docker: unknown"));
}

}  // namespace
