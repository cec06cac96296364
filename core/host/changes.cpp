// SPDX-License-Identifier: Apache-2.0
#include "core/host/changes.hpp"

#include "core/base/digest.hpp"
#include "core/base/path.hpp"
#include "core/base/text.hpp"
#include "core/host/account_lock.hpp"
#include "core/host/stop_container.hpp"

#include <algorithm>
#include <limits>

namespace plimsoll::host {
namespace {

using Kind = FileImage::Kind;
constexpr std::uint64_t ids_end = std::uint64_t{1} << 32;

Result<void> check_path(const std::string& path) {
    bool dotted = false;
    for (const auto part : split(path, '/'))
        dotted = dotted || part == "." || part == "..";
    if (!path.starts_with('/') || path.ends_with('/') || dotted || path.find('\0') != std::string::npos)
        return fail(Code::invalid_input, "'" + printable(path) + "' is not an absolute path of a file");
    return {};
}

Failure wrong_kind(const std::string& path, Kind kind, std::string_view wanted) {
    return fail(Code::integrity,
                path + ": is a " + std::string(name_of(kind)) + ", not " + std::string(wanted));
}

FileImage of_caller(Kind kind, std::uint32_t mode) {
    return {kind, mode, ::geteuid(), ::getegid()};
}

FileImage with_content(FileImage image, std::string content) {
    if (image.xattrs)
        std::erase_if(*image.xattrs, [](const auto& x) { return speaks_of_content(x.first); });
    image.content = std::move(content);
    return image;
}

Draft one_file(std::string path, FileImage before, FileImage after) {
    Draft out;
    out.files.push_back({std::move(path), std::move(before), std::move(after)});
    return out;
}

// ---- one function for each alternative ----

Result<Draft> draft(const View& view, const policy::WriteFile& c) {
    PLIMSOLL_CHECK(check_path(c.path));
    PLIMSOLL_TRY(auto before, view.file(c.path));
    if (before.kind != Kind::absent && before.kind != Kind::regular)
        return wrong_kind(c.path, before.kind, "a regular file");
    const bool exists = before.kind == Kind::regular;
    if (exists && before.content == c.content)
        return Draft{};
    if (c.expect && (exists ? sha256(before.content) : "") != *c.expect)
        return fail(Code::busy, c.path + ": changed since it was observed");
    FileImage after = exists ? before : FileImage{Kind::regular, c.mode, c.uid, c.gid};
    return one_file(c.path, std::move(before), with_content(std::move(after), c.content));
}

Result<Draft> draft(const View& view, const policy::RemoveFile& c) {
    PLIMSOLL_CHECK(check_path(c.path));
    PLIMSOLL_TRY(auto before, view.file(c.path));
    if (before.kind == Kind::absent)
        return Draft{};
    if (before.kind == Kind::directory)
        return wrong_kind(c.path, before.kind, "a file or symlink");
    return one_file(c.path, std::move(before), FileImage{});
}

Result<Draft> draft(const View& view, const policy::MakeSymlink& c) {
    PLIMSOLL_CHECK(check_path(c.path));
    if (c.target.empty() || c.target.find('\0') != std::string::npos)
        return fail(Code::invalid_input, c.path + ": a symlink needs a target");
    PLIMSOLL_TRY(auto before, view.file(c.path));
    if (before.kind == Kind::directory)
        return wrong_kind(c.path, before.kind, "a file or symlink");
    if (before.kind == Kind::symlink && before.content == c.target)
        return Draft{};
    return one_file(c.path, std::move(before), with_content(of_caller(Kind::symlink, 0777), c.target));
}

Result<Draft> draft(const View& view, const policy::MakeDirectory& c) {
    PLIMSOLL_CHECK(check_path(c.path));
    PLIMSOLL_TRY(auto before, view.file(c.path, false));
    if (before.kind == Kind::directory)
        return Draft{};
    if (before.kind == Kind::symlink) {
        // As /home on an OSTree host. Whether it may be followed is for those who write below it to decide.
        const auto target = view.host().root().stat(c.path);
        if (target && S_ISDIR(target->st_mode))
            return Draft{};
    }
    if (before.kind != Kind::absent)
        return wrong_kind(c.path, before.kind, "a directory");
    return one_file(c.path, std::move(before), {Kind::directory, c.mode, c.uid, c.gid});
}

Result<FileDraft> draft_lines(const View& view, const policy::EditLines& c) {
    PLIMSOLL_TRY(auto before, view.file(c.path));
    // Who may read the others is not for us to guess; subuid and subgid may be missing on a fresh host.
    if (before.kind == Kind::absent && is_keyed_database(c.path))
        return fail(Code::not_found, c.path + ": no such file");
    if (before.kind != Kind::absent && before.kind != Kind::regular)
        return wrong_kind(c.path, before.kind, "a regular file");
    PLIMSOLL_TRY(auto edited, edit_lines(before.content, c));
    FileImage after =
        before.kind == Kind::regular ? before : with_content(of_caller(Kind::regular, 0644), "");
    after = with_content(std::move(after), std::move(edited.content));
    return FileDraft{c.path, std::move(before), std::move(after), false, std::move(edited.edit)};
}

bool changes_lines(const FileDraft& d) {
    return !d.lines->added.empty() || !d.lines->removed.empty();
}

Result<Draft> draft(const View& view, const policy::EditLines& c) {
    if (!is_account_database(c.path))
        return fail(Code::internal, c.path + ": not an account database");
    PLIMSOLL_TRY(auto file, draft_lines(view, c));
    Draft out;
    if (changes_lines(file))
        out.files.push_back(std::move(file));
    return out;
}

Result<void> check_range(const policy::AllocateRange& c) {
    if (c.owner.empty() || c.owner.find_first_of(std::string_view(":\n\0 \t#", 6)) != std::string::npos)
        return fail(Code::invalid_input, "'" + printable(c.owner) + "' cannot own a range");
    if (c.count == 0 || c.count >= ids_end || c.start == 0 || c.start > ids_end - 1 - c.count)
        return fail(Code::invalid_input, "the range " + std::to_string(c.start) + "+" +
                                             std::to_string(c.count) +
                                             " is not one of 32-bit ids without root's");
    if (!c.subuid && !c.subgid)
        return fail(Code::internal, "a range for neither uids nor gids");
    return {};
}

// Ids stay their owner's for ever: after an undo he may have them again, and nobody else.
Result<void> check_ledger(const View& view, const policy::AllocateRange& c) {
    const Range wanted = range_of(c.start, c.count);
    PLIMSOLL_TRY(const auto ledger, view.ledger());
    for (const auto& e : ledger) {
        const bool same_kind = (e.uid && c.subuid) || (e.gid && c.subgid);
        if (same_kind && e.owner != c.owner && e.range.intersects(wanted))
            return fail(Code::busy, "the range " + std::to_string(c.start) + "+" + std::to_string(c.count) +
                                        " was given to '" + printable(e.owner) + "' before");
    }
    return {};
}

Result<FileDraft> draft_grant(const View& view, const policy::AllocateRange& c, const std::string& path) {
    const std::string line = c.owner + ":" + std::to_string(c.start) + ":" + std::to_string(c.count);
    PLIMSOLL_TRY(auto file, draft_lines(view, {path, {}, {line}}));
    // The very line is there already: nothing to do, not a conflict.
    if (changes_lines(file) &&
        occupied(parse_subid(file.before.content, path)).intersects(range_of(c.start, c.count)))
        return fail(Code::busy, path + ": the range " + std::to_string(c.start) + "+" +
                                    std::to_string(c.count) + " was taken meanwhile");
    return file;
}

Result<Draft> draft(const View& view, const policy::AllocateRange& c) {
    PLIMSOLL_CHECK(check_range(c));
    PLIMSOLL_CHECK(check_ledger(view, c));
    Draft out;
    for (const auto& path : databases_of(c)) {
        PLIMSOLL_TRY(auto file, draft_grant(view, c, path));
        if (changes_lines(file))
            out.files.push_back(std::move(file));
    }
    if (!out.files.empty())
        out.ledger.push_back({c.owner, range_of(c.start, c.count), c.subuid, c.subgid});
    return out;
}

Result<Draft> draft(const View& view, const policy::SetMetadata& c) {
    PLIMSOLL_CHECK(check_path(c.path));
    PLIMSOLL_TRY(auto before, view.file(c.path, false));
    if (before.kind == Kind::absent)
        return fail(Code::not_found, c.path + ": no such file");
    if (before.kind == Kind::symlink)
        return wrong_kind(c.path, before.kind, "a file or directory");
    if (c.mode && *c.mode > 07777)
        return fail(Code::invalid_input, c.path + ": no such mode");
    FileImage after = before;
    after.mode = c.mode.value_or(before.mode);
    after.uid = c.uid.value_or(before.uid);
    after.gid = c.gid.value_or(before.gid);
    if (c.drop_acl && after.xattrs)
        after.xattrs->erase(acl_xattr);
    Draft out;
    if (after != before)
        out.files.push_back({c.path, std::move(before), std::move(after), true});
    return out;
}

Result<Draft> draft(const View& view, const policy::SetKnob& c) {
    PLIMSOLL_CHECK(check_path(c.path));
    if (!c.path.starts_with("/proc/sys/"))
        return fail(Code::internal, c.path + ": not below /proc/sys");
    if (!view.host().live())
        return fail(Code::unsupported, c.path + ": not a running host");
    PLIMSOLL_TRY(auto before, view.knob(c.path));
    Draft out;
    if (words(before) != words(c.value))
        out.knob = {c.path, std::move(before), c.value};
    return out;
}

Result<Draft> draft(const View& view, const policy::UnitAction& c) {
    const bool reload = c.verb == policy::UnitAction::Verb::reload_manager;
    if (c.unit.empty() != reload)
        return fail(Code::internal, "a unit action needs a unit, a reload none");
    Draft out;
    if (view.host().live())
        out.unit = c;
    return out;
}

Result<Draft> draft(const View& view, const policy::StopContainer& c) {
    if (!view.host().live())
        return fail(Code::unsupported, "stop a container: not a running host");
    PLIMSOLL_CHECK(check_container(view.host().root(), c));
    Draft out;
    out.stop = c;
    return out;
}

Result<Draft> draft(const View& view, const policy::SetLinger& c) {
    if (c.user.empty() || c.user == "." || c.user == ".." ||
        c.user.find_first_of(std::string_view("/\0", 2)) != std::string::npos)
        return fail(Code::invalid_input, "'" + printable(c.user) + "' is not the name of a user's file");
    const std::string path = target_of(c);
    PLIMSOLL_TRY(auto out, c.linger ? draft(view, policy::WriteFile{.path = path, .content = ""})
                                    : draft(view, policy::RemoveFile{path}));
    // What the file holds plays no part, only that it is there.
    if (c.linger && !out.empty() && out.files.front().before.kind == Kind::regular)
        return Draft{};
    if (view.host().live() && !out.empty())
        out.linger_of = c.uid;
    return out;
}

}  // namespace

Result<FileImage> View::file(const std::string& path, bool content) const {
    const auto laid = files_.find(path);
    auto image =
        laid != files_.end() ? Result<FileImage>(laid->second) : capture(host_->root(), path, content);
    const auto metadata = metadata_.find(path);
    if (!image || metadata == metadata_.end() || image->kind != metadata->second.kind)
        return image;
    FileImage out = metadata->second;
    out.content = std::move(image->content);
    return out;
}

Result<std::string> View::knob(const std::string& path) const {
    if (const auto laid = knobs_.find(path); laid != knobs_.end())
        return laid->second;
    return host_->root().read(path);
}

Result<std::vector<LedgerEntry>> View::ledger() const {
    PLIMSOLL_TRY(auto entries, host_->ledger().read(host_->root(), ledger_path(state_dir_)));
    entries.insert(entries.end(), given_.begin(), given_.end());
    return entries;
}

void View::lay_over(const Draft& draft) {
    for (const auto& f : draft.files) {
        if (!f.metadata_only) {
            files_[f.path] = f.after;
            metadata_.erase(f.path);  // `after` has it
        } else {
            metadata_[f.path] = f.after;
        }
    }
    if (draft.knob)
        knobs_[draft.knob->path] = draft.knob->after;
    given_.insert(given_.end(), draft.ledger.begin(), draft.ledger.end());
}

Result<Draft> draft_change(const View& view, const policy::Change& change) {
    PLIMSOLL_TRY(auto out, std::visit([&](const auto& c) { return draft(view, c); }, change));
    for (const FileDraft& f : out.files) {
        if (f.metadata_only)
            continue;
        PLIMSOLL_TRY(const auto taken, taken_by_replacing(view.host(), f.path, f.before, f.after));
        out.ledger.insert(out.ledger.end(), taken.begin(), taken.end());
    }
    return out;
}

namespace {

std::string without_double_slashes(std::string path) {
    const auto rest = std::ranges::unique(path, [](char a, char b) { return a == '/' && b == '/'; });
    path.erase(rest.begin(), rest.end());
    return path;
}

}  // namespace

Result<std::vector<LedgerEntry>> taken_by_replacing(const Host& host, const std::string& path,
                                                    const FileImage& before, const FileImage& after) {
    const std::string plain_path = without_double_slashes(path);
    const bool uid = plain_path == "/etc/subuid";
    if (!uid && plain_path != "/etc/subgid")
        return std::vector<LedgerEntry>{};
    std::string old = before.kind == Kind::regular ? before.content : "";
    if (before.kind == Kind::symlink) {
        auto text = host.root().read(path);
        if (!text && text.error().code != Code::not_found)
            return Failure(text.error());
        old = std::move(text).value_or("");
    }
    return taken_away(old, after.kind == Kind::regular ? after.content : "", uid);
}

std::vector<std::string> databases_of(const policy::Change& change) {
    std::vector<std::string> out;
    if (const auto* range = std::get_if<policy::AllocateRange>(&change)) {
        if (range->subuid)
            out.emplace_back("/etc/subuid");
        if (range->subgid)
            out.emplace_back("/etc/subgid");
    } else if (const auto path = target_of(change); is_account_database(path)) {
        out.push_back(path);
    }
    return out;
}

bool is_account_database(const std::string& path) {
    return std::ranges::find(account_databases(), path) != account_databases().end();
}

bool is_keyed_database(const std::string& path) {
    return is_account_database(path) && path != "/etc/subuid" && path != "/etc/subgid";
}

bool is_secret(const std::string& path) {
    const std::string_view name = base_name(path);
    return name == "shadow" || name == "gshadow" || name == "shadow-" || name == "gshadow-";
}

}  // namespace plimsoll::host
