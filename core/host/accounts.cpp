// SPDX-License-Identifier: Apache-2.0
#include "core/host/accounts.hpp"

#include "core/base/text.hpp"
#include "core/host/name_services.hpp"
#include "core/host/user_records.hpp"

#include <algorithm>
#include <array>
#include <limits>
#include <optional>

namespace plimsoll::host {
namespace {

std::optional<std::uint32_t> parse_id(std::string_view s) {
    const auto v = parse_u64(s);
    if (!v || *v > std::numeric_limits<std::uint32_t>::max())
        return std::nullopt;
    return static_cast<std::uint32_t>(*v);
}

// glibc passes over blanks at the beginning of an entry.
std::string_view entry_of(std::string_view line) {
    return line.substr(std::min(line.find_first_not_of(" \t\r\f\v"), line.size()));
}

// NIS compat lines ("+", "-name") are not accounts.
bool skipped(std::string_view line) {
    return line.empty() || line.front() == '#' || line.front() == '+' || line.front() == '-';
}

Result<void> read_database(const Sysroot& root, const std::string& path, Accounts& into,
                           void (*parse)(std::string_view, const std::string&, Accounts&)) {
    const auto text = root.read(path);
    if (text)
        parse(*text, path, into);
    else if (text.error().code != Code::not_found)
        return Failure(text.error());
    return {};
}

// Whom nss-systemd(8) knows besides those of the records; empty: nobody.
std::string others_of_systemd(const Sysroot& root) {
    for (const char* homed : {"/usr/lib/systemd/systemd-homed", "/lib/systemd/systemd-homed"})
        if (root.exists(homed))
            return "systemd-homed may know homes that were never used here";
    if (auto service = other_userdb(root, false); !service.empty())
        return service;
    const auto dynamic = root.list("/run/systemd/dynamic-uid");
    if (!dynamic && dynamic.error().code != Code::not_found)
        return dynamic.error().message;
    for (const DirEntry& e : dynamic.value_or(std::vector<DirEntry>{}))
        if (e.name.starts_with("direct:"))
            return "running services have users of their own (/run/systemd/dynamic-uid/" + e.name + ")";
    return {};
}

// With "+" in passwd or group, compat asks NIS (nsswitch.conf(5)); the entries say no more than that.
bool asks_nis(const Sysroot& root) {
    return std::ranges::any_of(std::array{"/etc/passwd", "/etc/group"}, [&](const char* file) {
        const auto text = root.read(file);
        return text && std::ranges::any_of(split_lines(*text), [](std::string_view line) {
                   return entry_of(line).starts_with('+');
               });
    });
}

// initgroups, where there is such a line, takes the place of group for the groups of who logs in.
Result<void> read_remote_sources(const Sysroot& root, Accounts& into) {
    static const std::vector<std::string_view> local{"files",   "compat",   "altfiles",
                                                     "systemd", "usrfiles", "db"};
    PLIMSOLL_TRY(const auto sources, read_name_sources(root));
    for (const auto& [database, name] : sources) {
        if (name == "systemd" && database == "passwd")
            if (auto others = others_of_systemd(root); !others.empty())
                into.unseen_users.push_back(std::move(others));
        const bool is_local =
            std::ranges::find(local, name) != local.end() && !(name == "compat" && asks_nis(root));
        if (!is_local && std::ranges::find(into.remote_sources, name) == into.remote_sources.end())
            into.remote_sources.push_back(name);
    }
    return {};
}

}  // namespace

const User* Accounts::user(std::string_view name) const {
    const auto it = std::ranges::find(users, name, &User::name);
    return it == users.end() ? nullptr : &*it;
}

const User* Accounts::user(std::uint32_t uid) const {
    const auto it = std::ranges::find(users, uid, &User::uid);
    return it == users.end() ? nullptr : &*it;
}

const Group* Accounts::group(std::string_view name) const {
    const auto it = std::ranges::find(groups, name, &Group::name);
    return it == groups.end() ? nullptr : &*it;
}

const Group* Accounts::group(std::uint32_t gid) const {
    const auto it = std::ranges::find(groups, gid, &Group::gid);
    return it == groups.end() ? nullptr : &*it;
}

std::vector<std::string> Accounts::members_of(const Group& g) const {
    std::vector<std::string> out = g.members;
    for (const User& u : users)
        if (u.gid == g.gid)
            out.push_back(u.name);
    std::ranges::sort(out);
    out.erase(std::ranges::unique(out).begin(), out.end());
    return out;
}

void parse_passwd(std::string_view text, const std::string& path, Accounts& into) {
    int number = 0;
    for (const auto whole : split_lines(text)) {
        const auto line = entry_of(whole);
        const std::string place = path + ":" + std::to_string(++number);
        if (skipped(line))
            continue;
        const auto f = split(line, ':');
        const auto uid = f.size() == 7 ? parse_id(f[2]) : std::nullopt;
        const auto gid = f.size() == 7 ? parse_id(f[3]) : std::nullopt;
        if (!uid || !gid || f[0].empty()) {
            into.problems.push_back(place + ": not a passwd entry: " + printable(line, 80));
            continue;
        }
        into.users.push_back({std::string(f[0]), *uid, *gid, std::string(f[5]), std::string(f[6]), place});
    }
}

void parse_group(std::string_view text, const std::string& path, Accounts& into) {
    int number = 0;
    for (const auto whole : split_lines(text)) {
        const auto line = entry_of(whole);
        const std::string place = path + ":" + std::to_string(++number);
        if (skipped(line))
            continue;
        const auto f = split(line, ':');
        const auto gid = f.size() == 4 ? parse_id(f[2]) : std::nullopt;
        if (!gid || f[0].empty()) {
            into.problems.push_back(place + ": not a group entry: " + printable(line, 80));
            continue;
        }
        Group g{std::string(f[0]), *gid, {}, place};
        for (const auto m : split(f[3], ','))
            if (!m.empty())
                g.members.emplace_back(m);
        into.groups.push_back(std::move(g));
    }
}

Result<Accounts> read_accounts(const Sysroot& root) {
    Accounts out;
    for (const char* dir : {"/etc", "/usr/lib", "/usr/share/baselayout"}) {
        PLIMSOLL_CHECK(read_database(root, std::string(dir) + "/passwd", out, &parse_passwd));
        PLIMSOLL_CHECK(read_database(root, std::string(dir) + "/group", out, &parse_group));
    }
    read_user_records(root, out);
    PLIMSOLL_CHECK(read_remote_sources(root, out));
    return out;
}

}  // namespace plimsoll::host
