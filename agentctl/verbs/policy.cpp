// SPDX-License-Identifier: Apache-2.0
#include "agentctl/session.hpp"
#include "agentctl/terminal.hpp"
#include "agentctl/verbs/verbs.hpp"
#include "core/base/text.hpp"
#include "core/base/toml.hpp"
#include "modules/all.hpp"

namespace plimsoll::agentctl::verbs {
namespace {

Value show_json(const policy::Policy& policy, const policy::Catalogue& catalogue) {
    const auto merged = parse_toml(policy::to_policy_toml(policy, catalogue), "merged policy");
    Table origins;
    for (const auto& [key, origin] : policy.origins)
        origins.append({key, origin, {}});
    Table out;
    out.set("schema", "plimsoll.policy/1");
    out.set("profile", policy.profile);
    out.set("digest", policy.digest);
    out.set("policy", merged ? *merged : Value());
    out.set("origins", std::move(origins));
    return out;
}

Outcome<std::vector<policy::PolicyFile>> files_to_validate(const Options& options) {
    std::vector<std::string> paths = options.policy;
    paths.insert(paths.end(), options.files.begin(), options.files.end());
    if (!paths.empty())
        return read_policy_paths(paths, options);
    const auto host = open_host(options);
    if (!host)
        return std::unexpected(host.error());
    auto files = host::find_policy_files(*host);
    if (!files)
        return std::unexpected(stop_for(files.error(), options, exit_usage));
    return *std::move(files);
}

Value validation_json(std::size_t files, const policy::Problems& problems, const policy::Policy* policy) {
    Table out;
    out.set("schema", "plimsoll.policy-validation/1");
    out.set("valid", policy != nullptr);
    out.set("files", static_cast<std::int64_t>(files));
    out.set("profile", policy != nullptr ? Value(policy->profile) : Value());
    out.set("digest", policy != nullptr ? Value(policy->digest) : Value());
    out.set("problems", Value(problems));
    return out;
}

std::string validation_text(std::size_t files, const policy::Policy& policy) {
    return "Valid: " + std::to_string(files) + (files == 1 ? " file" : " files") + ", profile " +
           policy.profile + ", " + std::to_string(policy.exceptions.size()) + " exceptions, " +
           std::to_string(policy.provision.tenants.size()) + " tenants.\n";
}

}  // namespace

int policy_show(const Options& options) {
    const auto session = open_session(options);
    if (!session)
        return complain(session.error());
    const auto& loaded = session->loaded;
    if (!loaded.broken.empty())
        warn("the host's policy files are refused; the last good policy is in force:\n  " +
             join(loaded.broken, "\n  "));
    const int exit_code = loaded.broken.empty() ? exit_inside : exit_usage;
    if (options.format == "json")
        return print_json(options, show_json(loaded.policy, session->catalogue), exit_code);
    return print(options, policy::show_policy(loaded.policy, session->catalogue), exit_code);
}

int policy_validate(const Options& options) {
    const auto files = files_to_validate(options);
    if (!files)
        return complain(files.error());
    const auto modules = modules::all();
    const auto compiled = policy::compile_policy(*files, policy::catalogue_of(modules));
    const int exit_code = compiled ? exit_inside : exit_usage;
    if (options.format == "json")
        return print_json(options,
                          validation_json(files->size(), compiled ? policy::Problems{} : compiled.error(),
                                          compiled ? &*compiled : nullptr),
                          exit_code);
    if (!compiled)
        return complain({exit_code, "the policy is refused:\n  " + join(compiled.error(), "\n  ")});
    return print(options, validation_text(files->size(), *compiled), exit_code);
}

int policy_schema(const Options& options) {
    const auto modules = modules::all();
    return print_json(options, policy::policy_schema(policy::catalogue_of(modules)), exit_inside);
}

}  // namespace plimsoll::agentctl::verbs
