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

constexpr std::string_view docker_unit =
    "[Service]\nExecStart=/usr/bin/dockerd -H fd://\n[Install]\n"
    "WantedBy=multi-user.target\n";
constexpr std::string_view docker_socket =
    "[Socket]\nListenStream=/run/docker.sock\nSocketMode=0660\n"
    "SocketUser=root\nSocketGroup=docker\n[Install]\n"
    "WantedBy=sockets.target\n";
constexpr const char* wants = "etc/systemd/system/multi-user.target.wants/docker.service";
constexpr const char* socket_wants = "etc/systemd/system/sockets.target.wants/docker.socket";
constexpr const char* accounts =
    "root:x:0:0::/root:/bin/sh\nalice:x:1000:1000::/home/alice:/bin/sh\n"
    "bob:x:1001:998::/home/bob:/bin/sh\n";

// A host with Docker as its vendor packages it, enabled.
void add_docker(const tests::Tree& tree) {
    tree.write("usr/bin/dockerd", "");
    tree.write("usr/lib/systemd/system/docker.service", docker_unit);
    tree.write("usr/lib/systemd/system/docker.socket", docker_socket);
    tree.link(wants, "/usr/lib/systemd/system/docker.service");
    tree.link(socket_wants, "/usr/lib/systemd/system/docker.socket");
}

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

// ---- B03 ----

constexpr std::string_view tcp_id = "engine.docker-tcp";
constexpr const char* tls_json =
    R"({"hosts":["tcp://10.0.0.1:2376","unix:///run/docker.sock"],"tlsverify":true,
  "tlscacert":"/a","tlscert":"/b","tlskey":"/c"})";

TEST(Tcp, HostsOfDaemonJson) {
    const tests::Tree tree{{"etc/docker/daemon.json", R"({"hosts":["tcp://0.0.0.0:2375","fd://"]})"}};
    add_docker(tree);
    EXPECT_THAT(verdicts(assess(tree.host()), tcp_id), ElementsAre("tcp 0.0.0.0:2375: fail critical"));
    EXPECT_THAT(verdicts(assess(tree.host(), {.allowed_listeners = {"0.0.0.0:2375"}}), tcp_id),
                ElementsAre("tcp 0.0.0.0:2375: fail critical"));
    EXPECT_THAT(
        verdicts(assess(tree.host(), {.allowed_listeners = {"*"}, .require_mutual_tls = false}), tcp_id),
        ElementsAre("tcp 0.0.0.0:2375: pass"));
    tree.write("etc/docker/daemon.json", tls_json);
    EXPECT_THAT(verdicts(assess(tree.host()), tcp_id), ElementsAre("tcp 10.0.0.1:2376: fail high"));
    EXPECT_THAT(verdicts(assess(tree.host(), {.allowed_listeners = {"10.0.0.1:*"}}), tcp_id),
                ElementsAre("tcp 10.0.0.1:2376: pass"));
}

TEST(Tcp, FlagsAndSocketUnits) {
    const tests::Tree tree{
        {"etc/default/docker", "DOCKER_OPTS='-H 0.0.0.0:2375'\n"},
        {"etc/systemd/system/docker.service.d/o.conf",
         "[Service]\nEnvironmentFile=-/etc/default/docker\nExecStart=\nExecStart=/usr/bin/dockerd "
         "$DOCKER_OPTS\n"}};
    add_docker(tree);
    EXPECT_THAT(verdicts(assess(tree.host()), tcp_id), ElementsAre("tcp 0.0.0.0:2375: fail critical"));
    tree.remove("etc/default/docker");
    EXPECT_THAT(verdicts(assess(tree.host()), tcp_id), ElementsAre("host: pass"));
    tree.fifo("etc/default/docker");
    EXPECT_THAT(verdicts(assess(tree.host()), tcp_id), ElementsAre("docker.service: unknown"));
    tree.remove("etc/default/docker");
    tree.write("etc/systemd/system/docker.socket.d/tcp.conf", "[Socket]\nListenStream=2375\n");
    EXPECT_THAT(verdicts(assess(tree.host()), tcp_id), ElementsAre("tcp 2375: fail critical"));
    tree.write("etc/docker/daemon.json", "{");
    EXPECT_THAT(verdicts(assess(tree.host()), tcp_id),
                ElementsAre("tcp 2375: fail critical", "/etc/docker/daemon.json: unknown"));
}

TEST(Tcp, AFlagIsNotRepeatedInDaemonJson) {
    const tests::Tree tree{{"etc/systemd/system/docker.service.d/o.conf",
                            "[Service]\nExecStart=\nExecStart=/usr/bin/dockerd -H tcp://0.0.0.0:2375\n"}};
    add_docker(tree);
    for (const auto& f : assess(tree.host()))
        if (f.control == tcp_id) {
            EXPECT_EQ(f.fix->cls, policy::FixClass::never_automatic);
        }
}

TEST(Tcp, ListenersOfARunningHost) {
    const tests::Tree tree;
    add_proc(tree);
    tree.write("proc/net/tcp",
               "0: 00000000:0947 00000000:0000 0A 0:0 0:0 0 0 0 111 1\n"
               "1: 0100007F:9999 00000000:0000 0A 0:0 0:0 0 0 0 112 1\n"
               "2: 00000000:0050 00000000:0000 0A 0:0 0:0 0 0 0 113 1\n");
    add_process(tree, {.pid = 9, .exe = "/usr/bin/dockerd", .sockets = {111}});
    add_process(tree, {.pid = 10, .exe = "/usr/bin/containerd", .sockets = {112}});
    add_process(tree, {.pid = 11, .exe = "/usr/sbin/httpd", .sockets = {113}});
    EXPECT_THAT(verdicts(assess(tree.live_host()), tcp_id), ElementsAre("tcp 0.0.0.0:2375: fail critical"));
    tree.remove("proc/9/fd");
    EXPECT_THAT(verdicts(assess(tree.live_host()), tcp_id), ElementsAre("listeners: unknown"));
}

TEST(Tcp, TheFixConverges) {
    const tests::Tree json{{"etc/docker/daemon.json",
                            R"({"icc":false,"hosts":["tcp://0.0.0.0:2375","unix:///run/docker.sock"]})"}};
    add_docker(json);
    const auto fixed = [&](const tests::Tree& tree) {
        const auto findings = assess(tree.host());
        const auto f = std::ranges::find(findings, tcp_id, &policy::Finding::control);
        tests::FakeServices services;
        const auto host = tree.host();
        auto executor = host::Executor::open(host, "/var/lib/plimsoll", &services);
        for (const auto& change : f->fix->changes)
            EXPECT_TRUE(executor->apply(f->control, f->subject, change));
        return verdicts(assess(tree.host()), tcp_id);
    };
    EXPECT_THAT(fixed(json), ElementsAre("host: pass"));
    EXPECT_EQ(json.read("etc/docker/daemon.json"),
              "{\n  \"icc\": false,\n  \"hosts\": [\n    \"unix:///run/docker.sock\"\n  ]\n}\n");
    const tests::Tree unit{
        {"etc/systemd/system/docker.socket.d/90-tcp.conf", "[Socket]\nListenStream=0.0.0.0:2375\n"}};
    add_docker(unit);
    EXPECT_THAT(fixed(unit), ElementsAre("host: pass"));
}

// ---- B04, B05 ----

constexpr std::string_view json_id = "docker.daemon-json";
constexpr const char* good_json =
    R"({"no-new-privileges":true,"icc":false,"live-restore":true,"userland-proxy":false})";

TEST(DaemonJsonControl, Verdicts) {
    struct Case {
        const char* json;
        const char* expected;
    };

    const Case cases[] = {
        {nullptr, "fail medium"},
        {good_json, "pass"},
        {"{}", "fail medium"},
        {"{", "fail medium"},
        {R"({"icc":false,"icc":true})", "fail medium"},
        {R"({"no-new-privileges":"true","icc":false,"live-restore":true,"userland-proxy":false})",
         "fail medium"},
    };
    for (const Case& c : cases) {
        const tests::Tree tree;
        add_docker(tree);
        if (c.json != nullptr)
            tree.write("etc/docker/daemon.json", c.json);
        EXPECT_THAT(verdicts(assess(tree.host()), json_id),
                    ElementsAre(std::string("/etc/docker/daemon.json: ") + c.expected))
            << (c.json != nullptr ? c.json : "none");
    }
    const tests::Tree hostile;
    add_docker(hostile);
    hostile.fifo("etc/docker/daemon.json");
    EXPECT_THAT(verdicts(assess(hostile.host()), json_id), ElementsAre("/etc/docker/daemon.json: unknown"));
    hostile.remove("etc/docker/daemon.json");
    hostile.write("etc/docker/daemon.json", std::string(std::size_t{2} << 20, ' '));
    EXPECT_THAT(verdicts(assess(hostile.host()), json_id), ElementsAre("/etc/docker/daemon.json: unknown"));
}

TEST(DaemonJsonControl, EachDangerousKeyFails) {
    for (const char* key :
         {R"("seccomp-profile":"unconfined")", R"("insecure-registries":["10.0.0.0/8"])",
          R"("experimental":true)", R"("default-cgroupns-mode":"host")", R"("log-driver":"none")",
          R"("allow-nondistributable-artifacts":["x"])", R"("hosts":"tcp://x")"}) {
        const tests::Tree tree;
        add_docker(tree);
        std::string json = good_json;
        json.insert(1, std::string(key) + ",");
        tree.write("etc/docker/daemon.json", json);
        EXPECT_THAT(verdicts(assess(tree.host()), json_id),
                    ElementsAre("/etc/docker/daemon.json: fail medium"))
            << key;
    }
}

TEST(DaemonJsonControl, MirrorsMustBeNamedWhenThePolicyIsStrict) {
    const tests::Tree tree;
    add_docker(tree);
    std::string json = good_json;
    json.insert(1, R"("registry-mirrors":["https://m.example"],)");
    tree.write("etc/docker/daemon.json", json);
    EXPECT_THAT(verdicts(assess(tree.host()), json_id), ElementsAre("/etc/docker/daemon.json: pass"));
    EXPECT_THAT(verdicts(assess(tree.host(), {.allowed_mirrors = {}}), json_id),
                ElementsAre("/etc/docker/daemon.json: fail medium"));
    EXPECT_THAT(verdicts(assess(tree.host(), {.allowed_mirrors = {"https://m.example"}}), json_id),
                ElementsAre("/etc/docker/daemon.json: pass"));
    expect_converges(tree, tree.host(), json_id, {.allowed_mirrors = {}});
}

TEST(DaemonJsonControl, FlagsCountAndAreNotRepeated) {
    const tests::Tree tree{{"etc/docker/daemon.json", good_json}};
    add_docker(tree);
    tree.write("usr/lib/systemd/system/docker.service",
               "[Service]\nExecStart=/usr/bin/dockerd --icc=false\n");
    const auto findings = assess(tree.host());  // icc stands in both places
    const auto f = std::ranges::find(findings, json_id, &policy::Finding::control);
    ASSERT_EQ(f->status, policy::Status::fail);
    EXPECT_TRUE(f->fix->changes.empty());
    tree.write("etc/docker/daemon.json",
               R"({"no-new-privileges":true,"live-restore":true,"userland-proxy":false})");
    EXPECT_THAT(verdicts(assess(tree.host()), json_id), ElementsAre("/etc/docker/daemon.json: pass"));
}

TEST(DaemonJsonControl, TheFixConverges) {
    const tests::Tree tree{
        {"etc/docker/daemon.json", R"({"data-root":"/x","icc":true,"seccomp-profile":"unconfined"})"}};
    add_docker(tree);
    expect_converges(tree, tree.host(), json_id);
    const tests::Tree absent;
    add_docker(absent);
    expect_converges(absent, absent.host(), json_id);
}

TEST(DaemonJsonControl, AUsersFileIsJudgedForWhatWeakens) {
    const tests::Tree tree{
        {"etc/passwd", accounts}, {"etc/group", ""}, {"home/alice/.config/docker/daemon.json", "{}"}};
    EXPECT_THAT(verdicts(assess(tree.host()), json_id),
                ElementsAre("/home/alice/.config/docker/daemon.json: pass"));
    tree.write("home/alice/.config/docker/daemon.json", R"({"seccomp-profile":"unconfined"})");
    EXPECT_THAT(verdicts(assess(tree.host()), json_id),
                ElementsAre("/home/alice/.config/docker/daemon.json: fail medium"));
}

TEST(UsernsRemap, Verdicts) {
    struct Case {
        const char* value;
        const char* subid;
        const char* expected;
    };

    const Case cases[] = {
        {"", "", "pass"},
        {"alice", "alice:100000:65536\n", "pass"},
        {"1000", "alice:100000:65536\n", "pass"},
        {"alice", "", "fail medium"},
        {"alice", "alice:0:65536\n", "fail critical"},
        {"alice", "alice:x100000:65536\n", "fail critical"},  // dockerd reads garbage as 0
        {"root", "root:100000:65536\n", "fail medium"},
        {"nobody-here", "nobody-here:100000:65536\n", "fail medium"},
        {"default", "dockremap:100000:65536\n", "pass"},
        {"default", "", "fail medium"},
    };
    for (const Case& c : cases) {
        const tests::Tree tree{
            {"etc/passwd", accounts}, {"etc/group", ""}, {"etc/subuid", c.subid}, {"etc/subgid", c.subid}};
        add_docker(tree);
        tree.write("etc/docker/daemon.json", "{\"userns-remap\": \"" + std::string(c.value) + "\"}");
        EXPECT_THAT(verdicts(assess(tree.host()), "docker.userns-remap"),
                    ElementsAre(std::string("dockerd: ") + c.expected))
            << c.value << " " << c.subid;
    }
}

TEST(UsernsRemap, CanBeAskedForAndBeHidden) {
    const tests::Tree tree{{"etc/passwd", accounts}, {"etc/group", ""}};
    add_docker(tree);
    EXPECT_THAT(verdicts(assess(tree.host(), {.require_remap = true}), "docker.userns-remap"),
                ElementsAre("dockerd: fail medium"));
    tree.write("etc/docker/daemon.json", R"({"userns-remap":"alice"})");
    tree.fifo("etc/subuid");
    EXPECT_THAT(verdicts(assess(tree.host()), "docker.userns-remap"), ElementsAre("dockerd: unknown"));
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

// ---- B19, B20, B21 ----

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
    tree.write("home/alice/.config/systemd/user/docker.service", "");
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
                ElementsAre("alice: fail medium"));
    tree.remove("etc/passwd");
    tree.fifo("etc/passwd");
    EXPECT_THAT(verdicts(assess(tree.live_host()), "rootless.docker-health"), ElementsAre("users: unknown"));
}

TEST(BothStacks, Verdicts) {
    const tests::Tree tree{{"etc/passwd", accounts}, {"etc/group", ""}};
    add_docker(tree);
    EXPECT_THAT(verdicts(assess(tree.host()), "engine.both-stacks"), ElementsAre("docker: pass"));
    tree.write("home/alice/.config/systemd/user/docker.service", "");
    tree.link("home/alice/.config/systemd/user/default.target.wants/docker.service", "../docker.service");
    EXPECT_THAT(verdicts(assess(tree.host()), "engine.both-stacks"), ElementsAre("docker: fail low"));
    tree.remove("etc/systemd");
    EXPECT_THAT(verdicts(assess(tree.host()), "engine.both-stacks"), ElementsAre("docker: pass"));
    tree.fifo("etc/systemd/system/docker.service.d/x.conf");
    EXPECT_THAT(verdicts(assess(tree.host()), "engine.both-stacks"), ElementsAre("docker: unknown"));
}

TEST(CriDefaults, Verdicts) {
    constexpr std::string_view id = "kubelet.cri-defaults";
    const tests::Tree tree{{"usr/bin/kubelet", ""}, {"usr/bin/containerd", ""}};
    EXPECT_THAT(verdicts(assess(tree.host()), id), ElementsAre("kubelet: unknown", "containerd: pass"));
    tree.write("var/lib/kubelet/config.yaml", "kind: KubeletConfiguration\n");
    EXPECT_THAT(verdicts(assess(tree.host()), id), ElementsAre("kubelet: fail high", "containerd: pass"));
    tree.write("var/lib/kubelet/config.yaml", "seccompDefault: true\n");
    tree.write("etc/containerd/config.toml", "version = 2\nimports = [\"conf.d/*.toml\"]\n");
    tree.write("etc/containerd/conf.d/a.toml",
               "[plugins.\"io.containerd.grpc.v1.cri\"]\ndisable_apparmor = true\n");
    EXPECT_THAT(verdicts(assess(tree.host()), id), ElementsAre("kubelet: pass", "containerd: fail high"));
    tree.write("etc/containerd/conf.d/a.toml", "[");
    EXPECT_THAT(verdicts(assess(tree.host()), id), ElementsAre("kubelet: pass", "containerd: unknown"));
    tree.write("etc/containerd/config.toml", "disabled_plugins = [\"cri\"]\n");
    EXPECT_THAT(verdicts(assess(tree.host()), id), ElementsAre("kubelet: pass", "containerd: pass"));
}

TEST(CriDefaults, ImportsThatCannotBeFollowedAreUnknown) {
    constexpr std::string_view id = "kubelet.cri-defaults";
    const tests::Tree tree{{"usr/bin/kubelet", ""},
                           {"usr/bin/containerd", ""},
                           {"var/lib/kubelet/config.yaml", "seccompDefault: true\n"}};
    tree.link("etc/containerd/loop", "loop");
    for (const char* imports : {"\"conf.d/*.toml\"", "[1]", "[\"loop/*.toml\"]"}) {
        tree.write("etc/containerd/config.toml", "version = 2\nimports = " + std::string(imports) + "\n");
        EXPECT_THAT(verdicts(assess(tree.host()), id), ElementsAre("kubelet: pass", "containerd: unknown"))
            << imports;
    }
    std::string many = "version = 2\nimports = [";
    for (int i = 0; i < 300; ++i)
        many += "\"n" + std::to_string(i) + ".toml\",";
    tree.write("etc/containerd/config.toml", many + "]\n");
    EXPECT_THAT(verdicts(assess(tree.host()), id), ElementsAre("kubelet: pass", "containerd: unknown"));
}

TEST(CriDefaults, CrioOnAnSelinuxHost) {
    constexpr std::string_view id = "kubelet.cri-defaults";
    const tests::Tree tree{{"usr/bin/crio", ""}, {"etc/selinux/config", "SELINUX=enforcing\n"}};
    EXPECT_THAT(verdicts(assess(tree.host()), id), ElementsAre("crio: fail high"));
    tree.write("etc/crio/crio.conf.d/10-x.conf",
               "[crio.runtime]\nselinux = true\nhostnetwork_disable_selinux = false\n");
    EXPECT_THAT(verdicts(assess(tree.host()), id), ElementsAre("crio: pass"));
    tree.write("etc/crio/crio.conf.d/20-y.conf", "[crio.runtime]\nseccomp_profile = \"unconfined\"\n");
    EXPECT_THAT(verdicts(assess(tree.host()), id), ElementsAre("crio: fail high"));
    tree.fifo("etc/crio/crio.conf.d/20-y.conf");
    EXPECT_THAT(verdicts(assess(tree.host()), id), ElementsAre("crio: unknown"));
}

}  // namespace
