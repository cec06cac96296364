// SPDX-License-Identifier: Apache-2.0
#include "modules/rootless/engines.hpp"

#include "core/base/text.hpp"
#include "modules/rootless/engines_judge.hpp"

#include <algorithm>
#include <array>

namespace plimsoll::modules::rootless {
namespace {

using policy::ControlInfo;
using policy::FixClass;
using policy::Severity;

const std::array<ControlInfo, 10>& control_table() {
    static const std::array<ControlInfo, 10> table{{
        {.id = "engine.rootful-daemon",
         .code = "B01",
         .title = "No container engine runs as root",
         .why =
             "An engine with effective uid 0 in the initial user namespace is one bug, or one caller of its "
             "API, away from root on the host. userns-remap changes nothing about the engine itself.",
         .severity = Severity::high,
         .fix_class = FixClass::containers_stopped,
         .fix =
             "Disable, mask and stop the engine's units. Never automatic where a kubelet may depend on it.",
         .references = {"man:dockerd(8)", "man:systemctl(1)",
                        "https://docs.docker.com/engine/security/rootless/", "https://rootlesscontaine.rs/"}},
        {.id = "engine.docker-socket-access",
         .code = "B02",
         .title = "Only root reaches the sockets of rootful engines",
         .why =
             "Whoever can connect to a rootful engine's socket can start a container that mounts the host's "
             "root: access to the API is root, without a password or a trace in sudo's log.",
         .severity = Severity::critical,
         .fix_class = FixClass::service_restart,
         .fix =
             "Take members that the policy does not name out of the group (live), or close the socket in a "
             "drop-in of its unit and restart that. Open sessions keep the group until they end.",
         .references = {"man:systemd.socket(5)", "man:acl(5)", "man:group(5)",
                        "https://docs.docker.com/engine/security/#docker-daemon-attack-surface"}},
        {.id = "engine.docker-tcp",
         .code = "B03",
         .title = "No engine listens on the network",
         .why =
             "The API over TCP gives root to everybody who can reach the port; only mutual TLS asks who it "
             "is. "
             "Loopback is no protection: every local user and every container in the host network is there.",
         .severity = Severity::critical,
         .fix_class = FixClass::service_restart,
         .fix = "Remove the address in the place where it is set: hosts of daemon.json, ListenStream= of the "
                "socket unit, or by hand the -H flag of the unit.",
         .references = {"man:dockerd(8)", "https://docs.docker.com/engine/security/protect-access/"}},
        {.id = "docker.daemon-json",
         .code = "B04",
         .title = "daemon.json keeps to the baseline",
         .why =
             "dockerd's defaults favour compatibility: containers may gain privileges through setuid files, "
             "reach each other, and lose the engine at every restart of it.",
         .severity = Severity::medium,
         .fix_class = FixClass::service_restart,
         .fix =
             "Set the keys in daemon.json, leaving the others, and restart dockerd. They apply to containers "
             "created afterwards.",
         .references = {"man:dockerd(8)",
                        "https://docs.docker.com/reference/cli/dockerd/#daemon-configuration-file",
                        "CIS Docker Benchmark 1.6, section 2"}},
        {.id = "docker.userns-remap",
         .code = "B05",
         .title = "userns-remap does what its setting says",
         .why = "Remapping to root, or to a user without ranges, is off or broken although the setting looks "
                "on. "
                "Even when it works, dockerd itself stays root.",
         .severity = Severity::medium,
         .fix_class = FixClass::never_automatic,
         .fix = "Decide by hand: turning it on makes dockerd use another data directory, in which no image, "
                "container or volume of before is visible.",
         .references = {"https://docs.docker.com/engine/security/userns-remap/", "man:subuid(5)"}},
        {.id = "podman.rootful-socket",
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
         .references = {"man:podman-system-service(1)", "man:systemd.socket(5)"}},
        {.id = "podman.rootful-quadlets",
         .code = "B07",
         .title = "Containers are defined for users, not for root, and keep their confinement",
         .why =
             "A quadlet in the system directories, or a system unit that calls podman, runs its container as "
             "root at every boot. Settings that open a container to the host do so wherever they stand.",
         .severity = Severity::medium,
         .fix_class = FixClass::never_automatic,
         .fix = "Move the definition to the user that shall run it (~/.config/containers/systemd), or name "
                "it in "
                "the policy.",
         .references = {"man:podman-systemd.unit(5)", "man:quadlet(1)"}},
        {.id = "rootless.docker-health",
         .code = "B19",
         .title = "Rootless dockerd is rootless",
         .why = "A dockerd of a user that is not under rootlesskit in a user namespace of its own, or whose "
                "socket "
                "others can open, gives up the separation it was set up for.",
         .severity = Severity::medium,
         .fix_class = FixClass::never_automatic,
         .fix = "As the user: dockerd-rootless-setuptool.sh check, then systemctl --user restart docker.",
         .references = {"https://docs.docker.com/engine/security/rootless/", "man:user_namespaces(7)"}},
        {.id = "engine.both-stacks",
         .code = "B20",
         .title = "An engine is rootful or rootless, not both",
         .why = "With both, a client that misses its environment variable speaks to the rootful one without "
                "anybody noticing.",
         .severity = Severity::low,
         .fix_class = FixClass::never_automatic,
         .fix = "Take the rootful engine down (engine.rootful-daemon, podman.rootful-socket).",
         .references = {"https://docs.docker.com/engine/security/rootless/"}},
        {.id = "kubelet.cri-defaults",
         .code = "B21",
         .title = "Pods are confined unless they ask otherwise",
         .why = "Without the kubelet's seccompDefault a pod that names no profile runs unconfined; "
                "containerd and "
                "CRI-O can leave SELinux and AppArmor out in the same silent way.",
         .severity = Severity::high,
         .fix_class = FixClass::never_automatic,
         .fix = "Set seccompDefault: true in the kubelet's configuration and the runtime's keys in a "
                "drop-in, then "
                "restart it; workloads may depend on what they could do before.",
         .references = {"https://kubernetes.io/docs/tutorials/security/seccomp/",
                        "https://github.com/containerd/containerd/blob/main/docs/cri/config.md",
                        "man:crio.conf(5)"}},
    }};
    return table;
}

}  // namespace

const ControlInfo& info(Control c) {
    return control_table()[static_cast<std::size_t>(c)];
}

policy::Finding finding(Control c, policy::Status status, std::string subject, std::string message,
                        std::vector<policy::Evidence> evidence) {
    return policy::make_finding(info(c), status, std::move(subject), std::move(message), std::move(evidence));
}

policy::Finding failing(Control c, std::string subject, std::string message,
                        std::vector<policy::Evidence> evidence, policy::Fix fix) {
    auto f = finding(c, policy::Status::fail, std::move(subject), std::move(message), std::move(evidence));
    f.fix = std::move(fix);
    return f;
}

void report_unknown(Control c, const std::string& subject, const Error& error, Findings& out) {
    out.push_back(finding(c, policy::Status::unknown, subject, printable(error.message, 300)));
}

void report_unknown(Control c, const std::string& subject, const std::vector<Error>& errors, Findings& out) {
    for (const Error& e : errors)
        report_unknown(c, subject, e, out);
}

bool named(const std::vector<std::string>& list, std::string_view entry) {
    return std::ranges::find(list, entry) != list.end();
}

bool matched(const std::vector<std::string>& globs, const std::string& entry) {
    return std::ranges::any_of(globs, [&](const std::string& g) { return glob_match(g, entry); });
}

std::span<const ControlInfo> Engines::controls() {
    return control_table();
}

const std::vector<policy::Param<Engines::Params>>& Engines::params() {
    using P = policy::Param<Params>;
    static const Value none{Array{}};
    static const std::vector<std::string_view> engines{"docker", "containerd", "crio",
                                                       "podman", "buildkit",   "k3s"};
    static const std::vector<P> table{
        P{.control = "engine.rootful-daemon",
          .key = "allowed_engines",
          .member = &Params::allowed_engines,
          .doc = "Engines that may run as root; docker brings its containerd along.",
          .limits = {.choices = engines}},
        P{.control = "engine.rootful-daemon",
          .key = "rootless_only",
          .member = &Params::rootless_only,
          .doc = "Whether the host is meant for rootless engines alone, which makes a rootful one critical.",
          .strict = true},
        P{.control = "engine.docker-socket-access",
          .key = "allowed_members",
          .member = &Params::allowed_members,
          .doc = "Users who may reach a rootful engine's socket, which makes them root."},
        P{.control = "engine.docker-tcp",
          .key = "allowed_listeners",
          .member = &Params::allowed_listeners,
          .doc = "Addresses an engine may listen on, as ADDRESS:PORT; patterns are allowed."},
        P{.control = "engine.docker-tcp",
          .key = "require_mutual_tls",
          .member = &Params::require_mutual_tls,
          .doc = "Whether an allowed address of dockerd still fails when it does not ask clients for a "
                 "certificate."},
        P{.control = "docker.daemon-json",
          .key = "no_new_privileges",
          .member = &Params::no_new_privileges,
          .doc = "Whether containers must start with no-new-privileges."},
        P{.control = "docker.daemon-json",
          .key = "no_icc",
          .member = &Params::no_icc,
          .doc = "Whether containers on the default bridge must not reach each other (icc)."},
        P{.control = "docker.daemon-json",
          .key = "live_restore",
          .member = &Params::live_restore,
          .doc = "Whether containers must outlive a restart of dockerd; not asked of a swarm node."},
        P{.control = "docker.daemon-json",
          .key = "no_userland_proxy",
          .member = &Params::no_userland_proxy,
          .doc = "Whether published ports must do without the userland proxy."},
        P{.control = "docker.daemon-json",
          .key = "selinux",
          .member = &Params::selinux,
          .doc = "Whether dockerd must label containers on an SELinux host."},
        P{.control = "docker.daemon-json",
          .key = "allowed_mirrors",
          .member = &Params::allowed_mirrors,
          .doc = "Registry mirrors that may be configured; patterns are allowed.",
          .strict = none},
        P{.control = "docker.daemon-json",
          .key = "allowed_insecure_registries",
          .member = &Params::allowed_insecure_registries,
          .doc = "Registries that may be used without verified TLS; patterns are allowed."},
        P{.control = "docker.userns-remap",
          .key = "required",
          .member = &Params::require_remap,
          .doc = "Whether a rootful dockerd must remap its containers' users.",
          .strict = true},
        P{.control = "podman.rootful-socket",
          .key = "allowed_units",
          .member = &Params::allowed_units,
          .doc = "Which of the system's podman units may be enabled.",
          .limits = {.choices = {"podman.socket", "podman.service"}}},
        P{.control = "podman.rootful-quadlets",
          .key = "allowed",
          .member = &Params::allowed_quadlets,
          .doc = "File or unit names of rootful container definitions that may exist; patterns are allowed."},
        P{.control = "podman.rootful-quadlets",
          .key = "require_hardening",
          .member = &Params::require_hardening,
          .doc = "Whether an allowed container must also drop all capabilities, be read-only, set "
                 "no-new-privileges "
                 "and name its image by digest.",
          .strict = true},
        P{.control = "kubelet.cri-defaults",
          .key = "require_seccomp_default",
          .member = &Params::require_seccomp_default,
          .doc = "Whether the kubelet must confine pods that name no seccomp profile."},
    };
    return table;
}

Engines::Facts Engines::observe(const host::Host& host, const Params&, const policy::Provision&) {
    Facts f{.live = host.live()};
    f.inventory = take_inventory(host);
    f.docker = read_docker_config(host, f.inventory);
    f.sockets = read_sockets(host, f.inventory);
    f.access = read_api_access(host, f.inventory, f.docker, f.sockets);
    f.remap = read_remap(host, f.docker);
    f.quadlets = read_quadlets(host);
    f.users = read_user_dockers(host);
    f.cri = read_cri(host, f.inventory);
    return f;
}

std::vector<policy::Finding> Engines::evaluate(const Params& params, const policy::Provision&,
                                               const Facts& facts, Time) {
    std::vector<policy::Finding> out;
    judge_rootful_daemon(params, facts, out);
    judge_socket_access(params, facts, out);
    judge_tcp(params, facts, out);
    judge_daemon_json(params, facts, out);
    judge_userns_remap(params, facts, out);
    judge_podman_socket(params, facts, out);
    judge_quadlets(params, facts, out);
    judge_docker_health(facts, out);
    judge_both_stacks(facts, out);
    judge_cri_defaults(params, facts, out);
    return out;
}

}  // namespace plimsoll::modules::rootless
