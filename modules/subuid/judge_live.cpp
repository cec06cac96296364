// SPDX-License-Identifier: Apache-2.0
// A18 and A19: what is in use, compared with what the files say.
#include "core/base/text.hpp"
#include "modules/subuid/judge.hpp"

#include <algorithm>
#include <limits>
#include <map>
#include <set>

namespace plimsoll::modules::subuid {

using host::Process;
using policy::Evidence;
using policy::Status;

namespace {

using ByPid = std::map<int, const Process*>;

RangeSet lower_ids(const std::vector<host::IdMapLine>& map) {
    RangeSet out;
    for (const auto& l : map)
        out.add(range_of(l.outside, l.count));
    return out;
}

// The account for which a namespace was made: the one that stands alone in its map (rootless engines map the
// caller's own id by itself), else the nearest ancestor outside of any namespace. 0: made by root.
// nullopt: cannot tell.
std::optional<std::uint32_t> owner_of(const Context& c, const ByPid& processes, const Process& p) {
    for (const auto& l : *p.uid_map)
        if (l.count == 1 && l.outside != 0 && c.facts.accounts &&
            c.facts.accounts->user(l.outside) != nullptr)
            return l.outside;
    const Process* at = &p;
    for (int depth = 0; depth < 64; ++depth) {
        const auto child = at->in_child_user_ns();
        if (!child)
            return std::nullopt;
        if (!*child)
            return at->uid[0];
        const auto parent = processes.find(at->parent);
        if (parent == processes.end())
            return std::nullopt;
        at = parent->second;
    }
    return std::nullopt;
}

// What the files let an account map, in the reading of newuidmap, with its own id.
RangeSet allowed_ids(const Context& c, IdKind kind, std::uint32_t uid) {
    RangeSet out;
    for (const Grant& g : c.grants[index_of(kind)])
        if (c.owners[g.owner].uid == uid && (g.views & shadow_bit) != 0)
            out.add(g.ids);
    if (const host::User* user = c.facts.accounts ? c.facts.accounts->user(uid) : nullptr; user != nullptr) {
        out.add(range_of(kind == IdKind::uid ? user->uid : user->gid, 1));
        // newgidmap also takes an auxiliary group of the caller when GRANT_AUX_GROUP_SUBIDS is set; that this
        // is not set is subuid.alloc-policy's matter.
    } else if (kind == IdKind::uid) {
        out.add(range_of(uid, 1));
    }
    return out;
}

std::vector<Range> beyond(const RangeSet& used, const RangeSet& allowed) {
    RangeSet rest = used;
    for (const Range r : allowed.ranges())
        rest.subtract(r);
    return rest.ranges();
}

struct Mismatches {
    std::map<std::uint32_t, std::vector<Evidence>> by_owner;
    std::size_t checked{0};
    std::size_t unreadable{0};
    int sample{0};  // a pid that could not be judged
};

void compare(const Context& c, const Process& p, std::uint32_t owner, Mismatches& out) {
    for (const IdKind kind : id_kinds) {
        const auto& map = kind == IdKind::uid ? p.uid_map : p.gid_map;
        const auto outside = beyond(lower_ids(*map), allowed_ids(c, kind, owner));
        if (outside.empty())
            continue;
        const std::string file = kind == IdKind::uid ? "uid_map" : "gid_map";
        out.by_owner[owner].push_back({"/proc/" + std::to_string(p.pid) + "/" + file,
                                       printable(p.comm, 40) + " maps " + text_of(outside.front()),
                                       "only ids that " + path_of(kind) + " grants"});
    }
}

// Every id as itself: the initial namespace, or one that root made. Its inode is not always readable.
bool full_identity(const Process& p) {
    return p.uid_map && p.uid_map->size() == 1 && p.uid_map->front().inside == 0 &&
           p.uid_map->front().outside == 0 && p.uid_map->front().count == 0xffffffffU;
}

Mismatches compare_all(const Context& c) {
    Mismatches out;
    ByPid by_pid;
    for (const Process& p : *c.facts.processes)
        by_pid.emplace(p.pid, &p);
    std::set<std::uint64_t> seen;  // one process stands for its namespace
    for (const Process& p : *c.facts.processes) {
        const auto child = p.in_child_user_ns();
        if (child == false || full_identity(p) || (p.user_ns && !seen.insert(*p.user_ns).second))
            continue;
        if (child && p.uid_map && p.gid_map && p.uid_map->empty())
            continue;  // not mapped yet
        const auto owner = child && p.uid_map && p.gid_map ? owner_of(c, by_pid, p) : std::nullopt;
        if (!owner) {
            ++out.unreadable;
            out.sample = p.pid;
        } else if (*owner != 0) {  // root maps what it likes, without these files
            ++out.checked;
            compare(c, p, *owner, out);
        }
    }
    return out;
}

}  // namespace

Findings judge_effective_mapping(const Context& c) {
    Verdict v("subuid.effective-mapping");
    if (!c.facts.live)
        return std::move(v).finish(Status::not_applicable, "not a running host");
    c.note_gaps(v);
    if (!c.facts.accounts)
        v.unknown("/etc/passwd", c.facts.accounts.error().message);
    if (!c.facts.processes)
        v.unknown("/proc", c.facts.processes.error().message);
    if (!v.clear())
        return std::move(v).finish(Status::unknown, "");
    auto found = compare_all(c);
    for (auto& [uid, evidence] : found.by_owner) {
        const host::User* user = c.facts.accounts->user(uid);
        const std::string name = user != nullptr ? printable(user->name) : std::to_string(uid);
        v.fail(
            name, "a running namespace of " + name + " maps ids that the files do not grant",
            std::move(evidence),
            by_hand(
                "as " + name +
                " run `podman system migrate`, which stops all containers of that user, or restart rootless "
                "Docker with `systemctl --user restart docker`"));
    }
    if (found.unreadable != 0)
        v.unknown("pid " + std::to_string(found.sample),
                  std::to_string(found.unreadable) + " processes do not let their user namespace be seen");
    return std::move(v).finish(found.checked == 0 ? Status::not_applicable : Status::pass,
                               found.checked == 0 ? "no user namespace of an unprivileged account is running"
                                                  : "every running namespace maps what the files grant");
}

namespace {

struct Foreign {
    IdKind kind;
    std::uint32_t id;
    std::string_view path;
};

template <class Predicate>
std::vector<Foreign> foreign_in(const StoredIds& store, Predicate foreign) {
    std::vector<Foreign> out;
    for (const IdKind kind : id_kinds)
        for (const auto& [id, path] : kind == IdKind::uid ? store.uids : store.gids)
            if (foreign(kind, id))
                out.push_back({kind, id, path});
    return out;
}

std::vector<Evidence> evidence_of(const std::vector<Foreign>& foreign, const std::string& expected) {
    return some_evidence(foreign, [&](const Foreign& f) {
        return Evidence{printable(f.path), std::string(noun_of(f.kind)) + " " + std::to_string(f.id),
                        expected};
    });
}

void judge_users_store(const Context& c, const StoredIds& store, Verdict& v) {
    const host::User* user = c.facts.accounts->user(store.user);
    if (user == nullptr)
        return;
    const std::array allowed{allowed_ids(c, IdKind::uid, user->uid), allowed_ids(c, IdKind::gid, user->uid)};
    const auto foreign = foreign_in(
        store, [&](IdKind kind, std::uint32_t id) { return !allowed[index_of(kind)].contains(id); });
    if (foreign.empty())
        return;
    const std::string name = printable(store.user);
    v.fail(name, "container storage of " + name + " holds files of ids outside of the user's ranges",
           evidence_of(foreign, "an id that the files grant to " + name),
           by_hand("give the former range back to " + name +
                   ", or remove the storage with `podman system reset` as that user"));
}

// A home that is no account's: whoever gets its ids next gets its containers.
void judge_nobodys_store(const Context& c, const StoredIds& store, Verdict& v) {
    if (const std::string unseen = c.unseen_users(); !unseen.empty())
        return v.unknown(store.directory, "no file has an account with this home, but " + unseen);
    v.fail(store.directory, "container storage stands in a home that is no account's",
           evidence_of(foreign_in(store, [](IdKind, std::uint32_t) { return true; }), "an account's home"),
           by_hand("remove " + printable(store.directory) + " when nobody needs it any more"));
}

// Of the engines' own users, and of root.
bool engines(const Context& c, IdKind kind, std::uint32_t id, bool remap_user_alone) {
    return std::ranges::any_of(c.grants[index_of(kind)], [&](const Grant& g) {
        const Owner& o = c.owners[g.owner];
        const bool remap = c.facts.remap_user && c.is_remap_user(o);
        return g.ids.contains(id) &&
               (remap || (!remap_user_alone && (c.is_containers_user(o) || o.uid == 0U)));
    });
}

// Images own files by whatever ids they like, so that only those tell something that another user holds, and
// in storage that dockerd made for a remap user those that are not his.
void judge_roots_store(const Context& c, const StoredIds& store, Verdict& v) {
    constexpr auto nobody = std::numeric_limits<std::uint32_t>::max();
    const bool remapped = store.whose == StoredIds::Whose::remapped;
    if (remapped && !c.facts.remap_user)
        return v.unknown(store.directory, c.facts.remap_user.error().message);
    const auto foreign = foreign_in(store, [&](IdKind kind, std::uint32_t id) {
        if (id == 0 || engines(c, kind, id, remapped))
            return false;
        return remapped || c.holders[index_of(kind)].held_by_other(range_of(id, 1), nobody);
    });
    if (!foreign.empty())
        v.fail(
            store.directory, "rootful container storage holds files of ids that are not the engine's",
            evidence_of(foreign, remapped ? "an id of dockerd's remap user" : "an id that no other user has"),
            by_hand(
                "find out which containers and volumes these are, and remove them or give them other ids"));
}

void judge_store(const Context& c, const StoredIds& store, Verdict& v) {
    if (store.whose == StoredIds::Whose::user)
        judge_users_store(c, store, v);
    else if (store.whose == StoredIds::Whose::nobody)
        judge_nobodys_store(c, store, v);
    else
        judge_roots_store(c, store, v);
}

}  // namespace

Findings judge_foreign_scan(const Context& c) {
    Verdict v("subuid.foreign-scan");
    c.note_gaps(v);
    if (!c.facts.accounts)
        v.unknown("/etc/passwd", c.facts.accounts.error().message);
    else
        for (const StoredIds& store : c.facts.scan.stores)
            judge_store(c, store, v);
    for (const auto* list : {&c.facts.scan.problems, &c.facts.scan.elsewhere_unseen})
        for (const auto& problem : *list)
            v.unknown("storage", problem);
    if (c.facts.scan.exhausted)
        v.unknown("storage", "container storage has more than " + std::to_string(c.params.scan_max_entries) +
                                 " entries; raise max_entries to look at all of them");
    const bool none = c.facts.scan.stores.empty();
    std::vector<StoredIds> tops;
    std::ranges::copy_if(c.facts.scan.stores, std::back_inserter(tops), [](const StoredIds& s) {
        return s.whose == StoredIds::Whose::root || s.whose == StoredIds::Whose::remapped;
    });
    return std::move(v).finish(none ? Status::not_applicable : Status::pass,
                               none ? "there is no container storage"
                                    : "all files in container storage belong to whom the storage belongs to",
                               some_evidence(tops, [](const StoredIds& s) {
                                   return Evidence{printable(s.directory),
                                                   "looked at the tops of layers and volumes alone, not at "
                                                   "what is in them",
                                                   ""};
                               }));
}

}  // namespace plimsoll::modules::subuid
