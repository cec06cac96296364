// SPDX-License-Identifier: Apache-2.0
#include "core/host/rootless_signs.hpp"

#include "tests/support/tree.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace plimsoll::host {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

RootlessSigns of_alice(const tests::Tree& tree, bool live = false) {
    const Host host = live ? tree.live_host() : tree.host();
    return rootless_signs(host, {.name = "alice", .uid = 1000, .gid = 1000, .home = "/home/alice"});
}

constexpr const char* wants = "home/alice/.config/systemd/user/default.target.wants/";

TEST(RootlessSigns, WhatTheUsersManagerStarts) {
    for (const char* file :
         {"home/alice/.config/containers/systemd/web.container",
          "home/alice/.config/containers/systemd/deep/er/web.pod",
          "etc/containers/systemd/users/1000/web.kube", "run/user/1000/containers/systemd/web.container"}) {
        tests::Tree tree;
        tree.write(file, "[Container]\nImage=x\n");
        EXPECT_THAT(of_alice(tree).starts, ElementsAre("/" + std::string(file)));
    }
}

TEST(RootlessSigns, EnabledUnits) {
    const std::string runs = "[Service]\nExecStart=/usr/bin/podman run web\n";
    tests::Tree tree;
    tree.write("home/alice/.config/systemd/user/web.service", runs);
    EXPECT_THAT(of_alice(tree).starts, IsEmpty());
    tree.link(std::string(wants) + "web.service", "../web.service");
    EXPECT_THAT(of_alice(tree).starts, ElementsAre("/" + std::string(wants) + "web.service"));
    tree.remove(std::string(wants) + "web.service");
    tree.link(std::string(wants) + "web.timer", "../web.timer");
    EXPECT_THAT(of_alice(tree).starts, ElementsAre("/" + std::string(wants) + "web.timer"));
    tree.remove("home/alice");
    tree.write("usr/lib/systemd/user/vendor.service", runs);
    tree.link(std::string(wants) + "vendor.service", "/usr/lib/systemd/user/vendor.service");
    EXPECT_THAT(of_alice(tree).starts, ElementsAre("/" + std::string(wants) + "vendor.service"));
    tree.remove("home/alice");
    tree.link("home/alice/.config/systemd/user/sockets.target.wants/podman.socket",
              "/usr/lib/systemd/user/podman.socket");
    EXPECT_THAT(of_alice(tree).starts,
                ElementsAre("/home/alice/.config/systemd/user/sockets.target.wants/podman.socket"));
}

TEST(RootlessSigns, NoneOfOthersOrOfOtherThings) {
    tests::Tree tree;
    tree.write("etc/containers/systemd/users/1001/web.container", "");
    tree.write("etc/containers/systemd/users/all.container", "");
    tree.write("home/alice/.config/systemd/user/music.service", "[Service]\nExecStart=/usr/bin/mpd\n");
    tree.link(std::string(wants) + "music.service", "../music.service");
    tree.link(std::string(wants) + "podman.socket", "/dev/null");
    tree.link("etc/systemd/user/sockets.target.wants/podman.socket", "/usr/lib/systemd/user/podman.socket");
    const auto signs = of_alice(tree);
    EXPECT_THAT(signs.starts, IsEmpty());
    EXPECT_THAT(signs.others, IsEmpty());
    EXPECT_THAT(signs.problems, IsEmpty());
}

TEST(RootlessSigns, DockerdAndSockets) {
    tests::Tree tree;
    tree.write("home/alice/.config/systemd/user/docker.service",
               "[Service]\nExecStart=dockerd-rootless.sh\n");
    tree.write("run/user/1000/podman/podman.sock", "");
    EXPECT_THAT(of_alice(tree).others, ElementsAre("/home/alice/.config/systemd/user/docker.service"));
    EXPECT_THAT(of_alice(tree, true).others, ElementsAre("/home/alice/.config/systemd/user/docker.service",
                                                         "/run/user/1000/podman/podman.sock"));
}

TEST(RootlessSigns, WhatCannotBeReadIsSaid) {
    tests::Tree tree;
    tree.link("home/alice/.config/containers/systemd", "systemd");
    EXPECT_FALSE(of_alice(tree).problems.empty());
    tree.remove("home/alice");
    tree.fifo("home/alice/fifo");
    tree.link(std::string(wants) + "x.service", "/home/alice/fifo");
    EXPECT_FALSE(of_alice(tree).problems.empty());
}

}  // namespace
}  // namespace plimsoll::host
