// SPDX-License-Identifier: Apache-2.0
// subuid(5)/subgid(5) as its three readers take it: shadow (newuidmap, libsubid), the Go storage library
// (podman, buildah, rootlesskit) and moby/sys/user (dockerd's userns-remap). They disagree; a verdict has to
// hold in every view.
#pragma once
#include "core/base/ranges.hpp"
#include "core/host/sysroot.hpp"

#include <array>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace plimsoll::host {

enum class SubidView { shadow, go, moby };
inline constexpr std::array<std::string_view, 3> subid_view_names{"shadow", "containers/storage", "dockerd"};

struct SubidEntry {          // what one view reads from one line
    std::string_view owner;  // of the text that was parsed
    std::uint64_t start{0};
    std::uint64_t count{0};
    bool operator==(const SubidEntry&) const = default;

    // One interval that covers every id it hands out in any view; handed_out() is the exact set of one view.
    [[nodiscard]] Range range() const;
};

// The ids below 2^32 that a reader of `view` lets the owner map. Negative numbers are stored as two's
// complement. Sources:
//  - shadow: newuidmap(1) 4.13 tests `start <= id <= start + count - 1` in unsigned 64-bit arithmetic, so
//    "0:0" is every id and a wrapping range none; ids beyond 32 bits are refused (lib/idmapping.c).
//  - the Go readers do signed arithmetic, and the kernel (kernel/user_namespace.c, map_write) keeps the low
//    32 bits of what root writes into uid_map, so 4294967296 is host root.
[[nodiscard]] RangeSet handed_out(const SubidEntry& entry, SubidView view);

inline constexpr std::array<SubidView, 3> subid_views{SubidView::shadow, SubidView::go, SubidView::moby};

// A line that the readers do not take alike, by SubidView.
struct SubidReadings {
    std::array<std::optional<SubidEntry>, 3> views{};  // nullopt: that reader ignores the line
    std::array<std::string_view, 3> refused{};         // why, when ignored for a reason worth telling
};

// Small, as there may be 100 000 of them. Lives no longer than the SubidFile (or a copy of it).
struct SubidLine {
    int number{0};                // 1-based
    bool go_refuses_file{false};  // because of this line or another
    std::string_view text{};      // without '\n'
    SubidEntry common{};          // what all take from it, when there are no readings
    std::shared_ptr<const SubidReadings> readings{};

    // nullptr: that reader ignores the line, or the whole file.
    [[nodiscard]] const SubidEntry* in(SubidView v) const {
        return v == SubidView::go && go_refuses_file ? nullptr : by_itself(v);
    }

    // The same if the line stood alone in its file.
    [[nodiscard]] const SubidEntry* by_itself(SubidView v) const {
        if (!readings)
            return &common;
        const auto& view = readings->views[static_cast<std::size_t>(v)];
        return view ? &*view : nullptr;
    }

    // What all readers take from it, when that is the same for all and within the ids that exist.
    [[nodiscard]] std::optional<Range> agreed() const;

    [[nodiscard]] std::string_view refused(SubidView v) const {
        return readings ? readings->refused[static_cast<std::size_t>(v)] : std::string_view();
    }
};

struct SubidFile {
    std::string path;                // "/etc/subuid"
    std::vector<SubidLine> lines{};  // non-blank lines
    // The Go reader refuses the whole file for one bad line; then its view of every line is nullptr.
    std::optional<std::string> go_refuses{};
    bool missing_final_newline{false};
    bool has_nul{false};  // shadow joins lines at a NUL byte; what its view shows is a best effort then
    // What the lines point into; copies of the file share it.
    std::shared_ptr<const std::string> content{};
    std::shared_ptr<const std::deque<std::string>> joined{};  // lines as shadow joins them
};

// Pure and total: any bytes.
[[nodiscard]] SubidFile parse_subid(std::string text, std::string path);

// Every id below 2^32 that any view of any line hands out.
[[nodiscard]] RangeSet occupied(const SubidFile& file);

// ---- the ledger: every range ever given out, append-only, below the state directory ----

struct LedgerEntry {
    std::string owner;
    Range range;
    bool uid{false};  // given out in subuid
    bool gid{false};  // given out in subgid
    bool operator==(const LedgerEntry&) const = default;
};

[[nodiscard]] std::string ledger_path(std::string_view state_dir);

// One line per entry: "RFC3339 OWNER START COUNT uid,gid CHECKSUM", OWNER with everything but visible ASCII
// as %XX, CHECKSUM the first 16 digits of the SHA-256 of what stands before it. Code::integrity names the
// damaged line, except for a torn last line (no newline): it was never acted on and is skipped, unless it is
// whole. Who appends must cut a torn last line off first.
[[nodiscard]] Result<std::vector<LedgerEntry>> parse_ledger(std::string_view text, std::string_view path);
[[nodiscard]] std::string ledger_line(const LedgerEntry& e, std::string_view timestamp);

// Of a line with more ids than this, the first so many are recorded when it goes. Engines map container ids
// from the start of a range on, so files are there; and a line of every id ("u:0:0" for shadow) must not keep
// the whole id space from everybody for ever: the ledger is append-only.
inline constexpr std::uint64_t most_recorded_ids = std::uint64_t{1} << 24U;

// What the ledger has to know before /etc/subuid (`uid`) or /etc/subgid goes from `before` to `after`, so
// that nobody else is ever given ids that somebody loses by it. Pure and total: any bytes. Ids count in every
// reader's view, below 2^32. They are recorded as
//  - the loser's, where no line has them afterwards;
//  - their new owner's, where a line gets them by the same edit (a renamed owner);
// and not at all where another line had and keeps them: they are its owner's.
[[nodiscard]] std::vector<LedgerEntry> taken_away(std::string_view before, std::string_view after, bool uid);

}  // namespace plimsoll::host
