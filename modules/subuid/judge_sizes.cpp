// SPDX-License-Identifier: Apache-2.0
// A06-A08: whether those who need ranges have enough of them.
#include "core/base/text.hpp"
#include "core/host/subid_allocator.hpp"
#include "modules/subuid/blocks.hpp"
#include "modules/subuid/judge.hpp"

#include <algorithm>
#include <map>
#include <set>

namespace plimsoll::modules::subuid {

using policy::AllocateRange;
using policy::Change;
using policy::Evidence;
using policy::Fix;
using policy::Severity;
using policy::Status;

namespace {

// One owner's ids, by IdKind, as newuidmap sees them.
struct Holding {
    std::array<RangeSet, 2> shadow{};
    std::array<RangeSet, 2> go{};

    [[nodiscard]] std::uint64_t size(IdKind kind) const { return shadow[index_of(kind)].size(); }
};

using Holdings = std::map<std::uint32_t, Holding>;

// Of the owners that can be judged: accounts, those that may be accounts of another source, the engines'
// users, and those of whom the policy or the host says that they run containers.
std::vector<bool> owners_to_judge(const Context& c) {
    std::vector<bool> out(c.owners.size());
    for (std::size_t i = 0; i < out.size(); ++i) {
        const Owner& o = c.owners[i];
        out[i] = o.uid.has_value() || c.unseen(o) || c.is_containers_user(o) ||
                 (c.facts.remap_user && c.is_remap_user(o));
    }
    const auto add = [&](std::string_view user) {
        if (const Owner* o = c.owner_named(user))
            out[static_cast<std::size_t>(o - c.owners.data())] = true;
    };
    std::ranges::for_each(c.params.users, add);
    for (const auto& t : c.wanted.tenants)
        add(t.user);
    if (c.facts.rootless_users)
        for (const auto& u : *c.facts.rootless_users)
            add(u.name);
    return out;
}

Holdings holdings_of(const Context& c) {
    Holdings out;
    const auto judged = owners_to_judge(c);
    for (const IdKind kind : id_kinds)
        for (const Grant& g : c.holders[index_of(kind)].by_start()) {
            if (!judged[g.owner])
                continue;
            if ((g.views & shadow_bit) != 0)
                out[g.owner].shadow[index_of(kind)].add(g.ids);
            if ((g.views & go_bit) != 0)
                out[g.owner].go[index_of(kind)].add(g.ids);
        }
    return out;
}

class SizeJudge {
  public:
    explicit SizeJudge(const Context& c) : c_(c), blocks_(c), holdings_(holdings_of(c)) {}

    Findings judge() && {
        auto out = judge_min_size();
        for (auto&& findings : {judge_missing(), judge_parity()})
            out.insert(out.end(), findings.begin(), findings.end());
        return out;
    }

  private:
    Findings judge_min_size();
    Findings judge_missing();
    Findings judge_parity();

    void judge_missing_user(const RootlessUser& user, bool in_policy, Verdict& v);
    void judge_unnamed(Verdict& v) const;
    [[nodiscard]] bool named(const Owner& o) const;
    void judge_parity_of(std::uint32_t owner, const Holding& h, Verdict& v);

    // Owners for whom enough ids matter: accounts of this host, seen or not, other than root, whose
    // containers need no delegation, and with `engines` the engines' own users, which need no account.
    [[nodiscard]] bool judged(const Owner& o, bool engines) const {
        const bool engine = c_.is_containers_user(o) || (c_.facts.remap_user && c_.is_remap_user(o));
        if (engine)
            return engines;
        return c_.unseen(o) || (o.uid.has_value() && *o.uid != 0);
    }

    // Whether the readers disagree about this owner's ids, so that no count is right.
    [[nodiscard]] bool disputed(const Holding& h) const { return h.shadow != h.go; }

    void note_dispute(const Owner& o, Verdict& v) const {
        v.unknown(o.label(), "the readers of the files disagree about the ranges of " + o.label() +
                                 " (subuid.parser-divergence)");
    }

    // Which owners are accounts decides who is judged.
    void note_unknown_owners(Verdict& v) const {
        if (!c_.facts.accounts && !c_.empty())
            v.unknown("/etc/passwd", c_.facts.accounts.error().message);
    }

    [[nodiscard]] bool provisioned(const Owner& o) const {
        return c_.provisioned(o.text) || (o.account != nullptr && c_.provisioned(o.account->name));
    }

    [[nodiscard]] Fix provisioning_gives_it() const {
        return by_hand(
            "apply the provision part of the policy, which states this user's ranges (provision.subid)");
    }

    // Whether the ledger has nothing against giving this range out.
    [[nodiscard]] bool never_given(IdKind kind, Range ids) const {
        return c_.facts.ledger && std::ranges::none_of(*c_.facts.ledger, [&](const host::LedgerEntry& e) {
                   return (kind == IdKind::uid ? e.uid : e.gid) && e.range.intersects(ids);
               });
    }

    // Adds `count` ids of each kind, of the same numbers when both are wanted alike.
    [[nodiscard]] Fix allocate(const std::string& owner, std::array<std::uint64_t, 2> counts);
    // The same for the owner of a range; nothing is given to one that may be nobody.
    [[nodiscard]] Fix complete(const Owner& o, std::array<std::uint64_t, 2> counts);
    // What is worth a note: counts that are no whole blocks.
    [[nodiscard]] std::vector<Evidence> odd_counts() const;
    [[nodiscard]] std::vector<Evidence> sizes(const Owner& o, const Holding& h,
                                              const std::string& expected) const;

    const Context& c_;
    Blocks blocks_;
    Holdings holdings_;
    std::set<std::uint32_t> growing_{};  // owners whose ranges a fix of min-size already completes
};

Fix SizeJudge::allocate(const std::string& owner, std::array<std::uint64_t, 2> counts) {
    if (c_.names_two(owner))
        return by_hand("rename the account " + printable(owner) +
                       " first: its name is another account's number");
    const host::User* user = c_.facts.accounts ? c_.facts.accounts->user(owner) : nullptr;
    if (user != nullptr && user->managed_home)
        return by_hand("give " + printable(owner) + " the missing ids within " + text_of(host::nspawn_ids) +
                       ", as systemd-homed maps no others into the home (subuid.reserved-overlap)");
    auto changes = blocks_.give(owner, counts);
    if (!changes)
        return by_hand("no range can be given out: " + printable(blocks_.why_not()));
    return live_fix("give " + printable(owner) +
                        " the missing ids; running containers see them after `podman system migrate`",
                    *std::move(changes));
}

Fix SizeJudge::complete(const Owner& o, std::array<std::uint64_t, 2> counts) {
    if (provisioned(o))
        return provisioning_gives_it();
    if (c_.unseen(o))
        return by_hand(
            "no file has the account " + o.label() +
            ": when it exists, give it the missing ids with usermod --add-subuids and --add-subgids");
    return allocate(std::string(o.text), counts);
}

std::vector<Evidence> SizeJudge::sizes(const Owner& o, const Holding& h, const std::string& expected) const {
    std::vector<Evidence> out;
    for (const IdKind kind : id_kinds)
        out.push_back({path_of(kind), std::to_string(h.size(kind)) + " ids for " + o.label(), expected});
    return out;
}

std::vector<Evidence> SizeJudge::odd_counts() const {
    std::vector<std::pair<IdKind, const Grant*>> odd;
    for (const IdKind kind : id_kinds)
        for (const Grant& g : c_.grants[index_of(kind)])
            if (g.ids.size() % host::subid_block != 0 && judged(c_.owners[g.owner], false))
                odd.emplace_back(kind, &g);
    return some_evidence(odd, [&](const auto& line) {
        return c_.evidence(line.first, *line.second, "a multiple of " + std::to_string(host::subid_block));
    });
}

Findings SizeJudge::judge_min_size() {
    Verdict v("subuid.min-size");
    c_.note_gaps(v);
    note_unknown_owners(v);
    const auto min = static_cast<std::uint64_t>(c_.params.min_size);
    bool any = false;
    for (const auto& [index, h] : holdings_) {
        const Owner& o = c_.owners[index];
        if (!judged(o, false))
            continue;
        any = true;
        if (disputed(h)) {
            note_dispute(o, v);
            continue;
        }
        std::array<std::uint64_t, 2> lacking{};
        for (const IdKind kind : id_kinds)
            if (const auto size = h.size(kind); size != 0 && size < min)
                lacking[index_of(kind)] = min - size;
        if (lacking == std::array<std::uint64_t, 2>{})
            continue;
        growing_.insert(index);
        if (v.full()) {
            v.fail_uncounted(1, Severity::medium);
            continue;
        }
        v.fail(o.label(), o.label() + " has fewer than " + std::to_string(min) + " subordinate ids",
               sizes(o, h, "at least " + std::to_string(min)), complete(o, lacking));
    }
    return std::move(v).finish(
        any ? Status::pass : Status::not_applicable,
        any ? "every range holder has at least " + std::to_string(min) + " ids" : "no user has a range",
        odd_counts());
}

void SizeJudge::judge_missing_user(const RootlessUser& user, bool in_policy, Verdict& v) {
    const host::User* account = c_.facts.accounts ? c_.facts.accounts->user(user.name) : nullptr;
    if (!c_.facts.accounts)
        return v.unknown(user.name, c_.facts.accounts.error().message);
    if (account != nullptr && account->uid == 0)
        return;  // root's containers need no delegation
    if (account == nullptr && c_.remote_accounts())
        return v.unknown(user.name, "no local account; other sources of accounts cannot be asked here");
    const Owner* owner = c_.owner_named(user.name);
    const auto index = owner == nullptr
                           ? holdings_.end()
                           : holdings_.find(static_cast<std::uint32_t>(owner - c_.owners.data()));
    const Holding none;
    const Holding& h = index == holdings_.end() ? none : index->second;
    if (disputed(h))
        return v.unknown(user.name,
                         "the readers of the files disagree about this user's ranges "
                         "(subuid.parser-divergence)");
    if (h.size(IdKind::uid) != 0 && h.size(IdKind::gid) != 0)
        return;
    const Owner shown{user.name};
    auto evidence = sizes(shown, h, "a range");
    evidence.push_back({user.reason, "runs rootless containers", ""});
    const std::string message =
        shown.label() + " runs containers without " +
        (h.size(IdKind::uid) == 0 ? "a subordinate uid range" : "a subordinate gid range");
    if (v.full())
        return v.fail_uncounted(1, Severity::medium);
    Fix fix;
    if (c_.provisioned(user.name))
        fix = provisioning_gives_it();
    else if (account == nullptr && in_policy)
        fix = by_hand("create the account, or take its name out of the policy");
    else if (account == nullptr)
        fix = by_hand("create the account, or remove what makes it look like one that runs containers: " +
                      user.reason);
    else if (h.size(IdKind::uid) != 0 || h.size(IdKind::gid) != 0)
        fix = by_hand("apply the fix of subuid.gid-parity, which adds what is missing");
    else {
        const auto count = static_cast<std::uint64_t>(c_.params.min_size);
        fix = allocate(user.name, {count, count});
    }
    v.fail(shown.label(), message, std::move(evidence), std::move(fix));
}

// Whether the policy, or the configuration of an engine, names the owner as one that has ranges.
bool SizeJudge::named(const Owner& o) const {
    const auto listed = [&](std::string_view name) {
        return std::ranges::find(c_.params.users, name) != c_.params.users.end() ||
               std::ranges::find(c_.params.allowed_owners, name) != c_.params.allowed_owners.end() ||
               c_.wanted.tenant(name) != nullptr;
    };
    const bool engines_known = c_.facts.containers_user || !c_.params.containers_owner.empty();
    return o.comment() || o.uid == 0U || listed(o.text) ||
           (o.account != nullptr && listed(o.account->name)) || (engines_known && c_.is_containers_user(o)) ||
           (c_.facts.remap_user && c_.is_remap_user(o));
}

void SizeJudge::judge_unnamed(Verdict& v) const {
    std::map<std::uint32_t, std::vector<std::pair<IdKind, const Grant*>>> unnamed;
    for (const IdKind kind : id_kinds)
        for (const Grant& g : c_.grants[index_of(kind)])
            if (c_.counts(g) && !named(c_.owners[g.owner]))
                unnamed[g.owner].emplace_back(kind, &g);
    for (const auto& [index, lines] : unnamed) {
        const std::string label = c_.owners[index].label();
        if (v.full())
            v.fail_uncounted(1, Severity::medium);
        else
            v.fail(
                label, label + " has subordinate ids, and the policy does not name this owner",
                some_evidence(lines,
                              [&](const auto& line) {
                                  return c_.evidence(line.first, *line.second,
                                                     "an owner that the policy names");
                              }),
                by_hand("name " + label +
                        " in the policy (users of subuid.missing, or a tenant of provision), or take the "
                        "ranges away with usermod --del-subuids and --del-subgids when nothing needs them"));
    }
    if (!c_.facts.accounts && !c_.empty())
        v.unknown("/etc/passwd", c_.facts.accounts.error().message);
}

Findings SizeJudge::judge_missing() {
    Verdict v("subuid.missing");
    c_.note_gaps(v);
    std::vector<std::pair<RootlessUser, bool>> users;
    std::set<std::string> seen;
    const auto add = [&](const RootlessUser& u, bool in_policy) {
        if (seen.insert(u.name).second)
            users.emplace_back(u, in_policy);
    };
    for (const auto& name : c_.params.users)
        add({name, "policy, subuid.missing users"}, true);
    for (const auto& t : c_.wanted.tenants)
        add({t.user, t.origin.empty() ? "policy, provision" : t.origin}, true);
    if (c_.params.discover && c_.facts.rootless_users)
        for (const auto& u : *c_.facts.rootless_users)
            add(u, false);
    if (c_.params.discover && !c_.facts.rootless_users)
        v.unknown("host", c_.facts.rootless_users.error().message);
    else if (c_.params.discover && !c_.facts.accounts)
        v.unknown("host", c_.facts.accounts.error().message);
    if (c_.readable(IdKind::uid) && c_.readable(IdKind::gid))
        for (const auto& [user, in_policy] : users)
            judge_missing_user(user, in_policy, v);
    if (c_.params.only_named && !c_.empty()) {
        judge_unnamed(v);
        return std::move(v).finish(Status::pass,
                                   "users who run rootless containers have ranges, nobody else");
    }
    return std::move(v).finish(users.empty() ? Status::not_applicable : Status::pass,
                               users.empty() ? "no user is known to run rootless containers"
                                             : "every user who runs rootless containers has ranges");
}

// The ids that `from` has and `to` lacks, when adding them makes both equal in number.
std::optional<RangeSet> missing_counterpart(const RangeSet& from, const RangeSet& to) {
    RangeSet rest = from;
    for (const Range r : to.ranges())
        rest.subtract(r);
    if (rest.size() + to.size() != from.size())
        return std::nullopt;
    return rest;
}

void SizeJudge::judge_parity_of(std::uint32_t index, const Holding& h, Verdict& v) {
    const Owner& o = c_.owners[index];
    const IdKind fewer = h.size(IdKind::uid) < h.size(IdKind::gid) ? IdKind::uid : IdKind::gid;
    const IdKind more = fewer == IdKind::uid ? IdKind::gid : IdKind::uid;
    const auto fix = [&]() -> Fix {
        if (provisioned(o) || c_.unseen(o))
            return complete(o, {});
        if (growing_.contains(index))
            return by_hand("apply the fix of subuid.min-size first");
        const auto rest = missing_counterpart(h.shadow[index_of(more)], h.shadow[index_of(fewer)]);
        const bool same_numbers = rest && std::ranges::all_of(rest->ranges(), [&](Range r) {
                                      return c_.harmless(fewer, r, index) && never_given(fewer, r);
                                  });
        if (!same_numbers) {
            std::array<std::uint64_t, 2> counts{};
            counts[index_of(fewer)] = h.size(more) - h.size(fewer);
            return allocate(std::string(o.text), counts);
        }
        std::vector<Change> changes;
        for (const Range r : rest->ranges())
            changes.emplace_back(AllocateRange{std::string(o.text), r.start, r.size(), fewer == IdKind::uid,
                                               fewer == IdKind::gid});
        return live_fix("add the ids of " + path_of(more) + " to " + path_of(fewer), std::move(changes));
    };
    v.fail(o.label(),
           o.label() + " has " + std::to_string(h.size(IdKind::uid)) + " subordinate uids and " +
               std::to_string(h.size(IdKind::gid)) + " gids",
           sizes(o, h, std::to_string(h.size(more)) + " of each"), fix());
}

Findings SizeJudge::judge_parity() {
    Verdict v("subuid.gid-parity");
    c_.note_gaps(v);
    note_unknown_owners(v);
    bool any = false;
    const bool both = c_.readable(IdKind::uid) && c_.readable(IdKind::gid);
    for (const auto& [index, h] : holdings_) {
        const Owner& o = c_.owners[index];
        if (!both || !judged(o, true))
            continue;
        any = true;
        if (disputed(h))
            note_dispute(o, v);
        else if (h.size(IdKind::uid) == h.size(IdKind::gid))
            continue;
        else if (v.full())
            v.fail_uncounted(1, Severity::medium);
        else
            judge_parity_of(index, h, v);
    }
    return std::move(v).finish(
        any ? Status::pass : Status::not_applicable,
        any ? "every owner has as many subordinate gids as uids" : "no user has a range");
}

}  // namespace

Findings judge_sizes(const Context& c) {
    return SizeJudge(c).judge();
}

}  // namespace plimsoll::modules::subuid
