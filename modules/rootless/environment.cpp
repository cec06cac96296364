// SPDX-License-Identifier: Apache-2.0
#include "modules/rootless/environment.hpp"

#include "core/base/path.hpp"
#include "core/base/text.hpp"
#include "core/host/quadlet_files.hpp"
#include "modules/rootless/apparmor.hpp"
#include "modules/rootless/command_line.hpp"
#include "modules/rootless/environment_judge.hpp"
#include "modules/rootless/quadlets.hpp"
#include "modules/rootless/user_environment.hpp"

#include <algorithm>
#include <array>

#include <fcntl.h>
#include <linux/magic.h>
#include <sys/vfs.h>

namespace plimsoll::modules::rootless {
namespace {

using policy::ControlInfo;
using policy::FixClass;
using policy::Severity;

const std::vector<ControlInfo>& table() {  // NOLINT(readability-function-size): data
    static const std::vector<ControlInfo> controls{
        {"userns.available",
         "B08",
         "User namespaces are usable by the intended users",
         "Rootless containers are made of unprivileged user namespaces. Hardening guides switch these off; "
         "the "
         "usual answer to the failure that follows is to run the containers as root.",
         Severity::high,
         FixClass::live,
         "Set the kernel setting, now and for the next boot.",
         {"user_namespaces(7)", "sysctl.d(5)"}},
        {"userns.scope-limit",
         "B09",
         "User namespaces are limited to container users",
         "An unprivileged user namespace opens kernel code to everybody that was written for root. Where the "
         "kernel can, only engines should get one.",
         Severity::low,
         FixClass::never_automatic,
         "Load AppArmor profiles with `userns,` for the engines, then set "
         "kernel.apparmor_restrict_unprivileged_userns=1 and "
         "kernel.apparmor_restrict_unprivileged_unconfined=1.",
         {"apparmor.d(5)", "user_namespaces(7)"}},
        {"cgroup.v2-delegation",
         "B10",
         "The unified hierarchy and its controllers are delegated to users",
         "Limits on memory, processes and time of rootless containers only work on cgroup v2 with the "
         "controllers delegated to the user's service manager; without them podman starts containers "
         "unlimited. A controller that DisableControllers= names in that unit or in a slice above it cannot "
         "be "
         "delegated.",
         Severity::medium,
         FixClass::live,
         "Write a Delegate= drop-in for user@.service; users get the controllers at their next login.",
         {"systemd.resource-control(5)", "cgroups(7)"}},
        {"rootless.runtime-dir",
         "B11",
         "Run-time directories of lingering users are sound",
         "Sockets and state of a user's engine are in /run/user/UID. Missing, its services do not run; open "
         "to "
         "others, they control it.",
         Severity::low,
         FixClass::live,
         "Start the user's service manager, which makes the directory.",
         {"pam_systemd(8)", "user@.service(5)"}},
        {"rootless.linger",
         "B12",
         "Exactly the users that run services linger",
         "Without linger a user's containers stop at logout and do not start at boot; with linger that "
         "nobody "
         "needs, what an intruder left in that account starts at every boot.",
         Severity::medium,
         FixClass::containers_stopped,
         "Has logind let the user linger, or no longer: then the services end, at once without a session. On "
         "an image, the user's file in /var/lib/systemd/linger is made or removed.",
         {"loginctl(1)", "org.freedesktop.login1(5)"}},
        {"rootless.low-ports",
         "B13",
         "Unprivileged users get low ports only as far as needed",
         "Below net.ipv4.ip_unprivileged_port_start only root can listen. Set to 0, every user can take the "
         "place of sshd while it restarts.",
         Severity::medium,
         FixClass::live,
         "Set net.ipv4.ip_unprivileged_port_start, now and for the next boot.",
         {"ip(7)", "sysctl.d(5)"}},
        {"rootless.ping-range",
         "B14",
         "The groups that may ping are the ones the policy states",
         "net.ipv4.ping_group_range lets groups send ICMP echo without privilege. Containers that ping need "
         "it; it is stated here so that nobody adds CAP_NET_RAW instead.",
         Severity::info,
         FixClass::live,
         "Set net.ipv4.ping_group_range, now and for the next boot.",
         {"icmp(7)", "sysctl.d(5)"}},
        {"rootless.network-stack",
         "B15",
         "Rootless networks run on pasta and do not reach the host's loopback",
         "slirp4netns is gone from podman 6, so containers made with it no longer start; and an option that "
         "maps the host's loopback hands containers every service that trusts 127.0.0.1.",
         Severity::medium,
         FixClass::live,
         "Write /etc/containers/containers.conf.d/90-plimsoll-network.conf; existing containers are to be "
         "made "
         "anew.",
         {"containers.conf(5)", "pasta(1)", "podman-network(1)"}},
    };
    return controls;
}

constexpr std::array<std::string_view, 6> keys{"user.max_user_namespaces",
                                               "kernel.unprivileged_userns_clone",
                                               "kernel.apparmor_restrict_unprivileged_userns",
                                               "kernel.apparmor_restrict_unprivileged_unconfined",
                                               "net.ipv4.ip_unprivileged_port_start",
                                               "net.ipv4.ping_group_range"};

// Programs that make user namespaces for containers, as profiles and files name them.
constexpr std::array<std::string_view, 6> engines{"podman", "rootlesskit", "buildah",
                                                  "crun",   "runc",        "slirp4netns"};

constexpr std::array<KernelParameter, 2> kernel_parameters{
    {{unified_hierarchy_argument}, {cgroup_disable_argument, true}}};

constexpr std::size_t max_own_units = 256;

template <class T>
Result<std::optional<T>> absent_is_none(Result<T> r) {
    if (r)
        return std::optional<T>(*std::move(r));
    if (r.error().code == Code::not_found)
        return std::optional<T>();
    return Failure(std::move(r).error());
}

// The kernel separates numbers by tabs, people by blanks.
std::string one_blank(std::string_view value) {
    std::string out;
    for (const auto w : words(value))
        out.append(out.empty() ? "" : " ").append(w);
    return out;
}

Knob observe_knob(const host::Host& host, const host::SysctlFiles& files, std::string_view key) {
    Knob out{.live = std::optional<std::string>(), .boot = files.effective(key)};
    if (host.live()) {
        out.live = absent_is_none(host.root().read(*host::sysctl_knob(key), 4096));
        if (out.live && *out.live)
            **out.live = one_blank(**out.live);
    }
    if (out.boot)
        if (const auto path = host::sysctl_drop_in_path(key, *out.boot)) {
            const auto text = absent_is_none(host.root().read(*path));
            out.drop_in_readable = text.has_value();
            if (text)
                out.drop_in_text = *text;
        }
    return out;
}

// Only a configuration that says "is not set" proves something; kernels keep theirs in several places.
std::optional<std::string> find_kernel_without_userns(const host::Host& host) {
    std::vector<std::string> paths;
    if (host.live()) {
        const auto release = host.root().read("/proc/sys/kernel/osrelease", 256);
        if (!release)
            return std::nullopt;
        const std::string name(trim(*release));
        paths = {"/boot/config-" + name, "/usr/lib/modules/" + name + "/config"};
    } else if (const auto boot = host.root().list("/boot")) {
        for (const auto& e : *boot)
            if (e.name.starts_with("config-") && paths.size() < 16)
                paths.push_back("/boot/" + e.name);
    }
    for (const std::string& path : paths)
        if (const auto text = host.root().read(path, std::size_t{1} << 20);
            text && text->find("\n# CONFIG_USER_NS is not set\n") != std::string::npos)
            return path;
    return std::nullopt;
}

Result<bool> observe_hierarchy(const host::Host& host) {
    if (!host.live())
        return fail(Code::unsupported, "not a running host");
    const auto fd = host.root().open_at("/sys/fs/cgroup", O_PATH | O_DIRECTORY);
    if (!fd)
        return fd.error().code == Code::not_found ? Result<bool>(false) : Failure(fd.error());
    struct statfs fs{};
    if (::fstatfs(fd->get(), &fs) == 0 && fs.f_type == CGROUP2_SUPER_MAGIC)
        return true;
    return host.root().exists("/sys/fs/cgroup/cgroup.controllers");
}

Result<RuntimeDir> observe_runtime_dir(const host::Sysroot& root, std::uint32_t uid) {
    const std::string path = "/run/user/" + std::to_string(uid);
    PLIMSOLL_TRY(const auto st, absent_is_none(root.lstat(path)));
    if (!st)
        return RuntimeDir{};
    const auto bus = root.lstat(path + "/bus");
    return RuntimeDir{true, st->st_uid, st->st_mode, bus && S_ISSOCK(bus->st_mode)};
}

Result<std::optional<std::set<std::string>>> observe_controllers(const host::Sysroot& root,
                                                                 std::uint32_t uid) {
    const std::string id = std::to_string(uid);
    PLIMSOLL_TRY(const auto text,
                 absent_is_none(root.read("/sys/fs/cgroup/user.slice/user-" + id + ".slice/user@" + id +
                                          ".service/cgroup.controllers")));
    if (!text)
        return std::optional<std::set<std::string>>();
    std::set<std::string> out;
    for (const auto w : words(*text))
        out.emplace(w);
    return std::optional(out);
}

constexpr std::string_view docker_network_prefix = "DOCKERD_ROOTLESS_ROOTLESSKIT_";

// Where the unit sets the variable last: itself, or by a file.
std::string source_of(const host::UnitFile& unit, const std::string& variable) {
    std::string out;
    for (const auto& s : unit.settings)
        if (s.key == "EnvironmentFile" ||
            (s.key == "Environment" && s.value.find(variable + "=") != std::string::npos))
            out = s.source;
    return out;
}

// Rootless docker takes its network from the environment of the user's unit: the user's own, or one for all
// users that starts by itself.
Result<UserDockerNetwork> observe_docker_network(const host::Host& host, const RootlessUser& user) {
    PLIMSOLL_TRY(const auto units,
                 host::UnitFiles::open(host.root(), host::user_unit_dirs(user.uid, user.home)));
    PLIMSOLL_TRY(auto unit, units.read(host.root(), "docker.service"));
    const auto own = host::own_unit_dirs(user.uid, user.home);
    const bool counts =
        unit && !unit->masked && (!unit->enabled_by.empty() || std::ranges::any_of(own, [&](const auto& dir) {
            return unit->fragment.starts_with(dir + "/");
        }));
    UserDockerNetwork out;
    if (!counts)
        return out;
    out.unit = unit->fragment;
    std::erase_if(unit->settings, [](const host::UnitSetting& s) {
        return s.key == "PassEnvironment" && s.value.find(docker_network_prefix) == std::string::npos;
    });
    const auto environment = unit_environment(host, *unit);
    if (!environment.problems.empty())
        return Failure(environment.problems.front());
    for (const auto& [name, value] : environment.values)
        if (name.starts_with(docker_network_prefix))
            out.settings.push_back({source_of(*unit, name), name, value});
    return out;
}

void add_quadlets(const Quadlets& quadlets, const RootlessUser& user, UserFacts& into) {
    into.quadlet_problems = user.problems;
    for (const Quadlet& q : quadlets.files) {
        if (q.user != user.name && q.user != "*")
            continue;
        if (q.problem)
            into.quadlet_problems.push_back(*q.problem);
        for (auto& n : networks(q))
            into.quadlet_networks.push_back({std::move(n.source), std::move(n.key), std::move(n.value)});
    }
    for (const UserUnit& unit : quadlets.units) {
        if (unit.user != user.name && unit.user != "*")
            continue;
        if (unit.problem)
            into.quadlet_problems.push_back(*unit.problem);
        for (auto& n : networks(unit))
            into.quadlet_networks.push_back({std::move(n.source), std::move(n.key), std::move(n.value)});
    }
}

Result<std::vector<std::string>> find_slirp(const host::Host& host) {
    const auto& processes = host.processes();
    if (!processes)
        return Failure(processes.error());
    std::vector<std::string> out;
    for (const host::Process& p : *processes) {
        const std::string_view exe = p.exe ? std::string_view(*p.exe) : std::string_view();
        if (p.comm == "slirp4netns" || base_name(exe) == "slirp4netns")
            out.push_back("pid " + std::to_string(p.pid));
    }
    return out;
}

// The user whose unit it is: 1000 of "user@1000.service" and "user-1000.slice".
std::optional<std::uint32_t> uid_of_unit(std::string_view name) {
    for (const auto& [prefix, suffix] :
         {std::pair<std::string_view, std::string_view>{"user@", ".service"}, {"user-", ".slice"}}) {
        if (!name.starts_with(prefix) || !name.ends_with(suffix))
            continue;
        const auto uid = parse_u64(name.substr(prefix.size(), name.size() - prefix.size() - suffix.size()));
        if (uid && *uid <= UINT32_MAX)
            return static_cast<std::uint32_t>(*uid);
    }
    return std::nullopt;
}

void read_own_units(const host::Host& host, EnvironmentFacts& out) {
    if (!host.units())
        return;  // user_unit says why
    std::set<std::uint32_t> uids;
    for (const char* prefix : {"user@", "user-"})
        for (const auto& name : host.units()->names(prefix))
            if (const auto uid = uid_of_unit(name))
                uids.insert(*uid);
    for (const auto uid : uids) {
        if (out.own_units.size() == max_own_units) {
            out.own_units_problem =
                Error{Code::unsupported, 0,
                      "more than " + std::to_string(max_own_units) + " users have unit files of their own"};
            return;
        }
        const auto& unit =
            out.own_units.try_emplace(uid, host.unit("user@" + std::to_string(uid) + ".service"))
                .first->second;
        if (unit && *unit)
            out.own_disabled.emplace(uid, host::disabled_controllers(host, **unit, uid));
    }
}

Result<std::set<std::string>> list_linger(const host::Sysroot& root) {
    std::set<std::string> out;
    PLIMSOLL_TRY(const auto entries, absent_is_none(root.list(linger_dir)));
    if (entries)
        for (const auto& e : *entries)
            out.insert(e.name);
    return out;
}

// What the user's manager gives a docker.service that does not say it itself.
void add_manager_settings(const UserEnvironment& environment, const RootlessUser& user,
                          Result<UserDockerNetwork>& into) {
    if (!into)
        return;
    if (!environment.problems.empty())
        into = Failure(environment.problems.front());
    else if (const auto own = environment.own_problems.find(user.name); own != environment.own_problems.end())
        into = Failure(own->second.front());
    if (!into)
        return;
    const auto said = into->settings;
    for (const Assignment& a : environment.of(user.name))
        if (a.services && !a.one_unit && std::ranges::find(said, a.name, &NetworkSetting::name) == said.end())
            into->settings.push_back({a.source, a.name, a.value});
}

void observe_users(const host::Host& host, EnvironmentFacts& out) {
    const auto& accounts = host.accounts();
    if (out.linger_files && accounts)
        for (const std::string& name : *out.linger_files)
            if (accounts->user(name) == nullptr)
                out.linger_without_account.insert(name);
    if (!out.users)
        return;
    std::vector<Person> people;
    for (const RootlessUser& u : *out.users)
        people.push_back({u.name, u.uid, u.home});
    const auto environment = read_user_environment(
        host, people, [](std::string_view name) { return name.starts_with(docker_network_prefix); });
    const auto quadlets = read_quadlets(host);
    const auto common = host::common_quadlets(host.root()).problems;
    for (const RootlessUser& u : *out.users) {
        auto network = observe_docker_network(host, u);
        add_manager_settings(environment, u, network);
        UserFacts facts{observe_runtime_dir(host.root(), u.uid), observe_controllers(host.root(), u.uid),
                        std::move(network)};
        add_quadlets(quadlets, u, facts);
        facts.quadlet_problems.insert(facts.quadlet_problems.end(), common.begin(), common.end());
        out.by_user.emplace(u.name, std::move(facts));
    }
}

bool installed(const host::Sysroot& root, std::string_view program) {
    return std::ranges::any_of(
        std::array{"/usr/bin/", "/usr/local/bin/", "/usr/libexec/podman/", "/usr/sbin/"},
        [&](const char* dir) { return root.exists(dir + std::string(program)); });
}

}  // namespace

std::span<const ControlInfo> Environment::controls() {
    return table();
}

const ControlInfo& info(Rule rule) {
    return table()[static_cast<std::size_t>(rule)];
}

const std::vector<policy::Param<EnvironmentParams>>& Environment::params() {
    using P = EnvironmentParams;
    static const std::vector<policy::Param<P>> all{
        {"userns.available",
         "min_namespaces",
         &P::min_namespaces,
         "How many user namespaces the kernel must allow at least.",
         {.min = 1, .max = 2147483647}},
        {"userns.scope-limit", "expected", &P::scope_limit,
         "Whether a kernel that can limit user namespaces to confined programs must do so."},
        {"cgroup.v2-delegation",
         "controllers",
         &P::controllers,
         "Controllers that users' service managers must get, besides those that [provision] delegates.",
         {.choices = {"cpu", "cpuset", "hugetlb", "io", "memory", "pids"}}},
        {"rootless.linger",
         "allowed_users",
         &P::linger_users,
         "Users (globs) that may linger besides the tenants for whom [provision] says so.",
         {},
         Value(Array{})},
        {"rootless.low-ports",
         "lowest",
         &P::lowest_port,
         "The lowest port that users without privilege may be allowed to listen on.",
         {.min = 0, .max = 65535},
         1024},
        {"rootless.low-ports",
         "needed",
         &P::needed_port,
         "A port that users without privilege must be able to listen on; 0: none.",
         {.min = 0, .max = 65535}},
        {"rootless.ping-range", "range", &P::ping_range,
         "The groups that may ping, as \"LOW HIGH\"; empty: whatever is set."},
    };
    return all;
}

EnvironmentFacts Environment::observe(const host::Host& host, const Params&,
                                      const policy::Provision& provision) {
    const host::Sysroot& root = host.root();
    EnvironmentFacts out{
        .live = host.live(),
        .systemd_runs = host.live() && root.exists("/run/systemd/system"),
        .kernel_without_userns = find_kernel_without_userns(host),
        .apparmor_profiles = userns_profiles(root, engines),
        .unified_cgroups = observe_hierarchy(host),
        .kernel_arguments = read_kernel_arguments(root, kernel_parameters),
        .user_unit = host.unit("user@.service"),
        .users = find_rootless_users(host, provision),
        .linger_files = list_linger(root),
        .podman = find_podman(host),
        .docker = installed(root, "dockerd-rootless.sh"),
        .pasta = installed(root, "pasta"),
        .slirp = installed(root, "slirp4netns"),
        .slirp_processes = find_slirp(host),
    };
    read_own_units(host, out);
    if (out.user_unit && *out.user_unit)
        out.disabled = host::disabled_controllers(host, **out.user_unit, std::nullopt);
    const auto files = host::read_sysctl_files(root);
    for (const std::string_view key : keys)
        out.knobs.emplace(key, observe_knob(host, files, key));
    if (const auto text = root.read(delegate_drop_in))
        out.delegate_text = *text;
    observe_users(host, out);
    out.containers = read_config_files(root, "containers",
                                       config_owners(out.users ? *out.users : std::vector<RootlessUser>{}));
    return out;
}

std::vector<policy::Finding> Environment::evaluate(const Params& params, const policy::Provision& provision,
                                                   const Facts& facts, Time) {
    const EnvironmentCase c{params, provision, facts};
    std::vector<policy::Finding> out;
    for (const auto judge : {judge_available, judge_scope, judge_delegation, judge_runtime_dirs, judge_linger,
                             judge_low_ports, judge_ping_range, judge_network}) {
        auto part = judge(c);
        out.insert(out.end(), std::make_move_iterator(part.begin()), std::make_move_iterator(part.end()));
    }
    return out;
}

}  // namespace plimsoll::modules::rootless
