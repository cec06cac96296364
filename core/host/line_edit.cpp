// SPDX-License-Identifier: Apache-2.0
#include "core/host/line_edit.hpp"

#include "core/base/path.hpp"
#include "core/base/text.hpp"

#include <algorithm>
#include <unordered_map>
#include <unordered_set>

namespace plimsoll::host {
namespace {

using Lines = std::vector<std::string_view>;

bool has(const Lines& lines, std::string_view line) {
    return std::ranges::find(lines, line) != lines.end();
}

std::string_view key_of(std::string_view line) {
    return line.substr(0, line.find(':'));
}

// The last line keeps its missing newline only where nothing has taken a place after it.
std::string assemble(const Lines& lines, bool final_newline) {
    std::string out;
    for (const auto line : lines) {
        out += line;
        out += '\n';
    }
    if (!final_newline && !out.empty())
        out.pop_back();
    return out;
}

bool ends_line(std::string_view content) {
    return content.empty() || content.back() == '\n';
}

Result<void> check_lines(const policy::EditLines& change) {
    if (change.replace && change.remove.size() != change.add.size())
        return fail(Code::internal,
                    "edit " + change.path + ": as many lines to replace as replacements are needed");
    for (const auto& line : change.add)
        if (line.find_first_of(std::string_view("\n\0", 2)) != std::string::npos)
            return fail(Code::invalid_input, "edit " + change.path + ": a line with a newline or NUL byte");
    return {};
}

Result<void> check_replaced(const Lines& before, const policy::EditLines& change) {
    for (std::size_t i = 0; change.replace && i < change.remove.size(); ++i)
        if (!has(before, change.remove[i]) && !has(before, change.add[i]))
            return fail(Code::busy, "edit " + change.path + ": the line of '" +
                                        printable(key_of(change.remove[i])) + "' was changed meanwhile");
    return {};
}

// The id of a passwd or group line; nullopt in other files, where it means nothing.
std::optional<std::uint64_t> id_of(std::string_view line) {
    const auto fields = split(line, ':');
    return fields.size() > 2 ? parse_u64(fields[2]) : std::nullopt;
}

// The ids and names of new accounts were chosen before the lock was held: useradd(8) may have been faster.
Result<void> check_unique(const Lines& lines, std::string_view added, const std::string& path) {
    const auto database = base_name(path);
    const bool ids = database == "passwd" || database == "group";
    if (!ids && database != "shadow" && database != "gshadow")
        return {};
    const auto id = ids ? id_of(added) : std::nullopt;
    for (const auto line : lines)
        if (key_of(line) == key_of(added) || (id && id_of(line) == id))
            return fail(Code::busy, "edit " + path + ": the name or id of '" + printable(key_of(added)) +
                                        "' was taken meanwhile, by '" + printable(key_of(line)) + "'");
    return {};
}

// Whether the last line of `before` is still the last of `after`, in its own or a replaced form.
bool keeps_end(const Lines& before, const LineEdit& edit) {
    if (!edit.added.empty() || before.empty())
        return false;
    return edit.removed.empty() || edit.removed.back().index + 1 != before.size() ||
           edit.removed.back().replaced_by;
}

}  // namespace

Result<Edited> edit_lines(std::string_view content, const policy::EditLines& change) {
    PLIMSOLL_CHECK(check_lines(change));
    const Lines before = split_lines(content);
    PLIMSOLL_CHECK(check_replaced(before, change));
    std::unordered_map<std::string_view, std::size_t> unwanted;
    for (std::size_t i = 0; i < change.remove.size(); ++i)
        unwanted.emplace(change.remove[i], i);
    Edited out;
    Lines after;
    for (std::size_t i = 0; i < before.size(); ++i) {
        const auto found = unwanted.find(before[i]);
        const bool same = found != unwanted.end() && change.replace && change.add[found->second] == before[i];
        if (found == unwanted.end() || same) {
            after.push_back(before[i]);
            continue;
        }
        LineEdit::Removed removed{std::string(before[i]), i};
        if (change.replace) {
            removed.replaced_by = change.add[found->second];
            after.push_back(change.add[found->second]);
        }
        out.edit.removed.push_back(std::move(removed));
    }
    for (const auto& line : change.add)
        if (!change.replace && !has(after, line)) {
            PLIMSOLL_CHECK(check_unique(after, line, change.path));
            after.push_back(line);
            out.edit.added.push_back(line);
        }
    out.content = assemble(after, ends_line(content) || !keeps_end(before, out.edit));
    return out;
}

namespace {

Failure changed(std::string_view line) {
    return fail(Code::busy, "the line of '" + printable(key_of(line)) + "' was changed since");
}

Result<void> put_back_replaced(Lines& lines, const LineEdit::Removed& removed) {
    const auto ours = std::ranges::find(lines, *removed.replaced_by);
    if (ours != lines.end())
        *ours = removed.line;
    else if (!has(lines, removed.line))
        return changed(removed.line);
    return {};
}

Result<void> put_back_removed(Lines& lines, const LineEdit::Removed& removed, bool keyed) {
    const auto key = key_of(removed.line);
    if (keyed && std::ranges::any_of(lines, [&](auto line) { return key_of(line) == key; }))
        return changed(removed.line);
    const auto at = std::min<std::size_t>(removed.index, lines.size());
    lines.insert(lines.begin() + static_cast<std::ptrdiff_t>(at), removed.line);
    return {};
}

}  // namespace

Result<std::string> take_back(std::string_view content, const LineEdit& edit, bool keyed) {
    Lines lines = split_lines(content);
    const std::unordered_set<std::string_view> present(lines.begin(), lines.end());
    for (const auto& line : edit.added) {
        const auto last = std::ranges::find(lines.rbegin(), lines.rend(), line);
        if (last != lines.rend())
            lines.erase(std::next(last).base());
    }
    for (const auto& removed : edit.removed) {
        if (removed.replaced_by) {
            PLIMSOLL_CHECK(put_back_replaced(lines, removed));
        } else if (!present.contains(removed.line)) {
            PLIMSOLL_CHECK(put_back_removed(lines, removed, keyed));
        }
    }
    return assemble(lines, ends_line(content));
}

std::optional<bool> contains_edit(std::string_view content, const LineEdit& edit) {
    const Lines lines = split_lines(content);
    std::size_t applied = 0;
    std::size_t absent = 0;
    for (const auto& line : edit.added)
        (has(lines, line) ? applied : absent) += 1;
    for (const auto& removed : edit.removed) {
        const bool old_there = has(lines, removed.line);
        const bool new_there = !removed.replaced_by || has(lines, *removed.replaced_by);
        if (!old_there && !new_there)
            return std::nullopt;
        (old_there ? absent : applied) += 1;
    }
    if (applied != 0 && absent != 0)
        return std::nullopt;
    return applied != 0;
}

}  // namespace plimsoll::host
