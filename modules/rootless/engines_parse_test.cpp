// SPDX-License-Identifier: Apache-2.0
// The parsers of the Engines module: pure, and fed with what anybody may write.
#include "core/base/digest.hpp"
#include "core/host/quadlet_files.hpp"
#include "modules/rootless/cri.hpp"
#include "modules/rootless/docker_config.hpp"
#include "modules/rootless/quadlets.hpp"
#include "modules/rootless/sockets.hpp"
#include "tests/support/tree.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace {
using namespace plimsoll;
using namespace plimsoll::modules::rootless;
using ::testing::ElementsAre;
using ::testing::Pair;
using Words = std::vector<std::string>;

TEST(CommandLines, TellEnginesFromWhatMentionsThem) {
    struct Case {
        const char* line;
        const char* engine;
        bool container;
    };

    const Case cases[] = {
        {"/usr/bin/dockerd -H fd:// --containerd=/run/containerd/containerd.sock", "docker", false},
        {"-/usr/bin/env dockerd", "docker", false},
        {"/bin/sh -c 'exec dockerd -H tcp://0.0.0.0'", "docker", false},
        {"/usr/bin/dockerd-rootless.sh", "", false},
        {"/usr/bin/containerd", "containerd", false},
        {"/usr/bin/other --containerd containerd", "", false},
        {"/usr/bin/podman $LOGGING system service", "podman", false},
        {"/usr/bin/podman system prune --external", "", false},
        {"/usr/bin/podman auto-update", "", false},
        {"@/usr/bin/podman podman run --rm alpine", "", true},
        {"/usr/bin/podman --log-level=info kube play /x.yaml", "", true},
        {"", "", false},
    };
    for (const Case& c : cases) {
        EXPECT_EQ(engine_of(command_words(c.line)), c.engine) << c.line;
        EXPECT_EQ(starts_container(command_words(c.line)), c.container) << c.line;
    }
}

std::vector<std::string> shown(const std::vector<DockerFlag>& flags) {
    std::vector<std::string> out;
    for (const auto& f : flags)
        out.push_back(f.key + "=" + f.value);
    return out;
}

TEST(DockerFlags, AreNamedLikeKeys) {
    const Words argv{"dockerd",        "-H",    "fd://", "-Hunix:///a", "--host=tcp://b",      "--icc=false",
                     "--live-restore", "stray", "-G",    "dev",         "--insecure-registry", "r:5000",
                     "--tlscert",      "-D",    "--"};
    EXPECT_THAT(
        shown(parse_docker_flags(argv, "x")),
        ElementsAre("hosts=fd://", "hosts=unix:///a", "hosts=tcp://b", "icc=false", "live-restore=true",
                    "group=dev", "insecure-registries=r:5000", "tlscert=", "debug=true"));
    EXPECT_TRUE(parse_docker_flags({}, "x").empty());
}

TEST(DockerFlags, EnvironmentExpandsAsInSystemd) {
    const auto env =
        parse_environment("# c\nDOCKER_OPTS=\"-H tcp://0.0.0.0:2375 --icc=true\"\nexport ONE='a b'\n=\n");
    EXPECT_THAT(expand({"dockerd", "$DOCKER_OPTS", "--x=${ONE}", "${", "$NONE"}, env),
                ElementsAre("dockerd", "-H", "tcp://0.0.0.0:2375", "--icc=true", "--x=a b", "${"));
}

TEST(DockerFlags, LettersMayStandTogether) {
    EXPECT_THAT(
        shown(parse_docker_flags(Words{"dockerd", "-DH", "tcp://a", "-DHtcp://b", "-H=tcp://c", "-D=false",
                                       "-Gdev", "--add-runtime", "x=/x", "--log-opt", "max-size=1m"},
                                 "x")),
        ElementsAre("debug=true", "hosts=tcp://a", "debug=true", "hosts=tcp://b", "hosts=tcp://c",
                    "debug=false", "group=dev", "runtimes=x=/x", "log-opts=max-size=1m"));
}

TEST(Environment, IsReadAsSystemdReadsIt) {
    struct Case {
        const char* text;
        const char* expected;
    };

    const Case cases[] = {
        {"A=\"-H fd:// \\\n -H tcp://a\"\n", "-H fd://  -H tcp://a"},
        {"A=-H fd:// \\\n-H tcp://a  \n", "-H fd:// -H tcp://a"},
        {"A='x\ny' \nB=2\n", "x\ny"},
        {"A=\"x\" 'y'\n", "xy"},
        {"A=x\"y z\"\n", "x\"y z\""},
        {"A=\"q\\\"q \\n\"\n", "q\"q \\n"},
        {"#A=1\n;A=2\n  A = 3 \nnothing\n", "3"},
        {"A=1\nA=\n", ""},
        {"A=\"open\n", "open\n"},
    };
    for (const Case& c : cases)
        EXPECT_EQ(parse_environment(c.text)["A"], c.expected) << c.text;
}

TEST(Environment, MayStandInFilesOfTheUnitsName) {
    const tests::Tree tree{{"etc/a@b.service", "A=1\n"}, {"etc/a@b", "B=2\n"}, {"etc/a.d/x", "C=3\n"}};
    const auto host = tree.host();
    const auto read = [&](std::string unit, std::vector<std::string> files) {
        host::UnitFile file{.name = std::move(unit)};
        for (auto& f : files)
            file.settings.push_back({"Service", "EnvironmentFile", std::move(f), "f:1"});
        return unit_environment(host, file);
    };
    const auto found = read("a@b.service", {"-/etc/%n", "/etc/%N", "/etc/%p.d/*"});
    EXPECT_THAT(found.values, ElementsAre(Pair("A", "1"), Pair("B", "2"), Pair("C", "3")));
    EXPECT_TRUE(found.problems.empty());
    for (const char* unit : {"a@b.service", "%n%N.service", ""})
        for (const char* file : {"/etc/%i", "/etc/%", "/etc/%n%h", "/etc/%%"})
            EXPECT_EQ(read(unit, {file}).problems.size(), 1U) << unit << " " << file;
    EXPECT_EQ(read("%N.service", {"/etc/%N"}).problems.size(), 1U);
    EXPECT_EQ(read("", {"/etc/%N"}).problems.size(), 1U);
}

TEST(CommandLines, AreSplitAsSystemdSplitsThem) {
    EXPECT_THAT(command_words("-/usr/bin/dockerd  \"--label=a b\" 'c d'e \\x2d"),
                ElementsAre("/usr/bin/dockerd", "--label=a b", "c de", "x2d"));
    EXPECT_THAT(command_words("/usr/bin/env sh -ec 'cd /; exec dockerd -H tcp://a; true'"),
                ElementsAre("/usr/bin/env", "sh", "cd", "/", "exec", "dockerd", "-H", "tcp://a", "true"));
    EXPECT_EQ(engine_of(command_words("env -i dockerd")), "docker");
    EXPECT_EQ(engine_of(command_words("/usr/bin/snap run docker.dockerd")), "docker");
}

TEST(CommandLines, LoseTheirTcpAddresses) {
    const auto tcp = [](const std::string& h) { return h.starts_with("tcp:"); };

    struct Case {
        const char* line;
        std::optional<std::string> expected;
    };

    const Case cases[] = {
        {"/usr/bin/dockerd -H fd:// -H tcp://a $OPTS", "/usr/bin/dockerd -H fd:// $OPTS"},
        {"-/usr/bin/dockerd --host tcp://a", "-/usr/bin/dockerd"},
        {"dockerd --host=tcp://a \"--label=x y\" -H'tcp://b'", "dockerd \"--label=x y\""},
        {"dockerd -H unix:///x", std::nullopt},
        {"sh -c 'dockerd -H tcp://a'", std::nullopt},
    };
    for (const Case& c : cases)
        EXPECT_EQ(without_hosts(c.line, tcp), c.expected) << c.line;
}

TEST(DaemonJson, IsStrict) {
    for (const char* bad : {"", "[]", "{\"icc\":true,\"icc\":false}", "{} x", "{\"icc\":tru}",
                            "{\"a\":\"\xff\"}", "{\"ICC\":false}", "{\"Hosts\":[]}", "// c\n{}"}) {
        const auto json = parse_daemon_json("/d", bad);
        EXPECT_TRUE(json.problem && json.damaged) << bad;
        EXPECT_EQ(json.find("icc"), nullptr) << bad;
    }
    const auto good = parse_daemon_json("/d", "{\n \"icc\": false,\n \"hosts\": null\n}");
    ASSERT_FALSE(good.problem);
    EXPECT_EQ(good.place("icc"), "/d:2");
    EXPECT_EQ(good.find("hosts"), nullptr);
    EXPECT_EQ(good.place("hosts"), "/d");
}

TEST(DaemonJson, EditsKeepOtherKeys) {
    const auto json = parse_daemon_json("/d", R"({"data-root":"/x","icc":true,"hosts":["tcp://a"]})");
    const auto change = edit_daemon_json(json, {{"icc", false}, {"hosts", {}}, {"live-restore", true}});
    EXPECT_EQ(change.content,
              "{\n  \"data-root\": \"/x\",\n  \"icc\": false,\n  \"live-restore\": true\n}\n");
    EXPECT_EQ(change.expect, sha256(*json.text));
    EXPECT_EQ(edit_daemon_json(DaemonJson{.path = "/d"}, {}).expect, "");
}

TEST(ProcNet, FindsListeners) {
    const auto tcp = parse_proc_net_tcp(
        "  sl  local_address rem_address   st\n"
        "   0: 00000000:0947 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 111 1\n"
        "   1: 0100007F:0948 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 112 1\n"
        "   2: 0100007F:0948 0100007F:1000 01 00000000:00000000 00:00000000 00000000     0        0 113 1\n"
        "   3: 00000000000000000000000000000000:0947 0:0 0A 0:0 0:0 0 0 0 114 1\n"
        "   4: 00000000000000000000000001000000:0947 0:0 0A 0:0 0:0 0 0 0 115 1\n"
        "   5: zz:0947 0:0 0A 0:0 0:0 0 0 0 116 1\n   6: 00000000:FFFFF 0:0 0A 0:0 0:0 0 0 0 117 1\n  7: "
        "x\n");
    ASSERT_EQ(tcp.size(), 4U);
    EXPECT_EQ(tcp[0].address, "0.0.0.0:2375");
    EXPECT_FALSE(tcp[0].loopback);
    EXPECT_EQ(tcp[1].address, "127.0.0.1:2376");
    EXPECT_TRUE(tcp[1].loopback);
    EXPECT_EQ(tcp[2].address, "[::]:2375");
    EXPECT_EQ(tcp[3].address, "[::1]:2375");
    EXPECT_TRUE(tcp[3].loopback);
    EXPECT_TRUE(parse_proc_net_tcp(std::string_view("\0\xff 0A\n", 6)).empty());
}

TEST(ProcNet, FindsUnixSockets) {
    const auto found = parse_proc_net_unix(
        "Num RefCount Protocol Flags Type St Inode Path\n"
        "0: 00000002 00000000 00010000 0001 01 42 /run/docker.sock\n"
        "0: 00000003 00000000 00000000 0001 03 43 /run/docker.sock\n"
        "0: 00000002 00000000 00010000 0001 01 44 @abstract\n"
        "0: 00000002 00000000 00010000 0001 01 45 /run/with space\nx\n");
    EXPECT_EQ(found,
              (std::map<std::uint64_t, std::string>{{42, "/run/docker.sock"}, {45, "/run/with space"}}));
}

TEST(Acl, ReadsTheKernelsForm) {
    const std::string bytes("\2\0\0\0\2\0\6\0\xe8\3\0\0", 12);
    const auto acl = parse_acl(bytes);
    ASSERT_TRUE(acl);
    EXPECT_EQ(acl->at(0), (AclEntry{AclEntry::Tag::user, 6, 1000}));
    for (const std::string& bad : {std::string(), std::string("\1\0\0\0", 4), bytes + "x"})
        EXPECT_FALSE(parse_acl(bad));
}

Quadlet quadlet(std::string_view text) {
    return {.path = "/q.container", .settings = host::parse_unit(text, "/q.container")};
}

TEST(Quadlets, Lint) {
    for (const char* bad :
         {"PodmanArgs=--privileged", "PodmanArgs=-q --pid host", "GlobalArgs=--net=host",
          "SecurityLabelDisable=yes", "SeccompProfile=unconfined", "AddCapability=SYS_ADMIN",
          "AddDevice=/dev/kvm", "Unmask=ALL", "Network=host", "UserNS=host", "Volume=/:/host:ro",
          "Volume=/etc/:/e", "Volume=/run/docker.sock:/s", "Volume=/srv/x.sock:/s",
          "Mount=type=bind,source=/proc/sys,target=/p"})
        EXPECT_EQ(unsafe_settings(quadlet("[Container]\n" + std::string(bad) + "\n")).size(), 1U) << bad;
    for (const char* good :
         {"PodmanArgs=--cpus 2", "SecurityLabelDisable=false", "Volume=data:/etc", "Volume=/etc",
          "Volume=/etcetera/x:/y", "Network=pasta", "AddCapability=", "Mount=type=tmpfs,dst=/run"})
        EXPECT_TRUE(unsafe_settings(quadlet("[Container]\n" + std::string(good) + "\n")).empty()) << good;
    EXPECT_EQ(missing_hardening(quadlet("[Container]\nImage=x\n")).size(), 4U);
    EXPECT_TRUE(
        missing_hardening(quadlet("[Container]\nImage=q.io/x@sha256:1\nDropCapability=all\nReadOnly=true\n"
                                  "NoNewPrivileges=1\n"))
            .empty());
    EXPECT_EQ(missing_hardening(quadlet("[Container]\nDropCapability=all\nReadOnly=true\nReadOnly=false\n"
                                        "NoNewPrivileges=on\n"))
                  .size(),
              1U);
}

TEST(Quadlets, Names) {
    for (const char* yes : {"a.container", "b.pod", "c@.kube"})
        EXPECT_TRUE(host::is_quadlet_name(yes)) << yes;
    for (const char* no : {".container", "a.service", "a.container.bak", ""})
        EXPECT_FALSE(host::is_quadlet_name(no)) << no;
}

TEST(KubeletConfig, SeccompDefault) {
    struct Case {
        const char* text;
        std::optional<bool> expected;  // nullopt: refused
    };

    const Case cases[] = {{"kind: X\nseccompDefault: true # yes\n", true},
                          {"seccompDefault: false\n", false},
                          {"nested:\n  seccompDefault: true\n", false},
                          {"text: |\n  a\n\n  seccompDefault: true\n", false},
                          {"#seccompDefault: true\n", false},
                          {"seccompDefaults: true\n", false},
                          {"{\n  \"seccompDefault\": true,\n \"x\": 1}", true},
                          {"{kind: X, seccompDefault: true}", true},
                          {"'seccompDefault' : true", true},
                          {"seccompDefault: true\nfeatureGates: {SeccompDefault: false}\n", false},
                          {"seccompDefault: null\n", false},
                          {"", false},
                          {"seccompDefault: \"true\"\n", std::nullopt},
                          {"seccompDefault: yes\n", std::nullopt},
                          {"seccompDefault: true\nseccompDefault: false\n", std::nullopt},
                          {"seccompDefault: true\n---\nseccompDefault: false\n", std::nullopt},
                          {"podPidsLimit: many\n", std::nullopt},
                          {"- seccompDefault: true\n", std::nullopt},
                          {"\xff", std::nullopt}};
    for (const Case& c : cases) {
        Kubelet kubelet;
        const auto added = add_kubelet_config(c.text, "/k", kubelet);
        EXPECT_EQ(added.has_value(), c.expected.has_value()) << c.text;
        if (added) {
            EXPECT_EQ(kubelet.seccomp_default, c.expected) << c.text;
        }
    }
}

TEST(KubeletConfig, DropInsAndFlagsComeLater) {
    Kubelet kubelet;
    ASSERT_TRUE(add_kubelet_config("seccompDefault: true\npodPidsLimit: 100\n", "/k", kubelet));
    EXPECT_EQ(kubelet.source, "/k:1");
    EXPECT_EQ(kubelet.pids_limit, 100);
    ASSERT_TRUE(add_kubelet_config("kind: X\n", "/d", kubelet));
    EXPECT_EQ(kubelet.seccomp_default, true);
    ASSERT_TRUE(add_kubelet_config("seccompDefault: false\n", "/d", kubelet));
    EXPECT_EQ(kubelet.seccomp_default, false);
    add_kubelet_flags(Words{"kubelet", "--seccomp-default", "--pod-max-pids=7"}, "pid 3", kubelet);
    EXPECT_EQ(kubelet.seccomp_default, true);
    EXPECT_EQ(kubelet.source, "pid 3");
    EXPECT_EQ(kubelet.pids_limit, 7);
    add_kubelet_flags(Words{"kubelet", "--seccomp-default=f"}, "pid 3", kubelet);
    EXPECT_EQ(kubelet.seccomp_default, false);
}

TEST(CrioFlags, AmountToConfiguration) {
    const auto file =
        crio_flags(Words{"crio", "-selinux=false", "--pids-limit", "12", "--insecure-registry=r",
                         "--read-only", "--seccomp-profile", "unconfined"},
                   {{"CONTAINER_APPARMOR_PROFILE", "x"}, {"CONTAINER_PIDS_LIMIT", "9"}}, "pid 2");
    const std::vector<ConfigFile> files{file};
    EXPECT_EQ(*crio_setting(files, "selinux").value, Value(false));
    EXPECT_EQ(*crio_setting(files, "pids_limit").value, Value(12));
    EXPECT_EQ(*crio_setting(files, "read_only").value, Value(true));
    EXPECT_EQ(*crio_setting(files, "seccomp_profile").value, Value("unconfined"));
    EXPECT_EQ(*crio_setting(files, "apparmor_profile").value, Value("x"));
    EXPECT_EQ(crio_setting(files, "insecure_registries").value->array()->size(), 1U);
    EXPECT_EQ(crio_setting(files, "insecure_registries").source, "pid 2");
}

}  // namespace
