// SPDX-License-Identifier: Apache-2.0
// B04 and B05: how dockerd is set, by its file and by its command line.
#include "modules/rootless/testing/engines_fixture.hpp"

#include <gmock/gmock.h>

#include <algorithm>

namespace {
using namespace plimsoll;
using namespace plimsoll::modules::rootless;
using namespace plimsoll::modules::rootless::testing;
using ::testing::ElementsAre;

constexpr std::string_view json_id = "docker.daemon-json";
constexpr const char* good_json =
    R"({"no-new-privileges":true,"icc":false,"live-restore":true,"userland-proxy":false,"log-driver":"local"})";

std::string with_key(const std::string& key) {
    std::string json = good_json;
    json.insert(1, key + ",");
    return json;
}

std::vector<std::string> verdicts_with(const std::string& key) {
    const tests::Tree tree{{"etc/docker/daemon.json", with_key(key)}};
    add_docker(tree);
    return verdicts(assess(tree.host()), json_id);
}

TEST(DaemonJsonControl, Verdicts) {
    struct Case {
        const char* json;
        const char* expected;
    };

    const Case cases[] = {
        {nullptr, "fail medium"},
        {good_json, "pass"},
        {"{}", "fail medium"},
        {"{", "fail medium"},
        {R"({"icc":false,"icc":true})", "fail medium"},
        {R"({"no-new-privileges":"true","icc":false,"live-restore":true,"userland-proxy":false})",
         "fail medium"},
    };
    for (const Case& c : cases) {
        const tests::Tree tree;
        add_docker(tree);
        if (c.json != nullptr)
            tree.write("etc/docker/daemon.json", c.json);
        EXPECT_THAT(verdicts(assess(tree.host()), json_id),
                    ElementsAre(std::string("/etc/docker/daemon.json: ") + c.expected))
            << (c.json != nullptr ? c.json : "none");
    }
    const tests::Tree hostile;
    add_docker(hostile);
    hostile.fifo("etc/docker/daemon.json");
    EXPECT_THAT(verdicts(assess(hostile.host()), json_id), ElementsAre("/etc/docker/daemon.json: unknown"));
    hostile.remove("etc/docker/daemon.json");
    hostile.write("etc/docker/daemon.json", std::string(std::size_t{2} << 20, ' '));
    EXPECT_THAT(verdicts(assess(hostile.host()), json_id), ElementsAre("/etc/docker/daemon.json: unknown"));
}

TEST(DaemonJsonControl, EachDangerousKeyFails) {
    for (const char* key : {R"("seccomp-profile":"unconfined")", R"("insecure-registries":["10.0.0.0/8"])",
                            R"("experimental":true)", R"("default-cgroupns-mode":"host")",
                            R"("allow-nondistributable-artifacts":["x"])", R"("hosts":"tcp://x")"})
        EXPECT_THAT(verdicts_with(key), ElementsAre("/etc/docker/daemon.json: fail medium")) << key;
}

// dockerd refuses to start with it, whichever key it is.
TEST(DaemonJsonControl, AValueOfAnotherTypeFails) {
    for (const char* key :
         {R"("userns-remap":1)", R"("userns-remap":{})", R"("debug":"true")", R"("dns":"1.1.1.1")",
          R"("dns":[1])", R"("hosts":[1])", R"("mtu":"1500")", R"("mtu":1.5)", R"("builder":[])",
          R"("default-address-pools":["x"])", R"("default-shm-size":true)", R"("data-root":[])",
          R"("proxies":{"http-proxy":1})", R"("tls":0)"})
        EXPECT_THAT(verdicts_with(key), ElementsAre("/etc/docker/daemon.json: fail medium")) << key;
}

TEST(DaemonJsonControl, TypesThatDockerdTakesPass) {
    for (const char* key :
         {R"("userns-remap":null)", R"("userns-remap":"")", R"("default-shm-size":67108864)",
          R"("default-shm-size":"64M")", R"("proxies":{"http-proxy":"http://p","no-proxy":null})",
          R"("default-address-pools":[{"base":"10.0.0.0/8","size":24}])", R"("builder":{"gc":{}})",
          R"("dns":["1.1.1.1"])", R"("features":{"cdi":true})", R"("mtu":1500)"})
        EXPECT_THAT(verdicts_with(key), ElementsAre("/etc/docker/daemon.json: pass")) << key;
}

// Who can put another file there has dockerd run what they like.
TEST(DaemonJsonControl, AFileThatOthersCanReplaceFails) {
    using Tree = tests::Tree;

    struct Case {
        const char* what;
        void (*arrange)(const Tree&);
        const char* expected;
    };

    static constexpr const char* json = "etc/docker/daemon.json";
    static const auto own = [](const Tree& t, const char* path, uid_t uid) {
        ASSERT_EQ(::lchown(t.path(path).c_str(), uid, 0), 0);
    };
    static const auto mode = [](const Tree& t, const char* path, mode_t bits) {
        ASSERT_EQ(::chmod(t.path(path).c_str(), bits), 0);
    };
    static const auto moved = [](const Tree& t, const char* to) {
        t.remove(json);
        t.write(to, good_json);
        t.link(json, "/" + std::string(to));
    };
    const Case cases[] = {
        {"root's alone", [](const Tree&) {}, "pass"},
        {"everybody's", [](const Tree& t) { mode(t, json, 0666); }, "fail high"},
        {"a group's, or an access list's", [](const Tree& t) { mode(t, json, 0664); }, "fail high"},
        {"another's", [](const Tree& t) { own(t, json, 1000); }, "fail high"},
        {"an open directory", [](const Tree& t) { mode(t, "etc/docker", 0777); }, "fail high"},
        {"another's directory", [](const Tree& t) { own(t, "etc/docker", 1000); }, "fail high"},
        {"a link within /etc", [](const Tree& t) { moved(t, "etc/docker.json"); }, "pass"},
        {"a link to another's file",
         [](const Tree& t) {
             moved(t, "srv/docker.json");
             own(t, "srv/docker.json", 1000);
         },
         "fail high"},
        {"a link into another's directory",
         [](const Tree& t) {
             moved(t, "home/alice/docker.json");
             own(t, "home/alice", 1000);
         },
         "fail high"},
        {"a relative link into an open directory",
         [](const Tree& t) {
             t.remove(json);
             t.write("srv/docker.json", good_json);
             t.link(json, "../../srv/docker.json");
             mode(t, "srv", 0777);
         },
         "fail high"},
        {"another's link in a sticky directory",
         [](const Tree& t) {
             moved(t, "tmp/b.json");
             t.remove(json);
             t.link("tmp/a.json", "b.json");
             t.link(json, "/tmp/a.json");
             mode(t, "tmp", 01777);
             own(t, "tmp/a.json", 1000);
         },
         "fail high"},
        {"root's file in a sticky directory",
         [](const Tree& t) {
             moved(t, "tmp/b.json");
             mode(t, "tmp", 01777);
         },
         "pass"},
        {"the directory is a link",
         [](const Tree& t) {
             t.remove("etc/docker");
             t.write("srv/docker/daemon.json", good_json);
             t.link("etc/docker", "/srv/docker");
             mode(t, "srv", 0777);
         },
         "fail high"},
    };
    for (const Case& c : cases) {
        const Tree tree{{json, good_json}};
        add_docker(tree);
        c.arrange(tree);
        const auto findings = assess(tree.host());
        EXPECT_THAT(verdicts(findings, json_id),
                    ElementsAre(std::string("/etc/docker/daemon.json: ") + c.expected))
            << c.what;
        for (const auto& f : findings)
            if (f.control == json_id && f.status == policy::Status::fail) {
                EXPECT_TRUE(f.fix && f.fix->changes.empty()) << c.what;
            }
    }
}

// What is not there yet can be put there, too.
TEST(DaemonJsonControl, AMissingFileInAnOpenDirectoryFails) {
    const tests::Tree tree;
    add_docker(tree);
    tree.write("usr/lib/systemd/system/docker.service",
               "[Service]\nExecStart=/usr/bin/dockerd --no-new-privileges --icc=false --live-restore "
               "--userland-proxy=false --log-driver=local\n");
    EXPECT_THAT(verdicts(assess(tree.host()), json_id), ElementsAre("/etc/docker/daemon.json: pass"));
    tree.directory("etc/docker", 0777);
    ASSERT_EQ(::chmod(tree.path("etc/docker").c_str(), 0777), 0);
    EXPECT_THAT(verdicts(assess(tree.host()), json_id), ElementsAre("/etc/docker/daemon.json: fail high"));
}

// However many links lead on, the look ends.
TEST(DaemonJsonControl, AMazeOfLinksIsUnknown) {
    const tests::Tree tree;
    add_docker(tree);
    std::string path;
    for (int i = 0; i < 30; ++i) {
        tree.link("maze/" + std::to_string(i), i + 1 < 30 ? std::to_string(i + 1) + "/." : ".");
        path = "/maze/0/0/0/0/0/0/0/0/0/0/daemon.json";
    }
    tree.write("maze/daemon.json", good_json);
    tree.write("usr/lib/systemd/system/docker.service",
               "[Service]\nExecStart=/usr/bin/dockerd --config-file " + path + "\n");
    EXPECT_THAT(verdicts(assess(tree.host()), json_id), ElementsAre(path + ": unknown"));
}

TEST(DaemonJsonControl, AKeyThatNoDockerdIsKnownToHaveIsUnknown) {
    for (const char* key : {R"("no-such-key":1)", R"("foo":{"icc":true})", R"("foo":{})", R"("":0)",
                            R"("proxies":{"icc":true})", R"("\u001b[2j":"\u001b")"}) {
        const tests::Tree tree{{"etc/docker/daemon.json", with_key(key)}};
        add_docker(tree);
        const auto findings = assess(tree.host());
        EXPECT_THAT(verdicts(findings, json_id), ElementsAre("dockerd: unknown")) << key;
        for (const auto& f : findings)
            if (f.control == json_id) {
                EXPECT_EQ(f.severity, policy::Severity::low);
                ASSERT_EQ(f.evidence.size(), 1U);
                EXPECT_EQ(f.evidence.front().found.find('\x1b'), std::string::npos);
            }
    }
    const tests::Tree user{{"etc/passwd", accounts},
                           {"home/alice/.config/docker/daemon.json", R"({"no-such-key":1})"}};
    EXPECT_THAT(verdicts(assess(user.host()), json_id),
                ElementsAre("/home/alice/.config/docker/daemon.json: unknown"));
}

TEST(DaemonJsonControl, MirrorsMustBeNamedWhenThePolicyIsStrict) {
    const tests::Tree tree{
        {"etc/docker/daemon.json", with_key(R"("registry-mirrors":["https://m.example"])")}};
    add_docker(tree);
    EXPECT_THAT(verdicts(assess(tree.host()), json_id), ElementsAre("/etc/docker/daemon.json: pass"));
    EXPECT_THAT(verdicts(assess(tree.host(), {.allowed_mirrors = {}}), json_id),
                ElementsAre("/etc/docker/daemon.json: fail medium"));
    EXPECT_THAT(verdicts(assess(tree.host(), {.allowed_mirrors = {"https://m.example"}}), json_id),
                ElementsAre("/etc/docker/daemon.json: pass"));
    expect_converges(tree, tree.host(), json_id, {.allowed_mirrors = {}});
}

// A swarm node must not be told to set live-restore: dockerd would refuse to start.
TEST(DaemonJsonControl, ASwarmIsSeenBelowTheDataRootThatCounts) {
    constexpr const char* without =
        R"({"no-new-privileges":true,"icc":false,"userland-proxy":false,"log-driver":"local")";

    struct Case {
        const char* what;
        const char* json;  // what follows the above
        const char* flags;
        const char* state;  // a file
        const char* expected;
    };

    const Case cases[] = {
        {"none", "", "", "var/lib/docker/x", "fail medium"},
        {"left", "", "", "var/lib/docker/swarm/", "fail medium"},
        {"built-in root", "", "", "var/lib/docker/swarm/docker-state.json", "pass"},
        {"with userns-remap", "", "", "var/lib/docker/231072.231072/swarm/docker-state.json", "pass"},
        {"of something else", "", "", "var/lib/docker/a.b/swarm/docker-state.json", "fail medium"},
        {"root in daemon.json", R"(,"data-root":"/srv/docker/")", "", "srv/docker/swarm/state", "pass"},
        {"another root in daemon.json", R"(,"data-root":"/srv/docker")", "", "var/lib/docker/swarm/state",
         "fail medium"},
        {"by its old name", R"(,"graph":"/srv/docker")", "", "srv/docker/swarm/state", "pass"},
        {"root in a flag", "", " --data-root=/srv/docker", "srv/docker/swarm/state", "pass"},
        {"another root in a flag", "", " -g /srv/docker", "var/lib/docker/swarm/state", "fail medium"},
    };
    for (const Case& c : cases) {
        const tests::Tree tree{{"etc/docker/daemon.json", without + std::string(c.json) + "}"}};
        add_docker(tree);
        tree.write("usr/lib/systemd/system/docker.service",
                   "[Service]\nExecStart=/usr/bin/dockerd" + std::string(c.flags) + "\n");
        if (std::string_view(c.state).ends_with('/'))
            tree.directory(c.state);
        else
            tree.write(c.state, "");
        EXPECT_THAT(verdicts(assess(tree.host()), json_id),
                    ElementsAre(std::string("/etc/docker/daemon.json: ") + c.expected))
            << c.what;
    }
}

TEST(DaemonJsonControl, ASwarmThatCannotBeSeenIsUnknown) {
    const auto judged = [](const char* json, const char* flags, const char* loop, const Params& params = {}) {
        const tests::Tree tree{{"etc/docker/daemon.json", json}, {"var/lib/docker/swarm/state", ""}};
        add_docker(tree);
        tree.write("usr/lib/systemd/system/docker.service",
                   "[Service]\nExecStart=/usr/bin/dockerd" + std::string(flags) + "\n");
        if (loop != nullptr) {
            tree.remove(loop);
            tree.link(loop, "/" + std::string(loop));
        }
        return verdicts(assess(tree.host(), params), json_id);
    };
    EXPECT_THAT(judged(good_json, "", "var/lib/docker/swarm"), ElementsAre("dockerd: unknown"));
    EXPECT_THAT(judged(good_json, "", "var/lib/docker"), ElementsAre("dockerd: unknown"));
    EXPECT_THAT(judged(good_json, " --data-root=docker", nullptr), ElementsAre("dockerd: unknown"));
    EXPECT_THAT(judged(good_json, " --data-root=/a --data-root=/var/lib/docker", nullptr),
                ElementsAre("dockerd: unknown"))
        << "which of them counts";
    EXPECT_THAT(judged(good_json, " --data-root=/a --data-root=/b", nullptr),
                ElementsAre("/etc/docker/daemon.json: pass"))
        << "neither has one";
    EXPECT_THAT(judged(good_json, "", "var/lib/docker/swarm", {.live_restore = false}),
                ElementsAre("/etc/docker/daemon.json: pass"))
        << "nobody asks";
}

TEST(DaemonJsonControl, FlagsCountAndAreNotRepeated) {
    const tests::Tree tree{{"etc/docker/daemon.json", good_json}};
    add_docker(tree);
    tree.write("usr/lib/systemd/system/docker.service",
               "[Service]\nExecStart=/usr/bin/dockerd --icc=false\n");
    const auto findings = assess(tree.host());  // icc stands in both places
    const auto f = std::ranges::find(findings, json_id, &policy::Finding::control);
    ASSERT_EQ(f->status, policy::Status::fail);
    EXPECT_TRUE(f->fix->changes.empty());
    tree.write(
        "etc/docker/daemon.json",
        R"({"no-new-privileges":true,"live-restore":true,"userland-proxy":false,"log-driver":"local"})");
    EXPECT_THAT(verdicts(assess(tree.host()), json_id), ElementsAre("/etc/docker/daemon.json: pass"));
}

TEST(DaemonJsonControl, TheFixConverges) {
    const tests::Tree tree{
        {"etc/docker/daemon.json", R"({"data-root":"/x","icc":true,"seccomp-profile":"unconfined"})"}};
    add_docker(tree);
    expect_converges(tree, tree.host(), json_id);
    const tests::Tree absent;
    add_docker(absent);
    expect_converges(absent, absent.host(), json_id);
}

TEST(DaemonJsonControl, AUsersFileIsJudgedForWhatWeakens) {
    const tests::Tree tree{
        {"etc/passwd", accounts}, {"etc/group", ""}, {"home/alice/.config/docker/daemon.json", "{}"}};
    EXPECT_THAT(verdicts(assess(tree.host()), json_id),
                ElementsAre("/home/alice/.config/docker/daemon.json: pass"));
    tree.write("home/alice/.config/docker/daemon.json", R"({"seccomp-profile":"unconfined"})");
    EXPECT_THAT(verdicts(assess(tree.host()), json_id),
                ElementsAre("/home/alice/.config/docker/daemon.json: fail medium"));
}

TEST(DaemonJsonControl, EveryOtherKeyIsJudged) {
    struct Case {
        std::string json;
        const char* expected;
        bool fixable;
    };

    const std::string runc = R"("runtimes":{"x":{"path":"/usr/bin/crun"}})";
    const Case cases[] = {
        {with_key(runc), "pass", false},
        {with_key(R"("default-runtime":"x",)" + runc), "pass", false},
        {with_key(R"("default-runtime":"runc")"), "pass", false},
        {with_key(R"("default-runtime":"io.containerd.runc.v2")"), "pass", false},
        {with_key(R"("runtimes":{"k":{"runtimeType":"io.containerd.kata.v2"}})"), "pass", false},
        {with_key(R"("runtimes":{"x":{"path":"crun"}})"), "pass", false},
        {with_key(R"("default-runtime":"ghost")"), "fail medium", true},
        {with_key(R"("default-runtime":"io.containerd.evil.v1")"), "fail medium", true},
        {with_key(R"("default-runtime":1)"), "fail medium", true},
        {with_key(R"("runtimes":{"x":{"path":"/usr/bin/evil"}})"), "fail medium", false},
        {with_key(R"("runtimes":{"x":{"path":"/none/crun"}})"), "fail medium", false},
        {with_key(R"("runtimes":{"x":{"path":"/usr/bin/open/crun"}})"), "fail medium", false},
        {with_key(R"("runtimes":{"x":{"path":"/usr/share/crun"}})"), "fail medium", false},
        {with_key(R"("runtimes":{"x":{"path":"./crun"}})"), "fail medium", false},
        {with_key(R"("runtimes":{"runc":{"path":"/usr/bin/crun"}})"), "fail medium", false},
        {with_key(R"("runtimes":{"x":{}})"), "fail medium", false},
        {with_key(R"("runtimes":[])"), "fail medium", false},
        {with_key(R"("default-ulimits":{"nofile":{"Name":"nofile","Soft":1,"Hard":2}})"), "pass", false},
        {with_key(R"("default-ulimits":{"nofile":{"Name":"nofile","Soft":3,"Hard":2}})"), "fail medium",
         false},
        {with_key(R"("default-ulimits":{"nofile":{"Name":"nofile","Soft":-1,"Hard":-1}})"), "fail medium",
         false},
        {with_key(R"("default-ulimits":{"nofile":{"Hard":"2"}})"), "fail medium", false},
        {with_key(R"("default-ulimits":[])"), "fail medium", true},
        {with_key(R"("authorization-plugins":["opa"])"), "pass", false},
        {with_key(R"("authorization-plugins":"opa")"), "fail medium", true},
        {with_key(R"("features":{"containerd-snapshotter":true})"), "pass", false},
        {with_key(R"("features":{"containerd-snapshotter":"true"})"), "fail medium", false},
        {with_key(R"("features":true)"), "fail medium", false},
        {with_key(R"("seccomp-profile":"/etc/docker/good.json")"), "pass", false},
        {with_key(R"("seccomp-profile":"builtin")"), "pass", false},
        {with_key(R"("seccomp-profile":"/etc/docker/open.json")"), "fail medium", true},
        {with_key(R"("seccomp-profile":"/etc/docker/none.json")"), "fail medium", true},
        {with_key(R"("seccomp-profile":"/etc/docker/bad.json")"), "fail medium", true},
        {with_key(R"("seccomp-profile":"relative.json")"), "fail medium", true},
        {with_key(R"("seccomp-profile":1)"), "fail medium", true},
        {with_key(R"("Data-Root":"/x")"), "fail medium", false},
    };
    for (const Case& c : cases) {
        const tests::Tree tree{{"etc/docker/daemon.json", c.json},
                               {"etc/docker/good.json", R"({"defaultAction":"SCMP_ACT_ERRNO"})"},
                               {"etc/docker/open.json", R"({"defaultAction":"SCMP_ACT_ALLOW"})"},
                               {"etc/docker/bad.json", "{"}};
        add_docker(tree);
        tree.write("usr/bin/crun", "", 0755);
        tree.write("usr/bin/evil", "", 0755);
        tree.write("usr/bin/open/crun", "", 0777);
        tree.directory("usr/share/crun");
        EXPECT_THAT(verdicts(assess(tree.host()), json_id),
                    ElementsAre(std::string("/etc/docker/daemon.json: ") + c.expected))
            << c.json;
        if (c.fixable)
            expect_converges(tree, tree.host(), json_id);
    }
}

TEST(DaemonJsonControl, LogsHaveADriverAndABound) {
    struct Case {
        const char* keys;
        const char* expected;
    };

    const Case cases[] = {
        {R"("log-driver":"journald")", "pass"},
        {R"("log-driver":"json-file","log-opts":{"max-size":"10m"})", "pass"},
        {R"("log-opts":{"max-size":"10m"})", "pass"},
        {R"("debug":false)", "fail medium"},
        {R"("log-driver":"json-file")", "fail medium"},
        {R"("log-driver":"json-file","log-opts":{"max-size":"-1"})", "fail medium"},
        {R"("log-driver":"json-file","log-opts":{"max-file":"3"})", "fail medium"},
        {R"("log-driver":"json-file","log-opts":{"max-size":10})", "fail medium"},
        {R"("log-driver":"none")", "fail medium"},
        {R"("log-driver":"local","log-opts":[])", "fail medium"},
    };
    for (const Case& c : cases) {
        const tests::Tree tree{
            {"etc/docker/daemon.json",
             R"({"no-new-privileges":true,"icc":false,"live-restore":true,"userland-proxy":false,)" +
                 std::string(c.keys) + "}"}};
        add_docker(tree);
        EXPECT_THAT(verdicts(assess(tree.host()), json_id),
                    ElementsAre(std::string("/etc/docker/daemon.json: ") + c.expected))
            << c.keys;
        if (std::string_view(c.expected) != "pass")
            expect_converges(tree, tree.host(), json_id);
        EXPECT_THAT(verdicts(assess(tree.host(), {.bounded_logs = false}), json_id),
                    ElementsAre(std::string_view(c.keys).find("none") == std::string_view::npos &&
                                        std::string_view(c.keys).find("[]") == std::string_view::npos
                                    ? "/etc/docker/daemon.json: pass"
                                    : "/etc/docker/daemon.json: fail medium"))
            << c.keys;
    }
}

TEST(DaemonJsonControl, StrictNamesRuntimesPluginsAndLimits) {
    const tests::Tree tree{
        {"etc/docker/daemon.json",
         with_key(R"("runtimes":{"x":{"path":"/usr/bin/crun"}},"authorization-plugins":["opa"])")}};
    add_docker(tree);
    tree.write("usr/bin/crun", "", 0755);
    const auto verdict = [&](const Params& params) {
        return verdicts(assess(tree.host(), params), json_id).front();
    };
    EXPECT_EQ(verdict({}), "/etc/docker/daemon.json: pass");
    EXPECT_EQ(verdict({.allowed_runtimes = {}}), "/etc/docker/daemon.json: fail medium");
    EXPECT_EQ(verdict({.allowed_runtimes = {"crun"}}), "/etc/docker/daemon.json: pass");
    EXPECT_EQ(verdict({.allowed_plugins = {}}), "/etc/docker/daemon.json: fail medium");
    EXPECT_EQ(verdict({.allowed_plugins = {"opa"}}), "/etc/docker/daemon.json: pass");
    EXPECT_EQ(verdict({.require_ulimits = true}), "/etc/docker/daemon.json: fail medium");
    expect_converges(tree, tree.host(), json_id, {.require_ulimits = true, .allowed_plugins = {}});
}

TEST(DaemonJsonControl, FlagsSayTheSameAsKeys) {
    struct Case {
        const char* flags;
        const char* expected;
    };

    const std::string good =
        "--no-new-privileges --icc=false --live-restore --userland-proxy=false --log-driver=local ";
    const Case cases[] = {
        {"", "pass"},
        {"--add-runtime x=/usr/bin/crun --default-runtime x", "pass"},
        {"--add-runtime x=/usr/bin/evil", "fail medium"},
        {"--default-runtime ghost", "fail medium"},
        {"--default-runtime=x --add-runtime=x=/tmp/crun", "fail medium"},
        {"--default-ulimit nofile=1024:2048", "pass"},
        {"--default-ulimit nofile=-1", "fail medium"},
        {"--default-ulimit nofile", "fail medium"},
        {"--log-driver json-file", "fail medium"},
        {"--log-driver json-file --log-opt max-size=10m", "pass"},
        {"--log-driver none", "fail medium"},
        {"--feature containerd-snapshotter=x", "fail medium"},
        {"--seccomp-profile unconfined", "fail medium"},
        {"--seccomp-profile=/etc/docker/none.json", "fail medium"},
        {"--insecure-registry 10.0.0.0/8", "fail medium"},
        {"--default-cgroupns-mode host", "fail medium"},
        {"--experimental", "fail medium"},
        {"--icc", "fail medium"},  // the last one wins; either way nobody should have to know
        {"--userland-proxy=TRUE", "fail medium"},
        {"--live-restore=0", "fail medium"},
        {"--allow-nondistributable-artifacts r", "fail medium"},
        {"--config-file /etc/other.json", "fail medium"},
    };
    for (const Case& c : cases) {
        const tests::Tree tree{{"etc/systemd/system/docker.service.d/o.conf",
                                "[Service]\nExecStart=\nExecStart=/usr/bin/dockerd " + good + c.flags + "\n"},
                               {"etc/other.json", R"({"experimental":true})"}};
        add_docker(tree);
        tree.write("usr/bin/crun", "", 0755);
        const auto said = verdicts(assess(tree.host()), json_id);
        ASSERT_EQ(said.size(), 1U) << c.flags;
        EXPECT_TRUE(said.front().ends_with(std::string(": ") + c.expected)) << c.flags << " " << said.front();
    }
}

TEST(DaemonJsonControl, WhatIsHiddenKeepsItFromPassing) {
    const tests::Tree tree{{"etc/docker/daemon.json", with_key(R"("seccomp-profile":"/etc/docker/p.json")")}};
    add_docker(tree);
    tree.fifo("etc/docker/p.json");
    EXPECT_THAT(verdicts(assess(tree.host()), json_id), ElementsAre("dockerd: unknown"));
    tree.write("etc/docker/daemon.json", good_json);
    tree.fifo("etc/systemd/system/docker.service.d/x.conf");
    EXPECT_THAT(verdicts(assess(tree.host()), json_id), ElementsAre("dockerd: unknown"));
    tree.remove("etc/systemd/system/docker.service.d");
    EXPECT_THAT(verdicts(assess(tree.host()), json_id), ElementsAre("/etc/docker/daemon.json: pass"));
    tree.fifo("etc/selinux/config");
    EXPECT_THAT(verdicts(assess(tree.host()), json_id), ElementsAre("dockerd: unknown"));
    tree.remove("etc/selinux/config");
    for (const char* on : {"SELINUX=enforcing\n", "SELINUX=Permissive # x\n"}) {
        tree.write("etc/selinux/config", on);
        EXPECT_THAT(verdicts(assess(tree.host()), json_id),
                    ElementsAre("/etc/docker/daemon.json: fail medium"))
            << on;
    }
}

TEST(DaemonJsonControl, AUsersCommandLineCounts) {
    const tests::Tree tree{
        {"etc/passwd", accounts},
        {"etc/group", ""},
        {"home/alice/.config/systemd/user/docker.service",
         "[Service]\nExecStart=/usr/bin/dockerd-rootless.sh --seccomp-profile=unconfined\n"}};
    const char* path = "/home/alice/.config/docker/daemon.json";
    EXPECT_THAT(verdicts(assess(tree.host()), json_id), ElementsAre(std::string(path) + ": fail medium"));
    tree.write("home/alice/.config/systemd/user/docker.service.d/x.conf",
               "[Service]\nExecStart=\nExecStart=dockerd-rootless.sh --debug\n");
    EXPECT_THAT(verdicts(assess(tree.host()), json_id), ElementsAre(std::string(path) + ": pass"));
    tree.fifo("home/alice/.config/systemd/user/docker.service.d/y.conf");
    EXPECT_THAT(verdicts(assess(tree.host()), json_id), ElementsAre(std::string(path) + ": unknown"));
}

TEST(UsernsRemap, Verdicts) {
    struct Case {
        const char* value;
        const char* subid;
        const char* expected;
    };

    const Case cases[] = {
        {"", "", "pass"},
        {"alice", "alice:100000:65536\n", "pass"},
        {"1000", "alice:100000:65536\n", "pass"},
        {"alice", "", "fail medium"},
        {"alice", "alice:0:65536\n", "fail critical"},
        {"alice", "alice:x100000:65536\n", "fail critical"},  // dockerd reads garbage as 0
        {"root", "root:100000:65536\n", "fail medium"},
        {"nobody-here", "nobody-here:100000:65536\n", "fail medium"},
        {"default", "dockremap:100000:65536\n", "pass"},
        {"default", "", "fail medium"},
    };
    for (const Case& c : cases) {
        const tests::Tree tree{
            {"etc/passwd", accounts}, {"etc/group", ""}, {"etc/subuid", c.subid}, {"etc/subgid", c.subid}};
        add_docker(tree);
        tree.write("etc/docker/daemon.json", "{\"userns-remap\": \"" + std::string(c.value) + "\"}");
        EXPECT_THAT(verdicts(assess(tree.host()), "docker.userns-remap"),
                    ElementsAre(std::string("dockerd: ") + c.expected))
            << c.value << " " << c.subid;
    }
}

TEST(UsernsRemap, FailsWithAValueThatDockerdRefuses) {
    for (const char* value : {"1", "true", "{}", R"(["alice"])", R"("alice:alice:alice")"}) {
        const tests::Tree tree{{"etc/passwd", accounts},
                               {"etc/group", ""},
                               {"etc/subuid", "alice:100000:65536\n"},
                               {"etc/subgid", "alice:100000:65536\n"}};
        add_docker(tree);
        tree.write("etc/docker/daemon.json", "{\"userns-remap\": " + std::string(value) + "}");
        EXPECT_THAT(verdicts(assess(tree.host()), "docker.userns-remap"), ElementsAre("dockerd: fail medium"))
            << value;
    }
    const tests::Tree unset{{"etc/passwd", accounts}, {"etc/docker/daemon.json", R"({"userns-remap":null})"}};
    add_docker(unset);
    EXPECT_THAT(verdicts(assess(unset.host()), "docker.userns-remap"), ElementsAre("dockerd: pass"));
}

TEST(UsernsRemap, CanBeAskedForAndBeHidden) {
    const tests::Tree tree{{"etc/passwd", accounts}, {"etc/group", ""}};
    add_docker(tree);
    EXPECT_THAT(verdicts(assess(tree.host(), {.require_remap = true}), "docker.userns-remap"),
                ElementsAre("dockerd: fail medium"));
    tree.write("etc/docker/daemon.json", R"({"userns-remap":"alice"})");
    tree.fifo("etc/subuid");
    EXPECT_THAT(verdicts(assess(tree.host()), "docker.userns-remap"), ElementsAre("dockerd: unknown"));
}

}  // namespace
