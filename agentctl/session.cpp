// SPDX-License-Identifier: Apache-2.0
#include "agentctl/session.hpp"

#include "core/base/text.hpp"
#include "core/base/time.hpp"
#include "modules/all.hpp"

#include <algorithm>

#include <sys/utsname.h>

namespace plimsoll::agentctl {
namespace {

Stop refused(const policy::Problems& problems) {
    return {exit_usage, "the policy is refused:\n  " + join(problems, "\n  ")};
}

Outcome<host::LoadedPolicy> load(const host::Host& host, const Options& options,
                                 const policy::Catalogue& catalogue) {
    if (options.policy.empty()) {
        auto loaded = host::load_policy(host, options.state, catalogue);
        if (!loaded)
            return std::unexpected(stop_for(loaded.error(), options, exit_usage));
        return *std::move(loaded);
    }
    const auto files = read_policy_paths(options.policy, options);
    if (!files)
        return std::unexpected(files.error());
    auto compiled = policy::compile_policy(*files, catalogue);
    if (!compiled)
        return std::unexpected(refused(compiled.error()));
    return host::LoadedPolicy{*std::move(compiled), {}};
}

std::string value_of(const std::map<std::string, std::string>& map, const std::string& key) {
    const auto it = map.find(key);
    return it == map.end() ? "" : printable(it->second);
}

render::HostInfo describe(const host::Host& host, const Options& options) {
    render::HostInfo out;
    out.root = printable(options.root, 4096);
    out.live = host.live();
    const auto os = host.os_release();
    out.os_id = value_of(os, "ID");
    out.os_version = value_of(os, "VERSION_ID");
    out.os_name = value_of(os, "PRETTY_NAME");
    struct utsname running{};
    if (host.live() && ::uname(&running) == 0) {
        out.kernel = printable(running.release);
        out.hostname = printable(running.nodename);
    } else if (const auto name = host.root().read("/etc/hostname", 4096); name && !trim(*name).empty()) {
        out.hostname = printable(trim(*name));
    }
    return out;
}

}  // namespace

policy::Assessment Session::assess(const policy::Selection& which) const {
    const host::Sysroot::Remembering missing(host.root());
    return policy::assess(modules, host, loaded.policy, which, wall_clock(), loaded.broken);
}

render::Report Session::report(policy::Assessment assessment) const {
    return {describe(host, options), loaded.policy.profile, loaded.policy.digest, std::move(assessment)};
}

Outcome<host::Host> open_host(const Options& options) {
    auto host = host::Host::open(options.root);
    if (!host)
        return std::unexpected(stop_for(host.error(), options, exit_usage));
    host->use_state_dir(options.state);
    return *std::move(host);
}

Outcome<std::vector<policy::PolicyFile>> read_policy_paths(const std::vector<std::string>& paths,
                                                           const Options& options) {
    std::vector<policy::PolicyFile> out;
    for (const auto& path : paths) {
        auto files = host::read_policy_path(path);
        if (!files)
            return std::unexpected(stop_for(files.error(), options, exit_usage));
        std::ranges::move(*files, std::back_inserter(out));
    }
    return out;
}

std::vector<std::string> control_ids(const policy::Catalogue& catalogue) {
    std::vector<std::string> out;
    out.reserve(catalogue.controls.size());
    for (const auto* c : catalogue.controls)
        out.emplace_back(c->id);
    return out;
}

Outcome<policy::Selection> select_controls(const Options& options, const policy::Catalogue& catalogue) {
    const auto ids = control_ids(catalogue);
    for (const auto& glob : options.control) {
        if (std::ranges::any_of(ids, [&](const std::string& id) { return glob_match(glob, id); }))
            continue;
        const auto near = nearest(glob, ids);
        return std::unexpected(Stop{exit_usage, "no control matches \"" + glob + "\"" +
                                                    (near ? "; did you mean \"" + *near + "\"?" : "")});
    }
    return policy::Selection{options.control};
}

Outcome<Session> open_session(const Options& options) {
    auto modules = modules::all();
    auto catalogue = policy::catalogue_of(modules);
    auto selection = select_controls(options, catalogue);
    if (!selection)
        return std::unexpected(selection.error());
    auto host = open_host(options);
    if (!host)
        return std::unexpected(host.error());
    auto loaded = load(*host, options, catalogue);
    if (!loaded)
        return std::unexpected(loaded.error());
    return Session{options,
                   *std::move(host),
                   std::move(modules),
                   std::move(catalogue),
                   *std::move(loaded),
                   *std::move(selection)};
}

}  // namespace plimsoll::agentctl
