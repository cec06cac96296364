// SPDX-License-Identifier: Apache-2.0
// A03: owners that share ids. Those that hang together are one finding, however many lines overlap: pairs of
// them would be as many as the square.
#include "core/base/text.hpp"
#include "modules/subuid/blocks.hpp"
#include "modules/subuid/judge.hpp"

#include <algorithm>
#include <limits>
#include <numeric>
#include <ranges>

namespace plimsoll::modules::subuid {

using policy::Severity;
using policy::Status;

namespace {

struct SharedLine {
    IdKind kind;
    const Grant* grant;
    Range ids;  // what it shares with another owner's line
};

// Each of its owners shares ids with another one of them.
struct Group {
    std::vector<std::uint32_t> owners{};  // in the order in which the files name them
    std::vector<SharedLine> lines{};
};

using BothHolders = std::array<Holders, 2>;  // by IdKind

// Which owners hang together, directly or by way of others. The first of them stands for all.
class Ties {
  public:
    explicit Ties(std::size_t owners) : up_(owners) { std::iota(up_.begin(), up_.end(), 0U); }

    std::uint32_t first_of(std::uint32_t owner) {
        while (up_[owner] != owner)
            owner = up_[owner] = up_[up_[owner]];
        return owner;
    }

    void tie(std::uint32_t a, std::uint32_t b) {
        const auto first = first_of(a);
        const auto other = first_of(b);
        up_[std::max(first, other)] = std::min(first, other);
    }

  private:
    std::vector<std::uint32_t> up_;
};

Range overlap(const Grant& a, const Grant& b) {
    return {std::max(a.ids.start, b.ids.start), std::min(a.ids.end, b.ids.end)};
}

// What each line, in the order of by_start(), shares with another owner's; empty: nothing. A line that shares
// ids with an earlier one shares them with the one that reaches furthest, so that tying it to that one ties
// all: linear, whatever overlaps.
std::vector<Range> shared_ids(const Holders& holders, Ties& ties) {
    const auto& all = holders.by_start();
    std::vector<Range> out(all.size());
    std::size_t later = all.size();  // the first line after i of another owner than i's
    for (std::size_t i = all.size(); i-- > 0;) {
        if (i + 1 < all.size() && all[i + 1].owner != all[i].owner)
            later = i + 1;
        if (later < all.size())
            out[i] = overlap(all[i], all[later]);
        const Grant* before = holders.furthest_before(i, all[i].owner);
        if (before == nullptr || !before->ids.intersects(all[i].ids))
            continue;
        out[i] = overlap(*before, all[i]);
        ties.tie(before->owner, all[i].owner);
    }
    return out;
}

std::vector<Group> groups_of(std::size_t owners, const BothHolders& holders) {
    constexpr auto none = std::numeric_limits<std::size_t>::max();
    Ties ties(owners);
    const std::array<std::vector<Range>, 2> shared{shared_ids(holders[0], ties),
                                                   shared_ids(holders[1], ties)};
    std::vector<bool> sharing(owners);
    const auto each_shared = [&](auto&& visit) {
        for (const IdKind kind : id_kinds) {
            const auto& all = holders[index_of(kind)].by_start();
            for (std::size_t i = 0; i < all.size(); ++i)
                if (!shared[index_of(kind)][i].empty())
                    visit(SharedLine{kind, &all[i], shared[index_of(kind)][i]});
        }
    };
    each_shared([&](const SharedLine& l) { sharing[l.grant->owner] = true; });
    std::vector<Group> out;
    std::vector<std::size_t> group(owners, none);  // by owner
    for (std::uint32_t owner = 0; owner < owners; ++owner) {
        if (!sharing[owner])
            continue;
        const auto first = ties.first_of(owner);
        if (group[first] == none) {
            group[first] = out.size();
            out.emplace_back();
        }
        group[owner] = group[first];
        out[group[owner]].owners.push_back(owner);
    }
    each_shared([&](const SharedLine& l) { out[group[l.grant->owner]].lines.push_back(l); });
    return out;
}

bool prized(const Context& c, const Owner& o) {
    return c.is_containers_user(o) || o.text == "dockremap" ||
           (c.facts.remap_user && *c.facts.remap_user && **c.facts.remap_user == o.text) ||
           c.wanted.tenant(o.text) != nullptr;
}

// An ordinary account without container storage, as far as everything was seen.
bool has_no_storage(const Context& c, const Owner& o) {
    const StorageScan& scan = c.facts.scan;
    return o.account != nullptr && o.uid != 0U && !o.account->managed_home && !prized(c, o) &&
           !c.provisioned(o.account->name) && !scan.exhausted && scan.problems.empty() &&
           !scan.elsewhere.contains("") && !scan.elsewhere.contains(o.account->name) &&
           std::ranges::find(scan.stores, o.account->name, &StoredIds::user) == scan.stores.end();
}

// More lines than this are for a person to look at.
constexpr std::size_t max_moved_lines = 32;

// Who leaves a group, and with which lines, so that nothing is shared any more.
class Moves {
  public:
    Moves(const Context& c, const Group& group) : c_(c), group_(group) {
        for (const auto owner : std::views::reverse(group.owners))
            consider(owner);
    }

    // Whether those who stay share nothing.
    [[nodiscard]] bool suffice() const {
        return std::ranges::none_of(group_.lines,
                                    [&](const SharedLine& l) { return stays(l) && disturbs(l); });
    }

    // New ids for those who have nothing in the old ones, and the old lines away; nullopt: no ids are left.
    [[nodiscard]] std::optional<policy::Fix> fix(Blocks& blocks) const {
        Edits edits;
        std::vector<policy::Change> changes;
        for (const auto owner : moved_) {
            std::array<RangeSet, 2> ids;
            for (const SharedLine* l : lines_)
                if (l->grant->owner == owner) {
                    ids[index_of(l->kind)].add(l->grant->ids);
                    edits.remove(l->kind, std::string(c_.line(l->kind, *l->grant).text));
                }
            auto given = blocks.give(c_.owners[owner].account->name, {ids[0].size(), ids[1].size()});
            if (!given)
                return std::nullopt;
            std::ranges::move(*given, std::back_inserter(changes));
        }
        std::ranges::move(edits.changes(), std::back_inserter(changes));
        return live_fix("give " + names_of(c_, moved_) + ", who " + (moved_.size() == 1 ? "has" : "have") +
                            " no containers and no storage, other ids instead",
                        std::move(changes));
    }

  private:
    [[nodiscard]] bool stays(const SharedLine& l) const {
        return std::ranges::find(moved_, l.grant->owner) == moved_.end();
    }

    // Whether it shares ids with somebody who stays.
    [[nodiscard]] bool disturbs(const SharedLine& line) const {
        return std::ranges::any_of(group_.lines, [&](const SharedLine& other) {
            return other.kind == line.kind && other.grant->owner != line.grant->owner && stays(other) &&
                   other.grant->ids.intersects(line.grant->ids);
        });
    }

    void consider(std::uint32_t owner) {
        if (!has_no_storage(c_, c_.owners[owner]))
            return;
        std::vector<const SharedLine*> own;
        for (const SharedLine& l : group_.lines)
            if (l.grant->owner == owner && disturbs(l))
                own.push_back(&l);
        const auto used = [&](const SharedLine* l) { return c_.in_use(l->grant->ids); };
        if (own.empty() || std::ranges::any_of(own, used))
            return;
        moved_.push_back(owner);
        lines_.insert(lines_.end(), own.begin(), own.end());
    }

    const Context& c_;
    const Group& group_;
    std::vector<std::uint32_t> moved_{};
    std::vector<const SharedLine*> lines_{};
};

std::optional<policy::Fix> move_apart(const Context& c, const Group& group, Blocks& blocks) {
    // Where readers do not agree about a line, that comes first (subuid.parser-divergence).
    const auto movable = [&](const SharedLine& l) { return c.movable(c.line(l.kind, *l.grant)); };
    if (group.lines.size() > max_moved_lines || !std::ranges::all_of(group.lines, movable))
        return std::nullopt;
    const Moves moves(c, group);
    return moves.suffice() ? moves.fix(blocks) : std::nullopt;
}

std::string message_for(const Context& c, const Group& group) {
    const auto& owners = group.owners;
    return owners.size() == 2
               ? c.owners[owners[0]].label() + " and " + c.owners[owners[1]].label() +
                     " share subordinate ids"
               : std::to_string(owners.size()) + " owners share subordinate ids with one another";
}

void report(const Context& c, const std::vector<Group>& groups, Blocks& blocks, Verdict& v) {
    for (const Group& group : groups) {
        const bool critical =
            std::ranges::any_of(group.owners, [&](auto o) { return prized(c, c.owners[o]); });
        const auto severity = critical ? Severity::critical : Severity::high;
        if (v.full()) {
            v.fail_uncounted(1, severity);
            continue;
        }
        auto fix = move_apart(c, group, blocks);
        v.fail(names_of(c, group.owners), message_for(c, group),
               some_evidence(group.lines,
                             [&](const SharedLine& l) {
                                 return c.evidence(l.kind, *l.grant, "no other owner of " + text_of(l.ids));
                             }),
               fix ? *std::move(fix)
                   : by_hand("find out which of them have containers or files in these ids and let one keep "
                             "its range; give every other owner a new one, remove the old lines, and run "
                             "`podman system migrate` as these users"),
               severity);
    }
}

// The holders that are written as a number, or those that are not.
BothHolders written(const Context& c, bool as_number) {
    BothHolders out;
    for (const IdKind kind : id_kinds) {
        std::vector<Grant> some;
        std::ranges::copy_if(c.holders[index_of(kind)].by_start(), std::back_inserter(some),
                             [&](const Grant& g) { return c.owners[g.owner].by_number() == as_number; });
        out[index_of(kind)] = Holders(std::move(some));
    }
    return out;
}

// Without the accounts nobody can say whether a name and a number are one owner: only names are compared with
// names, and numbers with numbers.
void report_without_accounts(const Context& c, Blocks& blocks, Verdict& v) {
    for (const bool as_number : {false, true}) {
        const auto holders = written(c, as_number);
        report(c, groups_of(c.owners.size(), holders), blocks, v);
    }
    for (const Group& group : groups_of(c.owners.size(), c.holders)) {
        const auto maybe_the_first = [&](std::uint32_t o) {
            return c.maybe_one(c.owners[group.owners.front()], c.owners[o]);
        };
        if (std::ranges::any_of(group.owners, maybe_the_first))
            v.unknown(names_of(c, group.owners),
                      "they share subordinate ids, but may be the name and the number of one account: " +
                          c.facts.accounts.error().message);
    }
}

}  // namespace

std::string names_of(const Context& c, const std::vector<std::uint32_t>& owners) {
    constexpr std::size_t most = 4;
    constexpr std::size_t long_name = 40;  // so that four of them fit a subject
    std::string out;
    for (std::size_t i = 0; i < std::min(owners.size(), most); ++i)
        out += (i == 0 ? "" : ",") + printable(c.owners[owners[i]].label(), long_name);
    return owners.size() > most ? out + " and " + std::to_string(owners.size() - most) + " more" : out;
}

Findings judge_range_overlap(const Context& c) {
    Verdict v("subuid.range-overlap");
    c.note_gaps(v);
    Blocks blocks(c);
    if (c.facts.accounts)
        report(c, groups_of(c.owners.size(), c.holders), blocks, v);
    else
        report_without_accounts(c, blocks, v);
    return std::move(v).finish(c.empty() ? Status::not_applicable : Status::pass,
                               c.empty() ? std::string(nothing_there) : "no two owners share ids");
}

}  // namespace plimsoll::modules::subuid
