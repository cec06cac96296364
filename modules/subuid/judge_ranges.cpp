// SPDX-License-Identifier: Apache-2.0
// A01-A05: which ids the ranges cover.
#include "core/base/text.hpp"
#include "core/host/subid_allocator.hpp"
#include "modules/subuid/blocks.hpp"
#include "modules/subuid/judge.hpp"

#include <algorithm>
#include <map>
#include <set>

namespace plimsoll::modules::subuid {

using policy::Evidence;
using policy::Severity;
using policy::Status;

namespace {

constexpr std::uint64_t id_space = std::uint64_t{1} << 32U;
constexpr std::string_view nothing_there = "neither /etc/subuid nor /etc/subgid grants a range";

// With more offending lines than this an owner's lines are all removed: weighing each would take too long.
constexpr std::size_t max_weighed_lines = 16;

struct Offence {
    IdKind kind;
    const Grant* grant;
};

using Offences = std::map<std::uint32_t, std::vector<Offence>>;  // by owner

template <class Predicate>
Offences offences(const Context& c, Predicate matches) {
    Offences out;
    for (const IdKind kind : id_kinds)
        for (const Grant& g : c.grants[index_of(kind)])
            if (matches(kind, g))
                out[g.owner].push_back({kind, &g});
    return out;
}

std::vector<Evidence> evidence_of(const Context& c, const std::vector<Offence>& offences,
                                  const std::string& expected) {
    std::vector<Evidence> out;
    for (const Offence& o : offences) {
        if (out.size() < max_evidence)
            out.push_back(c.evidence(o.kind, *o.grant, expected));
        else
            out.push_back({out.back().source, "", ""});  // only counted
    }
    return out;
}

// The part of a line that grants host root which can stay, as a new line.
std::optional<std::string> innocent_part(const Context& c, IdKind kind, const Grant& g) {
    const host::SubidEntry* entry = c.line(kind, g).in(host::SubidView::shadow);
    if (entry == nullptr || entry->count == 0 || entry->owner != trim(entry->owner))
        return std::nullopt;
    const Range all = range_of(entry->start, entry->count);
    const auto window_start = static_cast<std::uint64_t>(c.params.alloc_min_start);
    const Range rest{std::max(all.start, window_start), all.end};
    if (rest.size() < host::subid_block || rest.end > id_space || !c.harmless(kind, rest, g.owner))
        return std::nullopt;
    return grant_line(entry->owner, rest);
}

policy::Fix root_fix(const Context& c, const std::vector<Offence>& all) {
    Edits edits;
    std::size_t kept = 0;
    for (const Offence& o : all) {
        const std::string text(c.line(o.kind, *o.grant).text);
        const auto rest = all.size() <= max_weighed_lines ? innocent_part(c, o.kind, *o.grant) : std::nullopt;
        if (rest) {
            edits.replace(o.kind, text, *rest);
            ++kept;
        } else {
            edits.remove(o.kind, text);
        }
    }
    const char* summary = kept == 0            ? "remove what grants host root"
                          : kept == all.size() ? "keep only the part of the range that harms nobody"
                                               : "remove what grants host root, keep the harmless rest";
    return live_fix(summary, edits.changes());
}

Severity root_severity(const Context& c, std::uint32_t owner, const std::vector<Offence>& all) {
    if (c.owners[owner].comment())
        return Severity::low;  // no account can have that name by ordinary means
    const bool usable = std::ranges::any_of(all, [&](const Offence& o) { return c.counts(*o.grant); });
    return usable ? Severity::critical : Severity::high;
}

void judge_factory_copies(const Context& c, Verdict& v) {
    for (const IdKind kind : id_kinds) {
        const std::string path = "/usr" + path_of(kind);
        const auto& file = c.facts.factory_files[index_of(kind)];
        if (!file) {
            v.unknown(path, file.error().message);
            continue;
        }
        std::vector<Evidence> evidence;
        for (const auto& line : file->content.lines)
            for (const auto view : host::subid_views)
                if (const host::SubidEntry* entry = line.in(view);
                    entry != nullptr && host::handed_out(*entry, view).contains(0)) {
                    evidence.push_back({path + ":" + std::to_string(line.number), printable(line.text, 120),
                                        "a range without id 0"});
                    break;
                }
        if (!evidence.empty())
            v.fail(path, "the image's own copy of the file delegates host root", std::move(evidence),
                   by_hand("correct " + path + " in the image; the file in /etc is made from it"));
    }
}

}  // namespace

Findings judge_root_delegated(const Context& c) {
    Verdict v("subuid.root-delegated");
    c.note_gaps(v);
    const auto all = offences(c, [](IdKind, const Grant& g) { return g.ids.contains(0); });
    for (const auto& [owner, list] : all) {
        const auto severity = root_severity(c, owner, list);
        if (v.full()) {
            v.fail_uncounted(1, severity);
            continue;
        }
        v.fail(c.owners[owner].label(), c.owners[owner].label() + " may become host root (id 0)",
               evidence_of(c, list, "a range without id 0"), root_fix(c, list), severity);
    }
    judge_factory_copies(c, v);
    return std::move(v).finish(Status::pass, "no range contains id 0 for any reader");
}

namespace {

bool is_own(const Owner& o, IdKind kind, std::uint64_t id) {
    const auto& own = kind == IdKind::uid ? o.uid : o.gid;
    return own && *own == id;
}

// "uid 1000 (user bob, /etc/passwd:12) and 3 more"
std::string name_some(IdKind kind, std::span<const RealId> ids) {
    const RealId& first = ids.front();
    std::string out = std::string(noun_of(kind)) + " " + std::to_string(first.id) + " (" + first.who + ", " +
                      first.source + ")";
    if (ids.size() > 1)
        out += " and " + std::to_string(ids.size() - 1) + " more";
    return out;
}

Severity real_id_severity(const Context& c, const Owner& owner, const std::vector<Offence>& all) {
    if (owner.uid == 0U)
        return Severity::low;  // root has every id anyway
    const bool foreign = std::ranges::any_of(all, [&](const Offence& o) {
        return std::ranges::any_of(c.real_within(o.kind, o.grant->ids),
                                   [&](const RealId& r) { return !is_own(owner, o.kind, r.id); });
    });
    return foreign ? Severity::critical : Severity::low;
}

std::vector<Evidence> real_id_evidence(const Context& c, const std::vector<Offence>& all) {
    auto out = evidence_of(c, all, "");
    for (std::size_t i = 0; i < std::min(out.size(), max_evidence); ++i)
        out[i].expected =
            "a range without " + name_some(all[i].kind, c.real_within(all[i].kind, all[i].grant->ids));
    return out;
}

}  // namespace

Findings judge_real_id_overlap(const Context& c) {
    Verdict v("subuid.real-id-overlap");
    c.note_gaps(v);
    if (!c.facts.accounts)
        v.unknown("/etc/passwd", c.facts.accounts.error().message);
    else if (c.remote_accounts() && !c.empty())
        v.unknown("/etc/nsswitch.conf", "accounts also come from \"" +
                                            printable(join(c.facts.accounts->remote_sources, ", "), 80) +
                                            "\", whose ids are not in files");
    const auto all = offences(
        c, [&](IdKind kind, const Grant& g) { return c.counts(g) && !c.real_within(kind, g.ids).empty(); });
    for (const auto& [index, list] : all) {
        const Owner& owner = c.owners[index];
        const auto severity = real_id_severity(c, owner, list);
        if (v.full()) {
            v.fail_uncounted(1, severity);
            continue;
        }
        v.fail(owner.label(),
               severity == Severity::critical
                   ? owner.label() + " may become an existing account of this host"
                   : "the ranges of " + owner.label() + " cover an existing account",
               real_id_evidence(c, list),
               by_hand("move the range of " + owner.label() +
                       ": give a new one (usermod --add-subuids, --add-subgids), move the data in it with "
                       "`podman unshare chown` or start afresh with `podman system reset`, then remove this "
                       "line and run `podman system migrate` as that user"),
               severity);
    }
    return std::move(v).finish(
        c.empty() ? Status::not_applicable : Status::pass,
        c.empty() ? std::string(nothing_there) : "no range covers an existing account");
}

namespace {

struct Clash {
    std::vector<Evidence> evidence;
    Severity severity{Severity::high};
};

using Pair = std::pair<std::uint32_t, std::uint32_t>;

bool prized(const Context& c, const Owner& o) {
    return c.is_containers_user(o) || o.text == "dockremap" ||
           (c.facts.remap_user && *c.facts.remap_user && **c.facts.remap_user == o.text) ||
           c.wanted.tenant(o.text) != nullptr;
}

void note_clash(const Context& c, IdKind kind, const Grant& a, const Grant& b, Clash& clash) {
    if (clash.evidence.size() > max_evidence) {
        clash.evidence.push_back({clash.evidence.back().source, "", ""});
        return;
    }
    const Range shared{std::max(a.ids.start, b.ids.start), std::min(a.ids.end, b.ids.end)};
    const std::string expected = "no other owner of " + text_of(shared);
    clash.evidence.push_back(c.evidence(kind, a, expected));
    clash.evidence.push_back(c.evidence(kind, b, expected));
}

// More lines than this of one owner are for a person to look at.
constexpr std::size_t max_moved_lines = 16;

// An ordinary account without container storage, as far as everything was seen.
bool has_no_storage(const Context& c, const Owner& o) {
    const StorageScan& scan = c.facts.scan;
    return o.account != nullptr && o.uid != 0U && !prized(c, o) && !c.provisioned(o.account->name) &&
           !scan.exhausted && scan.problems.empty() && !scan.elsewhere.contains("") &&
           !scan.elsewhere.contains(o.account->name) &&
           std::ranges::find(scan.stores, o.account->name, &StoredIds::user) == scan.stores.end();
}

bool all_plain(const Context& c, const std::vector<Offence>& lines) {
    return !lines.empty() && lines.size() <= max_moved_lines &&
           std::ranges::all_of(lines, [&](const Offence& l) { return plain(c.line(l.kind, *l.grant)); });
}

// The lines of `mover` that share ids with lines of `keeper`.
std::vector<Offence> shared_lines(const Context& c, std::uint32_t mover, std::uint32_t keeper) {
    std::vector<Offence> out;
    for (const IdKind kind : id_kinds) {
        const auto& all = c.holders[index_of(kind)].by_start();
        RangeSet kept;
        for (const Grant& g : all)
            if (g.owner == keeper)
                kept.add(g.ids);
        for (const Grant& g : all)
            if (g.owner == mover && kept.intersects(g.ids))
                out.push_back({kind, &g});
    }
    return out;
}

// New ids for the owner who has nothing in the old ones, and the old lines away; nullopt: neither can move.
std::optional<policy::Fix> move_one(const Context& c, Pair pair, Blocks& blocks) {
    for (const auto& [mover, keeper] : {Pair{pair.second, pair.first}, pair}) {
        const Owner& o = c.owners[mover];
        if (!has_no_storage(c, o))
            continue;
        const auto lines = shared_lines(c, mover, keeper);
        // Where readers do not agree about a line, that comes first (subuid.parser-divergence).
        if (!all_plain(c, lines) || !all_plain(c, shared_lines(c, keeper, mover)) ||
            std::ranges::any_of(lines, [&](const Offence& l) { return c.in_use(l.grant->ids); }))
            continue;
        std::array<std::uint64_t, 2> counts{};
        Edits edits;
        for (const Offence& l : lines) {
            counts[index_of(l.kind)] += l.grant->ids.size();
            edits.remove(l.kind, std::string(c.line(l.kind, *l.grant).text));
        }
        auto changes = blocks.give(o.account->name, counts);
        if (!changes)
            return std::nullopt;
        std::ranges::move(edits.changes(), std::back_inserter(*changes));
        return live_fix("give " + o.label() + ", who has no containers and no storage, other ids instead",
                        *std::move(changes));
    }
    return std::nullopt;
}

}  // namespace

Findings judge_range_overlap(const Context& c) {
    Verdict v("subuid.range-overlap");
    c.note_gaps(v);
    std::map<Pair, Clash> clashes;
    std::set<Pair> others;  // beyond the limit: counted only
    for (const IdKind kind : id_kinds) {
        // Sorted by start, each grant is compared with the one that reaches furthest among the earlier ones
        // of other owners: enough to find every owner that overlaps, in n log n.
        const Holders& holders = c.holders[index_of(kind)];
        const auto& sorted = holders.by_start();
        for (std::size_t i = 0; i < sorted.size(); ++i) {
            const Grant* before = holders.furthest_before(i, sorted[i].owner);
            if (before == nullptr || before->ids.end <= sorted[i].ids.start)
                continue;
            const Pair pair = std::minmax(before->owner, sorted[i].owner);
            if (clashes.size() >= max_failures && !clashes.contains(pair))
                others.insert(pair);
            else
                note_clash(c, kind, *before, sorted[i], clashes[pair]);
        }
    }
    Blocks blocks(c);
    for (auto& [pair, clash] : clashes) {
        const Owner& a = c.owners[pair.first];
        const Owner& b = c.owners[pair.second];
        if (c.maybe_one(a, b)) {
            v.unknown(a.label() + "," + b.label(),
                      "they share subordinate ids, but may be the name and the number of one account: " +
                          c.facts.accounts.error().message);
            continue;
        }
        auto fix = move_one(c, pair, blocks);
        v.fail(a.label() + "," + b.label(), a.label() + " and " + b.label() + " share subordinate ids",
               std::move(clash.evidence),
               fix ? *std::move(fix)
                   : by_hand("find out which of the two has containers or files in these ids and keep that "
                             "range; give the other owner a new one, remove the old line, and run `podman "
                             "system migrate` as that user"),
               prized(c, a) || prized(c, b) ? Severity::critical : Severity::high);
    }
    if (!others.empty())
        v.fail_uncounted(others.size(), Severity::high);
    return std::move(v).finish(c.empty() ? Status::not_applicable : Status::pass,
                               c.empty() ? std::string(nothing_there) : "no two owners share ids");
}

namespace {

// Overlapping lines of one owner, and what they cover together.
struct Cluster {
    IdKind kind;
    std::vector<const Grant*> members;
    Range all;
};

// The last grants of one owner that touch each other; `cluster` from the second one on, as nearly all owners
// have one line.
struct OpenCluster {
    const Grant* first{nullptr};
    std::uint64_t end{0};
    std::optional<std::size_t> cluster{};
};

std::map<std::uint32_t, std::vector<Cluster>> self_overlaps(const Context& c) {
    std::map<std::uint32_t, std::vector<Cluster>> out;
    for (const IdKind kind : id_kinds) {
        std::vector<OpenCluster> open(c.owners.size());
        for (const Grant& g : c.holders[index_of(kind)].by_start()) {
            OpenCluster& o = open[g.owner];
            if (o.first == nullptr || g.ids.start >= o.end) {
                o = {&g, g.ids.end, {}};
                continue;
            }
            auto& clusters = out[g.owner];
            if (!o.cluster) {
                o.cluster = clusters.size();
                clusters.push_back({kind, {o.first}, o.first->ids});
            }
            o.end = std::max(o.end, g.ids.end);
            clusters[*o.cluster].members.push_back(&g);
            clusters[*o.cluster].all.end = o.end;
        }
    }
    // The readers of one line may see it differently: that is no overlap of two lines.
    const auto one_line = [](const Cluster& cluster) {
        return std::ranges::all_of(cluster.members,
                                   [&](const Grant* g) { return g->line == cluster.members.front()->line; });
    };
    for (auto& [owner, clusters] : out)
        std::erase_if(clusters, one_line);
    std::erase_if(out, [](const auto& entry) { return entry.second.empty(); });
    return out;
}

policy::Fix merge_fix(const Context& c, const std::vector<Cluster>& clusters) {
    Edits edits;
    for (const Cluster& cluster : clusters) {
        for (const Grant* g : cluster.members) {
            if (!plain(c.line(cluster.kind, *g)))
                return by_hand(
                    "write the lines in plain decimal first (subuid.parser-divergence), or remove all "
                    "but one of them");
            edits.remove(cluster.kind, std::string(c.line(cluster.kind, *g).text));
        }
        const auto& first = c.line(cluster.kind, *cluster.members.front());
        edits.add(cluster.kind, grant_line(first.in(host::SubidView::shadow)->owner, cluster.all));
    }
    return live_fix("merge the overlapping lines into one", edits.changes());
}

}  // namespace

Findings judge_self_overlap(const Context& c) {
    Verdict v("subuid.self-overlap");
    c.note_gaps(v);
    const auto may_be_the_first = [&](const Owner& o) { return c.maybe_one(c.owners.front(), o); };
    if (std::ranges::any_of(c.owners, may_be_the_first))
        v.unknown("/etc/passwd", "whether a name and a number are one owner cannot be told: " +
                                     c.facts.accounts.error().message);
    for (const auto& [owner, clusters] : self_overlaps(c)) {
        if (v.full()) {
            v.fail_uncounted(1, Severity::medium);
            continue;
        }
        std::vector<Evidence> evidence;
        for (const Cluster& cluster : clusters)
            for (const Grant* g : cluster.members)
                if (evidence.size() <= max_evidence)
                    evidence.push_back(c.evidence(cluster.kind, *g, "one line for " + text_of(cluster.all)));
        v.fail(c.owners[owner].label(), "ranges of " + c.owners[owner].label() + " overlap each other",
               std::move(evidence), merge_fix(c, clusters));
    }
    return std::move(v).finish(c.empty() ? Status::not_applicable : Status::pass,
                               c.empty() ? std::string(nothing_there) : "no owner lists an id twice");
}

namespace {

struct Reserved {
    Range ids;
    Severity severity;
    std::string_view what;
};

// systemd's UIDS-GIDS document.
constexpr std::array<Reserved, 6> reserved{{
    {{60001, 60514}, Severity::high, "60001-60513, homed users"},
    {{60514, 60578}, Severity::high, "60514-60577, host users in containers"},
    {{61184, 65520}, Severity::high, "61184-65519, dynamic users of services"},
    {{65534, 65536}, Severity::high, "65534-65535, nobody and the invalid 16-bit id"},
    {{id_space - 1, id_space}, Severity::high, "4294967295, the invalid id"},
    {{id_space / 2, id_space}, Severity::medium, "2147483648 and above, negative for some programs"},
}};

class ReservedCheck {
  public:
    explicit ReservedCheck(const Context& c) : c_(c) {
        if (c.facts.homed_users)
            homed_.insert(c.facts.homed_users->begin(), c.facts.homed_users->end());
        const auto& when = c.params.nspawn_range;
        nspawn_ = when == "always" || (when == "in-use" && c.facts.nspawn_in_use.value_or(false));
    }

    // What the grant collides with; empty: nothing.
    [[nodiscard]] std::vector<const Reserved*> collisions(const Grant& g) const {
        static constexpr Reserved nspawn{host::nspawn_ids, Severity::info,
                                         "524288-1879048191, where systemd-nspawn picks ids on this host"};
        static constexpr Reserved outside{
            {}, Severity::medium, "ids outside of 524288-1879048191, which homed does not map"};
        std::vector<const Reserved*> out;
        for (const Reserved& r : reserved)
            if (r.ids.intersects(g.ids))
                out.push_back(&r);
        const bool homed = homed_.contains(c_.owners[g.owner].text);
        if (homed && (g.ids.start < host::nspawn_ids.start || g.ids.end > host::nspawn_ids.end))
            out.push_back(&outside);
        if (!homed && nspawn_ && host::nspawn_ids.intersects(g.ids))
            out.push_back(&nspawn);
        return out;
    }

    // Whether the verdict on a grant hangs on what could not be read.
    void note_gaps(Verdict& v) const {
        const auto within = [&](const Grant& g) { return host::nspawn_ids.intersects(g.ids); };
        const bool any =
            std::ranges::any_of(c_.grants, [&](const auto& l) { return std::ranges::any_of(l, within); });
        if (!any)
            return;
        if (!c_.facts.nspawn_in_use && c_.params.nspawn_range == "in-use")
            v.unknown("systemd-nspawn", c_.facts.nspawn_in_use.error().message);
        if (!c_.facts.homed_users)
            v.unknown("systemd-homed", c_.facts.homed_users.error().message);
    }

  private:
    const Context& c_;
    std::set<std::string, std::less<>> homed_{};
    bool nspawn_{false};
};

}  // namespace

Findings judge_reserved_overlap(const Context& c) {
    Verdict v("subuid.reserved-overlap");
    c.note_gaps(v);
    const ReservedCheck check(c);
    check.note_gaps(v);
    const auto all =
        offences(c, [&](IdKind, const Grant& g) { return c.counts(g) && !check.collisions(g).empty(); });
    for (const auto& [owner, list] : all) {
        auto severity = Severity::info;
        std::vector<Evidence> evidence;
        for (const Offence& o : list)
            for (const Reserved* r : check.collisions(*o.grant)) {
                severity = std::max(severity, r->severity);
                if (evidence.size() <= max_evidence)
                    evidence.push_back(c.evidence(o.kind, *o.grant, "none of " + std::string(r->what)));
            }
        const auto& label = c.owners[owner].label();
        v.fail(label, "ranges of " + label + " cover ids that are reserved", std::move(evidence),
               by_hand(
                   "give " + label +
                   " a range outside of the reserved ids, move the data with `podman unshare chown` or start "
                   "afresh with `podman system reset`, then remove this line"),
               severity);
    }
    return std::move(v).finish(c.empty() ? Status::not_applicable : Status::pass,
                               c.empty() ? std::string(nothing_there) : "no range covers a reserved id");
}

}  // namespace plimsoll::modules::subuid
