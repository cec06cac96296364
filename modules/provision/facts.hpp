// SPDX-License-Identifier: Apache-2.0
// What the provisioning controls know of a host: plain data, read once.
#pragma once
#include "core/host/accounts.hpp"
#include "core/host/disabled_controllers.hpp"
#include "core/host/host.hpp"
#include "core/host/login_defs.hpp"
#include "core/host/processes.hpp"
#include "core/host/subid.hpp"
#include "core/host/sysctl_files.hpp"
#include "core/host/unit_files.hpp"
#include "core/policy/provision.hpp"

#include <map>
#include <optional>
#include <string>
#include <vector>

namespace plimsoll::modules::provision {

// The content of a file that may be absent (nullopt). An Error: it is there and could not be read.
using FileText = Result<std::optional<std::string>>;

struct Home {  // what stands at a home directory's path
    bool directory{false};
    std::uint32_t uid{0};
    std::uint32_t mode{0};  // permission bits
};

struct TenantFacts {
    // Of the account's home, or of the one it would get; nullopt: nothing is there.
    Result<std::optional<Home>> home{};
    // Whether logind takes the user for lingering: a regular file of that name.
    Result<bool> linger{};
    bool has_storage{false};  // images or containers below the home
};

struct SysctlFacts {
    std::string key;                       // as the policy spells it
    std::optional<std::string> knob{};     // path below /proc/sys; nullopt: not a key at all
    std::optional<std::string> drop_in{};  // where our file belongs; nullopt: no name of ours would win
    FileText ours{};
    Result<std::optional<host::SysctlLine>> at_boot{};
    FileText live{};  // nullopt on a running host: this kernel has no such knob
};

struct ConfigFile {
    std::string path;
    FileText text{};
};

struct Facts {
    bool live{false};
    bool systemd_runs{false};  // sd_booted(3): without it there is no manager to ask
    Result<host::Accounts> accounts{};
    // Below /etc, by name: passwd, group, shadow, gshadow, subuid, subgid.
    std::map<std::string, FileText, std::less<>> account_files{};
    Result<std::vector<host::LedgerEntry>> ledger{};
    Result<std::string> subid_source{};              // "files", or what nsswitch.conf names instead
    Result<std::vector<host::Process>> processes{};  // of a running host: maps that are in use
    Result<host::LoginDefs> login_defs{};
    std::map<std::string, TenantFacts, std::less<>> tenants{};
    ConfigFile containers_conf{};
    ConfigFile registries_conf{};
    ConfigFile storage_conf{};
    bool rootful_storage{false};  // images or containers of the system-wide engine
    FileText delegate_drop_in{};
    Result<std::optional<host::UnitFile>> user_unit{};
    host::DisabledControllers disabled_controllers{};
    std::vector<SysctlFacts> sysctl{};

    [[nodiscard]] const FileText& account_file(std::string_view name) const;
};

inline constexpr std::string_view linger_dir = "/var/lib/systemd/linger/";
inline constexpr std::string_view delegate_path =
    "/etc/systemd/system/user@.service.d/60-plimsoll-delegate.conf";

[[nodiscard]] Facts observe_facts(const host::Host& host, const policy::Provision& wanted);

}  // namespace plimsoll::modules::provision
