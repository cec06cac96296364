// SPDX-License-Identifier: Apache-2.0
// The parts of Subuid::observe(); each looks at the host and changes nothing.
#pragma once
#include "modules/subuid/subuid.hpp"

namespace plimsoll::modules::subuid {

// ---- observe_files.cpp: works on images as on running hosts ----

// An absent directory is an empty one.
[[nodiscard]] Result<std::vector<host::DirEntry>> list_optional(const host::Sysroot& root,
                                                                const std::string& dir);

// Code::integrity when something other than a regular file stands there; a symlink counts as such.
[[nodiscard]] Result<IdFile> read_id_file(const host::Sysroot& root, const std::string& path);
[[nodiscard]] FileState state_of(const struct ::stat& st);  // without access lists
[[nodiscard]] std::map<std::string, Result<FileState>> read_file_states(const host::Sysroot& root);
[[nodiscard]] Result<FileState> read_etc_state(const host::Sysroot& root);
// Fills labels, file_labels and tree_labelled.
void read_labels(const host::Host& host, Facts& facts);
// The present ones of what the image starts with, and of what other deployments have, by path.
[[nodiscard]] std::map<std::string, Result<IdFile>> read_copies(const host::Sysroot& root);
[[nodiscard]] Result<std::optional<host::Accounts>> read_former_accounts(const host::Sysroot& root);
[[nodiscard]] Result<SubidSource> read_subid_source(const host::Host& host);
[[nodiscard]] Result<AllocDefs> read_alloc_defs(const host::Sysroot& root);
[[nodiscard]] Result<std::string> read_containers_user(const host::Sysroot& root);
[[nodiscard]] Result<std::optional<std::string>> read_remap_user(const host::Host& host);
[[nodiscard]] Result<std::vector<host::LedgerEntry>> read_ledger(const host::Host& host);

// Whether a POSIX access list (raw system.posix_acl_access, acl(5)) lets a named user or group write; true
// also for one that cannot be understood. Pure.
[[nodiscard]] bool acl_has_writers(std::string_view raw);

// ---- observe_live.cpp: also asks /run and /proc when the host runs ----

[[nodiscard]] std::array<std::vector<RealId>, 2> find_more_ids(const host::Host& host);  // by IdKind
[[nodiscard]] Result<bool> nspawn_is_used(const host::Host& host);
[[nodiscard]] Result<std::vector<RootlessUser>> find_rootless_users(const host::Host& host);

// ---- helpers.cpp ----

// Where the users' service managers look for programs: systemd's own directories, and before them every
// other one that a PATH= in user@.service (or one user's instance of it), environment.d(5), environment(5) or
// systemd-user.conf(5) names.
[[nodiscard]] Result<std::vector<std::string>> manager_path(const host::Host& host);

// Where login shells look besides: login.defs(5), /etc/profile and /etc/profile.d.
[[nodiscard]] Result<std::vector<std::string>> login_path(const host::Sysroot& root);

// The file itself, and the directories that lead to it.
[[nodiscard]] Result<Helper> read_program(const host::Host& host, const std::string& path);

// All of that name in these directories, in their order, each once.
[[nodiscard]] std::vector<Result<Helper>> find_helper(const host::Host& host, const std::string& name,
                                                      const std::vector<std::string>& directories);

// Programs of these names outside of `directories`: in ~/bin and ~/.local/bin of every account, and where
// people and installers put programs, three levels below /usr/local, /usr/libexec, /opt, /srv, /home, /root,
// /tmp and /var/tmp and two below /var/lib, where symlinks are not followed. Of these levels at most `budget`
// entries in all, from the top down.
[[nodiscard]] HelperCopies find_copies(const host::Host& host, const std::vector<std::string>& directories,
                                       std::int64_t budget);

// ---- scan.cpp ----

// Walks the rootless container storage of every account, and of homes that are no account's, where the
// engines' configuration puts it; of rootful storage the tops of layers and volumes. At most `budget` entries
// in all.
[[nodiscard]] StorageScan scan_storage(const host::Host& host, std::int64_t budget);

}  // namespace plimsoll::modules::subuid
