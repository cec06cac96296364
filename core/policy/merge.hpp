// SPDX-License-Identifier: Apache-2.0
// What the policy files say, merged and checked value by value, each with its place; before the profile and
// the defaults are laid under it. Part of the policy compiler.
#pragma once
#include "core/policy/problems.hpp"

#include <array>
#include <map>

namespace plimsoll::policy {

// A free table (containers.conf and the like) whose tables are merged key by key; anything else is a leaf.
struct ConfTree {
    std::map<std::string, ConfTree> children{};
    std::optional<Placed<Value>> leaf{};  // set: no table here

    void merge(const Table& table, const Reader& reader);
    [[nodiscard]] Table table() const;  // keys sorted
};

// The three engine configurations, in this order everywhere.
inline constexpr std::array<std::string_view, 3> conf_names{"containers_conf", "storage_conf",
                                                            "registries_conf"};

struct TenantDraft {
    Tenant tenant;
    Place place;
    std::vector<Placed<Range>> subuid;
    std::vector<Placed<Range>> subgid;
};

using ExceptionKey = std::array<std::string, 3>;  // control, subject, owner

struct Merged {
    std::optional<Placed<std::string>> profile{};
    // By control and key: "mode", "severity", "required" and the control's parameters.
    std::map<std::string, std::map<std::string, Placed<Value>>, std::less<>> controls{};
    std::map<ExceptionKey, Placed<Exception>> exceptions{};
    std::map<std::string, TenantDraft> tenants{};
    std::optional<Placed<std::vector<std::string>>> delegate{};
    std::map<std::string, Placed<std::string>> sysctl{};
    std::array<std::optional<ConfTree>, conf_names.size()> conf{};
};

inline constexpr std::array<std::string_view, 3> profile_names{"audit-only", "rootless-baseline",
                                                               "rootless-strict"};
// cgroup v2 controllers that systemd can delegate (systemd.resource-control(5), Delegate=).
inline constexpr std::array<std::string_view, 5> cgroup_controllers{"cpu", "cpuset", "io", "memory", "pids"};
// Ids that can be given out: not root's, and not (uid_t)-1.
inline constexpr std::uint64_t first_id = 1;
inline constexpr std::uint64_t last_id = 4294967294;

void read_controls(const Value& section, const Reader& reader, const Catalogue& catalogue, Merged& into);
void read_exceptions(const Value& section, const Reader& reader, const Catalogue& catalogue, Merged& into);
void read_provision(const Value& section, const Reader& reader, Merged& into);
void read_tenants(const Value& section, const Reader& reader, Merged& into);

// What only shows when all files are merged: ids that two tenants would share.
void check_tenants(const Merged& merged, ProblemList& problems);

}  // namespace plimsoll::policy
