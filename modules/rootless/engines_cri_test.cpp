// SPDX-License-Identifier: Apache-2.0
// B21: what pods get that do not ask.
#include "modules/rootless/testing/engines_fixture.hpp"

#include <gmock/gmock.h>

#include <algorithm>

namespace {
using namespace plimsoll;
using namespace plimsoll::modules::rootless;
using namespace plimsoll::modules::rootless::testing;
using ::testing::ElementsAre;

constexpr std::string_view id = "kubelet.cri-defaults";

TEST(CriDefaults, Verdicts) {
    const tests::Tree tree{{"usr/bin/kubelet", ""}, {"usr/bin/containerd", ""}};
    EXPECT_THAT(verdicts(assess(tree.host()), id), ElementsAre("kubelet: unknown", "containerd: unknown"));
    tree.write("var/lib/kubelet/config.yaml", "kind: KubeletConfiguration\n");
    EXPECT_THAT(verdicts(assess(tree.host()), id),
                ElementsAre("kubelet: fail high", "containerd: fail high"));
    tree.write("var/lib/kubelet/config.yaml", "seccompDefault: true\n");
    tree.write("etc/containerd/config.toml", "version = 2\nimports = [\"conf.d/*.toml\"]\n");
    tree.write("etc/containerd/conf.d/a.toml",
               "[plugins.\"io.containerd.grpc.v1.cri\"]\ndisable_apparmor = true\n");
    EXPECT_THAT(verdicts(assess(tree.host()), id), ElementsAre("kubelet: pass", "containerd: fail high"));
    tree.write("etc/containerd/conf.d/a.toml", "[");
    EXPECT_THAT(verdicts(assess(tree.host()), id), ElementsAre("kubelet: pass", "containerd: unknown"));
    tree.write("etc/containerd/config.toml", "disabled_plugins = [\"cri\"]\n");
    EXPECT_THAT(verdicts(assess(tree.host()), id), ElementsAre("kubelet: pass", "containerd: unknown"));
    tree.remove("etc/containerd/conf.d");
    EXPECT_THAT(verdicts(assess(tree.host()), id), ElementsAre("kubelet: pass", "containerd: pass"));
}

TEST(CriDefaults, ImportsAreFollowedAsContainerdDoes) {
    constexpr const char* open = "[plugins.\"io.containerd.grpc.v1.cri\"]\ndisable_apparmor = true\n";

    struct Case {
        const char* import;
        const char* file;
        const char* expected;
    };

    const Case cases[] = {
        {"/etc/containerd/*/x.toml", "etc/containerd/a/x.toml", "containerd: fail high"},
        {"*/x.toml", "etc/containerd/a/x.toml", "containerd: fail high"},
        {"/etc/*/*/[xy].toml", "etc/containerd/a/y.toml", "containerd: fail high"},
        {"*/*.toml", "etc/containerd/.a/.x.toml", "containerd: fail high"},
        {"../other/x.toml", "etc/other/x.toml", "containerd: fail high"},
        {"*/x.toml", "etc/containerd/x.toml", "containerd: pass"},
        {"*.toml", "etc/containerd/a/x.toml", "containerd: pass"},
        {"a/?.toml", "etc/containerd/a/x.toml", "containerd: pass"},  // a path, as there is no '*'
        {"a/?.toml", "etc/containerd/a/?.toml", "containerd: fail high"},
    };
    for (const Case& c : cases) {
        const tests::Tree tree{{"usr/bin/kubelet", ""},
                               {"usr/bin/containerd", ""},
                               {"var/lib/kubelet/config.yaml", "seccompDefault: true\n"},
                               {c.file, open}};
        tree.write("etc/containerd/config.toml",
                   "version = 2\nimports = [\"" + std::string(c.import) + "\"]\n");
        EXPECT_THAT(verdicts(assess(tree.host()), id), ElementsAre("kubelet: pass", c.expected))
            << c.import << " " << c.file;
    }
}

TEST(CriDefaults, ImportsThatCannotBeFollowedAreUnknown) {
    const tests::Tree tree{{"usr/bin/kubelet", ""},
                           {"usr/bin/containerd", ""},
                           {"var/lib/kubelet/config.yaml", "seccompDefault: true\n"}};
    tree.link("etc/containerd/loop", "loop");
    for (const char* imports : {"\"conf.d/*.toml\"", "[1]", "[\"loop/*.toml\"]"}) {
        tree.write("etc/containerd/config.toml", "version = 2\nimports = " + std::string(imports) + "\n");
        EXPECT_THAT(verdicts(assess(tree.host()), id), ElementsAre("kubelet: pass", "containerd: unknown"))
            << imports;
    }
    std::string many = "version = 2\nimports = [";
    for (int i = 0; i < 300; ++i)
        many += "\"n" + std::to_string(i) + ".toml\",";
    tree.write("etc/containerd/config.toml", many + "]\n");
    EXPECT_THAT(verdicts(assess(tree.host()), id), ElementsAre("kubelet: pass", "containerd: unknown"));
}

constexpr const char* open_plugin = "[plugins.\"io.containerd.grpc.v1.cri\"]\ndisable_apparmor = true\n";
constexpr const char* sound_plugin =
    "[plugins.\"io.containerd.grpc.v1.cri\"]\nunset_seccomp_profile = \"/p.json\"\n";

TEST(CriDefaults, TheContainerdsOfK3sAndRke2Count) {
    for (const std::string name : {"k3s", "rke2"}) {
        const std::string dir = "var/lib/rancher/" + name + "/agent/etc/containerd/";
        const std::string subject = "containerd of " + name;
        const std::string unknown = subject + ": unknown";
        const tests::Tree tree;
        tree.write("usr/local/bin/" + name, "");
        EXPECT_THAT(verdicts(assess(tree.host()), id), ElementsAre("kubelet: unknown", unknown, unknown));
        tree.write(dir + "config.toml", sound_plugin);
        EXPECT_THAT(verdicts(assess(tree.host()), id), ElementsAre("kubelet: unknown", subject + ": pass"));
        tree.write(dir + "config.toml", open_plugin);
        EXPECT_THAT(verdicts(assess(tree.host()), id),
                    ElementsAre("kubelet: unknown", unknown, subject + ": fail high"));
        tree.write(dir + "config.toml", sound_plugin);
        tree.write(dir + "config-v3.toml.tmpl", "{{ template \"base\" . }}");
        EXPECT_THAT(verdicts(assess(tree.host()), id), ElementsAre("kubelet: unknown", unknown));
        tree.remove(dir + "config-v3.toml.tmpl");
        tree.remove(dir + "config.toml");
        tree.fifo(dir + "config.toml");
        EXPECT_THAT(verdicts(assess(tree.host()), id), ElementsAre("kubelet: unknown", unknown, unknown));
    }
}

TEST(CriDefaults, TheDataDirectoryOfK3sMayBeElsewhere) {
    const tests::Tree tree{{"usr/local/bin/k3s", ""},
                           {"var/lib/rancher/k3s/agent/etc/containerd/config.toml", sound_plugin},
                           {"srv/a/agent/etc/containerd/config.toml", open_plugin},
                           {"srv/b/agent/etc/containerd/config.toml", sound_plugin}};
    const auto failing = [&](const host::Host& host) {
        const auto all = verdicts(assess(host), id);
        return std::ranges::find(all, "containerd of k3s: fail high") != all.end();
    };
    EXPECT_FALSE(failing(tree.host()));
    tree.write("etc/rancher/k3s/config.yaml", "data-dir: /srv/a\n");
    EXPECT_TRUE(failing(tree.host()));
    tree.write("etc/systemd/system/k3s.service",
               "[Service]\nExecStart=/usr/local/bin/k3s server --data-dir /srv/b\n");
    EXPECT_FALSE(failing(tree.host()));
    tree.write("etc/rancher/k3s/config.yaml", "data-dir: [\n");
    EXPECT_THAT(verdicts(assess(tree.host()), id),
                ElementsAre("kubelet: unknown", "containerd of k3s: unknown"));
}

TEST(CriDefaults, TheDataDirectoryOfK3sIsTheOneThatItTakes) {
    struct Case {
        const char* what;
        std::vector<std::pair<const char*, const char*>> files;
        const char* expected;
    };

    const Case cases[] = {
        {"flag in a variable",
         {{"etc/systemd/system/k3s.service.d/x.conf",
           "[Service]\nEnvironment=D=/srv/a\nExecStart=\nExecStart=/usr/local/bin/k3s server --data-dir "
           "${D}\n"}},
         "fail high"},
        {"variable", {{"etc/systemd/system/k3s.service.env", "K3S_DATA_DIR=/srv/a\n"}}, "fail high"},
        {"file by the unit's name", {{"etc/default/k3s", "K3S_DATA_DIR=/srv/a\n"}}, "fail high"},
        {"drop-in", {{"etc/rancher/k3s/config.yaml.d/10.yaml", "data-dir: /srv/a\n"}}, "fail high"},
        {"last drop-in",
         {{"etc/rancher/k3s/config.yaml", "data-dir: /srv/a\n"},
          {"etc/rancher/k3s/config.yaml.d/10.yaml", "data-dir: /srv/a\n"},
          {"etc/rancher/k3s/config.yaml.d/20.yml", "data-dir: /srv/b\n"}},
         "pass"},
        {"no drop-in", {{"etc/rancher/k3s/config.yaml.d/10.txt", "data-dir: /srv/a\n"}}, "pass"},
        {"file before the variable",
         {{"etc/default/k3s", "K3S_DATA_DIR=/srv/a\n"},
          {"etc/rancher/k3s/config.yaml", "data-dir: /srv/b\n"}},
         "pass"},
        {"another file",
         {{"etc/default/k3s", "K3S_CONFIG_FILE=/etc/mine.yaml\n"}, {"etc/mine.yaml", "data-dir: /srv/a\n"}},
         "fail high"},
        {"damaged drop-in", {{"etc/rancher/k3s/config.yaml.d/10.yaml", "data-dir: [\n"}}, "unknown"},
        {"no text", {{"etc/rancher/k3s/config.yaml", "data-dir: {}\n"}}, "unknown"},
        {"relative", {{"etc/rancher/k3s/config.yaml", "data-dir: srv/b\n"}}, "unknown"},
        {"relative file",
         {{"etc/default/k3s", "K3S_CONFIG_FILE=mine.yaml\n"}, {"etc/mine.yaml", "data-dir: /srv/b\n"}},
         "unknown"},
        {"specifier",
         {{"etc/systemd/system/k3s.service.d/x.conf",
           "[Service]\nExecStart=\nExecStart=/usr/local/bin/k3s server --data-dir /srv/%i\n"}},
         "unknown"},
        {"variable that nobody sets",
         {{"etc/systemd/system/k3s.service.d/x.conf",
           "[Service]\nExecStart=\nExecStart=/usr/local/bin/k3s server --data-dir /srv/b${D}\n"}},
         "unknown"},
        {"wrapper",
         {{"etc/systemd/system/k3s.service.d/x.conf", "[Service]\nExecStart=\nExecStart=/opt/start\n"}},
         "unknown"},
    };
    for (const Case& c : cases) {
        const tests::Tree tree{
            {"usr/local/bin/k3s", ""},
            {"etc/systemd/system/k3s.service",
             "[Service]\nEnvironmentFile=-/etc/default/%N\n"
             "EnvironmentFile=-/etc/systemd/system/%n.env\nExecStart=/usr/local/bin/k3s server\n"},
            {"var/lib/rancher/k3s/agent/etc/containerd/config.toml", sound_plugin},
            {"srv/a/agent/etc/containerd/config.toml", open_plugin},
            {"srv/b/agent/etc/containerd/config.toml", sound_plugin}};
        for (const auto& [file, text] : c.files)
            tree.write(file, text);
        EXPECT_EQ(verdicts(assess(tree.host()), id).back(), "containerd of k3s: " + std::string(c.expected))
            << c.what;
    }
}

TEST(CriDefaults, AWrapperHidesWhereTheConfigurationIs) {
    const tests::Tree tree{
        {"usr/bin/crictl", ""},
        {"usr/bin/containerd", ""},
        {"usr/bin/crio", ""},
        {"etc/containerd/config.toml", sound_plugin},
        {"etc/crio/crio.conf", ""},
        {"usr/lib/systemd/system/containerd.service",
         "[Service]\nExecStartPre=-/sbin/modprobe overlay\nExecStart=/usr/bin/containerd\n"},
        {"usr/lib/systemd/system/crio.service", "[Service]\nExecStart=/usr/bin/crio\n"}};
    EXPECT_THAT(verdicts(assess(tree.host()), id), ElementsAre("containerd: pass", "crio: pass"));
    for (const char* unit : {"containerd", "crio"})
        tree.write("etc/systemd/system/" + std::string(unit) + ".service.d/x.conf",
                   "[Service]\nExecStart=\nExecStart=/opt/start --config /x.toml\n");
    EXPECT_THAT(verdicts(assess(tree.host()), id), ElementsAre("containerd: unknown", "crio: unknown"));
}

TEST(CriDefaults, FilesThatOnlyTheManagerKnowsAreUnknown) {
    for (const std::string options : {"--config %E/c.toml", "--config c.toml", "-c ${DIR}/c.toml"}) {
        const tests::Tree tree{{"usr/bin/crictl", ""},
                               {"c.toml", sound_plugin},
                               {"etc/containerd/config.toml", sound_plugin},
                               {"usr/lib/systemd/system/containerd.service",
                                "[Service]\nExecStart=/usr/bin/containerd " + options + "\n"}};
        EXPECT_THAT(verdicts(assess(tree.host()), id), ElementsAre("containerd: unknown")) << options;
    }
}

TEST(CriDefaults, ADisabledPluginCountsWhereAllCouldBeRead) {
    const tests::Tree tree{
        {"usr/bin/crictl", ""},
        {"etc/containerd/config.toml", "version = 2\ndisabled_plugins = [\"io.containerd.grpc.v1.cri\"]\n"},
        {"usr/lib/systemd/system/containerd.service",
         "[Service]\nEnvironmentFile=-/etc/containerd.env\nExecStart=/usr/bin/containerd $OPTIONS\n"}};
    EXPECT_THAT(verdicts(assess(tree.host()), id), ElementsAre("containerd: pass"));
    tree.fifo("etc/containerd.env");
    EXPECT_THAT(verdicts(assess(tree.host()), id), ElementsAre("containerd: unknown"));
    tree.remove("etc/containerd.env");
    EXPECT_EQ(verdicts(assess(tree.live_host()), id).back(), "containerd: unknown") << "no /proc";
    tree.write("etc/containerd/config.toml",
               "version = 2\nimports = [\"x.toml\"]\ndisabled_plugins = [\"io.containerd.grpc.v1.cri\"]\n");
    tree.write("etc/containerd/x.toml", "[");
    EXPECT_THAT(verdicts(assess(tree.host()), id), ElementsAre("containerd: unknown"));
}

// The containerd that runs below k3s is not the host's own.
TEST(CriDefaults, ARunningContainerdOfK3sSaysWhereItsFileIs) {
    const tests::Tree tree{{"etc/containerd/config.toml", open_plugin}, {"srv/c.toml", sound_plugin}};
    add_proc(tree);
    add_process(tree, {.pid = 5, .exe = "/usr/local/bin/k3s", .argv = {"/usr/local/bin/k3s", "server"}});
    for (const char* program : {"containerd", "k3s"}) {  // its link to the program, or that of the kernel
        add_process(tree,
                    {.pid = 6,
                     .exe = "/var/lib/rancher/k3s/data/x/bin/" + std::string(program),
                     .argv = {"containerd", "-c", "/srv/c.toml", "-a", "/run/k3s/containerd/containerd.sock"},
                     .parent = 5});
        EXPECT_THAT(verdicts(assess(tree.live_host()), id),
                    ElementsAre("kubelet: unknown", "containerd of k3s: pass"));
        EXPECT_THAT(verdicts(assess(tree.live_host()), "engine.rootful-daemon"),
                    ElementsAre("k3s: fail high"));
        tree.remove("proc/6");
    }
}

TEST(CriDefaults, CrioOnAnSelinuxHost) {
    const tests::Tree tree{{"usr/bin/crio", ""}, {"etc/selinux/config", "SELINUX=enforcing\n"}};
    EXPECT_THAT(verdicts(assess(tree.host()), id), ElementsAre("crio: fail high"));
    tree.write("etc/crio/crio.conf.d/10-x.conf",
               "[crio.runtime]\nselinux = true\nhostnetwork_disable_selinux = false\n");
    EXPECT_THAT(verdicts(assess(tree.host()), id), ElementsAre("crio: pass"));
    tree.write("etc/crio/crio.conf.d/20-y.conf", "[crio.runtime]\nseccomp_profile = \"unconfined\"\n");
    EXPECT_THAT(verdicts(assess(tree.host()), id), ElementsAre("crio: fail high"));
    tree.fifo("etc/crio/crio.conf.d/20-y.conf");
    EXPECT_THAT(verdicts(assess(tree.host()), id), ElementsAre("crio: unknown"));
}

TEST(CriDefaults, TheKubeletsCommandLineCounts) {
    const tests::Tree tree{
        {"usr/bin/kubelet", ""},
        {"etc/k.yaml", "seccompDefault: true\n"},
        {"var/lib/kubelet/config.yaml", "seccompDefault: false\n"},
        {"usr/lib/systemd/system/kubelet.service",
         "[Service]\nEnvironment=\"ARGS=--config=/etc/k.yaml --v=2\"\nExecStart=/usr/bin/kubelet "
         "$ARGS\n"}};
    EXPECT_THAT(verdicts(assess(tree.host()), id), ElementsAre("kubelet: pass"));
    tree.write("etc/k.yaml", "seccompDefault: True # no\nx: [\n");
    EXPECT_THAT(verdicts(assess(tree.host()), id), ElementsAre("kubelet: unknown"));
    tree.write("etc/k.yaml", "seccompDefault: true\n");
    tree.write("etc/systemd/system/kubelet.service.d/x.conf",
               "[Service]\nEnvironmentFile=-/run/kubelet.env\n");
    EXPECT_THAT(verdicts(assess(tree.host()), id), ElementsAre("kubelet: unknown"));
    add_proc(tree);
    add_process(tree, {.pid = 5, .exe = "/usr/bin/kubelet", .argv = {"kubelet", "--seccomp-default=false"}});
    EXPECT_THAT(verdicts(assess(tree.live_host()), id), ElementsAre("kubelet: fail high"));
    EXPECT_THAT(verdicts(assess(tree.live_host(), {.require_seccomp_default = false}), id),
                ElementsAre("kubelet: pass"));
    tree.remove("proc/5");
    add_process(tree, {.pid = 5,
                       .exe = "/usr/bin/kubelet",
                       .argv = {"kubelet", "--config", "/etc/k.yaml", "--config-dir=/etc/k.d"}});
    tree.write("etc/k.d/90.conf", "seccompDefault: false\n");
    EXPECT_THAT(verdicts(assess(tree.live_host()), id), ElementsAre("kubelet: fail high"));
    tree.remove("etc/k.d/90.conf");
    tree.fifo("etc/k.d/90.conf");
    EXPECT_THAT(verdicts(assess(tree.live_host()), id), ElementsAre("kubelet: unknown"));
}

TEST(CriDefaults, PodsWithoutAProfileNeedOneFromSomewhere) {
    const tests::Tree tree{{"usr/bin/containerd", ""}, {"usr/bin/crictl", ""}};
    EXPECT_THAT(verdicts(assess(tree.host()), id), ElementsAre("containerd: fail high"));
    tree.write(
        "etc/containerd/config.toml",
        "version = 3\n[plugins.'io.containerd.cri.v1.runtime']\nunset_seccomp_profile = \"/p.json\"\n");
    EXPECT_THAT(verdicts(assess(tree.host()), id), ElementsAre("containerd: pass"));
    tree.write("etc/containerd/config.toml",
               "version = 3\n[plugins.'io.containerd.cri.v1.runtime']\nunset_seccomp_profile = 1\n");
    EXPECT_THAT(verdicts(assess(tree.host()), id), ElementsAre("containerd: fail high"));
}

TEST(CriDefaults, ConfDHasToBeRightWhetherItCountsOrNot) {
    const tests::Tree tree{
        {"usr/bin/kubelet", ""},
        {"usr/bin/containerd", ""},
        {"var/lib/kubelet/config.yaml", "seccompDefault: true\n"},
        {"etc/containerd/config.toml", "[plugins.\"io.containerd.grpc.v1.cri\"]\ndisable_apparmor = true\n"},
        {"etc/containerd/conf.d/a.toml",
         "[plugins.\"io.containerd.grpc.v1.cri\"]\ndisable_apparmor = false\n"}};
    EXPECT_THAT(verdicts(assess(tree.host()), id), ElementsAre("kubelet: pass", "containerd: fail high"));
    tree.write("etc/containerd/config.toml", "");
    EXPECT_THAT(verdicts(assess(tree.host()), id), ElementsAre("kubelet: pass", "containerd: pass"));
    tree.write("etc/containerd/conf.d/a.toml",
               "[plugins.\"io.containerd.grpc.v1.cri\"]\ndisable_apparmor = true\n");
    EXPECT_THAT(verdicts(assess(tree.host()), id), ElementsAre("kubelet: pass", "containerd: fail high"));
}

TEST(CriDefaults, StrictKeepsTheHostsDevicesFromPrivilegedPods) {
    const tests::Tree tree{{"usr/bin/kubelet", ""},
                           {"usr/bin/containerd", ""},
                           {"var/lib/kubelet/config.yaml", "seccompDefault: true\n"}};
    const Params strict{.require_cri_hardening = true};
    EXPECT_THAT(verdicts(assess(tree.host()), id), ElementsAre("kubelet: pass", "containerd: pass"));
    EXPECT_THAT(verdicts(assess(tree.host(), strict), id),
                ElementsAre("kubelet: pass", "containerd: fail high"));
    const std::string runc =
        "[plugins.\"io.containerd.grpc.v1.cri\".containerd.runtimes.runc]\n"
        "privileged_without_host_devices = true\n";
    tree.write("etc/containerd/config.toml", runc);
    EXPECT_THAT(verdicts(assess(tree.host(), strict), id), ElementsAre("kubelet: pass", "containerd: pass"));
    tree.write(
        "etc/containerd/config.toml",
        runc + "[plugins.\"io.containerd.grpc.v1.cri\".containerd.runtimes.kata]\nruntime_type = \"x\"\n");
    EXPECT_THAT(verdicts(assess(tree.host(), strict), id),
                ElementsAre("kubelet: pass", "containerd: fail high"));
    tree.write("etc/containerd/config.toml",
               runc + "privileged_without_host_devices_all_devices_allowed = true\n");
    EXPECT_THAT(verdicts(assess(tree.host(), strict), id),
                ElementsAre("kubelet: pass", "containerd: fail high"));
}

constexpr const char* hardened_crio =
    "[crio.runtime]\nread_only = true\npids_limit = 1024\nminimum_mappable_uid = 100000\n"
    "minimum_mappable_gid = 100000\n";

TEST(CriDefaults, StrictHardensCrio) {
    const Params strict{.require_cri_hardening = true};

    struct Case {
        const char* more;
        const char* policy;
        const char* expected;
    };

    constexpr const char* reject = R"({"default":[{"type":"reject"}]})";
    const Case cases[] = {
        {"", reject, "crio: pass"},
        {"", R"({"default":[{"type":"insecureAcceptAnything"}]})", "crio: fail high"},
        {"", R"({"default":[]})", "crio: pass"},
        {"", "{}", "crio: fail high"},
        {"", "{", "crio: fail high"},
        {"", nullptr, "crio: fail high"},
        {"read_only = false\n", reject, "crio: fail high"},
        {"read_only = \"true\"\n", reject, "crio: fail high"},
        {"pids_limit = -1\n", reject, "crio: fail high"},
        {"pids_limit = 0\n", reject, "crio: fail high"},
        {"minimum_mappable_uid = -1\n", reject, "crio: fail high"},
        {"minimum_mappable_gid = 1000\n", reject, "crio: fail high"},
        {"[crio.image]\nsignature_policy = \"/etc/none.json\"\n", reject, "crio: fail high"},
        {"[crio.image]\nsignature_policy = \"none.json\"\n", reject, "crio: unknown"},
    };
    for (const Case& c : cases) {
        const tests::Tree tree{{"usr/bin/crio", ""},
                               {"etc/crio/crio.conf", hardened_crio},
                               {"etc/crio/crio.conf.d/50.conf", "[crio.runtime]\n" + std::string(c.more)}};
        if (c.policy != nullptr)
            tree.write("etc/containers/policy.json", c.policy);
        EXPECT_THAT(verdicts(assess(tree.host()), id), ElementsAre("crio: pass")) << c.more;
        EXPECT_THAT(verdicts(assess(tree.host(), strict), id), ElementsAre(c.expected))
            << c.more << (c.policy != nullptr ? c.policy : "none");
    }
    const tests::Tree tree{{"usr/bin/crio", ""}, {"etc/crio/crio.conf", hardened_crio}};
    tree.fifo("etc/containers/policy.json");
    EXPECT_THAT(verdicts(assess(tree.host(), strict), id), ElementsAre("crio: unknown"));
}

TEST(CriDefaults, CriosCommandLineAndTypesCount) {
    struct Case {
        const char* unit;
        const char* conf;
        const char* expected;
    };

    const Case cases[] = {
        {"ExecStart=/usr/bin/crio", "", "crio: pass"},
        {"ExecStart=/usr/bin/crio --seccomp-profile=unconfined", "", "crio: fail high"},
        {"ExecStart=/usr/bin/crio --insecure-registry r", "", "crio: fail high"},
        {"Environment=CONTAINER_APPARMOR_PROFILE=unconfined\nExecStart=/usr/bin/crio", "", "crio: fail high"},
        {"EnvironmentFile=-/etc/sysconfig/crio-%i\nExecStart=/usr/bin/crio", "", "crio: unknown"},
        {"ExecStart=/usr/bin/crio --config /etc/c.toml", "", "crio: fail high"},
        {"ExecStart=/usr/bin/crio --config %E/c.toml", "", "crio: unknown"},
        {"ExecStart=/usr/bin/crio --config-dir c.d", "", "crio: unknown"},
        {"Environment=CONTAINER_CONFIG=c.toml\nExecStart=/usr/bin/crio", "", "crio: unknown"},
        {"ExecStart=/usr/bin/crio", "[crio.runtime]\nseccomp_profile = 1\n", "crio: fail high"},
        {"ExecStart=/usr/bin/crio", "[crio.runtime]\nseccomp_use_default_when_empty = false\n",
         "crio: fail high"},
        {"ExecStart=/usr/bin/crio", "[crio.image]\ninsecure_registries = \"r\"\n", "crio: fail high"},
    };
    for (const Case& c : cases) {
        const tests::Tree tree{
            {"etc/crio/crio.conf", c.conf},
            {"etc/c.toml", "[crio.image]\ninsecure_registries = [\"r\"]\n"},
            {"usr/lib/systemd/system/crio.service", "[Service]\n" + std::string(c.unit) + "\n"}};
        EXPECT_THAT(verdicts(assess(tree.host()), id), ElementsAre(c.expected)) << c.unit << c.conf;
    }
}

}  // namespace
