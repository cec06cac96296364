// SPDX-License-Identifier: Apache-2.0
// Policy files to policy: read and merge all, then lay profile and defaults under what they say.
#include "core/base/digest.hpp"
#include "core/base/toml.hpp"
#include "core/policy/merge.hpp"

#include <algorithm>

namespace plimsoll::policy {
namespace {

constexpr std::size_t max_file_size = std::size_t{8} << 20;

void read_profile(const Member& m, const Reader& reader, Merged& into) {
    if (auto name = reader.choice(m.value, m.key, strings_of(profile_names)))
        into.profile = {*std::move(name), reader.key_place(m)};
}

void read_file(const Value& document, const Reader& reader, const Catalogue& catalogue, Merged& into) {
    for (const Member& m : *document.table()) {
        if (m.key == "profile")
            read_profile(m, reader, into);
        else if (m.key == "control")
            read_controls(m.value, reader, catalogue, into);
        else if (m.key == "exception")
            read_exceptions(m.value, reader, catalogue, into);
        else if (m.key == "provision")
            read_provision(m.value, reader, into);
        else
            reader.unknown_key(m, "a policy file", {"profile", "control", "exception", "provision"});
    }
}

Merged read_files(const std::vector<PolicyFile>& files, const Catalogue& catalogue, ProblemList& problems) {
    Merged merged;
    for (std::size_t i = 0; i < files.size(); ++i) {
        if (files[i].text.size() > max_file_size) {
            problems.add({i, {1, 1}}, "a file of " + std::to_string(files[i].text.size()) + " bytes",
                         "at most " + std::to_string(max_file_size));
            continue;
        }
        const auto document = parse_toml(files[i].text, files[i].path);
        if (document)
            read_file(*document, Reader(i, problems), catalogue, merged);
        else
            problems.add_parse_error(i, document.error().message);
    }
    return merged;
}

// Lays one value after the other into the policy, with its origin.
class Finisher {
  public:
    Finisher(const Merged& merged, const Catalogue& catalogue, const ProblemList& problems)
        : merged_(merged), catalogue_(catalogue), problems_(problems) {}

    Policy finish() {
        out_.profile = merged_.profile ? merged_.profile->value : std::string(profile_names[0]);
        profile_origin_ = merged_.profile ? "profile " + out_.profile : "default";
        out_.origins["profile"] = merged_.profile ? problems_.origin(merged_.profile->place) : "default";
        for (const ControlInfo* c : catalogue_.controls)
            lay_control(*c);
        for (const ParamSpec& p : catalogue_.params)
            lay_param(p);
        for (const auto& [key, e] : merged_.exceptions)
            out_.exceptions.push_back(e.value);
        lay_provision();
        return std::move(out_);
    }

  private:
    // Null when the files are silent; notes the origin otherwise.
    const Value* said(std::string_view control, std::string_view key) {
        const auto settings = merged_.controls.find(control);
        if (settings == merged_.controls.end())
            return nullptr;
        const auto it = settings->second.find(std::string(key));
        if (it == settings->second.end())
            return nullptr;
        out_.origins[path(control, key)] = problems_.origin(it->second.place);
        return &it->second.value;
    }

    static std::string path(std::string_view control, std::string_view key) {
        return "control." + std::string(control) + "." + std::string(key);
    }

    [[nodiscard]] Mode profile_mode(const ControlInfo& c) const {
        const bool enforce = (out_.profile == "rootless-baseline" && c.fix_class == FixClass::live) ||
                             (out_.profile == "rootless-strict" && c.fix_class != FixClass::never_automatic);
        return enforce ? Mode::enforce : Mode::audit;
    }

    template <class Names>
    static auto index_of(const Names& names, const Value& v) {
        return std::ranges::find(names, *v.string()) - names.begin();
    }

    void lay_control(const ControlInfo& c) {
        ControlPolicy& to = out_.controls[std::string(c.id)];
        to.mode = profile_mode(c);
        out_.origins[path(c.id, "mode")] = profile_origin_;
        out_.origins[path(c.id, "severity")] = "default";
        out_.origins[path(c.id, "required")] = "default";
        if (const Value* v = said(c.id, "mode"))
            to.mode = static_cast<Mode>(index_of(mode_names, *v));
        if (const Value* v = said(c.id, "severity"))
            to.severity = static_cast<Severity>(index_of(severity_names, *v));
        if (const Value* v = said(c.id, "required"))
            to.required = *v->boolean();
    }

    void lay_param(const ParamSpec& p) {
        const bool strict = out_.profile == "rootless-strict" && !p.strict.is_null();
        out_.origins[path(p.control, p.key)] = strict ? profile_origin_ : "default";
        const Value* v = said(p.control, p.key);
        out_.params[std::string(p.control)][std::string(p.key)] = v != nullptr ? *v
                                                                  : strict     ? p.strict
                                                                               : p.fallback;
    }

    void lay_provision() {
        Provision& to = out_.provision;
        for (const auto& [user, draft] : merged_.tenants) {
            to.tenants.push_back(draft.tenant);
            out_.origins["provision.tenant." + user] = draft.tenant.origin;
        }
        if (merged_.delegate) {
            to.delegate = merged_.delegate->value;
            out_.origins["provision.delegate"] = problems_.origin(merged_.delegate->place);
        }
        for (const auto& [name, value] : merged_.sysctl) {
            to.sysctl[name] = value.value;
            out_.origins["provision.sysctl." + name] = problems_.origin(value.place);
        }
        std::optional<Table>* const confs[] = {&to.containers_conf, &to.storage_conf, &to.registries_conf};
        for (std::size_t i = 0; i < conf_names.size(); ++i)
            if (merged_.conf[i]) {
                *confs[i] = merged_.conf[i]->table();
                lay_conf_origins("provision." + std::string(conf_names[i]), *merged_.conf[i]);
            }
    }

    void lay_conf_origins(const std::string& prefix, const ConfTree& tree) {
        if (tree.leaf)
            out_.origins[prefix] = problems_.origin(tree.leaf->place);
        for (const auto& [key, child] : tree.children)
            lay_conf_origins(prefix + "." + key, child);
    }

    const Merged& merged_;
    const Catalogue& catalogue_;
    const ProblemList& problems_;
    std::string profile_origin_;
    Policy out_;
};

}  // namespace

const ControlInfo* Catalogue::find(std::string_view id) const {
    const auto it = std::ranges::find(controls, id, &ControlInfo::id);
    return it == controls.end() ? nullptr : *it;
}

std::expected<Policy, Problems> compile_policy(const std::vector<PolicyFile>& files,
                                               const Catalogue& catalogue) {
    ProblemList problems(files);
    const Merged merged = read_files(files, catalogue, problems);
    check_tenants(merged, problems);
    if (!problems.empty())
        return std::unexpected(problems.take());
    Policy policy = Finisher(merged, catalogue, problems).finish();
    policy.digest = sha256(to_policy_toml(policy, catalogue));
    return policy;
}

}  // namespace plimsoll::policy
