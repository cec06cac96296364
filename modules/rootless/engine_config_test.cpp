// SPDX-License-Identifier: Apache-2.0
// containers.conf.effective, containers.conf.baseline, storage.conf.
#include "modules/rootless/engine_config.hpp"

#include "modules/rootless/testing/environment_cases.hpp"

namespace plimsoll::modules::rootless {
namespace {

using policy::Status;
using Judge = Judged<EngineConfig>;

constexpr std::string_view effective = "containers.conf.effective";
constexpr std::string_view baseline = "containers.conf.baseline";
constexpr std::string_view storage = "storage.conf";

constexpr std::string_view passwd = "root:x:0:0::/root:/bin/sh\nalice:x:1000:1000::/home/alice:/bin/sh\n";
constexpr const char* etc = "etc/containers/containers.conf";
constexpr const char* alices = "home/alice/.config/containers/containers.conf";

void install_podman(const tests::Tree& tree, std::string_view version) {
    tree.write("var/lib/dpkg/status",
               "Package: podman\nStatus: install ok installed\nVersion: " + std::string(version) + "\n\n");
    tree.write("usr/bin/podman", "", 0755);
}

struct Host {
    explicit Host(std::string_view version = "5.4.2+ds1-2") : tree{{"etc/passwd", passwd}} {
        tree.write("etc/subuid", "alice:100000:65536\n");
        if (!version.empty())
            install_podman(tree, version);
    }

    void conf(std::string_view text) const { tree.write(etc, text); }

    Judge judge(EngineConfigParams params = {}, policy::Provision provision = {}) {
        return {tree, false, std::move(params), std::move(provision)};
    }

    tests::Tree tree;
};

// ---- containers.conf.effective ----

TEST(Effective, NotApplicableWithoutPodmanAndFiles) {
    tests::Tree tree{{"etc/passwd", passwd}};
    for (const auto control : {effective, baseline, storage})
        EXPECT_EQ((Judge{tree}.status(control)), "not-applicable") << control;
    tree.write(etc, "");
    for (const auto control : {effective, baseline, storage})
        EXPECT_EQ((Judge{tree}.status(control)), "pass") << control;
}

TEST(Effective, PassNamesTheOriginOfEveryKey) {
    Host h;
    h.conf("[containers]\nnetns = \"private\"\n");
    h.tree.write(alices, "[containers]\nnetns = \"pasta\"\n");
    const auto f = h.judge().of(effective, "alice");
    EXPECT_EQ(f.status, Status::pass) << f.message;
    ASSERT_EQ(f.evidence.size(), 1u);
    EXPECT_EQ(f.evidence[0].source, "/" + std::string(alices) + ":2");
    EXPECT_EQ(f.evidence[0].found, "containers.netns = \"pasta\"");
}

TEST(Effective, WhatPodmanRefusesFailsByFileAndLine) {
    struct Case {
        const char* name;
        const char* text;
        const char* source;
    };

    for (const Case& c : {Case{"not TOML", "[containers]\nnetns = host\n", ":2"},
                          Case{"a boolean as a string", "[containers]\nprivileged = \"true\"\n", ":2"},
                          Case{"an array as a string", "[containers]\nvolumes = \"/:/h\"\n", ":2"},
                          Case{"both cases", "[containers]\nlabel = true\nLabel = false\n", ":3"},
                          Case{"not UTF-8", "[containers]\nnetns = \"\xff\"\n", ""}}) {
        Host h;
        h.tree.write(alices, c.text);
        h.judge().expect_by_hand(effective, "alice", "/" + std::string(alices) + c.source);
        EXPECT_EQ(h.judge().status(effective, "root"), "pass") << c.name;
        EXPECT_NE(h.judge().status(baseline, "alice"), "pass") << c.name;
    }
}

TEST(Effective, OverridesOfPolicyKeysFailWhenThePolicySaysSo) {
    Host h;
    h.conf("[containers]\npids_limit = 100\n");
    h.tree.write(alices, "[containers]\npids_limit = 4000\n");
    EXPECT_EQ(h.judge().status(effective, "alice"), "pass");
    EngineConfigParams strict;
    strict.allow_user_overrides = false;
    h.judge(strict).expect_by_hand(effective, "alice", "/" + std::string(alices) + ":2");
    Table section;
    section.set("pids_limit", 100);
    policy::Provision provision;
    provision.containers_conf.emplace().set("containers", Value(section));
    h.judge({}, provision).expect_by_hand(effective, "alice", "/" + std::string(alices) + ":2");
}

TEST(Effective, InPodman6AUsersMainFileHidesTheSystems) {
    Host h("6.0.1-1");
    h.conf("[containers]\npids_limit = 100\n");
    h.tree.write(alices, "[containers]\nlabel = true\n");
    EngineConfigParams strict;
    strict.allow_user_overrides = false;
    EXPECT_EQ(h.judge(strict).status(effective, "alice"), "fail");
    h.tree.write(alices, "[containers]\npids_limit = 100\n");
    EXPECT_EQ(h.judge(strict).status(effective, "alice"), "pass");
}

TEST(Effective, VariablesThatMoveTheConfigurationFailAndLeaveTheBaselineUnknown) {
    for (const char* file :
         {"etc/environment", "etc/environment.d/a.conf", "home/alice/.config/environment.d/a.conf"}) {
        Host h;
        h.tree.write(file, "# c\nCONTAINERS_CONF=/tmp/x\n");
        h.judge().expect_by_hand(effective, "alice", std::string("/") + file + ":2");
        EXPECT_EQ(h.judge().status(baseline, "alice"), "unknown");
    }
    for (const char* value : {"$HOME/.config", "\"${HOME}/.config\"", "/home/alice/.config"}) {
        Host h;
        h.tree.write("etc/environment", "XDG_CONFIG_HOME=" + std::string(value) + "\nPATH=/bin\n");
        EXPECT_EQ(h.judge().status(effective, "alice"), "pass") << value;
    }
}

TEST(Effective, VariablesOfManagersAndShellsCountToo) {
    struct Case {
        const char* file;
        const char* text;
    };

    for (const Case& c :
         {Case{"etc/systemd/system/user@.service.d/a.conf",
               "[Service]\nEnvironment=A=b CONTAINERS_CONF=/x\n"},
          Case{"etc/systemd/system/user@1000.service.d/a.conf",
               "[Service]\nEnvironment=STORAGE_DRIVER=vfs\n"},
          Case{"etc/systemd/user.conf", "[Manager]\nDefaultEnvironment=CONTAINERS_HELPER_BINARY_DIR=/tmp\n"},
          Case{"etc/profile.d/a.sh", "#\nexport STORAGE_OPTS=x\n"},
          Case{"home/alice/.profile", "#\nexport CONTAINERS_STORAGE_CONF=/x\n"}}) {
        Host h;
        h.tree.write("usr/lib/systemd/system/user@.service", "[Service]\n");
        h.tree.write(c.file, c.text);
        h.judge().expect_by_hand(effective, "alice", std::string("/") + c.file + ":2");
    }
    Host other;
    other.tree.write("usr/lib/systemd/system/user@.service", "[Service]\n");
    other.tree.write("etc/systemd/system/user@1001.service.d/a.conf",
                     "[Service]\nEnvironment=CONTAINERS_CONF=/x\n");
    EXPECT_EQ(other.judge().status(effective, "alice"), "pass") << "somebody else's";
    other.tree.fifo("home/alice/.profile");
    EXPECT_EQ(other.judge().status(effective, "host"), "unknown");
}

TEST(Effective, VariablesOfSystemServicesCountForWhomTheyRunAs) {
    struct Case {
        const char* file;
        const char* text;  // the variable in the second line
        const char* who;   // nullptr: nobody
    };

    for (const Case& c :
         {Case{"etc/systemd/system/web.service",
               "[Service]\nEnvironment=A=b CONTAINERS_CONF=/x\nExecStart=podman run web\n", "root"},
          Case{"usr/lib/systemd/system/web.service",
               "[Service]\nEnvironment=STORAGE_DRIVER=vfs\nExecStart=/usr/bin/podman start web\n", "root"},
          Case{"etc/systemd/system/web.service",
               "[Service]\nEnvironment=XDG_CONFIG_HOME=/x\nExecStart=sh -c 'exec podman run web'\n", "root"},
          Case{"etc/systemd/system/web.service",
               "[Service]\nEnvironmentFile=/etc/web.env\nExecStart=podman run web\n", "root"},
          Case{"etc/systemd/system/web.service",
               "[Service]\nExecStart=/usr/bin/env CONTAINERS_CONF=/x podman run web\n", "root"},
          Case{"etc/systemd/system/web.service",
               "[Service]\nEnvironment=CONTAINERS_CONF=/x\nExecStart=/usr/local/bin/script\n", "root"},
          Case{"etc/systemd/system/podman.service.d/a.conf", "[Service]\nEnvironment=CONTAINERS_CONF=/x\n",
               "root"},
          Case{"etc/systemd/system/web.service",
               "[Service]\nEnvironment=CONTAINERS_CONF=/x\nExecStart=podman run web\nUser=alice\n", "alice"},
          Case{"etc/systemd/system/web.service",
               "[Service]\nEnvironment=CONTAINERS_CONF=/x\nExecStart=podman run web\nUser=1000\n", "alice"},
          Case{"etc/systemd/system/web.service",
               "[Service]\nEnvironment=CONTAINERS_CONF=/x\nExecStart=podman run web\nUser=%i\n", "root"},
          Case{"etc/containers/systemd/web.container", "[Service]\nEnvironment=CONTAINERS_CONF=/x\n", "root"},
          Case{"etc/systemd/system.conf", "[Manager]\nDefaultEnvironment=CONTAINERS_CONF=/x\n", "root"},
          Case{"etc/systemd/system.conf", "[Manager]\nDefaultEnvironment=CONTAINERS_CONF=/x\n", "alice"},
          Case{"etc/systemd/system/web.service",
               "[Service]\nExecStart=podman run -e XDG_CONFIG_HOME=/x web\n", nullptr},
          Case{"etc/systemd/system/web.service",
               "[Service]\nEnvironment=XDG_CONFIG_HOME=/x\nExecStart=/usr/bin/web\n", nullptr},
          Case{"etc/systemd/system/crio.service",
               "[Service]\nEnvironment=CONTAINERS_CONF=/x\nExecStart=/usr/bin/crio\n", nullptr},
          Case{"etc/containers/systemd/web.container", "[Container]\nEnvironment=CONTAINERS_CONF=/x\n",
               nullptr}}) {
        Host h;
        h.tree.write("usr/lib/systemd/system/podman.service",
                     "[Service]\nExecStart=/usr/bin/podman system service\n");
        h.tree.write("etc/web.env", "CONTAINERS_CONF=/x\n");
        h.tree.write(c.file, c.text);
        if (c.who != nullptr)
            h.judge().expect_by_hand(effective, c.who, std::string("/") + c.file + ":2");
        const std::string_view who = c.who != nullptr ? c.who : "";
        if (who != "root" && std::string_view(c.file) != "etc/systemd/system.conf") {
            EXPECT_EQ(h.judge().status(effective, "root"), "pass") << c.text;
        }
        if (who != "alice" && std::string_view(c.file) != "etc/systemd/system.conf") {
            EXPECT_EQ(h.judge().status(effective, "alice"), "pass") << c.text;
        }
    }
    Host masked;
    masked.tree.write("usr/lib/systemd/system/web.service",
                      "[Service]\nEnvironment=CONTAINERS_CONF=/x\nExecStart=podman run web\n");
    masked.tree.link("etc/systemd/system/web.service", "/dev/null");
    EXPECT_EQ(masked.judge().status(effective, "root"), "pass");
    masked.tree.remove("etc/systemd/system/web.service");
    masked.tree.fifo("etc/systemd/system/web.service");
    EXPECT_EQ(masked.judge().status(effective, "host"), "unknown");
    masked.tree.remove("etc/systemd/system/web.service");
    masked.tree.write("etc/systemd/system/web.service",
                      "[Service]\nEnvironmentFile=/etc/%i.env\nExecStart=podman run web\n");
    EXPECT_EQ(masked.judge().status(effective, "host"), "unknown");
}

TEST(Storage, IsUnknownWhereAVariableOverrulesTheFiles) {
    for (const char* name :
         {"STORAGE_DRIVER", "STORAGE_OPTS", "CONTAINERS_STORAGE_CONF", "XDG_CONFIG_HOME"}) {
        Host h;
        h.tree.write("home/alice/.config/environment.d/a.conf", std::string(name) + "=/x\n");
        EXPECT_EQ(h.judge().status(storage, "alice"), "unknown") << name;
        EXPECT_EQ(h.judge().status(storage, "root"), "pass") << name;
        EXPECT_EQ(h.judge().status(baseline, "alice"),
                  std::string_view(name) == "XDG_CONFIG_HOME" ? "unknown" : "pass")
            << name;
    }
    Host h;
    h.tree.write("etc/containers/storage.conf",
                 "[storage]\ndriver = \"overlay\"\n[storage.options]\n"
                 "ignore_chown_errors = \"true\"\n");
    h.tree.write("etc/environment", "STORAGE_DRIVER=vfs\n");
    h.judge().expect_by_hand(effective, "alice", "/etc/environment:1");
    EXPECT_EQ(h.judge().status(storage, "alice"), "fail") << "what is wrong in the files stays wrong";
}

TEST(Effective, WhatCannotBeReadIsUnknownForEveryControl) {
    Host h;
    h.tree.fifo(alices);
    EXPECT_EQ(h.judge().status(effective, "alice"), "unknown");
    EXPECT_EQ(h.judge().status(baseline, "alice"), "unknown");
    EXPECT_EQ(h.judge().status(baseline, "root"), "pass");
    Host accounts;
    accounts.tree.remove("etc/passwd");
    accounts.tree.fifo("etc/passwd");
    for (const auto control : {effective, baseline, storage})
        EXPECT_EQ(accounts.judge().status(control, "users"), "unknown") << control;
}

TEST(Effective, WithoutAVersionAVerdictMustHoldInEveryLayering) {
    Host h("");
    h.tree.write("usr/bin/podman", "");
    h.conf("[containers]\nnetns = \"host\"\n");
    EXPECT_EQ(h.judge().status(baseline, "alice"), "fail");
    // Up to podman 5 the two merge; podman 6 reads the user's file only.
    h.tree.write(alices, "[containers]\nlabel = true\n");
    EXPECT_EQ(h.judge().status(baseline, "alice"), "unknown");
    install_podman(h.tree, "5.4.2");
    EXPECT_EQ(h.judge().status(baseline, "alice"), "fail");
    install_podman(h.tree, "6.0.0");
    EXPECT_EQ(h.judge().status(baseline, "alice"), "pass");
}

// ---- containers.conf.baseline ----

struct KeyCase {
    const char* line;  // below [containers] unless it has a section of its own
    bool fixable;
};

const KeyCase bad_lines[] = {
    {"[containers]\ndefault_capabilities = [\"CHOWN\", \"NET_RAW\"]", true},
    {"[containers]\ndefault_capabilities = [\"cap_sys_admin\"]", true},
    {"[containers]\nlabel = false", true},
    {"[containers]\nprivileged = true", true},
    {"[CONTAINERS]\nPRIVILEGED = true", true},
    {"[containers]\npids_limit = 0", true},
    {"[containers]\npids_limit = -1", true},
    {"[containers]\nnetns = \"host\"", true},
    {"[containers]\npidns = \"host\"", true},
    {"[containers]\nipcns = \"host\"", true},
    {"[containers]\nutsns = \"host\"", true},
    {"[containers]\ncgroupns = \"host\"", true},
    {"[containers]\ncgroups = \"disabled\"", true},
    {"[containers]\nenv_host = true", true},
    {"[containers]\nkeyring = false", true},
    {"[containers]\numask = \"0000\"", true},
    {"[containers]\numask = \"002\"", true},
    {"[containers]\numask = \"\"", true},
    {"[containers]\nvolumes = [\"/:/host\"]", true},
    {"[containers]\nvolumes = [\"/run/../run/podman/podman.sock:/s\"]", true},
    {"[containers]\nvolumes = [\"/etc/:/e:ro\"]", true},
    {"[containers]\nmounts = [\"type=bind,source=/proc/sys,dst=/p\"]", true},
    {"[containers]\ndevices = [\"/dev/sda1\"]", true},
    {"[engine]\nno_pivot_root = true", true},
    {"[engine]\ncompat_api_enforce_docker_hub = false", true},
    {"[engine]\nhooks_dir = [\"/srv/hooks\"]", true},
    {"[engine.runtimes]\ncrun = [\"/srv/hooks/crun\"]", false},
    {"[engine]\nruntime = \"/srv/hooks/crun\"", false},
    {"[engine]\nconmon_path = [\"/srv/hooks/crun\"]", false},
    {"[engine]\nhelper_binaries_dir = [\"/usr/libexec/podman\", \"/srv/hooks\"]", true},
    {"[engine]\nhelper_binaries_dir = [\"/srv/hooks\"]", false},
    {"[engine]\nnetwork_cmd_path = \"/srv/hooks/crun\"", false},
    {"[containers]\ninit_path = \"/srv/hooks/crun\"", false},
    {"[network]\nnetavark_plugin_dirs = [\"/srv/hooks\"]", false},
    {"[containers]\nnetns = \"ns:/proc/1/ns/net\"", true},
    {"[containers]\npidns = \"ns:/proc/1/ns/pid\"", true},
    {"[containers]\nmounts = [\"type=glob,src=/e*,dst=/e\"]", true},
    {"[containers]\nmounts = [\"type=bind,\\\"src=/etc\\\",dst=/e\"]", true},
    {"[containers]\napparmor_profile = \"none-such\"", false},
    {"[containers]\napparmor_profile = \"unconfined\"", false},
    {"[containers]\nseccomp_profile = \"unconfined\"", true},
    {"[containers]\nseccomp_profile = \"/none.json\"", true},
    {"[containers]\nseccomp_profile = \"/srv/open.json\"", true},
    {"[containers]\nseccomp_profile = \"/srv/broken.json\"", true},
    {"[containers]\ndefault_host_ips = [\"0.0.0.0\"]", false},
    {"[containers]\nno_new_privileges = true", false},
};

void add_targets(const tests::Tree& tree) {
    tree.directory("srv/hooks", 0777);
    tree.write("srv/hooks/crun", "", 0755);
    tree.write("srv/open.json", R"({"defaultAction": "SCMP_ACT_ALLOW"})");
    tree.write("srv/broken.json", "{");
    tree.write("usr/share/containers/seccomp.json", R"({"defaultAction": "SCMP_ACT_ERRNO"})");
}

TEST(Baseline, EveryBadLineFailsByFileAndLineAndIsFixedWhereItCanBe) {
    for (const KeyCase& c : bad_lines) {
        Host h;
        add_targets(h.tree);
        h.conf(std::string(c.line) + "\n");
        SCOPED_TRACE(c.line);
        if (c.fixable)
            h.judge().expect_fixed(baseline, "alice");
        else
            h.judge().expect_by_hand(baseline, "alice", "/" + std::string(etc) + ":2");
        const auto f = h.judge().of(baseline, "alice");
        ASSERT_FALSE(f.evidence.empty());
        EXPECT_EQ(f.evidence[0].source, "/" + std::string(etc) + ":2");
    }
}

TEST(Baseline, AUsersOwnLineIsNotFixedFromEtc) {
    for (const KeyCase& c : bad_lines) {
        Host h;
        add_targets(h.tree);
        h.tree.write(alices, std::string(c.line) + "\n");
        SCOPED_TRACE(c.line);
        h.judge().expect_by_hand(baseline, "alice", "/" + std::string(alices) + ":2");
        EXPECT_EQ(h.judge().status(baseline, "root"), "pass");
    }
}

TEST(Baseline, GoodLinesPass) {
    for (const char* line :
         {"[containers]\ndefault_capabilities = []",
          "[containers]\ndefault_capabilities = [\"CAP_CHOWN\", \"kill\"]",
          "[containers]\nnetns = \"private\"", "[containers]\numask = \"0077\"",
          "[containers]\npids_limit = 1", "[containers]\nvolumes = [\"data:/data\", \"/srv/www:/www:ro\"]",
          "[containers]\nuserns = \"host\"", "[containers]\nseccomp_profile = \"\"",
          "[engine]\nruntime = \"crun\"", "[engine]\nconmon_path = [\"/usr/bin/conmon\"]",
          "[containers]\napparmor_profile = \"web\"",
          "[containers]\napparmor_profile = \"containers-default-0.60\"",
          "[containers]\nmounts = [\"type=glob,src=/srv/web/*,dst=/w\"]",
          "[engine]\nhooks_dir = [\"/usr/share/hooks\"]", "[containers]\nmounts = [\"type=tmpfs,dst=/t\"]",
          "[containers]\ndefault_host_ips = [\"127.0.0.1\"]"}) {
        Host h;
        add_targets(h.tree);
        h.tree.directory("usr/share/hooks");
        h.tree.write("etc/apparmor.d/web",
                     "# profile\nprofile web flags=(attach_disconnected) {\n file,\n}\n");
        h.conf(std::string(line) + "\n");
        EXPECT_EQ(h.judge().status(baseline, "alice"), "pass") << line;
    }
}

TEST(Baseline, ProgramsInAHomeAreThatUsersOnly) {
    Host h;
    h.tree.directory("home/alice/bin");
    for (const char* dir : {"home/alice", "home/alice/bin"})
        ASSERT_EQ(::chown(h.tree.path(dir).c_str(), 1000, 1000), 0);
    for (const char* line :
         {"conmon_path = [\"/home/alice/bin/conmon\"]", "runtime = \"/home/alice/bin/crun\"",
          "helper_binaries_dir = [\"/home/alice/bin\"]"}) {
        h.conf("[engine]\n" + std::string(line) + "\n");
        EXPECT_EQ(h.judge().status(baseline, "root"), "fail") << line;
        EXPECT_EQ(h.judge().status(baseline, "alice"), "pass") << line;
    }
}

TEST(Baseline, DirectoriesOfHooksCountWhenNoFileNamesThem) {
    Host h;
    h.tree.directory("etc/containers/oci/hooks.d");
    EXPECT_EQ(h.judge().status(baseline, "root"), "pass");
    h.tree.directory("etc/containers/oci/hooks.d", 0777);
    h.judge().expect_by_hand(baseline, "root", "podman's default");
    h.conf("[engine]\nhooks_dir = []\n");
    EXPECT_EQ(h.judge().status(baseline, "root"), "pass");
}

TEST(Baseline, AnAppArmorProfileHasToExist) {
    Host h;
    h.conf("[containers]\napparmor_profile = \"web\"\n");
    EXPECT_EQ(h.judge().status(baseline, "root"), "fail");
    h.tree.write("etc/apparmor.d/usr.bin.web", "/usr/bin/web {\n}\nprofile \"web\" {\n}\n");
    EXPECT_EQ(h.judge().status(baseline, "root"), "pass");
    h.tree.write("etc/apparmor.d/disable/usr.bin.web", "");
    EXPECT_EQ(h.judge().status(baseline, "root"), "fail");
    h.tree.write("sys/kernel/security/apparmor/profiles", "web (enforce)\nother (complain)\n");
    EXPECT_EQ(h.judge().status(baseline, "root"), "fail") << "an image has no kernel";
    auto live = h.judge();
    live.live = true;
    EXPECT_EQ(live.status(baseline, "root"), "pass");
    h.tree.remove("etc/apparmor.d");
    h.tree.link("etc/apparmor.d", "apparmor.d");
    EXPECT_EQ(h.judge().status(baseline, "root"), "unknown");
}

TEST(Baseline, TheDropInRepairsWhatSeveralFilesBreakAndKeepsWhatItRepairedBefore) {
    Host h;
    h.conf("[containers]\nnetns = \"host\"\nprivileged = true\n");
    h.tree.write("etc/containers/containers.conf.d/90-plimsoll-baseline.conf",
                 "[containers]\nnetns = \"private\"\n");
    const auto f = h.judge().of(baseline, "alice");
    ASSERT_TRUE(f.fix);
    ASSERT_EQ(f.fix->changes.size(), 1u);
    const auto& write = std::get<policy::WriteFile>(f.fix->changes[0]);
    EXPECT_NE(write.content.find("netns = \"private\""), std::string::npos) << write.content;
    EXPECT_NE(write.content.find("privileged = false"), std::string::npos) << write.content;
    h.judge().expect_fixed(baseline, "alice");
}

TEST(Baseline, ALaterDropInOfOthersIsLeftToAPerson) {
    Host h;
    h.tree.write("etc/containers/containers.conf.d/99-site.conf", "[containers]\nnetns = \"host\"\n");
    h.judge().expect_by_hand(baseline, "root", "/etc/containers/containers.conf.d/99-site.conf:2");
}

TEST(Baseline, WhatThePolicyProvisionsIsNotUndone) {
    Host h;
    h.conf("[containers]\nprivileged = true\n");
    Table section;
    section.set("privileged", true);
    policy::Provision provision;
    provision.containers_conf.emplace().set("containers", Value(section));
    h.judge({}, provision).expect_by_hand(baseline, "root", "/" + std::string(etc) + ":2");
}

TEST(Baseline, StricterParametersAskForMore) {
    Host h;
    EngineConfigParams params;
    params.read_only = true;
    params.separate_userns = true;
    h.judge(params).expect_fixed(baseline, "alice");
    h.conf("[containers]\nread_only = true\nuserns = \"keep-id\"\nvolumes = [\"/srv/a:/a\"]\n");
    EXPECT_EQ(h.judge(params).status(baseline, "alice"), "pass");
    params.allowed_mounts.clear();
    h.judge(params).expect_fixed(baseline, "alice");
    params.allowed_mounts = {"/srv/*"};
    EXPECT_EQ(h.judge(params).status(baseline, "alice"), "pass");
    h.conf("[containers]\nread_only = true\nuserns = \"auto\"\nvolumes = [\"/etc:/a\"]\n");
    params.allowed_mounts = {"/etc*"};
    EXPECT_EQ(h.judge(params).status(baseline, "alice"), "fail") << "a glob does not give the host away";
    params.allowed_mounts = {"/etc"};
    EXPECT_EQ(h.judge(params).status(baseline, "alice"), "pass");
}

TEST(Baseline, ASeccompProfileThatReplacesThePackagedOneIsNamed) {
    Host h;
    add_targets(h.tree);
    h.tree.write("etc/containers/seccomp.json", R"({"defaultAction": "SCMP_ACT_ERRNO", "syscalls": []})");
    EXPECT_EQ(h.judge().status(baseline, "alice"), "pass");
    EngineConfigParams strict;
    strict.seccomp_sha256.clear();
    h.judge(strict).expect_fixed(baseline, "alice");
    h.tree.write("etc/containers/seccomp.json", R"({"defaultAction": "SCMP_ACT_LOG"})");
    EXPECT_EQ(h.judge().status(baseline, "alice"), "fail");
    h.tree.remove("etc/containers/seccomp.json");
    h.tree.fifo("etc/containers/seccomp.json");
    EXPECT_EQ(h.judge().status(baseline, "alice"), "unknown");
}

TEST(Baseline, MirrorsFailUnlessThePolicyNamesThem) {
    constexpr std::string_view mirror =
        "[[registry]]\nlocation = \"docker.io\"\n[[registry.mirror]]\n"
        "location = \"mirror.example\"\n";
    for (const char* file : {"etc/containers/registries.conf", "etc/containers/registries.conf.d/m.conf"}) {
        Host h;
        h.tree.write(file, mirror);
        EXPECT_EQ(h.judge().status(baseline, "root"), "pass");
        EngineConfigParams strict;
        strict.allowed_mirrors.clear();
        h.judge(strict).expect_by_hand(baseline, "root", std::string("/") + file + ":4");
        strict.allowed_mirrors = {"mirror.example"};
        EXPECT_EQ(h.judge(strict).status(baseline, "root"), "pass");
    }
    Host h;
    const std::string mine = "home/alice/.config/containers/registries.conf";
    h.tree.write(mine, "[[registry]]\nprefix = \"docker.io\"\nLocation = \"evil.example\"\n");
    EngineConfigParams strict;
    strict.allowed_mirrors.clear();
    h.judge(strict).expect_by_hand(baseline, "alice", "/" + mine + ":3");
    h.tree.write(mine,
                 "[[registry]]\nlocation = \"a\"\n[[registry.mirror]]\nlocation = \"b\"\ninsecure = true\n");
    h.judge().expect_by_hand(baseline, "alice", "/" + mine + ":5");
    h.tree.write(mine, "[[registry\n");
    h.judge().expect_by_hand(baseline, "alice", "/" + mine + ":1");
    h.tree.remove(mine);
    h.tree.fifo(mine);
    EXPECT_EQ(h.judge().status(baseline, "alice"), "unknown");
}

TEST(Baseline, WhatAnOldPodmanDoesNotKnowIsNotRepairedWithIt) {
    Host h("4.3.1+ds1-8");
    EngineConfigParams params;
    params.read_only = true;
    h.judge(params).expect_by_hand(baseline, "root", "default");
    h.conf("[containers]\nread_only = true\n");
    h.judge(params).expect_by_hand(baseline, "root", "/etc/containers/containers.conf:2");
    h.conf("[containers]\nvolumes = [\"a:/a\", {append=true}]\n");
    h.judge().expect_by_hand(effective, "alice", "/etc/containers/containers.conf:2");
    install_podman(h.tree, "4.9.3");
    EXPECT_EQ(h.judge().status(effective, "alice"), "pass");
}

TEST(Baseline, AFullDirectoryOfRegistriesIsUnknown) {
    Host h;
    for (int i = 0; i < 300; ++i)
        h.tree.write("home/alice/.config/containers/registries.conf.d/" + std::to_string(i) + ".conf", "");
    EXPECT_EQ(h.judge().status(baseline, "alice"), "unknown");
    EXPECT_EQ(h.judge().status(baseline, "root"), "pass");
}

// ---- storage.conf ----

constexpr const char* system_storage = "etc/containers/storage.conf";

TEST(Storage, BadLinesOfTheSystemsFileAreEditedInPlace) {
    for (const char* line :
         {"[storage.options]\nignore_chown_errors = \"true\"",
          "[storage.options.overlay]\nignore_chown_errors=\"1\"",
          "[storage.options]\nignore_chown_errors = false",
          "[storage.options.overlay]\n  Force_Mask = \"shared\"",
          "[storage.options.overlay]\nforce_mask = \"0755\"",
          "[storage.options.pull_options]\ninsecure_allow_unpredictable_image_contents = \"true\""}) {
        SCOPED_TRACE(line);
        Host h;
        h.tree.write(system_storage, "# kept\n" + std::string(line) + "\r\n# also kept \n");
        h.judge().expect_fixed(storage, "root");
        const auto f = h.judge().of(storage, "root");
        const auto& write = std::get<policy::WriteFile>(f.fix->changes.at(0));
        EXPECT_TRUE(write.content.starts_with("# kept\n[storage")) << write.content;
        EXPECT_TRUE(write.content.ends_with("\"\r\n# also kept \n")) << write.content;
        EXPECT_EQ(f.evidence.at(0).source, "/" + std::string(system_storage) + ":3");
    }
}

TEST(Storage, WhatCouldLoseDataIsLeftToAPerson) {
    struct Case {
        const char* text;
        const char* place;
    };

    for (const Case& c :
         {Case{"[storage]\ndriver = \"vfs\"\n", ":2"},
          Case{"[storage.options]\nadditionalimagestores = [\"/srv/open\"]\n", ":2"},
          Case{"[storage.options.overlay]\nmount_program = \"/srv/open/fuse\"\n", ":2"},
          Case{"[storage.options.overlay]\nmount_program = \"fuse\"\n", ":2"},
          Case{"[storage.options]\npull_options = {insecure_allow_unpredictable_image_contents = \"true\"}\n",
               ":2"},
          Case{"[storage\n", ":1"}}) {
        Host h;
        h.tree.directory("srv/open", 0777);
        h.tree.write("srv/open/fuse", "", 0755);
        h.tree.write(system_storage, c.text);
        SCOPED_TRACE(c.text);
        h.judge().expect_by_hand(storage, "root", "/" + std::string(system_storage) + c.place);
    }
}

TEST(Storage, GoodFilesPassAndAUsersFileIsTheUsers) {
    Host h;
    h.tree.directory("srv/images");
    h.tree.write(system_storage,
                 "[storage]\ndriver = \"overlay\"\n[storage.options]\nignore_chown_errors = \"false\"\n"
                 "additionalimagestores = [\"/srv/images\"]\n[storage.options.overlay]\n"
                 "force_mask = \"private\"\nmount_program = \"\"\n");
    EXPECT_EQ(h.judge().status(storage, "root"), "pass");
    EXPECT_EQ(h.judge().status(storage, "alice"), "pass");
    EngineConfigParams strict;
    strict.allowed_image_stores.clear();
    h.judge(strict).expect_by_hand(storage, "root", "/" + std::string(system_storage) + ":5");
    const std::string mine = "home/alice/.config/containers/storage.conf";
    h.tree.write(mine, "[storage.options]\nignore_chown_errors = \"true\"\n");
    h.judge().expect_by_hand(storage, "alice", "/" + mine + ":2");
    EXPECT_EQ(h.judge().status(storage, "root"), "pass");
    h.tree.remove(mine);
    h.tree.fifo(mine);
    EXPECT_EQ(h.judge().status(storage, "alice"), "unknown");
}

TEST(Storage, GraphrootBelongsToItsOwnerAlone) {
    Host h;
    h.tree.directory("var/lib/containers/storage", 0711);
    EXPECT_EQ(h.judge().status(storage, "/var/lib/containers/storage"), "pass");
    h.tree.remove("var/lib/containers/storage");
    h.tree.directory("var/lib/containers/storage", 0777);
    h.judge().expect_fixed(storage, "/var/lib/containers/storage");
    const std::string mine = "/home/alice/.local/share/containers/storage";
    h.tree.directory(mine.substr(1), 0700);
    h.judge().expect_by_hand(storage, mine, mine);  // it is root's in this tree
}

}  // namespace
}  // namespace plimsoll::modules::rootless
