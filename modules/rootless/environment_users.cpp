// SPDX-License-Identifier: Apache-2.0
#include "modules/rootless/environment_users.hpp"

#include "core/base/text.hpp"
#include "core/host/rootless_signs.hpp"

#include <set>

namespace plimsoll::modules::rootless {
namespace {

using Names = std::set<std::string, std::less<>>;

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
        r.configured = usable_home(u.home) && root.exists(u.home + "/.config/containers");
        auto signs = host::rootless_signs(host, u);
        const bool engine = !signs.others.empty();
        r.starts = std::move(signs.starts);
        r.problems = std::move(signs.problems);
        if (r.tenant || r.linger || r.delegated || r.configured || engine || !r.starts.empty() ||
            !r.problems.empty())
            out.push_back(std::move(r));
    }
    return out;
}

}  // namespace plimsoll::modules::rootless
