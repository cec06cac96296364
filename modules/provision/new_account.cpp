// SPDX-License-Identifier: Apache-2.0
#include "modules/provision/new_account.hpp"

#include "core/base/text.hpp"
#include "core/host/subid_allocator.hpp"
#include "modules/provision/tenant.hpp"

#include <algorithm>
#include <array>
#include <chrono>

namespace plimsoll::modules::provision {
namespace {

using policy::Tenant;

// Membership in these is root by another name; an account must not get one for its own by its name.
constexpr std::array<std::string_view, 10> powerful_groups{"docker", "disk", "shadow", "sudo",    "wheel",
                                                           "adm",    "kmem", "lxd",    "libvirt", "incus"};

// The line of `user` in a database whose first field is the name; nullopt: none.
std::optional<std::string_view> line_of(const FileText& text, const std::string& user) {
    if (!text || !*text)
        return std::nullopt;
    for (const auto line : split_lines(**text))
        if (line.starts_with(user + ":"))
            return line;
    return std::nullopt;
}

// Whether the password field of a shadow or gshadow line can match no password at all.
bool locked(std::string_view line) {
    const auto fields = split(line, ':');
    return fields.size() > 1 && (fields[1].starts_with('!') || fields[1].starts_with('*'));
}

std::string_view lock_of(const Tenant& t) {
    // As systemd-sysusers and useradd do: "!*" cannot be unlocked by passwd --unlock, "!" can be given a
    // password.
    return t.kind == Tenant::Kind::system ? "!*" : "!";
}

NewAccount refused(std::string why, std::string todo) {
    NewAccount out;
    out.refused = std::move(why);
    out.todo = std::move(todo);
    return out;
}

// What stands in the way before any id is chosen; "" when nothing does.
std::string leftovers(const Tenant& t, const Facts& f) {
    for (const char* file : {"passwd", "group"})
        if (const auto& text = f.account_file(file); text && !*text)
            return std::string("/etc/") + file + " does not exist, so there is nothing to add it to";
    if (line_of(f.account_file("passwd"), t.user))
        return "/etc/passwd has a line of it that is no entry";
    const auto group = line_of(f.account_file("group"), t.user);
    if (group && f.accounts->group(t.user) == nullptr)
        return "/etc/group has a line of it that is no entry";
    for (const char* file : {"shadow", "gshadow"})
        if (const auto line = line_of(f.account_file(file), t.user); line && !locked(*line))
            return std::string("/etc/") + file + " has an entry with a password left from an older account";
    const host::Group* g = f.accounts->group(t.user);
    if (g == nullptr)
        return "";
    if (std::ranges::find(powerful_groups, t.user) != powerful_groups.end())
        return "a group of that name exists that stands for more than its own files";
    if (!f.accounts->members_of(*g).empty())
        return "a group of that name exists and has members";
    return "";
}

// Why the uid that the policy states cannot be given; "" when it can.
std::string uid_in_the_way(const Tenant& t, const Context& c, const IdPool& pool) {
    const std::string uid = "uid " + std::to_string(*t.uid);
    const host::Group* group = c.facts.accounts->group(*t.uid);
    if (c.facts.accounts->user(*t.uid) != nullptr || (group != nullptr && group->name != t.user))
        return uid + " belongs to another account or group";
    if (pool.is_delegated(*t.uid))
        return uid + " lies in a range of subordinate ids";
    if (host::never_delegated().contains(*t.uid))
        return uid + " is reserved for the system";
    for (const Tenant& other : c.wanted.tenants)
        if (other.uid == t.uid && other.user != t.user)
            return "the policy gives " + uid + " to " + printable(other.user) + ", too";
    return "";
}

// The uid, or why there is none. `group` is the account's own one when it is there already, as after a run
// that was interrupted, or that useradd(8) overtook; user and group get the same number where that is
// possible.
std::expected<std::uint32_t, std::string> choose_uid(const Tenant& t, const Context& c, Range range,
                                                     const host::Group* group, const IdPool& pool) {
    if (t.uid && group != nullptr && group->gid != *t.uid)
        return std::unexpected("group " + t.user + " has gid " + std::to_string(group->gid) + " already");
    if (t.uid) {
        if (auto why = uid_in_the_way(t, c, pool); !why.empty())
            return std::unexpected(std::move(why));
        return *t.uid;
    }
    if (group != nullptr && range.contains(group->gid) && c.facts.accounts->user(group->gid) == nullptr &&
        !pool.is_delegated(group->gid))
        return group->gid;
    const auto id = t.kind == Tenant::Kind::system ? pool.highest_free(range) : pool.next_free(range);
    if (!id)
        return std::unexpected("no id from " + std::to_string(range.start) + " to " +
                               std::to_string(range.end - 1) + " is free");
    return *id;
}

std::int64_t days_of(Time now) {
    return std::max<std::int64_t>(std::chrono::floor<std::chrono::days>(now).time_since_epoch().count(), 1);
}

// passwd comes last: until then nothing takes the account for one, and an interrupted run can be repeated.
std::vector<policy::Change> database_changes(const Tenant& t, const host::User& u, const Context& c) {
    std::vector<policy::Change> out;
    const Facts& f = c.facts;
    const auto present = [&](const char* file) {
        const auto& text = f.account_file(file);
        return text && *text;
    };
    const auto append = [&](const char* file, std::string line) {
        if (!line_of(f.account_file(file), t.user))
            out.push_back(policy::EditLines{std::string("/etc/") + file, {}, {std::move(line)}});
    };
    const std::string lock(lock_of(t));
    const std::string gid = std::to_string(u.gid);
    // Also when a read-only database of the image has the group: shadow's tools look only here.
    append("group", t.user + ":x:" + gid + ":");
    if (present("gshadow"))
        append("gshadow", t.user + ":!::");
    if (present("shadow"))
        append("shadow", t.user + ":" + lock + ":" + std::to_string(days_of(c.now)) + "::::::");
    append(
        "passwd",
        join({t.user, present("shadow") ? "x" : lock, std::to_string(u.uid), gid, "", u.home, u.shell}, ":"));
    return out;
}

std::string home_in_the_way(const Tenant& t, const host::User& u, const std::optional<Home>& home) {
    if (!home || (home->directory && home->uid == u.uid))
        return "";
    if (!home->directory)
        return home_of(t) + " is not a directory";
    return home_of(t) + " exists and belongs to uid " + std::to_string(home->uid);
}

}  // namespace

IdPool::IdPool(const Context& c) {
    for (const host::User& u : c.facts.accounts->users)
        take(u.uid);
    for (const host::Group& g : c.facts.accounts->groups)
        take(g.gid);
    for (const Tenant& t : c.wanted.tenants)
        if (t.uid)
            take(*t.uid);
    for (const char* file : {"subuid", "subgid"}) {
        const auto& text = c.facts.account_file(file);
        if (!text || !*text)
            continue;
        const RangeSet given = host::occupied(host::parse_subid(**text, std::string("/etc/") + file));
        for (const Range r : given.ranges())
            delegated_.add(r);
    }
    for (const Range r : delegated_.ranges())
        used_.add(r);
}

std::optional<std::uint32_t> IdPool::highest_free(Range range) const {
    for (std::uint64_t id = range.end; id > range.start; --id)
        if (is_free(id - 1))
            return static_cast<std::uint32_t>(id - 1);
    return std::nullopt;
}

std::optional<std::uint32_t> IdPool::next_free(Range range) const {
    RangeSet window;
    window.add(range);
    const auto used = used_.intersection(window);
    const auto next = used.ranges().empty() ? range.start : used.ranges().back().end;
    const auto id = range.contains(next) ? std::optional(next) : used_.first_free(range, 1, 1);
    return id ? std::optional(static_cast<std::uint32_t>(*id)) : std::nullopt;
}

Result<NewAccount> plan_account(const Tenant& t, const Context& c, IdPool& pool) {
    const Facts& f = c.facts;
    if (const Error* e =
            first_error({&f.account_file("passwd"), &f.account_file("group"), &f.account_file("shadow"),
                         &f.account_file("gshadow"), &f.account_file("subuid"), &f.account_file("subgid")}))
        return Failure(*e);
    if (t.kind == Tenant::Kind::regular && !t.uid && !f.accounts->remote_sources.empty())
        return fail(Code::unsupported, "which uids are free cannot be seen: nsswitch.conf also names " +
                                           printable(join(f.accounts->remote_sources, ", ")) +
                                           "; state a uid in the policy");
    if (auto why = leftovers(t, f); !why.empty())
        return refused(std::move(why),
                       "remove what is left of the older account, or name the tenant otherwise");
    PLIMSOLL_TRY(const auto defs, f.login_defs);
    PLIMSOLL_TRY(const Range range,
                 t.kind == Tenant::Kind::system ? defs.system_uids() : defs.regular_uids());
    const host::Group* group = f.accounts->group(t.user);
    const auto uid = choose_uid(t, c, range, group, pool);
    if (!uid)
        return refused(uid.error(), "state a uid that is free, or free the one that is wanted");
    const TenantFacts& seen = f.tenants.at(t.user);
    PLIMSOLL_TRY(const auto home, seen.home);
    NewAccount out;
    out.user = {t.user, *uid, group != nullptr ? group->gid : *uid, home_of(t), shell_of(t), t.origin};
    if (auto why = home_in_the_way(t, out.user, home); !why.empty())
        return refused(std::move(why), "move it away, or state another home");
    pool.take(*uid);
    out.changes = database_changes(t, out.user, c);
    if (!home)
        out.changes.emplace_back(policy::MakeDirectory{out.user.home, 0700, *uid, out.user.gid});
    return out;
}

}  // namespace plimsoll::modules::provision
