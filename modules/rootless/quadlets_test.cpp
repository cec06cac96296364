// SPDX-License-Identifier: Apache-2.0
// B07: what quadlets and units that call podman ask for, in every way there is to say it.
#include "core/base/text.hpp"
#include "core/host/quadlet_files.hpp"
#include "modules/rootless/command_line.hpp"
#include "modules/rootless/testing/engines_fixture.hpp"

#include <gmock/gmock.h>

namespace plimsoll::modules::rootless::testing {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr std::string_view id = "podman.rootful-quadlets";

std::vector<LintNote> lint(std::string_view section, std::string_view text, std::string user = "") {
    std::string kind(section);
    kind[0] = static_cast<char>(kind[0] - 'A' + 'a');
    const std::string path = "/etc/containers/systemd/q." + kind;
    return unsafe_settings(
        {.path = path,
         .user = std::move(user),
         .settings = host::parse_unit("[" + std::string(section) + "]\n" + std::string(text) + "\n", path)});
}

TEST(QuadletLint, ArgumentsInEveryForm) {
    for (const char* bad : {"--privileged",
                            "\"--privileged\"",
                            "'--privileged'",
                            "--privileged=1",
                            "--privileged=T",
                            "-v/:/host",
                            "-v=/:/host",
                            "-v /:/host",
                            "-itv /:/host",
                            "--volume /etc:/e",
                            "--volume=//etc:/e",
                            "--volume=/var/..:/e",
                            "--volume=/var:/e",
                            "--volume=/var/lib:/e",
                            "--volume ./../etc:/e",
                            "--mount type=bind,source=/etc,target=/e",
                            "--mount type=bind,src=/,dst=/e",
                            "--mount=type=bind,\\\"src=/etc\\\",dst=/e",
                            "--mount=type=glob,src=/e*,dst=/e",
                            "--security-opt=seccomp=unconfined",
                            "--security-opt seccomp:unconfined",
                            "--security-opt=label=disable",
                            "--security-opt=label:disable",
                            "--security-opt label=type:spc_t",
                            "--security-opt=apparmor=unconfined",
                            "--security-opt=unmask=ALL",
                            "--security-opt=systempaths=unconfined",
                            "--security-opt=seccomp=/home/alice/open.json",
                            "--cap-add SYS_ADMIN",
                            "--device=/dev/kvm",
                            "--device-cgroup-rule='a *:* rwm'",
                            "--pid host",
                            "--net=host",
                            "--network=ns:/run/netns/x",
                            "--ipc=host",
                            "--uts=host",
                            "--cgroupns=host",
                            "--userns=host",
                            "--cgroups=disabled",
                            "--env-host"}) {
        const auto notes = lint("Container", "PodmanArgs=" + std::string(bad));
        ASSERT_EQ(notes.size(), 1U) << bad;
        EXPECT_FALSE(notes[0].undecided) << bad;
    }
    for (const char* good :
         {"--privileged=false", "--privileged=0", "-v data:/etc", "-v /srv/web:/web", "-d -p 80:80 -e A=/etc",
          "--mount=type=tmpfs,dst=/run", "--security-opt=no-new-privileges",
          "--security-opt=label=type:web_t", "--security-opt=seccomp=/etc/containers/web.json",
          "--pid=private", "--cap-drop all", "--name --", "--env VOLUME=-v/:/host"})
        EXPECT_THAT(lint("Container", "PodmanArgs=" + std::string(good)), ElementsAre()) << good;
    // One option over two lines.
    EXPECT_EQ(lint("Container", "PodmanArgs=--pid\nPodmanArgs=host").size(), 1U);
    EXPECT_EQ(lint("Container", "PodmanArgs=--privileged\nPodmanArgs=").size(), 0U);
    for (const char* open : {"--volume ${DATA}:/data", "$MORE"}) {
        const auto notes = lint("Container", "PodmanArgs=" + std::string(open));
        ASSERT_EQ(notes.size(), 1U) << open;
        EXPECT_TRUE(notes[0].undecided) << open;
    }
}

TEST(QuadletLint, Keys) {
    for (const char* bad : {"Rootfs=/",
                            "Rootfs=/:O",
                            "SecurityLabelType=spc_t",
                            "SecurityLabelNested=true",
                            "Network=ns:/proc/1/ns/net",
                            "SeccompProfile=/home/alice/x.json",
                            "SeccompProfile=/tmp/x.json",
                            "AppArmor=unconfined",
                            "GlobalArgs=--runtime=/home/alice/run",
                            "GlobalArgs=--runtime /tmp/r",
                            "GlobalArgs=--hooks-dir=/var/tmp/hooks",
                            "GlobalArgs=--url=unix:///x",
                            "GlobalArgs=-c other",
                            "GlobalArgs=--module=open",
                            "ContainersConfModule=/x.conf",
                            "Volume=%t:/r",
                            "Volume=%E/x:/e",
                            "Volume=%h:/h",
                            "Volume=../../../etc:/e",
                            "UserNS=ns:/x",
                            "EnvironmentHost=yes"})
        EXPECT_EQ(lint("Container", bad).size(), 1U) << bad;
    for (const char* good :
         {"GlobalArgs=--runtime=crun", "GlobalArgs=--runtime=/usr/bin/crun -v", "Rootfs=/srv/rootfs",
          "SecurityLabelType=container_t", "SeccompProfile=/usr/share/containers/web.json",
          "SeccompProfile=unconfined\nSeccompProfile=/etc/web.json", "AddCapability=CHOWN\nAddCapability=",
          "Volume=./web.conf:/c", "Volume=%S/web:/d", "Network=hosting", "Network=web.network"})
        EXPECT_THAT(lint("Container", good), ElementsAre()) << good;
    EXPECT_EQ(lint("Volume", "Device=/etc\nType=none\nOptions=bind").size(), 1U);
    EXPECT_EQ(lint("Pod", "PodmanArgs=--pid=host").size(), 1U);
    EXPECT_EQ(lint("Container", "[Service]\nExecStartPre=/usr/bin/podman run --privileged x").size(), 1U);
}

TEST(QuadletLint, OfUsers) {
    EXPECT_THAT(lint("Container", "Volume=%h/data:/d\nSeccompProfile=%h/x.json", "alice"), ElementsAre());
    for (const char* bad : {"Volume=%h:/d", "Volume=%h/.ssh:/d", "Volume=%t/podman/podman.sock:/s"}) {
        const auto notes = lint("Container", bad, "alice");
        EXPECT_EQ(notes.size(), 1U) << bad;
    }
    EXPECT_TRUE(lint("Container", "Volume=/run/docker.sock:/s", "alice").at(0).engine_socket);
    EXPECT_FALSE(lint("Container", "Volume=/run/user/1000/bus.sock:/s", "alice").at(0).engine_socket);
}

TEST(QuadletLint, HardeningThatIsTakenBack) {
    const auto path = "/q.container";
    const auto missing = [&](std::string_view text) {
        return missing_hardening(
                   {.path = path, .settings = host::parse_unit("[Container]\n" + std::string(text), path)})
            .size();
    };
    const std::string rest = "ReadOnly=true\nNoNewPrivileges=true\n";
    EXPECT_EQ(missing(rest + "DropCapability=all\n"), 0U);
    EXPECT_EQ(missing(rest + "DropCapability=all\nDropCapability=\n"), 1U);
    EXPECT_EQ(missing(rest + "DropCapability=all\nDropCapability=\nDropCapability=net_raw\n"), 1U);
}

TEST(PodmanCommands, EndAtTheImage) {
    struct Case {
        const char* line;
        std::vector<std::string> options;
    };

    const Case cases[] = {{"/usr/bin/podman run --rm web --privileged", {"--rm"}},
                          {"podman --log-level debug run --name x --privileged web",
                           {"--log-level=debug", "--name=x", "--privileged"}},
                          {"podman container run -d -v/:/h web", {"--volume=/:/h"}},
                          {"podman --remote run web", {"--remote"}},
                          {"podman pod create x --network host", {"--network=host"}},
                          {"podman run --rootfs /srv/r --privileged", {"--rootfs", "--rootfs=/srv/r"}},
                          {"sh -c 'podman run a && podman run --pid=host b'", {"--pid=host"}},
                          {"podman kube play /x.yaml --network host", {"--kube=/x.yaml", "--network=host"}},
                          {"podman kube down /x.yaml", {}},
                          {"podman run $OPTIONS web", {"$OPTIONS"}},
                          {"docker run --privileged x", {}},
                          {"podman", {}},
                          {"podman run --", {}},
                          {"", {}}};
    for (const Case& c : cases) {
        std::vector<std::string> shown;
        for (const auto& option : podman_command_options(command_words(c.line)))
            shown.push_back(show_option(option));
        EXPECT_EQ(shown, c.options) << c.line;
    }
}

const Params web{.allowed_quadlets = {"web.*"}};

TEST(QuadletDropIns, OfEveryKindCount) {
    for (const char* drop_in :
         {"etc/containers/systemd/container.d/x.conf", "etc/containers/systemd/web-.container.d/x.conf",
          "etc/containers/systemd/web-db.container.d/x.conf", "run/containers/systemd/container.d/x.conf",
          "run/containers/systemd/web-db.container.d/x.conf",
          "usr/share/containers/systemd/container.d/x.conf",
          "etc/containers/systemd/sub/container.d/x.conf"}) {
        const tests::Tree tree{{"etc/passwd", accounts}, {"etc/group", ""}, {"usr/bin/podman", ""}};
        tree.write("etc/containers/systemd/web-db.container", "[Container]\nImage=x\n");
        const Params named{.allowed_quadlets = {"web-db.container"}};
        EXPECT_THAT(verdicts(assess(tree.host(), named), id),
                    ElementsAre("/etc/containers/systemd/web-db.container: pass"));
        tree.write(drop_in, "[Container]\nPodmanArgs=--privileged\n");
        EXPECT_THAT(verdicts(assess(tree.host(), named), id),
                    ElementsAre("/etc/containers/systemd/web-db.container: fail high"))
            << drop_in;
    }
}

TEST(QuadletDropIns, OfOthersDoNotAndTheFirstOfANameCounts) {
    const tests::Tree tree{{"etc/passwd", accounts}, {"etc/group", ""}, {"usr/bin/podman", ""}};
    tree.write("etc/containers/systemd/web.container", "[Container]\nImage=x\n");
    for (const char* other : {"pod.d", "we-.container.d", "web.pod.d"})
        tree.write("etc/containers/systemd/" + std::string(other) + "/x.conf",
                   "[Container]\nPodmanArgs=--privileged\n");
    EXPECT_THAT(verdicts(assess(tree.host(), web), id),
                ElementsAre("/etc/containers/systemd/web.container: pass"));
    tree.write("usr/share/containers/systemd/web.container.d/x.conf", "[Container]\nUserNS=host\n");
    tree.write("run/containers/systemd/web.container.d/x.conf", "[Container]\nUserNS=auto\n");
    EXPECT_THAT(verdicts(assess(tree.host(), web), id),
                ElementsAre("/etc/containers/systemd/web.container: pass"));
    tree.fifo("etc/containers/systemd/container.d/y.conf");
    EXPECT_THAT(verdicts(assess(tree.host(), web), id),
                ElementsAre("/etc/containers/systemd/web.container: unknown"));
}

TEST(QuadletSearch, UsersOfEveryKind) {
    const tests::Tree tree{{"etc/passwd", accounts}, {"etc/group", ""}, {"usr/bin/podman", ""}};
    for (const char* file :
         {"etc/containers/systemd/users/a.container", "etc/containers/systemd/users/1000/b.container",
          "etc/containers/systemd/users/4711/c.container",
          "home/bob/.config/containers/systemd/n/d.container"})
        tree.write(file, "[Container]\nVolume=/etc:/e\n");
    EXPECT_THAT(verdicts(assess(tree.host()), id),
                ElementsAre("/etc/containers/systemd/users/a.container: fail low",
                            "/etc/containers/systemd/users/1000/b.container: fail low",
                            "/home/bob/.config/containers/systemd/n/d.container: fail low",
                            "/etc/containers/systemd/users/4711/c.container: fail low"));
    EXPECT_FALSE(host::is_quadlet_name(".container"));
}

TEST(KubeQuadlets, AreJudgedByTheirYaml) {
    struct Case {
        const char* yaml;
        const char* expected;
    };

    const Case cases[] = {
        {"kind: Pod\nspec:\n  containers:\n  - image: x\n", "pass"},
        {"spec:\n  hostNetwork: true\n", "fail high"},
        {"spec: {hostPID: yes}\n", "fail high"},
        {"spec: {hostIPC: true}\n", "fail high"},
        {"spec:\n  template:\n    spec:\n      containers:\n      - securityContext: {privileged: true}\n",
         "fail high"},
        {"spec: {containers: [{securityContext: {capabilities: {add: [SYS_ADMIN]}}}]}\n", "fail high"},
        {"spec: {containers: [{securityContext: {capabilities: {drop: [ALL]}}}]}\n", "pass"},
        {"spec: {volumes: [{name: h, hostPath: {path: /}}]}\n", "fail high"},
        {"spec: {volumes: [{name: h, hostPath: {path: /srv/web}}]}\n", "pass"},
        {"spec: {securityContext: {seccompProfile: {type: Unconfined}}}\n", "fail high"},
        {"spec: {securityContext: {seLinuxOptions: {type: spc_t}}}\n", "fail high"},
        {"spec: {securityContext: {procMount: Unmasked}}\n", "fail high"},
        {"metadata: {annotations: {io.podman.annotations.label: disable}}\n", "fail high"},
        {"kind: ConfigMap\n---\nspec:\n  hostNetwork: true\n", "fail high"},
        {"a: [\n", "unknown"},
        {"", "pass"},
        {"\xff", "unknown"}};
    for (const Case& c : cases) {
        const tests::Tree tree{{"etc/passwd", accounts}, {"etc/group", ""}};
        tree.write("etc/containers/systemd/web.kube", "[Kube]\nYaml=sub/web.yaml\n");
        tree.write("etc/containers/systemd/sub/web.yaml", c.yaml);
        EXPECT_THAT(verdicts(assess(tree.host(), web), id),
                    ElementsAre("/etc/containers/systemd/web.kube: " + std::string(c.expected)))
            << c.yaml;
    }
}

TEST(KubeQuadlets, WhoseYamlCannotBeRead) {
    const tests::Tree tree{{"etc/passwd", accounts}, {"etc/group", ""}};
    tree.write("etc/containers/systemd/web.kube", "[Kube]\nYaml=/srv/web.yaml\n");
    EXPECT_THAT(verdicts(assess(tree.host(), web), id),
                ElementsAre("/etc/containers/systemd/web.kube: unknown"));
    tree.remove("etc/containers/systemd");
    tree.write("home/alice/.config/containers/systemd/a.kube", "[Kube]\nYaml=/etc/secret.yaml\n");
    tree.write("etc/secret.yaml", "spec: {hostNetwork: true}\n", 0600);
    ASSERT_EQ(::chown(tree.path("home/alice/.config/containers/systemd/a.kube").c_str(), 1000, 1000), 0);
    EXPECT_THAT(verdicts(assess(tree.host()), id),
                ElementsAre("/home/alice/.config/containers/systemd/a.kube: unknown"));
}

TEST(UnitsThatRunPodman, AreJudgedAlthoughAllowed) {
    struct Case {
        const char* line;
        const char* expected;
    };

    const Case cases[] = {
        {"ExecStart=podman run --rm web", "pass"},
        {"ExecStart=podman run --privileged web", "fail high"},
        {"ExecStart=-/usr/bin/podman run -v/:/host web", "fail high"},
        {"ExecStart=podman run web --privileged", "pass"},
        {"ExecStart=podman start web\nExecStartPre=podman create --pid=host web", "fail high"},
        {"ExecStart=podman run $OPTIONS web", "unknown"},
        {"ExecStart=podman kube play /srv/web.yaml", "unknown"}};
    for (const Case& c : cases) {
        const tests::Tree tree{{"etc/passwd", accounts}, {"etc/group", ""}};
        tree.write("etc/systemd/system/web.service", "[Service]\n" + std::string(c.line) + "\n");
        EXPECT_THAT(verdicts(assess(tree.host(), web), id),
                    ElementsAre("web.service: " + std::string(c.expected)))
            << c.line;
    }
}

TEST(UnitsThatRunPodman, RelativeMountsAreBelowWhereTheyStart) {
    struct Case {
        const char* service;
        const char* expected;
    };

    const Case cases[] = {
        {"ExecStart=podman run -v ./etc:/e web", "fail high"},
        {"ExecStart=podman run -v .:/host web", "fail high"},
        {"ExecStart=podman run -v ./srv/web:/w web", "pass"},
        {"WorkingDirectory=/srv/web\nExecStart=podman run -v ./data:/d -v .:/w web", "pass"},
        {"WorkingDirectory=/srv/web\nExecStart=podman run -v ../../etc:/e web", "fail high"},
        {"WorkingDirectory=-/etc/web\nExecStart=podman run -v ./conf:/c web", "fail high"},
        {"WorkingDirectory=/etc\nExecStart=podman run --mount type=bind,src=ssh,dst=/s web", "fail high"},
        {"WorkingDirectory=/etc\nExecStart=podman run --mount type=volume,src=ssh,dst=/s web", "pass"},
        {"WorkingDirectory=/etc\nExecStart=podman run -v ssh:/s web", "pass"},
        {"WorkingDirectory=/srv\nExecStart=podman run --rootfs ../ sh", "fail high"},
        {"WorkingDirectory=/etc\nExecStart=podman run --rootfs ssh sh", "fail high"},
        {"WorkingDirectory=/etc\nWorkingDirectory=\nExecStart=podman run -v ./srv:/s web", "pass"},
        {"WorkingDirectory=~\nExecStart=podman run -v ./data:/d web", "fail high"},  // of root
        {"WorkingDirectory=%S/web\nExecStart=podman run -v ./data:/d web", "unknown"},
        {"WorkingDirectory=$DIR\nExecStart=podman run -v ./data:/d web", "unknown"},
        {"WorkingDirectory=srv\nExecStart=podman run -v ./data:/d web", "unknown"},
        {"WorkingDirectory=%S\nExecStart=podman run -v /srv/data:/d web", "pass"},
        {"WorkingDirectory=/srv\nExecStart=sh -c 'cd / && podman run -v ./etc:/e web'", "unknown"},
        {"WorkingDirectory=/srv\nExecStart=env --chdir=/ podman run -v ./etc:/e web", "unknown"},
    };
    for (const Case& c : cases) {
        const tests::Tree tree{{"etc/passwd", accounts}, {"etc/group", ""}};
        tree.write("etc/systemd/system/web.service", "[Service]\n" + std::string(c.service) + "\n");
        EXPECT_THAT(verdicts(assess(tree.host(), web), id),
                    ElementsAre("web.service: " + std::string(c.expected)))
            << c.service;
    }
}

// Only what podman's generator reads is beside the definition.
TEST(QuadletLint, RelativeMountsOfCommandsAreBelowWhereTheyStart) {
    EXPECT_THAT(lint("Container", "Volume=./web:/w\nMount=type=bind,src=./a,dst=/a"), ElementsAre());
    EXPECT_EQ(lint("Container", "PodmanArgs=-v ./etc:/e").size(), 1U);
    EXPECT_EQ(lint("Container", "PodmanArgs=-v ./x:/x\n[Service]\nWorkingDirectory=/etc").size(), 1U);
    EXPECT_THAT(lint("Container", "PodmanArgs=-v ./x:/x\n[Service]\nWorkingDirectory=/srv"), ElementsAre());
    EXPECT_EQ(lint("Container", "[Service]\nExecStartPre=podman run -v ./etc:/e x").size(), 1U);
}

TEST(UnitsOfUsers, HaveTheirRelativeMountsInTheirHome) {
    struct Case {
        const char* service;
        const char* alices;
        const char* everybodys;
    };

    const Case cases[] = {
        {"ExecStart=podman run -v ./data:/d web", nullptr, "unknown"},
        {"ExecStart=podman run -v .:/d web", "fail low", "unknown"},
        {"ExecStart=podman run -v ./.ssh:/d web", "fail low", "unknown"},
        {"ExecStart=podman run -v ../bob:/d web", "fail low", "unknown"},
        {"WorkingDirectory=%h/web\nExecStart=podman run -v ./data:/d web", nullptr, "unknown"},
        {"WorkingDirectory=~\nExecStart=podman run -v ..:/d web", "fail low", "unknown"},
        {"WorkingDirectory=/srv\nExecStart=podman run -v ./data:/d web", nullptr, nullptr},
        {"WorkingDirectory=/etc\nExecStart=podman run -v ./data:/d web", "fail low", "fail low"},
        {"WorkingDirectory=/run\nExecStart=podman run -v ./docker.sock:/s web", "fail high", "fail high"},
    };
    const auto said = [](const char* file, const char* service) {
        const tests::Tree tree{{"etc/passwd", accounts}, {"etc/group", ""}, {"usr/bin/podman", ""}};
        tree.write(file, "[Service]\n" + std::string(service) + "\n");
        return verdicts(assess(tree.host()), id);
    };
    const auto expected = [](const char* whose, const char* verdict) {
        return verdict == nullptr ? "host: pass" : "web.service of " + std::string(whose) + ": " + verdict;
    };
    for (const Case& c : cases) {
        EXPECT_THAT(said("home/alice/.config/systemd/user/web.service", c.service),
                    ElementsAre(expected("alice", c.alices)))
            << c.service;
        EXPECT_THAT(said("etc/systemd/user/web.service", c.service),
                    ElementsAre(expected("all users", c.everybodys)))
            << c.service;
    }
}

constexpr const char* open_pod = "kind: Pod\nspec:\n  hostNetwork: true\n";
constexpr const char* sound_pod = "kind: Pod\nspec:\n  containers:\n  - image: x\n";

TEST(UnitsThatRunPodman, AreJudgedByWhatTheyPlay) {
    struct Case {
        const char* service;
        const char* yaml;
        const char* expected;
    };

    const Case cases[] = {
        {"ExecStart=podman kube play /srv/web.yaml", open_pod, "fail high"},
        {"ExecStart=podman kube play /srv/web.yaml", sound_pod, "pass"},
        {"ExecStart=podman play kube /srv/web.yaml", open_pod, "fail high"},
        {"ExecStart=podman kube play --network host /srv/web.yaml", sound_pod, "fail high"},
        {"WorkingDirectory=-/srv\nExecStart=podman kube play web.yaml", open_pod, "fail high"},
        {"ExecStart=podman kube play srv/web.yaml", open_pod, "fail high"},
        {"ExecStartPre=podman kube play /srv/web.yaml\nExecStart=podman start x", open_pod, "fail high"},
        {"ExecStart=sh -c 'podman kube play /srv/web.yaml'", open_pod, "fail high"},
        {"ExecStart=podman kube play /srv/web.yaml", "a: [\n", "unknown"},
        {"ExecStart=podman kube play /srv/other.yaml", sound_pod, "unknown"},
        {"ExecStart=podman kube play /srv/web.yaml /srv/other.yaml", sound_pod, "unknown"},
        {"ExecStart=podman kube play -", sound_pod, "unknown"},
        {"ExecStart=podman kube play https://x/srv/web.yaml", sound_pod, "unknown"},
        {"ExecStart=podman kube play %S/web.yaml", sound_pod, "unknown"},
        {"WorkingDirectory=%S\nExecStart=podman kube play web.yaml", sound_pod, "unknown"},
        {"ExecStart=podman kube play ${FILE}", sound_pod, "unknown"},
    };
    for (const Case& c : cases) {
        const tests::Tree tree{{"etc/passwd", accounts}, {"etc/group", ""}, {"srv/web.yaml", c.yaml}};
        tree.write("etc/systemd/system/web.service", "[Service]\n" + std::string(c.service) + "\n");
        EXPECT_THAT(verdicts(assess(tree.host(), web), id),
                    ElementsAre("web.service: " + std::string(c.expected)))
            << c.service << "\n"
            << c.yaml;
    }
}

TEST(UnitsThatRunPodman, WithMoreToPlayThanIsReadAreUnknown) {
    const tests::Tree tree{{"etc/passwd", accounts}, {"etc/group", ""}};
    std::string line = "ExecStart=podman kube play";
    for (int i = 0; i < 20; ++i) {
        tree.write("srv/" + std::to_string(i), sound_pod);
        line += " /srv/" + std::to_string(i);
    }
    tree.write("etc/systemd/system/web.service", "[Service]\n" + line + "\n");
    EXPECT_THAT(verdicts(assess(tree.host(), web), id), ElementsAre("web.service: unknown"));
}

TEST(UnitsOfUsers, AreJudgedAsTheirQuadletsAre) {
    struct Case {
        const char* service;
        const char* expected;  // nullptr: nothing to tell
    };

    const Case cases[] = {
        {"ExecStart=podman run --rm web", nullptr},
        {"ExecStart=podman run --privileged web", "fail low"},
        {"ExecStart=/usr/bin/podman run -v %h:/h web", "fail low"},
        {"ExecStart=podman run -v %h/data:/d web", nullptr},
        {"ExecStart=podman run -v /run/docker.sock:/s web", "fail high"},
        {"ExecStart=podman run $OPTIONS web", "unknown"},
        {"ExecStart=podman kube play %h/web.yaml", "fail low"},
        {"ExecStart=podman kube play web.yaml", "fail low"},
        {"ExecStart=podman kube play %h/none.yaml", "unknown"},
        {"ExecStart=docker run --privileged web", nullptr},
        {"ExecStart=podman system service --privileged", nullptr},
    };
    for (const char* dir : {"home/alice/.config/systemd/user/", "run/user/1000/systemd/user/",
                            "home/alice/.local/share/systemd/user/"})
        for (const Case& c : cases) {
            const tests::Tree tree{{"etc/passwd", accounts},
                                   {"etc/group", ""},
                                   {"usr/bin/podman", ""},
                                   {"home/alice/web.yaml", open_pod}};
            tree.write(std::string(dir) + "web.service", "[Service]\n" + std::string(c.service) + "\n");
            EXPECT_THAT(
                verdicts(assess(tree.host()), id),
                ElementsAre(c.expected == nullptr ? "host: pass"
                                                  : "web.service of alice: " + std::string(c.expected)))
                << dir << c.service;
        }
}

TEST(UnitsOfUsers, AreFoundWhereverManagersLook) {
    const std::string open = "[Service]\nExecStart=podman run --pid=host web\n";
    for (const char* file : {"etc/systemd/user/web.service", "etc/xdg/systemd/user/web.service",
                             "run/systemd/user/web.service", "etc/systemd/user/web@.service"}) {
        const tests::Tree tree{{"etc/passwd", accounts}, {"etc/group", ""}, {"usr/bin/podman", ""}};
        tree.write(file, open);
        const std::string name = std::string(file).substr(std::string_view(file).rfind('/') + 1);
        EXPECT_THAT(verdicts(assess(tree.host()), id), ElementsAre(name + " of all users: fail low")) << file;
    }
    const tests::Tree tree{{"etc/passwd", accounts}, {"etc/group", ""}, {"usr/bin/podman", ""}};
    tree.write("etc/systemd/user/web.service", "[Service]\nExecStart=podman run web\n");
    tree.write("home/bob/.config/systemd/user/web.service.d/x.conf",
               "[Service]\nExecStart=\nExecStart=podman run --privileged web\n");
    EXPECT_THAT(verdicts(assess(tree.host()), id), ElementsAre("web.service of bob: fail low"));
    tree.remove("home/bob/.config/systemd/user/web.service.d");
    tree.link("home/bob/.config/systemd/user/web.service", "/dev/null");
    tree.write("run/user/1000/systemd/generator/web.service", open);
    EXPECT_THAT(verdicts(assess(tree.host()), id), ElementsAre("host: pass"));
    tree.fifo("home/bob/.config/systemd/user/x.service");
    EXPECT_THAT(verdicts(assess(tree.host()), id), ElementsAre("x.service of bob: unknown"));
    tree.remove("home/bob/.config/systemd/user");
    tree.link("home/bob/.config/systemd/user", "user");
    EXPECT_THAT(verdicts(assess(tree.host()), id), ElementsAre("units of bob: unknown"));
}

TEST(UnitsOfUsers, OfAVendorCountOnceSomethingStartsThem) {
    const tests::Tree tree{{"etc/passwd", accounts}, {"etc/group", ""}, {"usr/bin/podman", ""}};
    tree.write("usr/lib/systemd/user/podman-restart.service",
               "[Service]\nExecStart=podman $LOGGING start --all\n");
    EXPECT_THAT(verdicts(assess(tree.host()), id), ElementsAre("host: pass"));
    const std::string link = "/default.target.wants/podman-restart.service";
    tree.link("home/bob/.config/systemd/user" + link, "/usr/lib/systemd/user/podman-restart.service");
    EXPECT_THAT(verdicts(assess(tree.host()), id), ElementsAre("podman-restart.service of bob: unknown"));
    tree.remove("home/bob/.config/systemd/user");
    tree.link("etc/systemd/user" + link, "/usr/lib/systemd/user/podman-restart.service");
    EXPECT_THAT(verdicts(assess(tree.host()), id),
                ElementsAre("podman-restart.service of all users: unknown"));
}

TEST(UnitsOfUsers, OfAVendorCountOnceSomebodyChangesThem) {
    const std::string open = "[Service]\nExecStart=podman run --privileged web\n";
    const std::string expected = "web.service of all users: fail low";

    struct Case {
        const char* unit;
        const char* drop_in;  // nullptr: none
        bool counts;
    };

    for (const Case& c : {Case{"usr/lib/systemd/user", nullptr, false},
                          Case{"usr/share/systemd/user", "usr/lib/systemd/user", false},
                          Case{"usr/local/lib/systemd/user", nullptr, true},
                          Case{"usr/local/share/systemd/user", nullptr, true},
                          Case{"usr/lib/systemd/user", "etc/systemd/user", true},
                          Case{"usr/lib/systemd/user", "run/systemd/user", true},
                          Case{"usr/lib/systemd/user", "usr/local/lib/systemd/user", true}}) {
        const tests::Tree tree{{"etc/passwd", accounts}, {"etc/group", ""}, {"usr/bin/podman", ""}};
        tree.write(std::string(c.unit) + "/web.service", open);
        if (c.drop_in != nullptr)
            tree.write(std::string(c.drop_in) + "/web.service.d/x.conf", "[Unit]\nDescription=x\n");
        EXPECT_THAT(verdicts(assess(tree.host()), id), ElementsAre(c.counts ? expected : "host: pass"))
            << c.unit << (c.drop_in != nullptr ? c.drop_in : "");
    }
}

// The link says what is started, whether a file of that name mentions podman or is the user's.
TEST(UnitsOfUsers, OfAnyNameCountOnceTheUserStartsThem) {
    const tests::Tree tree{{"etc/passwd", accounts}, {"etc/group", ""}, {"usr/bin/podman", ""}};
    tree.write("usr/lib/systemd/user/tool@.service", "[Service]\nExecStart=tool %i\n");
    tree.write("usr/lib/systemd/user/tool@web.service.d/x.conf",
               "[Service]\nExecStart=\nExecStart=podman run --privileged web\n");
    EXPECT_THAT(verdicts(assess(tree.host()), id), ElementsAre("host: pass"));
    for (const char* dir : {"default.target.wants", "x.service.requires"}) {
        tree.link("home/bob/.config/systemd/user/" + std::string(dir) + "/tool@web.service",
                  "/usr/lib/systemd/user/tool@.service");
        EXPECT_THAT(verdicts(assess(tree.host()), id), ElementsAre("tool@web.service of bob: fail low"))
            << dir;
        tree.remove("home/bob/.config/systemd/user");
    }
    for (int i = 0; i < 50; ++i)
        tree.link("home/bob/.config/systemd/user/default.target.wants/none" + std::to_string(i) + ".service",
                  "none");
    EXPECT_THAT(verdicts(assess(tree.host()), id), ElementsAre("host: pass"));
}

// podman's own podman-kube@.service runs nothing until somebody names a file.
TEST(UnitsOfUsers, OfATemplateThatCameWithPodmanInstancesCount) {
    const std::string unit = "usr/lib/systemd/user/podman-kube@.service";
    const auto link = [](const tests::Tree& tree, const std::string& dir) {
        tree.link(dir + "/default.target.wants/podman-kube@web.service",
                  "/usr/lib/systemd/user/podman-kube@.service");
        return verdicts(assess(tree.host()), id);
    };
    const tests::Tree tree{{"etc/passwd", accounts}, {"etc/group", ""}, {"usr/bin/podman", ""}};
    tree.write(unit, "[Service]\nExecStart=/usr/bin/podman play kube %I\n");
    EXPECT_THAT(verdicts(assess(tree.host()), id), ElementsAre("host: pass"));
    EXPECT_THAT(link(tree, "home/bob/.config/systemd/user"),
                ElementsAre("podman-kube@web.service of bob: unknown"));
    tree.write(unit, "[Service]\nExecStart=/usr/bin/podman run --privileged %i\n");
    EXPECT_THAT(verdicts(assess(tree.host()), id), ElementsAre("podman-kube@web.service of bob: fail low"));
    tree.remove("home/bob/.config/systemd/user");
    EXPECT_THAT(link(tree, "etc/systemd/user"), ElementsAre("podman-kube@.service of all users: fail low"));
}

// A user cannot have us show what the user may not read.
TEST(UnitsOfUsers, PlayNoFilesOfOthers) {
    const tests::Tree tree{{"etc/passwd", accounts}, {"etc/group", ""}};
    tree.write("etc/secret.yaml", open_pod, 0600);
    tree.write("home/alice/.config/systemd/user/web.service",
               "[Service]\nExecStart=podman kube play /etc/secret.yaml\n");
    ASSERT_EQ(::chown(tree.path("home/alice").c_str(), 1000, 1000), 0);
    EXPECT_THAT(verdicts(assess(tree.host()), id), ElementsAre("web.service of alice: unknown"));
    ASSERT_EQ(::chown(tree.path("etc/secret.yaml").c_str(), 1000, 1000), 0);
    EXPECT_THAT(verdicts(assess(tree.host()), id), ElementsAre("web.service of alice: fail low"));
}

TEST(UnitsThatRunPodman, GeneratedOnesAreJudgedWhereADropInTakesOver) {
    const tests::Tree tree{{"etc/passwd", accounts}, {"etc/group", ""}, {"usr/bin/podman", ""}};
    tree.write("run/systemd/generator/web.service", "[Service]\nExecStart=podman run web\n");
    EXPECT_THAT(verdicts(assess(tree.host()), id), ElementsAre("host: pass"));
    tree.write("etc/systemd/system/web.service.d/x.conf",
               "[Service]\nExecStart=\nExecStart=podman run --privileged web\n");
    EXPECT_THAT(verdicts(assess(tree.host(), web), id), ElementsAre("web.service: fail high"));
}

TEST(UserQuadlets, WithAnEnginesSocketAreSevere) {
    const tests::Tree tree{{"etc/passwd", accounts}, {"etc/group", ""}};
    for (const char* way :
         {"Volume=/run/docker.sock:/s", "Volume=/var/run/docker.sock:/var/run/docker.sock",
          "Mount=type=bind,src=/run/podman/podman.sock,dst=/s", "PodmanArgs=-v /run/docker.sock:/s"}) {
        tree.write("home/alice/.config/containers/systemd/a.container",
                   "[Container]\n" + std::string(way) + "\n");
        EXPECT_THAT(verdicts(assess(tree.host()), id),
                    ElementsAre("/home/alice/.config/containers/systemd/a.container: fail high"))
            << way;
    }
}

}  // namespace
}  // namespace plimsoll::modules::rootless::testing
