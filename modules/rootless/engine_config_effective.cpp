// SPDX-License-Identifier: Apache-2.0
// containers.conf.effective, and what the verdicts of this module share.
#include "core/base/text.hpp"
#include "modules/rootless/engine_config_judge.hpp"

#include <algorithm>
#include <array>

namespace plimsoll::modules::rootless {
namespace {

using policy::Evidence;
using policy::Finding;
using policy::FixClass;
using policy::Provision;
using policy::Severity;
using policy::Status;

using Type = KnownKey::Type;

constexpr std::array<KnownKey, 36> keys{{
    {"containers.apparmor_profile", Type::string},
    {"containers.cgroupns", Type::string},
    {"containers.cgroups", Type::string},
    {"containers.default_capabilities", Type::array},
    {"containers.default_host_ips", Type::array},
    {"containers.default_sysctls", Type::array},
    {"containers.default_ulimits", Type::array},
    {"containers.devices", Type::array},
    {"containers.env", Type::array},
    {"containers.env_host", Type::boolean},
    {"containers.ipcns", Type::string},
    {"containers.keyring", Type::boolean},
    {"containers.label", Type::boolean},
    {"containers.mounts", Type::array},
    {"containers.netns", Type::string},
    {"containers.pidns", Type::string},
    {"containers.pids_limit", Type::integer},
    {"containers.privileged", Type::boolean},
    {"containers.read_only", Type::boolean},
    {"containers.seccomp_profile", Type::string},
    {"containers.umask", Type::string},
    {"containers.userns", Type::string},
    {"containers.utsns", Type::string},
    {"containers.volumes", Type::array},
    {"engine.cdi_spec_dirs", Type::array},
    {"engine.cgroup_manager", Type::string},
    {"engine.compat_api_enforce_docker_hub", Type::boolean},
    {"engine.conmon_path", Type::array},
    {"engine.helper_binaries_dir", Type::array},
    {"engine.hooks_dir", Type::array},
    {"engine.image_copy_tmp_dir", Type::string},
    {"engine.network_cmd_options", Type::array},
    {"engine.no_pivot_root", Type::boolean},
    {"engine.runtime", Type::string},
    {"network.default_rootless_network_cmd", Type::string},
    {"network.pasta_options", Type::array},
}};

std::string_view type_word(Type t) {
    static constexpr std::array<std::string_view, 4> names{"a boolean", "an integer", "a string", "an array"};
    return names[static_cast<std::size_t>(t)];
}

// The policy's own value for a key path, when [provision] has one.
const Value* provisioned(const Provision& provision, std::string_view key) {
    const auto dot = key.find('.');
    if (!provision.containers_conf || dot == std::string_view::npos)
        return nullptr;
    const Value* section = provision.containers_conf->find(key.substr(0, dot));
    return section != nullptr ? section->at(key.substr(dot + 1)) : nullptr;
}

bool differs(const ConfSetting* a, const ConfSetting* b) {
    return (a == nullptr) != (b == nullptr) || (a != nullptr && !(a->value == b->value));
}

void add_overrides(const EngineConfigParams& params, const Provision& provision, const ConfOwner& owner,
                   const Effective& system, const Effective& mine, Defects& out) {
    for (const KnownKey& k : keys) {
        const ConfSetting* theirs = system.find(k.key);
        const ConfSetting* own = mine.find(k.key);
        const Value* wanted = provisioned(provision, k.key);
        if (!differs(theirs, own) || (params.allow_user_overrides && wanted == nullptr))
            continue;
        const std::string expected = wanted != nullptr ? show_value(*wanted) + " (policy)"
                                     : theirs != nullptr
                                         ? show_value(theirs->value) + " (" + theirs->source + ")"
                                         : "not set by a user";
        out.push_back(
            {.key = std::string(k.key),
             .source = own != nullptr ? own->source : owner.home + "/.config/containers/containers.conf",
             .found = own != nullptr ? show_value(own->value) : "hidden by the user's main file",
             .expected = expected});
    }
}

Defects effective_defects(const EngineConfigParams& params, const Provision& provision,
                          const EngineConfigFacts& facts, Layering layering, const ConfOwner& owner) {
    const Effective config = merge_config(facts.containers, "containers", layering, owner);
    Defects out;
    for (const std::string& why : config.refused)
        out.push_back({.key = "file",
                       .source = why.substr(0, why.find(": ")),
                       .found = printable(why),
                       .expected = "TOML that podman can read"});
    if (facts.podman.older_than(4, 8))
        for (const std::string& source : config.appends)
            out.push_back({.key = "append",
                           .source = source,
                           .found = "podman before 4.8 refuses the file for it",
                           .expected = "plain arrays"});
    for (const KnownKey& k : keys)
        if (const ConfSetting* s = config.find(k.key))
            if (const std::string why = type_problem(k, *s); !why.empty())
                out.push_back({.key = std::string(k.key),
                               .source = s->source,
                               .found = why,
                               .expected = std::string(type_word(k.type))});
    if (const auto moved = facts.environment.find(owner.name); moved != facts.environment.end())
        for (const EnvironmentVariable& v : moved->second)
            out.push_back({.key = v.name,
                           .source = v.source,
                           .found = v.name + " makes podman go by something else than the files judged here",
                           .expected = "not set"});
    if (owner.uid != 0) {  // the administrator's own file is not a user's
        const Effective system =
            merge_config(facts.containers, "containers", layering, {owner.name, owner.uid, ""});
        add_overrides(params, provision, owner, system, config, out);
    }
    for (const Error& e : config.unreadable)
        out.push_back({.key = "file",
                       .source = owner.name,
                       .found = printable(e.message),
                       .expected = "a readable file",
                       .unknown = true});
    return out;
}

std::vector<Evidence> origins(const EngineConfigFacts& facts, const ConfOwner& owner) {
    std::vector<Evidence> out;
    const auto config = merge_config(facts.containers, "containers", facts.podman.layerings().front(), owner);
    for (const KnownKey& k : keys)
        if (const ConfSetting* s = config.find(k.key))
            out.push_back({s->source, std::string(k.key) + " = " + show_value(s->value), ""});
    return out;
}

Finding effective_finding(const EngineConfigFacts& facts, const ConfOwner& owner, const Defects& defects) {
    const policy::ControlInfo& control = effective_control();
    const Status status = status_of(defects);
    if (status == Status::pass) {
        const auto release = facts.podman.release();
        return make_finding(
            control, status, owner.name,
            "the configuration is known" + (release ? " (podman " + printable(*facts.podman.version, 40) + ")"
                                                    : std::string(" whatever podman's version")),
            origins(facts, owner));
    }
    const auto known = std::ranges::find(defects, status != Status::fail, &Defect::unknown);
    Finding f = make_finding(control, status, owner.name, known->found, evidence_of(defects));
    if (known->key != "file" && status == Status::fail)
        f.message = known->key + " at " + known->source + " is not what the system or the policy says";
    if (status == Status::fail)
        f.fix = policy::Fix{FixClass::never_automatic,
                            "correct " + known->source + "; a user's own file cannot be overruled from /etc",
                            {}};
    return f;
}

}  // namespace

std::span<const KnownKey> known_keys() {
    return keys;
}

std::string type_problem(const KnownKey& known, const ConfSetting& setting) {
    const Value& v = setting.value;
    const bool right = (known.type == Type::boolean && v.boolean() != nullptr) ||
                       (known.type == Type::integer && v.integer() != nullptr) ||
                       (known.type == Type::string && v.string() != nullptr) ||
                       (known.type == Type::array && v.array() != nullptr);
    return right ? std::string() : wrong_type(setting, known.key, type_word(known.type));
}

std::vector<Evidence> evidence_of(const Defects& defects) {
    std::vector<Evidence> out;
    for (const Defect& d : defects)
        out.push_back({printable(d.source), d.key == "file" ? d.found : d.key + " = " + d.found, d.expected});
    return out;
}

Status status_of(const Defects& defects) {
    if (std::ranges::any_of(defects, [](const Defect& d) { return !d.unknown; }))
        return Status::fail;
    return defects.empty() ? Status::pass : Status::unknown;
}

std::vector<ConfOwner> owners_of(const EngineConfigFacts& facts) {
    return config_owners(facts.users ? *facts.users : std::vector<RootlessUser>{});
}

std::string not_applicable_reason(const EngineConfigFacts& facts) {
    const bool configured = !facts.containers.files.empty() || !facts.storage.files.empty() ||
                            !facts.registries.empty() || !facts.containers.directories.empty() ||
                            !facts.storage.directories.empty() || !facts.unreadable.empty();
    return facts.podman.present || configured || !facts.users
               ? ""
               : "podman is not installed and no configuration for it exists";
}

std::string unsafe_path(const EngineConfigFacts& facts, const std::string& path, std::uint32_t uid) {
    const auto found = facts.paths.find(path);
    if (found == facts.paths.end() || !found->second)
        return "";  // not absolute, or reported as unreadable by the caller
    return unsafe_chain(*found->second, uid);
}

std::string default_graphroot(const ConfOwner& owner) {
    return owner.uid == 0 ? "/var/lib/containers/storage" : owner.home + "/.local/share/containers/storage";
}

std::vector<Finding> judge_effective(const EngineConfigParams& params, const Provision& provision,
                                     const EngineConfigFacts& facts) {
    std::vector<Finding> out;
    if (!facts.users)
        out.push_back(make_finding(effective_control(), Status::unknown, "users",
                                   "who runs podman is not known: " + facts.users.error().message));
    for (const Error& e : facts.unreadable)
        out.push_back(make_finding(effective_control(), Status::unknown, "host", printable(e.message)));
    for (const ConfOwner& owner : owners_of(facts))
        out.push_back(effective_finding(facts, owner, in_every_layering(facts.podman, [&](Layering layering) {
                                            return effective_defects(params, provision, facts, layering,
                                                                     owner);
                                        })));
    return out;
}

}  // namespace plimsoll::modules::rootless
