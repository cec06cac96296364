// SPDX-License-Identifier: Apache-2.0
#include "core/host/manager_environment.hpp"

#include "tests/support/tree.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace {
using namespace plimsoll;
using testing::ElementsAre;

TEST(ManagerEnvironment, IsMergedAsTheManagersDo) {
    const tests::Tree tree{
        {"etc/systemd/user.conf", "[Manager]\nDefaultEnvironment=A=1\n[Other]\nDefaultEnvironment=A=0\n"},
        {"usr/lib/systemd/user.conf", "[Manager]\nDefaultEnvironment=A=0\n"},
        {"usr/lib/systemd/user.conf.d/10.conf", "[Manager]\nDefaultEnvironment=A=0\n"},
        {"usr/local/lib/systemd/user.conf.d/10.conf", "[Manager]\nDefaultEnvironment=A=0\n"},
        {"run/systemd/user.conf.d/10.conf", "[Manager]\nDefaultEnvironment=A=2\n"},
        {"usr/local/lib/systemd/user.conf.d/30.conf", "[Manager]\nDefaultEnvironment=A=4\n"},
        {"etc/systemd/user.conf.d/20.conf", "[Manager]\nDefaultEnvironment=A=3\n"},
        {"etc/systemd/user.conf.d/20.txt", "[Manager]\nDefaultEnvironment=A=0\n"},
        {"usr/local/lib/systemd/system.conf.d/20.conf",
         "[Manager]\nDefaultEnvironment=A=5\nManagerEnvironment=A=0\n"},
        {"usr/lib/systemd/user.conf.d/50.conf", "[Manager]\nManagerEnvironment=A=6\n"},
        {"usr/lib/systemd/user.conf.d/40.conf", "[Manager]\nDefaultEnvironment=A=0\n"}};
    tree.link("etc/systemd/user.conf.d/40.conf", "/dev/null");
    const auto values = [&](std::vector<Error>& problems) {
        const auto host = tree.host();
        std::vector<std::string> out;
        for (const auto& s : host::manager_environment(host.root(), problems))
            out.push_back(s.source + " " + s.value);
        return out;
    };
    std::vector<Error> problems;
    EXPECT_THAT(
        values(problems),
        ElementsAre("/usr/local/lib/systemd/system.conf.d/20.conf:2 A=5", "/etc/systemd/user.conf:2 A=1",
                    "/run/systemd/user.conf.d/10.conf:2 A=2", "/etc/systemd/user.conf.d/20.conf:2 A=3",
                    "/usr/local/lib/systemd/user.conf.d/30.conf:2 A=4",
                    "/usr/lib/systemd/user.conf.d/50.conf:2 A=6"));
    EXPECT_TRUE(problems.empty());
    tree.write("etc/systemd/user.conf.d/25.conf", "[Manager]\nDefaultEnvironment=\n");
    tree.remove("etc/systemd/user.conf");
    tree.fifo("etc/systemd/user.conf");
    tree.link("run/systemd/user.conf.d/50.conf", "50.conf");
    EXPECT_THAT(values(problems), ElementsAre("/usr/local/lib/systemd/system.conf.d/20.conf:2 A=5",
                                              "/usr/local/lib/systemd/user.conf.d/30.conf:2 A=4"));
    EXPECT_EQ(problems.size(), 2U);
}

}  // namespace
