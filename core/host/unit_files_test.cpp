// SPDX-License-Identifier: Apache-2.0
#include "core/host/unit_files.hpp"

#include "tests/support/tree.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace {
using namespace plimsoll;
using testing::ElementsAre;

std::vector<std::string> shown(const std::vector<host::UnitSetting>& settings) {
    std::vector<std::string> out;
    for (const auto& s : settings)
        out.push_back(s.source + " [" + s.section + "] " + s.key + "=" + s.value);
    return out;
}

constexpr std::string_view docker =
    "[Service]\nExecStart=/usr/bin/dockerd -H fd://\n[Install]\n"
    "WantedBy=multi-user.target\n";

TEST(UnitFiles, ParsesAsSystemdDoes) {
    EXPECT_THAT(
        shown(host::parse_unit("\xef\xbb\xbf# c\nLost=1\n[ Service]\nA=1\n[Service]\n"
                               "  ExecStart = /bin/a \\\n# inside\n   ; too\n  b\\\\\nB=x\\",
                               "/u")),
        ElementsAre("/u:4 [ Service] A=1", "/u:6 [Service] ExecStart=/bin/a  b\\\\", "/u:10 [Service] B=x"));
    EXPECT_TRUE(host::parse_unit("", "/u").empty());
    EXPECT_TRUE(host::parse_unit(std::string_view("\0\n[\n]=\n=", 8), "/u").empty());
}

TEST(UnitFiles, FindsTheFragmentOfHighestPriority) {
    const tests::Tree tree{{"usr/lib/systemd/system/docker.service", docker},
                           {"etc/systemd/system/docker.service", "[Service]\nExecStart=/opt/dockerd\n"}};
    const auto host = tree.host();
    const auto unit = host::read_unit(host.root(), "docker.service");
    ASSERT_TRUE(unit && *unit);
    EXPECT_EQ((*unit)->fragment, "/etc/systemd/system/docker.service");
    EXPECT_EQ((*unit)->values("Service", "ExecStart").at(0).value, "/opt/dockerd");
    const auto absent = host::read_unit(host.root(), "crio.service");
    ASSERT_TRUE(absent);
    EXPECT_FALSE(*absent);
}

TEST(UnitFiles, DropInsMergeByNameAndReset) {
    const tests::Tree tree{
        {"usr/lib/systemd/system/a-b.service", docker},
        {"usr/lib/systemd/system/a-b.service.d/20-x.conf", "[Service]\nExecStart=\nExecStart=/vendor\n"},
        {"etc/systemd/system/a-b.service.d/20-x.conf", "[Service]\nExecStart=\nExecStart=/admin\n"},
        {"etc/systemd/system/a-.service.d/10-y.conf", "[Service]\nEnvironment=FIRST=1\n"},
        {"run/systemd/system/service.d/30-z.conf", "[Service]\nEnvironment=LAST=1\n"},
        {"usr/lib/systemd/system/a-b.service.d/40-masked.conf", "[Service]\nEnvironment=NO=1\n"},
        {"etc/systemd/system/a-b.service.d/ignored.txt", "[Service]\nEnvironment=NO=1\n"}};
    tree.link("etc/systemd/system/a-b.service.d/40-masked.conf", "/dev/null");
    const auto host = tree.host();
    const auto unit = host::read_unit(host.root(), "a-b.service");
    ASSERT_TRUE(unit && *unit) << unit.error().message;
    EXPECT_THAT(shown((*unit)->values("Service", "ExecStart")),
                ElementsAre("/etc/systemd/system/a-b.service.d/20-x.conf:3 [Service] ExecStart=/admin"));
    EXPECT_THAT(shown((*unit)->values("Service", "Environment")),
                ElementsAre("/etc/systemd/system/a-.service.d/10-y.conf:2 [Service] Environment=FIRST=1",
                            "/run/systemd/system/service.d/30-z.conf:2 [Service] Environment=LAST=1"));
}

TEST(UnitFiles, Enablement) {
    struct Case {
        std::string_view what;
        std::string_view content;
        std::string_view link;
        std::string_view target;
        std::string_view expected;
    };

    const Case cases[] = {
        {"nothing", docker, "", "", "disabled"},
        {"no [Install]", "[Service]\nExecStart=/a\n", "", "", "static"},
        {"wanted by /etc", docker, "etc/systemd/system/multi-user.target.wants/d.service",
         "/usr/lib/systemd/system/d.service", "enabled"},
        {"wanted by the vendor", docker, "usr/lib/systemd/system/multi-user.target.wants/d.service",
         "../d.service", "enabled"},
        {"required by /run", docker, "run/systemd/system/x.target.requires/d.service", "../d.service",
         "enabled"},
        {"alias", docker, "etc/systemd/system/other.service", "/usr/lib/systemd/system/d.service", "enabled"},
        {"masked", docker, "etc/systemd/system/d.service", "/dev/null", "masked"},
        {"masked by a relative link", docker, "etc/systemd/system/d.service", "../../../dev/null", "masked"},
        {"masked at run time", docker, "run/systemd/system/d.service", "/dev/null", "masked"},
        {"vendor's want masked", docker, "usr/lib/systemd/system/x.target.wants/d.service", "/dev/null",
         "disabled"},
        {"dangling link passed over", docker, "etc/systemd/system/d.service", "/nowhere", "disabled"},
        {"empty file", "", "", "", "masked"},
    };
    for (const Case& c : cases) {
        const tests::Tree tree{{"usr/lib/systemd/system/d.service", c.content}};
        if (!c.link.empty())
            tree.link(c.link, c.target);
        const auto host = tree.host();
        const auto unit = host::read_unit(host.root(), "d.service");
        ASSERT_TRUE(unit && *unit) << c.what;
        EXPECT_EQ((*unit)->enablement(), c.expected) << c.what;
    }
}

TEST(UnitFiles, AMaskInRunDoesNotHideAFileInEtc) {
    const tests::Tree tree{{"etc/systemd/system/d.service", docker}};
    tree.link("run/systemd/system/d.service", "/dev/null");
    const auto host = tree.host();
    EXPECT_FALSE(host::read_unit(host.root(), "d.service").value()->masked);
}

TEST(UnitFiles, ALinkToNullInEtcTakesBackTheVendorsWant) {
    const tests::Tree tree{{"usr/lib/systemd/system/d.service", docker}};
    tree.link("usr/lib/systemd/system/x.target.wants/d.service", "../d.service");
    tree.link("etc/systemd/system/x.target.wants/d.service", "/dev/null");
    const auto host = tree.host();
    EXPECT_EQ(host::read_unit(host.root(), "d.service").value()->enablement(), "disabled");
}

TEST(UnitFiles, FindsUnitsByWhatTheyMention) {
    const tests::Tree tree{
        {"usr/lib/systemd/system/a.service", "[Service]\nExecStart=/usr/bin/podman run x\n"},
        {"etc/systemd/system/b.service", "[Service]\nExecStart=/bin/true\n"},
        {"etc/systemd/system/b.service.d/x.conf", "[Service]\nExecStartPre=podman pull y\n"},
        {"etc/systemd/system/c.service", "[Service]\nExecStart=/bin/true\n"},
        {"etc/systemd/system/d.timer", "# podman\n"}};
    tree.fifo("run/systemd/system/e.service");
    tree.link("run/systemd/system/f.service", "/dev/null");
    const auto host = tree.host();
    static constexpr std::string_view needles[] = {"podman"};
    const auto units = host::UnitFiles::open(host.root());
    ASSERT_TRUE(units) << units.error().message;
    const auto found = units->mentioning(host.root(), needles);
    ASSERT_TRUE(found) << found.error().message;
    EXPECT_THAT(*found, ElementsAre("a.service", "b.service", "e.service"));
    static constexpr std::string_view timers[] = {".timer"};
    EXPECT_THAT(units->mentioning(host.root(), needles, timers).value(), ElementsAre("d.timer"));
}

TEST(UnitFiles, DropInsForManyUnitsAreOfEachOfThem) {
    const tests::Tree tree{{"etc/systemd/system/a-b.service", "[Service]\nExecStart=/bin/true\n"},
                           {"etc/systemd/system/a.service", "[Service]\nExecStart=/bin/true\n"},
                           {"usr/lib/systemd/system/b.socket", "[Socket]\n"}};
    const auto host = tree.host();
    const auto found = [&] {
        static constexpr std::string_view needles[] = {"podman"};
        return host::UnitFiles::open(host.root())->mentioning(host.root(), needles).value();
    };
    const std::string text = "[Service]\nExecStartPre=podman pull y\n";
    tree.write("etc/systemd/system/a-.service.d/x.conf", text);
    EXPECT_THAT(found(), ElementsAre("a-.service", "a-b.service"));
    tree.remove("etc/systemd/system/a-.service.d");
    tree.write("run/systemd/system/service.d/x.conf", text);
    EXPECT_THAT(found(), ElementsAre("a-b.service", "a.service"));
    tree.write("run/systemd/system/service.d/x.conf", "[Service]\n");
    tree.write("etc/systemd/system/timer.d/x.conf", text);
    EXPECT_THAT(found(), ::testing::IsEmpty());
}

TEST(UnitFiles, DropInsForManyUnitsAreToldFromThoseForOne) {
    for (const auto& [folder, many] : {std::pair{"a.service.d", false},
                                       {"a@.service.d", false},
                                       {"timer.d", false},
                                       {"a-.timer.d", false},
                                       {"service.d", true},
                                       {"socket.d", true},
                                       {"a-.service.d", true},
                                       {"a-", false}}) {
        const tests::Tree tree;
        tree.directory("etc/systemd/system/" + std::string(folder));
        const auto host = tree.host();
        EXPECT_EQ(host::UnitFiles::open(host.root())->have_drop_ins_for_many(), many) << folder;
    }
}

// Names are many, and any user may make them.
TEST(UnitFiles, FoldersForManyUnitsCostNoMoreThanTheirNames) {
    const tests::Tree tree{{"d/x.conf", "podman"}};
    tree.directory("etc/systemd/system");
    for (int i = 0; i < 20'000; ++i)
        ASSERT_EQ(::symlink("../../../d",
                            tree.path("etc/systemd/system/a" + std::to_string(i) + "-.service.d").c_str()),
                  0);
    const auto host = tree.host();
    static constexpr std::string_view needles[] = {"podman"};
    EXPECT_EQ(host::UnitFiles::open(host.root())->mentioning(host.root(), needles)->size(), 20'000U);
}

TEST(UnitFiles, ATemplateIsEnabledByTheLinksOfItsInstances) {
    const tests::Tree tree{{"etc/systemd/system/a@.service", "[Service]\n"}};
    tree.link("etc/systemd/system/multi-user.target.wants/a@x.service", "../a@.service");
    tree.link("etc/systemd/system/multi-user.target.wants/aa@x.service", "../a@.service");
    tree.link("usr/lib/systemd/system/multi-user.target.wants/a@y.service", "../a@.service");
    tree.link("etc/systemd/system/multi-user.target.wants/a@y.service", "/dev/null");
    EXPECT_THAT(host::read_unit(tree.host().root(), "a@.service").value()->enabled_by,
                ElementsAre("/etc/systemd/system/multi-user.target.wants/a@x.service"));
    EXPECT_TRUE(host::read_unit(tree.host().root(), "a@z.service").value()->enabled_by.empty());
}

TEST(UnitFiles, AUnitTellsWhichOthersItStarts) {
    const auto pulls = [](std::string name, std::string_view text) {
        const host::UnitFile unit{
            .name = name, .fragment = "/u/" + name, .settings = host::parse_unit(text, "/u/" + name)};
        const auto found = unit.pull_of("docker.service");
        return found ? found->source + " " + found->key : "";
    };
    for (const char* key : {"Wants", "Requires", "BindsTo", "Upholds", "OnSuccess"})
        EXPECT_EQ(pulls("a.service", "[Unit]\n" + std::string(key) + "=b.service docker.service\n"),
                  "/u/a.service:2 " + std::string(key));
    for (const char* key : {"After", "PartOf", "Requisite", "Conflicts", "OnFailure"})
        EXPECT_EQ(pulls("a.service", "[Unit]\n" + std::string(key) + "=docker.service\n"), "");
    EXPECT_EQ(pulls("a.service", "[Unit]\nWants=docker.service\nWants=\n"), "");
    EXPECT_EQ(pulls("a.service", "[Unit]\nWants=docker.service.d xdocker.service\n"), "");
    EXPECT_EQ(pulls("docker.timer", "[Timer]\nOnBootSec=1\n"), "/u/docker.timer ");
    EXPECT_EQ(pulls("docker.timer", "[Timer]\nUnit=b.service\n"), "");
    EXPECT_EQ(pulls("b.timer", "[Timer]\nUnit=docker.service\n"), "/u/b.timer:2 Unit");
    EXPECT_EQ(pulls("b.path", "[Path]\nUnit=docker.service\n"), "/u/b.path:2 Unit");
    EXPECT_EQ(pulls("b.socket", "[Socket]\nService=docker.service\n"), "/u/b.socket:2 Service");
    EXPECT_EQ(pulls("docker.socket", "[Socket]\n"), "/u/docker.socket ");
    EXPECT_EQ(pulls("docker.target", ""), "");
}

TEST(UnitFiles, AnotherNameOfAUnitMentionsWhatItsFileDoes) {
    const tests::Tree tree{
        {"usr/lib/systemd/system/a.service", "[Service]\nExecStart=/usr/bin/podman run x\n"},
        {"usr/lib/systemd/system/b.service", "[Service]\nExecStart=/bin/true\n"},
        {"usr/lib/systemd/system/c.timer", "# podman\n"},
        {"opt/d.service", "[Service]\nExecStart=/usr/bin/podman run y\n"}};
    tree.link("usr/lib/systemd/system/a-alias.service", "a.service");
    tree.link("usr/lib/systemd/system/b-alias.service", "b.service");
    tree.link("usr/lib/systemd/system/c-alias.service", "c.timer");
    tree.link("etc/systemd/system/d-alias.service", "/opt/d.service");
    tree.link("etc/systemd/system/e-alias.service", "/usr/lib/systemd/system/a.service");
    tree.link("etc/systemd/system/nowhere.service", "nowhere-else.service");
    tree.link("etc/systemd/system/loop.service", "loop.service");
    tree.link("etc/systemd/system/null.service", "/dev/null");
    tree.link("etc/systemd/system/odd.service", "/opt");  // there, but cannot be read
    const auto host = tree.host();
    static constexpr std::string_view needles[] = {"podman"};
    const auto& units = host.units();
    ASSERT_TRUE(units) << units.error().message;
    EXPECT_THAT(units->mentioning(host.root(), needles).value(),
                ElementsAre("a-alias.service", "a.service", "c-alias.service", "d-alias.service",
                            "e-alias.service", "odd.service"));
}

TEST(UnitFiles, FindsAnyOfSeveralWordsWhereverTheyStand) {
    const tests::Tree tree{{"etc/systemd/system/a.service", "crio"},
                           {"etc/systemd/system/b.service", "[Service]\nExecStart=/dockerd"},
                           {"etc/systemd/system/c.service", "dockerdockerd"},
                           {"etc/systemd/system/d.service", "docker cri o"},
                           {"etc/systemd/system/e.service", "c"},
                           {"etc/systemd/system/f.service", ""}};
    const auto host = tree.host();
    static constexpr std::string_view needles[] = {"dockerd", "crio"};
    EXPECT_THAT(host.units()->mentioning(host.root(), needles).value(),
                ElementsAre("a.service", "b.service", "c.service"));
}

TEST(UnitFiles, InstancesTakeTheirTemplate) {
    const tests::Tree tree{
        {"usr/lib/systemd/system/user@.service", "[Service]\nDelegate=pids\n"},
        {"etc/systemd/system/user@.service.d/x.conf", "[Service]\nDelegate=pids memory\n"}};
    const auto host = tree.host();
    const auto unit = host::read_unit(host.root(), "user@1000.service");
    ASSERT_TRUE(unit && *unit);
    EXPECT_EQ((*unit)->values("Service", "Delegate").back().value, "pids memory");
}

TEST(UnitFiles, ASliceNeedsNoFile) {
    const tests::Tree tree{
        {"usr/lib/systemd/system/user-.slice.d/10-defaults.conf", "[Slice]\nTasksMax=33%\n"},
        {"etc/systemd/system/user-1000.slice.d/x.conf", "[Slice]\nCPUWeight=5\n"},
        {"etc/systemd/system/-.slice.d/x.conf", "[Slice]\nCPUWeight=1\n"}};
    const auto host = tree.host();
    const auto values = [&](const char* name) {
        const auto unit = host::read_unit(host.root(), name);
        std::vector<std::string> out;
        if (unit && *unit)
            for (const auto& s : (*unit)->settings)
                out.push_back(s.key + "=" + s.value);
        return out;
    };
    EXPECT_THAT(values("user-1000.slice"), ElementsAre("TasksMax=33%", "CPUWeight=5"));
    EXPECT_THAT(values("user-.slice"), ElementsAre("TasksMax=33%")) << "what every user's has";
    EXPECT_THAT(values("-.slice"), ElementsAre("CPUWeight=1"));
    EXPECT_THAT(values("user.slice"), ElementsAre());
    EXPECT_FALSE(*host::read_unit(host.root(), "user-1000.service"));
}

TEST(UnitFiles, NamesWhatHasAFileOrADropIn) {
    const tests::Tree tree{{"usr/lib/systemd/system/user@.service", "[Service]\n"},
                           {"etc/systemd/system/user@1000.service.d/x.conf", "[Service]\n"},
                           {"run/systemd/system/user@1001.service", "[Service]\n"},
                           {"etc/systemd/system/user@1002.service.wants/x", ""},
                           {"etc/systemd/system/other@1.service", "[Service]\n"}};
    const auto host = tree.host();
    ASSERT_TRUE(host.units());
    EXPECT_THAT(host.units()->names("user@"),
                ElementsAre("user@.service", "user@1000.service", "user@1001.service"));
}

TEST(UnitFiles, AnAliasTakesTheDropInsOfBothNames) {
    const tests::Tree tree{{"usr/lib/systemd/system/real.service", docker},
                           {"etc/systemd/system/real.service.d/x.conf", "[Service]\nUser=a\n"}};
    tree.link("etc/systemd/system/nick.service", "/usr/lib/systemd/system/real.service");
    const auto host = tree.host();
    EXPECT_EQ(host::read_unit(host.root(), "nick.service").value()->values("Service", "User").size(), 1U);
}

TEST(UnitFiles, WhatCannotBeReadIsAnError) {
    const tests::Tree tree{{"usr/lib/systemd/system/d.service", docker}};
    tree.fifo("etc/systemd/system/d.service.d/x.conf");
    const auto host = tree.host();
    EXPECT_EQ(host::read_unit(host.root(), "d.service").error().code, Code::integrity);
    tree.fifo("usr/lib/systemd/system/e.service");
    EXPECT_EQ(host::read_unit(host.root(), "e.service").error().code, Code::integrity);
}

}  // namespace
