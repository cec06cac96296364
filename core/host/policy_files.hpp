// SPDX-License-Identifier: Apache-2.0
// Finds the policy files of a host, layered as systemd layers its configuration (systemd.unit(5),
// sysctl.d(5)).
#pragma once
#include "core/host/host.hpp"
#include "core/policy/policy.hpp"

namespace plimsoll::host {

inline constexpr std::string_view policy_dirs[] = {"/usr/lib/plimsoll/policy.d", "/run/plimsoll/policy.d",
                                                   "/etc/plimsoll/policy.d"};

// *.toml of the three directories, but no hidden ones. A file of the same name in a later directory replaces
// the earlier one; a symlink to /dev/null or an empty file masks it. Files are merged in layer order, then by
// name. A file or directory that is there but cannot be read (a FIFO, a device, a link to nowhere, no
// permission) is an error (Code::invalid_input, one problem per line), never skipped.
[[nodiscard]] Result<std::vector<policy::PolicyFile>> find_policy_files(const Host& host);

// --policy PATH of the command line: a file, or a directory whose *.toml are taken by name. Outside any root.
// Code::not_found also for a directory without such a file.
[[nodiscard]] Result<std::vector<policy::PolicyFile>> read_policy_path(const std::string& path);

struct LoadedPolicy {
    policy::Policy policy;
    policy::Problems broken{};  // why the files were refused, when `policy` is the last good one
};

// Compiles the host's files; when they are refused (or cannot be read) and STATE_DIR/policy-last-good.toml
// compiles, that one is returned with `broken` set. Otherwise the problems are the error
// (Code::invalid_input, one per line).
[[nodiscard]] Result<LoadedPolicy> load_policy(const Host& host, const std::string& state_dir,
                                               const policy::Catalogue& catalogue);

// Keeps `policy` as the last good one, atomically. Called by apply (and later the daemon), never by check.
[[nodiscard]] Result<void> keep_last_good(const Host& host, const std::string& state_dir,
                                          const policy::Policy& policy, const policy::Catalogue& catalogue);

}  // namespace plimsoll::host
