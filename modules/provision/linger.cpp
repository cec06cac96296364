// SPDX-License-Identifier: Apache-2.0
// provision.linger: whether logind starts the tenants' service managers at boot.
#include "core/base/text.hpp"
#include "modules/provision/judge.hpp"

namespace plimsoll::modules::provision {
namespace {

using policy::Finding;
using policy::Tenant;

// Of an account that the host's files name.
std::optional<std::uint32_t> uid_of(const Context& c, const Tenant& t) {
    const auto account = c.accounts.find(t.user);
    return account == c.accounts.end() ? std::nullopt : std::optional(account->second.uid);
}

Finding judge(const Context& c, const Tenant& t) {
    const auto& lingers = c.facts.tenants.at(t.user).linger;
    const std::string path = std::string(linger_dir) + t.user;
    if (!lingers)
        return unknown(Control::linger, t.user, lingers.error());
    if (*lingers == *t.linger)
        return pass(Control::linger, t.user, *lingers ? "the user lingers" : "the user does not linger");
    const policy::SetLinger change{t.user, uid_of(c, t), *t.linger};
    if (*t.linger)
        return repair(Control::linger, t.user, "the tenant's services would not start at boot",
                      "let the user linger", {change}, {{path, "no such file", "linger"}});
    Finding f = repair(Control::linger, t.user, "the user lingers, which the policy rules out",
                       "let the user linger no longer; without a session the services end at once", {change},
                       {{path, "linger", "no such file"}});
    f.fix->cls = policy::FixClass::containers_stopped;
    return f;
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
