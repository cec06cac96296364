// SPDX-License-Identifier: Apache-2.0
#include "modules/subuid/grants.hpp"

#include "core/base/text.hpp"
#include "core/host/subid_allocator.hpp"

#include <algorithm>
#include <iterator>
#include <limits>

namespace plimsoll::modules::subuid {

using host::SubidView;

namespace {

constexpr auto nobody = std::numeric_limits<std::uint32_t>::max();

// A number as shadow compares it with a uid: the text that printf("%lu") gives.
std::optional<std::uint32_t> uid_of_text(std::string_view text) {
    const auto n = parse_u64(text);
    if (!n || *n >= nobody || std::to_string(*n) != text)
        return std::nullopt;
    return static_cast<std::uint32_t>(*n);
}

std::string_view reader_names(Views views) {
    static constexpr std::array<std::string_view, 8> names{"",
                                                           "shadow",
                                                           "containers/storage",
                                                           "shadow and containers/storage",
                                                           "dockerd",
                                                           "shadow and dockerd",
                                                           "containers/storage and dockerd",
                                                           ""};
    return names[views & 7U];
}

}  // namespace

std::string grant_line(std::string_view owner, Range ids) {
    return std::string(owner) + ":" + std::to_string(ids.start) + ":" + std::to_string(ids.size());
}

std::string text_of(Range ids) {
    return ids.empty() ? "no ids" : std::to_string(ids.start) + "-" + std::to_string(ids.end - 1);
}

Holders::Holders(std::vector<Grant> grants) : grants_(std::move(grants)) {
    std::ranges::stable_sort(grants_, {}, [](const Grant& g) { return g.ids.start; });
    furthest_.reserve(grants_.size() + 1);
    furthest_.push_back({nobody, nobody});
    for (std::uint32_t i = 0; i < grants_.size(); ++i) {
        auto [first, second] = furthest_.back();
        const auto reaches_beyond = [&](std::uint32_t other) {
            return other == nobody || grants_[i].ids.end > grants_[other].ids.end;
        };
        const bool same_as_first = first != nobody && grants_[first].owner == grants_[i].owner;
        if (reaches_beyond(first)) {
            second = same_as_first ? second : first;
            first = i;
        } else if (!same_as_first && reaches_beyond(second)) {
            second = i;
        }
        furthest_.push_back({first, second});
    }
}

const Grant* Holders::furthest_before(std::size_t i, std::uint32_t owner) const {
    const auto [first, second] = furthest_[i];
    if (first != nobody && grants_[first].owner != owner)
        return &grants_[first];
    return second != nobody ? &grants_[second] : nullptr;
}

bool Holders::held_by_other(Range ids, std::uint32_t owner) const {
    if (ids.empty())
        return false;
    const auto end =
        std::ranges::lower_bound(grants_, ids.end, {}, [](const Grant& g) { return g.ids.start; });
    const Grant* g = furthest_before(static_cast<std::size_t>(end - grants_.begin()), owner);
    return g != nullptr && g->ids.end > ids.start;
}

Context::Context(const Params& p, const policy::Provision& w, const Facts& f)
    : params(p), wanted(w), facts(f) {
    if (facts.accounts)
        for (const host::User& u : facts.accounts->users) {
            users_by_name_.try_emplace(u.name, &u);
            users_by_uid_.try_emplace(u.uid, &u);
        }
    for (const IdKind kind : id_kinds)
        if (readable(kind)) {
            read_grants(kind);
            share_numbers(kind);
        }
    for (const IdKind kind : id_kinds) {
        std::vector<Grant> used;
        std::ranges::copy_if(grants[index_of(kind)], std::back_inserter(used),
                             [this](const Grant& g) { return counts(g); });
        holders[index_of(kind)] = Holders(std::move(used));
    }
    read_real_ids();
}

std::string Owner::label() const {
    std::string out = printable(account != nullptr ? std::string_view(account->name) : text);
    return out.empty() ? "(no name)" : out;
}

bool Owner::by_number() const {
    return uid_of_text(text).has_value();
}

// A name and the number of its account are one owner; so are two names of one number.
std::uint32_t Context::owner_index(std::string_view text) {
    const auto next = static_cast<std::uint32_t>(owners.size());
    const auto [known, fresh] = by_text_.try_emplace(text, next);
    if (!fresh)
        return known->second;
    const host::User* user = nullptr;
    if (const auto it = users_by_name_.find(text); it != users_by_name_.end())
        user = it->second;
    else if (const auto uid = uid_of_text(text))
        if (const auto found = users_by_uid_.find(*uid); found != users_by_uid_.end())
            user = found->second;
    if (user == nullptr) {
        owners.push_back({text});
        return next;
    }
    return known->second = account_index(text, *user);
}

std::uint32_t Context::account_index(std::string_view text, const host::User& user) {
    const auto next = static_cast<std::uint32_t>(owners.size());
    const auto [known, fresh] = by_uid_.try_emplace(user.uid, next);
    if (fresh)
        owners.push_back({text, &user, user.uid, user.gid});
    return known->second;
}

void Context::read_grants(IdKind kind) {
    const auto& lines = facts.files[index_of(kind)]->content.lines;
    auto& out = grants[index_of(kind)];
    out.reserve(lines.size());
    by_text_.reserve(by_text_.size() + lines.size());
    for (std::uint32_t i = 0; i < lines.size(); ++i) {
        if (const auto ids = lines[i].agreed()) {  // the common case, without a set per reader
            const auto owner = owner_index(lines[i].in(SubidView::shadow)->owner);
            out.push_back({*ids, i, owner, shadow_bit | go_bit | moby_bit});
            continue;
        }
        const std::size_t first = out.size();
        for (const SubidView v : host::subid_views) {
            const host::SubidEntry* entry = lines[i].in(v);
            if (entry == nullptr)
                continue;
            const auto view = static_cast<Views>(1U << static_cast<unsigned>(v));
            const auto owner = owner_index(entry->owner);
            const RangeSet ids = host::handed_out(*entry, v);
            for (const Range r : ids.ranges()) {
                const auto same =
                    std::find_if(out.begin() + static_cast<std::ptrdiff_t>(first), out.end(),
                                 [&](const Grant& g) { return g.ids == r && g.owner == owner; });
                if (same != out.end())
                    same->views |= view;
                else
                    out.push_back({r, i, owner, view});
            }
        }
    }
}

// The grants of such lines for the account that has the number; read_grants() made those for the name.
void Context::share_numbers(IdKind kind) {
    const bool any =
        std::ranges::any_of(users_by_name_, [this](const auto& user) { return names_two(user.first); });
    if (!any)
        return;
    auto& all = grants[index_of(kind)];
    std::vector<Grant> more;
    for (const Grant& g : all)
        for (const SubidView v : host::subid_views) {
            const host::SubidEntry* entry = line(kind, g).in(v);
            if ((g.views & (1U << static_cast<unsigned>(v))) == 0 || entry == nullptr ||
                !names_two(entry->owner))
                continue;
            const host::User& user = *users_by_uid_.at(*uid_of_text(entry->owner));
            more.push_back({g.ids, g.line, account_index(user.name, user), g.views});
            break;
        }
    all.insert(all.end(), more.begin(), more.end());
    std::ranges::stable_sort(all, {}, &Grant::line);
}

void Context::read_real_ids() {
    auto& uids = real_ids[index_of(IdKind::uid)];
    auto& gids = real_ids[index_of(IdKind::gid)];
    if (facts.accounts) {
        for (const host::User& u : facts.accounts->users) {
            uids.push_back({u.uid, "user " + printable(u.name), u.source});
            gids.push_back({u.gid, "primary group of " + printable(u.name), u.source});
        }
        for (const host::Group& g : facts.accounts->groups)
            gids.push_back({g.gid, "group " + printable(g.name), g.source});
    }
    for (const IdKind kind : id_kinds)
        std::ranges::copy(facts.more_ids[index_of(kind)], std::back_inserter(real_ids[index_of(kind)]));
    for (auto& ids : real_ids) {
        std::ranges::stable_sort(ids, {}, &RealId::id);
        const auto rest = std::ranges::unique(ids, {}, &RealId::id);
        ids.erase(rest.begin(), rest.end());
    }
}

bool Context::is_remap_user(const Owner& o) const {
    // When daemon.json cannot be read, anybody may be it.
    return !facts.remap_user || (*facts.remap_user && **facts.remap_user == o.text);
}

bool Context::is_containers_user(const Owner& o) const {
    const std::string& by_policy = params.containers_owner;
    return o.text == (by_policy.empty() ? facts.containers_user.value_or("containers") : by_policy);
}

bool Context::counts(const Grant& g) const {
    return g.views != moby_bit || is_remap_user(owners[g.owner]);
}

bool Context::remote_accounts() const {
    return facts.accounts && !facts.accounts->remote_sources.empty();
}

std::string Context::unseen_users() const {
    if (!facts.accounts)
        return facts.accounts.error().message;
    if (remote_accounts())
        return "accounts also come from \"" + printable(join(facts.accounts->remote_sources, ", "), 80) +
               "\"";
    return facts.accounts->unseen_users.empty() ? "" : printable(facts.accounts->unseen_users.front());
}

bool Context::unseen(const Owner& o) const {
    return facts.accounts && o.account == nullptr && !o.comment() &&
           !(facts.accounts->remote_sources.empty() && facts.accounts->unseen_users.empty());
}

bool Context::maybe_one(const Owner& a, const Owner& b) const {
    return !facts.accounts && a.by_number() != b.by_number();
}

const Owner* Context::owner_named(std::string_view text) const {
    const auto it = by_text_.find(text);
    if (it != by_text_.end())
        return &owners[it->second];
    const auto user = users_by_name_.find(text);
    if (user == users_by_name_.end())
        return nullptr;
    const auto same = by_uid_.find(user->second->uid);
    return same == by_uid_.end() ? nullptr : &owners[same->second];
}

bool Context::names_two(std::string_view text) const {
    const auto uid = uid_of_text(text);
    const auto named = users_by_name_.find(text);
    return uid && named != users_by_name_.end() && named->second->uid != *uid && users_by_uid_.contains(*uid);
}

bool Context::movable(const host::SubidLine& line) const {
    const auto ids = line.agreed();
    if (!ids)
        return false;
    const std::string_view owner = line.in(SubidView::shadow)->owner;
    return (!line.readings || line.text == grant_line(owner, *ids)) && !names_two(owner);
}

std::span<const RealId> Context::real_within(IdKind kind, Range ids) const {
    const auto& all = real_ids[index_of(kind)];
    const auto begin = std::ranges::lower_bound(all, ids.start, {}, &RealId::id);
    const auto end = std::ranges::lower_bound(begin, all.end(), ids.end, {}, &RealId::id);
    return {begin, end};
}

bool Context::harmless(IdKind kind, Range ids, std::uint32_t owner) const {
    return nobodys(kind, ids) && !holders[index_of(kind)].held_by_other(ids, owner);
}

bool Context::harmless_line(IdKind kind, Range ids, std::uint32_t owner, int number) const {
    return nobodys(kind, ids) && std::ranges::none_of(grants[index_of(kind)], [&](const Grant& g) {
               return g.owner != owner && counts(g) && g.ids.intersects(ids) &&
                      line(kind, g).number != number;
           });
}

// Neither an account's nor reserved.
bool Context::nobodys(IdKind kind, Range ids) const {
    return !ids.empty() && ids.start >= host::subid_block && ids.end <= std::uint64_t{1} << 32U &&
           !host::never_delegated().intersects(ids) && real_within(kind, ids).empty();
}

bool Context::provisioned(std::string_view user) const {
    const auto* tenant = wanted.tenant(user);
    return tenant != nullptr && (tenant->subuid.kind != policy::SubidRequest::Kind::unmanaged ||
                                 tenant->subgid.kind != policy::SubidRequest::Kind::unmanaged);
}

bool Context::in_use(Range ids) const {
    if (!facts.live)
        return false;
    if (!facts.processes)
        return true;
    if (!used_)
        used_ = look_up_used();
    return used_->intersects(ids);
}

// Of the processes; every id when the map of one cannot be seen.
RangeSet Context::look_up_used() const {
    RangeSet out;
    for (const host::Process& p : *facts.processes) {
        for (const std::uint32_t id : p.uid)
            out.add(range_of(id, 1));
        if (p.in_child_user_ns() == false)
            continue;
        for (const auto* map : {&p.uid_map, &p.gid_map}) {
            if (!*map)
                out.add({0, std::numeric_limits<std::uint64_t>::max()});
            else
                for (const host::IdMapLine& l : **map)
                    out.add(range_of(l.outside, l.count));
        }
    }
    return out;
}

policy::Evidence Context::evidence(IdKind kind, const Grant& g, std::string expected) const {
    const auto& l = line(kind, g);
    std::string found = printable(l.text, 120);
    if (const auto readers = reader_names(g.views); !readers.empty())
        found += ", which " + std::string(readers) + " reads as " + text_of(g.ids) + " for " +
                 owners[g.owner].label();
    return {path_of(kind) + ":" + std::to_string(l.number), std::move(found), std::move(expected)};
}

void Context::note_gaps(Verdict& v) const {
    for (const IdKind kind : id_kinds) {
        const auto& file = facts.files[index_of(kind)];
        if (!file)
            v.unknown(path_of(kind), file.error().message);
        else if (file->content.has_nul)
            v.unknown(path_of(kind), "the file contains NUL bytes, so its readers do not agree on its lines");
    }
    if (!facts.nss)
        v.unknown("/etc/nsswitch.conf", facts.nss.error().message);
    else if (facts.nss->token != "files" && facts.nss->plugin_found)
        v.unknown(facts.nss->source, "ranges also come from \"" + printable(facts.nss->token, 40) +
                                         "\", whose answers are not in files");
}

}  // namespace plimsoll::modules::subuid
