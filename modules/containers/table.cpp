// SPDX-License-Identifier: Apache-2.0
// The controls of group C and their parameters.
#include "modules/containers/containers.hpp"
#include "modules/containers/judge.hpp"

namespace plimsoll::modules::containers {
namespace {

using policy::ControlInfo;
using policy::FixClass;
using policy::Severity;

constexpr std::string_view redefine =
    "Correct the definition of the container and make it anew; what a running container has cannot be taken "
    "away. "
    "With response = \"stop\" it is stopped.";
constexpr auto stopped = FixClass::containers_stopped;
constexpr auto by_hand = FixClass::never_automatic;

const std::vector<ControlInfo>& table() {  // NOLINT(readability-function-size): data
    static const std::vector<ControlInfo> controls{
        {"ctr.found",
         "C00",
         "Every container is found and judged",
         "A container that no engine tells about is one that nobody watches. What cannot be placed or judged "
         "is "
         "said, not left out.",
         Severity::medium,
         by_hand,
         "Look at the process, and run the audit with the rights of root.",
         {"namespaces(7)", "cgroups(7)", "proc(5)"}},
        {"ctr.root-userns",
         "C01",
         "Containers have a user namespace of their own",
         "In the initial user namespace root in the container is root of the host: whoever gets out has "
         "everything.",
         Severity::high,
         stopped,
         redefine,
         {"user_namespaces(7)", "podman-run(1)"}},
        {"ctr.root-maps-host-root",
         "C02",
         "No id of a container is root or another account of the host",
         "A user namespace protects only as far as its ids are nobody's. A map with host id 0 in it is root "
         "with "
         "a detour.",
         Severity::critical,
         stopped,
         redefine,
         {"user_namespaces(7)", "subuid(5)"}},
        {"ctr.runs-as-root",
         "C03",
         "Workloads do not run as root of their container",
         "Root in the container owns its files and holds its capabilities; most holes in runtimes and "
         "kernels "
         "need one or the other.",
         Severity::medium,
         by_hand,
         "Set User= in the quadlet, or USER in the image, or --user.",
         {"podman-run(1)", "credentials(7)"}},
        {"ctr.capabilities",
         "C04",
         "Containers hold no capability beyond the baseline",
         "CAP_SYS_ADMIN in the initial user namespace is root by another name. What the bounding set keeps, "
         "a "
         "setuid program gets back.",
         Severity::critical,
         stopped,
         redefine,
         {"capabilities(7)", "containers.conf(5)"}},
        {"ctr.no-new-privs",
         "C05",
         "Containers cannot gain privileges by exec",
         "Without no_new_privs every setuid program of the image is a way to the capabilities that the "
         "bounding "
         "set still has.",
         Severity::medium,
         by_hand,
         "Set NoNewPrivileges=true in the quadlet, or --security-opt no-new-privileges.",
         {"prctl(2)", "podman-run(1)"}},
        {"ctr.seccomp",
         "C06",
         "Containers run under a seccomp filter",
         "The filter is what keeps the hundreds of system calls that a workload never needs out of its "
         "reach.",
         Severity::high,
         by_hand,
         "Remove seccomp=unconfined from the definition, and make the container anew.",
         {"seccomp(2)", "containers.conf(5)"}},
        {"ctr.host-namespaces",
         "C07",
         "Containers do not share namespaces with the host",
         "With the host's PIDs a container sees and, as the same user, controls its processes; with the "
         "host's "
         "network it reaches every socket that trusts the loopback or has an abstract name.",
         Severity::high,
         stopped,
         redefine,
         {"namespaces(7)", "podman-run(1)"}},
        {"ctr.sensitive-mounts",
         "C08",
         "Containers have no sensitive path or socket of the host",
         "Who may write /etc or speak to an engine's socket is root of the host, in whatever container; "
         "read-only "
         "does not hinder a connection.",
         Severity::critical,
         stopped,
         redefine,
         {"mount_namespaces(7)", "podman-run(1)"}},
        {"ctr.rw-rootfs",
         "C09",
         "Root file systems of containers are read-only",
         "What an intruder cannot write cannot be run, and is gone with the container.",
         Severity::low,
         by_hand,
         "Set ReadOnly=true and give a tmpfs for what has to be written.",
         {"podman-run(1)"}},
        {"ctr.privileged",
         "C10",
         "No container is privileged",
         "--privileged takes away filter, label, masks and device limits at once and gives every capability.",
         Severity::critical,
         stopped,
         redefine,
         {"podman-run(1)", "capabilities(7)"}},
        {"ctr.devices",
         "C11",
         "Containers see no device of the host that matters",
         "A block device is every file on it; /dev/mem, kvm, vfio or loop-control lead into the kernel.",
         Severity::high,
         by_hand,
         "Remove the device from the definition, and make the container anew.",
         {"null(4)", "mem(4)", "podman-run(1)"}},
        {"ctr.lsm-label",
         "C12",
         "Containers are confined by their security module's domain",
         "The label is what still holds when a hole in the runtime lets a process out of its namespaces.",
         Severity::high,
         stopped,
         redefine,
         {"container_selinux(8)", "apparmor(7)"}},
        {"ctr.limits",
         "C13",
         "Containers have limits on memory and processes",
         "Without limits one container takes the memory and the process numbers of all.",
         Severity::medium,
         by_hand,
         "podman update, or MemoryMax= and TasksMax= of its unit.",
         {"cgroups(7)", "systemd.resource-control(5)"}},
        {"ctr.mount-propagation",
         "C14",
         "Mounts of containers do not propagate to the host",
         "What a container mounts on a shared mount appears on the host, and the other way round.",
         Severity::medium,
         by_hand,
         "Mount volumes private (the default), not rshared or rslave.",
         {"mount_namespaces(7)"}},
        {"ctr.image-provenance",
         "C15",
         "Running images come from allowed registries",
         "An image from elsewhere is a program from elsewhere.",
         Severity::medium,
         by_hand,
         "Make the container anew from an image that the policy allows, named by digest.",
         {"containers-registries.conf(5)", "containers-policy.json(5)"}},
        {"ctr.sshd-or-nested-engine",
         "C16",
         "No container holds a login service or an engine",
         "A container with sshd, a service manager or an engine is a second host that nobody manages.",
         Severity::low,
         by_hand,
         "One workload for each container; build images outside.",
         {"podman-exec(1)"}},
        {"ctr.exec-drift",
         "C17",
         "Containers run the programs of their image",
         "A program that was written or downloaded after the start is what an intrusion looks like.",
         Severity::high,
         by_hand,
         "Look at the file, stop the container, and make it anew from its image.",
         {"proc(5)", "https://docs.kernel.org/filesystems/overlayfs.html"}},
        {"ctr.orphan",
         "C18",
         "Every container has an engine that answers for it",
         "A container without monitor or record is not in any engine's list: forgotten, or hidden.",
         Severity::medium,
         by_hand,
         "Find out who started it; end its init when nobody needs it.",
         {"conmon(8)", "podman-ps(1)"}},
        {"ctr.kernel-surface",
         "C19",
         "A filter stands before the kernel's rarely needed interfaces",
         "io_uring, AF_ALG, AF_PACKET, bpf and userfaultfd are where many holes of the last years were.",
         Severity::info,
         by_hand,
         "Keep the default seccomp profile, or a tighter one.",
         {"io_uring(7)", "bpf(2)", "userfaultfd(2)", "vsock(7)"}},
    };
    return controls;
}

constexpr std::string_view response_doc =
    "What to do about a failing container: \"report\", or \"stop\" it, which cannot be undone.";

policy::Param<Params> response(std::string_view control, std::string Params::* member) {
    return {control, "response", member, response_doc, {.choices = {"report", "stop"}}};
}

}  // namespace

const ControlInfo& info(Rule rule) {
    return table()[static_cast<std::size_t>(rule)];
}

std::span<const ControlInfo> Containers::controls() {
    return table();
}

const std::vector<policy::Param<Params>>& Containers::params() {
    using P = Params;
    static const std::vector<policy::Param<P>> all{
        response("ctr.root-userns", &P::root_userns),
        response("ctr.root-maps-host-root", &P::root_maps),
        {"ctr.root-maps-host-root", "forbid_own_id", &P::forbid_own_id,
         "Whether the owner's own id must not be in the map either (userns=auto or nomap)."},
        response("ctr.capabilities", &P::capabilities),
        {"ctr.capabilities", "allowed", &P::allowed_capabilities,
         "Capabilities, without CAP_, that a container may hold."},
        response("ctr.host-namespaces", &P::host_namespaces),
        {"ctr.host-namespaces",
         "allowed",
         &P::allowed_namespaces,
         "Namespaces that may be the host's.",
         {.choices = {"cgroup", "ipc", "net", "pid", "time", "uts"}}},
        response("ctr.sensitive-mounts", &P::sensitive_mounts),
        {"ctr.sensitive-mounts", "allowed", &P::allowed_paths,
         "Host paths (globs) that containers may have; sockets of engines have to be named in full."},
        response("ctr.privileged", &P::privileged),
        {"ctr.devices", "allowed", &P::allowed_devices,
         "Devices that containers may see, as \"c 10:229\" or \"b 8:0\"."},
        response("ctr.lsm-label", &P::lsm_label),
        {"ctr.lsm-label", "allowed", &P::allowed_labels,
         "SELinux types or AppArmor profiles (globs) that confine containers, besides the engines' own."},
        {"ctr.limits",
         "needed",
         &P::needed_limits,
         "Limits that a container or a cgroup above it must have.",
         {.choices = {"cpu", "memory", "pids", "swap"}}},
        {"ctr.image-provenance", "allowed", &P::allowed_images,
         "Images (globs) that may run, as the engine names them; empty: any."},
        {"ctr.image-provenance", "digest", &P::digest_needed, "Whether images have to be named by digest."},
    };
    return all;
}

}  // namespace plimsoll::modules::containers
