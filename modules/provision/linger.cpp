// SPDX-License-Identifier: Apache-2.0
// provision.linger: whether logind starts the tenants' service managers at boot.
#include "core/base/text.hpp"
#include "modules/provision/judge.hpp"

namespace plimsoll::modules::provision {
namespace {

using policy::Finding;
using policy::Tenant;

Finding start_lingering(const Context& c, const Tenant& t, const std::string& path) {
    policy::WriteFile file{path, ""};
    file.expect = "";
    std::vector<policy::Change> changes{std::move(file)};
    // logind reads the directory when it starts. Until then nobody starts the manager but we.
    if (const auto account = c.accounts.find(t.user); account != c.accounts.end() && c.facts.systemd_runs)
        changes.emplace_back(policy::UnitAction{policy::UnitAction::Verb::start,
                                                "user@" + std::to_string(account->second.uid) + ".service"});
    return repair(Control::linger, t.user, "the tenant's services would not start at boot",
                  "let the user linger", std::move(changes), {{path, "no such file", "linger"}});
}

Finding judge(const Context& c, const Tenant& t) {
    const auto& lingers = c.facts.tenants.at(t.user).linger;
    const std::string path = std::string(linger_dir) + t.user;
    if (!lingers)
        return unknown(Control::linger, t.user, lingers.error());
    if (*lingers == *t.linger)
        return pass(Control::linger, t.user, *lingers ? "the user lingers" : "the user does not linger");
    if (*t.linger)
        return start_lingering(c, t, path);
    return repair(Control::linger, t.user, "the user lingers, which the policy rules out",
                  "remove the file; running services end with the last session", {policy::RemoveFile{path}},
                  {{path, "linger", "no such file"}});
}

}  // namespace

std::vector<Finding> judge_linger(const Context& c) {
    std::vector<Finding> out;
    for (const Tenant& t : c.wanted.tenants) {
        if (!t.linger)
            continue;
        if (!c.facts.accounts)
            out.push_back(unknown(Control::linger, printable(t.user), c.facts.accounts.error()));
        else if (const auto why = no_account(c, t))
            out.push_back(refuse(Control::linger, printable(t.user), *why, "see provision.user",
                                 {{t.origin, printable(t.user), "an account that can be a tenant"}}));
        else
            out.push_back(judge(c, t));
    }
    return out;
}

}  // namespace plimsoll::modules::provision
