// SPDX-License-Identifier: Apache-2.0
// What only shows when all files are merged: ids that two tenants, or a tenant twice, would have.
#include "core/policy/merge.hpp"

#include <algorithm>

namespace plimsoll::policy {
namespace {

struct Claim {
    Range range;
    Place place;
    std::string_view user;
};

using RangesOf = std::vector<Placed<Range>> TenantDraft::*;

std::string shown(const Range& r) {
    return std::to_string(r.start) + ":" + std::to_string(r.size());
}

// Sorted by start. Overlapping pairs are told at the one that stands later in the files.
std::vector<Claim> check_overlaps(const Merged& merged, RangesOf member, std::string_view what,
                                  ProblemList& problems) {
    std::vector<Claim> claims;
    for (const auto& [user, draft] : merged.tenants)
        for (const auto& r : draft.*member)
            claims.push_back({r.value, r.place, user});
    std::ranges::sort(claims, [](const Claim& a, const Claim& b) {
        return a.range.start < b.range.start || (a.range.start == b.range.start && a.place < b.place);
    });
    const Claim* widest = nullptr;  // the claim so far that reaches furthest
    for (const Claim& c : claims) {
        if (widest != nullptr && widest->range.intersects(c.range)) {
            const bool c_is_later = widest->place < c.place;
            const Claim& later = c_is_later ? c : *widest;
            const Claim& earlier = c_is_later ? *widest : c;
            problems.add(later.place,
                         "the " + std::string(what) + " range " + shown(later.range) + " of \"" +
                             std::string(later.user) + "\" overlaps " + shown(earlier.range) + " of \"" +
                             std::string(earlier.user) + "\" (" + problems.origin(earlier.place) + ")",
                         "ranges that share no id");
        }
        if (widest == nullptr || c.range.end > widest->range.end)
            widest = &c;
    }
    return claims;
}

// A subordinate id that is a tenant's own would let one become the other.
void check_uids(const Merged& merged, const std::vector<Claim>& claims, ProblemList& problems) {
    std::map<std::uint32_t, const TenantDraft*> owners;
    for (const auto& [user, draft] : merged.tenants) {
        if (!draft.tenant.uid)
            continue;
        const std::uint32_t uid = *draft.tenant.uid;
        if (const auto [first, fresh] = owners.emplace(uid, &draft); !fresh)
            problems.add(std::max(draft.place, first->second->place),
                         "uid " + std::to_string(uid) + " for both \"" + first->second->tenant.user +
                             "\" and \"" + user + "\"",
                         "one user per uid");
        const auto after = std::ranges::upper_bound(claims, std::uint64_t{uid}, {},
                                                    [](const Claim& c) { return c.range.start; });
        if (after != claims.begin() && std::prev(after)->range.contains(uid))
            problems.add(std::prev(after)->place,
                         "the subuid range " + shown(std::prev(after)->range) + " contains the uid " +
                             std::to_string(uid) + " of tenant \"" + user + "\"",
                         "a range without accounts in it");
    }
}

}  // namespace

void check_tenants(const Merged& merged, ProblemList& problems) {
    const auto uid_claims = check_overlaps(merged, &TenantDraft::subuid, "subuid", problems);
    check_overlaps(merged, &TenantDraft::subgid, "subgid", problems);
    check_uids(merged, uid_claims, problems);
}

}  // namespace plimsoll::policy
