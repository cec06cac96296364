// SPDX-License-Identifier: Apache-2.0
// A01, A02, A04 and A05: which ids the ranges cover.
#include "core/base/text.hpp"
#include "core/host/subid_allocator.hpp"
#include "core/host/user_records.hpp"
#include "modules/subuid/judge.hpp"

#include <algorithm>
#include <map>

namespace plimsoll::modules::subuid {

using policy::Evidence;
using policy::Severity;
using policy::Status;

namespace {

constexpr std::uint64_t id_space = std::uint64_t{1} << 32U;
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
    return some_evidence(offences, [&](const Offence& o) { return c.evidence(o.kind, *o.grant, expected); });
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

// A line that is host root for nobody but dockerd, if it ever took its owner for the remap user, in the form
// in which dockerd reads of it what newuidmap lets the owner have already. Such a line is in use, and no fix
// of this control takes ids from it.
std::optional<std::string> same_for_dockerd(const Context& c, IdKind kind, const Grant& g) {
    const host::SubidEntry* entry = c.line(kind, g).in(host::SubidView::shadow);
    const bool remapped = c.facts.remap_user && c.is_remap_user(c.owners[g.owner]);
    if (entry == nullptr || g.views != moby_bit || remapped)
        return std::nullopt;
    const RangeSet ids = host::handed_out(*entry, host::SubidView::shadow);
    if (ids.ranges().size() != 1 || ids.contains(0))
        return std::nullopt;
    return grant_line(entry->owner, ids.ranges().front());
}

policy::Fix root_fix(const Context& c, const std::vector<Offence>& all) {
    Edits edits;
    std::size_t kept = 0;
    for (const Offence& o : all) {
        const std::string text(c.line(o.kind, *o.grant).text);
        auto rest = same_for_dockerd(c, o.kind, *o.grant);
        if (!rest && all.size() <= max_weighed_lines)
            rest = innocent_part(c, o.kind, *o.grant);
        if (rest) {
            edits.replace(o.kind, text, *rest);
            ++kept;
        } else {
            edits.remove(o.kind, text);
        }
    }
    const char* summary = kept == 0            ? "remove what grants host root"
                          : kept == all.size() ? "keep only what does not grant host root"
                                               : "remove what grants host root, keep the harmless rest";
    return live_fix(summary, edits.changes());
}

Severity root_severity(const Context& c, std::uint32_t owner, const std::vector<Offence>& all) {
    if (c.owners[owner].comment())
        return Severity::low;  // no account can have that name by ordinary means
    const bool usable = std::ranges::any_of(all, [&](const Offence& o) { return c.counts(*o.grant); });
    return usable ? Severity::critical : Severity::high;
}

// More owners than this are one finding, with one fix: nobody can weigh them one by one.
constexpr std::size_t max_single_owners = 16;

void judge_many_roots(const Context& c, const Offences& all, Verdict& v) {
    std::vector<std::uint32_t> owners;
    std::vector<Offence> lines;
    auto severity = Severity::low;
    for (const auto& [owner, list] : all) {
        owners.push_back(owner);
        lines.insert(lines.end(), list.begin(), list.end());
        severity = std::max(severity, root_severity(c, owner, list));
    }
    v.fail(names_of(c, owners), std::to_string(owners.size()) + " owners may become host root (id 0)",
           evidence_of(c, lines, "a range without id 0"), root_fix(c, lines), severity);
}

// What /etc is made from in an image, or becomes when another deployment is booted.
void judge_copies(const Context& c, Verdict& v) {
    for (const auto& [path, file] : c.facts.copies) {
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
        if (evidence.empty())
            continue;
        if (path.starts_with("/usr/"))
            v.fail(path, "the image's own copy of the file delegates host root", std::move(evidence),
                   by_hand("correct " + path + " in the image; the file in /etc is made from it"));
        else
            v.fail(path, "the file of another deployment delegates host root", std::move(evidence),
                   by_hand("correct " + printable(path) + ", or remove the deployment, before it is booted"));
    }
}

}  // namespace

Findings judge_root_delegated(const Context& c) {
    Verdict v("subuid.root-delegated");
    c.note_gaps(v);
    const auto all = offences(c, [](IdKind, const Grant& g) { return g.ids.contains(0); });
    if (all.size() > max_single_owners)
        judge_many_roots(c, all, v);
    else
        for (const auto& [owner, list] : all)
            v.fail(c.owners[owner].label(), c.owners[owner].label() + " may become host root (id 0)",
                   evidence_of(c, list, "a range without id 0"), root_fix(c, list),
                   root_severity(c, owner, list));
    judge_copies(c, v);
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
    return some_evidence(all, [&](const Offence& o) {
        return c.evidence(o.kind, *o.grant,
                          "a range without " + name_some(o.kind, c.real_within(o.kind, o.grant->ids)));
    });
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
            if (!c.movable(c.line(cluster.kind, *g)))
                return by_hand(
                    "write the lines in plain decimal first (subuid.parser-divergence), under a name that is "
                    "nobody's number, or remove all but one of them");
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
        std::vector<std::pair<const Cluster*, const Grant*>> lines;
        for (const Cluster& cluster : clusters)
            for (const Grant* g : cluster.members)
                lines.emplace_back(&cluster, g);
        v.fail(c.owners[owner].label(), "ranges of " + c.owners[owner].label() + " overlap each other",
               some_evidence(lines,
                             [&](const auto& line) {
                                 const auto& [cluster, g] = line;
                                 return c.evidence(cluster->kind, *g,
                                                   "one line for " + text_of(cluster->all));
                             }),
               merge_fix(c, clusters));
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
        const host::User* account = c_.owners[g.owner].account;
        const bool homed = account != nullptr && account->managed_home;
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
        if (!c_.facts.accounts)
            v.unknown("systemd-homed", c_.facts.accounts.error().message);
        else
            for (const auto& problem : c_.facts.accounts->problems)
                if (problem.contains(host::homed_dir))
                    v.unknown("systemd-homed", problem);
        if (!c_.facts.nspawn_in_use && c_.params.nspawn_range == "in-use")
            v.unknown("systemd-nspawn", c_.facts.nspawn_in_use.error().message);
    }

  private:
    const Context& c_;
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
        std::vector<std::pair<const Offence*, const Reserved*>> collisions;
        for (const Offence& o : list)
            for (const Reserved* r : check.collisions(*o.grant)) {
                severity = std::max(severity, r->severity);
                collisions.emplace_back(&o, r);
            }
        if (v.full()) {
            v.fail_uncounted(1, severity);
            continue;
        }
        const std::string label = c.owners[owner].label();
        v.fail(label, "ranges of " + label + " cover ids that are reserved",
               some_evidence(collisions,
                             [&](const auto& collision) {
                                 const auto& [o, r] = collision;
                                 return c.evidence(o->kind, *o->grant, "none of " + std::string(r->what));
                             }),
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
