// SPDX-License-Identifier: Apache-2.0
#include "modules/subuid/subuid.hpp"

namespace plimsoll::modules::subuid {

const std::vector<policy::Param<Params>>& Subuid::params() {  // NOLINT(readability-function-size): data
    static constexpr std::int64_t ids = std::int64_t{1} << 31;
    static const std::vector<policy::Param<Params>> table{
        {"subuid.reserved-overlap",
         "nspawn_range",
         &Params::nspawn_range,
         "Whether a range within 524288-1879048191, where systemd-nspawn picks ids, fails: only when nspawn "
         "is "
         "in use, always or never.",
         {.choices = {"in-use", "always", "never"}}},
        {"subuid.min-size",
         "min",
         &Params::min_size,
         "Ids that every rootless user needs, of each kind.",
         {.min = 1, .max = ids}},
        {"subuid.missing", "users", &Params::users, "Users that run rootless containers."},
        {"subuid.missing", "discover", &Params::discover,
         "Also take users for rootless that linger, own rootless units or have a rootless API socket."},
        {"subuid.missing",
         "only_named",
         &Params::only_named,
         "Whether only these users, the tenants of provision, the owners that subuid.stale-owner allows and "
         "the "
         "engines' own users may have ranges.",
         {},
         Value(true)},
        {"subuid.stale-owner", "allow", &Params::allowed_owners,
         "Owners that need no account, besides the ones that the engines' configuration names."},
        {"subuid.nss-source", "expected", &Params::nss_source,
         "The source of subordinate ids in nsswitch.conf's subid line."},
        {"subuid.containers-user", "owner", &Params::containers_owner,
         "Owner of the ranges for rootful containers with userns=auto; empty: as storage.conf says."},
        {"subuid.containers-user", "expected", &Params::containers_required,
         "Whether that owner must have ranges."},
        {"subuid.containers-user",
         "min",
         &Params::containers_min,
         "Ids that it needs, of each kind: 65536 for each container that runs at a time.",
         {.min = 1, .max = ids}},
        {"subuid.alloc-policy",
         "min_start",
         &Params::alloc_min_start,
         "Lowest SUB_UID_MIN and SUB_GID_MIN that is acceptable.",
         {.min = 65536, .max = ids}},
        {"subuid.alloc-policy",
         "min_count",
         &Params::alloc_min_count,
         "Lowest SUB_UID_COUNT and SUB_GID_COUNT that is acceptable.",
         {.min = 1, .max = ids}},
        {"subuid.idmap-helpers",
         "max_entries",
         &Params::helper_max_entries,
         "Files and directories to look at for privileged copies outside of the PATHs; what was left out is "
         "said.",
         {.min = 0, .max = 100000000}},
        {"subuid.idmap-helpers", "complete", &Params::helper_search_complete,
         "Whether the verdict is unknown when max_entries, or a directory that cannot be listed, ends that "
         "search early."},
        {"subuid.foreign-scan",
         "max_entries",
         &Params::scan_max_entries,
         "Files and directories to look at in one check; the verdict is unknown when there are more.",
         {.min = 0, .max = 100000000}},
    };
    return table;
}

}  // namespace plimsoll::modules::subuid
