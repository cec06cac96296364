// SPDX-License-Identifier: Apache-2.0
// provision.user: the accounts of the tenants.
#include "core/base/text.hpp"
#include "modules/provision/judge.hpp"
#include "modules/provision/new_account.hpp"
#include "modules/provision/tenant.hpp"

#include <algorithm>

namespace plimsoll::modules::provision {
namespace {

using policy::Evidence;
using policy::Finding;
using policy::Tenant;

std::string octal_mode(std::uint32_t mode) {
    std::string out = "0";
    for (const unsigned shift : {6U, 3U, 0U})
        out += static_cast<char>('0' + ((mode >> shift) & 7U));
    return out;
}

std::string_view kind_name(Tenant::Kind k) {
    return k == Tenant::Kind::system ? "system" : k == Tenant::Kind::regular ? "regular" : "existing";
}

// What an existing account has that the policy wants otherwise and that we do not change.
Result<std::vector<Evidence>> differences(const Tenant& t, const host::User& u, const Context& c) {
    std::vector<Evidence> out;
    const auto differs = [&](const std::string& found, const std::string& expected) {
        out.push_back({u.source, printable(found), printable(expected)});
    };
    if (t.uid && *t.uid != u.uid)
        differs("uid " + std::to_string(u.uid), "uid " + std::to_string(*t.uid));
    if (!t.home.empty() && t.home != u.home)
        differs("home " + u.home, "home " + t.home);
    if (t.kind != Tenant::Kind::existing && !t.uid) {
        PLIMSOLL_TRY(const auto defs, c.facts.login_defs);
        PLIMSOLL_TRY(const Range range,
                     t.kind == Tenant::Kind::system ? defs.system_uids() : defs.regular_uids());
        // Distributions give the ids below SYS_UID_MIN to system accounts of their own.
        const Range of_kind{t.kind == Tenant::Kind::system ? 1 : range.start, range.end};
        if (!of_kind.contains(u.uid))
            differs("uid " + std::to_string(u.uid), "a " + std::string(kind_name(t.kind)) + " uid from " +
                                                        std::to_string(of_kind.start) + " to " +
                                                        std::to_string(of_kind.end - 1));
    }
    for (const host::User& other : c.facts.accounts->users)
        if (other.uid == u.uid && other.name != u.name)
            differs("uid " + std::to_string(u.uid) + " is also " + other.name + "'s (" + other.source + ")",
                    "a uid of its own");
    return out;
}

// The line of /etc/passwd that an account comes from; nullopt when it comes from elsewhere.
std::optional<std::string> passwd_line(const host::User& u, const Facts& f) {
    static constexpr std::string_view prefix = "/etc/passwd:";
    const auto& text = f.account_file("passwd");
    if (!u.source.starts_with(prefix) || !text || !*text)
        return std::nullopt;
    const auto number = parse_u64(std::string_view(u.source).substr(prefix.size()));
    const auto lines = split_lines(**text);
    if (!number || *number == 0 || *number > lines.size())
        return std::nullopt;
    return std::string(lines[*number - 1]);
}

Finding wrong_shell(const Tenant& t, const host::User& u, const Facts& f) {
    const std::vector<Evidence> evidence{{u.source, "shell " + printable(u.shell), "shell " + t.shell}};
    const auto line = passwd_line(u, f);
    if (!line)
        return refuse(Control::user, t.user, "the account has another login shell",
                      "set the login shell of " + t.user + " to " + t.shell + " where the account is kept",
                      evidence);
    const std::string changed = line->substr(0, line->rfind(':') + 1) + t.shell;
    return repair(Control::user, t.user, "the account has another login shell",
                  "set the login shell to " + t.shell,
                  {policy::EditLines{"/etc/passwd", {*line}, {changed}, true}}, evidence);
}

Finding judge_home(const Tenant& t, const host::User& u, const Facts& f) {
    const auto& home = f.tenants.at(t.user).home;
    if (!home)
        return unknown(Control::user, t.user, home.error());
    if (!*home && !safe_path(u.home))
        return refuse(Control::user, t.user, "the account's home cannot be made",
                      "give " + t.user + " a home with usermod --home", {{u.source, printable(u.home), ""}});
    if (!*home)
        return repair(Control::user, t.user, "the account's home is missing", "make " + u.home,
                      {policy::MakeDirectory{u.home, 0700, u.uid, u.gid}},
                      {{u.home, "nothing", "a directory of " + t.user}});
    if (!(*home)->directory || (*home)->uid != u.uid)
        return refuse(Control::user, t.user, "the account's home is not its own directory",
                      "find out whose " + printable(u.home) + " is; then chown it or choose another home",
                      {{printable(u.home),
                        (*home)->directory ? "owner " + std::to_string((*home)->uid) : "not a directory",
                        "a directory of uid " + std::to_string(u.uid)}});
    if (((*home)->mode & 022U) == 0)
        return pass(Control::user, t.user, "the account and its home are there");
    policy::SetMetadata closed{u.home};
    closed.mode = (*home)->mode & ~022U;
    return repair(Control::user, t.user, "others may write to the account's home",
                  "take write access from group and others", {closed},
                  {{u.home, "mode " + octal_mode((*home)->mode), "not writable for group and others"}});
}

Finding judge_existing(const Tenant& t, const host::User& u, const Context& c) {
    if (u.uid == 0) {
        auto f =
            refuse(Control::user, t.user, "the tenant is root: nothing of it would be rootless",
                   "name another account in the policy", {{u.source, "uid 0", "an unprivileged account"}});
        f.severity = policy::Severity::critical;
        return f;
    }
    const auto wrong = differences(t, u, c);
    if (!wrong)
        return unknown(Control::user, t.user, wrong.error());
    if (!wrong->empty())
        return refuse(Control::user, t.user, "the account is not as the policy states it",
                      "change the policy, or the account with usermod and move its files", *wrong);
    if (!t.shell.empty() && t.shell != u.shell)
        return wrong_shell(t, u, c.facts);
    if (t.kind == Tenant::Kind::existing)
        return pass(Control::user, t.user, "the account is there");
    return judge_home(t, u, c.facts);
}

Finding judge_missing(const Tenant& t, const host::Accounts& accounts) {
    if (!accounts.remote_sources.empty())
        return unknown(
            Control::user, t.user,
            Error{Code::unsupported, 0,
                  "no file has the account, but nsswitch.conf also names " +
                      printable(join(accounts.remote_sources, ", ")) + ", which files cannot show"});
    return refuse(Control::user, t.user, "the account does not exist",
                  "create it, or state kind = \"system\" or \"regular\" to have it created",
                  {{"/etc/passwd", "no entry", t.user}});
}

Finding judge_user(const Tenant& t, Context& c, IdPool& pool) {
    const auto& accounts = *c.facts.accounts;
    if (const auto why = refusal(t))
        return refuse(Control::user, printable(t.user), *why, "correct the tenant in the policy",
                      {{t.origin, printable(t.user), ""}});
    if (std::ranges::any_of(c.tenants, [&](const Tenant* other) { return other->user == t.user; }))
        return refuse(Control::user, t.user, "the policy names the tenant twice", "name it once",
                      {{t.origin, t.user, ""}});
    c.tenants.push_back(&t);
    if (const host::User* u = accounts.user(t.user)) {
        c.accounts[t.user] = *u;
        return judge_existing(t, *u, c);
    }
    if (t.kind == Tenant::Kind::existing)
        return judge_missing(t, accounts);
    auto made = plan_account(t, c, pool);
    if (!made)
        return unknown(Control::user, t.user, made.error());
    if (!made->refused.empty())
        return refuse(Control::user, t.user,
                      "the account does not exist and cannot be made: " + made->refused, made->todo,
                      {{"/etc/passwd", "no entry", t.user}});
    c.accounts[t.user] = made->user;
    return repair(Control::user, t.user, "the account does not exist",
                  "create the " + std::string(kind_name(t.kind)) + " account with uid " +
                      std::to_string(made->user.uid),
                  std::move(made->changes), {{"/etc/passwd", "no entry", t.user}});
}

}  // namespace

std::vector<Finding> judge_users(Context& c) {
    std::vector<Finding> out;
    if (c.wanted.tenants.empty())
        return out;
    if (!c.facts.accounts) {
        for (const Tenant& t : c.wanted.tenants)
            out.push_back(unknown(Control::user, printable(t.user), c.facts.accounts.error()));
        return out;
    }
    IdPool pool(c);
    for (const Tenant& t : c.wanted.tenants)
        out.push_back(judge_user(t, c, pool));
    return out;
}

}  // namespace plimsoll::modules::provision
