// SPDX-License-Identifier: Apache-2.0
// A17: login.defs, from which useradd takes the ranges of new users.
#include "core/base/digest.hpp"
#include "core/base/text.hpp"
#include "modules/subuid/judge.hpp"

#include <algorithm>

namespace plimsoll::modules::subuid {

using policy::Evidence;
using policy::Fix;
using policy::Status;

namespace {

constexpr std::uint64_t max_id = (std::uint64_t{1} << 31U) - 1;

// shadow's built-in values (lib/find_new_sub_uids.c, lib/find_new_sub_gids.c).
constexpr std::uint64_t builtin_count = 65536;

struct Window {
    std::uint64_t min;
    std::uint64_t max;
};

constexpr Window builtin{100000, 600100000};
constexpr Window builtin_deterministic{65536, 4294967295};

constexpr std::array<std::string_view, 2> prefixes{"SUB_UID", "SUB_GID"};  // by IdKind

std::string prefix_of(IdKind kind) {
    return std::string(prefixes[index_of(kind)]);
}

// One key that has to be another.
struct Correction {
    std::string key;
    std::string value;     // what the fix writes
    std::string expected;  // what a person reads
};

using Corrections = std::vector<Correction>;

// The number that counts for `key`; nullopt: what stands there is none, and shadow goes on without it.
std::optional<std::uint64_t> value_of(const host::LoginDefs& defs, const std::string& key,
                                      std::uint64_t fallback) {
    const auto n = defs.number(key);
    return n ? std::optional(n->value_or(fallback)) : std::nullopt;
}

// getdef_bool(): "yes" in any case; everything else is no.
bool says_yes(const host::LoginDefs& defs, const std::string& key) {
    const auto it = defs.settings.find(key);
    if (it == defs.settings.end() || it->second.value.size() != 3)
        return false;
    std::string lower = it->second.value;
    std::ranges::transform(lower, lower.begin(), [](char ch) {
        return ch >= 'A' && ch <= 'Z' ? static_cast<char>(ch - 'A' + 'a') : ch;
    });
    return lower == "yes";
}

// MIN, MAX and COUNT of one kind: MAX is judged with the values that the others have or get.
void check_window(const Params& p, const host::LoginDefs& defs, const std::string& sub, Corrections& out) {
    const auto min_start = static_cast<std::uint64_t>(p.alloc_min_start);
    const auto min_count = static_cast<std::uint64_t>(p.alloc_min_count);
    const Window unset = says_yes(defs, sub + "_DETERMINISTIC") ? builtin_deterministic : builtin;
    auto count = value_of(defs, sub + "_COUNT", builtin_count);
    if (!count || *count < min_count || *count > max_id) {
        count = std::max(min_count, builtin_count);
        out.push_back({sub + "_COUNT", std::to_string(*count), "at least " + std::to_string(min_count)});
    }
    auto min = value_of(defs, sub + "_MIN", unset.min);
    if (!min || *min < min_start || *min > max_id) {
        min = std::max(min_start, builtin.min);
        out.push_back({sub + "_MIN", std::to_string(*min), "at least " + std::to_string(min_start)});
    }
    const auto max = value_of(defs, sub + "_MAX", unset.max);
    if (!max || *max > max_id || *max < *min + *count - 1)
        out.push_back({sub + "_MAX", std::to_string(*min + *count - 1 <= builtin.max ? builtin.max : max_id),
                       "at most 2147483647, with room for " + std::to_string(*count) + " ids"});
}

Corrections corrections(const Params& p, const host::LoginDefs& defs) {
    Corrections out;
    for (const IdKind kind : id_kinds) {
        check_window(p, defs, prefix_of(kind), out);
        if (const auto wrap = "UNSAFE_" + prefix_of(kind) + "_DETERMINISTIC_WRAP"; says_yes(defs, wrap))
            out.push_back({wrap, "no", "no: ranges that wrap overlap others"});
    }
    if (says_yes(defs, "GRANT_AUX_GROUP_SUBIDS"))
        out.push_back({"GRANT_AUX_GROUP_SUBIDS", "no", "no: newgidmap then asks for the primary group"});
    return out;
}

std::vector<Evidence> evidence_of(const host::LoginDefs& defs, const Corrections& wrong,
                                  const std::string& path) {
    std::vector<Evidence> out;
    for (const Correction& w : wrong) {
        const auto it = defs.settings.find(w.key);
        if (it == defs.settings.end())
            out.push_back({path, w.key + " has its built-in value", w.key + " " + w.expected});
        else
            out.push_back({it->second.source, w.key + " " + printable(it->second.value, 60), w.expected});
    }
    return out;
}

// `text` with the line that counts for `key` replaced, or one appended; everything else as it was.
std::string with_setting(const std::string& text, const std::string& key, const std::string& value) {
    const auto defs = host::parse_login_defs(text, "");
    const auto it = defs.settings.find(key);
    const auto at = it == defs.settings.end() ? 0 : parse_u64(it->second.source.substr(1)).value_or(0);
    const std::string line = key + "\t" + value;
    std::string out;
    std::uint64_t number = 0;
    for (const auto old : split_lines(text))
        out += (++number == at ? line : std::string(old)) + "\n";
    if (at == 0)
        return out + line + "\n";
    if (!text.ends_with('\n'))
        out.pop_back();
    return out;
}

Fix edit_base(const AllocDefs& defs, const Corrections& wrong) {
    if (defs.base_is_link)
        return by_hand("correct the keys in the file that " + defs.base + " links to");
    std::string text = defs.base_text;
    for (const Correction& w : wrong)
        text = with_setting(text, w.key, w.value);
    // The vendor's file stays: /etc/login.defs takes its place as a whole, so it starts as a copy.
    const bool in_etc = defs.base == "/etc/login.defs";
    return live_fix(
        "correct the keys in /etc/login.defs",
        {policy::WriteFile{"/etc/login.defs", text, 0644, 0, 0, in_etc ? sha256(defs.base_text) : ""}});
}

// Whether these settings bring the key's built-in value into force.
bool brings(const host::LoginDefs& d, const std::string& key) {
    const std::string sub = key.substr(0, prefixes.front().size());
    return key.starts_with("SUB_") && says_yes(d, sub + "_DETERMINISTIC");
}

// Drop-ins only count for some builds, so that what each sets has to be right by itself.
void judge_drop_ins(const Context& c, const AllocDefs& defs, Verdict& v) {
    host::LoginDefs merged = defs.defs;
    for (const host::LoginDefs& d : defs.drop_ins) {
        for (const auto& [key, setting] : d.settings)
            merged.settings.insert_or_assign(key, setting);
        auto wrong = corrections(c.params, d);
        std::erase_if(wrong, [&](const Correction& w) {
            return !d.settings.contains(w.key) && (!brings(d, w.key) || merged.settings.contains(w.key));
        });
        if (wrong.empty())
            continue;
        const std::string& source = d.settings.begin()->second.source;
        const std::string path = source.substr(0, source.rfind(':'));
        v.fail(path, path + " makes useradd give out unsafe or too small ranges", evidence_of(d, wrong, path),
               by_hand("correct or remove the keys in " + path));
    }
}

// SUB_UID_DETERMINISTIC: start = SUB_UID_MIN + (uid - UID_MIN) * SUB_UID_COUNT, and for subgid, by the uid as
// well, SUB_GID_DETERMINISTIC; lines that follow another rule will be run into.
void judge_deterministic(const Context& c, IdKind kind, const host::LoginDefs& defs, Verdict& v) {
    const std::string sub = prefix_of(kind);
    const auto regular = defs.regular_uids();
    const auto min = value_of(defs, sub + "_MIN", builtin_deterministic.min);
    const auto count = value_of(defs, sub + "_COUNT", builtin_count);
    if (!says_yes(defs, sub + "_DETERMINISTIC") || !regular || !min || !count)
        return;
    std::vector<std::pair<const Grant*, Range>> astray;
    for (const Grant& g : c.grants[index_of(kind)]) {
        const auto& uid = c.owners[g.owner].uid;
        if (!uid || !regular->contains(*uid) || (g.views & shadow_bit) == 0)
            continue;
        const Range due = range_of(*min + (*uid - regular->start) * *count, *count);
        if (g.ids != due)
            astray.emplace_back(&g, due);
    }
    if (!astray.empty())
        v.fail(
            "deterministic " + std::string(noun_of(kind)),
            "lines do not follow the deterministic rule that login.defs sets",
            some_evidence(
                astray,
                [&](const auto& line) { return c.evidence(kind, *line.first, text_of(line.second)); }),
            by_hand("turn " + sub + "_DETERMINISTIC off, or move these ranges to where the rule puts them"));
}

}  // namespace

Findings judge_alloc_policy(const Context& c) {
    Verdict v("subuid.alloc-policy");
    if (!c.facts.login_defs) {
        v.unknown("/etc/login.defs", c.facts.login_defs.error().message);
        return std::move(v).finish(Status::unknown, "");
    }
    const AllocDefs& defs = *c.facts.login_defs;
    const auto wrong = corrections(c.params, defs.defs);
    if (!wrong.empty()) {
        const std::string path = defs.base.empty() ? "/etc/login.defs" : defs.base;
        v.fail(path, "useradd gives out unsafe or too small ranges", evidence_of(defs.defs, wrong, path),
               edit_base(defs, wrong));
    }
    judge_drop_ins(c, defs, v);
    for (const IdKind kind : id_kinds)
        judge_deterministic(c, kind, defs.defs, v);
    return std::move(v).finish(Status::pass, "useradd gives new users safe ranges of sufficient size");
}

}  // namespace plimsoll::modules::subuid
