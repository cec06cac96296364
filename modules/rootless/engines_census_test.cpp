// SPDX-License-Identifier: Apache-2.0
// Every control on engines ends in every way that it can.
#include "modules/rootless/testing/engines_fixture.hpp"
#include "tests/support/census.hpp"

namespace plimsoll::modules::rootless::testing {
namespace {

using tests::Cell;
using S = tests::Scene<Engines>;
using Case = tests::CensusCase<Engines>;
using Cases = std::vector<Case>;

constexpr const char* daemon_json = "etc/docker/daemon.json";
constexpr const char* sound_json =
    R"({"no-new-privileges":true,"icc":false,"live-restore":true,"userland-proxy":false,"log-driver":"local"})";
constexpr const char* users_link = "home/alice/.config/systemd/user/default.target.wants/docker.service";
constexpr const char* escape = "\x1b[2J\x1b]0;x\a";

void base(S& s) {
    s.tree.write("etc/passwd", accounts);
    s.tree.write("etc/group", "root:x:0:\n");
}

Case::Arrange nothing() {
    return [](S&) {};
}

Case::Arrange file(std::string path, std::string content) {
    return [=](S& s) { s.tree.write(path, content); };
}

Case::Arrange fifo(std::string path) {
    return [=](S& s) { s.tree.fifo(path); };
}

// A host with Docker enabled, and a file more.
Case::Arrange docker_and(std::string path, std::string content) {
    return [=](S& s) {
        add_docker(s.tree);
        s.tree.write(path, content);
    };
}

Case::Arrange docker_and_fifo(std::string path) {
    return [=](S& s) {
        add_docker(s.tree);
        s.tree.fifo(path);
    };
}

// dockerd of alice, as a process.
Case::Arrange users_dockerd(std::string user_ns) {
    return [=](S& s) {
        s.live = true;
        add_proc(s.tree);
        add_process(s.tree, {.pid = 8, .exe = "/usr/bin/rootlesskit", .uid = 1000});
        add_process(s.tree,
                    {.pid = 9, .exe = "/usr/bin/dockerd", .uid = 1000, .parent = 8, .user_ns = user_ns});
        s.tree.write("home/alice/.config/docker/daemon.json", "{}");
    };
}

Cases daemon_cases() {
    Cases out;
    const auto add = [&](const char* control, Cell cell, auto what) {
        out.emplace_back(control, cell, std::move(what));
    };
    add("engine.rootful-daemon", Cell::pass, file("usr/bin/dockerd", ""));
    add("engine.rootful-daemon", Cell::fail, [](S& s) { add_docker(s.tree); });
    add("engine.rootful-daemon", Cell::fail, [](S& s) {
        s.tree.write("etc/systemd/system/x.service", "[Service]\nExecStart=/usr/bin/env -i dockerd\n");
        s.tree.link("etc/systemd/system/y.target.upholds/x.service", "../x.service");
    });
    add("engine.rootful-daemon", Cell::not_applicable, nothing());
    add("engine.rootful-daemon", Cell::unknown, fifo("usr/lib/systemd/system/docker.service"));
    add("engine.rootful-daemon", Cell::unknown, [](S& s) { s.live = true; });  // no /proc
    add("engine.rootful-daemon", Cell::hostile, [](S& s) {
        const std::string name = std::string(escape) + ".service";
        s.tree.write("etc/systemd/system/" + name, "[Service]\nExecStart=dockerd\n");
        s.tree.link("etc/systemd/system/\x1b[1m.wants/" + name, "../" + name);
    });
    add("engine.docker-socket-access", Cell::pass, [](S& s) {
        s.tree.write("usr/bin/dockerd", "");
        s.tree.write("etc/group", "docker:x:997:\n");
    });
    add("engine.docker-socket-access", Cell::fail, [](S& s) {
        s.tree.write("usr/bin/dockerd", "");
        s.tree.write("etc/group", "docker:x:997:alice\n");
    });
    add("engine.docker-socket-access", Cell::not_applicable, nothing());
    add("engine.docker-socket-access", Cell::hostile, [](S& s) {
        s.tree.write("usr/bin/dockerd", "");
        s.tree.write("etc/group", "docker:x:997:alice\n");
        s.tree.write("etc/systemd/system/" + std::string(escape) + ".service",
                     "[Service]\nUser=" + std::string(escape) + "\nGroup=docker\n");
    });
    add("engine.docker-socket-access", Cell::unknown, [](S& s) {
        s.tree.write("usr/bin/dockerd", "");
        s.tree.remove("etc/group");
        s.tree.fifo("etc/group");
    });
    add("engine.docker-socket-access", Cell::unknown, [](S& s) {
        s.tree.write("usr/bin/dockerd", "");
        s.tree.write("etc/group", "docker:x:997:\n");
        s.tree.write("etc/nsswitch.conf", "group: files ldap\n");
    });
    add("engine.docker-socket-access", Cell::hostile, [](S& s) {
        s.tree.write("usr/bin/dockerd", "");
        s.tree.write("etc/group", "docker:x:997:" + std::string(escape) + ",,alice\n");
    });
    add("engine.docker-socket-access", Cell::unknown, [](S& s) {
        s.tree.write("usr/bin/dockerd", "");
        s.tree.write("etc/group", "docker:x:997:\n");
        s.tree.fifo("etc/gshadow");
    });
    add("engine.docker-socket-access", Cell::hostile, [](S& s) {
        s.tree.write("usr/bin/dockerd", "");
        s.tree.write("etc/group", "docker:x:997:\n" + std::string(escape) + ":x:997:\n");
        s.tree.write("etc/gshadow", std::string(escape) + ":!:" + escape + ":" + escape + "\n");
    });
    add("engine.docker-socket-access", Cell::hostile,
        docker_and("etc/systemd/system/docker.socket.d/x.conf",
                   "[Socket]\nSocketUser=" + std::string(escape) + "\nSocketGroup=root\n"));
    add("engine.docker-socket-access", Cell::hostile,
        docker_and("etc/systemd/system/docker.socket.d/x.conf",
                   "[Socket]\nSocketGroup=%" + std::string(escape) + "\n"));
    add("engine.docker-tcp", Cell::pass, file("usr/bin/dockerd", ""));
    add("engine.docker-tcp", Cell::fail, docker_and(daemon_json, R"({"hosts":["tcp://0.0.0.0:2375"]})"));
    add("engine.docker-tcp", Cell::not_applicable, nothing());
    add("engine.docker-tcp", Cell::unknown, docker_and_fifo(daemon_json));
    add("engine.docker-tcp", Cell::hostile,
        docker_and(daemon_json, R"({"hosts":["\u001b[2J:1","tcp://\u0007"]})"));
    add("engine.docker-tcp", Cell::hostile,
        docker_and("etc/systemd/system/docker.service.d/x.conf",
                   "[Service]\nExecStart=\nExecStart=/usr/bin/dockerd -H \"" + std::string(escape) + "\"\n"));
    const auto client = [](std::string host) {
        return file("home/alice/.bashrc", "export DOCKER_HOST='" + host + "'\n");
    };
    add("engine.docker-socket-access", Cell::fail, client("unix:///run/docker.sock"));
    add("engine.docker-tcp", Cell::fail, client("tcp://10.0.0.1:2375"));
    add("engine.docker-tcp", Cell::hostile, client("tcp://" + std::string(escape)));
    for (const char* control : {"engine.docker-socket-access", "engine.docker-tcp"}) {
        add(control, Cell::not_applicable, client("unix:///run/user/1000/docker.sock"));
        add(control, Cell::unknown, client("$(cat " + std::string(escape) + ")"));
        add(control, Cell::hostile,
            file("home/alice/.docker/contexts/meta/" + std::string(escape) + "/meta.json",
                 R"({"Name":"\u001b[2J","Endpoints":{"docker":{"Host":"unix:///\u001b","Host":1}}})"));
    }
    add("docker.daemon-json", Cell::pass, docker_and(daemon_json, sound_json));
    add("docker.daemon-json", Cell::fail, docker_and(daemon_json, "{}"));
    add("docker.daemon-json", Cell::not_applicable, nothing());
    add("docker.daemon-json", Cell::unknown, docker_and_fifo(daemon_json));
    add("docker.daemon-json", Cell::unknown, [](S& s) {
        docker_and(daemon_json, sound_json)(s);
        s.tree.fifo("etc/systemd/system/docker.service.d/x.conf");
    });
    for (const std::string json :
         {R"({"icc":false,"\u001b[2J":1,"icc":true})", R"({"ICC\u001b[2J":false})",
          R"({"default-runtime":"\u001b[2J","runtimes":{"\u001b[2J":{"path":"\u001b"}}})",
          R"({"default-ulimits":{"\u001b":{}},"features":{"\u001b":"\u0007"},"log-driver":"\u001b"})"})
        add("docker.daemon-json", Cell::hostile, docker_and(daemon_json, json));
    add("docker.daemon-json", Cell::hostile, docker_and(daemon_json, std::string(5000, '[')));
    add("docker.daemon-json", Cell::hostile, [](S& s) {
        add_docker(s.tree);
        s.tree.link(daemon_json, "daemon.json");
    });
    return out;
}

Cases docker_cases() {
    Cases out;
    const auto add = [&](const char* control, Cell cell, auto what) {
        out.emplace_back(control, cell, std::move(what));
    };
    const auto remap = [](const std::string& value, const std::string& ranges) -> Case::Arrange {
        return [=](S& s) {
            add_docker(s.tree);
            s.tree.write(daemon_json, "{\"userns-remap\":\"" + value + "\"}");
            s.tree.write("etc/subuid", ranges);
            s.tree.write("etc/subgid", ranges);
        };
    };
    add("docker.userns-remap", Cell::pass, remap("alice", "alice:100000:65536\n"));
    add("docker.userns-remap", Cell::fail, remap("alice", "alice:0:65536\n"));
    add("docker.userns-remap", Cell::not_applicable, nothing());
    add("docker.userns-remap", Cell::unknown, [=](S& s) {
        remap("alice", "alice:100000:65536\n")(s);
        s.tree.remove("etc/subuid");
        s.tree.fifo("etc/subuid");
    });
    add("docker.userns-remap", Cell::unknown, [=](S& s) {
        remap("alice", "alice:100000:65536\n")(s);
        s.tree.fifo("etc/systemd/system/docker.service.d/x.conf");
    });
    add("docker.userns-remap", Cell::hostile, remap("\\u001b[2J", "\x1b[2J:\x1b:0\n"));
    add("docker.userns-remap", Cell::hostile, remap("alice", "alice:0x186A0:65536\n"));
    add("rootless.docker-health", Cell::pass, users_dockerd("4026532000"));
    add("rootless.docker-health", Cell::fail, users_dockerd("4026531837"));
    add("rootless.docker-health", Cell::not_applicable, nothing());
    add("rootless.docker-health", Cell::unknown, users_dockerd(""));
    add("rootless.docker-health", Cell::unknown, [](S& s) { s.live = true; });
    add("rootless.docker-health", Cell::hostile, [](S& s) {
        users_dockerd("4026531837")(s);
        s.tree.write("etc/passwd", std::string(escape) + ":x:1000:1000::/home/alice:/bin/sh\n");
    });
    add("engine.both-stacks", Cell::pass, [](S& s) { add_docker(s.tree); });
    add("engine.both-stacks", Cell::fail, [](S& s) {
        add_docker(s.tree);
        s.tree.write("home/alice/.config/systemd/user/docker.service", rootless_unit);
        s.tree.link(users_link, "../docker.service");
    });
    add("engine.both-stacks", Cell::not_applicable, nothing());
    add("engine.both-stacks", Cell::unknown, fifo("usr/lib/systemd/system/docker.service"));
    add("engine.both-stacks", Cell::unknown, [](S& s) { s.live = true; });
    add("engine.both-stacks", Cell::hostile, [](S& s) {
        add_docker(s.tree);
        s.tree.write("home/alice/.config/systemd/user/docker.service", rootless_unit);
        s.tree.link("home/alice/.config/systemd/user/" + std::string(escape) + ".upholds/docker.service",
                    "../docker.service");
    });
    return out;
}

Cases podman_cases() {
    Cases out;
    const auto add = [&](const char* control, Cell cell, auto what) {
        out.emplace_back(control, cell, std::move(what));
    };
    const auto podman = [](S& s) {
        s.tree.write("usr/bin/podman", "");
        s.tree.write("usr/lib/systemd/system/podman.socket",
                     "[Socket]\nListenStream=%t/podman/podman.sock\nSocketMode=0660\n[Install]\n");
    };
    const auto enabled_by = [=](std::string dir) -> Case::Arrange {
        return [=](S& s) {
            podman(s);
            s.tree.link("etc/systemd/system/" + dir + "/podman.socket",
                        "/usr/lib/systemd/system/podman.socket");
        };
    };
    add("podman.rootful-socket", Cell::pass, podman);
    add("podman.rootful-socket", Cell::fail, enabled_by("sockets.target.wants"));
    add("podman.rootful-socket", Cell::not_applicable, nothing());
    add("podman.rootful-socket", Cell::unknown, [=](S& s) {
        podman(s);
        s.tree.fifo("etc/systemd/system/podman.socket.d/x.conf");
    });
    add("podman.rootful-socket", Cell::hostile, enabled_by(std::string(escape) + ".upholds"));
    add("podman.rootful-quadlets", Cell::pass, podman);
    add("podman.rootful-quadlets", Cell::fail,
        file("etc/containers/systemd/web.container", "[Container]\nImage=x\n"));
    add("podman.rootful-quadlets", Cell::not_applicable, nothing());
    add("podman.rootful-quadlets", Cell::unknown, fifo("etc/containers/systemd/web.container"));
    add("podman.rootful-quadlets", Cell::unknown, [=](S& s) {
        podman(s);
        s.tree.link("etc/containers/systemd", "systemd");
    });
    add("podman.rootful-quadlets", Cell::hostile,
        file("etc/containers/systemd/" + std::string(escape) + ".container",
             "[Container]\nImage=" + std::string(escape) + "\nPodmanArgs=--privileged\nVolume=/:/\x1b\n"));
    const auto in_unit = [](const std::string& lines) {
        return file("etc/systemd/system/" + std::string(escape) + ".service",
                    "[Service]\n" + lines + std::string(escape) + "\n");
    };
    add("podman.rootful-quadlets", Cell::hostile, in_unit("ExecStart=podman run "));
    add("podman.rootful-quadlets", Cell::hostile, in_unit("ExecStart=podman run -v ./:/\nWorkingDirectory="));
    const auto script = [](std::string name, std::string text) -> Case::Arrange {
        return [=](S& s) {
            s.tree.write("etc/init.d/" + name, text, 0755);
            s.tree.link("etc/rc2.d/S20" + name, "../init.d/" + name);
        };
    };
    add("podman.rootful-quadlets", Cell::fail, script("web", "podman run web\n"));
    add("podman.rootful-quadlets", Cell::unknown, [=](S& s) {
        podman(s);
        s.tree.link("etc/init.d/web", "web");
    });
    add("podman.rootful-quadlets", Cell::hostile,
        script(escape, "P='" + std::string(escape) + "\npodman run -v \"" + std::string(escape)));
    return out;
}

Cases cri_cases() {
    Cases out;
    const auto add = [&](Cell cell, auto what) {
        out.emplace_back("kubelet.cri-defaults", cell, std::move(what));
    };
    const auto kubelet = [](std::string config) {
        return file("var/lib/kubelet/config.yaml", std::move(config));
    };
    add(Cell::pass, kubelet("seccompDefault: true\n"));
    add(Cell::pass, file("usr/bin/crio", ""));
    add(Cell::fail, kubelet("seccompDefault: false\n"));
    add(Cell::fail, [](S& s) {
        s.tree.write("usr/bin/crio", "");
        s.tree.write("etc/crio/crio.conf", "[crio.runtime]\nseccomp_profile = \"unconfined\"\n");
    });
    add(Cell::not_applicable, nothing());
    add(Cell::unknown, fifo("var/lib/kubelet/config.yaml"));
    add(Cell::unknown, file("usr/bin/kubelet", ""));
    add(Cell::unknown, [](S& s) {
        s.tree.write("usr/bin/crio", "");
        s.tree.fifo("etc/crio/crio.conf");
    });
    const auto k3s = [](std::string path, std::string content) -> Case::Arrange {
        return [=](S& s) {
            s.tree.write("usr/local/bin/k3s", "");
            s.tree.write(path, content);
        };
    };
    add(Cell::unknown, k3s("etc/rancher/k3s/config.yaml.d/x.yaml", "data-dir: []\n"));
    add(Cell::unknown, k3s("etc/systemd/system/k3s.service", "[Service]\nExecStart=/opt/start\n"));
    add(Cell::hostile, k3s("etc/rancher/k3s/config.yaml.d/x.yaml", "data-dir: \"\\e[2J\"\n"));
    add(Cell::hostile, k3s("etc/systemd/system/k3s.service",
                           "[Service]\nExecStart=" + std::string(escape) + " --data-dir %N/\n"));
    for (const std::string config :
         {"seccompDefault: \"\\e[2J\"\n", "seccompDefault: true\n\"\\e\": 1\n\"\\e\": 2\n",
          "seccompDefault: !!x true\n", "a: &a [*a]\nseccompDefault: true\n",
          "seccompDefault: true\n--- \nseccompDefault: true\n", "seccompDefault: on\n",
          "\tseccompDefault: true\n"})
        add(Cell::hostile, kubelet(config));
    add(Cell::hostile, kubelet(std::string(100000, '[')));
    add(Cell::hostile, kubelet("seccompDefault: true\n" + std::string(std::size_t{2} << 20, '#')));
    return out;
}

TEST(EnginesCensus, LeavesNoControlOut) {
    if (::geteuid() != 0)
        GTEST_SKIP() << "needs root: the files of its trees belong to root";
    Cases all;
    for (auto&& part : {daemon_cases(), docker_cases(), podman_cases(), cri_cases()})
        all.insert(all.end(), part.begin(), part.end());
    tests::take_census<Engines>(base, all);
}

}  // namespace
}  // namespace plimsoll::modules::rootless::testing
