// SPDX-License-Identifier: Apache-2.0
#include "modules/subuid/blocks.hpp"

#include "core/host/subid_allocator.hpp"

#include <algorithm>

namespace plimsoll::modules::subuid {

using policy::AllocateRange;

Blocks::Blocks(const Context& c) : c_(c), window_(host::default_subid_window) {
    const Facts& f = c.facts;
    for (const auto* error :
         {f.ledger ? nullptr : &f.ledger.error(), f.files[0] ? nullptr : &f.files[0].error(),
          f.files[1] ? nullptr : &f.files[1].error(), f.accounts ? nullptr : &f.accounts.error()})
        if (error != nullptr && obstacle_.empty())
            obstacle_ = error->message;
    if (f.login_defs)
        if (const auto window = f.login_defs->defs.subids())
            window_ = *window;
    window_.start = std::max(window_.start, static_cast<std::uint64_t>(c.params.alloc_min_start));
}

RangeSet Blocks::look_up_taken() const {
    const Facts& f = c_.facts;
    RangeSet out =
        host::taken_ids({&f.files[0]->content, &f.files[1]->content, &*f.accounts,
                         f.processes ? &*f.processes : nullptr, *f.ledger, f.nspawn_in_use.value_or(true)});
    for (const auto& ids : c_.real_ids)
        for (const RealId& r : ids)
            out.add(range_of(r.id, 1));
    return out;
}

std::optional<std::uint64_t> Blocks::take(std::uint64_t count) {
    if (!obstacle_.empty())
        return std::nullopt;
    if (!taken_)
        taken_ = look_up_taken();
    const auto start = host::find_free_block(*taken_, window_, count);
    if (start)
        taken_->add(range_of(*start, count));
    return start;
}

std::optional<std::vector<policy::Change>> Blocks::give(const std::string& owner,
                                                        std::array<std::uint64_t, 2> counts) {
    std::vector<policy::Change> out;
    const bool together = counts[0] == counts[1];
    for (const IdKind kind : id_kinds) {
        const auto count = counts[index_of(kind)];
        if (count == 0 || (together && !out.empty()))
            continue;
        const auto start = take(count);
        if (!start)
            return std::nullopt;
        out.emplace_back(AllocateRange{owner, *start, count, together || kind == IdKind::uid,
                                       together || kind == IdKind::gid});
    }
    return out;
}

std::string Blocks::why_not() const {
    return obstacle_.empty() ? "no free block is left between SUB_UID_MIN and SUB_UID_MAX" : obstacle_;
}

}  // namespace plimsoll::modules::subuid
