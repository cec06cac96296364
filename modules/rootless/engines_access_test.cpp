// SPDX-License-Identifier: Apache-2.0
// Who gets at a rootful engine's socket: by entries of group databases, and by what else says who owns it.
#include "modules/rootless/testing/engines_fixture.hpp"

#include <gmock/gmock.h>

namespace {
using namespace plimsoll;
using namespace plimsoll::modules::rootless;
using namespace plimsoll::modules::rootless::testing;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::UnorderedElementsAre;

constexpr std::string_view access_id = "engine.docker-socket-access";
constexpr const char* hash = "$y$j9T$F5Jx5fExrKuPp53xLKQ..1$X3DX6M94c7o.9agCG9G317fhZg9SqC.5i5rd.RhAtQ7";

// dockerd is there, and alice and bob are; bob's primary group has the gid 998.
void add_dockerd(const tests::Tree& tree) {
    tree.write("etc/passwd", accounts);
    tree.write("usr/bin/dockerd", "");
}

const policy::Finding& of_subject(const std::vector<policy::Finding>& all, std::string_view subject) {
    return *std::ranges::find(all, subject, &policy::Finding::subject);
}

TEST(GrantingGroup, EveryEntryWithItsGidGrants) {
    struct Case {
        const char* what;
        const char* etc;
        const char* usr_lib;
        const char* expected;
    };

    const Case cases[] = {
        {"another name", "docker:x:997:\nops:x:997:alice\n", "", "group docker: fail critical"},
        {"another name before it", "ops:x:997:alice\ndocker:x:997:\n", "", "group docker: fail critical"},
        {"the same name again", "docker:x:997:\ndocker:x:997:alice\n", "", "group docker: fail critical"},
        {"the same name, another gid: the first counts", "docker:x:997:\ndocker:x:996:alice\n", "",
         "group docker: pass"},
        {"a primary group by another name", "docker:x:998:\nbob:x:998:\n", "", "group docker: fail critical"},
        {"another gid", "docker:x:997:\nops:x:996:alice\n", "", "group docker: pass"},
        {"nss-altfiles alone", "root:x:0:\n", "docker:x:997:alice\n", "group docker: fail critical"},
        {"both, with one gid", "docker:x:997:\n", "docker:x:997:alice\n", "group docker: fail critical"},
        {"both, with two gids", "docker:x:997:\n", "docker:x:996:alice\n", "group docker: pass"},
        {"none", "", "", "group docker: pass"},
    };
    for (const Case& c : cases) {
        const tests::Tree tree{{"etc/group", c.etc}, {"usr/lib/group", c.usr_lib}};
        add_dockerd(tree);
        EXPECT_THAT(verdicts(assess(tree.host()), access_id), ElementsAre(c.expected)) << c.what;
        tree.write("etc/nsswitch.conf", "group: files [SUCCESS=merge] altfiles\n");
        EXPECT_THAT(verdicts(assess(tree.host()), access_id), ElementsAre(c.expected)) << c.what;
    }
}

TEST(GrantingGroup, ShadowedGroupsLetInWhomGpasswdAndNewgrpLetIn) {
    struct Case {
        const char* what;
        std::string group;
        std::string shadow;
        const char* expected;
    };

    const Case cases[] = {
        {"an administrator", "x", "docker:!:alice:\n", "group docker: fail critical"},
        {"a member by newgrp", "x", "docker:!::alice\n", "group docker: fail critical"},
        {"a password", "x", "docker:" + std::string(hash) + "::\n", "group docker: fail critical"},
        {"a password of old", "x", "docker:ab1ZFgvDjP0LM::\n", "group docker: fail critical"},
        {"a password in group", hash, "root:*::\n", "group docker: fail critical"},
        {"a password in group that newgrp does not take", hash, "docker:!::\n", "group docker: pass"},
        {"locked", "x", "docker:!" + std::string(hash) + "::\n", "group docker: pass"},
        {"locked by a star", "x", "docker:*::\n", "group docker: pass"},
        {"none, which keeps others out", "x", "docker:::\n", "group docker: pass"},
        {"short", "x", "docker:NP\n", "group docker: pass"},
        {"of another group", "x", "dockerx:!:alice:alice\nx:" + std::string(hash) + "::\n",
         "group docker: pass"},
        {"a second entry", "x", "docker:!::\ndocker:!:alice:alice\n", "group docker: pass"},
    };
    for (const Case& c : cases) {
        const tests::Tree tree{{"etc/group", "docker:" + c.group + ":997:\n"}, {"etc/gshadow", c.shadow}};
        add_dockerd(tree);
        EXPECT_THAT(verdicts(assess(tree.host()), access_id), ElementsAre(c.expected)) << c.what;
    }
}

TEST(GrantingGroup, WhatOnlyRootReadsIsNotForEverybody) {
    const tests::Tree tree{{"etc/group", "docker:x:997:\n"}, {"etc/gshadow", "docker:!:alice:bob\n"}};
    add_dockerd(tree);
    const auto findings = assess(tree.host());
    const auto& f = of_subject(findings, "group docker");
    EXPECT_EQ(f.message, "whom gshadow names can become root through the docker API");
    ASSERT_EQ(f.evidence.size(), 2U);
    for (const auto& e : f.evidence) {
        EXPECT_EQ(e.source, "/etc/gshadow:1");
        EXPECT_TRUE(e.sensitive);
    }
    EXPECT_THAT(verdicts(assess(tree.host(), {.allowed_members = {"alice", "bob"}}), access_id),
                ElementsAre("group docker: pass"));
}

TEST(GrantingGroup, WithoutGshadowItsAdministratorsAreUnknown) {
    const tests::Tree tree{{"etc/group", "docker:x:997:alice\n"}};
    add_dockerd(tree);
    tree.fifo("etc/gshadow");
    EXPECT_THAT(verdicts(assess(tree.host()), access_id), ElementsAre("group docker: fail critical"));
    EXPECT_THAT(verdicts(assess(tree.host(), {.allowed_members = {"alice"}}), access_id),
                ElementsAre("group docker: unknown"));
    tree.write("etc/group", "root:x:0:\n");
    EXPECT_THAT(verdicts(assess(tree.host()), access_id), ElementsAre("group docker: pass"));
}

TEST(GrantingGroup, AdministratorsOfAGroupThatGpasswdDoesNotEditAreNone) {
    const tests::Tree tree{{"usr/lib/group", "docker:x:997:\n"}, {"etc/gshadow", "docker:!:alice:\n"}};
    add_dockerd(tree);
    EXPECT_THAT(verdicts(assess(tree.host()), access_id), ElementsAre("group docker: pass"));
}

TEST(GrantingGroup, TheFixesConverge) {
    const std::string shadow = "root:*::\ndocker:" + std::string(hash) + ":alice:bob,carol\n";
    const tests::Tree tree{
        {"etc/group", "root:x:0:\ndocker:x:997:alice,carol\nzz:x:5:alice\ndocker:x:997:bob\n"},
        {"etc/gshadow", shadow}};
    add_dockerd(tree);
    add_docker(tree);
    expect_converges(tree, tree.host(), access_id, {.allowed_members = {"carol"}});
    // The members of another group are that group's: only the socket can be closed.
    tree.write("etc/group", "docker:x:997:\nops:x:997:alice\n");
    tree.remove("etc/gshadow");
    const auto findings = assess(tree.host());
    EXPECT_EQ(of_subject(findings, "group docker").fix->cls, policy::FixClass::service_restart);
    expect_converges(tree, tree.host(), access_id);
}

TEST(GrantingGroup, MembersMayComeFromRecords) {
    const tests::Tree tree{{"etc/group", "docker:x:997:\n"}, {"etc/userdb/alice:docker.membership", ""}};
    add_dockerd(tree);
    const auto findings = assess(tree.host());
    EXPECT_THAT(verdicts(findings, access_id), ElementsAre("group docker: fail critical"));
    EXPECT_TRUE(of_subject(findings, "group docker").fix->changes.empty());  // no line to edit
    add_docker(tree);
    expect_converges(tree, tree.host(), access_id);
}

TEST(GrantingGroup, OneGroupMayOpenTheSocketsOfTwoEngines) {
    const tests::Tree tree{
        {"etc/passwd", accounts},
        {"etc/group", "docker:x:997:\nops:x:997:alice\n"},
        {"usr/bin/podman", ""},
        {"usr/lib/systemd/system/podman.socket",
         "[Socket]\nListenStream=/run/podman/podman.sock\nSocketGroup=997\nSocketMode=0660\n"}};
    // Of docker, which is not installed, the group is only the name that dockerd would take.
    EXPECT_THAT(verdicts(assess(tree.host()), access_id), ElementsAre("group docker: fail critical"));
    add_docker(tree);
    expect_converges(tree, tree.host(), access_id);
}

TEST(GrantingGroup, SettingsNameItByNumberToo) {
    const tests::Tree tree{{"etc/group", "staff:x:996:alice\n"}};
    add_docker(tree);
    add_dockerd(tree);
    const auto with = [&](const std::string& group) {
        tree.write("etc/systemd/system/docker.socket.d/x.conf", "[Socket]\nSocketGroup=" + group + "\n");
        return verdicts(assess(tree.host()), access_id);
    };
    EXPECT_THAT(with("996"), Contains("group staff: fail critical"));
    EXPECT_THAT(with("998"), Contains("group gid 998: fail critical"));  // bob's
    EXPECT_THAT(with("995"), UnorderedElementsAre("group gid 995: pass", "docker.socket: pass"));
    EXPECT_THAT(with("0"), ElementsAre("docker.socket: pass"));
    EXPECT_THAT(with("nobodys"), UnorderedElementsAre("group nobodys: pass", "docker.socket: pass"));
    EXPECT_THAT(with("99999999999"), Contains("group 99999999999: pass"));
    EXPECT_THAT(with(""), ElementsAre("docker.socket: pass"));
}

TEST(GrantingGroup, SourcesThatFilesDoNotShowAreUnknown) {
    const tests::Tree tree{{"etc/group", "docker:x:997:\n"}};
    add_dockerd(tree);
    const auto with = [&](const std::string& line) {
        tree.write("etc/nsswitch.conf", line + "\n");
        return verdicts(assess(tree.host()), access_id);
    };
    for (const char* line : {"group:files ldap", "  group: files ldap # x", "initgroups: files ldap",
                             "group: files ldap[NOTFOUND=return]", "group: files[SUCCESS=merge]ldap"})
        EXPECT_THAT(with(line), ElementsAre("group docker: unknown")) << line;
    for (const char* line :
         {"group: files [SUCCESS=merge UNAVAIL=continue !TRYAGAIN=return] altfiles", "group: files # ldap",
          "hosts: ldap", "group files ldap", "group:", "group: [ldap"})
        EXPECT_THAT(with(line), ElementsAre("group docker: pass")) << line;
}

TEST(GrantingGroup, WhatCannotBeReadMayHideMembers) {
    struct Case {
        const char* what;
        const char* group;
        const char* file;
        const char* text;
        const char* expected;
    };

    const Case cases[] = {
        {"nothing", "docker:x:997:\n", "etc/x", "", "group docker: pass"},
        {"blanks before it", "  docker:x:997:alice\n", "etc/x", "", "group docker: fail critical"},
        {"a field too many", "docker:x:997:alice:bob\n", "etc/x", "", "group docker: unknown"},
        {"a field too few", "docker:x:997:\nops:x:997\n", "etc/x", "", "group docker: unknown"},
        {"the same in passwd", "docker:x:997:\n", "usr/lib/passwd", "carol:x:1002:997:\n",
         "group docker: unknown"},
        {"somebody all the same", "docker:x:997:alice\nops:x:997\n", "etc/x", "",
         "group docker: fail critical"},
        {"a torn record", "docker:x:997:\n", "etc/userdb/docker.group", "{", "group docker: unknown"},
        {"one of a user", "docker:x:997:\n", "var/lib/systemd/home/hugo.identity", "{",
         "group docker: unknown"},
        {"a service that is asked", "docker:x:997:\n", "run/systemd/userdb/org.example.Directory", "",
         "group docker: unknown"},
        {"hostile", "docker:x:997:\n\x1b[2J\n", "etc/x", "", "group docker: unknown"},
    };
    for (const Case& c : cases) {
        const tests::Tree tree{{"etc/group", c.group}, {"etc/nsswitch.conf", "group: files systemd\n"}};
        add_dockerd(tree);
        tree.write(c.file, c.text);
        EXPECT_THAT(verdicts(assess(tree.host()), access_id), ElementsAre(c.expected)) << c.what;
    }
}

TEST(GrantingGroup, WhoTookItForItsOwnHoldsIt) {
    const tests::Tree tree{{"etc/group", "docker:x:997:\nops:x:997:alice\n"}};
    add_dockerd(tree);
    add_proc(tree);
    add_process(tree, {.pid = 50, .exe = "/bin/bash", .uid = 1001, .groups = "1001"});
    tree.write("proc/50/status",
               "Name:\tbash\nPPid:\t1\nUid:\t1001\t1001\t1001\t1001\n"
               "Gid:\t1001\t997\t997\t997\nGroups:\t1001\n");
    EXPECT_THAT(
        verdicts(assess(tree.live_host()), access_id),
        UnorderedElementsAre("group docker: fail critical", "sessions with group docker: fail critical"));
}

TEST(GrantingGroup, OfASocketUnitCountsThoughDockerdMakesASocketOfItsOwn) {
    const tests::Tree tree{
        {"etc/group", "docker:x:997:\nstaff:x:996:alice\n"},
        {"etc/systemd/system/docker.socket.d/x.conf", "[Socket]\nSocketGroup=staff\n"},
        {"etc/systemd/system/docker.service.d/x.conf",
         "[Service]\nExecStart=\nExecStart=/usr/bin/dockerd -H fd:// -H unix:///run/docker.sock\n"}};
    add_docker(tree);
    add_dockerd(tree);
    EXPECT_THAT(
        verdicts(assess(tree.host()), access_id),
        UnorderedElementsAre("group docker: pass", "group staff: fail critical", "docker.socket: pass"));
    expect_converges(tree, tree.host(), access_id);
}

TEST(GrantingGroup, OfEachCommandLineOfDockerdCounts) {
    const tests::Tree tree{{"etc/group", "docker:x:997:bob\nstaff:x:996:alice\nops:x:995:\n"}};
    add_dockerd(tree);
    const auto with = [&](const std::string& flags) {
        tree.write("usr/lib/systemd/system/docker.service", "[Service]\nExecStart=dockerd " + flags + "\n");
        return verdicts(assess(tree.host()), access_id);
    };
    EXPECT_THAT(with("-G ops"), ElementsAre("group ops: pass"));
    EXPECT_THAT(with("-G staff --group=ops"), ElementsAre("group ops: pass"));  // the last one wins
    EXPECT_THAT(with("--group=ops -G staff"), ElementsAre("group staff: fail critical"));
    tree.write("usr/lib/systemd/system/mine.service", "[Service]\nExecStart=/opt/dockerd --group staff\n");
    EXPECT_THAT(with("-G ops"), UnorderedElementsAre("group ops: pass", "group staff: fail critical"));
    tree.write("usr/lib/systemd/system/mine.service", "[Service]\nExecStart=/opt/dockerd --group root\n");
    EXPECT_THAT(with("-G ops"), ElementsAre("group ops: pass"));
}

TEST(GrantingGroup, ThatDockerdMayBeToldUnseenIsUnknown) {
    const tests::Tree tree{{"etc/group", "docker:x:997:\nstaff:x:996:alice\n"}};
    add_dockerd(tree);
    const auto with = [&](const std::string& lines) {
        tree.write("usr/lib/systemd/system/docker.service", "[Service]\n" + lines + "\n");
        return verdicts(assess(tree.host()), access_id);
    };
    EXPECT_THAT(with("ExecStart=dockerd"), ElementsAre("group docker: pass"));
    for (const char* lines : {"PassEnvironment=OPTS\nExecStart=dockerd $OPTS",
                              "ExecStart=/opt/start-docker.sh", "ExecStart=dockerd --config-file=%E/d.json"})
        EXPECT_THAT(with(lines), ElementsAre("group docker: pass", "dockerd: unknown")) << lines;
    tree.fifo("etc/docker/daemon.json");
    EXPECT_THAT(with("ExecStart=dockerd"), ElementsAre("group docker: pass", "dockerd: unknown"));
    // The socket is the unit's, whatever the file says.
    tree.remove("usr/lib/systemd/system/docker.service");
    add_docker(tree);
    EXPECT_THAT(verdicts(assess(tree.host()), access_id),
                UnorderedElementsAre("group docker: pass", "docker.socket: pass"));
}

TEST(GrantingGroup, IsAServicesToo) {
    struct Case {
        const char* lines;
        std::vector<std::string> expected;
    };

    const std::string has = "ci.service with group docker: fail critical";
    const Case cases[] = {
        {"User=alice\nGroup=docker\n", {has}},
        {"User=alice\nGroup=997\n", {has}},
        {"User=alice\nGroup=ops\n", {has}},  // with the same gid
        {"User=1000\nSupplementaryGroups=staff docker\n", {has}},
        {"User=alice\nSupplementaryGroups=staff\nSupplementaryGroups=docker\n", {has}},
        {"DynamicUser=yes\nSupplementaryGroups=docker\n", {has}},
        {"User=%i\nGroup=docker\n", {has}},
        {"User=alice\nGroup=%i\n", {"services: unknown"}},
        {"User=alice\nGroup=docker\nGroup=staff\n", {}},
        {"User=alice\nSupplementaryGroups=docker\nSupplementaryGroups=\n", {}},
        {"User=alice\n# Group=docker\n", {}},
        {"User=alice\n", {}},
        {"SupplementaryGroups=docker\n", {}},
        {"User=root\nGroup=docker\n", {}},
        {"User=0\nGroup=docker\n", {}},
        {"User=%u\nGroup=docker\n", {}},
        {"DynamicUser=no\nGroup=docker\n", {}},
    };
    for (const Case& c : cases) {
        const tests::Tree tree{{"etc/group", "docker:x:997:\nops:x:997:\nstaff:x:996:alice\n"},
                               {"usr/lib/systemd/system/ci.service", "[Service]\nExecStart=/opt/ci\n"}};
        add_dockerd(tree);
        tree.write("etc/systemd/system/ci.service.d/x.conf", "[Service]\n" + std::string(c.lines));
        auto expected = c.expected;
        expected.emplace_back("group docker: pass");
        EXPECT_THAT(verdicts(assess(tree.host()), access_id), ::testing::UnorderedElementsAreArray(expected))
            << c.lines;
    }
}

TEST(GrantingGroup, IsAServicesByADropInForMany) {
    for (const char* folder : {"service.d", "ci-.service.d"}) {
        const tests::Tree tree{{"etc/group", "docker:x:997:\n"},
                               {"usr/lib/systemd/system/ci-run.service", "[Service]\nUser=alice\n"}};
        add_dockerd(tree);
        EXPECT_THAT(verdicts(assess(tree.host()), access_id), ElementsAre("group docker: pass"));
        tree.write("etc/systemd/system/" + std::string(folder) + "/x.conf",
                   "[Service]\nSupplementaryGroups=docker\n");
        EXPECT_THAT(
            verdicts(assess(tree.host()), access_id),
            UnorderedElementsAre("group docker: pass", "ci-run.service with group docker: fail critical"))
            << folder;
    }
}

TEST(GrantingGroup, IsAServicesThatThePolicyNames) {
    const tests::Tree tree{
        {"etc/group", "docker:x:997:\n"},
        {"etc/systemd/system/ci.service", "[Service]\nUser=ci\nSupplementaryGroups=docker\n"}};
    tree.write("etc/passwd", accounts);
    const std::vector<std::string> ci{"ci"};
    EXPECT_THAT(verdicts(assess(tree.host()), access_id),  // no engine is there yet
                ElementsAre("group docker: pass", "ci.service with group docker: fail low"));
    EXPECT_THAT(verdicts(assess(tree.host(), {.allowed_members = ci}), access_id),
                ElementsAre("group docker: pass", "ci.service with group docker: pass"));
    tree.link("etc/systemd/system/ci.service", "/dev/null");
    EXPECT_THAT(verdicts(assess(tree.host()), access_id), ElementsAre("group docker: pass"));
    tree.fifo("etc/systemd/system/ci.service");
    EXPECT_THAT(verdicts(assess(tree.host()), access_id),
                ElementsAre("group docker: pass", "units: unknown"));
}

TEST(GrantingGroup, IsGivenAtLogin) {
    struct Case {
        const char* rules;
        const char* expected;
    };

    const Case cases[] = {
        {"# *;*;*;Al0000-2400;docker\n", "group docker: pass"},
        {"*;*;*;Al0000-2400;docker\n", "group docker: fail critical"},
        {"login;tty*&!ttyp*;alice;!Al0000-2400;games, docker\n", "group docker: fail critical"},
        {"*;*;bob;\\\n Al0000-2400; \\\n docker\n", "group docker: fail critical"},
        {"*;*;bob;Al0000-2400;ops\n", "group docker: fail critical"},  // another name of it
        {"*;*;*;Al0000-2400;games # docker\n", "group docker: pass"},
        {"*;*;root;Al0000-2400;docker\n", "group docker: pass"},
        {"*;*;ci;Al0000-2400;docker\n", "group docker: pass"},  // as the policy allows
        {"*;*;*;docker\n", "group docker: pass"},               // no rule
        {"*;*;*;Al;docker", "group docker: fail critical"},
    };
    const Params params{.allowed_members = {"ci"}};
    for (const Case& c : cases) {
        const tests::Tree tree{{"etc/group", "docker:x:997:\nops:x:997:\n"},
                               {"etc/security/group.conf", c.rules},
                               {"etc/pam.d/login", "# auth optional pam_group.so\n"}};
        add_dockerd(tree);
        EXPECT_THAT(verdicts(assess(tree.host(), params), access_id), ElementsAre("group docker: pass"))
            << "no service has the module";
        tree.write("usr/lib/pam.d/login", "auth optional pam_group.so\n");
        EXPECT_THAT(verdicts(assess(tree.host(), params), access_id), ElementsAre(c.expected)) << c.rules;
    }
    const tests::Tree tree{{"etc/group", "docker:x:997:\n"},
                           {"usr/etc/security/group.conf", "*;*;*;Al0000-2400;docker\n"},
                           {"usr/etc/pam.d/login", "auth optional pam_group.so\n"}};
    add_dockerd(tree);
    EXPECT_THAT(verdicts(assess(tree.host()), access_id), ElementsAre("group docker: fail critical"))
        << "the vendor's";
    tree.write("etc/security/group.conf", "");
    EXPECT_THAT(verdicts(assess(tree.host()), access_id), ElementsAre("group docker: pass"));
    tree.fifo("etc/security/group.conf");
    EXPECT_THAT(verdicts(assess(tree.host()), access_id), ElementsAre("group docker: unknown"));
}

TEST(GrantingGroup, MayBeGivenByNis) {
    const tests::Tree tree{{"etc/nsswitch.conf", "passwd: compat\ngroup: compat\n"},
                           {"etc/group", "docker:x:997:\n"}};
    add_dockerd(tree);
    EXPECT_THAT(verdicts(assess(tree.host()), access_id), ElementsAre("group docker: pass"));
    tree.write("etc/group", "docker:x:997:\n+\n");
    EXPECT_THAT(verdicts(assess(tree.host()), access_id), ElementsAre("group docker: unknown"));
}

// podman.socket as its vendor has it, enabled: root's, with the mode 0660.
void add_podman_socket(const tests::Tree& tree) {
    tree.write("usr/bin/podman", "");
    tree.write("usr/lib/systemd/system/podman.socket",
               "[Socket]\nListenStream=%t/podman/podman.sock\nSocketMode=0660\n");
    tree.link("etc/systemd/system/sockets.target.wants/podman.socket",
              "/usr/lib/systemd/system/podman.socket");
}

TEST(RootsGroup, GrantsToWhomeverElseItHas) {
    struct Case {
        const char* what;
        const char* file;
        const char* text;
        const char* expected;  // besides the socket unit, which passes
    };

    const std::string account = std::string(accounts);
    const std::string operators = account + "operator:x:11:0::/root:/sbin/nologin\n";
    const std::string toor = account + "toor:x:0:0::/root:/bin/sh\n";
    const Case cases[] = {
        {"nobody", "etc/group", "root:x:0:\n", ""},
        {"no entry", "etc/group", "", ""},
        {"root", "etc/group", "root:x:0:root\n", ""},
        {"a member", "etc/group", "root:x:0:root,alice\n", "group root: fail critical"},
        {"a member by another name", "etc/group", "root:x:0:\nwheel:x:0:alice\n",
         "group root: fail critical"},
        {"an account", "etc/passwd", operators.c_str(), "group root: fail critical"},
        {"another root", "etc/passwd", toor.c_str(), ""},
        {"root and its like in lists", "etc/gshadow", "root:*:root:root\n", ""},
        {"an administrator", "etc/gshadow", "root:*:alice:\n", "group root: fail critical"},
        {"a service", "etc/systemd/system/x.service", "[Service]\nUser=alice\nGroup=root\n",
         "x.service with group root: fail critical"},
        {"a directory service", "etc/nsswitch.conf", "group: files ldap\n", "group root: unknown"},
        {"a line that is none", "usr/lib/group", "wheel:x:0\n", "group root: unknown"},
        {"0600", "etc/systemd/system/podman.socket.d/x.conf", "[Socket]\nSocketMode=0600\n", ""},
    };
    for (const Case& c : cases) {
        const tests::Tree tree{{"etc/passwd", account}, {"etc/group", "root:x:0:\n"}};
        add_podman_socket(tree);
        tree.write(c.file, c.text);
        std::vector<std::string> expected{"podman.socket: pass"};
        if (*c.expected != '\0')
            expected.emplace_back(c.expected);
        if (std::string_view(c.expected).starts_with("x.service"))
            expected.emplace_back("group root: pass");
        EXPECT_THAT(verdicts(assess(tree.host()), access_id), ::testing::UnorderedElementsAreArray(expected))
            << c.what;
    }
}

TEST(RootsGroup, IsLeftAsItIsAndTheSocketClosed) {
    const tests::Tree tree{{"etc/passwd", accounts}, {"etc/group", "root:x:0:alice\n"}};
    add_podman_socket(tree);
    EXPECT_THAT(verdicts(assess(tree.host(), {.allowed_members = {"alice"}}), access_id),
                UnorderedElementsAre("group root: pass", "podman.socket: pass"));
    expect_converges(tree, tree.host(), access_id);
    EXPECT_EQ(tree.read("etc/group"), "root:x:0:alice\n");
}

TEST(RootsGroup, MattersWhereASocketIsOrWillBe) {
    struct Case {
        const char* lines;
        const char* started;  // besides the socket unit, which passes
        const char* dormant;  // this alone
    };

    const Case cases[] = {
        {"", "group root: fail critical", "host: pass"},
        {"SocketGroup=0\n", "group root: fail critical", "host: pass"},
        {"SocketUser=toor\n", "group root: fail critical", "host: pass"},
        {"SocketGroup=wheel\n", "group wheel: fail critical", "host: pass"},  // another name of it
        {"SocketGroup=staff\n", "group staff: fail critical", "group staff: fail critical"},
    };
    for (const Case& c : cases)
        for (const bool starts : {true, false}) {
            const tests::Tree tree{{"etc/passwd", std::string(accounts) + "toor:x:0:0::/root:/bin/sh\n"},
                                   {"etc/group", "root:x:0:alice\nwheel:x:0:\nstaff:x:50:alice\n"}};
            add_podman_socket(tree);
            tree.write("etc/systemd/system/podman.socket.d/x.conf", "[Socket]\n" + std::string(c.lines));
            if (!starts)
                tree.remove("etc/systemd/system/sockets.target.wants/podman.socket");
            std::vector<std::string> expected{starts ? c.started : c.dormant};
            if (starts)
                expected.emplace_back("podman.socket: pass");
            EXPECT_THAT(verdicts(assess(tree.host()), access_id),
                        ::testing::UnorderedElementsAreArray(expected))
                << c.lines << starts;
        }
}

TEST(RootsGroup, OpensSocketsThatAreThere) {
    const tests::Tree tree{{"etc/passwd", accounts}, {"etc/group", "root:x:0:alice\n"}};
    add_proc(tree);
    add_socket(tree, "/run/crio/crio.sock", 0660);
    add_process(tree, {.pid = 50, .exe = "/bin/sh", .uid = 1001, .groups = "0"});  // as in a container
    EXPECT_THAT(verdicts(assess(tree.live_host()), access_id),
                UnorderedElementsAre("group root: fail low", "/run/crio/crio.sock: pass"));
    tree.write("etc/group", "root:x:0:\n");
    EXPECT_THAT(verdicts(assess(tree.live_host()), access_id), ElementsAre("/run/crio/crio.sock: pass"));
}

// docker.socket with these lines in a drop-in.
std::vector<std::string> with_socket(const std::string& lines, const Params& params = {}) {
    const tests::Tree tree{{"etc/group", "docker:x:997:\n"},
                           {"etc/systemd/system/docker.socket.d/x.conf", "[Socket]\n" + lines}};
    add_docker(tree);
    add_dockerd(tree);
    return verdicts(assess(tree.host(), params), access_id);
}

TEST(SocketOwner, WhoIsNotRootReachesIt) {
    struct Case {
        const char* lines;
        std::vector<std::string> expected;
    };

    const Case cases[] = {
        {"SocketUser=alice\n", {"group docker: pass", "docker.socket: fail critical"}},
        {"SocketUser=1000\nSocketMode=0\n", {"docker.socket: fail critical"}},
        {"SocketUser=nobodys\n", {"group docker: pass", "docker.socket: fail critical"}},
        {"SocketUser=4711\n", {"group docker: pass", "docker.socket: fail critical"}},
        {"SocketUser=alice\nSocketMode=0666\n", {"group docker: pass", "docker.socket: fail critical"}},
        {"SocketUser=alice\nSocketUser=\n", {"group docker: pass", "docker.socket: pass"}},
        {"SocketUser=0\n", {"group docker: pass", "docker.socket: pass"}},
        {"SocketUser=%u\nSocketGroup=%g\n", {"docker.socket: pass"}},
        {"SocketUser=%U\nSocketGroup=%G\n", {"docker.socket: pass"}},
        {"SocketUser=%i\n", {"docker.socket: unknown"}},
        {"SocketGroup=a%b\n", {"docker.socket: unknown"}},
        // Without a group of its own the socket gets that of its user.
        {"SocketUser=bob\nSocketGroup=\n", {"group gid 998: fail critical", "docker.socket: fail critical"}},
        {"SocketUser=root\nSocketGroup=\n", {"docker.socket: pass"}},
    };
    for (const Case& c : cases)
        EXPECT_THAT(with_socket(c.lines), ::testing::UnorderedElementsAreArray(c.expected)) << c.lines;
    EXPECT_THAT(with_socket("SocketUser=1000\n", {.allowed_members = {"alice"}}),
                UnorderedElementsAre("group docker: pass", "docker.socket: pass"));
    EXPECT_THAT(with_socket("SocketUser=1000\n", {.allowed_members = {"1000"}}),
                UnorderedElementsAre("group docker: pass", "docker.socket: fail critical"));
}

TEST(SocketOwner, OfASocketWithAnotherNameCountsToo) {
    const tests::Tree tree{
        {"etc/group", "docker:x:997:\nstaff:x:996:alice\n"},
        {"etc/systemd/system/api.socket", "[Socket]\nListenStream=/run/api.sock\nService=docker.service\n"}};
    add_docker(tree);
    add_dockerd(tree);
    tree.link("etc/systemd/system/sockets.target.wants/api.socket", "../api.socket");
    EXPECT_THAT(
        verdicts(assess(tree.host()), access_id),
        UnorderedElementsAre("group docker: pass", "docker.socket: pass", "api.socket: fail critical"));
    tree.write("etc/systemd/system/api.socket",
               "[Socket]\nListenStream=/run/api.sock\nService=docker.service\n"
               "SocketMode=0660\nSocketGroup=staff\n");
    EXPECT_THAT(verdicts(assess(tree.host()), access_id),
                UnorderedElementsAre("group docker: pass", "group staff: fail critical",
                                     "docker.socket: pass", "api.socket: pass"));
    expect_converges(tree, tree.host(), access_id);
}

TEST(SocketOwner, CountsThoughAccountsCannotBeRead) {
    const tests::Tree tree{{"etc/systemd/system/docker.socket.d/x.conf", "[Socket]\nSocketUser=alice\n"}};
    add_docker(tree);
    tree.fifo("etc/passwd");
    EXPECT_THAT(verdicts(assess(tree.host()), access_id),
                UnorderedElementsAre("groups: unknown", "docker.socket: fail critical"));
}

TEST(SocketOwner, TheFixConverges) {
    const tests::Tree tree{{"etc/group", "docker:x:997:\n"},
                           {"etc/systemd/system/docker.socket.d/x.conf",
                            "[Socket]\nSocketUser=bob\nSocketGroup=\nSocketMode=0777\n"}};
    add_docker(tree);
    add_dockerd(tree);
    expect_converges(tree, tree.host(), access_id);
}

// ---- what containerd and buildkitd make by themselves ----

TEST(OwnSockets, OfContainerdGoToWhomItsConfigurationNames) {
    struct Case {
        std::string config;
        std::vector<std::string> expected;
    };

    const std::string plugin = "version = 4\n[plugins.'io.containerd.server.v1.";
    const Case cases[] = {
        {"[grpc]\ngid = 998\n", {"group gid 998: fail critical"}},
        {"[grpc]\ngid = 996\n", {"group staff: fail critical"}},
        {"[grpc]\nuid = 1000\n", {"containerd's socket of alice: fail critical"}},
        {"[grpc]\nuid = 4711\n", {"containerd's socket of uid 4711: fail critical"}},
        {"[grpc]\nuid = 0\ngid = 0\n", {"host: pass"}},
        {"[grpc]\ngid = -1\nuid = 'x'\n", {"host: pass"}},
        {"[ttrpc]\ngid = 996\n", {"host: pass"}},  // takes what grpc has
        {"[ttrpc]\naddress = '/run/t'\ngid = 996\n", {"group staff: fail critical"}},
        {"[debug]\ngid = 996\n", {"host: pass"}},  // not there without an address
        {"[debug]\naddress = '/run/d'\nuid = 1000\n", {"containerd's socket of alice: fail critical"}},
        {plugin + "grpc']\ngid = 996\n", {"group staff: fail critical"}},
        {plugin + "ttrpc']\nuid = 1000\n", {"containerd's socket of alice: fail critical"}},
        {"[grpc]\ngid = ", {"containerd: unknown"}},
    };
    for (const Case& c : cases) {
        const tests::Tree tree{{"etc/passwd", accounts},
                               {"etc/group", "staff:x:996:alice\n"},
                               {"usr/bin/containerd", ""},
                               {"etc/containerd/config.toml", c.config}};
        EXPECT_THAT(verdicts(assess(tree.host()), access_id),
                    ::testing::UnorderedElementsAreArray(c.expected))
            << c.config;
    }
}

TEST(OwnSockets, OfContainerdAreMergedFromItsFiles) {
    const tests::Tree tree{{"etc/passwd", accounts},
                           {"etc/group", "staff:x:996:alice\nops:x:997:\n"},
                           {"usr/bin/containerd", ""},
                           {"etc/containerd/config.toml", "imports = ['a.toml']\n[grpc]\ngid = 996\n"},
                           {"etc/containerd/a.toml", "[grpc]\ngid = 0\n"}};
    EXPECT_THAT(verdicts(assess(tree.host()), access_id), ElementsAre("group staff: fail critical"));
    tree.write("etc/containerd/a.toml", "[grpc]\ngid = 997\n");
    EXPECT_THAT(verdicts(assess(tree.host()), access_id), ElementsAre("group ops: pass"));
    // Newer versions read conf.d by themselves.
    tree.write("etc/containerd/config.toml", "[grpc]\ngid = 997\n");
    tree.write("etc/containerd/conf.d/x.toml", "[grpc]\ngid = 996\n");
    EXPECT_THAT(verdicts(assess(tree.host()), access_id),
                UnorderedElementsAre("group ops: pass", "group staff: fail critical"));
}

// buildkitd with these flags.
void add_buildkit(const tests::Tree& tree, const std::string& flags) {
    tree.write("usr/lib/systemd/system/buildkit.service",
               "[Service]\nExecStart=/usr/bin/buildkitd " + flags + "\n[Install]\n");
}

TEST(OwnSockets, OfBuildkitdGoToWhomItsConfigurationNames) {
    struct Case {
        const char* flags;
        const char* config;
        std::vector<std::string> expected;
    };

    const Case cases[] = {
        {"", "[grpc]\ngid = 996\n", {"group staff: fail critical"}},
        {"", "[grpc]\nuid = 1000\n", {"buildkit's socket of alice: fail critical"}},
        {"", "[grpc]\nuid = 0\ngid = 0\n", {"host: pass"}},
        {"--group staff", "", {"group staff: fail critical"}},
        {"--group=996", "[grpc]\ngid = 0\n", {"group staff: fail critical"}},
        {"-group ops", "[grpc]\ngid = 996\n", {"group ops: pass"}},
        {"--config /etc/b.toml", "[grpc]\ngid = 996\n", {"host: pass"}},
        {"--addr fd://", "[grpc]\ngid = 996\n", {"host: pass"}},
        {"--addr fd:// --addr unix:///run/b", "[grpc]\ngid = 996\n", {"group staff: fail critical"}},
        {"", "[grpc]\naddress = ['unix:///x']\ngid = 996\n", {"group staff: fail critical"}},
        {"", "grpc = 1\n", {"host: pass"}},
        {"", "[grpc", {"buildkit: unknown"}},
    };
    for (const Case& c : cases) {
        const tests::Tree tree{{"etc/passwd", accounts},
                               {"etc/group", "staff:x:996:alice\nops:x:997:\n"},
                               {"etc/buildkit/buildkitd.toml", c.config}};
        add_buildkit(tree, c.flags);
        EXPECT_THAT(verdicts(assess(tree.host()), access_id),
                    ::testing::UnorderedElementsAreArray(c.expected))
            << c.flags << " " << c.config;
    }
}

TEST(OwnSockets, OfARunningBuildkitdAndOfAUsersAreTwoThings) {
    const tests::Tree tree{{"etc/passwd", accounts}, {"etc/group", "staff:x:996:alice\n"}};
    add_proc(tree);
    add_process(tree, {.pid = 9,
                       .exe = "/usr/bin/buildkitd",
                       .argv = {"buildkitd", "--group", "staff"},
                       .uid = 1000,
                       .user_ns = "4026532000"});
    EXPECT_THAT(verdicts(assess(tree.live_host()), access_id), ElementsAre("host: pass"));
    add_process(tree, {.pid = 10, .exe = "/usr/bin/buildkitd", .argv = {"buildkitd", "--group", "staff"}});
    EXPECT_THAT(verdicts(assess(tree.live_host()), access_id), ElementsAre("group staff: fail critical"));
}

TEST(OwnSockets, OwnersMayBeNamed) {
    const tests::Tree tree{{"etc/passwd", accounts},
                           {"etc/group", "staff:x:996:alice\n"},
                           {"usr/bin/containerd", ""},
                           {"etc/containerd/config.toml", "[grpc]\nuid = 1000\ngid = 996\n"}};
    EXPECT_THAT(verdicts(assess(tree.host(), {.allowed_members = {"alice"}}), access_id),
                UnorderedElementsAre("containerd's socket of alice: pass", "group staff: pass"));
}

}  // namespace
