// SPDX-License-Identifier: Apache-2.0
#include "core/base/text.hpp"
#include "modules/subuid/observe.hpp"

#include <algorithm>
#include <set>

namespace plimsoll::modules::subuid {
namespace {

using host::DirEntry;

// An absent directory is an empty one.
Result<std::vector<DirEntry>> list_optional(const host::Sysroot& root, const std::string& dir) {
    auto entries = root.list(dir);
    if (entries)
        return entries;
    if (entries.error().code == Code::not_found)
        return std::vector<DirEntry>{};
    return Failure(std::move(entries).error());
}

// A home in which a user's own configuration can stand; "/" and the like are shared.
bool own_home(const host::User& u) {
    return u.uid != 0 && u.home.size() > 1 && u.home.front() == '/' && u.home != "/nonexistent";
}

// Somebody owns these although no account does.
void add_directory_owners(const host::Sysroot& root, const std::string& dir, std::vector<RealId>& out) {
    const auto entries = root.list(dir);
    if (!entries)
        return;  // what it could add is a precaution; the accounts are what is judged
    for (const auto& e : *entries)
        if (const auto st = root.lstat(dir + "/" + e.name); st && S_ISDIR(st->st_mode))
            out.push_back({st->st_uid, "the owner of a directory", printable(dir + "/" + e.name)});
}

}  // namespace

std::vector<RealId> find_more_uids(const host::Host& host) {
    std::vector<RealId> out;
    add_directory_owners(host.root(), "/home", out);
    if (!host.live())
        return out;
    add_directory_owners(host.root(), "/run/user", out);
    if (!host.processes())
        return out;
    std::set<std::uint32_t> seen;
    for (const auto& p : *host.processes())
        if (p.in_child_user_ns() == false && seen.insert(p.uid[0]).second)
            out.push_back({p.uid[0], "process " + printable(p.comm, 40), "pid " + std::to_string(p.pid)});
    return out;
}

Result<bool> nspawn_is_used(const host::Host& host) {
    PLIMSOLL_TRY(const auto wanted, list_optional(host.root(), "/etc/systemd/system/machines.target.wants"));
    if (!wanted.empty())
        return true;
    if (!host.live())
        return false;
    PLIMSOLL_TRY(const auto machines, list_optional(host.root(), "/run/systemd/machines"));
    return !machines.empty();
}

namespace {

// Why the account is taken for one that runs rootless containers; empty: it is not.
Result<std::string> rootless_sign(const host::Host& host, const host::User& u) {
    const auto& root = host.root();
    const std::string quadlets = u.home + "/.config/containers/systemd";
    PLIMSOLL_TRY(const auto entries, list_optional(root, quadlets));
    for (const auto& e : entries)
        for (const char* suffix : {".container", ".pod", ".kube"})
            if (e.name.ends_with(suffix))
                return quadlets + "/" + e.name;
    std::vector<std::string> files{u.home + "/.config/systemd/user/docker.service"};
    if (host.live())
        files.push_back("/run/user/" + std::to_string(u.uid) + "/podman/podman.sock");
    for (const auto& path : files) {
        const auto st = root.lstat(path);
        if (st)
            return path;
        if (st.error().code != Code::not_found)
            return Failure(st.error());
    }
    return std::string();
}

}  // namespace

Result<std::vector<RootlessUser>> find_rootless_users(const host::Host& host) {
    std::vector<RootlessUser> out;
    PLIMSOLL_TRY(const auto lingering, list_optional(host.root(), "/var/lib/systemd/linger"));
    for (const auto& e : lingering)
        out.push_back({e.name, "/var/lib/systemd/linger/" + printable(e.name)});
    if (!host.accounts())
        return out;
    for (const auto& u : host.accounts()->users) {
        if (!own_home(u))
            continue;
        PLIMSOLL_TRY(const auto reason, rootless_sign(host, u));
        if (!reason.empty())
            out.push_back({u.name, printable(reason)});
    }
    return out;
}

}  // namespace plimsoll::modules::subuid
