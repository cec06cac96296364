// SPDX-License-Identifier: Apache-2.0
#include "modules/subuid/observe.hpp"

#include <algorithm>

namespace plimsoll::modules::subuid {

Facts Subuid::observe(const host::Host& host, const Params& params, const policy::Provision& /*provision*/) {
    const host::Sysroot& root = host.root();
    Facts f;
    f.live = host.live();
    f.files = {read_id_file(root, "/etc/subuid"), read_id_file(root, "/etc/subgid")};
    f.copies = read_copies(root);
    f.file_states = read_file_states(root);
    f.etc_state = read_etc_state(root);
    read_labels(host, f);
    f.accounts = host.accounts();
    f.former_accounts = read_former_accounts(root);
    f.more_ids = find_more_ids(host);
    f.nss = read_subid_source(host);
    f.login_defs = read_alloc_defs(root);
    f.containers_user = read_containers_user(root);
    f.remap_user = read_remap_user(host);
    f.ledger = read_ledger(host);
    f.processes = host.processes();
    f.nspawn_in_use = nspawn_is_used(host);
    f.rootless_users = find_rootless_users(host);
    auto directories = manager_path(host);
    if (directories) {
        const auto login = login_path(root);
        if (!login)
            directories = Failure(login.error());
        else
            for (const auto& dir : *login)
                if (std::ranges::find(*directories, dir) == directories->end())
                    directories->push_back(dir);
    }
    for (const char* name : {"newuidmap", "newgidmap"}) {
        auto& found = f.helpers[name];
        if (directories)
            found = find_helper(host, name, *directories);
        else
            found.emplace_back(Failure(directories.error()));
    }
    if (directories)
        f.helper_copies = find_copies(host, *directories, params.helper_max_entries);
    f.scan = scan_storage(host, params.scan_max_entries);
    return f;
}

}  // namespace plimsoll::modules::subuid
