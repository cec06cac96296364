// SPDX-License-Identifier: Apache-2.0
// B03: engines that listen on the network.
#include "modules/rootless/testing/engines_fixture.hpp"

#include <gmock/gmock.h>

#include <algorithm>

namespace {
using namespace plimsoll;
using namespace plimsoll::modules::rootless;
using namespace plimsoll::modules::rootless::testing;
using ::testing::Contains;
using ::testing::Each;
using ::testing::ElementsAre;

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

constexpr const char* exec_drop_in = "etc/systemd/system/docker.service.d/o.conf";

policy::Finding first_tcp(const host::Host& host, const Params& params = {}) {
    const auto findings = assess(host, params);
    const auto f = std::ranges::find(findings, tcp_id, &policy::Finding::control);
    return f != findings.end() ? *f : policy::Finding{};
}

TEST(Tcp, AnAddressOnTheCommandLineIsTakenAwayByADropIn) {
    const tests::Tree tree{{exec_drop_in,
                            "[Service]\nExecStart=\nExecStart=/usr/bin/dockerd -H fd:// -H "
                            "tcp://0.0.0.0:2375 --host=tcp://[::]:2376 "
                            "\\\n \"--label=a b\" $DOCKER_OPTS\n"}};
    add_docker(tree);
    EXPECT_EQ(first_tcp(tree.host()).fix->cls, policy::FixClass::service_restart);
    expect_converges(tree, tree.host(), tcp_id);
    const auto fix = first_tcp(tree.host()).fix;
    const auto& drop_in = std::get<policy::WriteFile>(fix->changes.at(0));
    EXPECT_EQ(drop_in.path, "/etc/systemd/system/docker.service.d/z60-plimsoll-exec.conf");
    EXPECT_EQ(drop_in.content,
              "[Service]\nExecStart=\nExecStart=/usr/bin/dockerd -H fd://  \"--label=a b\" $DOCKER_OPTS\n");
    // What the policy allows stays.
    const Params params{.allowed_listeners = {"[[]::]:2376"}, .require_mutual_tls = false};
    const auto kept = first_tcp(tree.host(), params).fix;
    EXPECT_NE(std::get<policy::WriteFile>(kept->changes.at(0)).content.find("--host=tcp://[::]:2376"),
              std::string::npos);
    expect_converges(tree, tree.host(), tcp_id, params);
}

TEST(Tcp, OnARunningHostTheServiceIsStartedAnew) {
    const tests::Tree tree{
        {exec_drop_in, "[Service]\nExecStart=\nExecStart=/usr/bin/dockerd -H fd:// -H tcp://0.0.0.0:2375\n"}};
    add_docker(tree);
    add_proc(tree);
    add_process(tree, {.pid = 9,
                       .exe = "/usr/bin/dockerd",
                       .argv = {"/usr/bin/dockerd", "-H", "fd://", "-H", "tcp://0.0.0.0:2375"}});
    const auto fix = first_tcp(tree.live_host()).fix;
    ASSERT_EQ(fix->changes.size(), 3U);
    using Verb = policy::UnitAction::Verb;
    EXPECT_EQ(fix->changes[1], policy::Change(policy::UnitAction{Verb::reload_manager}));
    EXPECT_EQ(fix->changes[2], policy::Change(policy::UnitAction{Verb::restart, "docker.service"}));
}

TEST(Tcp, WhatADropInCannotTakeAwayIsLeftToAPerson) {
    const char* lines[] = {
        "ExecStart=\nExecStart=/usr/bin/dockerd $HOSTS -H fd://\nEnvironment=HOSTS=-Htcp://0.0.0.0:2375",
        "ExecStart=\nExecStart=/bin/sh -c 'exec dockerd -H tcp://0.0.0.0:2375'",
        "ExecStart=\nExecStart=/usr/bin/dockerd -H ${A}\nEnvironment=\"A=tcp://0.0.0.0:2375\"",
        "Type=oneshot\nExecStart=/usr/bin/dockerd -H tcp://0.0.0.0:2375",
        "ExecStart=\nExecStart=/usr/bin/dockerd -H tcp://0.0.0.0:2375 $A\nEnvironment=\"A=-H "
        "tcp://0.0.0.0:2375\"",
    };
    for (const char* line : lines) {
        const tests::Tree tree{{exec_drop_in, "[Service]\n" + std::string(line) + "\n"}};
        add_docker(tree);
        const auto f = first_tcp(tree.host());
        EXPECT_EQ(f.status, policy::Status::fail) << line;
        EXPECT_EQ(f.subject, "tcp 0.0.0.0:2375") << line;
        EXPECT_EQ(f.fix->cls, policy::FixClass::never_automatic) << line;
        EXPECT_TRUE(f.fix->changes.empty()) << line;
    }
}

TEST(Tcp, OptionsInEnvironmentsAreFound) {
    struct Case {
        const char* unit;
        const char* file;
        const char* expected;
    };

    const Case cases[] = {
        {"Environment=\"DOCKER_OPTS=-H tcp://0.0.0.0:2375\"", "", "tcp 0.0.0.0:2375: fail critical"},
        {"EnvironmentFile=/etc/default/docker", "DOCKER_OPTS=\"-H fd:// \\\n  -H tcp://0.0.0.0:2375\"\n",
         "tcp 0.0.0.0:2375: fail critical"},
        {"EnvironmentFile=-/etc/default/*ck*", "DOCKER_OPTS=-DHtcp://0.0.0.0:2375\n",
         "tcp 0.0.0.0:2375: fail critical"},
        {"EnvironmentFile=-/etc/*/doc*", "DOCKER_OPTS=-DHtcp://0.0.0.0:2375\n",
         "tcp 0.0.0.0:2375: fail critical"},
        {"EnvironmentFile=-/etc/default/%p", "DOCKER_OPTS=-H tcp://0.0.0.0:2375\n",
         "tcp 0.0.0.0:2375: fail critical"},
        {"EnvironmentFile=-/etc/default/%I", "", "docker.service: unknown"},
        {"EnvironmentFile=-/run/flannel/docker", "", "docker.service: unknown"},  // an image cannot show it
        {"PassEnvironment=DOCKER_OPTS", "", "docker.service: unknown"},
        {"Environment=DOCKER_OPTS=-Htcp://x\nUnsetEnvironment=DOCKER_OPTS", "", "host: pass"},
    };
    for (const Case& c : cases) {
        const tests::Tree tree{{"etc/default/docker", c.file},
                               {exec_drop_in, "[Service]\n" + std::string(c.unit) +
                                                  "\nExecStart=\nExecStart=/usr/bin/dockerd $DOCKER_OPTS\n"}};
        add_docker(tree);
        EXPECT_THAT(verdicts(assess(tree.host()), tcp_id), ElementsAre(c.expected)) << c.unit;
    }
}

TEST(Tcp, AWrapperHidesTheOptions) {
    const tests::Tree tree{{exec_drop_in, "[Service]\nExecStart=\nExecStart=/opt/start-docker.sh\n"}};
    add_docker(tree);
    EXPECT_THAT(verdicts(assess(tree.host()), tcp_id), ElementsAre("docker.service: unknown"));
    EXPECT_THAT(verdicts(assess(tree.host()), "docker.daemon-json"),
                ElementsAre("dockerd: unknown", "/etc/docker/daemon.json: fail medium"));
}

TEST(Tcp, MutualTlsIsOnOnlyWhenNothingSwitchesItOff) {
    const Params params{.allowed_listeners = {"*"}};
    for (const char* off : {"--tlsverify=false", "--tlsverify=F", "--tlsverify --tlsverify=0"}) {
        const tests::Tree tree{
            {exec_drop_in,
             "[Service]\nExecStart=\nExecStart=/usr/bin/dockerd -H tcp://a:1 --tlscacert=/a "
             "--tlscert=/b --tlskey=/c " +
                 std::string(off) + "\n"}};
        add_docker(tree);
        EXPECT_THAT(verdicts(assess(tree.host(), params), tcp_id), ElementsAre("tcp a:1: fail critical"))
            << off;
    }
}

TEST(Tcp, AUsersEngineCountsAsTheUsers) {
    const tests::Tree tree{{"etc/passwd", accounts},
                           {"etc/group", ""},
                           {"home/alice/.config/systemd/user/docker.service",
                            "[Service]\nExecStart=/usr/bin/dockerd-rootless.sh -H tcp://0.0.0.0:2375\n"},
                           {"home/bob/.config/docker/daemon.json", R"({"hosts":["tcp://b:1"]})"}};
    EXPECT_THAT(verdicts(assess(tree.host()), tcp_id),
                ElementsAre("tcp 0.0.0.0:2375: fail high", "tcp b:1: fail high"));
    EXPECT_THAT(verdicts(assess(tree.host(), {.allowed_listeners = {"b:1"}}), tcp_id),
                ElementsAre("tcp 0.0.0.0:2375: fail high", "tcp b:1: pass"));
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

TEST(Tcp, BuildkitdListensWhereItsFlagsAndItsFileSay) {
    struct Case {
        const char* flags;
        const char* config;
        std::vector<std::string> expected;
    };

    const Case cases[] = {
        {"--addr tcp://0.0.0.0:1234", "", {"tcp 0.0.0.0:1234: fail critical"}},
        {"--addr=unix:///run/b.sock -addr=tcp://:1", "", {"tcp :1: fail critical"}},
        {"--addr unix:///run/b.sock", "[grpc]\naddress = ['tcp://0.0.0.0:1234']\n", {"host: pass"}},
        {"", "[grpc]\naddress = ['unix:///x', 'tcp://0.0.0.0:1234']\n", {"tcp 0.0.0.0:1234: fail critical"}},
        {"--addr tcp://0.0.0.0:1234 --tlscert /c --tlskey /k", "", {"tcp 0.0.0.0:1234: fail critical"}},
        {"--addr tcp://0.0.0.0:1234 --tlscert /c --tlskey /k --tlscacert=/a",
         "",
         {"tcp 0.0.0.0:1234: fail high"}},
        {"--addr tcp://0.0.0.0:1234 --tlscacert /a",
         "[grpc.tls]\ncert = '/c'\nkey = '/k'\n",
         {"tcp 0.0.0.0:1234: fail high"}},
        {"--debugaddr 0.0.0.0:6060", "", {"tcp 0.0.0.0:6060: fail critical"}},
        {"", "[grpc]\ndebugAddress = '0.0.0.0:6060'\n", {"tcp 0.0.0.0:6060: fail critical"}},
        {"--debugaddr unix:///run/d", "", {"host: pass"}},
        {"", "[grpc]\naddress = 'tcp://0.0.0.0:1'\n", {"host: pass"}},  // buildkitd does not start
        {"", "[grpc", {"buildkit: unknown"}},
        {"--addr \"tcp://\x1b[2J\"", "", {"tcp \\x1b[2J: fail critical"}},
    };
    for (const Case& c : cases) {
        const tests::Tree tree{{"etc/buildkit/buildkitd.toml", c.config},
                               {"usr/lib/systemd/system/buildkit.service",
                                "[Service]\nExecStart=/usr/bin/buildkitd " + std::string(c.flags) + "\n"}};
        EXPECT_THAT(verdicts(assess(tree.host()), tcp_id), ::testing::UnorderedElementsAreArray(c.expected))
            << c.flags << " " << c.config;
    }
}

TEST(Tcp, FilesThatOnlyTheManagerKnowsAreUnknown) {
    const tests::Tree tree{{"usr/bin/dockerd", ""}};
    const auto with = [&](const std::string& unit, const std::string& command) {
        tree.write("usr/lib/systemd/system/" + unit, "[Service]\nExecStart=" + command + "\n");
        auto out = verdicts(assess(tree.host()), tcp_id);
        tree.remove("usr/lib/systemd/system/" + unit);
        return out;
    };
    for (const std::string file : {"%h/c", "%E/c", "/etc/%H", "$HOME/c", "/etc/$C", "c", "./c", "''", "$C"}) {
        EXPECT_THAT(with("docker.service", "/usr/bin/dockerd --config-file " + file),
                    ElementsAre("/etc/docker/daemon.json: unknown"))
            << file;
        EXPECT_THAT(with("buildkit.service", "/usr/bin/buildkitd --config " + file),
                    ElementsAre("buildkit: unknown"))
            << file;
    }
    for (const std::string file : {"${C}", "${C}/c", "/c/${C}"}) {
        EXPECT_THAT(with("docker.service", "/usr/bin/dockerd --config-file " + file),
                    Contains("docker.service: unknown"))
            << file;
        EXPECT_THAT(with("buildkit.service", "/usr/bin/buildkitd --config " + file),
                    Each("buildkit: unknown"))
            << file;
    }
    EXPECT_THAT(with("docker.service", "/usr/bin/dockerd --config-file /c"), ElementsAre("host: pass"));
    // What its wrapper adds, only snapd knows.
    EXPECT_THAT(with("snap.docker.dockerd.service", "/usr/bin/snap run docker.dockerd"),
                ElementsAre("docker.service: unknown"));
    EXPECT_THAT(with("ci.service", "/usr/bin/numactl $NUMA dockerd -H tcp://b:1\nEnvironment=NUMA=--all"),
                ElementsAre("docker.service: unknown"));
    EXPECT_THAT(with("buildkit.service", "/usr/bin/buildkitd --config /c"), ElementsAre("host: pass"));
}

TEST(Tcp, AnAllowedAddressOfBuildkitdHasToAskForCertificates) {
    const tests::Tree tree{{"usr/lib/systemd/system/buildkit.service",
                            "[Service]\nExecStart=/usr/bin/buildkitd --addr tcp://0.0.0.0:1\n"}};
    const std::vector<std::string> allowed{"0.0.0.0:1"};
    EXPECT_THAT(verdicts(assess(tree.host(), {.allowed_listeners = allowed}), tcp_id),
                ElementsAre("tcp 0.0.0.0:1: fail critical"));
    EXPECT_THAT(
        verdicts(assess(tree.host(), {.allowed_listeners = allowed, .require_mutual_tls = false}), tcp_id),
        ElementsAre("tcp 0.0.0.0:1: pass"));
    tree.write("etc/buildkit/buildkitd.toml", "[grpc.tls]\ncert = '/c'\nkey = '/k'\nca = '/a'\n");
    EXPECT_THAT(verdicts(assess(tree.host(), {.allowed_listeners = allowed}), tcp_id),
                ElementsAre("tcp 0.0.0.0:1: pass"));
}

TEST(Tcp, ContainerdListensInEachVersionOfItsConfiguration) {
    for (const char* config :
         {"[grpc]\ntcp_address = '0.0.0.0:1'\n", "[debug]\naddress = '0.0.0.0:1'\n",
          "version = 4\n[plugins.'io.containerd.server.v1.grpc-tcp']\naddress = '0.0.0.0:1'\n",
          "version = 4\n[plugins.'io.containerd.server.v1.debug']\naddress = '0.0.0.0:1'\n"}) {
        const tests::Tree tree{{"usr/bin/containerd", ""}, {"etc/containerd/config.toml", config}};
        EXPECT_THAT(verdicts(assess(tree.host()), tcp_id), ElementsAre("tcp 0.0.0.0:1: fail critical"))
            << config;
        tree.write("etc/containerd/config.toml", "");
        tree.write("etc/containerd/conf.d/x.toml", config);
        EXPECT_THAT(verdicts(assess(tree.host()), tcp_id), ElementsAre("tcp 0.0.0.0:1: fail critical"))
            << config;
    }
    for (const char* config : {"[grpc]\ntcp_address = ''\n", "[debug]\naddress = '/run/d'\n",
                               "[debug]\naddress = 'unix:///run/d'\n", "[grpc]\ntcp_address = 1\n"}) {
        const tests::Tree tree{{"usr/bin/containerd", ""}, {"etc/containerd/config.toml", config}};
        EXPECT_THAT(verdicts(assess(tree.host()), tcp_id), ElementsAre("host: pass")) << config;
    }
}

TEST(Tcp, EnginesOfUsersListenWhereTheirUnitsSay) {
    struct Case {
        const char* file;
        const char* content;
        std::vector<std::string> expected;
    };

    const Case cases[] = {
        {"home/alice/.config/systemd/user/podman.socket.d/x.conf",
         "[Socket]\nListenStream=0.0.0.0:8080\n",
         {"tcp 0.0.0.0:8080: fail high"}},
        {"home/alice/.local/share/systemd/user/podman.socket.d/x.conf",
         "[Socket]\nListenStream=8080\n",
         {"tcp 8080: fail high"}},
        {"home/alice/.config/systemd/user/podman.socket.d/x.conf",
         "[Socket]\nListenStream=%H:1\n",
         {"tcp %H:1: fail high"}},
        {"home/alice/.config/systemd/user/podman.socket.d/x.conf",
         "[Socket]\nListenStream=%t/x\n",
         {"host: pass"}},
        {"home/alice/.config/systemd/user/podman.service",
         "[Service]\nExecStart=podman system service tcp://0.0.0.0:8080\n",
         {"tcp 0.0.0.0:8080: fail high"}},
        {"home/alice/.config/systemd/user/api.service",
         "[Service]\nExecStart=podman system service tcp://0.0.0.0:8080\n",
         {"tcp 0.0.0.0:8080: fail high"}},
        {"home/alice/.config/systemd/user/api.socket",
         "[Socket]\nListenStream=8080\nService=podman.service\n",
         {"tcp 8080: fail high"}},
        {"home/alice/.config/systemd/user/web.socket",
         "[Socket]\nListenStream=80\nService=web-docker.service\n",
         {"host: pass"}},
        {"home/alice/.local/share/systemd/user/docker.service",
         "[Service]\nExecStart=dockerd-rootless.sh -H tcp://0.0.0.0:2375\n",
         {"tcp 0.0.0.0:2375: fail high"}},
        {"home/alice/.config/systemd/user/buildkit.service",
         "[Service]\nExecStart=rootlesskit buildkitd --addr tcp://0.0.0.0:1\n",
         {"tcp 0.0.0.0:1: fail high"}},
        // A vendor's socket that nothing starts is nobody's yet.
        {"usr/lib/systemd/user/podman.socket.d/x.conf", "[Socket]\nListenStream=8080\n", {"host: pass"}},
    };
    for (const Case& c : cases) {
        const tests::Tree tree{{"etc/passwd", accounts},
                               {"etc/group", ""},
                               {"usr/bin/podman", ""},
                               {"usr/lib/systemd/user/podman.socket", "[Socket]\nListenStream=%t/p.sock\n"}};
        tree.write(c.file, c.content);
        EXPECT_THAT(verdicts(assess(tree.host()), tcp_id), ::testing::ElementsAreArray(c.expected))
            << c.file << " " << c.content;
    }
}

TEST(Tcp, UnitsThatEveryUserStartsCountForAll) {
    const tests::Tree tree{
        {"etc/passwd", accounts},
        {"etc/group", ""},
        {"usr/lib/systemd/user/podman.socket", "[Socket]\nListenStream=%t/podman/podman.sock\n"},
        {"etc/systemd/user/podman.socket.d/x.conf", "[Socket]\nListenStream=0.0.0.0:8080\n"}};
    tree.link("etc/systemd/user/sockets.target.wants/podman.socket", "/usr/lib/systemd/user/podman.socket");
    tree.write("var/lib/systemd/linger/alice", "");
    auto findings = assess(tree.host());
    EXPECT_THAT(verdicts(findings, tcp_id), ElementsAre("tcp 0.0.0.0:8080: fail high"));
    EXPECT_EQ(std::ranges::find(findings, tcp_id, &policy::Finding::control)->message,
              "podman of every user listens on TCP without mutual TLS");
    tree.link("etc/systemd/user/podman.socket", "/dev/null");
    EXPECT_THAT(verdicts(assess(tree.host()), tcp_id), ElementsAre("host: not-applicable"));
    tree.remove("etc/systemd/user");
    tree.link("etc/systemd/user", "user");
    EXPECT_THAT(verdicts(assess(tree.host()), tcp_id),
                ::testing::IsSupersetOf({"units of users: unknown", "alice: unknown"}));
}

TEST(Tcp, PodmansAddressMayComeFromItsEnvironment) {
    struct Case {
        const char* lines;
        const char* expected;
    };

    const Case cases[] = {
        {"ExecStart=podman system service tcp://0.0.0.0:8080\n", "tcp 0.0.0.0:8080: fail critical"},
        {"Environment=ADDRESS=tcp://0.0.0.0:8080\nExecStart=podman system service ${ADDRESS}\n",
         "tcp 0.0.0.0:8080: fail critical"},
        {"Environment=ADDRESS=0.0.0.0:8080\nExecStart=podman system service tcp://${ADDRESS}\n",
         "tcp 0.0.0.0:8080: fail critical"},
        {"EnvironmentFile=/etc/default/podman\nExecStart=podman system service $ADDRESS\n",
         "tcp 0.0.0.0:8080: fail critical"},
        {"Environment=ADDRESS=unix:///run/p.sock\nExecStart=podman system service $ADDRESS\n", "host: pass"},
        {"EnvironmentFile=/run/podman.env\nExecStart=podman system service $ADDRESS\n", "podman: unknown"},
        {"PassEnvironment=ADDRESS\nExecStart=podman system service $ADDRESS\n", "podman: unknown"},
        {"User=alice\nPassEnvironment=ADDRESS\nExecStart=podman system service $ADDRESS\n", "host: pass"},
        // As its vendor has it.
        {"Environment=LOGGING=\"--log-level=info\"\nExecStart=/usr/bin/podman $LOGGING system service\n",
         "host: pass"},
    };
    for (const Case& c : cases) {
        const tests::Tree tree{{"etc/default/podman", "ADDRESS=tcp://0.0.0.0:8080\n"}};
        tree.write("usr/lib/systemd/system/podman.service", "[Service]\n" + std::string(c.lines));
        EXPECT_THAT(verdicts(assess(tree.host()), tcp_id), ElementsAre(c.expected)) << c.lines;
    }
}

TEST(Tcp, DropInsOfPodmansSocketCount) {
    const tests::Tree tree{
        {"usr/lib/systemd/system/podman.socket", "[Socket]\nListenStream=%t/podman/podman.sock\n"},
        {"etc/systemd/system/podman.socket.d/x.conf", "[Socket]\nListenStream=[::]:8080\n"}};
    EXPECT_THAT(verdicts(assess(tree.host()), tcp_id), ElementsAre("tcp [::]:8080: fail critical"));
}

TEST(Tcp, SocketsOfAnyNameCountForTheEngineThatTheyStart) {
    struct Case {
        const char* service;
        const char* exec;
        const char* socket;
        const char* lines;
        const char* expected;
    };

    const Case cases[] = {
        {"docker.service", "/usr/bin/dockerd -H fd://", "api.socket", "Service=docker.service\n",
         "tcp 2375: fail critical"},
        {"mine.service", "/opt/dockerd -H fd://", "mine.socket", "", "tcp 2375: fail critical"},
        {"mine.service", "/opt/dockerd -H fd://", "api.socket", "Service=mine.service\n# docker\n",
         "tcp 2375: fail critical"},
        {"mine.service", "/opt/dockerd -H fd://", "mine.socket", "Service=web.service\n", "host: pass"},
        {"docker.service", "/usr/bin/dockerd", "web.socket", "Service=web.service\n# docker\n", "host: pass"},
        {"docker.service", "/usr/bin/dockerd", "web.socket", "\n[Unit]\nRequires=docker.service\n",
         "host: pass"},
    };
    for (const Case& c : cases) {
        const std::string dir = "usr/lib/systemd/system/";
        const tests::Tree tree;
        tree.write(dir + c.service, "[Service]\nExecStart=" + std::string(c.exec) + "\n");
        tree.write(dir + c.socket, "[Socket]\nListenStream=2375\n" + std::string(c.lines));
        EXPECT_THAT(verdicts(assess(tree.host()), tcp_id), ElementsAre(c.expected)) << c.socket << c.lines;
    }
}

}  // namespace
