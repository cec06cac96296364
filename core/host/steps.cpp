// SPDX-License-Identifier: Apache-2.0
#include "core/host/steps.hpp"

#include "core/base/digest.hpp"
#include "core/base/text.hpp"
#include "core/host/stop_container.hpp"

#include <algorithm>
#include <ranges>

#include <fcntl.h>
#include <linux/magic.h>
#include <sys/vfs.h>

namespace plimsoll::host {
namespace {

using Kind = FileImage::Kind;
using Verb = policy::UnitAction::Verb;

// ---- records ----

StoredImage stored(const FileImage& image, bool with_content) {
    StoredImage out{image};
    if (image.kind == Kind::regular) {
        out.digest = with_content ? sha256(image.content) : "";
        out.image.content.clear();
    }
    return out;
}

// In the record where there is room for it, else as a blob.
Result<void> keep_content(const Workshop& shop, StoredImage& into, const std::string& content,
                          std::size_t& room) {
    if (content.size() > room)
        return shop.journal.keep_content(into.digest, content);
    room -= content.size();
    into.content = content;
    return {};
}

// ---- comparing ----

// Attributes that the kernel keeps by itself say nothing about who changed the file.
std::optional<Xattrs> comparable(const std::optional<Xattrs>& xattrs) {
    if (!xattrs)
        return std::nullopt;
    Xattrs out = *xattrs;
    std::erase_if(out, [](const auto& x) { return speaks_of_content(x.first); });
    return out;
}

bool same_xattrs(const FileImage& now, const FileImage& then) {
    const auto a = comparable(now.xattrs);
    const auto b = comparable(then.xattrs);
    return !a || !b || *a == *b;
}

bool matches(const FileImage& now, const StoredImage& then) {
    if (now.kind != then.image.kind || now.kind == Kind::absent)
        return now.kind == then.image.kind;
    if (now.kind == Kind::symlink)
        return now.content == then.image.content;
    if (now.kind == Kind::regular && !then.digest.empty() && sha256(now.content) != then.digest)
        return false;
    return now.mode == then.image.mode && now.uid == then.image.uid && now.gid == then.image.gid &&
           same_xattrs(now, then.image);
}

bool metadata_only(const FileStep& step) {
    return step.before.image.kind == step.after.image.kind && step.before.digest.empty() &&
           step.before.image.kind != Kind::symlink;
}

// Metadata is set in several calls, so each attribute may be of either side.
Side side_of_metadata(const FileStep& step, const FileImage& now) {
    const FileImage& before = step.before.image;
    const FileImage& after = step.after.image;
    if (now.kind != before.kind)
        return Side::neither;
    // A mode that goes through an ACL changes the ACL, too; its value is then not compared.
    const auto acl_kept = [](const FileImage& i) { return i.xattrs && i.xattrs->contains(acl_xattr); };
    const auto plain = [&](FileImage image) {
        if (acl_kept(before) && acl_kept(after) && image.xattrs)
            image.xattrs->erase(acl_xattr);
        return image;
    };
    const auto either = [](auto x, auto a, auto b) { return x == a || x == b; };
    const FileImage n = plain(now);
    const bool is_before = matches(n, {plain(before)});
    if (is_before || matches(n, {plain(after)}))
        return is_before ? Side::before : Side::after;
    const bool known = either(n.mode, before.mode, after.mode) && either(n.uid, before.uid, after.uid) &&
                       either(n.gid, before.gid, after.gid) &&
                       (same_xattrs(n, plain(before)) || same_xattrs(n, plain(after)));
    return known ? Side::between : Side::neither;
}

Side side_of_file(const FileStep& step, const FileImage& now) {
    if (metadata_only(step))
        return side_of_metadata(step, now);
    if (matches(now, step.before))
        return Side::before;
    if (matches(now, step.after))
        return Side::after;
    if (!step.lines || now.kind != Kind::regular)
        return Side::neither;
    const auto there = contains_edit(now.content, *step.lines);
    return !there ? Side::between : *there ? Side::after : Side::before;
}

// logind reads no more of its file than that it is there.
Side side_of_linger(const FileStep& step, const FileImage& now) {
    if (now.kind == step.before.image.kind)
        return Side::before;
    return now.kind == step.after.image.kind ? Side::after : Side::neither;
}

Result<FileImage> look(const Workshop& shop, const FileStep& step) {
    return capture(shop.host.root(), step.path, !metadata_only(step));
}

bool same_value(std::string_view a, std::string_view b) {
    return words(a) == words(b);
}

// ---- single effects ----

Result<void> write_knob(const Sysroot& root, const std::string& path, const std::string& value) {
    PLIMSOLL_TRY(const Fd fd, root.open_at(path, O_WRONLY | O_NOFOLLOW | O_NOCTTY));
    struct statfs fs{};
    if (::fstatfs(fd.get(), &fs) < 0)
        return fail_errno("statfs " + path);
    // Outside procfs (a test's tree) a value written in place could be half there after a crash.
    if (fs.f_type != PROC_SUPER_MAGIC)
        return replace_file(root, path, value, {});
    if (::write(fd.get(), value.data(), value.size()) != static_cast<ssize_t>(value.size()))
        return fail_errno("write " + path);
    return {};
}

Result<void> set_knob(const Sysroot& root, const std::string& path, const std::string& value) {
    PLIMSOLL_CHECK(write_knob(root, path, value));
    PLIMSOLL_TRY(const std::string now, root.read(path));
    if (!same_value(now, value))
        return fail(Code::invalid_input,
                    path + ": the kernel made '" + printable(trim(now)) + "' of '" + printable(value) + "'");
    return {};
}

// What goes is in the ledger before it goes.
Result<void> append_to_ledger(const Workshop& shop, const std::vector<LedgerEntry>& fresh) {
    return shop.host.ledger().append(shop.host.root(), ledger_path(shop.journal.directory()), fresh);
}

// Before a file is replaced outside of a draft: on the way back.
Result<void> record_taken(const Workshop& shop, const std::string& path, const FileImage& now,
                          const FileImage& then) {
    PLIMSOLL_TRY(const auto taken, taken_by_replacing(shop.host, path, now, then));
    return append_to_ledger(shop, taken);
}

Result<bool> is_active(const Workshop& shop, const std::string& unit) {
    if (shop.services == nullptr)
        return fail(Code::unsupported, unit + ": no connection to the service manager");
    const auto state = shop.services->active_state(unit);
    if (!state && state.error().code == Code::not_found)
        return false;
    if (!state)
        return Failure(state.error());
    return *state == "active" || *state == "activating" || *state == "reloading";
}

Result<void> act(const Workshop& shop, const policy::UnitAction& action) {
    if (shop.services == nullptr)
        return fail(Code::unsupported, "no connection to the service manager");
    switch (action.verb) {
        case Verb::start:
            return shop.services->start(action.unit);
        case Verb::stop:
            return shop.services->stop(action.unit);
        case Verb::restart:
            return shop.services->restart(action.unit);
        case Verb::reload_manager:
            return shop.services->reload_manager();
    }
    return fail(Code::internal, "no such unit action");
}

// Leaves the file to logind where it answers. Without it the file is all there is, and the caller's to
// change.
Result<void> ask_logind(const Workshop& shop, std::uint32_t uid, bool linger) {
    if (shop.services == nullptr)
        return {};
    auto asked = shop.services->set_linger(uid, linger);
    if (!asked && (asked.error().code == Code::unsupported || asked.error().code == Code::not_found))
        return {};
    return asked;
}

// logind has changed the file by now, or nobody has.
Result<void> carry_out_linger(const Workshop& shop, std::uint32_t uid, const FileDraft& file) {
    PLIMSOLL_CHECK(ask_logind(shop, uid, file.after.kind == Kind::regular));
    PLIMSOLL_TRY(const auto now, capture(shop.host.root(), file.path));
    if (now.kind == file.after.kind)
        return {};
    if (file.after.kind == Kind::regular)
        PLIMSOLL_CHECK(make_parents(shop.host.root(), file.path));
    return put(shop.host.root(), file.path, file.after, now);
}

Result<void> carry_out_file(const Sysroot& root, const FileDraft& draft) {
    if (draft.metadata_only)
        return put_metadata(root, draft.path, draft.after);
    return put(root, draft.path, draft.after, draft.before);
}

// ---- the way back ----

Failure changed_since(const std::string& path) {
    return fail(Code::busy, path + ": somebody else changed it since; it stays as it is");
}

Result<FileImage> load_before(const Workshop& shop, const FileStep& step) {
    FileImage image = step.before.image;
    if (image.kind == Kind::regular) {
        PLIMSOLL_TRY(image.content, step.before.content ? Result<std::string>(*step.before.content)
                                                        : shop.journal.load_content(step.before.digest));
    }
    return image;
}

// Somebody edited the database after us: only our own lines are taken back.
Result<void> bring_back_lines(const Workshop& shop, const FileStep& step, const FileImage& now) {
    auto content = take_back(now.content, *step.lines, is_keyed_database(step.path));
    if (!content)
        return Failure(std::move(content).error().context(step.path));
    if (*content == now.content)
        return {};
    FileImage image = now;
    image.content = *std::move(content);
    PLIMSOLL_CHECK(record_taken(shop, step.path, now, image));
    return put(shop.host.root(), step.path, image, now);
}

Result<void> bring_back_file(const Workshop& shop, const FileStep& step) {
    PLIMSOLL_TRY(const auto now, look(shop, step));
    const Side side = side_of_file(step, now);
    if (side == Side::before)
        return {};
    if (side == Side::neither)
        return changed_since(step.path);
    if (metadata_only(step))
        return put_metadata(shop.host.root(), step.path, step.before.image);
    if (!matches(now, step.after))
        return bring_back_lines(shop, step, now);
    PLIMSOLL_TRY(const auto before, load_before(shop, step));
    PLIMSOLL_CHECK(record_taken(shop, step.path, now, before));
    return put(shop.host.root(), step.path, before, now);
}

Result<void> bring_back_knob(const Workshop& shop, const KnobStep& knob) {
    PLIMSOLL_TRY(const std::string now, shop.host.root().read(knob.path));
    if (same_value(now, knob.before))
        return {};
    if (!same_value(now, knob.after))
        return changed_since(knob.path);
    return set_knob(shop.host.root(), knob.path, knob.before);
}

// Also finishes what an interrupted way back has left: logind makes an empty file of its own.
Result<void> bring_back_linger(const Workshop& shop, std::uint32_t uid, const FileStep& step) {
    PLIMSOLL_TRY(auto now, look(shop, step));
    if (side_of_linger(step, now) == Side::neither)
        return changed_since(step.path);
    if (now.kind == step.after.image.kind)
        PLIMSOLL_CHECK(ask_logind(shop, uid, step.before.image.kind == Kind::regular));
    PLIMSOLL_TRY(now, look(shop, step));
    if (matches(now, step.before))
        return {};
    PLIMSOLL_TRY(const auto before, load_before(shop, step));
    return put(shop.host.root(), step.path, before, now);
}

// Parents that we made go again, unless somebody put something into them.
Result<void> remove_made(const Workshop& shop, const std::vector<std::string>& made) {
    for (const auto& dir : std::views::reverse(made)) {
        const auto at = open_place(shop.host.root(), dir);
        if (!at)
            continue;
        remove_leftovers(*at);
        if (::unlinkat(at->dir.get(), at->name.c_str(), AT_REMOVEDIR) == 0) {
            if (::fsync(at->dir.get()) < 0)
                return fail_errno("fsync the directory of " + dir);
        } else if (errno != ENOENT && errno != ENOTEMPTY && errno != EEXIST && errno != ENOTDIR) {
            return fail_errno("remove " + dir);
        }
    }
    return {};
}

void remove_leftovers_of(const Workshop& shop, const std::string& path) {
    if (const auto at = open_place(shop.host.root(), path))
        remove_leftovers(*at);
}

Side combine(Side a, Side b) {
    if (a == b)
        return a;
    return a == Side::neither || b == Side::neither ? Side::neither : Side::between;
}

Result<Side> side_of_unit(const Workshop& shop, const UnitStep& unit) {
    // Doing these twice is harmless, so they count as done and are undone by doing them again.
    if (unit.action.verb == Verb::restart || unit.action.verb == Verb::reload_manager)
        return Side::after;
    PLIMSOLL_TRY(const bool active, is_active(shop, unit.action.unit));
    return active == (unit.action.verb == Verb::start) ? Side::after : Side::before;
}

}  // namespace

std::size_t content_in(const Record& record) {
    std::size_t out = 0;
    for (const FileStep& f : record.files)
        out += f.before.content ? f.before.content->size() : 0;
    return out;
}

Result<Record> make_record(const Workshop& shop, const Draft& draft, std::size_t room) {
    Record out;
    for (const auto& f : draft.files) {
        FileStep step{f.path, stored(f.before, !f.metadata_only), stored(f.after, !f.metadata_only), f.lines};
        if (!step.before.digest.empty())
            PLIMSOLL_CHECK(keep_content(shop, step.before, f.before.content, room));
        if (f.before.kind == Kind::absent) {
            PLIMSOLL_TRY(const auto made, missing_parents(shop.host.root(), f.path));
            out.made.insert(out.made.end(), made.begin(), made.end());
        }
        out.files.push_back(std::move(step));
    }
    if (draft.knob)
        out.knob = {draft.knob->path, draft.knob->before, draft.knob->after};
    if (draft.unit) {
        out.unit = {*draft.unit};
        if (!draft.unit->unit.empty()) {
            PLIMSOLL_TRY(out.unit->was_active, is_active(shop, draft.unit->unit));
        }
    }
    out.stop = draft.stop;
    out.linger_of = draft.linger_of;
    return out;
}

Result<void> carry_out(const Workshop& shop, const Record& record, const Draft& draft) {
    const Sysroot& root = shop.host.root();
    PLIMSOLL_CHECK(append_to_ledger(shop, draft.ledger));
    if (draft.linger_of)
        return carry_out_linger(shop, *draft.linger_of, draft.files.front());
    for (const auto& file : draft.files) {
        if (file.before.kind == Kind::absent)
            PLIMSOLL_CHECK(make_parents(root, file.path));
        PLIMSOLL_CHECK(carry_out_file(root, file));
    }
    if (draft.knob)
        PLIMSOLL_CHECK(set_knob(root, draft.knob->path, draft.knob->after));
    if (record.unit)
        PLIMSOLL_CHECK(act(shop, record.unit->action));
    if (record.stop)
        PLIMSOLL_CHECK(stop_container(root, shop.services, *record.stop));
    return {};
}

Result<Side> side_of(const Workshop& shop, const Record& record) {
    std::optional<Side> all;
    const auto add = [&](Side s) { all = all ? combine(*all, s) : s; };
    for (const auto& file : record.files) {
        PLIMSOLL_TRY(const auto now, look(shop, file));
        add(record.linger_of ? side_of_linger(file, now) : side_of_file(file, now));
    }
    if (record.knob) {
        PLIMSOLL_TRY(const std::string now, shop.host.root().read(record.knob->path));
        add(same_value(now, record.knob->before)  ? Side::before
            : same_value(now, record.knob->after) ? Side::after
                                                  : Side::neither);
    }
    if (record.unit) {
        PLIMSOLL_TRY(const Side side, side_of_unit(shop, *record.unit));
        add(side);
    }
    if (record.stop) {
        PLIMSOLL_TRY(const bool runs, is_running(shop.host.root(), *record.stop));
        add(runs ? Side::before : Side::after);
    }
    return all.value_or(Side::before);
}

Result<void> bring_back(const Workshop& shop, const Record& record) {
    if (record.stop) {
        PLIMSOLL_TRY(const bool runs, is_running(shop.host.root(), *record.stop));
        if (!runs)
            return fail(Code::unsupported, record.step.target +
                                               ": a container that was stopped cannot be "
                                               "started by undo; its engine can");
    }
    for (const auto& file : record.files)
        remove_leftovers_of(shop, file.path);
    if (record.knob)
        remove_leftovers_of(shop, record.knob->path);
    for (const auto& file : std::views::reverse(record.files))
        PLIMSOLL_CHECK(record.linger_of ? bring_back_linger(shop, *record.linger_of, file)
                                        : bring_back_file(shop, file));
    if (record.knob)
        PLIMSOLL_CHECK(bring_back_knob(shop, *record.knob));
    return remove_made(shop, record.made);
}

Result<void> bring_back_unit(const Workshop& shop, const UnitStep& unit) {
    if (unit.action.verb == Verb::reload_manager)
        return act(shop, unit.action);
    PLIMSOLL_TRY(const bool active, is_active(shop, unit.action.unit));
    if (active != unit.was_active)
        return act(shop, {unit.was_active ? Verb::start : Verb::stop, unit.action.unit});
    // Undone by the changes around it being in force again.
    if (unit.action.verb == Verb::restart && active)
        return act(shop, unit.action);
    return {};
}

bool is_already_so(const UnitStep& unit) {
    return (unit.action.verb == Verb::start && unit.was_active) ||
           (unit.action.verb == Verb::stop && !unit.was_active);
}

std::vector<std::string> databases_of(const Record& record) {
    std::vector<std::string> out;
    for (const auto& file : record.files)
        if (is_account_database(file.path))
            out.push_back(file.path);
    return out;
}

}  // namespace plimsoll::host
