// SPDX-License-Identifier: Apache-2.0
#include "modules/rootless/engine_config.hpp"

#include "core/base/digest.hpp"
#include "core/base/json.hpp"
#include "core/base/text.hpp"
#include "modules/rootless/apparmor.hpp"
#include "modules/rootless/command_line.hpp"
#include "modules/rootless/engine_config_judge.hpp"
#include "modules/rootless/inventory.hpp"
#include "modules/rootless/user_environment.hpp"

#include <algorithm>
#include <array>
#include <set>

namespace plimsoll::modules::rootless {
namespace {

using policy::ControlInfo;
using policy::FixClass;
using policy::Severity;

constexpr std::size_t max_paths = 512;  // that users' files can make us look at
constexpr std::size_t max_registry_files = 256;

Error too_many(const std::string& dir, std::size_t limit) {
    return {Code::invalid_input, 0, "read " + dir + ": more than " + std::to_string(limit) + " files"};
}

// Variables by which podman goes by something else than the files judged here.
constexpr std::array<std::string_view, 9> moving_variables{
    "CONTAINERS_CONF",
    "CONTAINERS_CONF_OVERRIDE",
    "CONTAINERS_STORAGE_CONF",
    "CONTAINERS_REGISTRIES_CONF",
    "REGISTRIES_CONFIG_PATH",
    "XDG_CONFIG_HOME",
    "STORAGE_DRIVER",
    "STORAGE_OPTS",
    "CONTAINERS_HELPER_BINARY_DIR"};  // where netavark, pasta and conmon come from

const std::vector<ControlInfo>& table() {
    static const std::vector<ControlInfo> controls{
        {"containers.conf.effective",
         "B16",
         "The engine configuration of every user can be computed",
         "Podman merges several files, a user's own last, and the order differs between its versions. Unless "
         "the result is known for every user, no rule about it means anything; a file that is not valid TOML "
         "keeps podman from starting.",
         Severity::high,
         FixClass::never_automatic,
         "Correct the named file, or take the override out of the user's file.",
         {"containers.conf(5)", "containers-config(5)"}},
        {"containers.conf.baseline",
         "B17",
         "Defaults of new containers stay inside the baseline",
         "containers.conf decides what every container gets that does not say otherwise: capabilities, the "
         "seccomp profile, namespaces shared with the host, mounts and hooks. One line there undoes the "
         "isolation of all of them.",
         Severity::medium,
         FixClass::live,
         "Write /etc/containers/containers.conf.d/90-plimsoll-baseline.conf; it counts for containers "
         "created "
         "from then on.",
         {"containers.conf(5)", "containers-registries.conf(5)", "seccomp(2)"}},
        {"storage.conf",
         "B18",
         "Container storage keeps users and containers apart",
         "ignore_chown_errors gives every file of an image to one user, force_mask opens an image's secrets "
         "to "
         "all, and a writable additional image store or mount program lets others decide what runs.",
         Severity::medium,
         FixClass::live,
         "Correct the line in /etc/containers/storage.conf. Driver and graphroot are never changed: existing "
         "images and containers would be lost.",
         {"containers-storage.conf(5)"}},
    };
    return controls;
}

// ---- observe ----

using Keys = std::span<const std::string_view>;

// Absolute paths that the document gives for any of `keys`, wherever these stand.
void collect_paths(const Value& v, Keys keys, bool wanted, std::set<std::string>& out) {
    if (const auto* s = v.string(); s != nullptr && wanted && s->starts_with('/') && out.size() < max_paths)
        out.insert(*s);
    if (const Array* a = v.array())
        for (const Value& e : *a)
            collect_paths(e, keys, wanted, out);
    if (const Table* t = v.table())
        for (const Member& m : *t) {
            const bool named = std::ranges::find(keys, fold_key(m.key)) != keys.end();
            collect_paths(m.value, keys, wanted || named, out);
        }
}

std::set<std::string> paths_in(const EngineConfigFacts& facts, Keys keys) {
    std::set<std::string> out;
    for (const ConfFiles* files : {&facts.containers, &facts.storage})
        for (const auto& [path, file] : files->files)
            if (file.content)
                collect_paths(*file.content, keys, false, out);
    return out;
}

void observe_profiles(const host::Sysroot& root, EngineConfigFacts& out) {
    static constexpr std::array<std::string_view, 1> keys{"seccomp_profile"};
    auto candidates = paths_in(out, keys);
    candidates.insert("/etc/containers/seccomp.json");
    candidates.insert("/usr/share/containers/seccomp.json");
    for (const std::string& path : candidates)
        if (const auto st = root.stat(path); st || st.error().code != Code::not_found)
            out.seccomp.emplace(path, read_profile(root, path));
}

void observe_paths(const host::Sysroot& root, const std::vector<ConfOwner>& owners, EngineConfigFacts& out) {
    static constexpr std::array<std::string_view, 13> keys{"hooks_dir",
                                                           "cdi_spec_dirs",
                                                           "image_copy_tmp_dir",
                                                           "runtimes",
                                                           "runtime",
                                                           "conmon_path",
                                                           "helper_binaries_dir",
                                                           "init_path",
                                                           "network_cmd_path",
                                                           "netavark_plugin_dirs",
                                                           "graphroot",
                                                           "mount_program",
                                                           "additionalimagestores"};
    auto paths = paths_in(out, keys);
    paths.insert({"/etc/cdi", "/etc/containers/oci/hooks.d", "/usr/share/containers/oci/hooks.d"});
    for (const ConfOwner& owner : owners)
        paths.insert(default_graphroot(owner));
    for (const std::string& path : paths)
        out.paths.emplace(path, chain_of(root, path));
}

bool names_apparmor_profile(const ConfFiles& files) {
    return std::ranges::any_of(files.files, [](const auto& file) {
        return fold_key(file.second.text).find("apparmor_profile") != std::string::npos;
    });
}

bool moves_configuration(std::string_view variable) {
    return std::ranges::find(moving_variables, variable) != moving_variables.end();
}

bool is_podman(std::string_view word) {
    return word == "podman" || word.ends_with("/podman");
}

// Of "env CONTAINERS_CONF=/x podman run …": what comes behind podman is the container's.
void add_commands_variables(const host::UnitFile& unit, bool& calls, std::vector<EnvironmentVariable>& out) {
    for (const host::UnitSetting& line : commands_of(unit)) {
        const auto argv = command_words(line.value);
        const auto podman = std::ranges::find_if(argv, is_podman);
        if (podman == argv.end())
            continue;
        calls = true;
        for (auto word = argv.begin(); word != podman; ++word)
            if (const auto name = word->substr(0, word->find('='));
                name.size() < word->size() && moves_configuration(name))
                out.push_back({name, line.source});
    }
}

// Whose podman the service starts. A specifier may stand for anybody, root among them.
std::string user_of(const host::Host& host, const host::UnitFile& unit) {
    const auto set = unit.values("Service", "User");
    std::string name = set.empty() ? "root" : set.back().value;
    if (!host.accounts())
        return name;
    const auto number = parse_u64(name);
    const host::User* user = number && *number <= UINT32_MAX
                                 ? host.accounts()->user(static_cast<std::uint32_t>(*number))
                                 : host.accounts()->user(name);
    const bool root = user != nullptr ? user->uid == 0 : number == std::uint64_t{0};
    return root || name.find('%') != std::string::npos ? "root" : user != nullptr ? user->name : name;
}

constexpr std::string_view own_prefix = "CONTAINERS_";

bool runs_another_engine(const host::UnitFile& unit) {
    return std::ranges::any_of(commands_of(unit), [](const host::UnitSetting& line) {
        return !engine_of(command_words(line.value)).empty();
    });
}

// Variables of system services that call podman, or that only variables of podman's own say so of: a script
// may call it.
void observe_service(const host::Host& host, const host::UnitFile& unit, EngineConfigFacts& out) {
    bool calls = false;
    std::vector<EnvironmentVariable> found;
    add_commands_variables(unit, calls, found);
    auto environment = read_service_environment(host, unit, moves_configuration);
    for (Assignment& a : environment.found)
        if (calls || (a.name.starts_with(own_prefix) && !runs_another_engine(unit)))
            found.push_back({std::move(a.name), std::move(a.source)});
    if (calls)
        out.unreadable.insert(out.unreadable.end(), environment.problems.begin(), environment.problems.end());
    if (!found.empty())
        std::ranges::move(found, std::back_inserter(out.environment[user_of(host, unit)]));
}

void observe_services(const host::Host& host, EngineConfigFacts& out) {
    if (!host.units())
        return out.unreadable.push_back(host.units().error());
    static constexpr std::array<std::string_view, 2> words{"podman", own_prefix};
    const auto names = host.units()->mentioning(host.root(), words);
    if (!names)
        return out.unreadable.push_back(names.error());
    for (const std::string& name : *names) {
        if (!name.ends_with(".service") || name.starts_with("user@"))  // users' managers are read as such
            continue;
        const auto& unit = host.unit(name);
        if (!unit)
            out.unreadable.push_back(unit.error());
        else if (*unit && !(*unit)->masked)
            observe_service(host, **unit, out);
    }
}

void observe_environment(const host::Host& host, const std::vector<ConfOwner>& owners,
                         EngineConfigFacts& out) {
    std::vector<Person> people;
    for (const ConfOwner& owner : owners)
        people.push_back({owner.name, owner.uid, owner.home});
    const auto environment = read_user_environment(host, people, moves_configuration);
    out.unreadable = environment.problems;
    for (const auto& [user, problems] : environment.own_problems)
        out.unreadable.insert(out.unreadable.end(), problems.begin(), problems.end());
    for (const ConfOwner& owner : owners)
        for (const Assignment& a : environment.of(owner.name)) {
            const bool usual =
                a.name == "XDG_CONFIG_HOME" && (a.value == "$HOME/.config" || a.value == "${HOME}/.config" ||
                                                a.value == owner.home + "/.config");
            if (!usual)
                out.environment[owner.name].push_back({a.name, a.source});
        }
}

void read_registries(const host::Sysroot& root, const std::string& base, const ConfOwner& owner,
                     EngineConfigFacts& out) {
    std::vector<std::string> paths{base + "registries.conf"};
    const std::string dir = base + "registries.conf.d";
    const auto entries = root.list(dir);
    if (!entries && entries.error().code != Code::not_found)
        out.registry_directories.emplace(dir, entries.error());
    if (entries)
        for (const auto& e : *entries)
            if (e.name.ends_with(".conf"))
                paths.push_back(dir + "/" + e.name);
    if (paths.size() > max_registry_files) {
        out.registry_directories.emplace(dir, too_many(dir, max_registry_files));
        return;
    }
    for (const std::string& path : paths)
        if (auto file = read_config_file(root, path, owner))
            out.registries.emplace(path, *std::move(file));
}

}  // namespace

std::span<const ControlInfo> EngineConfig::controls() {
    return table();
}

const ControlInfo& effective_control() {
    return table()[0];
}

const ControlInfo& baseline_control() {
    return table()[1];
}

const ControlInfo& storage_control() {
    return table()[2];
}

const std::vector<policy::Param<EngineConfigParams>>& EngineConfig::params() {
    using P = EngineConfigParams;
    static const std::vector<policy::Param<P>> all{
        {"containers.conf.effective",
         "allow_user_overrides",
         &P::allow_user_overrides,
         "Whether a user's own file may set a key that the baseline judges to another value than the "
         "system's.",
         {},
         false},
        {"containers.conf.baseline", "capabilities", &P::capabilities,
         "Capabilities that containers may get by default, without CAP_."},
        {"containers.conf.baseline",
         "read_only",
         &P::read_only,
         "Whether containers must have a read-only root filesystem by default.",
         {},
         true},
        {"containers.conf.baseline", "separate_userns", &P::separate_userns,
         "Whether containers must get a user namespace of their own by default (auto, keep-id or nomap)."},
        {"containers.conf.baseline",
         "allowed_mounts",
         &P::allowed_mounts,
         "Host paths (globs) that volumes, mounts and devices may name for all containers; a path that gives "
         "the host away must be named without a glob.",
         {},
         Value(Array{})},
        {"containers.conf.baseline",
         "allowed_mirrors",
         &P::allowed_mirrors,
         "Registries (globs) to which registries.conf may redirect pulls.",
         {},
         Value(Array{})},
        {"containers.conf.baseline",
         "seccomp_sha256",
         &P::seccomp_sha256,
         "SHA-256 of seccomp profiles that may replace the packaged one; \"*\" allows any.",
         {},
         Value(Array{})},
        {"storage.conf", "drivers", &P::drivers, "Storage drivers that may be configured."},
        {"storage.conf",
         "allowed_image_stores",
         &P::allowed_image_stores,
         "Additional image stores (globs) that may be configured.",
         {},
         Value(Array{})},
    };
    return all;
}

EngineConfigFacts EngineConfig::observe(const host::Host& host, const Params&,
                                        const policy::Provision& provision) {
    const host::Sysroot& root = host.root();
    EngineConfigFacts out{.users = find_rootless_users(host, provision), .podman = find_podman(host)};
    const auto owners = owners_of(out);
    out.containers = read_config_files(root, "containers", owners);
    out.storage = read_config_files(root, "storage", owners);
    for (const ConfOwner& owner : owners)
        read_registries(root, owner.uid == 0 ? "/etc/containers/" : owner.home + "/.config/containers/",
                        owner, out);
    observe_paths(root, owners, out);
    observe_profiles(root, out);
    if (names_apparmor_profile(out.containers))
        out.apparmor = profile_names(host);
    observe_environment(host, owners, out);
    observe_services(host, out);
    return out;
}

std::vector<policy::Finding> EngineConfig::evaluate(const Params& params, const policy::Provision& provision,
                                                    const Facts& facts, Time) {
    std::vector<policy::Finding> out;
    if (const std::string reason = not_applicable_reason(facts); !reason.empty()) {
        for (const ControlInfo& c : table())
            out.push_back(make_finding(c, policy::Status::not_applicable, "host", reason));
        return out;
    }
    for (auto&& part : {judge_effective(params, provision, facts), judge_baseline(params, provision, facts),
                        judge_storage(params, facts)})
        out.insert(out.end(), part.begin(), part.end());
    return out;
}

}  // namespace plimsoll::modules::rootless
