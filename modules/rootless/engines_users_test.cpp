// SPDX-License-Identifier: Apache-2.0
// Engines of users: what of units for all of them is theirs, and what cannot be seen of them.
#include "modules/rootless/testing/engines_fixture.hpp"

#include <gmock/gmock.h>

namespace {
using namespace plimsoll;
using namespace plimsoll::modules::rootless;
using namespace plimsoll::modules::rootless::testing;
using ::testing::Contains;
using ::testing::Each;
using ::testing::ElementsAre;

constexpr std::string_view tcp_id = "engine.docker-tcp";
constexpr const char* users_api = "[Service]\nExecStart=podman system service tcp://0.0.0.0:8080\n";
constexpr const char* alices = "home/alice/.config/systemd/user/";

void add_accounts(const tests::Tree& tree) {
    tree.write("etc/passwd", accounts);
    tree.write("etc/group", "");
}

std::vector<std::string> tcp_of(const tests::Tree& tree) {
    return verdicts(assess(tree.host()), tcp_id);
}

TEST(UsersEngines, MayBeUnitsForAllThatOneUserStarts) {
    for (const std::string dir : {"usr/lib/systemd/user/", "etc/systemd/user/"})
        for (const auto& [unit, link] :
             {std::pair{"api.service", "api.service"}, std::pair{"api@.service", "api@x.service"}}) {
            const tests::Tree tree;
            add_accounts(tree);
            tree.write(dir + unit, users_api);
            EXPECT_THAT(tcp_of(tree), ElementsAre("host: not-applicable")) << dir << unit;
            tree.link(alices + std::string("default.target.wants/") + link, "/" + dir + unit);
            EXPECT_THAT(tcp_of(tree), ElementsAre("tcp 0.0.0.0:8080: fail high")) << dir << unit;
            tree.link(alices + std::string("default.target.wants/") + link, "/dev/null");
            EXPECT_THAT(tcp_of(tree), ElementsAre("host: not-applicable")) << dir << unit;
        }
}

TEST(UsersEngines, MayBeUnitsForAllThatOneUserChanges) {
    const tests::Tree tree{
        {"usr/lib/systemd/user/api.service", "[Service]\nExecStart=podman system service $ADDRESS\n"},
        {"home/alice/.config/systemd/user/api.service.d/x.conf",
         "[Service]\nEnvironment=ADDRESS=tcp://0.0.0.0:8080\n"}};
    add_accounts(tree);
    EXPECT_THAT(tcp_of(tree), ElementsAre("tcp 0.0.0.0:8080: fail high"));
}

TEST(UsersEngines, OfUnitsForAllThatCannotBeUnderstoodAreUnknown) {
    const tests::Tree tree{{"etc/systemd/user/a.service",
                            "[Service]\nEnvironmentFile=%h/env\nExecStart=podman system service $ADDRESS\n"},
                           {"etc/systemd/user/b.service", "[Service]\nExecStart=podman system service\n"}};
    add_accounts(tree);
    add_docker(tree);
    EXPECT_THAT(tcp_of(tree), ElementsAre("host: pass")) << "nothing starts it";
    for (const std::string unit : {"a.service", "b.service"})
        tree.link("etc/systemd/user/default.target.wants/" + unit, "../" + unit);
    EXPECT_THAT(tcp_of(tree), Each("units of users: unknown"))
        << "neither the file nor the variable is known";
    EXPECT_THAT(verdicts(assess(tree.host()), "engine.both-stacks"), ElementsAre("docker: unknown"));
    tree.fifo("etc/systemd/user/a.service");
    EXPECT_THAT(tcp_of(tree), Contains("units of users: unknown"));
    tree.link("etc/systemd/user/a.service", "/dev/null");
    EXPECT_THAT(tcp_of(tree), ElementsAre("host: pass"));
}

TEST(UsersEngines, OfUnitsForAllChangeByOneUsersDropInsForMany) {
    for (const std::string folder : {"service.d", "my-.service.d"}) {
        const tests::Tree tree{{"etc/systemd/user/my-docker.service", "[Service]\nExecStart=/opt/nothing\n"}};
        add_accounts(tree);
        tree.link("etc/systemd/user/default.target.wants/my-docker.service", "../my-docker.service");
        EXPECT_THAT(tcp_of(tree), ElementsAre("host: not-applicable"));
        tree.write(std::string(alices) + folder + "/x.conf",
                   "[Service]\nExecStart=\nExecStart=dockerd-rootless.sh -H tcp://b:1\n");
        EXPECT_THAT(tcp_of(tree), ElementsAre("tcp b:1: fail high")) << folder;
    }
}

TEST(UsersEngines, OfWhoIsAwayAreUnknown) {
    const tests::Tree tree{
        {"var/lib/systemd/home/hugo.identity", R"({"userName": "hugo", "binding": {"ab": {"uid": 60231}}})"}};
    add_accounts(tree);
    add_proc(tree);
    add_docker(tree);
    const auto of = [&](std::string_view control) { return verdicts(assess(tree.live_host()), control); };
    for (const bool mount_point : {false, true}) {
        if (mount_point)
            tree.directory("home/hugo");
        EXPECT_THAT(of(tcp_id), ElementsAre("hugo: unknown")) << mount_point;
        EXPECT_THAT(of("rootless.docker-health"), ElementsAre("hugo: unknown")) << mount_point;
        EXPECT_THAT(of("engine.both-stacks"), ElementsAre("docker: unknown")) << mount_point;
        EXPECT_THAT(of("docker.daemon-json"), Contains("/home/hugo/.config/docker/daemon.json: unknown"))
            << mount_point;
    }
    tree.write("home/hugo/.identity", "{}");
    EXPECT_THAT(of(tcp_id), ElementsAre("host: pass"));
    EXPECT_THAT(of("rootless.docker-health"), ElementsAre("host: not-applicable"));
    EXPECT_THAT(of("engine.both-stacks"), ElementsAre("docker: pass"));
}

TEST(UsersEngines, AreConfiguredWhereTheirCommandLinesSay) {
    struct Case {
        const char* arguments;
        const char* expected;
    };

    const Case cases[] = {
        {"--config-file /home/alice/d.json", "tcp b:1: fail high"},
        {"--config-file=%h/d.json", "tcp b:1: fail high"},
        {"--config-file=d.json", "tcp b:1: fail high"},  // users' services start in the home
        {"--config-file ${FILE}\nEnvironment=FILE=%h/d.json", "tcp b:1: fail high"},
        {"--config-file=%E/d.json", "alice: unknown"},
        {"--config-file=/home/%u/d.json", "alice: unknown"},
        {"--config-file=$XDG_CONFIG_HOME/d.json", "alice: unknown"},
        {"--config-file $FILE", "alice: unknown"},
        {"--config-file ${HOME}/d.json", "tcp b:1: fail high"},
        {"--config-file ${XDG_CONFIG_HOME}/d.json", "alice: unknown"},
        {"$OPTIONS", "alice: unknown"},
        {"--config-file=d.json\nWorkingDirectory=%T", "alice: unknown"},
        {"--config-file=\x1b[2J", "host: not-applicable"},
    };
    for (const Case& c : cases) {
        const tests::Tree tree{{"home/alice/d.json", R"({"hosts":["tcp://b:1"]})"}};
        add_accounts(tree);
        tree.write(std::string(alices) + "docker.service",
                   "[Service]\nExecStart=dockerd-rootless.sh " + std::string(c.arguments) + "\n");
        EXPECT_THAT(tcp_of(tree), ElementsAre(c.expected)) << c.arguments;
    }
}

TEST(UsersEngines, OfBuildkitListenWhereTheirFilesSay) {
    struct Case {
        const char* arguments;
        const char* usual;  // ~/.config/buildkit/buildkitd.toml
        const char* expected;
    };

    const char* listens = "[grpc]\naddress = ['tcp://b:1']\n";
    const Case cases[] = {
        {"", listens, "tcp b:1: fail high"},
        {"--addr unix:///run/b.sock", listens, "host: not-applicable"},
        {"--config %h/b.toml", "", "tcp b:1: fail high"},
        {"-config=b.toml", "", "tcp b:1: fail high"},
        {"--config /etc/none.toml", listens, "host: not-applicable"},
        {"--config %E/b.toml", "", "alice: unknown"},
        {"", "[grpc", "alice: unknown"},
    };
    for (const Case& c : cases) {
        const tests::Tree tree{{"home/alice/b.toml", listens},
                               {"home/alice/.config/buildkit/buildkitd.toml", c.usual}};
        add_accounts(tree);
        tree.write(std::string(alices) + "buildkit.service",
                   "[Service]\nExecStart=rootlesskit buildkitd " + std::string(c.arguments) + "\n");
        EXPECT_THAT(tcp_of(tree), ElementsAre(c.expected)) << c.arguments << c.usual;
    }
}

TEST(UsersEngines, ThatRunAreConfiguredWhereTheirOwnWordsSay) {
    const tests::Tree tree{{"home/alice/$d.json", R"({"hosts":["tcp://b:1"]})"}};
    add_accounts(tree);
    add_proc(tree);
    const auto with = [&](const std::string& file) {
        add_process(tree, {.pid = 9,
                           .exe = "/usr/bin/dockerd",
                           .argv = {"dockerd", "--config-file", file},
                           .uid = 1000,
                           .user_ns = "4026532000"});
        return verdicts(assess(tree.live_host()), tcp_id);
    };
    EXPECT_THAT(with("/home/alice/$d.json"), ElementsAre("tcp b:1: fail high"));
    EXPECT_THAT(with("$d.json"), ElementsAre("alice: unknown"));
}

}  // namespace
