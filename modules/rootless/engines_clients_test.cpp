// SPDX-License-Identifier: Apache-2.0
// The part of B02 and B03 that looks at users' clients.
#include "modules/rootless/docker_clients.hpp"
#include "modules/rootless/testing/engines_fixture.hpp"

#include <gmock/gmock.h>

namespace {
using namespace plimsoll;
using namespace plimsoll::modules::rootless;
using namespace plimsoll::modules::rootless::testing;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

constexpr std::string_view sockets = "engine.docker-socket-access";
constexpr std::string_view tcp = "engine.docker-tcp";

// Of clients only.
std::vector<std::string> clients(const tests::Tree& tree, std::string_view control,
                                 const Params& params = {}) {
    auto out = verdicts(assess(tree.host(), params), control);
    std::erase_if(out, [](const std::string& v) { return !v.starts_with("client of "); });
    return out;
}

TEST(OwnValues, ArePutIn) {
    const auto of = [](const char* value) {
        return with_own_values(value, 1000, "/home/alice").value_or("?");
    };
    EXPECT_EQ(of("unix:///run/docker.sock"), "unix:///run/docker.sock");
    for (const char* runtime :
         {"$XDG_RUNTIME_DIR", "${XDG_RUNTIME_DIR}", "/run/user/$UID", "/run/user/${EUID}",
          "/run/user/$(id -u)", "/run/user/`id -u`", "${XDG_RUNTIME_DIR:-/run/user/$(id -u)}"})
        EXPECT_EQ(of((std::string("unix://") + runtime + "/docker.sock").c_str()),
                  "unix:///run/user/1000/docker.sock");
    EXPECT_EQ(of("unix://$HOME/d.sock"), "unix:///home/alice/d.sock");
    for (const char* value : {"$X", "unix://$HOMES/x", "$(cat f)", "`x`", "tcp://${IP}:2375", "$UID_"})
        EXPECT_EQ(of(value), "?") << value;
    EXPECT_EQ(with_own_values("/run/user/$UID/$HOME", std::nullopt, ""), "/run/user/UID/HOME");
}

TEST(SocketPaths, AreNormal) {
    EXPECT_EQ(socket_path("unix:///var/run//docker.sock"), "/run/docker.sock");
    EXPECT_EQ(socket_path("unix:///run/user/1000/../../docker.sock"), "/run/docker.sock");
    for (const char* none : {"", "unix://", "unix://x", "tcp://1.2.3.4:5", "/run/docker.sock"})
        EXPECT_EQ(socket_path(none), "") << none;
}

struct Case {
    const char* what;
    const char* file;
    const char* text;
    const char* at_sockets;  // nullptr: nothing about clients
    const char* at_tcp;
};

constexpr const char* json_of = R"({"Name":"remote","Endpoints":{"docker":{"Host":"%"}}})";

std::string context(const char* host) {
    std::string out = json_of;
    return out.replace(out.find('%'), 1, host);
}

TEST(Clients, AreSeenWhereverTheyAreSet) {
    const Case cases[] = {
        {"rootful, for all", "etc/environment", "DOCKER_HOST=unix:///var/run/docker.sock\n",
         "client of everybody: fail medium", nullptr},
        {"rootful, by environment.d", "usr/lib/environment.d/d.conf",
         "DOCKER_HOST='unix:///run/docker.sock'\n", "client of everybody: fail medium", nullptr},
        {"rootful, by a profile", "etc/profile.d/docker.sh",
         "[ -n \"$x\" ] && export DOCKER_HOST=\"unix:///run/docker.sock\"; y\n",
         "client of everybody: fail medium", nullptr},
        {"rootful, by the managers", "etc/systemd/system/user@.service.d/d.conf",
         "[Service]\nEnvironment=A=b DOCKER_HOST=unix:///run/docker.sock\n",
         "client of everybody: fail medium", nullptr},
        {"rootful, by one's manager", "etc/systemd/system/user@1000.service.d/d.conf",
         "[Service]\nEnvironment=DOCKER_HOST=unix:///run/docker.sock\n", "client of alice: fail medium",
         nullptr},
        {"rootful podman", "home/alice/.bashrc", "CONTAINER_HOST=unix:///run/podman/podman.sock podman ps\n",
         "client of alice: fail medium", nullptr},
        {"network, one's own", "home/alice/.config/environment.d/d.conf", "DOCKER_HOST=tcp://10.0.0.1:2375\n",
         nullptr, "client of alice: fail high"},
        {"network, by a user.conf", "etc/systemd/user.conf.d/d.conf",
         "[Manager]\nDefaultEnvironment=\"DOCKER_HOST=tcp://10.0.0.1:2375\"\n", nullptr,
         "client of everybody: fail high"},
        {"network with TLS", "home/alice/.profile",
         "export DOCKER_TLS_VERIFY=1\nexport DOCKER_HOST=tcp://10.0.0.1:2376\n", nullptr,
         "client of alice: fail medium"},
        {"root's too", "root/.bashrc", "export DOCKER_HOST=tcp://10.0.0.1:2375\n", nullptr,
         "client of root: fail high"},
        {"root may use its own engine", "root/.bashrc", "export DOCKER_HOST=unix:///run/docker.sock\n",
         nullptr, nullptr},
        {"one's own engine", "home/alice/.bashrc", "export DOCKER_HOST=unix:///run/user/1000/docker.sock\n",
         nullptr, nullptr},
        {"everybody's own engine", "etc/profile.d/d.sh",
         "export DOCKER_HOST=unix://$XDG_RUNTIME_DIR/docker.sock\n", nullptr, nullptr},
        {"a place in a home", "home/alice/.bashrc", "export DOCKER_HOST=unix://$HOME/.colima/d.sock\n",
         nullptr, nullptr},
        {"another host, with a login", "home/alice/.bashrc", "export DOCKER_HOST=ssh://me@there\n", nullptr,
         nullptr},
        {"commented out", "etc/profile.d/d.sh", "  # export DOCKER_HOST=tcp://10.0.0.1:2375\n", nullptr,
         nullptr},
        {"another variable", "etc/environment", "MY_DOCKER_HOST=tcp://10.0.0.1:2375\nDOCKER_HOST=\n", nullptr,
         nullptr},
        {"no script", "etc/profile.d/README", "export DOCKER_HOST=tcp://10.0.0.1:2375\n", nullptr, nullptr},
        {"somebody else's socket", "home/alice/.bashrc",
         "export DOCKER_HOST=unix:///run/user/1001/docker.sock\n", "client of alice: unknown", nullptr},
        {"whose engine", "home/alice/.bashrc", "export DOCKER_HOST=unix:///srv/d.sock\n",
         "client of alice: unknown", nullptr},
        {"up and out of one's own", "home/alice/.bashrc",
         "export DOCKER_HOST=unix:///run/user/1000/../../docker.sock\n", "client of alice: fail medium",
         nullptr},
        {"what only a shell knows", "home/alice/.bashrc", "export DOCKER_HOST=$(cat ~/host)\n",
         "client of alice: unknown", "client of alice: unknown"},
        {"a context that waits", "home/alice/.docker/contexts/meta/1/meta.json", nullptr, nullptr,
         "client of alice: fail low"},
        {"damaged context", "home/alice/.docker/contexts/meta/1/meta.json", "{", "client of alice: unknown",
         "client of alice: unknown"},
        {"a context of nothing", "home/alice/.docker/contexts/meta/1/meta.json", R"({"Name":"x"})", nullptr,
         nullptr},
        {"damaged settings", "home/alice/.docker/config.json",
         "{\"currentContext\":", "client of alice: unknown", "client of alice: unknown"},
        {"settings elsewhere", "home/alice/.bashrc", "export DOCKER_CONFIG=$PWD/d\n",
         "client of alice: unknown", "client of alice: unknown"},
    };
    for (const Case& c : cases) {
        const tests::Tree tree{{"etc/passwd", accounts}, {"etc/group", ""}};
        add_docker(tree);
        tree.write("usr/lib/systemd/system/user@.service", "[Service]\nSlice=user-%i.slice\n");
        tree.write(c.file, c.text != nullptr ? c.text : context("tcp://10.0.0.1:2375"));
        const auto expected = [](const char* verdict) {
            return verdict != nullptr ? std::vector<std::string>{verdict} : std::vector<std::string>{};
        };
        EXPECT_EQ(clients(tree, sockets), expected(c.at_sockets)) << c.what;
        EXPECT_EQ(clients(tree, tcp), expected(c.at_tcp)) << c.what;
    }
}

TEST(Clients, ContextsCountForMoreWhenTheyAreUsed) {
    const tests::Tree tree{{"etc/passwd", accounts}, {"etc/group", ""}};
    add_docker(tree);
    const std::string meta = "home/alice/.docker/contexts/meta/1/meta.json";
    tree.write(meta, context("unix:///run/docker.sock"));
    EXPECT_THAT(clients(tree, sockets), ElementsAre("client of alice: fail low"));
    tree.write("home/alice/.docker/config.json", R"({"currentContext":"remote"})");
    EXPECT_THAT(clients(tree, sockets), ElementsAre("client of alice: fail medium"));
    EXPECT_THAT(clients(tree, sockets, {.allowed_members = {"alice"}}), IsEmpty());
    tree.write(meta, context("tcp://10.0.0.1:2376"));
    EXPECT_THAT(clients(tree, sockets), IsEmpty());
    EXPECT_THAT(clients(tree, tcp), ElementsAre("client of alice: fail high"));
    for (const char* file : {"ca.pem", "cert.pem", "key.pem"})
        tree.write("home/alice/.docker/contexts/tls/1/docker/" + std::string(file), "");
    EXPECT_THAT(clients(tree, tcp), ElementsAre("client of alice: fail medium"));
    EXPECT_THAT(clients(tree, tcp, {.allowed_listeners = {"10.0.0.1:*"}}), IsEmpty());
    std::string lax = context("tcp://10.0.0.1:2376");
    lax.insert(lax.find("\"Host\""), "\"SkipTLSVerify\":true,");
    tree.write(meta, lax);
    EXPECT_THAT(clients(tree, tcp, {.allowed_listeners = {"10.0.0.1:*"}}),
                ElementsAre("client of alice: fail high"));
    EXPECT_THAT(clients(tree, tcp, {.allowed_listeners = {"10.0.0.1:*"}, .require_mutual_tls = false}),
                IsEmpty());
    tree.write("home/alice/.docker/config.json", R"({"currentContext":"default"})");
    tree.write("home/alice/.bashrc", "export DOCKER_CONTEXT=remote\n");
    EXPECT_THAT(clients(tree, tcp), ElementsAre("client of alice: fail high"));
}

TEST(Clients, OfASettingsDirectoryElsewhere) {
    const tests::Tree tree{{"etc/passwd", accounts},
                           {"etc/group", ""},
                           {"etc/environment", "DOCKER_CONFIG=/srv/docker\n"},
                           {"srv/docker/contexts/meta/1/meta.json", context("tcp://10.0.0.1:2375")}};
    add_docker(tree);
    EXPECT_THAT(clients(tree, tcp), ElementsAre("client of alice: fail low", "client of bob: fail low",
                                                "client of root: fail low"));
}

TEST(Clients, ALinkDoesNotHideWhereItLeads) {
    const tests::Tree tree{{"etc/passwd", accounts},
                           {"etc/group", ""},
                           {"home/alice/.bashrc", "export DOCKER_HOST=unix://$HOME/d.sock\n"}};
    add_docker(tree);
    EXPECT_THAT(clients(tree, sockets), IsEmpty());
    tree.link("home/alice/e.sock", "../../var/run/docker.sock");
    tree.link("home/alice/d.sock", "e.sock");
    EXPECT_THAT(clients(tree, sockets), ElementsAre("client of alice: fail medium"));
}

TEST(Clients, OfAnEngineWithAnotherSocketOrNone) {
    const tests::Tree tree{{"etc/passwd", accounts},
                           {"etc/group", ""},
                           {"home/alice/.bashrc", "export DOCKER_HOST=unix:///srv/d.sock\n"},
                           {"etc/docker/daemon.json", R"({"hosts":["unix:///srv/d.sock"]})"}};
    add_docker(tree);
    EXPECT_THAT(clients(tree, sockets), ElementsAre("client of alice: fail medium"));
    const tests::Tree bare{{"etc/passwd", accounts},
                           {"etc/group", ""},
                           {"home/alice/.bashrc", "export DOCKER_HOST=unix:///run/docker.sock\n"}};
    EXPECT_THAT(clients(bare, sockets), ElementsAre("client of alice: fail low")) << "no engine is there yet";
}

TEST(Clients, WhatTheyAreSetToIsForTheUserAndRootOnly) {
    const tests::Tree tree{{"etc/passwd", accounts},
                           {"etc/group", ""},
                           {"home/alice/.bashrc", "export DOCKER_HOST=tcp://10.0.0.1:2375\n"}};
    for (const auto& f : assess(tree.host()))
        if (f.control == tcp && f.status == policy::Status::fail) {
            EXPECT_TRUE(f.evidence.front().sensitive);
            EXPECT_EQ((f.subject + f.message + f.fix->summary).find("10.0.0.1"), std::string::npos);
            EXPECT_EQ(f.fix->cls, policy::FixClass::never_automatic);
        }
}

TEST(Clients, HostileFilesAreUnknown) {
    for (const char* file : {"home/alice/.docker/config.json", "home/alice/.docker/contexts/meta",
                             "home/alice/.docker/contexts/meta/1/meta.json", "home/alice/.bashrc",
                             "home/alice/.config/environment.d/a.conf"}) {
        const tests::Tree tree{{"etc/passwd", accounts}, {"etc/group", ""}};
        if (std::string_view(file).ends_with("/meta"))
            tree.link(file, "meta");
        else
            tree.fifo(file);
        EXPECT_THAT(clients(tree, sockets), ElementsAre("client of alice: unknown")) << file;
        EXPECT_THAT(clients(tree, tcp), ElementsAre("client of alice: unknown")) << file;
    }
    const tests::Tree many{{"etc/passwd", accounts}, {"etc/group", ""}};
    for (int i = 0; i < 70; ++i)
        many.write("home/alice/.docker/contexts/meta/" + std::to_string(i) + "/meta.json",
                   R"({"Name":"\u001b[2J","Endpoints":{"docker":{"Host":"unix:///run/user/1000/d.sock"}}})");
    EXPECT_THAT(clients(many, tcp), ElementsAre("client of alice: unknown"));
}

}  // namespace
