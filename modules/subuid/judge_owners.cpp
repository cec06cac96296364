// SPDX-License-Identifier: Apache-2.0
// A09-A11: to whom the ranges belong.
#include "core/base/text.hpp"
#include "modules/subuid/judge.hpp"

#include <algorithm>
#include <map>

namespace plimsoll::modules::subuid {

using policy::Evidence;
using policy::Fix;
using policy::Severity;
using policy::Status;

namespace {

struct Line {
    IdKind kind;
    const Grant* grant;
};

// Lines by owner, each once; owners beyond the number of findings that are listed, without their lines.
struct OwnersLines {
    std::map<std::uint32_t, std::vector<Line>> listed{};
    std::vector<std::uint32_t> more{};
};

// Of the owners that `wanted` picks.
template <class Predicate>
OwnersLines lines_of(const Context& c, Predicate wanted, std::size_t most = max_failures) {
    std::vector<bool> there(c.owners.size());
    for (const IdKind kind : id_kinds)
        for (const Grant& g : c.grants[index_of(kind)])
            if (c.counts(g))
                there[g.owner] = true;
    OwnersLines out;
    std::vector<std::vector<Line>*> lists(c.owners.size());
    for (std::uint32_t i = 0; i < there.size(); ++i) {
        if (!there[i] || !wanted(c.owners[i]))
            continue;
        if (out.listed.size() < most)
            lists[i] = &out.listed[i];
        else
            out.more.push_back(i);
    }
    for (const IdKind kind : id_kinds)
        for (const Grant& g : c.grants[index_of(kind)]) {
            auto* list = lists[g.owner];
            if (list == nullptr || !c.counts(g))
                continue;
            if (list->empty() || list->back().kind != kind || list->back().grant->line != g.line)
                list->push_back({kind, &g});
        }
    return out;
}

std::vector<Evidence> evidence_of(const Context& c, const std::vector<Line>& lines,
                                  const std::string& expected) {
    return some_evidence(lines, [&](const Line& l) { return c.evidence(l.kind, *l.grant, expected); });
}

// Owners without an account that are meant to have none.
bool allowed(const Context& c, const Owner& o) {
    return c.is_containers_user(o) || (c.facts.remap_user && c.is_remap_user(o)) ||
           std::ranges::find(c.params.allowed_owners, o.text) != c.params.allowed_owners.end() ||
           c.wanted.tenant(o.text) != nullptr;
}

bool stale(const Context& c, const Owner& o) {
    return !o.uid && !o.comment() && !allowed(c, o);
}

// The text of a line with another owner; the rest as it was.
std::string with_owner(std::string_view line, const std::string& owner) {
    return owner + std::string(line.substr(line.find(':')));
}

}  // namespace

const host::User* renamed_to(const Context& c, const Owner& o) {
    if (!c.facts.accounts || !c.facts.former_accounts || !*c.facts.former_accounts || o.uid)
        return nullptr;
    const host::User* before = (*c.facts.former_accounts)->user(o.text);
    return before == nullptr ? nullptr : c.facts.accounts->user(before->uid);
}

namespace {

// Why the lines of a stale owner cannot be removed by ourselves; empty: they can.
std::string in_use(const Context& c, const std::vector<Line>& lines) {
    if (c.facts.live && !c.facts.processes)
        return "whether a process uses the ids could not be seen";
    if (c.facts.scan.exhausted || !c.facts.scan.problems.empty() || !c.facts.scan.elsewhere_unseen.empty())
        return "container storage could not be searched to its end for files of these ids";
    for (const Line& l : lines) {
        const Range ids = l.grant->ids;
        if (c.in_use(ids))
            return "a process uses ids of the range";
        for (const StoredIds& store : c.facts.scan.stores)
            for (const auto* owners : {&store.uids, &store.gids})
                if (const auto it = owners->lower_bound(
                        static_cast<std::uint32_t>(std::min<std::uint64_t>(ids.start, 0xffffffffU)));
                    it != owners->end() && ids.contains(it->first))
                    return it->second + " belongs to an id of the range";
    }
    return "";
}

// Whether some reader gives the line to another owner, who would lose ids with it.
bool read_for_another(const host::SubidLine& line) {
    std::optional<std::string_view> owner;
    for (const auto view : host::subid_views)
        if (const host::SubidEntry* entry = line.in(view)) {
            if (owner.value_or(entry->owner) != entry->owner)
                return true;
            owner = entry->owner;
        }
    return false;
}

Fix stale_fix(const Context& c, const std::vector<Line>& lines) {
    const auto for_another = [&](const Line& l) { return read_for_another(c.line(l.kind, *l.grant)); };
    if (std::ranges::any_of(lines, for_another))
        return by_hand(
            "write the lines in the one form that all readers take alike (subuid.parser-divergence)");
    const std::string obstacle = in_use(c, lines);
    if (!obstacle.empty())
        return by_hand("find out whether anything still needs the range, then remove the lines: " + obstacle);
    Edits edits;
    for (const Line& l : lines)
        edits.remove(l.kind, std::string(c.line(l.kind, *l.grant).text));
    return live_fix("remove the lines of the owner that does not exist", edits.changes());
}

// The next account that useradd makes may get a number of the regular range; a name only on purpose.
Severity stale_severity(const Context& c, const Owner& o) {
    const auto number = parse_u64(o.text);
    const auto regular = c.facts.login_defs ? c.facts.login_defs->defs.regular_uids() : Range{1000, 60001};
    const bool canonical = number && std::to_string(*number) == o.text;  // as shadow writes a uid
    return canonical && regular && regular->contains(*number) ? Severity::high : Severity::medium;
}

}  // namespace

namespace {

// More of them than can be listed are one finding with one fix.
void judge_many_stale(const Context& c, const OwnersLines& all, Verdict& v) {
    std::vector<std::uint32_t> owners;
    for (const auto& entry : all.listed)
        owners.push_back(entry.first);
    owners.insert(owners.end(), all.more.begin(), all.more.end());
    std::vector<bool> unresolved(c.owners.size());
    auto severity = Severity::medium;
    for (const auto index : owners) {
        unresolved[index] = true;
        severity = std::max(severity, stale_severity(c, c.owners[index]));
    }
    std::vector<Line> lines;
    for (const IdKind kind : id_kinds)
        for (const Grant& g : c.grants[index_of(kind)])
            if (unresolved[g.owner] && c.counts(g))
                lines.push_back({kind, &g});
    v.fail(names_of(c, owners), std::to_string(owners.size()) + " owners are no accounts",
           evidence_of(c, lines, "an account of that name or number"), stale_fix(c, lines), severity);
}

}  // namespace

Findings judge_stale_owner(const Context& c) {
    Verdict v("subuid.stale-owner");
    c.note_gaps(v);
    if (!c.facts.accounts) {
        v.unknown("/etc/passwd", c.facts.accounts.error().message);
        return std::move(v).finish(Status::unknown, "");
    }
    auto all = lines_of(c, [&](const Owner& o) { return stale(c, o) && renamed_to(c, o) == nullptr; });
    const std::string unseen = c.unseen_users();
    if (!all.more.empty() && unseen.empty()) {
        judge_many_stale(c, all, v);
        all = {};
    }
    for (const auto& [index, lines] : all.listed) {
        const Owner& o = c.owners[index];
        if (!unseen.empty())
            v.unknown(o.label(), "no file has this account, but " + unseen);
        else
            v.fail(o.label(), "no account is called " + o.label(),
                   evidence_of(c, lines, "an account of that name or number"), stale_fix(c, lines),
                   stale_severity(c, o));
    }
    return std::move(v).finish(c.empty() ? Status::not_applicable : Status::pass,
                               c.empty() ? "no user has a range" : "every owner of a range is an account");
}

Findings judge_rename_orphan(const Context& c) {
    Verdict v("subuid.rename-orphan");
    c.note_gaps(v);
    if (!c.facts.accounts)
        v.unknown("/etc/passwd", c.facts.accounts.error().message);
    if (!c.facts.former_accounts)
        v.unknown("earlier passwd", c.facts.former_accounts.error().message);
    const bool no_backup = c.facts.former_accounts && !*c.facts.former_accounts;
    const auto all = lines_of(
        c, [&](const Owner& o) { return stale(c, o) && (no_backup || renamed_to(c, o) != nullptr); });
    v.fail_uncounted(no_backup ? 0 : all.more.size(), Severity::medium);
    for (const auto& [index, lines] : all.listed) {
        const Owner& o = c.owners[index];
        if (no_backup) {
            v.unknown(o.label(),
                      "there is no earlier passwd that could tell whether this account was renamed");
            continue;
        }
        const host::User* now = renamed_to(c, o);
        Edits edits;
        for (const Line& l : lines) {
            const auto text = c.line(l.kind, *l.grant).text;
            edits.replace(l.kind, std::string(text), with_owner(text, now->name));
        }
        auto evidence = evidence_of(c, lines, "the owner " + printable(now->name));
        const std::string& before = (*c.facts.former_accounts)->user(o.text)->source;
        evidence.push_back({now->source,
                            "uid " + std::to_string(now->uid) + " is now " + printable(now->name),
                            before + " has it as " + o.label()});
        // What is older than the last change may tell of two accounts that had one number in turn.
        const bool recent = before.starts_with("/etc/passwd-:");
        v.fail(o.label(), o.label() + " was renamed to " + printable(now->name) + ", the ranges were not",
               std::move(evidence),
               recent
                   ? live_fix("write the new name into the lines", edits.changes())
                   : by_hand("write the new name into the lines, when it is still the same user's account"));
    }
    return std::move(v).finish(c.empty() ? Status::not_applicable : Status::pass,
                               c.empty() ? "no user has a range" : "no range stands under a former name");
}

namespace {

bool all_digits(std::string_view s) {
    return !s.empty() && std::ranges::all_of(s, [](char ch) { return ch >= '0' && ch <= '9'; });
}

struct Styles {
    std::vector<Line> by_number;
    bool by_name{false};
};

std::string_view owner_text(const host::SubidLine& l) {
    for (const auto view : host::subid_views)
        if (const host::SubidEntry* entry = l.in(view))
            return entry->owner;
    return "";
}

Fix to_name_fix(const Context& c, const std::vector<Line>& lines, const host::User& user) {
    Edits edits;
    for (const Line& l : lines) {
        const auto& line = c.line(l.kind, *l.grant);
        if (!c.movable(line))
            return by_hand(
                "write the lines in plain decimal first (subuid.parser-divergence), under a name that is "
                "nobody's "
                "number");
        edits.replace(l.kind, std::string(line.text), with_owner(line.text, user.name));
    }
    return live_fix("write the name in place of the number", edits.changes());
}

}  // namespace

Findings judge_numeric_vs_name(const Context& c) {
    Verdict v("subuid.numeric-vs-name");
    c.note_gaps(v);
    if (!c.facts.accounts)
        v.unknown("/etc/passwd", c.facts.accounts.error().message);
    std::map<std::uint32_t, Styles> owners;
    const auto accounts = lines_of(c, [](const Owner& o) { return o.uid.has_value(); }, c.owners.size());
    for (const auto& [index, lines] : accounts.listed)
        for (const Line& l : lines) {
            auto& styles = owners[index];
            if (all_digits(owner_text(c.line(l.kind, *l.grant))))
                styles.by_number.push_back(l);
            else
                styles.by_name = true;
        }
    for (const auto& [index, styles] : owners) {
        const Owner& o = c.owners[index];
        const host::User* user = c.facts.accounts->user(*o.uid);
        if (user == nullptr || styles.by_number.empty())
            continue;
        const bool ambiguous = all_digits(user->name);
        if (!ambiguous && !styles.by_name)
            continue;
        if (v.full()) {
            v.fail_uncounted(1, Severity::low);
            continue;
        }
        v.fail(o.label(),
               ambiguous ? "the account name " + o.label() + " is a number, so readers may take it for a uid"
                         : o.label() + " is listed by name and by number",
               evidence_of(c, styles.by_number,
                           ambiguous ? "an account name with a letter" : "the name " + o.label()),
               ambiguous
                   ? by_hand("rename the account (usermod --login), then write the new name into the lines")
                   : to_name_fix(c, styles.by_number, *user));
    }
    return std::move(v).finish(c.empty() ? Status::not_applicable : Status::pass,
                               c.empty() ? "no user has a range" : "every account is listed in one way");
}

}  // namespace plimsoll::modules::subuid
