// SPDX-License-Identifier: Apache-2.0
#include "core/base/text.hpp"
#include "core/host/rootless_signs.hpp"
#include "modules/subuid/edits.hpp"
#include "modules/subuid/observe.hpp"

#include <algorithm>
#include <set>

namespace plimsoll::modules::subuid {
namespace {

// Somebody owns these although no account does.
void add_directory_owners(const host::Sysroot& root, const std::string& dir,
                          std::array<std::vector<RealId>, 2>& out) {
    const auto entries = root.list(dir);
    if (!entries)
        return;  // what it could add is a precaution; the accounts are what is judged
    for (const auto& e : *entries)
        if (const auto st = root.lstat(dir + "/" + e.name); st && S_ISDIR(st->st_mode)) {
            const std::string path = printable(dir + "/" + e.name);
            out[index_of(IdKind::uid)].push_back({st->st_uid, "the owner of a directory", path});
            out[index_of(IdKind::gid)].push_back({st->st_gid, "the group of a directory", path});
        }
}

}  // namespace

std::array<std::vector<RealId>, 2> find_more_ids(const host::Host& host) {
    std::array<std::vector<RealId>, 2> out;
    add_directory_owners(host.root(), "/home", out);
    if (!host.live())
        return out;
    add_directory_owners(host.root(), "/run/user", out);
    if (!host.processes())
        return out;
    std::set<std::uint32_t> seen;
    for (const auto& p : *host.processes())
        if (p.in_child_user_ns() == false && seen.insert(p.uid[0]).second)
            out[index_of(IdKind::uid)].push_back(
                {p.uid[0], "process " + printable(p.comm, 40), "pid " + std::to_string(p.pid)});
    return out;
}

namespace {

// Whether a settings file of a container says PrivateUsers=pick (systemd.nspawn(5)).
Result<bool> some_container_picks(const host::Sysroot& root) {
    for (const std::string dir : {"/etc/systemd/nspawn", "/run/systemd/nspawn", "/var/lib/machines"}) {
        PLIMSOLL_TRY(const auto entries, list_optional(root, dir));
        for (const auto& e : entries) {
            if (!e.name.ends_with(".nspawn"))
                continue;
            const std::string path = dir + "/" + e.name;
            PLIMSOLL_TRY(const auto text, root.read(path));
            for (const host::UnitSetting& s : host::parse_unit(text, path))
                if (s.section == "Exec" && s.key == "PrivateUsers" && s.value == "pick")
                    return true;
        }
    }
    return false;
}

}  // namespace

Result<bool> nspawn_is_used(const host::Host& host) {
    PLIMSOLL_TRY(const bool picks, some_container_picks(host.root()));
    if (picks)
        return true;
    PLIMSOLL_TRY(const auto wanted, list_optional(host.root(), "/etc/systemd/system/machines.target.wants"));
    if (!wanted.empty())
        return true;
    if (!host.live())
        return false;
    PLIMSOLL_TRY(const auto machines, list_optional(host.root(), "/run/systemd/machines"));
    return !machines.empty();
}

Result<std::vector<RootlessUser>> find_rootless_users(const host::Host& host) {
    std::vector<RootlessUser> out;
    PLIMSOLL_TRY(const auto lingering, list_optional(host.root(), "/var/lib/systemd/linger"));
    for (const auto& e : lingering)
        out.push_back({e.name, "/var/lib/systemd/linger/" + printable(e.name)});
    if (!host.accounts())
        return out;
    for (const auto& u : host.accounts()->users) {
        if (u.uid == 0)
            continue;
        const auto signs = host::rootless_signs(host, u);
        if (signs.starts.empty() && signs.others.empty() && !signs.problems.empty())
            return Failure(signs.problems.front());
        for (const auto* kind : {&signs.starts, &signs.others})
            if (!kind->empty()) {
                out.push_back({u.name, printable(kind->front())});
                break;
            }
    }
    return out;
}

}  // namespace plimsoll::modules::subuid
