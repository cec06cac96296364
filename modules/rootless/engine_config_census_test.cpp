// SPDX-License-Identifier: Apache-2.0
// Every control on containers.conf and storage.conf ends in every way that it can, and rootless-strict lets
// pass only what the policy names.
#include "modules/rootless/testing/settings_scene.hpp"

#include <unistd.h>

namespace plimsoll::modules::rootless::testing {
namespace {

using M = EngineConfig;
using tests::Cell;
using S = tests::Scene<M>;
using Case = tests::CensusCase<M>;

constexpr const char* alices_conf = "home/alice/.config/containers/containers.conf";
constexpr const char* read_only = "[containers]\nread_only = true\n";

std::vector<Case> cases() {
    std::vector<Case> out;
    const auto add = [&](const char* control, Cell cell, auto what) {
        out.emplace_back(control, cell, std::move(what));
    };
    for (const char* control : {"containers.conf.effective", "containers.conf.baseline", "storage.conf"}) {
        add(control, Cell::pass, [](S& s) { with_podman(s); });
        add(control, Cell::not_applicable, nothing<M>());
    }
    const auto podman_and_fifo = [](std::string path) -> Arrange<M> {
        return [=](S& s) {
            with_podman(s);
            s.tree.fifo(path);
        };
    };
    for (const char* control : {"containers.conf.effective", "containers.conf.baseline"}) {
        add(control, Cell::unknown, podman_and_fifo(containers_conf));
        add(control, Cell::hostile, podman_and<M>(containers_conf, "[containers]\nnetns = \"\x1b[2J\n"));
    }
    add("containers.conf.effective", Cell::fail,
        podman_and<M>(containers_conf, "[containers]\nnetns = host\n"));
    add("containers.conf.baseline", Cell::fail,
        podman_and<M>(containers_conf, "[containers]\nprivileged = true\n"));
    add("containers.conf.baseline", Cell::hostile,
        podman_and<M>(containers_conf,
                      "[containers]\nnetns = \"host\"\nvolumes = [\"/:/\\u001b[2J\"]\n"
                      "seccomp_profile = \"/\\u0007\"\n"));
    add("storage.conf", Cell::fail,
        podman_and<M>(storage_conf, "[storage.options]\nignore_chown_errors = \"true\"\n"));
    add("storage.conf", Cell::unknown, podman_and_fifo(storage_conf));
    add("storage.conf", Cell::hostile,
        podman_and<M>(storage_conf, "[storage]\ndriver = \"\\u001b[2J\"\ngraphroot = \"\\u0007\"\n"));
    return out;
}

TEST(EngineConfigCensus, LeavesNoControlOut) {
    if (::geteuid() != 0)
        GTEST_SKIP() << "needs root: the files of its trees belong to root";
    tests::take_census<M>(with_alice<M>, cases());
}

TEST(EngineConfigStrict, WhatIsNotNamedFails) {
    if (::geteuid() != 0)
        GTEST_SKIP() << "needs root: the files of its trees belong to root";
    const auto with = [](std::string path, std::string content) -> Arrange<M> {
        return [=](S& s) {
            with_podman(s);
            s.tree.write(containers_conf, read_only);
            s.tree.write(path, content);
        };
    };
    tests::expect_strict<M>(
        with_alice<M>,
        {{"containers.conf.effective", with(alices_conf, "[containers]\nread_only = false\n"), true,
          [](S& s) { s.params.allow_user_overrides = true; }},
         {"containers.conf.baseline", [](S& s) { with_podman(s); }, true,
          [](S& s) { s.params.read_only = false; }},
         {"containers.conf.baseline",
          with(containers_conf, std::string(read_only) + "volumes = [\"/data:/data\"]\n"), true,
          [](S& s) { s.params.allowed_mounts = {"/data"}; }},
         {"containers.conf.baseline",
          with("etc/containers/registries.conf",
               "[[registry]]\nlocation = \"docker.io\"\n[[registry.mirror]]\n"
               "location = \"mirror.test\"\n"),
          true, [](S& s) { s.params.allowed_mirrors = {"mirror.test"}; }},
         {"containers.conf.baseline",
          [=](S& s) {
              with(containers_conf, std::string(read_only) + "seccomp_profile = \"/srv/p.json\"\n")(s);
              s.tree.write("srv/p.json", R"({"defaultAction":"SCMP_ACT_ERRNO"})");
          },
          true, [](S& s) { s.params.seccomp_sha256 = {"*"}; }},
         {"storage.conf",
          [=](S& s) {
              with(storage_conf, "[storage.options]\nadditionalimagestores = [\"/srv/store\"]\n")(s);
              s.tree.directory("srv/store");
          },
          true, [](S& s) { s.params.allowed_image_stores = {"/srv/store"}; }}});
}

TEST(EngineConfig, WhatMovesTheConfigurationIsFoundInUnitsToo) {
    const auto verdict = [](const char* path, const char* content) {
        S s;
        with_alice(s);
        with_podman(s);
        s.tree.write("usr/lib/systemd/system/user@.service", "[Service]\nDelegate=yes\n");
        s.tree.write(path, content);
        for (const auto& f : s.judge("containers.conf.effective"))
            if (f.subject == "alice")
                return std::string(policy::name_of(f.status));
        return std::string("none");
    };
    const char* drop_in = "etc/systemd/system/user@.service.d/x.conf";
    EXPECT_EQ(verdict(drop_in, "[Service]\nEnvironment=A=b\n"), "pass");
    const auto expected = verdict("etc/environment", "CONTAINERS_CONF=/x\n");
    EXPECT_NE(expected, "pass");
    EXPECT_EQ(verdict(drop_in, "[Service]\nEnvironment=A=b \"CONTAINERS_CONF=/x\"\n"), expected);
    EXPECT_EQ(verdict("etc/systemd/user.conf", "[Manager]\nDefaultEnvironment=CONTAINERS_CONF=/x\n"),
              expected);
    EXPECT_EQ(verdict("etc/systemd/user.conf.d/x.conf",
                      "[Manager]\nManagerEnvironment=CONTAINERS_STORAGE_CONF=/x\n"),
              expected);
}

}  // namespace
}  // namespace plimsoll::modules::rootless::testing
