// SPDX-License-Identifier: Apache-2.0
// Which files podman merges for whom, and what they come to.
#include "modules/rootless/engine_config_files.hpp"

#include "tests/support/tree.hpp"

#include <gtest/gtest.h>

namespace plimsoll::modules::rootless {
namespace {

const ConfOwner alice{"alice", 1000, "/home/alice"};
const ConfOwner root{"root", 0, "/root"};

std::string order(const tests::Tree& tree, Layering layering, const ConfOwner& owner,
                  const std::string& kind = "containers") {
    const auto files = read_config_files(tree.host().root(), kind, {root, alice});
    std::string out;
    for (const ConfFile* f : merge_order(files, kind, layering, owner))
        out += f->path + "\n";
    return out;
}

void fill_every_place(const tests::Tree& tree) {
    for (const char* path :
         {"usr/share/containers/containers.conf", "usr/share/containers/containers.conf.d/50-a.conf",
          "etc/containers/containers.conf", "etc/containers/containers.conf.d/50-a.conf",
          "etc/containers/containers.conf.d/60-b.conf", "etc/containers/containers.conf.d/README",
          "etc/containers/containers.conf.d/sub.conf/x.conf", "etc/containers/containers.rootless.conf",
          "etc/containers/containers.rootless.conf.d/40-c.conf",
          "etc/containers/containers.rootless.conf.d/1000/30-d.conf",
          "etc/containers/containers.rootless.conf.d/1001/30-e.conf",
          "etc/containers/containers.rootful.conf.d/20-f.conf",
          "home/alice/.config/containers/containers.conf",
          "home/alice/.config/containers/containers.conf.d/10-g.conf"})
        tree.write(path, "[containers]\n");
}

TEST(ConfFilesOrder, UpToPodman56EverythingIsMergedTheUserLast) {
    const tests::Tree tree;
    fill_every_place(tree);
    EXPECT_EQ(order(tree, Layering::merged, alice),
              "/usr/share/containers/containers.conf\n"
              "/etc/containers/containers.conf\n"
              "/etc/containers/containers.conf.d/50-a.conf\n"
              "/etc/containers/containers.conf.d/60-b.conf\n"
              "/home/alice/.config/containers/containers.conf\n"
              "/home/alice/.config/containers/containers.conf.d/10-g.conf\n");
    EXPECT_EQ(order(tree, Layering::merged, root),
              "/usr/share/containers/containers.conf\n"
              "/etc/containers/containers.conf\n"
              "/etc/containers/containers.conf.d/50-a.conf\n"
              "/etc/containers/containers.conf.d/60-b.conf\n");
}

TEST(ConfFilesOrder, Podman57AddsTheRootlessFiles) {
    const tests::Tree tree;
    fill_every_place(tree);
    EXPECT_EQ(order(tree, Layering::merged_rootless, alice),
              "/usr/share/containers/containers.conf\n"
              "/etc/containers/containers.conf\n"
              "/etc/containers/containers.conf.d/50-a.conf\n"
              "/etc/containers/containers.conf.d/60-b.conf\n"
              "/etc/containers/containers.rootless.conf\n"
              "/etc/containers/containers.rootless.conf.d/40-c.conf\n"
              "/etc/containers/containers.rootless.conf.d/1000/30-d.conf\n"
              "/home/alice/.config/containers/containers.conf\n"
              "/home/alice/.config/containers/containers.conf.d/10-g.conf\n");
}

TEST(ConfFilesOrder, Podman6TakesOneMainFileAndDropInsByName) {
    const tests::Tree tree;
    fill_every_place(tree);
    tree.link("etc/containers/containers.conf.d/55-link.conf", "50-a.conf");
    EXPECT_EQ(order(tree, Layering::first_main, alice),
              "/home/alice/.config/containers/containers.conf\n"
              "/home/alice/.config/containers/containers.conf.d/10-g.conf\n"
              "/etc/containers/containers.rootless.conf.d/1000/30-d.conf\n"
              "/etc/containers/containers.rootless.conf.d/40-c.conf\n"
              "/etc/containers/containers.conf.d/50-a.conf\n"
              "/etc/containers/containers.conf.d/60-b.conf\n")
        << "of one name the later directory's; a symlink is passed over";
    EXPECT_EQ(order(tree, Layering::first_main, root),
              "/etc/containers/containers.conf\n"
              "/etc/containers/containers.rootful.conf.d/20-f.conf\n"
              "/etc/containers/containers.conf.d/50-a.conf\n"
              "/etc/containers/containers.conf.d/60-b.conf\n");
}

TEST(ConfFilesOrder, StorageConfHasNoDropInsBeforePodman6) {
    const tests::Tree tree{{"usr/share/containers/storage.conf", ""},
                           {"etc/containers/storage.conf", ""},
                           {"etc/containers/storage.conf.d/a.conf", ""},
                           {"home/alice/.config/containers/storage.conf", ""}};
    EXPECT_EQ(order(tree, Layering::merged, root, "storage"), "/etc/containers/storage.conf\n");
    EXPECT_EQ(order(tree, Layering::merged, alice, "storage"),
              "/etc/containers/storage.conf\n/home/alice/.config/containers/storage.conf\n");
    EXPECT_EQ(order(tree, Layering::first_main, root, "storage"),
              "/etc/containers/storage.conf\n/etc/containers/storage.conf.d/a.conf\n");
}

Effective merged(std::initializer_list<std::pair<std::string, std::string>> files) {
    ConfFiles out;
    for (const auto& [path, text] : files)
        out = with_file(std::move(out), path, text);
    return merge_config(out, "containers", Layering::merged, alice);
}

constexpr const char* etc = "/etc/containers/containers.conf";
constexpr const char* drop_in = "/etc/containers/containers.conf.d/a.conf";

TEST(MergeConfig, LaterFilesWinPerKeyAndTheOriginIsKept) {
    const auto e = merged({{etc, "[containers]\nnetns = \"host\"\npidns = \"host\"\n"},
                           {drop_in, "[containers]\n\nnetns = \"private\"\n"}});
    ASSERT_NE(e.find("containers.netns"), nullptr);
    EXPECT_EQ(e.find("containers.netns")->value, Value("private"));
    EXPECT_EQ(e.find("containers.netns")->source, std::string(drop_in) + ":3");
    EXPECT_EQ(e.find("containers.pidns")->source, std::string(etc) + ":3");
}

TEST(MergeConfig, KeysAreComparedWithoutRegardToCase) {
    const auto e =
        merged({{etc, "[Containers]\nPrivileged = true\n\"\xC5\xBF\" = 1\n\"\xE2\x84\xAA\" = 2\n"}});
    ASSERT_NE(e.find("containers.privileged"), nullptr);
    EXPECT_NE(e.find("containers.s"), nullptr) << "U+017F folds to s";
    EXPECT_NE(e.find("containers.k"), nullptr) << "U+212A folds to k";
    EXPECT_TRUE(e.refused.empty());
    const auto twice = merged({{etc, "[containers]\nprivileged = false\nPrivileged = true\n"}});
    ASSERT_EQ(twice.refused.size(), 1u);
    EXPECT_TRUE(twice.refused[0].starts_with(std::string(etc) + ":3: ")) << twice.refused[0];
}

TEST(MergeConfig, ArraysReplaceUnlessTheyAppend) {
    const auto replaced =
        merged({{etc, "[containers]\nvolumes = [\"a\"]\n"}, {drop_in, "[containers]\nvolumes = [\"b\"]\n"}});
    EXPECT_EQ(show_value(replaced.find("containers.volumes")->value), "[\"b\"]");
    const auto appended = merged({{etc, "[containers]\nvolumes = [\"a\", {append=true}]\n"},
                                  {drop_in, "[containers]\nvolumes = [\"b\"]\n"}});
    EXPECT_EQ(show_value(appended.find("containers.volumes")->value), "[\"a\", \"b\"]");
    EXPECT_EQ(appended.find("containers.volumes")->source,
              std::string(etc) + ":2, " + std::string(drop_in) + ":2");
    const auto reset = merged({{etc, "[containers]\nvolumes = [\"a\", {append=true}]\n"},
                               {drop_in, "[containers]\nvolumes = [\"b\", {append=false}]\n"}});
    EXPECT_EQ(show_value(reset.find("containers.volumes")->value), "[\"b\"]");
}

TEST(MergeConfig, WhatPodmanWouldRefuseIsNamed) {
    const auto e = merged({{etc, "[containers\n"}});
    ASSERT_EQ(e.refused.size(), 1u);
    EXPECT_TRUE(e.refused[0].starts_with(std::string(etc) + ":1:")) << e.refused[0];
    EXPECT_TRUE(e.settings.empty());
}

TEST(ReadConfig, HostileFilesOfUsersAreErrorsNotContent) {
    const tests::Tree tree{{"etc/shadow", "root:$6$secret\n"}};
    const std::string mine = "home/alice/.config/containers/";
    tree.write("etc/shadow", "root:$6$secret\n", 0600);
    tree.link(mine + "containers.conf", "/etc/shadow");
    tree.fifo(mine + "containers.conf.d/fifo.conf");
    tree.write(mine + "containers.conf.d/huge.conf", std::string(300000, '#'));
    tree.write(mine + "containers.conf.d/latin1.conf", "[containers]\nnetns = \"\xE9\"\n");
    tree.link(mine + "containers.conf.d/nowhere.conf", "/none");
    tree.link(mine + "containers.conf.d/out.conf", "../../../../../../../../etc/shadow");
    const auto e = merge_config(read_config_files(tree.host().root(), "containers", {root, alice}),
                                "containers", Layering::merged, alice);
    EXPECT_EQ(e.unreadable.size(), 4u) << "two links to a foreign file, a FIFO, a huge file";
    EXPECT_EQ(e.refused.size(), 1u) << "not UTF-8";
    for (const Error& error : e.unreadable)
        EXPECT_EQ(error.message.find("secret"), std::string::npos);
    EXPECT_TRUE(e.settings.empty());
}

TEST(ReadConfig, ADirectoryFullOfFilesIsNotRead) {
    const tests::Tree tree;
    for (int i = 0; i < 300; ++i)
        tree.write("home/alice/.config/containers/containers.conf.d/" + std::to_string(i) + ".conf", "");
    const auto files = read_config_files(tree.host().root(), "containers", {alice});
    EXPECT_EQ(files.directories.size(), 1u);
    EXPECT_EQ(merge_config(files, "containers", Layering::merged, alice).unreadable.size(), 1u);
}

TEST(PodmanVersion, ChoosesTheLayering) {
    struct Case {
        const char* version;
        std::vector<Layering> want;
    };

    const std::vector<Layering> all{Layering::merged, Layering::merged_rootless, Layering::first_main};
    for (const Case& c :
         {Case{"4.3.1+ds1-8+deb12u1", {Layering::merged}}, Case{"5.4.2+ds1-2", {Layering::merged}},
          Case{"5.7.0-1", {Layering::merged_rootless}}, Case{"2:5.10.1-1", {Layering::merged_rootless}},
          Case{"6.0.0~rc1", {Layering::first_main}}, Case{"x", all}, Case{"", all}, Case{"5", all}}) {
        const Podman podman{true, c.version};
        EXPECT_EQ(podman.layerings(), c.want) << c.version;
    }
    EXPECT_EQ((Podman{true, {}}.layerings()), all);
    EXPECT_FALSE((Podman{true, {}}.older_than(5, 0)));
    EXPECT_TRUE((Podman{true, "4.3.1"}.older_than(4, 7)));
}

TEST(PodmanVersion, ComesFromThePackageUnlessALocalBinaryHidesIt) {
    const tests::Tree tree{
        {"var/lib/dpkg/status", "Package: podman\nStatus: install ok installed\nVersion: 5.4.2+ds1-2\n\n"},
        {"usr/bin/podman", ""}};
    EXPECT_EQ(find_podman(tree.host()).version, "5.4.2+ds1-2");
    tree.write("usr/local/bin/podman", "");
    EXPECT_EQ(find_podman(tree.host()).version, std::nullopt);
    EXPECT_TRUE(find_podman(tree.host()).present);
    EXPECT_FALSE(find_podman(tests::Tree().host()).present);
}

}  // namespace
}  // namespace plimsoll::modules::rootless
