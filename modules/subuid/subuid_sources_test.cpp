// SPDX-License-Identifier: Apache-2.0
// A12-A14, A16 and A17.
#include "core/base/digest.hpp"
#include "modules/subuid/observe.hpp"
#include "modules/subuid/test_support.hpp"

#include <sys/stat.h>
#include <sys/xattr.h>

namespace plimsoll::modules::subuid {
namespace {

constexpr const char* one = "alice:100000:65536\n";

TEST(ParserDivergence, NamesWhatReadersDoNotShare) {
    expect_cases("subuid.parser-divergence",
                 {
                     {"plain", one, one, {"pass host"}},
                     {"empty", "", "", {"pass host"}},
                     {"comment without fields", "# by hand\n" + std::string(one), one, {"pass host"}},
                     {"zeros agree", "alice:0000:0\n", "", {"fail alice high by-hand"}},
                     {"small octal agrees", "alice:100000:07\n", "", {"pass host"}},
                     {"hex", "alice:0x186A0:65536\n", "", {"fail alice high fixable"}},
                     {"octal", "alice:0100000:65536\n", "", {"fail alice high by-hand"}},
                     {"four fields", "alice:100000:65536:x\n", "", {"fail alice high fixable"}},
                     {"two fields", "alice:100000\n", "", {"fail alice high by-hand"}},
                     {"carriage return", "alice:100000:65536\r\n", "", {"fail alice high fixable"}},
                     {"tab", "\talice:100000:65536\n", "", {"fail alice high fixable"}},
                     {"comment that is an entry", "#alice:100000:65536\n", "", {"fail #alice low fixable"}},
                     {"NIS", "+alice:100000:65536\n", "", {"fail +alice high by-hand"}},
                     {"minus one", "alice:-1:2\n", "", {"fail alice high by-hand"}},
                     {"2^32", "alice:4294967296:1\n", "", {"fail alice high by-hand"}},
                     {"count zero", "alice:5:0\n", "", {"pass host"}},
                     {"harms bob", "alice:0x3E9:1\n", "", {"fail alice high by-hand"}},
                     {"no account", "ghost:0x186A0:1\n", "", {"fail ghost high fixable"}},
                     {"1024 bytes",
                      std::string(1015, 'a') + ":100000:1\n",
                      "",
                      {"fail " + std::string(60, 'a') + "… high by-hand"}},
                     {"no final newline", "alice:100000:65536", "", {"pass host"}},
                 });
}

TEST(ParserDivergence, IsCriticalWhenDockerdMapsHostRoot) {
    const Tree tree;
    fill(tree, "dockremap:junk:65536\n", "");
    tree.write("/etc/docker/daemon.json", R"({"userns-remap": "default"})");
    EXPECT_EQ(brief(judge(tree, "subuid.parser-divergence")),
              std::vector<std::string>{"fail dockremap critical by-hand"});
}

TEST(ParserDivergence, WritesPlainDecimal) {
    const Tree tree;
    fill(tree, "alice:0x186A0:65536\n", " alice:200000:65536:\n");
    const auto fix = judge(tree, "subuid.parser-divergence").front().fix;
    ASSERT_TRUE(fix);
    EXPECT_EQ(fix->changes,
              (std::vector<policy::Change>{
                  policy::EditLines{"/etc/subuid", {"alice:0x186A0:65536"}, {"alice:100000:65536"}, true},
                  policy::EditLines{"/etc/subgid", {" alice:200000:65536:"}, {"alice:200000:65536"}, true}}));
}

TEST(ParserDivergence, NotesAMissingFinalNewline) {
    const Tree tree;
    fill(tree, one, "alice:100000:65536");
    const auto found = judge(tree, "subuid.parser-divergence");
    EXPECT_EQ(brief(found), std::vector<std::string>{"pass host"});
    ASSERT_EQ(found.front().evidence.size(), 1U);
    EXPECT_EQ(found.front().evidence.front().source, "/etc/subgid");
}

TEST(ParserDivergence, MissingFilesAreNotApplicable) {
    EXPECT_EQ(brief(judge(Tree{}, "subuid.parser-divergence")),
              std::vector<std::string>{"not-applicable host"});
}

TEST(FileIntegrity, WantsRootAlone) {
    const Tree tree;
    fill(tree, one, one);
    const auto verdict = [&] { return brief(judge(tree, "subuid.file-integrity")); };
    EXPECT_EQ(verdict(), std::vector<std::string>{"pass host"});
    ::chmod(tree.path("/etc/subuid").c_str(), 0664);
    EXPECT_EQ(verdict(), std::vector<std::string>{"fail /etc/subuid high fixable"});
    EXPECT_EQ(judge(tree, "subuid.file-integrity").front().fix->changes,
              (std::vector<policy::Change>{policy::SetMetadata{"/etc/subuid", 0644, {}, {}, false}}));
    ::chmod(tree.path("/etc/subuid").c_str(), 0600);
    EXPECT_EQ(verdict(), std::vector<std::string>{"pass host"});
    tree.write("/etc/subgid-", "", 0666);
    EXPECT_EQ(verdict(), std::vector<std::string>{"fail /etc/subgid- high fixable"});
    tree.remove("/etc/subgid-");
    std::filesystem::create_hard_link(tree.path("/etc/subuid"), tree.path("/etc/again"));
    EXPECT_EQ(verdict(), std::vector<std::string>{"fail /etc/subuid high by-hand"});
    tree.remove("/etc/again");
    for (const auto& kind : hostile_places()) {
        put_hostile(tree, kind, "/etc/subuid");
        EXPECT_EQ(verdict(), std::vector<std::string>{"fail /etc/subuid high by-hand"}) << kind;
    }
    EXPECT_EQ(brief(judge(Tree{}, "subuid.file-integrity")), std::vector<std::string>{"not-applicable host"});
}

TEST(FileIntegrity, WantsTheDirectoryOfRootAlone) {
    const Tree tree;
    fill(tree, one, one);
    const auto verdict = [&] { return brief(judge(tree, "subuid.file-integrity")); };
    const std::string etc = tree.path("/etc");
    for (const mode_t mode : {0777, 0757}) {
        ::chmod(etc.c_str(), mode);
        EXPECT_EQ(verdict(), std::vector<std::string>{"fail /etc high fixable"}) << std::oct << mode;
        EXPECT_EQ(judge(tree, "subuid.file-integrity").front().fix->changes,
                  (std::vector<policy::Change>{policy::SetMetadata{"/etc", 0755, 0, {}, false}}));
    }
    ::chmod(etc.c_str(), 0755);
    EXPECT_EQ(verdict(), std::vector<std::string>{"pass host"});
    if (::geteuid() == 0) {
        ASSERT_EQ(::chown(etc.c_str(), 1000, 0), 0);
        EXPECT_EQ(verdict(), std::vector<std::string>{"fail /etc high fixable"});
    }
    Facts facts;
    facts.etc_state = fail(Code::permission, "no answer");
    EXPECT_EQ(brief(of(Subuid::evaluate({}, {}, facts, {}), "subuid.file-integrity")),
              std::vector<std::string>{"unknown /etc"});
}

TEST(FileIntegrity, SeesForeignOwnersAndAccessLists) {
    if (::geteuid() != 0)
        GTEST_SKIP() << "needs root to give a file away";
    const Tree tree;
    fill(tree, one, one);
    ASSERT_EQ(::chown(tree.path("/etc/subuid").c_str(), 1000, 0), 0);
    EXPECT_EQ(brief(judge(tree, "subuid.file-integrity")),
              std::vector<std::string>{"fail /etc/subuid high fixable"});
}

constexpr std::string_view acl_header("\2\0\0\0", 4);

std::string acl_entry(char tag, char permissions) {
    return {tag, 0, permissions, 0, 0, 0, 0, 0};
}

TEST(FileIntegrity, ReadsAccessLists) {
    const std::string header(acl_header);
    EXPECT_FALSE(acl_has_writers(header + acl_entry(1, 6) + acl_entry(4, 4)));
    EXPECT_TRUE(acl_has_writers(header + acl_entry(1, 6) + acl_entry(2, 6) + acl_entry(0x10, 7)));
    EXPECT_FALSE(acl_has_writers(header + acl_entry(2, 6) + acl_entry(0x10, 4))) << "masked";
    EXPECT_TRUE(acl_has_writers(header + acl_entry(8, 2))) << "named group without a mask";
    EXPECT_TRUE(acl_has_writers("")) << "not understood";
    EXPECT_TRUE(acl_has_writers(header + "x"));
}

TEST(NssSource, IsTheFirstWordOfTheFirstLine) {
    const Tree tree;
    fill(tree, "", "");
    const auto verdict = [&](const Options& o = {}) { return brief(judge(tree, "subuid.nss-source", o)); };
    EXPECT_EQ(verdict(), std::vector<std::string>{"pass host"}) << "no file: files";
    tree.write("/etc/nsswitch.conf", "# subid: sss\npasswd: files\nSubID:\t files sss\nsubid: sss\n");
    EXPECT_EQ(verdict(), std::vector<std::string>{"pass host"});
    tree.write("/etc/nsswitch.conf", "subid:\nsubid: sss files\n");
    EXPECT_EQ(verdict(), (std::vector<std::string>{"fail host high by-hand", "fail plugin high by-hand"}));
    EXPECT_EQ(judge(tree, "subuid.nss-source").front().evidence.front().source, "/etc/nsswitch.conf:2");
    Options sss;
    sss.params.nss_source = "sss";
    tree.write("/usr/lib64/libsubid_sss.so", shared_object);
    EXPECT_EQ(verdict(sss), std::vector<std::string>{"pass host"});
    tree.write("/etc/subuid", one);
    EXPECT_EQ(verdict(sss), std::vector<std::string>{"fail /etc/subuid high by-hand"});
    put_hostile(tree, "fifo", "/etc/nsswitch.conf");
    EXPECT_EQ(verdict(), std::vector<std::string>{"unknown /etc/nsswitch.conf"});
}

TEST(NssSource, NeedsAPluginThatCanBeLoadedAndIsRootsAlone) {
    const Tree tree;
    fill(tree, "", "");
    tree.write("/etc/nsswitch.conf", "subid: sss\n");
    Options sss;
    sss.params.nss_source = "sss";
    const auto verdict = [&] { return brief(judge(tree, "subuid.nss-source", sss)); };
    const std::string plugin = "/usr/lib/riscv64-linux-gnu/libsubid_sss.so";
    tree.write(plugin, shared_object);
    EXPECT_EQ(verdict(), std::vector<std::string>{"pass host"});
    ::chmod(tree.path("/usr/lib").c_str(), 0777);
    EXPECT_EQ(verdict(), std::vector<std::string>{"fail " + plugin + " high by-hand"}) << "replaceable";
    ::chmod(tree.path("/usr/lib").c_str(), 0755);
    for (const mode_t mode : {0666, 0600}) {
        ::chmod(tree.path(plugin).c_str(), mode);
        EXPECT_EQ(verdict(), std::vector<std::string>{"fail " + plugin + " high by-hand"})
            << std::oct << mode;
    }
    const std::vector<std::string> missing{"fail plugin high by-hand"};
    for (const std::string& text : {std::string(), std::string("#!/bin/sh\nexit 0 # no object\n"),
                                    shared_object.substr(0, 17), "\177ELF" + std::string(20, '\2')}) {
        tree.write(plugin, text);
        EXPECT_EQ(verdict(), missing);
    }
    tree.remove(plugin);
    tree.link(plugin, "nowhere");
    EXPECT_EQ(verdict(), missing);
    tree.remove(plugin);
    tree.fifo(plugin);
    EXPECT_EQ(verdict(), missing);
    tree.write("/opt/lib.so", shared_object);
    tree.link("/usr/lib64/libsubid_sss.so", "/opt/lib.so");
    EXPECT_EQ(verdict(), std::vector<std::string>{"pass host"});
}

TEST(NssSource, AsksWhetherSssdRuns) {
    const Tree tree;
    fill(tree, "", "");
    tree.write("/etc/nsswitch.conf", "subid: sss\n");
    tree.write("/usr/lib64/libsubid_sss.so", shared_object);
    Params params;
    params.nss_source = "sss";
    Facts facts = Subuid::observe(tree.host(), params, {});
    const auto found = [&] { return of(Subuid::evaluate(params, {}, facts, {}), "subuid.nss-source"); };
    facts.processes = std::vector<host::Process>{};
    EXPECT_EQ(brief(found()), std::vector<std::string>{"pass host"}) << "an image runs nothing";
    facts.live = true;
    EXPECT_EQ(brief(found()), std::vector<std::string>{"fail sssd medium by-hand"});
    host::Process sssd;
    sssd.pid = 7;
    sssd.comm = "sssd";
    facts.processes->push_back(sssd);
    EXPECT_EQ(brief(found()), std::vector<std::string>{"pass host"});
    EXPECT_EQ(found().front().evidence.front().source, "pid 7");
    facts.processes = fail(Code::permission, "/proc: Permission denied");
    EXPECT_EQ(brief(found()), std::vector<std::string>{"unknown sssd"});
}

TEST(IdmapHelpers, NeedExactlyTheirPrivilege) {
    const Tree tree;
    fill(tree, "", "");
    const auto verdict = [&](const Options& o = {}) { return brief(judge(tree, "subuid.idmap-helpers", o)); };
    EXPECT_EQ(verdict(), std::vector<std::string>{"not-applicable host"}) << "nobody needs them";
    fill(tree, one, one);
    EXPECT_EQ(verdict(),
              (std::vector<std::string>{"fail newuidmap high by-hand", "fail newgidmap high by-hand"}));
    tree.write("/usr/bin/newuidmap", "", 04755);
    tree.write("/usr/bin/newgidmap", "", 04755);
    tree.link("/bin", "usr/bin");
    EXPECT_EQ(verdict(), std::vector<std::string>{"pass host"});
    ::chmod(tree.path("/usr/bin/newgidmap").c_str(), 0755);
    EXPECT_EQ(verdict(), std::vector<std::string>{"fail /usr/bin/newgidmap high by-hand"});
    tree.write("/usr/bin/newgidmap", "", 04775);
    EXPECT_EQ(verdict(), std::vector<std::string>{"fail /usr/bin/newgidmap high by-hand"});
    tree.write("/usr/bin/newgidmap", "", 04755);
    tree.write("/sbin/newuidmap", "", 04755);
    EXPECT_EQ(verdict(), std::vector<std::string>{"fail /sbin/newuidmap high by-hand"}) << "second copy";
    tree.write("/sbin/newuidmap", "", 0755);
    EXPECT_EQ(verdict(), std::vector<std::string>{"pass host"}) << "a copy without privilege is harmless";
}

TEST(IdmapHelpers, AreForEverybodyAndReplacedByNobody) {
    const Tree tree;
    fill(tree, one, one);
    tree.write("/usr/bin/newuidmap", "", 04755);
    tree.write("/usr/bin/newgidmap", "", 04755);
    const auto verdict = [&] { return brief(judge(tree, "subuid.idmap-helpers")); };
    const std::vector<std::string> pass{"pass host"};
    EXPECT_EQ(verdict(), pass);
    const std::vector<std::string> failing{"fail /usr/bin/newuidmap high by-hand"};
    for (const mode_t mode : {04700, 04750, 04754}) {
        ::chmod(tree.path("/usr/bin/newuidmap").c_str(), mode);
        EXPECT_EQ(verdict(), failing) << std::oct << mode;
    }
    tree.write("/usr/bin/newuidmap", "", 04755);
    const std::vector<std::string> both{"fail /usr/bin/newuidmap high by-hand",
                                        "fail /usr/bin/newgidmap high by-hand"};
    for (const char* directory : {"/usr/bin", "/usr"}) {
        ::chmod(tree.path(directory).c_str(), 0777);
        EXPECT_EQ(verdict(), both) << directory;
        ::chmod(tree.path(directory).c_str(), 01777);
        EXPECT_EQ(verdict(), pass) << "sticky";
        ::chmod(tree.path(directory).c_str(), 0775);
        EXPECT_EQ(verdict(), pass) << "group root";
        ::chmod(tree.path(directory).c_str(), 0755);
    }
    ::chmod(tree.path().c_str(), 0777);
    EXPECT_EQ(verdict(), pass) << "the directory of an image is not its top";
    EXPECT_EQ(brief(judge(tree, "subuid.idmap-helpers", {.live = true})), both);
    ::chmod(tree.path().c_str(), 0755);
    tree.remove("/usr/bin/newuidmap");
    tree.write("/data/tools/newuidmap", "", 04755);
    tree.link("/usr/bin/newuidmap", "../../data/./link");
    tree.link("/data/link", "/data/tools/newuidmap");
    EXPECT_EQ(verdict(), pass);
    ::chmod(tree.path("/data/tools").c_str(), 0777);
    EXPECT_EQ(verdict(), failing) << "where a link leads";
    if (::geteuid() == 0) {
        tree.directory("/data/tools");
        ::chmod(tree.path("/data/tools").c_str(), 0755);
        ASSERT_EQ(::chown(tree.path("/data/tools").c_str(), 1000, 1000), 0);
        EXPECT_EQ(verdict(), failing) << "somebody's directory";
    }
}

TEST(IdmapHelpers, AreSoughtWhereTheUserManagerLooks) {
    const Tree tree;
    fill(tree, one, one);
    tree.write("/usr/bin/newuidmap", "", 04755);
    tree.write("/usr/bin/newgidmap", "", 04755);
    const auto verdict = [&] { return brief(judge(tree, "subuid.idmap-helpers")); };
    tree.write("/opt/lib/deep/er/tools/newuidmap", "", 0755);
    tree.write("/usr/lib/systemd/system/user@.service", "[Service]\n");
    tree.write("/opt/path.env", "PATH=/opt/lib/deep/er/tools\n");
    EXPECT_EQ(verdict(), std::vector<std::string>{"pass host"});
    for (const auto& [file, text] : std::vector<std::pair<std::string, std::string>>{
             {"/etc/environment.d/50-x.conf", "PATH=/opt/lib/deep/er/tools:$PATH\n"},
             {"/usr/lib/environment.d/50-x.conf", "A=b\nPATH=\"/opt/lib/deep/er/tools:${PATH}\"\n"},
             {"/etc/environment", "PATH='/opt/lib/deep/er/tools'\n"},
             {"/etc/systemd/user.conf.d/x.conf",
              "[Manager]\nDefaultEnvironment=A=b PATH=/opt/lib/deep/er/tools\n"},
             {"/etc/systemd/user.conf",
              "[Manager]\nManagerEnvironment = \"PATH=/opt/lib/deep/er/tools:/usr/bin\"\n"},
             {"/run/systemd/user.conf.d/x.conf",
              "[Manager]\nManagerEnvironment=PATH=/opt/lib/deep/er/tools\n"},
             {"/usr/local/lib/systemd/user.conf.d/x.conf",
              "[Manager]\nDefaultEnvironment=PATH=/opt/lib/deep/er/tools\n"},
             {"/run/systemd/system.conf.d/x.conf",
              "[Manager]\nDefaultEnvironment=PATH=/opt/lib/deep/er/tools\n"},
             {"/usr/local/lib/environment.d/x.conf", "PATH=/opt/lib/deep/er/tools\n"},
             {"/etc/systemd/system/user@.service.d/x.conf",
              "[Service]\nEnvironment=A=b \"PATH=/opt/lib/deep/er/tools:/usr/bin\"\n"},
             {"/run/systemd/system/user@1000.service.d/x.conf",
              "[Service]\nEnvironment=PATH=/opt/lib/deep/er/tools\n"},
             {"/etc/systemd/system/user@.service.d/x.conf", "[Service]\nEnvironmentFile=-/opt/path.env\n"}}) {
        tree.write(file, text);
        EXPECT_EQ(verdict().front(), "fail /opt/lib/deep/er/tools/newuidmap high by-hand") << file;
        tree.remove(file);
    }
    const std::string drop_in = "/etc/systemd/system/user@.service.d/x.conf";
    tree.write(drop_in, "[Service]\nEnvironment=PATH=/opt/lib/deep/er/tools\nEnvironment=\n");
    EXPECT_EQ(verdict(), std::vector<std::string>{"pass host"}) << "taken back";
    tree.write(drop_in, "[Service]\nEnvironmentFile=/opt/*.env\n");
    EXPECT_EQ(judge(tree, "subuid.idmap-helpers").front().status, Status::unknown);
    tree.remove(drop_in);
    for (const char* file : {"/run/systemd/user.conf.d/x.conf", "/etc/environment"}) {
        tree.fifo(file);
        EXPECT_EQ(judge(tree, "subuid.idmap-helpers").front().status, Status::unknown) << file;
        tree.remove(file);
    }
}

TEST(IdmapHelpers, PrivilegedCopiesElsewhereAreFound) {
    if (::geteuid() != 0)
        GTEST_SKIP() << "needs root: setuid matters for files of root";
    const Tree tree;
    fill(tree, one, one);
    tree.write("/usr/bin/newuidmap", "", 04755);
    tree.write("/usr/bin/newgidmap", "", 04755);
    const auto verdict = [&](const Options& o = {}) { return brief(judge(tree, "subuid.idmap-helpers", o)); };
    const std::string copy = "/home/alice/bin/newuidmap";
    tree.write(copy, "", 0755);
    EXPECT_EQ(verdict(), std::vector<std::string>{"pass host"}) << "without privilege";
    ::chmod(tree.path(copy).c_str(), 04755);
    EXPECT_EQ(verdict(), std::vector<std::string>{"fail /home/alice/bin/newuidmap high by-hand"});
    ASSERT_EQ(::chown(tree.path(copy).c_str(), 1000, 1000), 0);
    ::chmod(tree.path(copy).c_str(), 04755);
    EXPECT_EQ(verdict(), std::vector<std::string>{"pass host"}) << "setuid alice is no host privilege";
    tree.remove(copy);
    tree.link(copy, "/usr/bin/newuidmap");
    EXPECT_EQ(verdict(), std::vector<std::string>{"pass host"}) << "the same file";
    for (const std::string found : {"/usr/libexec/a/b/newuidmap", "/var/lib/a/newgidmap"}) {
        tree.write(found, "", 04755);
        EXPECT_EQ(verdict(), std::vector<std::string>{"fail " + found + " high by-hand"});
        tree.remove(found);
    }
    tree.write("/tmp/a/b/c/newuidmap", "", 04755);
    tree.write("/var/lib/dpkg/info/newuidmap", "", 04755);
    EXPECT_EQ(verdict(), std::vector<std::string>{"pass host"}) << "too deep to be looked for";
    tree.write("/opt/newgidmap", "", 04755);
    EXPECT_EQ(verdict(), std::vector<std::string>{"fail /opt/newgidmap high by-hand"});
    tree.remove("/opt/newgidmap");
}

TEST(IdmapHelpers, SayWhereTheSearchForCopiesEnded) {
    const Tree tree;
    fill(tree, one, one);
    for (const char* helper : {"/usr/bin/newuidmap", "/usr/bin/newgidmap"})
        tree.write(helper, "", 04755);
    for (int i = 0; i < 30; ++i)
        tree.write("/usr/local/share/doc" + std::to_string(i) + "/README", "");
    tree.write("/opt/tool/bin/tool", "");
    Options few;
    few.params.helper_max_entries = 10;
    const auto found = [&] { return judge(tree, "subuid.idmap-helpers", few); };
    auto all = found();
    EXPECT_EQ(brief(all), std::vector<std::string>{"pass host"});
    EXPECT_NE(all.front().message.find("only a part was searched"), std::string::npos) << all.front().message;
    ASSERT_EQ(all.front().evidence.size(), 2U);
    EXPECT_EQ(all.front().evidence[0].source, "/usr/local");
    EXPECT_EQ(all.front().evidence[1].source, "/opt");
    few.params.helper_search_complete = true;
    EXPECT_EQ(brief(found()), (std::vector<std::string>{"unknown copies", "unknown copies"}));
    // What is near the top is seen all the same.
    tree.write("/root/newuidmap", "", 04755);
    few.params.helper_search_complete = false;
    EXPECT_EQ(brief(found()), std::vector<std::string>{"fail /root/newuidmap high by-hand"});
    tree.remove("/root");
    few.params.helper_max_entries = 5000;
    EXPECT_TRUE(found().front().evidence.empty());
    tree.link("/srv", "srv");
    all = found();
    EXPECT_EQ(brief(all), std::vector<std::string>{"pass host"});
    EXPECT_EQ(all.front().evidence.size(), 1U) << "cannot be listed";
    few.params.helper_search_complete = true;
    EXPECT_EQ(brief(found()), std::vector<std::string>{"unknown copies"});
}

TEST(IdmapHelpers, CopiesInAPathAreFoundWhateverTheBudget) {
    const Tree tree;
    fill(tree, one, one);
    for (const char* helper : {"/usr/bin/newuidmap", "/usr/bin/newgidmap"})
        tree.write(helper, "", 04755);
    tree.write("/etc/login.defs", "ENV_SUPATH\tPATH=/usr/sbin:/data/sbin\nENV_PATH PATH=/usr/bin\n");
    tree.write("/etc/profile", "# PATH=/data/comment\nPATH=\"/usr/bin:/data/profile\"\nMANPATH=/data/man\n");
    tree.write("/etc/profile.d/tools.sh", "export PATH=$PATH:/data/tools\n");
    tree.write("/etc/profile.d/tools.csh", "setenv PATH=/data/csh\n");
    Options none;
    none.params.helper_max_entries = 0;
    none.params.helper_search_complete = false;
    for (const char* dir : {"/data/sbin", "/data/profile", "/data/tools", "/home/alice/bin",
                            "/home/bob/.local/bin", "/root/bin"}) {
        const std::string copy = std::string(dir) + "/newgidmap";
        tree.write(copy, "", 04755);
        EXPECT_EQ(brief(judge(tree, "subuid.idmap-helpers", none)),
                  std::vector<std::string>{"fail " + copy + " high by-hand"});
        none.params.helper_max_entries = 5000;
        EXPECT_EQ(brief(judge(tree, "subuid.idmap-helpers", none)).size(), 1U) << "once";
        none.params.helper_max_entries = 0;
        tree.remove(copy);
    }
    tree.link("/home/alice/bin/newuidmap", "/usr/bin/newuidmap");
    tree.link("/home/alice/bin/newgidmap", "newgidmap");
    tree.write("/home/bob/.local/bin", "");
    EXPECT_EQ(brief(judge(tree, "subuid.idmap-helpers", none)), std::vector<std::string>{"pass host"})
        << "the helper itself, a link to itself, no directory";
    tree.remove("/home/alice/bin/newgidmap");
    tree.link("/home/alice/bin/newgidmap", "/data/far/away/newgidmap");
    tree.write("/data/far/away/newgidmap", "", 04755);
    EXPECT_EQ(brief(judge(tree, "subuid.idmap-helpers", none)),
              std::vector<std::string>{"fail /home/alice/bin/newgidmap high by-hand"});
    tree.remove("/home/alice/bin/newgidmap");
    for (const char* dir : {"/data/comment", "/data/man", "/data/csh"})
        tree.write(std::string(dir) + "/newgidmap", "", 04755);
    EXPECT_EQ(brief(judge(tree, "subuid.idmap-helpers", none)), std::vector<std::string>{"pass host"});
    tree.fifo("/etc/profile");
    EXPECT_EQ(judge(tree, "subuid.idmap-helpers", none).front().status, Status::unknown);
}

// Otherwise every file that anybody makes in /tmp would wake the daemon.
TEST(IdmapHelpers, OnlyQuietPlacesAreWatchedForCopies) {
    const Tree tree;
    fill(tree, one, one);
    tree.write("/tmp/a/newuidmap", "", 0755);
    tree.write("/home/alice/bin/tool", "");
    tree.directory("/usr/local/bin");
    const auto host = tree.host();
    host::Footprint accounts;
    host.root().record(&accounts);
    ASSERT_TRUE(host.accounts());
    host::Footprint seen;
    host.root().record(&seen);
    (void)find_copies(host, {}, 5000);
    host.root().record(nullptr);
    // Of the accounts, for their homes.
    std::erase_if(seen.paths, [&](const std::string& path) { return accounts.paths.contains(path); });
    std::erase_if(seen.listed, [&](const std::string& path) { return accounts.listed.contains(path); });
    std::set<std::string, std::less<>> expected{"/usr/local", "/usr/local/bin", "/usr/libexec", "/opt"};
    EXPECT_EQ(seen.listed, expected);
    expected.insert("/tmp/a/newuidmap");
    EXPECT_EQ(seen.paths, expected);
}

TEST(IdmapHelpers, TakeFileCapabilitiesToo) {
    if (::geteuid() != 0)
        GTEST_SKIP() << "needs root to set file capabilities";
    const Tree tree;
    fill(tree, one, one);
    tree.write("/usr/bin/newgidmap", "", 04755);
    tree.write("/usr/bin/newuidmap", "", 0755);
    // VFS_CAP_REVISION_2 with the effective flag, permitted cap_setuid (7).
    const std::string setuid("\1\0\0\2\x80\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0", 20);
    const std::string path = tree.path("/usr/bin/newuidmap");
    if (::setxattr(path.c_str(), "security.capability", setuid.data(), setuid.size(), 0) != 0)
        GTEST_SKIP() << "no file capabilities on this filesystem";
    const auto verdict = [&] { return brief(judge(tree, "subuid.idmap-helpers")); };
    EXPECT_EQ(verdict(), std::vector<std::string>{"pass host"});
    ::chmod(path.c_str(), 04755);
    EXPECT_EQ(verdict(), std::vector<std::string>{"fail /usr/bin/newuidmap high by-hand"}) << "both";
    ::chmod(path.c_str(), 0755);
    const std::string all("\1\0\0\2\xff\xff\xff\xff\0\0\0\0\xff\1\0\0\0\0\0\0", 20);
    ::setxattr(path.c_str(), "security.capability", all.data(), all.size(), 0);
    EXPECT_EQ(verdict(), std::vector<std::string>{"fail /usr/bin/newuidmap high by-hand"}) << "too many";
    for (const char root : {'\0', '\1'}) {  // VFS_CAP_REVISION_3, with the root of a namespace
        const std::string for_root =
            std::string("\1\0\0\3", 4) + setuid.substr(4) + std::string{root, 0, 0, 0};
        ::setxattr(path.c_str(), "security.capability", for_root.data(), for_root.size(), 0);
        EXPECT_EQ(verdict(),
                  std::vector<std::string>{root == 0 ? "pass host" : "fail /usr/bin/newuidmap high by-hand"});
    }
}

struct DefsCase {
    const char* what;
    const char* defs;
    const char* fixed;  // nullptr: passes
};

TEST(AllocPolicy, CorrectsOnlyWhatIsWrong) {
    const std::vector<DefsCase> cases{
        {"built-in values", "UMASK 022\n", nullptr},
        {"Debian's", "SUB_UID_MIN 100000\nSUB_UID_MAX 600100000\nSUB_UID_COUNT 65536\n", nullptr},
        {"hex is a number", "SUB_UID_COUNT 0x10000\n", nullptr},
        {"too few", "SUB_UID_COUNT 1000 # x\nUMASK 022\n", "SUB_UID_COUNT\t65536\nUMASK 022\n"},
        {"none", "SUB_GID_COUNT 0", "SUB_GID_COUNT\t65536"},
        {"octal", "SUB_UID_COUNT 065536\n", "SUB_UID_COUNT\t65536\n"},
        {"garbage", "SUB_UID_MIN 100k\n", "SUB_UID_MIN\t100000\n"},
        {"reaches accounts", "SUB_UID_MIN 1000\nSUB_UID_MIN 2000\n",
         "SUB_UID_MIN 1000\nSUB_UID_MIN\t100000\n"},
        {"signed", "SUB_UID_MAX 4294967295\n", "SUB_UID_MAX\t600100000\n"},
        {"no room", "SUB_UID_MIN 700000000\n", "SUB_UID_MIN 700000000\nSUB_UID_MAX\t2147483647\n"},
        {"wrap", "UNSAFE_SUB_UID_DETERMINISTIC_WRAP yes\n", "UNSAFE_SUB_UID_DETERMINISTIC_WRAP\tno\n"},
        {"other groups", "GRANT_AUX_GROUP_SUBIDS YES\n", "GRANT_AUX_GROUP_SUBIDS\tno\n"},
        {"other groups, not", "GRANT_AUX_GROUP_SUBIDS maybe\n", nullptr},
    };
    for (const auto& c : cases) {
        SCOPED_TRACE(c.what);
        const Tree tree({{"/etc/login.defs", c.defs}});
        const auto found = judge(tree, "subuid.alloc-policy");
        ASSERT_EQ(found.size(), 1U);
        EXPECT_EQ(found.front().status, c.fixed == nullptr ? Status::pass : Status::fail);
        if (c.fixed == nullptr)
            continue;
        EXPECT_EQ(found.front().fix->changes, (std::vector<policy::Change>{policy::WriteFile{
                                                  "/etc/login.defs", c.fixed, 0644, 0, 0, sha256(c.defs)}}));
        tree.write("/etc/login.defs", c.fixed);
        EXPECT_EQ(brief(judge(tree, "subuid.alloc-policy")), std::vector<std::string>{"pass host"});
    }
}

TEST(AllocPolicy, KnowsVendorsFilesAndDropIns) {
    const Tree vendor({{"/usr/etc/login.defs", "SUB_UID_COUNT 1\n"}});
    EXPECT_EQ(judge(vendor, "subuid.alloc-policy").front().fix->changes,
              (std::vector<policy::Change>{
                  policy::WriteFile{"/etc/login.defs", "SUB_UID_COUNT\t65536\n", 0644, 0, 0, ""}}));
    const Tree drop_in({{"/etc/login.defs.d/60.defs", "SUB_UID_COUNT 1\n"}});
    EXPECT_EQ(brief(judge(drop_in, "subuid.alloc-policy")),
              std::vector<std::string>{"fail /etc/login.defs.d/60.defs medium by-hand"});
    const Tree link({{"/opt/defs", "SUB_UID_COUNT 1\n"}});
    link.link("/etc/login.defs", "/opt/defs");
    EXPECT_EQ(brief(judge(link, "subuid.alloc-policy")),
              std::vector<std::string>{"fail /etc/login.defs medium by-hand"});
    const Tree none;
    EXPECT_EQ(brief(judge(none, "subuid.alloc-policy")), std::vector<std::string>{"pass host"});
    const Tree fifo;
    fifo.fifo("/etc/login.defs");
    EXPECT_EQ(brief(judge(fifo, "subuid.alloc-policy")), std::vector<std::string>{"unknown /etc/login.defs"});
}

TEST(AllocPolicy, KnowsWhatDeterministicRangesAreWithoutFurtherKeys) {
    for (const std::string kind : {"SUB_UID", "SUB_GID"}) {
        const std::string rule = kind + "_DETERMINISTIC yes\n";
        const Tree tree({{"/etc/login.defs", rule}});
        const auto found = judge(tree, "subuid.alloc-policy");
        EXPECT_EQ(brief(found), std::vector<std::string>{"fail /etc/login.defs medium fixable"});
        ASSERT_EQ(found.front().evidence.size(), 2U) << "65536 to 4294967295";
        EXPECT_EQ(found.front().evidence[0].found, kind + "_MIN has its built-in value");
        EXPECT_EQ(found.front().evidence[1].found, kind + "_MAX has its built-in value");
        const std::string sane = kind + "_MIN 100000\n" + kind + "_MAX 600100000\n";
        tree.write("/etc/login.defs", "");
        tree.write("/etc/login.defs.d/60.defs", rule);
        EXPECT_EQ(brief(judge(tree, "subuid.alloc-policy")),
                  std::vector<std::string>{"fail /etc/login.defs.d/60.defs medium by-hand"});
        tree.write("/etc/login.defs", sane);
        EXPECT_EQ(brief(judge(tree, "subuid.alloc-policy")), std::vector<std::string>{"pass host"});
    }
}

TEST(AllocPolicy, HoldsLinesAgainstTheDeterministicRule) {
    const Tree tree;
    fill(tree, "alice:100000:65536\nbob:165536:65536\n", "");
    tree.write("/etc/login.defs",
               "SUB_UID_DETERMINISTIC yes\nSUB_UID_MIN 100000\nSUB_UID_MAX 600100000\n"
               "SUB_GID_DETERMINISTIC Yes\nSUB_GID_MIN 200000\nSUB_GID_MAX 600100000\n");
    const auto verdict = [&] { return brief(judge(tree, "subuid.alloc-policy")); };
    EXPECT_EQ(verdict(), std::vector<std::string>{"pass host"});
    fill(tree, "alice:165536:65536\n", "alice:200000:65536\nbob:265536:65536\n");
    EXPECT_EQ(verdict(), std::vector<std::string>{"fail deterministic uid medium by-hand"});
    fill(tree, "", "alice:100000:65536\n");
    EXPECT_EQ(verdict(), std::vector<std::string>{"fail deterministic gid medium by-hand"});
}

}  // namespace
}  // namespace plimsoll::modules::subuid
