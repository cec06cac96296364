// SPDX-License-Identifier: Apache-2.0
#include "core/base/ranges.hpp"

#include <algorithm>
#include <limits>

namespace plimsoll {
namespace {
constexpr auto max_u64 = std::numeric_limits<std::uint64_t>::max();
}

Range range_of(std::uint64_t start, std::uint64_t count) {
    return {start, count > max_u64 - start ? max_u64 : start + count};
}

void RangeSet::add(Range r) {
    if (r.empty())
        return;
    // First range that touches or follows r; everything touching is merged into it.
    auto first = std::ranges::lower_bound(ranges_, r.start, {}, &Range::end);
    auto last = first;
    for (; last != ranges_.end() && last->start <= r.end; ++last) {
        r.start = std::min(r.start, last->start);
        r.end = std::max(r.end, last->end);
    }
    if (first == last) {
        ranges_.insert(first, r);
        return;
    }
    *first = r;
    ranges_.erase(first + 1, last);
}

void RangeSet::subtract(Range r) {
    if (r.empty())
        return;
    std::vector<Range> out;
    out.reserve(ranges_.size() + 1);
    for (const Range& have : ranges_) {
        if (!have.intersects(r)) {
            out.push_back(have);
            continue;
        }
        if (have.start < r.start)
            out.push_back({have.start, r.start});
        if (r.end < have.end)
            out.push_back({r.end, have.end});
    }
    ranges_ = std::move(out);
}

bool RangeSet::intersects(Range r) const {
    if (r.empty())
        return false;
    const auto it = std::ranges::upper_bound(ranges_, r.start, {}, &Range::end);
    return it != ranges_.end() && it->start < r.end;
}

bool RangeSet::contains(std::uint64_t id) const {
    const auto it = std::ranges::upper_bound(ranges_, id, {}, &Range::end);
    return it != ranges_.end() && it->contains(id);
}

bool RangeSet::contains(Range r) const {
    if (r.empty())
        return true;
    const auto it = std::ranges::upper_bound(ranges_, r.start, {}, &Range::end);
    return it != ranges_.end() && it->start <= r.start && r.end <= it->end;
}

std::uint64_t RangeSet::size() const {
    std::uint64_t n = 0;
    for (const Range& r : ranges_)
        n += r.size();
    return n;
}

RangeSet RangeSet::intersection(const RangeSet& o) const {
    RangeSet out;
    auto a = ranges_.begin();
    auto b = o.ranges_.begin();
    while (a != ranges_.end() && b != o.ranges_.end()) {
        out.add({std::max(a->start, b->start), std::min(a->end, b->end)});
        if (a->end < b->end)
            ++a;
        else
            ++b;
    }
    return out;
}

RangeSet RangeSet::inside(Range r) const {
    RangeSet out;
    for (auto it = std::ranges::upper_bound(ranges_, r.start, {}, &Range::end);
         it != ranges_.end() && it->start < r.end; ++it)
        out.add({std::max(it->start, r.start), std::min(it->end, r.end)});
    return out;
}

RangeSet RangeSet::outside(Range r) const {
    RangeSet out;
    const RangeSet covered = inside(r);
    for (const Range& c : covered.ranges()) {
        out.add({r.start, c.start});
        r.start = c.end;
    }
    out.add(r);
    return out;
}

std::optional<std::uint64_t> RangeSet::first_free(Range within, std::uint64_t count,
                                                  std::uint64_t align) const {
    if (count == 0 || align == 0)
        return std::nullopt;
    const auto aligned = [align](std::uint64_t v) -> std::optional<std::uint64_t> {
        const std::uint64_t rest = v % align;
        if (rest == 0)
            return v;
        if (v > max_u64 - (align - rest))
            return std::nullopt;
        return v + (align - rest);
    };
    auto candidate = aligned(within.start);
    for (const Range& used : ranges_) {
        if (!candidate || *candidate >= within.end || within.end - *candidate < count)
            return std::nullopt;
        if (used.end <= *candidate)
            continue;
        if (used.start >= *candidate && used.start - *candidate >= count)
            break;
        candidate = aligned(used.end);
    }
    if (!candidate || *candidate >= within.end || within.end - *candidate < count)
        return std::nullopt;
    return candidate;
}

}  // namespace plimsoll
