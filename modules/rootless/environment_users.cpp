// SPDX-License-Identifier: Apache-2.0
#include "modules/rootless/environment_users.hpp"

#include "core/base/text.hpp"

#include <algorithm>
#include <array>
#include <set>

#include <dirent.h>

namespace plimsoll::modules::rootless {
namespace {

using Names = std::set<std::string, std::less<>>;

// Suffixes that podman's generator turns into services (podman-systemd.unit(5)).
constexpr std::array<std::string_view, 7> quadlet_suffixes{".container", ".pod",   ".kube", ".network",
                                                           ".volume",    ".build", ".image"};
// A directory larger than this is somebody's attempt to keep us busy; the first ones are enough to know.
constexpr std::size_t max_quadlets = 64;

Result<Names> linger_names(const host::Sysroot& root) {
    Names out;
    const auto entries = root.list(linger_dir);
    if (!entries && entries.error().code != Code::not_found)
        return Failure(entries.error());
    if (entries)
        for (const auto& e : *entries)
            out.insert(e.name);
    return out;
}

// Owners as written: names or numeric uids. Blanks around them count for some readers only; an owner too many
// merely adds a user to look at.
Result<Names> subid_owners(const host::Sysroot& root) {
    Names out;
    const auto text = root.read("/etc/subuid");
    if (!text && text.error().code != Code::not_found)
        return Failure(text.error());
    if (text)
        for (const auto line : split_lines(*text))
            if (const auto owner = trim(line.substr(0, line.find(':'))); !owner.empty() && owner[0] != '#')
                out.emplace(owner);
    return out;
}

void add_quadlets(const host::Sysroot& root, const std::string& dir, RootlessUser& user) {
    const auto entries = root.list(dir);
    if (!entries) {
        if (entries.error().code != Code::not_found)
            user.problems.push_back(entries.error());
        return;
    }
    for (const auto& e : *entries)
        for (const auto suffix : quadlet_suffixes)
            if (e.name.ends_with(suffix) && user.quadlets.size() < max_quadlets)
                user.quadlets.push_back(dir + "/" + e.name);
}

bool usable_home(const std::string& home) {
    return home.size() > 1 && home.front() == '/';
}

}  // namespace

Result<std::vector<RootlessUser>> find_rootless_users(const host::Host& host,
                                                      const policy::Provision& provision) {
    const auto& accounts = host.accounts();
    if (!accounts)
        return Failure(accounts.error());
    const host::Sysroot& root = host.root();
    PLIMSOLL_TRY(const Names lingering, linger_names(root));
    PLIMSOLL_TRY(const Names owners, subid_owners(root));
    std::vector<RootlessUser> out;
    Names seen;
    for (const host::User& u : accounts->users) {
        if (u.uid == 0 || !seen.insert(u.name).second)
            continue;
        RootlessUser r{.name = u.name, .uid = u.uid, .home = u.home};
        r.tenant = provision.tenant(u.name) != nullptr;
        r.linger = lingering.contains(u.name);
        r.delegated = owners.contains(u.name) || owners.contains(std::to_string(u.uid));
        if (usable_home(u.home)) {
            r.configured = root.exists(u.home + "/.config/containers");
            if (r.configured)
                add_quadlets(root, u.home + "/.config/containers/systemd", r);
        }
        add_quadlets(root, "/etc/containers/systemd/users/" + std::to_string(u.uid), r);
        if (r.tenant || r.linger || r.delegated || r.configured || !r.quadlets.empty() || !r.problems.empty())
            out.push_back(std::move(r));
    }
    return out;
}

}  // namespace plimsoll::modules::rootless
