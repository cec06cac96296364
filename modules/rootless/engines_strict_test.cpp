// SPDX-License-Identifier: Apache-2.0
// In rootless-strict, what the policy does not name is not allowed.
#include "modules/rootless/testing/engines_fixture.hpp"
#include "tests/support/strict.hpp"

namespace plimsoll::modules::rootless::testing {
namespace {

using S = tests::Scene<Engines>;

void base(S& s) {
    s.tree.write("etc/passwd", accounts);
    s.tree.write("etc/group", "root:x:0:\ndocker:x:997:\n");
    s.tree.write("usr/bin/crun", "", 0755);
}

// A sound daemon.json, also for the strict profile, and keys more.
std::function<void(S&)> docker_with(std::string keys) {
    return [=](S& s) {
        add_docker(s.tree);
        s.tree.write(
            "etc/docker/daemon.json",
            R"({"no-new-privileges":true,"icc":false,"live-restore":true,"userland-proxy":false,)"
            R"("log-driver":"local","default-ulimits":{"nofile":{"Name":"nofile","Soft":1,"Hard":2}})" +
                keys + "}");
    };
}

std::function<void(S&)> file(std::string path, std::string content) {
    return [=](S& s) { s.tree.write(path, content); };
}

void enable(S& s, const std::string& unit, const std::string& content) {
    s.tree.write("usr/lib/systemd/system/" + unit, content);
    s.tree.link("etc/systemd/system/x.target.wants/" + unit, "/usr/lib/systemd/system/" + unit);
}

TEST(EnginesStrict, EnginesMembersAndListenersHaveToBeNamed) {
    if (::geteuid() != 0)
        GTEST_SKIP() << "needs root: the files of its trees belong to root";
    tests::expect_strict<Engines>(
        base, {{"engine.rootful-daemon", [](S& s) { add_docker(s.tree); }, false,
                [](S& s) { s.params.allowed_engines = {"docker"}; }},
               {"engine.rootful-daemon",
                [](S& s) { enable(s, "crio.service", "[Service]\nExecStart=/usr/bin/crio\n"); }, false,
                [](S& s) { s.params.allowed_engines = {"crio"}; }},
               {"engine.docker-socket-access",
                [](S& s) {
                    add_docker(s.tree);
                    s.tree.write("etc/group", "docker:x:997:alice\n");
                },
                false, [](S& s) { s.params.allowed_members = {"alice"}; }},
               {"engine.docker-tcp", docker_with(R"(,"hosts":["tcp://10.0.0.1:2375"])"), false,
                [](S& s) {
                    s.params.allowed_listeners = {"10.0.0.1:2375"};
                    s.params.require_mutual_tls = false;
                }},
               {"engine.docker-tcp",
                [](S& s) {
                    add_docker(s.tree);
                    s.tree.write("etc/systemd/system/docker.socket.d/x.conf",
                                 "[Socket]\nListenStream=2375\n");
                },
                false,
                [](S& s) {
                    s.params.allowed_listeners = {"2375"};
                    s.params.require_mutual_tls = false;
                }}});
}

TEST(EnginesStrict, DockersSettingsHaveToBeNamed) {
    if (::geteuid() != 0)
        GTEST_SKIP() << "needs root: the files of its trees belong to root";
    tests::expect_strict<Engines>(
        base, {{"docker.daemon-json", docker_with(R"(,"registry-mirrors":["https://m.test"])"), true,
                [](S& s) { s.params.allowed_mirrors = {"https://m.test"}; }},
               {"docker.daemon-json", docker_with(R"(,"insecure-registries":["r.test"])"), false,
                [](S& s) { s.params.allowed_insecure_registries = {"r.test"}; }},
               {"docker.daemon-json", docker_with(R"(,"runtimes":{"x":{"path":"/usr/bin/crun"}})"), true,
                [](S& s) { s.params.allowed_runtimes = {"crun"}; }},
               {"docker.daemon-json", docker_with(R"(,"default-runtime":"io.containerd.kata.v2")"), true,
                [](S& s) { s.params.allowed_runtimes = {"io.containerd.kata.v2"}; }},
               {"docker.daemon-json", docker_with(R"(,"authorization-plugins":["opa"])"), true,
                [](S& s) { s.params.allowed_plugins = {"opa"}; }},
               {"docker.daemon-json",
                [](S& s) {
                    add_docker(s.tree);
                    s.tree.write("etc/docker/daemon.json",
                                 R"({"no-new-privileges":true,"icc":false,"live-restore":true,)"
                                 R"("userland-proxy":false,"log-driver":"local"})");
                },
                true, [](S& s) { s.params.require_ulimits = false; }},
               {"docker.userns-remap", docker_with(""), true, [](S& s) { s.params.require_remap = false; }}});
}

TEST(EnginesStrict, UnitsQuadletsAndPodsHaveToBeNamed) {
    if (::geteuid() != 0)
        GTEST_SKIP() << "needs root: the files of its trees belong to root";
    const std::string hardened = "[Container]\nImage=docker.io/library/x@sha256:" + std::string(64, 'a') +
                                 "\nDropCapability=all\nReadOnly=true\nNoNewPrivileges=true\n";
    tests::expect_strict<Engines>(
        base, {{"podman.rootful-socket",
                [](S& s) { enable(s, "podman.socket", "[Socket]\nListenStream=/run/podman/podman.sock\n"); },
                false, [](S& s) { s.params.allowed_units = {"podman.socket"}; }},
               {"podman.rootful-quadlets", file("etc/containers/systemd/web.container", hardened), false,
                [](S& s) { s.params.allowed_quadlets = {"web.container"}; }},
               {"podman.rootful-quadlets",
                file("etc/systemd/system/web.service", "[Service]\nExecStart=/usr/bin/podman run web\n"),
                false, [](S& s) { s.params.allowed_quadlets = {"web.service"}; }},
               {"kubelet.cri-defaults", file("usr/bin/crio", ""), true,
                [](S& s) { s.params.require_cri_hardening = false; }},
               {"kubelet.cri-defaults",
                [](S& s) {
                    s.tree.write("var/lib/kubelet/config.yaml", "seccompDefault: true\n");
                    s.tree.write("usr/bin/containerd", "");
                },
                true, [](S& s) { s.params.require_cri_hardening = false; }}});
}

// Named is not hardened.
TEST(EnginesStrict, ANamedQuadletStillHasToBeHardened) {
    S s;
    base(s);
    s.tree.write("etc/containers/systemd/web.container", "[Container]\nImage=x\n");
    s.params = tests::strict_params<Engines>();
    s.params.allowed_quadlets = {"web.container"};
    EXPECT_EQ(s.judge("podman.rootful-quadlets").front().status, policy::Status::fail);
    s.params.require_hardening = false;
    EXPECT_EQ(s.judge("podman.rootful-quadlets").front().status, policy::Status::pass);
}

}  // namespace
}  // namespace plimsoll::modules::rootless::testing
