// SPDX-License-Identifier: Apache-2.0
// Where the next subordinate range may lie. Pure: sets of ids in, a start out. Used by every part that gives
// out ranges, so that none gives out what another holds or has ever held.
#pragma once
#include "core/base/ranges.hpp"
#include "core/host/accounts.hpp"
#include "core/host/processes.hpp"
#include "core/host/subid.hpp"

#include <optional>
#include <span>

namespace plimsoll::host {

// Ids that must never be delegated, whoever asks: 60001-60513 (systemd-homed), 60514-60577 (users mapped
// into nspawn containers), 61184-65519 (DynamicUser=), 65534 (nobody), 65535 and 2^32-1 (invalid), and
// everything from 2^31 on (signed 32-bit ids break). Source: systemd's UIDS-GIDS document.
[[nodiscard]] const RangeSet& never_delegated();

// 524288-1879048191: systemd-nspawn and machined pick ranges here without reading subuid(5).
inline constexpr Range nspawn_ids{524288, 1879048192};

// Blocks start at a multiple of this, as systemd and most other allocators assume.
inline constexpr std::uint64_t subid_block = 65536;

// What an allocation has to keep clear of. Everything is optional: what a caller cannot know it leaves out.
struct Occupancy {
    const SubidFile* subuid{nullptr};
    const SubidFile* subgid{nullptr};
    const Accounts* accounts{nullptr};
    const std::vector<Process>* processes{nullptr};
    std::span<const LedgerEntry> ledger{};
    bool nspawn_in_use{false};  // then nspawn_ids is kept clear, too
};

// Union of all of it with never_delegated(): any id in any view of either file, live maps, real accounts and
// groups, and the ledger.
[[nodiscard]] RangeSet taken_ids(const Occupancy& o);

// SUB_UID_MIN..SUB_UID_MAX of login.defs(5) with shadow's defaults, as a half-open range.
inline constexpr Range default_subid_window{100000, 600100001};

// Lowest start, a multiple of subid_block, of `count` free ids within `window`; the same numbers then serve
// as uids and gids. With shadow's default window, which begins at 100000, the first block is 131072.
// nullopt: there is none.
[[nodiscard]] std::optional<std::uint64_t> find_free_block(const RangeSet& taken, Range window,
                                                           std::uint64_t count);

}  // namespace plimsoll::host
