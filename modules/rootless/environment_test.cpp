// SPDX-License-Identifier: Apache-2.0
// Kernel settings: userns.available, userns.scope-limit, rootless.low-ports, rootless.ping-range.
#include "modules/rootless/environment.hpp"

#include "modules/rootless/testing/environment_cases.hpp"

namespace plimsoll::modules::rootless {
namespace {

using policy::FixClass;
using policy::Status;
using Judge = Judged<Environment>;

constexpr std::string_view available = "userns.available";
constexpr std::string_view scope = "userns.scope-limit";
constexpr std::string_view low_ports = "rootless.low-ports";
constexpr std::string_view ping = "rootless.ping-range";

constexpr std::string_view limit = "user.max_user_namespaces";
constexpr std::string_view clone = "kernel.unprivileged_userns_clone";
constexpr std::string_view port = "net.ipv4.ip_unprivileged_port_start";

constexpr const char* limit_knob = "proc/sys/user/max_user_namespaces";
constexpr const char* clone_knob = "proc/sys/kernel/unprivileged_userns_clone";
constexpr const char* port_knob = "proc/sys/net/ipv4/ip_unprivileged_port_start";
constexpr const char* restrict_knob = "proc/sys/kernel/apparmor_restrict_unprivileged_userns";
constexpr const char* unconfined_knob = "proc/sys/kernel/apparmor_restrict_unprivileged_unconfined";

struct Case {
    const char* name;
    bool live;
    std::vector<std::pair<std::string, const char*>> files;
    std::string_view control;
    std::string_view subject;
    const char* want;
};

TEST(EnvironmentSettings, LiveAndBootValuesAreJudgedTogether) {
    const std::string file = "etc/sysctl.d/50-a.conf";
    const Case cases[] = {
        {"image, nothing set", false, {}, available, limit, "pass"},
        {"image, switched off", false, {{file, "user.max_user_namespaces=0\n"}}, available, limit, "fail"},
        {"image, vendor file",
         false,
         {{"usr/lib/sysctl.d/50-a.conf", "user/max_user_namespaces = 0"}},
         available,
         limit,
         "fail"},
        {"image, masked vendor file",
         false,
         {{"usr/lib/sysctl.d/50-a.conf", "user/max_user_namespaces = 0"}, {file, ""}},
         available,
         limit,
         "pass"},
        {"image, later file repairs",
         false,
         {{file, "user.max_user_namespaces=0\n"},
          {"etc/sysctl.d/60-b.conf", "user.max_user_namespaces=9999\n"}},
         available,
         limit,
         "pass"},
        {"live good, boot good",
         true,
         {{limit_knob, "96365\n"}, {file, "user.max_user_namespaces=2000\n"}},
         available,
         limit,
         "pass"},
        {"live good, boot bad",
         true,
         {{limit_knob, "96365\n"}, {file, "user.max_user_namespaces=0\n"}},
         available,
         limit,
         "fail"},
        {"live bad, boot good",
         true,
         {{limit_knob, "0\n"}, {file, "user.max_user_namespaces=2000\n"}},
         available,
         limit,
         "fail"},
        {"live bad, boot by default", true, {{limit_knob, "0\n"}}, available, limit, "fail"},
        {"garbage is not enough", true, {{limit_knob, "many\n"}}, available, limit, "fail"},
        {"garbage in a file",
         false,
         {{file, "user.max_user_namespaces=0x10000\n"}},
         available,
         limit,
         "fail"},
        {"no such knob", true, {}, available, "kernel", "fail"},
        {"clone knob off", true, {{limit_knob, "9999\n"}, {clone_knob, "0\n"}}, available, clone, "fail"},
        {"clone knob on", true, {{limit_knob, "9999\n"}, {clone_knob, "1\n"}}, available, clone, "pass"},
        {"clone file off, image",
         false,
         {{file, "kernel.unprivileged_userns_clone=0\n"}},
         available,
         clone,
         "fail"},
        {"kernel without",
         false,
         {{"boot/config-6.1", "\n# CONFIG_USER_NS is not set\n"}},
         available,
         "kernel",
         "fail"},
        {"AppArmor without profiles",
         true,
         {{limit_knob, "9999"}, {restrict_knob, "1"}},
         available,
         "apparmor",
         "fail"},
        {"AppArmor with a profile",
         true,
         {{limit_knob, "9999"},
          {restrict_knob, "1"},
          {"etc/apparmor.d/podman", "profile podman {\n userns,\n}"}},
         available,
         "apparmor",
         "pass"},
        {"AppArmor with a profile that grants nothing",
         true,
         {{limit_knob, "9999"},
          {restrict_knob, "1"},
          {"etc/apparmor.d/podman", "profile podman {\n # userns,\n}"}},
         available,
         "apparmor",
         "fail"},
        {"AppArmor with a profile that denies",
         true,
         {{limit_knob, "9999"},
          {restrict_knob, "1"},
          {"etc/apparmor.d/podman", "profile podman {\n userns,\n audit deny userns,\n}"}},
         available,
         "apparmor",
         "fail"},
        {"AppArmor with a profile that only denies",
         true,
         {{limit_knob, "9999"},
          {restrict_knob, "1"},
          {"etc/apparmor.d/podman", "profile podman { deny userns create, file, }"}},
         available,
         "apparmor",
         "fail"},
        {"AppArmor with a denial added by the administrator",
         true,
         {{limit_knob, "9999"},
          {restrict_knob, "1"},
          {"etc/apparmor.d/podman", "profile podman { userns, include if exists <local/podman> }"},
          {"etc/apparmor.d/local/podman", "deny userns,\n"}},
         available,
         "apparmor",
         "fail"},
        {"AppArmor with a profile for creating",
         true,
         {{limit_knob, "9999"},
          {restrict_knob, "1"},
          {"etc/apparmor.d/podman",
           "profile podman /usr/bin/podman flags=(unconfined) { deny capability, allow userns create, }"}},
         available,
         "apparmor",
         "pass"},
        {"AppArmor with a disabled profile",
         true,
         {{limit_knob, "9999"},
          {restrict_knob, "1"},
          {"etc/apparmor.d/podman", "profile podman {\n userns,\n}"},
          {"etc/apparmor.d/disable/podman", ""}},
         available,
         "apparmor",
         "fail"},
        {"scope, kernel cannot", true, {}, scope, "host", "not-applicable"},
        {"scope, image", false, {}, scope, "host", "not-applicable"},
        {"scope, off", true, {{restrict_knob, "0"}}, scope, "host", "fail"},
        {"scope, half", true, {{restrict_knob, "1"}, {unconfined_knob, "0"}}, scope, "host", "fail"},
        {"scope, on", true, {{restrict_knob, "1"}, {unconfined_knob, "1"}}, scope, "host", "pass"},
        {"ports, image default", false, {}, low_ports, port, "pass"},
        {"ports, live default", true, {{port_knob, "1024\n"}}, low_ports, port, "pass"},
        {"ports, web", true, {{port_knob, "80\n"}}, low_ports, port, "pass"},
        {"ports, all", true, {{port_knob, "0\n"}}, low_ports, port, "fail"},
        {"ports, all after boot",
         true,
         {{port_knob, "1024\n"}, {file, "net.ipv4.ip_unprivileged_port_start=0\n"}},
         low_ports,
         port,
         "fail"},
        {"ports, kernel without", true, {}, low_ports, port, "not-applicable"},
        {"ping, any", true, {{"proc/sys/net/ipv4/ping_group_range", "1\t0\n"}}, ping, "", "pass"},
        {"ping, kernel without", true, {}, ping, "", "not-applicable"},
    };
    for (const Case& c : cases) {
        tests::Tree tree;
        for (const auto& [path, text] : c.files)
            tree.write(path, text);
        EXPECT_EQ((Judge{tree, c.live}.status(c.control, c.subject)), c.want) << c.name;
    }
}

TEST(EnvironmentSettings, WhatCannotBeReadIsUnknown) {
    tests::Tree tree;
    tree.fifo("etc/sysctl.d/99-z.conf");
    tree.write(limit_knob, "9999");
    for (const bool live : {false, true}) {
        EXPECT_EQ((Judge{tree, live}.status(available, limit)), "unknown");
        if (!live) {
            EXPECT_EQ((Judge{tree, live}.status(low_ports, port)), "unknown");
        }
    }
    tests::Tree knob;
    knob.directory(limit_knob);
    knob.fifo(port_knob);
    EXPECT_EQ((Judge{knob, true}.status(available, limit)), "unknown");
    EXPECT_EQ((Judge{knob, true}.status(low_ports, port)), "unknown");
}

TEST(EnvironmentSettings, FixesReachTheKernelAndTheNextBoot) {
    tests::Tree tree{{limit_knob, "0\n"}, {port_knob, "0\n"}, {clone_knob, "0\n"}};
    tree.write("etc/sysctl.d/99-hardening.conf",
               "user.max_user_namespaces=0\nkernel.unprivileged_userns_clone=0\n"
               "net.ipv4.ip_unprivileged_port_start=0\n");
    const Judge judge{tree, true};
    for (const auto subject : {limit, clone}) {
        EXPECT_EQ(judge.of(available, subject).fix->changes.size(), 2u);
        judge.expect_fixed(available, subject);
    }
    judge.expect_fixed(low_ports, port);
    const Judge image{tree, false};
    image.expect_fixed(available, limit);
    image.expect_fixed(low_ports, port);
    const auto write = std::get<policy::WriteFile>(image.of(available, limit).fix->changes.at(0));
    EXPECT_EQ(write.path, "/etc/sysctl.d/99-zz-plimsoll-user.max_user_namespaces.conf");
    tree.write("etc/sysctl.d/zzz.conf", "user.max_user_namespaces=0\n");
    image.expect_by_hand(available, limit, "/etc/sysctl.d/zzz.conf:1");
}

TEST(EnvironmentSettings, ThePoliciesOwnValueIsUsedOrCalledAContradiction) {
    tests::Tree tree{{"etc/sysctl.d/50-a.conf", "user.max_user_namespaces=0\n"}};
    Judge judge{tree, false};
    judge.provision.sysctl["user.max_user_namespaces"] = "31000";
    const auto write = std::get<policy::WriteFile>(judge.of(available, limit).fix->changes.at(0));
    EXPECT_NE(write.content.find("= 31000\n"), std::string::npos);
    judge.provision.sysctl["user.max_user_namespaces"] = "1";
    judge.expect_by_hand(available, limit, "/etc/sysctl.d/50-a.conf:1");
}

TEST(EnvironmentSettings, PortsAndPingFollowTheParameters) {
    tests::Tree tree{{port_knob, "1024"}, {"proc/sys/net/ipv4/ping_group_range", "1\t0"}};
    Judge judge{tree, true};
    judge.params.needed_port = 443;
    judge.params.ping_range = "0 2147483647";
    judge.expect_fixed(low_ports, port);
    judge.expect_fixed(ping);
    judge.params.lowest_port = 1024;
    judge.expect_by_hand(low_ports, port, "policy");
    judge.params.ping_range = "all";
    judge.expect_by_hand(ping, "", "policy");
}

}  // namespace
}  // namespace plimsoll::modules::rootless
