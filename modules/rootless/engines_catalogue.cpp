// SPDX-License-Identifier: Apache-2.0
// What the Engines module judges and by which parameters: the descriptions alone.
#include "modules/rootless/engines.hpp"

#include <array>

namespace plimsoll::modules::rootless {
namespace {

using policy::ControlInfo;
using policy::FixClass;
using policy::Severity;
using P = policy::Param<Engines::Params>;

ControlInfo about_rootful_daemon() {
    return {
        .id = "engine.rootful-daemon",
        .code = "B01",
        .title = "No container engine runs as root",
        .why =
            "An engine with effective uid 0 in the initial user namespace is one bug, or one caller of its "
            "API, away from root on the host. userns-remap changes nothing about the engine itself.",
        .severity = Severity::high,
        .fix_class = FixClass::containers_stopped,
        .fix = "Disable, mask and stop the engine's units. Never automatic where a kubelet may depend on it.",
        .references = {"man:dockerd(8)", "man:systemctl(1)",
                       "https://docs.docker.com/engine/security/rootless/", "https://rootlesscontaine.rs/"}};
}

ControlInfo about_socket_access() {
    return {
        .id = "engine.docker-socket-access",
        .code = "B02",
        .title = "Only root reaches the sockets of rootful engines",
        .why =
            "Whoever can connect to a rootful engine's socket can start a container that mounts the host's "
            "root: access to the API is root, without a password or a trace in sudo's log. An administrator "
            "of its group can join it, and who knows the group's password gets it; a service that has the "
            "group by its unit is root as well, whoever it runs as. A user's client that DOCKER_HOST or a "
            "context points at such a socket fails as well: that user means to work there.",
        .severity = Severity::critical,
        .fix_class = FixClass::service_restart,
        .fix =
            "Take members that the policy does not name, and a password, out of the group (live), or close "
            "the socket in a drop-in of its unit and restart that. Open sessions keep the group until they "
            "end.",
        .references = {"man:systemd.socket(5)", "man:acl(5)", "man:group(5)", "man:gshadow(5)",
                       "man:newgrp(1)", "man:gpasswd(1)", "man:initgroups(3)",
                       "man:containerd-config.toml(5)",
                       "https://docs.docker.com/engine/security/#docker-daemon-attack-surface"}};
}

ControlInfo about_tcp() {
    return {
        .id = "engine.docker-tcp",
        .code = "B03",
        .title = "No engine listens on the network",
        .why =
            "The API over TCP gives root to everybody who can reach the port; only mutual TLS asks who it "
            "is. "
            "Loopback is no protection: every local user and every container in the host network is there. "
            "Users' clients that DOCKER_HOST or a context points at such an API are told, too.",
        .severity = Severity::critical,
        .fix_class = FixClass::service_restart,
        .fix =
            "Remove the address in the place where it is set: hosts of daemon.json, ListenStream= of the "
            "socket unit, or the -H flag of dockerd's unit, in a drop-in. By hand where a variable or a "
            "script "
            "sets it.",
        .references = {"man:dockerd(8)", "https://docs.docker.com/engine/security/protect-access/",
                       "man:containerd-config.toml(5)",
                       "https://docs.docker.com/build/buildkit/toml-configuration/"}};
}

ControlInfo about_daemon_json() {
    return {
        .id = "docker.daemon-json",
        .code = "B04",
        .title = "daemon.json keeps to the baseline",
        .why =
            "dockerd's defaults favour compatibility: containers may gain privileges through setuid files, "
            "reach each other, and lose the engine at every restart of it. With a key or value that it does "
            "not "
            "take, dockerd does not start; and whoever else can write the file tells it to run what they "
            "like.",
        .severity = Severity::medium,
        .fix_class = FixClass::service_restart,
        .fix =
            "Set the keys in daemon.json, leaving the others, and restart dockerd. They apply to containers "
            "created afterwards.",
        .references = {"man:dockerd(8)",
                       "https://docs.docker.com/reference/cli/dockerd/#daemon-configuration-file",
                       "CIS Docker Benchmark 1.6, section 2"}};
}

ControlInfo about_userns_remap() {
    return {.id = "docker.userns-remap",
            .code = "B05",
            .title = "userns-remap does what its setting says",
            .why =
                "Remapping to root, or to a user without ranges, is off or broken although the setting looks "
                "on. "
                "Even when it works, dockerd itself stays root.",
            .severity = Severity::medium,
            .fix_class = FixClass::never_automatic,
            .fix =
                "Decide by hand: turning it on makes dockerd use another data directory, in which no image, "
                "container or volume of before is visible.",
            .references = {"https://docs.docker.com/engine/security/userns-remap/", "man:subuid(5)"}};
}

ControlInfo about_podman_socket() {
    return {
        .id = "podman.rootful-socket",
        .code = "B06",
        .title = "The system's Podman API socket is off",
        .why =
            "podman.socket of the system manager starts a rootful API at the first connection, which undoes "
            "Podman's having no daemon.",
        .severity = Severity::high,
        .fix_class = FixClass::live,
        .fix =
            "Disable, mask and stop podman.socket and podman.service; running containers stay. Users have a "
            "socket of their own (systemctl --user).",
        .references = {"man:podman-system-service(1)", "man:systemd.socket(5)"}};
}

ControlInfo about_quadlets() {
    return {
        .id = "podman.rootful-quadlets",
        .code = "B07",
        .title = "Containers are defined for users, not for root, and keep their confinement",
        .why =
            "A quadlet in the system directories, or a system unit that calls podman, runs its container as "
            "root at every boot. Settings that open a container to the host do so wherever they stand.",
        .severity = Severity::medium,
        .fix_class = FixClass::never_automatic,
        .fix =
            "Move the definition to the user that shall run it (~/.config/containers/systemd), or name "
            "it in "
            "the policy.",
        .references = {"man:podman-systemd.unit(5)", "man:quadlet(1)"}};
}

ControlInfo about_docker_health() {
    return {.id = "rootless.docker-health",
            .code = "B19",
            .title = "Rootless dockerd is rootless",
            .why =
                "A dockerd of a user that is not under rootlesskit in a user namespace of its own, or whose "
                "socket "
                "others can open, gives up the separation it was set up for.",
            .severity = Severity::medium,
            .fix_class = FixClass::never_automatic,
            .fix = "As the user: dockerd-rootless-setuptool.sh check, then systemctl --user restart docker.",
            .references = {"https://docs.docker.com/engine/security/rootless/", "man:user_namespaces(7)"}};
}

ControlInfo about_both_stacks() {
    return {.id = "engine.both-stacks",
            .code = "B20",
            .title = "An engine is rootful or rootless, not both",
            .why =
                "With both, a client that misses its environment variable speaks to the rootful one without "
                "anybody noticing.",
            .severity = Severity::low,
            .fix_class = FixClass::never_automatic,
            .fix = "Take the rootful engine down (engine.rootful-daemon, podman.rootful-socket).",
            .references = {"https://docs.docker.com/engine/security/rootless/"}};
}

ControlInfo about_cri_defaults() {
    return {.id = "kubelet.cri-defaults",
            .code = "B21",
            .title = "Pods are confined unless they ask otherwise",
            .why =
                "Without the kubelet's seccompDefault a pod that names no profile runs unconfined; "
                "containerd and "
                "CRI-O can leave SELinux and AppArmor out in the same silent way.",
            .severity = Severity::high,
            .fix_class = FixClass::never_automatic,
            .fix =
                "Set seccompDefault: true in the kubelet's configuration and the runtime's keys in a "
                "drop-in, then "
                "restart it; workloads may depend on what they could do before.",
            .references = {"https://kubernetes.io/docs/tutorials/security/seccomp/",
                           "https://github.com/containerd/containerd/blob/main/docs/cri/config.md",
                           "man:crio.conf(5)"}};
}

std::vector<P> daemon_params() {
    return {
        P{.control = "engine.rootful-daemon",
          .key = "allowed_engines",
          .member = &Engines::Params::allowed_engines,
          .doc = "Engines that may run as root; docker brings its containerd along.",
          .limits = {.choices = {"docker", "containerd", "crio", "podman", "buildkit", "k3s", "rke2"}}},
        P{.control = "engine.rootful-daemon",
          .key = "rootless_only",
          .member = &Engines::Params::rootless_only,
          .doc = "Whether the host is meant for rootless engines alone, which makes a rootful one critical.",
          .strict = true},
        P{.control = "engine.docker-socket-access",
          .key = "allowed_members",
          .member = &Engines::Params::allowed_members,
          .doc = "Users who may reach a rootful engine's socket, which makes them root."},
        P{.control = "engine.docker-tcp",
          .key = "allowed_listeners",
          .member = &Engines::Params::allowed_listeners,
          .doc = "Addresses an engine may listen on, as ADDRESS:PORT; patterns are allowed."},
        P{.control = "engine.docker-tcp",
          .key = "require_mutual_tls",
          .member = &Engines::Params::require_mutual_tls,
          .doc =
              "Whether an allowed address of dockerd or buildkitd still fails when it does not ask clients "
              "for a certificate."}};
}

std::vector<P> docker_params() {
    return {P{.control = "docker.daemon-json",
              .key = "no_new_privileges",
              .member = &Engines::Params::no_new_privileges,
              .doc = "Whether containers must start with no-new-privileges."},
            P{.control = "docker.daemon-json",
              .key = "no_icc",
              .member = &Engines::Params::no_icc,
              .doc = "Whether containers on the default bridge must not reach each other (icc)."},
            P{.control = "docker.daemon-json",
              .key = "live_restore",
              .member = &Engines::Params::live_restore,
              .doc = "Whether containers must outlive a restart of dockerd; not asked of a swarm node."},
            P{.control = "docker.daemon-json",
              .key = "no_userland_proxy",
              .member = &Engines::Params::no_userland_proxy,
              .doc = "Whether published ports must do without the userland proxy."},
            P{.control = "docker.daemon-json",
              .key = "selinux",
              .member = &Engines::Params::selinux,
              .doc = "Whether dockerd must label containers on an SELinux host."},
            P{.control = "docker.daemon-json",
              .key = "bounded_logs",
              .member = &Engines::Params::bounded_logs,
              .doc = "Whether a log driver must be set and, with json-file, a max-size."},
            P{.control = "docker.daemon-json",
              .key = "require_ulimits",
              .member = &Engines::Params::require_ulimits,
              .doc = "Whether containers must get a limit on open files by default.",
              .strict = true},
            P{.control = "docker.daemon-json",
              .key = "allowed_runtimes",
              .member = &Engines::Params::allowed_runtimes,
              .doc = "Runtimes that dockerd may use besides its own, by the name of their program or their "
                     "type; patterns are allowed.",
              .strict = Value(Array{})},
            P{.control = "docker.daemon-json",
              .key = "allowed_plugins",
              .member = &Engines::Params::allowed_plugins,
              .doc = "Authorization plugins that may be set; patterns are allowed.",
              .strict = Value(Array{})},
            P{.control = "docker.daemon-json",
              .key = "allowed_mirrors",
              .member = &Engines::Params::allowed_mirrors,
              .doc = "Registry mirrors that may be configured; patterns are allowed.",
              .strict = Value(Array{})},
            P{.control = "docker.daemon-json",
              .key = "allowed_insecure_registries",
              .member = &Engines::Params::allowed_insecure_registries,
              .doc = "Registries that may be used without verified TLS; patterns are allowed."},
            P{.control = "docker.userns-remap",
              .key = "expected",
              .member = &Engines::Params::require_remap,
              .doc = "Whether a rootful dockerd must remap its containers' users.",
              .strict = true}};
}

std::vector<P> podman_params() {
    return {
        P{.control = "podman.rootful-socket",
          .key = "allowed_units",
          .member = &Engines::Params::allowed_units,
          .doc = "Which of the system's podman units may be enabled.",
          .limits = {.choices = {"podman.socket", "podman.service"}}},
        P{.control = "podman.rootful-quadlets",
          .key = "allowed",
          .member = &Engines::Params::allowed_quadlets,
          .doc = "File or unit names of rootful container definitions that may exist; patterns are allowed."},
        P{.control = "podman.rootful-quadlets",
          .key = "require_hardening",
          .member = &Engines::Params::require_hardening,
          .doc = "Whether an allowed container must also drop all capabilities, be read-only, set "
                 "no-new-privileges "
                 "and name its image by digest.",
          .strict = true},
        P{.control = "kubelet.cri-defaults",
          .key = "require_seccomp_default",
          .member = &Engines::Params::require_seccomp_default,
          .doc = "Whether the kubelet must confine pods that name no seccomp profile."},
        P{.control = "kubelet.cri-defaults",
          .key = "require_hardening",
          .member = &Engines::Params::require_cri_hardening,
          .doc = "Whether privileged pods must do without the host's devices and CRI-O must also keep "
                 "containers read-only, limit their processes, keep host ids out of their mappings and "
                 "verify images.",
          .strict = true}};
}

std::vector<P> all_params() {
    std::vector<P> out = daemon_params();
    for (const auto& more : {docker_params(), podman_params()})
        out.insert(out.end(), more.begin(), more.end());
    return out;
}

}  // namespace

std::span<const ControlInfo> Engines::controls() {
    static const std::array<ControlInfo, 10> table{
        about_rootful_daemon(), about_socket_access(), about_tcp(),      about_daemon_json(),
        about_userns_remap(),   about_podman_socket(), about_quadlets(), about_docker_health(),
        about_both_stacks(),    about_cri_defaults()};
    return table;
}

const std::vector<policy::Param<Engines::Params>>& Engines::params() {
    static const std::vector<P> table = all_params();
    return table;
}

}  // namespace plimsoll::modules::rootless
