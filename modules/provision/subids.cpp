// SPDX-License-Identifier: Apache-2.0
// provision.subid: the tenants' ranges in /etc/subuid and /etc/subgid.
#include "core/base/text.hpp"
#include "core/host/subid_allocator.hpp"
#include "modules/provision/judge.hpp"

#include <algorithm>
#include <array>

namespace plimsoll::modules::provision {
namespace {

using policy::Evidence;
using policy::Finding;
using policy::SubidRequest;
using policy::Tenant;
using Kind = SubidRequest::Kind;

enum File : std::size_t { uids, gids };

struct State {  // what all tenants are judged against
    std::array<host::SubidFile, 2> files;
    std::vector<host::LedgerEntry> ledger;
    RangeSet taken;  // grows with what the fixes of earlier tenants would give
    Range window;
};

// What one file still needs for one tenant.
struct Need {
    std::vector<Range> pieces{};    // these ids
    std::uint64_t allocate{0};      // or a new range of this size
    std::vector<Evidence> refused;  // nothing may be done: this stands in the way
    std::vector<Evidence> evidence;

    [[nodiscard]] bool none() const { return pieces.empty() && allocate == 0; }
};

std::string show(Range r) {
    return std::to_string(r.start) + ":" + std::to_string(r.size());
}

std::string place(const host::SubidFile& f, const host::SubidLine& l) {
    return f.path + ":" + std::to_string(l.number);
}

class Judge {
  public:
    Judge(const Context& c, State& s, const Tenant& t) : c_(c), s_(s), t_(t) {
        if (const auto it = c.accounts.find(t.user); it != c.accounts.end())
            uid_ = std::to_string(it->second.uid);
    }

    [[nodiscard]] Need need(File which) const {
        const SubidRequest& request = which == uids ? t_.subuid : t_.subgid;
        const host::SubidFile& file = s_.files[which];
        Need out;
        if (request.kind == Kind::unmanaged)
            return out;
        if (file.go_refuses) {
            out.refused.push_back(
                {file.path, printable(*file.go_refuses), "a file that container engines read"});
            return out;
        }
        const RangeSet shadow = held(file, host::SubidView::shadow);
        const RangeSet engine = held(file, host::SubidView::go);
        if (!(shadow == engine))
            out.refused.push_back({file.path,
                                   "newuidmap and the container engines read different ranges for " + t_.user,
                                   "decimal numbers without signs"});
        RangeSet wanted = shadow;
        for (const Range r : request.ranges)
            wanted.add(r);
        for (const Range r : wanted.ranges())
            collisions(which, r, out.refused);
        if (request.kind == Kind::ranges)
            compare(file, request, shadow, out);
        else if (shadow.size() < request.count)
            out.allocate = request.count;
        if (!out.none())
            out.evidence.push_back({file.path, std::to_string(shadow.size()) + " ids for " + t_.user,
                                    request.kind == Kind::ranges
                                        ? show_all(request.ranges)
                                        : "at least " + std::to_string(request.count)});
        return out;
    }

    // The changes for both files; nullopt: no room.
    [[nodiscard]] std::optional<std::vector<policy::Change>> changes(const Need& uid, const Need& gid) {
        std::vector<policy::Change> out;
        for (const Range r : uid.pieces)
            give(r, true, std::ranges::find(gid.pieces, r) != gid.pieces.end(), out);
        for (const Range r : gid.pieces)
            if (std::ranges::find(uid.pieces, r) == uid.pieces.end())
                give(r, false, true, out);
        const bool together = uid.allocate == gid.allocate;
        if (uid.allocate > 0 && !allocate(uid.allocate, true, together, out))
            return std::nullopt;
        if (gid.allocate > 0 && !together && !allocate(gid.allocate, false, true, out))
            return std::nullopt;
        return out;
    }

  private:
    static std::string show_all(const std::vector<Range>& ranges) {
        std::vector<std::string> parts;
        for (const Range r : ranges)
            parts.push_back(show(r));
        return "exactly " + join(parts, ", ");
    }

    [[nodiscard]] bool owns(const host::SubidEntry& e) const {
        return e.owner == t_.user || (!uid_.empty() && e.owner == uid_);
    }

    [[nodiscard]] RangeSet held(const host::SubidFile& file, host::SubidView view) const {
        RangeSet out;
        for (const host::SubidLine& l : file.lines) {
            const host::SubidEntry* e = l.in(view);
            if (e == nullptr || !owns(*e))
                continue;
            const RangeSet ids = host::handed_out(*e, view);
            for (const Range r : ids.ranges())
                out.add(r);
        }
        return out;
    }

    void compare(const host::SubidFile& file, const SubidRequest& request, const RangeSet& held_now,
                 Need& out) const {
        RangeSet missing;
        RangeSet extra = held_now;
        for (const Range r : request.ranges) {
            missing.add(r);
            extra.subtract(r);
        }
        for (const Range r : held_now.ranges())
            missing.subtract(r);
        for (const Range r : extra.ranges())
            out.refused.push_back({file.path, t_.user + " also has " + show(r), show_all(request.ranges)});
        out.pieces = missing.ranges();
    }

    // Whoever else has ids of `r`, had them once, or is promised them.
    void collisions(File which, Range r, std::vector<Evidence>& out) const {
        const std::string wanted = show(r) + " for " + t_.user + " alone";
        const host::SubidFile& file = s_.files[which];
        for (const host::SubidLine& l : file.lines)
            if (belongs_to_another(l, r))
                out.push_back({place(file, l), printable(l.text, 80), wanted});
        accounts_in(which, r, wanted, out);
        for (const host::LedgerEntry& e : s_.ledger)
            if (e.owner != t_.user && e.range.intersects(r) && (which == uids ? e.uid : e.gid))
                out.push_back({"the ledger", show(e.range) + " was given to " + printable(e.owner), wanted});
        promised_to_others(which, r, wanted, out);
        if (host::never_delegated().intersects(r) || r.end > std::uint64_t{1} << 32)
            out.push_back({file.path, show(r), "no id that is reserved for the system"});
    }

    void accounts_in(File which, Range r, const std::string& wanted, std::vector<Evidence>& out) const {
        if (which == uids) {
            for (const host::User& u : c_.facts.accounts->users)
                if (r.contains(u.uid))
                    out.push_back(
                        {u.source, printable(u.name) + " has uid " + std::to_string(u.uid), wanted});
        } else {
            for (const host::Group& g : c_.facts.accounts->groups)
                if (r.contains(g.gid))
                    out.push_back(
                        {g.source, printable(g.name) + " has gid " + std::to_string(g.gid), wanted});
        }
    }

    void promised_to_others(File which, Range r, const std::string& wanted,
                            std::vector<Evidence>& out) const {
        for (const Tenant& other : c_.wanted.tenants)
            for (const Range o : (which == uids ? other.subuid : other.subgid).ranges)
                if (other.user != t_.user && o.intersects(r))
                    out.push_back(
                        {other.origin, show(o) + " is stated for " + printable(other.user), wanted});
    }

    [[nodiscard]] bool belongs_to_another(const host::SubidLine& l, Range r) const {
        for (const auto v : host::subid_views)
            if (const host::SubidEntry* e = l.in(v);
                e != nullptr && !owns(*e) && host::handed_out(*e, v).intersects(r))
                return true;
        return false;
    }

    // A range that the ledger knows as this tenant's comes back to it, after a rollback of /etc for one:
    // files belong to its ids. AllocateRange gives back a whole one, and is safe beside useradd(8); of a part
    // of one only the line is written.
    void give(Range r, bool uid, bool gid, std::vector<policy::Change>& out) {
        s_.taken.add(r);
        const bool part = std::ranges::any_of(s_.ledger, [&](const host::LedgerEntry& e) {
            return e.owner == t_.user && e.range != r && e.range.start <= r.start && r.end <= e.range.end;
        });
        if (!part) {
            out.emplace_back(policy::AllocateRange{t_.user, r.start, r.size(), uid, gid});
            return;
        }
        const std::string line = t_.user + ":" + show(r);
        if (uid)
            out.emplace_back(policy::EditLines{"/etc/subuid", {}, {line}});
        if (gid)
            out.emplace_back(policy::EditLines{"/etc/subgid", {}, {line}});
    }

    [[nodiscard]] bool allocate(std::uint64_t count, bool uid, bool gid, std::vector<policy::Change>& out) {
        for (const host::LedgerEntry& e : s_.ledger)
            if (e.owner == t_.user && e.range.size() >= count && may_come_back(e.range, uid, gid)) {
                give(e.range, uid, gid, out);
                return true;
            }
        const auto start = host::find_free_block(s_.taken, s_.window, count);
        if (!start)
            return false;
        give(range_of(*start, count), uid, gid, out);
        return true;
    }

    [[nodiscard]] bool may_come_back(Range r, bool uid, bool gid) const {
        std::vector<Evidence> in_the_way;
        for (const File which : {uids, gids}) {
            if (!(which == uids ? uid : gid))
                continue;
            collisions(which, r, in_the_way);
            if (held(s_.files[which], host::SubidView::shadow).intersects(r))
                return false;
        }
        return in_the_way.empty();
    }

    const Context& c_;
    State& s_;
    const Tenant& t_;
    std::string uid_;
};

Finding judge(const Context& c, State& s, const Tenant& t) {
    Judge judge(c, s, t);
    const Need uid = judge.need(uids);
    const Need gid = judge.need(gids);
    auto in_the_way = uid.refused;
    in_the_way.insert(in_the_way.end(), gid.refused.begin(), gid.refused.end());
    if (!in_the_way.empty())
        return refuse(
            Control::subid, t.user, "the tenant's ranges collide with what is there",
            "free the range, or state another one in the policy; then move the files of the old ids",
            std::move(in_the_way));
    if (uid.none() && gid.none())
        return pass(Control::subid, t.user, "the tenant has its ranges");
    auto evidence = uid.evidence;
    evidence.insert(evidence.end(), gid.evidence.begin(), gid.evidence.end());
    auto changes = judge.changes(uid, gid);
    if (!changes)
        return refuse(Control::subid, t.user, "no range is free for the tenant",
                      "raise SUB_UID_MAX in /etc/login.defs, or state a range", std::move(evidence));
    return repair(Control::subid, t.user, "the tenant lacks subordinate ids", "add the missing ranges",
                  *std::move(changes), std::move(evidence));
}

Result<State> make_state(const Context& c) {
    const Facts& f = c.facts;
    if (const Error* e = first_error({&f.account_file("subuid"), &f.account_file("subgid")}))
        return Failure(*e);
    if (!f.accounts)
        return Failure(f.accounts.error());
    if (!f.processes)
        return Failure(f.processes.error());
    PLIMSOLL_TRY(const auto source, f.subid_source);
    if (source != "files")
        return fail(Code::unsupported, "nsswitch.conf takes subordinate ids from " + printable(source) +
                                           ", so /etc/subuid does not decide");
    PLIMSOLL_TRY(const auto defs, f.login_defs);
    State s;
    PLIMSOLL_TRY(s.window, defs.subids());
    s.files = {host::parse_subid(f.account_file("subuid")->value_or(""), "/etc/subuid"),
               host::parse_subid(f.account_file("subgid")->value_or(""), "/etc/subgid")};
    PLIMSOLL_TRY(s.ledger, f.ledger);
    s.taken = host::taken_ids(
        {&s.files[uids], &s.files[gids], &*f.accounts, f.live ? &*f.processes : nullptr, s.ledger, false});
    for (const Tenant& t : c.wanted.tenants)
        for (const SubidRequest* r : {&t.subuid, &t.subgid})
            for (const Range range : r->ranges)
                s.taken.add(range);
    for (const auto& [name, user] : c.accounts)
        s.taken.add(range_of(user.uid, 1));
    return s;
}

bool managed(const Tenant& t) {
    return t.subuid.kind != Kind::unmanaged || t.subgid.kind != Kind::unmanaged;
}

}  // namespace

std::vector<Finding> judge_subids(const Context& c) {
    std::vector<Finding> out;
    if (std::ranges::none_of(c.wanted.tenants, managed))
        return out;
    auto state = make_state(c);
    for (const Tenant& t : c.wanted.tenants) {
        if (!managed(t))
            continue;
        if (!state)
            out.push_back(unknown(Control::subid, printable(t.user), state.error()));
        else if (const auto why = no_account(c, t))
            out.push_back(refuse(Control::subid, printable(t.user), *why, "see provision.user",
                                 {{t.origin, printable(t.user), "an account that can be a tenant"}}));
        else
            out.push_back(judge(c, *state, t));
    }
    return out;
}

}  // namespace plimsoll::modules::provision
