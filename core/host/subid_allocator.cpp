// SPDX-License-Identifier: Apache-2.0
#include "core/host/subid_allocator.hpp"

#include <algorithm>

namespace plimsoll::host {

const RangeSet& never_delegated() {
    static const RangeSet ids = [] {
        RangeSet out;
        for (const Range r : {Range{60001, 60578}, Range{61184, 65520}, Range{65534, 65536},
                              Range{std::uint64_t{1} << 31U, std::uint64_t{1} << 32U}})
            out.add(r);
        return out;
    }();
    return ids;
}

RangeSet taken_ids(const Occupancy& o) {
    std::vector<Range> all(never_delegated().ranges());
    const auto add = [&](Range r) { all.push_back(r); };
    for (const SubidFile* file : {o.subuid, o.subgid})
        if (file != nullptr)
            std::ranges::for_each(occupied(*file).ranges(), add);
    if (o.accounts != nullptr) {
        for (const User& u : o.accounts->users)
            add(range_of(u.uid, 1));
        for (const Group& g : o.accounts->groups)
            add(range_of(g.gid, 1));
    }
    if (o.processes != nullptr)
        for (const Process& p : *o.processes)
            // The initial namespace maps everything, and says nothing about who holds what.
            if (p.in_child_user_ns() != false)
                for (const auto& map : {p.uid_map, p.gid_map})
                    for (const IdMapLine& line : map.value_or(std::vector<IdMapLine>{}))
                        if (line.count < 0xffffffffU)
                            add(range_of(line.outside, line.count));
    for (const LedgerEntry& e : o.ledger)
        add(e.range);
    if (o.nspawn_in_use)
        add(nspawn_ids);
    std::ranges::sort(all, {}, &Range::start);
    RangeSet out;
    std::ranges::for_each(all, [&](Range r) { out.add(r); });
    return out;
}

std::optional<std::uint64_t> find_free_block(const RangeSet& taken, Range window, std::uint64_t count) {
    return taken.first_free(window, count, subid_block);
}

}  // namespace plimsoll::host
