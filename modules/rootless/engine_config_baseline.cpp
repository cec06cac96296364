// SPDX-License-Identifier: Apache-2.0
// The rules of containers.conf.baseline, one small function per kind of key.
#include "core/base/text.hpp"
#include "modules/rootless/engine_config_judge.hpp"
#include "modules/rootless/podman_options.hpp"

#include <algorithm>
#include <array>

namespace plimsoll::modules::rootless {
namespace {

using policy::Severity;

struct Judge {
    const EngineConfigParams& params;
    const EngineConfigFacts& facts;
    const ConfOwner& owner;
    const Effective& config;
    Defects out{};

    void defect(const ConfSetting& s, std::string_view key, std::string found, std::string expected,
                std::optional<Value> repair = {}, Severity severity = Severity::medium) {
        out.push_back({.key = std::string(key),
                       .source = s.source,
                       .found = std::move(found),
                       .expected = std::move(expected),
                       .repair = std::move(repair),
                       .severity = severity});
    }

    void unknown(std::string_view key, std::string source, std::string why) {
        out.push_back({.key = std::string(key),
                       .source = std::move(source),
                       .found = std::move(why),
                       .expected = "something that can be read",
                       .unknown = true});
    }
};

bool any_glob(const std::vector<std::string>& globs, const std::string& s) {
    return std::ranges::any_of(globs, [&](const std::string& g) { return glob_match(g, s); });
}

// Elements of an array of strings; others are a type error, which containers.conf.effective reports.
std::vector<std::string> strings_of(const ConfSetting& s) {
    std::vector<std::string> out;
    if (const Array* a = s.value.array())
        for (const Value& e : *a)
            if (e.string() != nullptr)
                out.push_back(*e.string());
    return out;
}

// The key came with podman 4.4; before, it is dropped like any that podman does not know.
void judge_read_only(Judge& j) {
    static constexpr std::string_view key = "containers.read_only";
    const ConfSetting* s = j.config.find(key);
    const bool known = !j.facts.podman.older_than(4, 4);
    if (!j.params.read_only || (known && s != nullptr && s->value == Value(true)))
        return;
    const ConfSetting by_default{{}, "", "podman's default"};
    const std::string found = s == nullptr ? "false" : show_value(s->value);
    j.defect(s != nullptr ? *s : by_default, key,
             known ? found : found + ", and podman before 4.4 does not know it", "true",
             known ? std::optional(Value(true)) : std::nullopt);
}

void judge_booleans(Judge& j) {
    struct Rule {
        std::string_view key;
        bool want;
        Severity severity;
    };

    static constexpr std::array<Rule, 6> rules{{
        {"containers.env_host", false, Severity::medium},
        {"containers.keyring", true, Severity::low},
        {"containers.label", true, Severity::high},
        {"containers.privileged", false, Severity::critical},
        {"engine.compat_api_enforce_docker_hub", true, Severity::low},
        {"engine.no_pivot_root", false, Severity::high},
    }};
    for (const Rule& r : rules)
        if (const ConfSetting* s = j.config.find(r.key); s != nullptr && !(s->value == Value(r.want)))
            j.defect(*s, r.key, show_value(s->value), r.want ? "true" : "false", Value(r.want), r.severity);
    judge_read_only(j);
}

// "ns:PATH" is another's namespace, the host's among them.
bool shares_namespace(const Value& mode) {
    const std::string* text = mode.string();
    return text != nullptr && (*text == "host" || text->starts_with("ns:"));
}

void judge_namespaces(Judge& j) {
    struct Rule {
        std::string_view key;
        std::string_view repair;
    };

    static constexpr std::array<Rule, 5> rules{{
        {"containers.netns", "private"},
        {"containers.pidns", "private"},
        {"containers.ipcns", "shareable"},
        {"containers.utsns", "private"},
        {"containers.cgroupns", "private"},
    }};
    for (const Rule& r : rules)
        if (const ConfSetting* s = j.config.find(r.key); s != nullptr && shares_namespace(s->value))
            j.defect(*s, r.key, show_value(s->value), "a namespace of its own", Value(r.repair),
                     Severity::high);
    if (const ConfSetting* s = j.config.find("containers.cgroups");
        s != nullptr && (s->value == Value("disabled") || s->value == Value("no-conmon")))
        j.defect(*s, "containers.cgroups", show_value(s->value), "\"enabled\"", Value("enabled"));
    const ConfSetting* userns = j.config.find("containers.userns");
    const std::string* mode = userns != nullptr ? userns->value.string() : nullptr;
    const bool own = mode != nullptr && (mode->starts_with("auto") || mode->starts_with("keep-id") ||
                                         *mode == "nomap" || *mode == "private");
    if (j.params.separate_userns && !own)
        j.defect(userns != nullptr ? *userns : ConfSetting{{}, "", "podman's default"}, "containers.userns",
                 userns != nullptr ? show_value(userns->value) : "\"host\"",
                 "\"auto\", \"keep-id\" or \"nomap\"", Value("auto"));
}

void judge_numbers(Judge& j) {
    if (const ConfSetting* s = j.config.find("containers.pids_limit");
        s != nullptr && s->value.integer() != nullptr && *s->value.integer() <= 0)
        j.defect(*s, "containers.pids_limit", show_value(s->value), "more than 0: 0 and less mean no limit",
                 Value(2048));
    const ConfSetting* umask = j.config.find("containers.umask");
    const std::string* digits = umask != nullptr ? umask->value.string() : nullptr;
    if (digits == nullptr)
        return;
    unsigned mask = 0;
    bool octal_digits = !digits->empty() && digits->size() <= 5;
    for (const char c : *digits) {
        octal_digits = octal_digits && c >= '0' && c <= '7';
        mask = mask * 8 + static_cast<unsigned>(c - '0') % 8;
    }
    if (!octal_digits || (mask & 0022U) != 0022U)
        j.defect(*umask, "containers.umask", show_value(umask->value), "0022 or stricter", Value("0022"));
}

std::string capability(std::string_view name) {
    std::string out(name);
    std::ranges::transform(out, out.begin(), [](unsigned char c) {
        return static_cast<char>(c >= 'a' && c <= 'z' ? c - 'a' + 'A' : c);
    });
    return out.starts_with("CAP_") ? out.substr(4) : out;
}

void judge_capabilities(Judge& j) {
    const ConfSetting* s = j.config.find("containers.default_capabilities");
    if (s == nullptr)
        return;
    std::vector<std::string> extra;
    Array keep;
    for (const std::string& name : strings_of(*s)) {
        const bool allowed =
            std::ranges::find(j.params.capabilities, capability(name)) != j.params.capabilities.end();
        if (allowed)
            keep.emplace_back(capability(name));
        else
            extra.push_back(printable(name, 40));
    }
    if (!extra.empty())
        j.defect(*s, "containers.default_capabilities", join(extra, ", "),
                 "none but " + join(j.params.capabilities, ", "), Value(std::move(keep)), Severity::high);
}

// ---- seccomp and AppArmor ----

constexpr std::string_view packaged_profile = "/usr/share/containers/seccomp.json";
constexpr std::string_view override_profile = "/etc/containers/seccomp.json";

std::optional<Value> packaged_repair(const EngineConfigFacts& facts) {
    const auto p = facts.seccomp.find(std::string(packaged_profile));
    const bool good = p != facts.seccomp.end() && p->second && profile_problem(*p->second).empty();
    return good ? std::optional(Value(packaged_profile)) : std::nullopt;
}

void judge_profile(Judge& j, const ConfSetting& s, const std::string& path) {
    const auto found = j.facts.seccomp.find(path);
    static constexpr std::string_view key = "containers.seccomp_profile";
    if (found == j.facts.seccomp.end()) {
        if (path != packaged_profile)  // podman has a copy of that one built in
            j.defect(s, key, printable(path) + ", which does not exist", "a profile that exists",
                     packaged_repair(j.facts));
        return;
    }
    if (!found->second) {
        const Error& e = found->second.error();
        if (e.code == Code::invalid_input)
            j.defect(s, key, printable(path) + ", which is not a profile", "a profile that can be read",
                     packaged_repair(j.facts), Severity::high);
        else
            j.unknown(key, s.source, printable(e.message));
        return;
    }
    if (const std::string why = profile_problem(*found->second); !why.empty())
        j.defect(s, key, printable(path) + " " + why, "a profile that refuses by default",
                 packaged_repair(j.facts), Severity::high);
    // The digest is told of system files only: a user can name any file, also one that is not theirs to read.
    const std::string& digest = found->second->sha256;
    const auto& allowed = j.params.seccomp_sha256;
    if (path != packaged_profile && !any_glob(allowed, digest))
        j.defect(s, key,
                 printable(path) + (in_home(j.owner, path) || !path.starts_with("/etc/") ? "" : " " + digest),
                 "a profile whose SHA-256 the policy names", packaged_repair(j.facts));
}

// podman loads its own, whose name may have its version.
bool is_default_profile(std::string_view name) {
    return name == "container-default" || name.starts_with("containers-default");
}

void judge_apparmor(Judge& j) {
    static constexpr std::string_view key = "containers.apparmor_profile";
    const ConfSetting* s = j.config.find(key);
    const std::string* name = s != nullptr ? s->value.string() : nullptr;
    if (name == nullptr || name->empty() || is_default_profile(*name))
        return;
    if (*name == "unconfined")
        j.defect(*s, key, "\"unconfined\"", "a profile, or not set", {}, Severity::high);
    else if (!j.facts.apparmor)
        j.unknown(key, s->source, printable(j.facts.apparmor.error().message));
    else if (!j.facts.apparmor->contains(*name))
        j.defect(*s, key, printable(*name, 80) + ", which does not exist",
                 "a profile that exists, or not set");
}

void judge_confinement(Judge& j) {
    const ConfSetting* s = j.config.find("containers.seccomp_profile");
    const std::string* path = s != nullptr ? s->value.string() : nullptr;
    if (path != nullptr && *path == "unconfined")
        j.defect(*s, "containers.seccomp_profile", "\"unconfined\"", "a profile", packaged_repair(j.facts),
                 Severity::critical);
    else if (path != nullptr && !path->empty())
        judge_profile(j, *s, *path);
    else if (j.facts.seccomp.contains(std::string(override_profile)))
        judge_profile(j, {{}, "", std::string(override_profile)}, std::string(override_profile));
    else if (j.facts.seccomp.contains(std::string(packaged_profile)))
        judge_profile(j, {{}, "", std::string(packaged_profile)}, std::string(packaged_profile));
    judge_apparmor(j);
}

// ---- mounts ----

// What a path gives whoever can write, and often whoever can read it: the host, its accounts, its engines.
bool gives_host_away(const std::string& raw) {
    const std::string path = plain_path(raw);
    static constexpr std::array<std::string_view, 17> exact{
        "/",        "/etc", "/dev", "/run", "/var", "/var/run", "/var/lib", "/home",   "/usr",
        "/usr/lib", "/lib", "/bin", "/opt", "/srv", "/mnt",     "/usr/bin", "/var/log"};
    static constexpr std::array<std::string_view, 15> trees{"/proc",
                                                            "/sys",
                                                            "/boot",
                                                            "/root",
                                                            "/etc/shadow",
                                                            "/etc/ssh",
                                                            "/etc/pam.d",
                                                            "/etc/subuid",
                                                            "/etc/systemd",
                                                            "/etc/containers",
                                                            "/run/user",
                                                            "/var/run/user",
                                                            "/var/lib/containers",
                                                            "/var/lib/docker",
                                                            "/run/systemd"};
    static constexpr std::array<std::string_view, 12> devices{
        "/dev/mem", "/dev/kmem", "/dev/port", "/dev/kmsg",   "/dev/sd", "/dev/nvme",
        "/dev/vd",  "/dev/xvd",  "/dev/dm-",  "/dev/mapper", "/dev/md", "/dev/loop"};
    const auto below = [&](std::string_view t) {
        return path == t || (path.starts_with(t) && path.size() > t.size() && path[t.size()] == '/');
    };
    return std::ranges::find(exact, path) != exact.end() || std::ranges::any_of(trees, below) ||
           std::ranges::any_of(devices, [&](std::string_view d) { return path.starts_with(d); }) ||
           path.ends_with(".sock");
}

// The host's side of an entry; "" when it names nothing of the host (a named volume, tmpfs).
std::string host_source(std::string_view key, const std::string& entry) {
    const std::string source(key == "containers.mounts" ? mount_source(entry)
                                                        : std::string_view(entry).substr(0, entry.find(':')));
    return source.starts_with('/') || source.starts_with('.') || source.starts_with('~') ? source : "";
}

void judge_mounts(Judge& j) {
    for (const std::string_view key : {"containers.devices", "containers.mounts", "containers.volumes"}) {
        const ConfSetting* s = j.config.find(key);
        if (s == nullptr)
            continue;
        std::vector<std::string> bad;
        Array keep;
        for (const std::string& entry : strings_of(*s)) {
            const std::string source = host_source(key, entry);
            const auto& allowed = j.params.allowed_mounts;
            const bool literally = std::ranges::find(allowed, source) != allowed.end();
            if (source.empty() || literally || (any_glob(allowed, source) && !gives_host_away(source)))
                keep.emplace_back(entry);
            else
                bad.push_back(printable(entry, 80));
        }
        if (!bad.empty())
            j.defect(*s, key, join(bad, ", "), "nothing of the host but what the policy names",
                     Value(std::move(keep)), Severity::high);
    }
}

// ---- code and addresses ----

struct CodeKey {
    std::string_view key;
    // Where podman looks when no file says.
    std::string_view by_default{};
    bool may_be_empty{false};  // then nothing is run, rather than what $PATH has
};

// A hook, a CDI file, a helper or a runtime is code that runs as the engine's user.
constexpr std::array<CodeKey, 9> code_keys{{
    {"containers.init_path"},
    {"engine.cdi_spec_dirs", "/etc/cdi", true},
    {"engine.conmon_path"},
    {"engine.helper_binaries_dir"},
    {"engine.hooks_dir", "/usr/share/containers/oci/hooks.d /etc/containers/oci/hooks.d", true},
    {"engine.init_path"},
    {"engine.network_cmd_path"},
    {"engine.runtime"},
    {"network.netavark_plugin_dirs"},
}};

// The paths of a setting that is one string or several; without, podman's own.
std::vector<std::string> code_paths(const CodeKey& key, const ConfSetting* s) {
    std::vector<std::string> out;
    if (s == nullptr) {
        for (const auto path : words(key.by_default))
            out.emplace_back(path);
    } else if (const std::string* one = s->value.string()) {
        out.push_back(*one);
    } else {
        out = strings_of(*s);
    }
    return out;
}

void judge_code_key(Judge& j, const CodeKey& key) {
    const ConfSetting* s = j.config.find(key.key);
    std::vector<std::string> bad;
    Array keep;
    for (const std::string& path : code_paths(key, s)) {
        const std::string why = unsafe_path(j.facts, path, j.owner.uid);
        if (why.empty())
            keep.emplace_back(path);
        else
            bad.push_back(printable(path, 80) + ": " + printable(why, 120));
    }
    if (bad.empty())
        return;
    const bool repairable =
        s != nullptr && s->value.array() != nullptr && (key.may_be_empty || !keep.empty());
    j.defect(s != nullptr ? *s : ConfSetting{{}, "", "podman's default"}, key.key, join(bad, ", "),
             "what only root or the user can change",
             repairable ? std::optional(Value(std::move(keep))) : std::nullopt, Severity::high);
}

void judge_code_paths(Judge& j) {
    for (const CodeKey& key : code_keys)
        judge_code_key(j, key);
    for (const auto& [key, s] : j.config.settings)
        if (key.starts_with("engine.runtimes."))
            for (const std::string& path : strings_of(s))
                if (const std::string why = unsafe_path(j.facts, path, j.owner.uid); !why.empty())
                    j.defect(s, printable(key), printable(path, 80) + ": " + printable(why, 120),
                             "programs that only root or the user can change", {}, Severity::high);
    if (const ConfSetting* s = j.config.find("engine.image_copy_tmp_dir");
        s != nullptr && s->value.string() != nullptr)
        if (const auto chain = j.facts.paths.find(*s->value.string());
            chain != j.facts.paths.end() && chain->second && !chain->second->empty() &&
            (chain->second->back().mode & (S_IWOTH | S_ISVTX)) == S_IWOTH)
            j.defect(*s, "engine.image_copy_tmp_dir",
                     printable(*s->value.string()) + ": everybody can replace files",
                     "a directory with the sticky bit, or not writable by others");
}

void judge_addresses(Judge& j) {
    const ConfSetting* s = j.config.find("containers.default_host_ips");
    if (s == nullptr)
        return;
    for (const std::string& ip : strings_of(*s))
        if (ip == "0.0.0.0" || ip == "::" || ip == "[::]")
            j.defect(*s, "containers.default_host_ips", printable(ip), "addresses of particular interfaces");
}

// The key exists for containers and Quadlets only; here podman's decoder drops it without a word.
void judge_silent_keys(Judge& j) {
    for (const auto& [key, s] : j.config.settings)
        if (key.ends_with(".no_new_privileges") || key == "no_new_privileges")
            j.defect(s, key, "set, but podman ignores it here",
                     "--security-opt=no-new-privileges, or NoNewPrivileges=true in a Quadlet", {},
                     Severity::low);
}

}  // namespace

Defects baseline_defects(const EngineConfigParams& params, const EngineConfigFacts& facts,
                         const ConfOwner& owner, const Effective& config) {
    Judge j{params, facts, owner, config};
    // What cannot be read or parsed could say anything; a defect found elsewhere stays one all the same.
    for (const std::string& why : config.refused)
        j.unknown("file", why.substr(0, why.find(": ")), printable(why));
    for (const Error& e : config.unreadable)
        j.unknown("file", owner.name, printable(e.message));
    for (const KnownKey& k : known_keys())
        if (const ConfSetting* s = config.find(k.key); s != nullptr && !type_problem(k, *s).empty())
            j.unknown(k.key, s->source, type_problem(k, *s));
    if (const auto moved = facts.environment.find(owner.name); moved != facts.environment.end())
        for (const EnvironmentVariable& v : moved->second)
            if (!moves_storage_only(v.name))
                j.unknown(v.name, v.source, "makes podman go by something else than the files judged here");
    judge_booleans(j);
    judge_namespaces(j);
    judge_numbers(j);
    judge_capabilities(j);
    judge_confinement(j);
    judge_mounts(j);
    judge_code_paths(j);
    judge_addresses(j);
    judge_silent_keys(j);
    return std::move(j.out);
}

}  // namespace plimsoll::modules::rootless
