// SPDX-License-Identifier: Apache-2.0
// A12 and A13: how the files are written, and whose they are.
#include "core/base/text.hpp"
#include "core/host/c_number.hpp"
#include "modules/subuid/judge.hpp"

#include <algorithm>
#include <map>

#include <sys/stat.h>

namespace plimsoll::modules::subuid {

using host::SubidEntry;
using host::SubidLine;
using host::SubidView;
using policy::Evidence;
using policy::Fix;
using policy::Severity;
using policy::Status;

namespace {

constexpr std::size_t go_line_max = std::size_t{64} * 1024;

// Weighing a line looks at all others; an owner with more odd lines needs a person anyway.
constexpr std::size_t max_rewritten_lines = 16;

// What a reader makes of a line: for whom, and which ids.
struct Reading {
    std::string_view owner;
    RangeSet ids;
    bool operator==(const Reading&) const = default;
};

Reading reading(const SubidEntry* entry, SubidView view) {
    if (entry == nullptr)
        return {};
    auto ids = host::handed_out(*entry, view);
    // Who gets nothing is nobody: a comment line is no entry of an owner "# …".
    return ids.ranges().empty() ? Reading{} : Reading{entry->owner, std::move(ids)};
}

// Each line is judged by itself: in the file its Go view may be missing because of another line.
Reading reading(const SubidLine& line, SubidView view) {
    return reading(line.by_itself(view), view);
}

bool refused_by_go(const SubidLine& line) {
    return line.text.size() >= go_line_max || !line.refused(SubidView::go).empty();
}

bool divergent(const SubidLine& line) {
    const auto shadow = reading(line, SubidView::shadow);
    return refused_by_go(line) || shadow != reading(line, SubidView::go) ||
           shadow != reading(line, SubidView::moby);
}

std::string describe(const SubidLine& line) {
    std::string out = printable(line.text, 120);
    for (const SubidView v : host::subid_views) {
        const auto r = reading(line, v);
        out += "; " + std::string(host::subid_view_names[static_cast<std::size_t>(v)]) + ": ";
        if (!r.ids.ranges().empty())
            out += text_of(r.ids.ranges().front()) + " for " + printable(r.owner, 60);
        else
            out += line.refused(v).empty() ? "nothing" : "refused, " + printable(line.refused(v), 60);
    }
    return out;
}

// A number that every person would read the same: decimal without a leading 0, or hexadecimal with 0x.
std::optional<std::uint64_t> unmistakable(std::string_view s) {
    s = trim(s);
    if (s.size() > 1 && s.front() == '0' && s[1] != 'x' && s[1] != 'X')
        return std::nullopt;
    const auto n = host::c_number(s);
    if (!n.ok() || n.value < 0 || s.empty() || s.front() == '+' || s.front() == '-')
        return std::nullopt;
    return static_cast<std::uint64_t>(n.value);
}

// The line in the one form that all readers take alike; nullopt: its meaning is not beyond doubt.
std::optional<SubidEntry> intent(const SubidLine& line) {
    if (line.text.size() >= 1024 || line.text.find('\0') != std::string_view::npos)
        return std::nullopt;
    const auto fields = split(trim(line.text), ':');
    if (fields.size() < 3)
        return std::nullopt;
    const auto owner = trim(fields[0]);
    const auto start = unmistakable(fields[1]);
    const auto count = unmistakable(fields[2]);
    if (owner.empty() || owner.front() == '#' || owner.front() == '+' || owner.front() == '-' || !start ||
        !count || *count == 0)
        return std::nullopt;
    return SubidEntry{owner, *start, *count};
}

// A comment that shadow takes for an entry, made one that nobody does.
std::string harmless_comment(std::string text) {
    std::ranges::replace(text, ':', ' ');
    return text;
}

struct Odd {
    IdKind kind;
    SubidLine line;
};

class DivergenceJudge {
  public:
    explicit DivergenceJudge(const Context& c) : c_(c) {}

    void collect() {
        for (const IdKind kind : id_kinds) {
            if (!c_.readable(kind))
                continue;
            for (const SubidLine& l : c_.facts.files[index_of(kind)]->content.lines) {
                if (l.readings ? divergent(l) : !l.agreed() && divergent(l))
                    by_owner_[subject(l)].push_back({kind, l});
            }
        }
    }

    void judge(Verdict& v) const {
        for (const auto& [owner, lines] : by_owner_) {
            const auto severity = severity_of(lines);
            if (v.full()) {
                v.fail_uncounted(1, severity);
                continue;
            }
            v.fail(owner, "a line of " + owner + " is read differently by different programs",
                   some_evidence(lines,
                                 [](const Odd& o) {
                                     return Evidence{path_of(o.kind) + ":" + std::to_string(o.line.number),
                                                     describe(o.line), "OWNER:START:COUNT in plain decimal"};
                                 }),
                   fix(lines), severity);
        }
    }

  private:
    static std::string subject(const SubidLine& line) {
        const auto text = trim(line.text);
        const auto owner = printable(text.substr(0, text.find(':')), 60);
        return owner.empty() ? "(no name)" : owner;
    }

    [[nodiscard]] Severity severity_of(const std::vector<Odd>& lines) const {
        const auto comment = [](const Odd& o) { return trim(o.line.text).starts_with('#'); };
        if (std::ranges::all_of(lines, comment))
            return Severity::low;
        const auto host_root = [&](const Odd& o) {
            const SubidEntry* moby = o.line.by_itself(SubidView::moby);
            return moby != nullptr && host::handed_out(*moby, SubidView::moby).contains(0) &&
                   c_.is_remap_user(Owner{moby->owner});
        };
        return std::ranges::any_of(lines, host_root) ? Severity::critical : Severity::high;
    }

    [[nodiscard]] Fix fix(const std::vector<Odd>& lines) const {
        Edits edits;
        auto hand = by_hand(
            "write the line as OWNER:START:COUNT in plain decimal with the ids that are "
            "meant, or remove it");
        if (lines.size() > max_rewritten_lines)
            return hand;
        for (const Odd& o : lines) {
            const auto rewritten = rewrite(o);
            if (!rewritten)
                return hand;
            edits.replace(o.kind, std::string(o.line.text), *rewritten);
        }
        return live_fix("write the lines in plain decimal", edits.changes());
    }

    // The line as it should be; nullopt: that is for a person to say.
    [[nodiscard]] std::optional<std::string> rewrite(const Odd& o) const {
        const auto text = o.line.text;
        if (text.starts_with('#') && text.find('\0') == std::string_view::npos)
            return harmless_comment(std::string(text));
        const auto meant = intent(o.line);
        const Owner* owner = meant ? c_.owner_named(meant->owner) : nullptr;
        if (owner == nullptr)
            return std::nullopt;
        const Range ids = range_of(meant->start, meant->count);
        const auto index = static_cast<std::uint32_t>(owner - c_.owners.data());
        if (!c_.harmless_line(o.kind, ids, index, o.line.number))
            return std::nullopt;
        return grant_line(meant->owner, ids);
    }

    const Context& c_;
    std::map<std::string, std::vector<Odd>> by_owner_{};
};

}  // namespace

Findings judge_parser_divergence(const Context& c) {
    Verdict v("subuid.parser-divergence");
    bool any = false;
    std::vector<Evidence> notes;
    for (const IdKind kind : id_kinds) {
        const auto& file = c.facts.files[index_of(kind)];
        if (!file) {
            v.unknown(path_of(kind), file.error().message);
            continue;
        }
        any = any || file->present;
        if (file->content.missing_final_newline)
            notes.push_back(
                {path_of(kind), "no newline at the end, so an appended line would join the last", ""});
        if (file->content.has_nul)
            v.fail(path_of(kind), "the file contains NUL bytes, at which shadow joins lines",
                   {{path_of(kind), "NUL bytes", "text"}},
                   by_hand("find out how they came there, and write the file anew"));
    }
    DivergenceJudge judge(c);
    judge.collect();
    judge.judge(v);
    return std::move(v).finish(
        any ? Status::pass : Status::not_applicable,
        any ? "every line means the same to every reader" : "there is neither /etc/subuid nor /etc/subgid",
        std::move(notes));
}

namespace {

std::string octal(std::uint32_t mode) {
    std::string out;
    for (int shift = 9; shift >= 0; shift -= 3)
        out += static_cast<char>('0' + ((mode >> static_cast<unsigned>(shift)) & 7U));
    return out;
}

}  // namespace

bool others_rule(const FileState& directory) {
    const bool group = (directory.mode & S_IWGRP) != 0 && directory.gid != 0;
    const bool everybody = (directory.mode & S_IWOTH) != 0 || directory.acl_writers;
    return directory.uid != 0 || ((group || everybody) && (directory.mode & S_ISVTX) == 0);
}

namespace {

void judge_file(const std::string& path, const FileState& f, Verdict& v) {
    constexpr std::uint32_t others_write = 0022;
    if (!S_ISREG(f.mode)) {
        v.fail(
            path, path + " is " + std::string(host::file_type_name(f.mode)) + ", not a regular file",
            {{path, std::string(host::file_type_name(f.mode)), "a regular file"}},
            by_hand("find out who replaced the file, and put a regular file of root:root, mode 0644, in its "
                    "place"));
        return;
    }
    std::vector<Evidence> evidence;
    policy::SetMetadata change{.path = path};
    if (f.uid != 0 || f.gid != 0) {
        evidence.push_back(
            {path, "owner " + std::to_string(f.uid) + ":" + std::to_string(f.gid), "owner 0:0"});
        change.uid = 0;
        change.gid = 0;
    }
    // With an access list the group bits are its mask, so both are set right together.
    if ((f.mode & others_write) != 0 || f.acl_writers) {
        const auto wanted = f.mode & 07777U & ~others_write;
        evidence.push_back({path, "mode " + octal(f.mode), "mode " + octal(wanted)});
        change.mode = wanted;
    }
    if (f.acl_writers) {
        evidence.push_back({path, "an access list lets others write", "no write permission for others"});
        change.drop_acl = true;
    }
    if (f.links > 1) {
        v.fail(path, path + " has a second name",
               {{path, std::to_string(f.links) + " hard links", "1 hard link"}},
               by_hand("find the other name with `find / -xdev -samefile " + path + "` and remove it"));
        return;
    }
    if (!evidence.empty())
        v.fail(path, "others than root can change " + path, std::move(evidence),
               live_fix("give the file to root alone", {std::move(change)}));
}

// Who can write the directory can put another file in the place of one that only root can write.
void judge_etc(const Result<FileState>& etc, Verdict& v) {
    if (!etc && etc.error().code != Code::not_found)
        v.unknown("/etc", etc.error().message);
    if (!etc || !others_rule(*etc))
        return;
    const auto mode = etc->mode & 07777U & ~0022U;
    v.fail("/etc", "others than root can replace the files in /etc",
           {{"/etc", "owner " + std::to_string(etc->uid) + ", mode " + octal(etc->mode),
             "owner 0, mode " + octal(mode)}},
           live_fix(
               "give /etc to root alone",
               {policy::SetMetadata{.path = "/etc", .mode = mode, .uid = 0, .drop_acl = etc->acl_writers}}));
}

}  // namespace

Findings judge_file_integrity(const Context& c) {
    Verdict v("subuid.file-integrity");
    judge_etc(c.facts.etc_state, v);
    for (const auto& [path, state] : c.facts.file_states) {
        if (state)
            judge_file(path, *state, v);
        else
            v.unknown(path, state.error().message);
    }
    judge_labels(c, v);
    const bool none = c.facts.file_states.empty();
    return std::move(v).finish(
        none ? Status::not_applicable : Status::pass,
        none ? "there is no subordinate id file" : "only root can change the subordinate id files");
}

}  // namespace plimsoll::modules::subuid
