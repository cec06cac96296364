// SPDX-License-Identifier: Apache-2.0
// A18 and A19, and the speed of the module.
#include "modules/subuid/test_support.hpp"

#include <unistd.h>

namespace plimsoll::modules::subuid {
namespace {

constexpr const char* one = "alice:100000:65536\n";

host::Process process(int pid, int parent, std::uint32_t uid) {
    host::Process p;
    p.pid = pid;
    p.parent = parent;
    p.comm = "app";
    p.uid = {uid, uid, uid, uid};
    p.user_ns = host::initial_user_ns;
    return p;
}

host::Process contained(int pid, int parent, std::vector<host::IdMapLine> map) {
    auto p = process(pid, parent, map.empty() ? 0 : map.front().outside);
    p.user_ns = 5000U + static_cast<unsigned>(pid);
    p.uid_map = map;
    p.gid_map = std::move(map);
    return p;
}

std::vector<std::string> verdict(std::vector<host::Process> processes, const std::string& subuid = one) {
    const Tree tree;
    fill(tree, subuid, subuid);
    Facts facts = Subuid::observe(tree.host(), {}, {});
    facts.live = true;
    facts.processes = std::move(processes);
    return brief(of(Subuid::evaluate({}, {}, facts, {}), "subuid.effective-mapping"));
}

TEST(EffectiveMapping, ComparesMapsWithTheFiles) {
    const auto init = process(1, 0, 0);
    const auto shell = process(10, 1, 1000);
    EXPECT_EQ(verdict({init, shell}), std::vector<std::string>{"not-applicable host"});
    EXPECT_EQ(verdict({init, contained(20, 1, {{0, 1000, 1}, {1, 100000, 65536}})}),
              std::vector<std::string>{"pass host"});
    EXPECT_EQ(verdict({init, contained(20, 1, {{0, 1000, 1}, {1, 100000, 65537}})}),
              std::vector<std::string>{"fail alice medium by-hand"});
    EXPECT_EQ(verdict({init, contained(20, 1, {{0, 1000, 1}, {1, 300000, 65536}})}),
              std::vector<std::string>{"fail alice medium by-hand"});
    EXPECT_EQ(verdict({init, shell, contained(20, 10, {{0, 300000, 65536}})}),
              std::vector<std::string>{"fail alice medium by-hand"})
        << "without the user's own id, the parent tells whose it is";
    EXPECT_EQ(verdict({init, contained(20, 1, {{0, 300000, 65536}})}),
              std::vector<std::string>{"not-applicable host"})
        << "made by root";
    EXPECT_EQ(verdict({init, contained(20, 1, {{0, 0, 4294967295U}})}),
              std::vector<std::string>{"not-applicable host"});
    EXPECT_EQ(verdict({init, contained(20, 1, {})}), std::vector<std::string>{"not-applicable host"});
    EXPECT_EQ(verdict({init, shell, contained(20, 10, {{0, 0, 1}})}),
              std::vector<std::string>{"fail alice medium by-hand"})
        << "host root in use";
}

TEST(EffectiveMapping, IsUnknownWhenNamespacesCannotBeSeen) {
    auto dark = process(30, 1, 0);
    dark.user_ns.reset();
    EXPECT_EQ(verdict({process(1, 0, 0), dark}), std::vector<std::string>{"unknown pid 30"});
    auto mapless = contained(30, 1, {{0, 1000, 1}});
    mapless.uid_map.reset();
    EXPECT_EQ(verdict({process(1, 0, 0), mapless}), std::vector<std::string>{"unknown pid 30"});
    const Tree tree;
    fill(tree, one, one);
    EXPECT_EQ(brief(judge(tree, "subuid.effective-mapping")),
              std::vector<std::string>{"not-applicable host"});
    Facts facts = Subuid::observe(tree.host(), {}, {});
    facts.live = true;
    facts.processes = fail(Code::permission, "/proc: Permission denied");
    EXPECT_EQ(brief(of(Subuid::evaluate({}, {}, facts, {}), "subuid.effective-mapping")),
              std::vector<std::string>{"unknown /proc"});
}

TEST(StaleOwner, IsKeptWhileAProcessUsesTheRange) {
    const Tree tree;
    fill(tree, "ghost:100000:65536\n", "");
    Facts facts = Subuid::observe(tree.host(), {}, {});
    facts.live = true;
    facts.processes = std::vector<host::Process>{contained(20, 1, {{0, 100000, 65536}})};
    EXPECT_EQ(brief(of(Subuid::evaluate({}, {}, facts, {}), "subuid.stale-owner")),
              std::vector<std::string>{"fail ghost medium by-hand"});
    facts.processes = std::vector<host::Process>{process(1, 0, 0)};
    EXPECT_EQ(brief(of(Subuid::evaluate({}, {}, facts, {}), "subuid.stale-owner")),
              std::vector<std::string>{"fail ghost medium fixable"});
}

TEST(ForeignScan, FindsFilesOfOtherRanges) {
    if (::geteuid() != 0)
        GTEST_SKIP() << "needs root to give files away";
    const Tree tree;
    fill(tree, one, one);
    const auto scan = [&](const Options& o = {}) { return brief(judge(tree, "subuid.foreign-scan", o)); };
    EXPECT_EQ(scan(), std::vector<std::string>{"not-applicable host"});
    const std::string store = "/home/alice/.local/share/containers/storage";
    tree.write(store + "/overlay/l1/diff/etc/passwd", "");
    for (const char* below : {"", "/overlay", "/overlay/l1", "/overlay/l1/diff", "/overlay/l1/diff/etc",
                              "/overlay/l1/diff/etc/passwd"})
        ASSERT_EQ(::chown(tree.path(store + below).c_str(), 100001, 100001), 0);
    EXPECT_EQ(scan(), std::vector<std::string>{"pass host"});
    ASSERT_EQ(::chown(tree.path(store + "/overlay/l1/diff/etc/passwd").c_str(), 300000, 100000), 0);
    const auto found = judge(tree, "subuid.foreign-scan");
    EXPECT_EQ(brief(found), std::vector<std::string>{"fail alice low by-hand"});
    EXPECT_EQ(found.front().evidence.front().source, store + "/overlay/l1/diff/etc/passwd");
    Options few;
    few.params.scan_max_entries = 2;
    EXPECT_EQ(scan(few), std::vector<std::string>{"unknown storage"});
    tree.link(store + "/overlay/l1/diff/etc/passwd", "/etc/shadow");  // links are not followed
    ASSERT_EQ(::lchown(tree.path(store + "/overlay/l1/diff/etc/passwd").c_str(), 100000, 100000), 0);
    EXPECT_EQ(scan(), std::vector<std::string>{"pass host"});
}

void give(const Tree& tree, const std::string& path, std::uint32_t id) {
    ASSERT_EQ(::lchown(tree.path(path).c_str(), id, id), 0);
}

class Storage : public testing::Test {
  protected:
    void SetUp() override {
        if (::geteuid() != 0)
            GTEST_SKIP() << "needs root to give files away";
        fill(tree, "alice:100000:65536\ncontainers:300000:65536\n",
             "alice:100000:65536\ncontainers:300000:65536\n");
    }

    [[nodiscard]] std::vector<std::string> scan() const { return brief(judge(tree, "subuid.foreign-scan")); }

    // A directory of rootless storage that belongs to its user.
    void storage_of(const std::string& directory, std::uint32_t id) const {
        tree.directory(directory);
        give(tree, directory, id);
    }

    Tree tree;
    const std::vector<std::string> none{"not-applicable host"};
    const std::vector<std::string> pass{"pass host"};
    const std::vector<std::string> alice{"fail alice low by-hand"};
    const std::vector<std::string> unseen{"unknown storage"};
};

TEST_F(Storage, HasATopThatCountsToo) {
    const std::string store = "/home/alice/.local/share/docker";
    storage_of(store, 1000);
    EXPECT_EQ(scan(), pass);
    give(tree, store, 300000);
    EXPECT_EQ(scan(), alice);
}

TEST_F(Storage, InAHomeThatIsNoAccountsIsWhoevers) {
    const std::string store = "/home/gone/.local/share/containers/storage";
    storage_of(store, 1000);
    EXPECT_EQ(scan(), std::vector<std::string>{"fail " + store + " low by-hand"});
    tree.write("/etc/nsswitch.conf", "passwd: files sss\n");
    EXPECT_EQ(scan(), std::vector<std::string>{"unknown " + store});
    tree.remove("/etc/nsswitch.conf");
    tree.remove("/home");
    storage_of("/var/home/alice/.local/share/containers/storage", 1000);
    tree.link("/home", "var/home");
    EXPECT_EQ(scan(), pass);
    tree.write("/etc/passwd", "alice:x:1000:1000::/var/home/alice:/bin/bash\n");
    EXPECT_EQ(scan(), pass) << "the same home";
    fill(tree, "ghost:500000:65536\n", "");
    storage_of("/home/ghost/.local/share/containers/storage", 500000);
    EXPECT_EQ(brief(judge(tree, "subuid.stale-owner")),
              std::vector<std::string>{"fail ghost medium by-hand"});
}

TEST_F(Storage, IsFollowedToWhereTheConfigurationPutsIt) {
    const std::string user_conf = "/home/alice/.config/containers/storage.conf";
    storage_of("/srv/alice", 300000);
    EXPECT_EQ(scan(), none);
    for (const auto& [file, text] : std::vector<std::pair<std::string, std::string>>{
             {user_conf, "[storage]\ngraphroot = \"/srv/alice\"\n"},
             {user_conf, "[storage]\nrootless_storage_path = \"/srv/$USER\"\n"},
             {"/home/alice/.config/docker/daemon.json", R"({"data-root": "/srv/alice"})"},
             {"/etc/containers/storage.conf", "[storage]\nrootless_storage_path = \"/srv/$USER\"\n"}}) {
        tree.write(file, text);
        EXPECT_EQ(scan(), alice) << file;
        tree.remove(file);
    }
    for (const auto& [file, text] : std::vector<std::pair<std::string, std::string>>{
             {user_conf, "[storage]\ngraphroot = \"$XDG_DATA_HOME/x\"\n"},
             {user_conf, "[storage"},
             {"/home/alice/.config/docker/daemon.json", "{"},
             {"/etc/containers/storage.conf.d/a.conf", "[storage]\ngraphroot = \"/x\"\n"}}) {
        tree.write(file, text);
        EXPECT_EQ(scan(), unseen) << text;
        tree.remove(file);
    }
    tree.link("/home/alice/.local/share/containers/storage", "/srv/alice");
    EXPECT_EQ(scan(), unseen) << "a link";
    tree.remove("/home/alice");
    write_homed(tree, "hugo", 60231);
    EXPECT_EQ(scan(), unseen) << "hugo is away";
    tree.directory("/home/hugo");
    EXPECT_EQ(scan(), unseen) << "only where the home would be is there";
    tree.write("/home/hugo/.identity", "{}");
    EXPECT_EQ(scan(), none);
}

TEST_F(Storage, OfRootHoldsNothingOfAUser) {
    const std::string layer = "/var/lib/containers/storage/overlay/l1/diff";
    tree.directory(layer);
    for (const std::uint32_t id : {0U, 999U, 300001U}) {
        give(tree, layer, id);
        EXPECT_EQ(scan(), pass) << id;
    }
    give(tree, layer, 100001);
    EXPECT_EQ(scan(), std::vector<std::string>{"fail /var/lib/containers/storage low by-hand"});
    tree.write("/etc/containers/storage.conf", "[storage]\ngraphroot = \"/data/c\"\n");
    EXPECT_EQ(scan(), none);
    for (const std::string top :
         {"/overlay2/l/diff", "/vfs/dir/l", "/btrfs/subvolumes/l", "/volumes/v/_data"}) {
        tree.directory("/data/c" + top);
        give(tree, "/data/c" + top, 100001);
        EXPECT_EQ(scan(), std::vector<std::string>{"fail /data/c low by-hand"}) << top;
        tree.remove("/data/c");
    }
    tree.write("/etc/docker/daemon.json", R"({"data-root": "/data/d"})");
    tree.directory("/data/docker/overlay2/l/diff");
    tree.link("/data/d", "docker");
    give(tree, "/data/docker/overlay2/l/diff", 100001);
    EXPECT_EQ(scan(), std::vector<std::string>{"fail /data/d low by-hand"});
    Options few;
    few.params.scan_max_entries = 0;
    EXPECT_EQ(brief(judge(tree, "subuid.foreign-scan", few)), unseen);
}

TEST_F(Storage, OfRootfulEnginesIsWhereTheirCommandLinesPutIt) {
    tree.directory("/data/d/overlay2/l/diff");
    give(tree, "/data/d/overlay2/l/diff", 100001);
    tree.write("/usr/lib/systemd/system/docker.service",
               "[Service]\nExecStart=/usr/bin/dockerd -H fd:// $OPTS\n");
    EXPECT_EQ(scan(), none);
    const std::vector<std::string> found{"fail /data/d low by-hand"};
    const std::string drop_in = "/etc/systemd/system/docker.service.d/x.conf";
    for (const std::string text :
         {"ExecStart=\nExecStart=/usr/bin/dockerd --data-root=/data/d/\n",
          "ExecStart=\nExecStart=/usr/bin/dockerd --data-root '/data/d'\n",
          "ExecStart=\nExecStart=dockerd -g /data/d\n", "ExecStart=\nExecStart=dockerd --graph=/data/d\n",
          "Environment=OPTS=--data-root=/data/d\n", "EnvironmentFile=/etc/default/docker\n",
          "ExecStart=\nExecStart=dockerd --config-file /etc/d.json\n"}) {
        tree.write("/etc/default/docker", "OPTS='--debug --data-root=/data/d'\n");
        tree.write("/etc/d.json", R"({"data-root": "/data/d"})");
        tree.write(drop_in, "[Service]\n" + text);
        EXPECT_EQ(scan(), found) << text;
    }
    for (const std::string text :
         {"ExecStart=\nExecStart=/usr/local/bin/start-docker\n",
          "ExecStart=\nExecStart=dockerd --config-file %E/d.json\n",
          "ExecStart=\nExecStart=dockerd --config-file d.json\n",
          "ExecStart=\nExecStart=dockerd --data-root=${DIR}/d\n",
          "ExecStart=\nExecStart=dockerd --data-root=d\n", "ExecStart=\nExecStart=dockerd --data-root=/%i\n",
          "PassEnvironment=OPTS\n"}) {
        tree.write(drop_in, "[Service]\n" + text);
        EXPECT_EQ(scan(), unseen) << text;
    }
    tree.fifo(drop_in);
    EXPECT_EQ(scan(), unseen);
    tree.remove("/etc/systemd/system/docker.service.d");
    tree.link("/etc/systemd/system/docker.service", "/dev/null");
    EXPECT_EQ(scan(), none);
}

TEST_F(Storage, OfContainerdIsLookedAtToo) {
    const std::string layer = "/io.containerd.snapshotter.v1.overlayfs/snapshots/1/fs";
    for (const std::string root :
         {"/var/lib/containerd", "/data/c", "/data/f", "/var/lib/rancher/k3s/agent/containerd"}) {
        tree.directory(root + layer);
        give(tree, root + layer, 100001);
        tree.write("/etc/containerd/config.toml", root == "/data/c" ? "root = \"/data/c\"\n" : "");
        tree.write("/etc/systemd/system/containerd.service",
                   "[Service]\nExecStart=/usr/bin/containerd" +
                       std::string(root == "/data/f" ? " --root /data/f" : "") + "\n");
        EXPECT_EQ(scan(), std::vector<std::string>{"fail " + root + " low by-hand"}) << root;
        tree.remove(root);
        EXPECT_EQ(scan(), none);
    }
    tree.write("/etc/containerd/config.toml", "root = ");
    EXPECT_EQ(scan(), unseen);
}

TEST_F(Storage, OfContainerdIsWhereItsImportsPutIt) {
    const std::string layer = "/io.containerd.snapshotter.v1.overlayfs/snapshots/1/fs";
    tree.directory("/data/c" + layer);
    give(tree, "/data/c" + layer, 100001);
    const std::string imports = "imports = ['conf.d/*.toml']\nroot = '/srv/none'\n";
    tree.write("/etc/containerd/config.toml", imports);
    tree.write("/etc/containerd/conf.d/a.toml", "root = '/data/c'\n");
    EXPECT_EQ(scan(), std::vector<std::string>{"fail /data/c low by-hand"});
    tree.write("/etc/containerd/conf.d/b.toml", "root = '/srv/other'\n");
    EXPECT_EQ(scan(), none) << "the last one counts";
    tree.write("/etc/containerd/config.toml",
               "imports = ['config.toml', 'conf.d/a.toml']\nroot = '/srv/none'\n");
    EXPECT_EQ(scan(), std::vector<std::string>{"fail /data/c low by-hand"}) << "itself counts once";
    tree.write("/etc/containerd/conf.d/a.toml", "imports = ['x.toml']\n");
    EXPECT_EQ(scan(), none);
    tree.write("/etc/containerd/conf.d/x.toml", "root = '/data/c'\n");
    EXPECT_EQ(scan(), std::vector<std::string>{"fail /data/c low by-hand"}) << "further ones";
    tree.write("/etc/containerd/conf.d/x.toml", "root = ");
    EXPECT_EQ(scan(), unseen);
    tree.write("/etc/containerd/config.toml", "imports = 'a.toml'\n");
    EXPECT_EQ(scan(), unseen);
}

TEST_F(Storage, OfSeveralRootfulEnginesIsWhereEachPutsIt) {
    const std::string layer = "/io.containerd.snapshotter.v1.overlayfs/snapshots/1/fs";
    Options live;
    live.live = true;
    const auto found = [&] { return brief(judge(tree, "subuid.foreign-scan", live)); };
    EXPECT_EQ(found(), unseen) << "where processes put it cannot be seen";
    tree.write("/proc/9/status", "Name:\tcontainerd\nUid:\t0\t0\t0\t0\n");
    tree.link("/proc/9/exe", "/usr/bin/containerd");
    tree.write("/proc/9/cmdline", std::string("containerd\0--root=/data/k\0", 26));
    for (const std::string root : {"/var/lib/containerd", "/data/k", "/var/lib/rancher/k3s/agent/containerd",
                                   "/var/lib/rancher/rke2/agent/containerd"})
        for (const char* unit : {"", "[Service]\nExecStart=/usr/bin/containerd\n"}) {
            tree.write("/etc/systemd/system/containerd.service", unit);
            tree.directory(root + layer);
            give(tree, root + layer, 100001);
            EXPECT_EQ(found(), std::vector<std::string>{"fail " + root + " low by-hand"}) << root;
            tree.remove(root);
            EXPECT_EQ(found(), none);
        }
    tree.write("/proc/9/cmdline", std::string("containerd\0--config=c.toml\0", 27));
    EXPECT_EQ(found(), unseen) << "its working directory is its own";
}

TEST_F(Storage, OfAUsersDockerIsWhereItsUnitPutsIt) {
    storage_of("/srv/alice", 300000);
    const std::string unit = "[Service]\nExecStart=/usr/bin/dockerd-rootless.sh --data-root ";
    for (const std::string dir : {"/.config/systemd/user", "/.local/share/systemd/user"}) {
        tree.write("/home/alice" + dir + "/docker.service", unit + "/srv/%u\n");
        EXPECT_EQ(scan(), alice) << dir;
        tree.write("/home/alice" + dir + "/docker.service", unit + "$WHERE\n");
        tree.write("/home/alice" + dir + "/docker.service.d/x.conf",
                   "[Service]\nEnvironment=WHERE=/srv/alice\n");
        EXPECT_EQ(scan(), alice) << dir;
        tree.write("/home/alice" + dir + "/docker.service", unit + "%S/docker\n");
        EXPECT_EQ(scan(), unseen) << dir;
        const std::string by_file = "[Service]\nExecStart=/usr/bin/dockerd-rootless.sh --config-file ";
        tree.write("/home/alice/d.json", R"({"data-root": "/srv/alice"})");
        tree.write("/home/alice" + dir + "/docker.service", by_file + "%h/d.json\n");
        EXPECT_EQ(scan(), alice) << dir;
        tree.write("/home/alice" + dir + "/docker.service", by_file + "${HOME}/d.json\n");
        EXPECT_EQ(scan(), alice) << dir;
        for (const std::string file : {"%E/d.json", "${XDG_CONFIG_HOME}/d.json", "/x $OPTIONS"}) {
            tree.write("/home/alice" + dir + "/docker.service", by_file + file + "\n");
            EXPECT_EQ(scan(), unseen) << dir << file;
        }
        tree.fifo("/home/alice" + dir + "/docker.service");
        EXPECT_EQ(scan(), unseen) << dir;
        tree.remove("/home/alice");
    }
}

TEST_F(Storage, OfRootIsSaidNotToBeWalked) {
    tree.directory("/var/lib/docker/overlay2/l/diff");
    const auto found = judge(tree, "subuid.foreign-scan");
    ASSERT_EQ(brief(found), pass);
    ASSERT_EQ(found.front().evidence.size(), 1U);
    EXPECT_EQ(found.front().evidence.front().source, "/var/lib/docker");
    EXPECT_NE(found.front().evidence.front().found.find("tops of layers"), std::string::npos);
}

TEST_F(Storage, OfDockerForARemapUserIsHis) {
    const std::string store = "/var/lib/docker/100000.100000";
    tree.directory(store + "/overlay2/l/diff");
    const std::vector<std::string> foreign{"fail " + store + " low by-hand"};
    EXPECT_EQ(scan(), foreign) << "dockerd does not remap any more";
    tree.write("/etc/docker/daemon.json", R"({"userns-remap": "alice"})");
    EXPECT_EQ(scan(), pass);
    give(tree, store + "/overlay2/l/diff", 300000);
    EXPECT_EQ(scan(), foreign);
    tree.write("/etc/docker/daemon.json", "{");
    EXPECT_EQ(scan(), (std::vector<std::string>{"unknown " + store, "unknown storage"}));
}

}  // namespace
}  // namespace plimsoll::modules::subuid
