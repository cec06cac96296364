// SPDX-License-Identifier: Apache-2.0
#include "modules/rootless/api_access.hpp"

#include "core/base/path.hpp"
#include "core/base/text.hpp"
#include "core/host/name_services.hpp"
#include "modules/rootless/podman_options.hpp"

#include <algorithm>
#include <charconv>

namespace plimsoll::modules::rootless {
namespace {

// SSSD without a configuration serves nobody.
bool serves(const host::Sysroot& root, const std::string& source) {
    if (source != "sss")
        return true;
    const auto drop_ins = root.list("/etc/sssd/conf.d");
    return root.exists("/etc/sssd/sssd.conf") || (drop_ins && !drop_ins->empty());
}

// The groups that dockerd may give its own socket when no socket unit hands it one: of one command line the
// last counts, of several each.
std::vector<std::string> docker_groups(const DockerConfig& docker) {
    std::vector<std::string> out;
    const auto add = [&](const std::string& group) {
        if (!group.empty() && std::ranges::find(out, group) == out.end())
            out.push_back(group);
    };
    for (auto f = docker.flags.begin(); f != docker.flags.end(); ++f)
        if (f->key == "group" && std::none_of(f + 1, docker.flags.end(), [&](const DockerFlag& later) {
                return later.key == f->key && later.source == f->source;
            }))
            add(f->value);
    if (const Value* v = docker.json.find("group"); v != nullptr && v->string() != nullptr)
        add(*v->string());
    if (out.empty())
        out.emplace_back("docker");
    return out;
}

bool takes_socket_from_unit(const DockerConfig& docker) {
    const bool fd = std::ranges::any_of(
        docker.flags, [](const DockerFlag& f) { return f.key == "hosts" && f.value.starts_with("fd:"); });
    const bool own = std::ranges::any_of(
        docker.flags, [](const DockerFlag& f) { return f.key == "hosts" && f.value.starts_with("unix:"); });
    return fd && !own;
}

// By name or number, as systemd takes them.
const host::User* find_user(const host::Accounts& accounts, const std::string& user) {
    const auto number = parse_u64(user);
    return number && *number <= UINT32_MAX ? accounts.user(static_cast<std::uint32_t>(*number))
                                           : accounts.user(user);
}

std::string owner_of(const Result<host::Accounts>& accounts, const std::string& user) {
    const host::User* known = accounts ? find_user(*accounts, user) : nullptr;
    const bool root = known != nullptr ? known->uid == 0 : user == "root" || parse_u64(user) == 0;
    if (root)
        return {};
    return known != nullptr ? known->name : user;
}

void add_owner(const host::Accounts& accounts, const SocketSetting& setting, ApiAccess& into) {
    const host::User* known = find_user(accounts, setting.value);
    if (known == nullptr || known->uid != 0)
        into.owners.push_back(
            {known != nullptr ? known->name : "uid " + setting.value, setting.engine, setting.source});
}

bool has_roots_group(const host::Accounts& accounts, const SocketUnit& unit) {
    if (unit.group.empty()) {
        const host::User* user = find_user(accounts, unit.user);
        return user != nullptr && user->gid == 0;
    }
    const host::Group* group = accounts.group(unit.group);
    return group != nullptr ? group->gid == 0 : unit.group == "root" || parse_u64(unit.group) == 0;
}

// A group of that name says who is meant to have the socket, also of a unit that nothing starts; root's own
// does not.
void add_unit_group(const host::Accounts& accounts, const SocketUnit& unit, GroupReader& into) {
    if ((unit.mode & 020) == 0 || unit.problem || (!unit.starts && has_roots_group(accounts, unit)))
        return;
    if (!unit.group.empty())
        return into.add(unit.group, {unit.engine, unit.name + ": SocketGroup=", unit.name});
    const host::User* user = find_user(accounts, unit.user);
    if (user != nullptr)
        into.add(user->gid, {unit.engine, unit.name + ": SocketUser=", unit.name});
}

// Those of systemd.unit(5) that stand for the manager's own account, which is root.
std::string expand_specifiers(const std::string& text) {
    if (text == "%u" || text == "%g")
        return "root";
    return text == "%U" || text == "%G" ? "0" : text;
}

// Of the socket that dockerd makes by itself, unless a unit hands it one.
void add_docker_groups(const host::Host& host, const Inventory& inventory, const DockerConfig& docker,
                       ApiAccess& access, GroupReader& into) {
    if (inventory.has("docker"))
        access.problems = docker.problems;
    const bool has_unit =
        std::ranges::find(access.units, "docker.socket", &SocketUnit::name) != access.units.end();
    if (has_unit && takes_socket_from_unit(docker))
        return;
    if (inventory.has("docker")) {
        for (const auto& group : docker_groups(docker))
            into.add(group, {"docker", "the group of dockerd's socket"});
        if (docker.json.problem)
            access.problems.push_back(*docker.json.problem);
    } else if (host.accounts()->group("docker") != nullptr) {
        into.add("docker", {"docker", "dockerd's default group"});
    }
}

// Under whom a service runs; empty: root.
std::string user_of(const host::Host& host, const host::UnitFile& unit) {
    if (const auto user = unit.values("Service", "User"); !user.empty())
        return owner_of(host.accounts(), expand_specifiers(user.back().value));
    const auto dynamic = unit.values("Service", "DynamicUser");
    return !dynamic.empty() && is_truthy(dynamic.back().value) ? unit.name.substr(0, unit.name.rfind('.'))
                                                               : "";
}

// Of Group= the last counts, of SupplementaryGroups= all.
std::vector<host::UnitSetting> groups_of(const host::UnitFile& unit) {
    auto out = unit.values("Service", "Group");
    if (out.size() > 1)
        out.erase(out.begin(), out.end() - 1);
    std::ranges::move(unit.values("Service", "SupplementaryGroups"), std::back_inserter(out));
    return out;
}

// `group`: as a unit names it.
bool is_group(const host::Accounts& accounts, const GrantingGroup& g, const std::string& group) {
    if (const auto number = parse_u64(group))
        return g.gid && *number == *g.gid;
    const host::Group* known = accounts.group(group);
    return known != nullptr ? known->gid == g.gid : g.name == group || (group == "root" && g.gid == 0U);
}

void add_service(const host::Host& host, const host::UnitFile& unit, ApiAccess& into) {
    const std::string user = user_of(host, unit);
    if (user.empty())
        return;
    for (const auto& setting : groups_of(unit))
        for (const auto& word : split_words(setting.value)) {
            const std::string group = expand_specifiers(word.text);
            const std::string text = setting.key + "=" + printable(word.text, 64);
            if (group.find('%') != std::string::npos)
                into.service_problems.push_back(
                    fail(Code::unsupported, setting.source + ": which group " + text + " names is not known")
                        .error());
            for (GrantingGroup& g : into.groups)
                if (is_group(*host.accounts(), g, group))
                    g.services.push_back({unit.name, user, text, setting.source});
        }
}

// What of the units cannot be read is among the inventory's problems.
void add_services(const host::Host& host, ApiAccess& into) {
    static constexpr std::string_view words[] = {"Group"};  // Group=, SupplementaryGroups=
    static constexpr std::string_view suffixes[] = {".service"};
    if (into.groups.empty() || !host.units())
        return;
    const auto found = host.units()->mentioning(host.root(), words, suffixes);
    for (const std::string& name : found.value_or(std::vector<std::string>{}))
        if (const auto& unit = host.unit(name); unit && *unit && !(*unit)->masked)
            add_service(host, **unit, into);
}

void add_logins(const host::Host& host, ApiAccess& into) {
    auto logins = read_login_groups(host.root());
    for (const Error& e : logins.problems)
        into.unseen_members.push_back(e.message);
    for (const LoginRule& rule : logins.rules)
        for (GrantingGroup& g : into.groups)
            if (rule.users != "root" && std::ranges::any_of(rule.groups, [&](const std::string& name) {
                    return is_group(*host.accounts(), g, name);
                }))
                g.at_login.push_back(rule);
}

std::vector<std::string> unseen_members(const host::Host& host) {
    auto out = host.accounts()->problems;
    if (auto why = host::unseen_members(host.root()); !why.empty())
        out.push_back(std::move(why));
    return out;
}

}  // namespace

std::vector<std::string> drop_ins_of(const host::UnitFile& unit) {
    std::vector<std::string> out;
    for (const auto& s : unit.settings) {
        const auto path = s.source.substr(0, s.source.rfind(':'));
        if (path != unit.fragment)
            out.emplace_back(base_name(path));
    }
    return out;
}

SocketUnit socket_unit(const EngineUnit& unit) {
    SocketUnit out{
        .name = unit.file.name, .engine = unit.engine, .starts = unit.starts(), .source = unit.file.fragment};
    const auto take = [&](const char* key, std::string& into) {
        const auto v = unit.file.values("Socket", key);
        if (v.empty())
            return;
        into = expand_specifiers(v.back().value);
        out.source = v.back().source;
        if (into.find('%') != std::string::npos)
            out.problem = fail(Code::unsupported, v.back().source + ": whom " + key + "=" +
                                                      printable(v.back().value, 64) + " names is not known")
                              .error();
    };
    take("SocketUser", out.user);
    if (out.user != "root")
        out.group.clear();
    take("SocketGroup", out.group);
    if (const auto v = unit.file.values("Socket", "SocketMode"); !v.empty()) {
        const std::string& text = v.back().value;
        std::uint32_t mode = 0;
        const auto [end, err] = std::from_chars(text.data(), text.data() + text.size(), mode, 8);
        // systemd ignores a mode it cannot read, and keeps its default.
        if (err == std::errc{} && end == text.data() + text.size() && mode <= 07777) {
            out.mode = mode;
            out.source = v.back().source;
        }
    }
    out.listens = unit.file.values("Socket", "ListenStream");
    out.drop_ins = drop_ins_of(unit.file);
    return out;
}

ApiAccess read_api_access(const host::Host& host, const Inventory& inventory, const DockerConfig& docker,
                          const Sockets& sockets, std::span<const SocketSetting> settings) {
    ApiAccess out;
    for (const auto& u : inventory.units)
        if (!u.engine.empty() && u.file.name.ends_with(".socket") && !u.file.masked)
            out.units.push_back(socket_unit(u));
    for (auto& unit : out.units)
        unit.owner = owner_of(host.accounts(), unit.user);
    if (!host.accounts()) {
        out.accounts_problem = host.accounts().error();
        return out;
    }
    for (const auto& source : host.accounts()->remote_sources)
        if (serves(host.root(), source))
            out.remote_groups.push_back(source);
    GroupReader groups(host);
    for (const SocketSetting& s : settings)
        if (s.kind == SocketSetting::Kind::user)
            add_owner(*host.accounts(), s, out);
        else if (s.kind == SocketSetting::Kind::group)
            groups.add(s.value, {s.engine, s.source});
    add_docker_groups(host, inventory, docker, out, groups);
    for (const auto& unit : out.units)
        add_unit_group(*host.accounts(), unit, groups);
    for (const auto& f : sockets.files)
        if ((f.mode & 020) != 0)
            groups.add(f.gid, {f.engine, f.path});
    out.groups = groups.take();
    out.shadow_problem = groups.shadow_problem();
    out.unseen_members = unseen_members(host);
    add_logins(host, out);
    add_services(host, out);
    // That root has the group of its own is nothing to tell.
    const bool all_seen = out.remote_groups.empty() && out.unseen_members.empty() && !out.shadow_problem;
    std::erase_if(out.groups,
                  [&](const GrantingGroup& g) { return g.gid == 0U && all_seen && !g.is_anybodys(); });
    return out;
}

}  // namespace plimsoll::modules::rootless
