// SPDX-License-Identifier: Apache-2.0
#include "core/host/sysv_scripts.hpp"

#include "tests/support/tree.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>

namespace {
using namespace plimsoll;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

constexpr std::array<std::string_view, 1> words{"dockerd"};

// "UNIT PATH LINK…" of each script.
std::vector<std::string> scripts(const tests::Tree& tree) {
    std::vector<std::string> out;
    const auto host = tree.host();
    for (const auto& s : host::read_sysv_scripts(host.root(), words).found) {
        out.push_back(s.unit + " " + s.path);
        for (const auto& link : s.links)
            out.back() += " " + link;
    }
    return out;
}

TEST(SysvScripts, LinksOfAUsualBootStartThem) {
    const tests::Tree tree;
    tree.write("etc/init.d/docker", "#!/bin/sh\nexec dockerd\n", 0755);
    tree.write("etc/init.d/mine.sh", "dockerd &\n", 0755);
    tree.write("etc/init.d/cron", "exec cron\n", 0755);
    tree.write("etc/init.d/dockerd.dpkg-old", "dockerd\n", 0644);
    tree.directory("etc/init.d/dockerd", 0755);
    tree.link("etc/rc2.d/S20docker", "../init.d/docker");
    tree.link("etc/rc5.d/S20docker", "nowhere");
    tree.link("etc/rc3.d/S99mine", "../init.d/mine.sh");
    for (const char* other : {"etc/rc2.d/K20docker", "etc/rc1.d/S20docker", "etc/rc6.d/S20docker",
                              "etc/rc2.d/S2docker", "etc/rc2.d/docker", "etc/rc2.d/S20dockers"})
        tree.link(other, "../init.d/docker");
    EXPECT_THAT(scripts(tree), ElementsAre("docker.service /etc/init.d/docker /etc/rc2.d/S20docker "
                                           "/etc/rc5.d/S20docker",
                                           "mine.service /etc/init.d/mine.sh /etc/rc3.d/S99mine"));
}

TEST(SysvScripts, DirectoriesThatLinkToEachOtherCountOnce) {
    const tests::Tree tree;
    tree.write("etc/rc.d/init.d/docker", "dockerd\n", 0755);
    tree.link("etc/rc.d/rc3.d/S20docker", "../init.d/docker");
    tree.link("etc/init.d", "rc.d/init.d");
    tree.link("etc/rc3.d", "rc.d/rc3.d");
    EXPECT_THAT(scripts(tree), ElementsAre("docker.service /etc/init.d/docker /etc/rc3.d/S20docker"));
}

TEST(SysvScripts, SystemdNeedsItsGenerator) {
    const tests::Tree tree;
    tree.write("etc/init.d/docker", "dockerd\n", 0755);
    tree.write("usr/lib/systemd/systemd", "", 0755);
    EXPECT_THAT(scripts(tree), IsEmpty());
    tree.write("usr/lib/systemd/system-generators/systemd-sysv-generator", "", 0755);
    EXPECT_THAT(scripts(tree), ElementsAre("docker.service /etc/init.d/docker"));
    tree.link("etc/systemd/system-generators/systemd-sysv-generator", "/dev/null");
    EXPECT_THAT(scripts(tree), IsEmpty());
}

TEST(SysvScripts, WhatCannotBeReadIsSaid) {
    const tests::Tree tree;
    tree.fifo("etc/init.d/fifo");  // no script
    tree.write("etc/init.d/large", std::string(std::size_t{2} << 20, '#'), 0755);
    tree.write("etc/init.d/docker", "dockerd\n", 0755);
    tree.link("etc/init.d/circle", "circle");
    tree.link("etc/init.d/nowhere", "none");
    tree.link("etc/rc2.d", "rc2.d");
    const auto host = tree.host();
    EXPECT_EQ(host::read_sysv_scripts(host.root(), words).problems.size(), 3U);
}

}  // namespace
