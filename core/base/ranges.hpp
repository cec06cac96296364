// SPDX-License-Identifier: Apache-2.0
// Half-open intervals of 64-bit numbers, and sets of them. Used for user and group ids.
#pragma once
#include <cstdint>
#include <optional>
#include <vector>

namespace plimsoll {

// [start, end). Empty when start >= end. Ids are 32-bit, but what files contain is not.
struct Range {
    std::uint64_t start{0};
    std::uint64_t end{0};

    [[nodiscard]] bool empty() const { return start >= end; }

    [[nodiscard]] std::uint64_t size() const { return empty() ? 0 : end - start; }

    [[nodiscard]] bool contains(std::uint64_t id) const { return id >= start && id < end; }

    [[nodiscard]] bool intersects(const Range& o) const {
        return !empty() && !o.empty() && start < o.end && o.start < end;
    }

    bool operator==(const Range&) const = default;
};

// start + count without wrapping: clamped at 2^64-1.
[[nodiscard]] Range range_of(std::uint64_t start, std::uint64_t count);

// Sorted, disjoint, non-adjacent, non-empty ranges.
class RangeSet {
  public:
    void add(Range r);
    void subtract(Range r);
    [[nodiscard]] bool intersects(Range r) const;
    [[nodiscard]] bool contains(std::uint64_t id) const;
    [[nodiscard]] bool contains(Range r) const;  // wholly; an empty range is contained
    [[nodiscard]] std::uint64_t size() const;    // number of ids
    [[nodiscard]] RangeSet intersection(const RangeSet& o) const;
    // The parts of `r` that are in the set, and those that are not.
    [[nodiscard]] RangeSet inside(Range r) const;
    [[nodiscard]] RangeSet outside(Range r) const;
    // Lowest start within `within`, a multiple of `align` (>= 1), with `count` free ids; nullopt if there is
    // none.
    [[nodiscard]] std::optional<std::uint64_t> first_free(Range within, std::uint64_t count,
                                                          std::uint64_t align) const;

    [[nodiscard]] const std::vector<Range>& ranges() const { return ranges_; }

    bool operator==(const RangeSet&) const = default;

  private:
    std::vector<Range> ranges_;
};

}  // namespace plimsoll
