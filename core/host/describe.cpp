// SPDX-License-Identifier: Apache-2.0
// Changes in words.
#include "core/base/path.hpp"
#include "core/base/text.hpp"
#include "core/host/changes.hpp"
#include "core/host/executor.hpp"

#include <array>
#include <cstdio>

namespace plimsoll::host {
namespace {

std::string in_octal(std::uint32_t mode) {
    std::array<char, 16> out{};
    std::snprintf(out.data(), out.size(), "%04o", mode);
    return out.data();
}

// Password hashes must not reach a terminal, a journal entry's text or a report.
std::string shown_line(const std::string& path, std::string_view line) {
    return is_secret(path) ? printable(line.substr(0, line.find(':'))) + ":…" : printable(line, 80);
}

std::string say(const policy::WriteFile& c) {
    return "write " + printable(c.path);
}

std::string say(const policy::RemoveFile& c) {
    return "remove " + printable(c.path);
}

std::string say(const policy::MakeSymlink& c) {
    if (c.target == "/dev/null" && c.path.find("/systemd/") != std::string::npos)
        return "mask unit " + printable(base_name(c.path));
    return "link " + printable(c.path) + " to " + printable(c.target);
}

std::string say(const policy::MakeDirectory& c) {
    return "make directory " + printable(c.path);
}

std::string say(const policy::EditLines& c) {
    std::vector<std::string> parts;
    for (std::size_t i = 0; i < c.remove.size(); ++i)
        parts.push_back(c.replace && i < c.add.size() ? "replace '" + shown_line(c.path, c.remove[i]) +
                                                            "' by '" + shown_line(c.path, c.add[i]) + "'"
                                                      : "remove '" + shown_line(c.path, c.remove[i]) + "'");
    for (std::size_t i = 0; !c.replace && i < c.add.size(); ++i)
        parts.push_back("add '" + shown_line(c.path, c.add[i]) + "'");
    constexpr std::size_t shown = 3;
    const std::size_t more = parts.size() > shown ? parts.size() - shown : 0;
    parts.resize(parts.size() - more);
    return "in " + c.path + ": " + join(parts, ", ") +
           (more != 0 ? " and " + std::to_string(more) + " more" : "");
}

std::string say(const policy::AllocateRange& c) {
    const std::string_view kinds = c.subuid && c.subgid ? "uids and gids" : c.subuid ? "uids" : "gids";
    return "give " + printable(c.owner) + " the subordinate " + std::string(kinds) + " " +
           std::to_string(c.start) + "-" + std::to_string(c.start + (c.count == 0 ? 0 : c.count - 1));
}

std::string say(const policy::SetMetadata& c) {
    std::vector<std::string> parts;
    if (c.mode)
        parts.push_back("mode " + in_octal(*c.mode));
    if (c.uid)
        parts.push_back("owner " + std::to_string(*c.uid));
    if (c.gid)
        parts.push_back("group " + std::to_string(*c.gid));
    if (c.drop_acl)
        parts.emplace_back("no ACL");
    return "set " + printable(c.path) + " to " + join(parts, ", ");
}

std::string say(const policy::SetKnob& c) {
    return "set " + printable(c.path) + " to " + printable(c.value, 60);
}

std::string say(const policy::UnitAction& c) {
    static constexpr std::array<std::string_view, 4> verbs{"start", "stop", "restart", "reload"};
    const std::string verb(verbs[static_cast<std::size_t>(c.verb)]);
    return c.unit.empty() ? verb + " the service manager's units" : verb + " " + printable(c.unit);
}

std::string say(const policy::StopContainer& c) {
    return "stop the container of pid " + std::to_string(c.init) +
           (c.unit.empty() ? "" : " by " + printable(c.unit)) + " (cannot be undone)";
}

std::string say(const policy::SetLinger& c) {
    return (c.linger ? "let " : "do not let ") + printable(c.user) + " linger";
}

std::string metadata(const FileImage& image) {
    std::string out = "mode " + in_octal(image.mode) + ", owner " + std::to_string(image.uid) + ":" +
                      std::to_string(image.gid);
    if (image.xattrs && image.xattrs->contains(acl_xattr))
        out += ", with an ACL";
    return out;
}

std::string in_words(const FileImage& image) {
    switch (image.kind) {
        case FileImage::Kind::absent:
            return "absent";
        case FileImage::Kind::symlink:
            return "symlink to " + printable(image.content);
        case FileImage::Kind::directory:
            return "directory, " + metadata(image);
        case FileImage::Kind::regular:
            return "file, " + metadata(image);
    }
    return "";
}

bool has_content(FileImage::Kind kind) {
    return kind == FileImage::Kind::absent || kind == FileImage::Kind::regular;
}

std::optional<std::string> content_of(const FileImage& image) {
    return image.kind == FileImage::Kind::absent ? std::nullopt : std::optional(image.content);
}

// What of shadow and gshadow may be shown: whose lines change.
std::string names_of(const LineEdit& edit, bool after) {
    std::vector<std::string> out;
    for (const auto& r : edit.removed)
        if (!after || r.replaced_by)
            out.push_back(shown_line("shadow", after ? *r.replaced_by : r.line));
    for (const auto& line : edit.added)
        if (after)
            out.push_back(shown_line("shadow", line));
    return out.empty() ? "absent" : join(out, ", ");
}

// Collects drafts by target, in the order in which targets are first touched.
class Previews {
  public:
    void add(const Draft& draft) {
        for (const auto& f : draft.files)
            add(f);
        if (draft.knob)
            add_value(draft.knob->path, printable(trim(draft.knob->before)), printable(draft.knob->after));
        if (draft.stop)
            add_value(target_of(*draft.stop), "running", "stopped; undo cannot start it again");
        if (draft.unit)
            add_value(draft.unit->unit.empty() ? "systemd" : draft.unit->unit, "", verb_of(*draft.unit));
    }

    std::vector<Preview> take() { return std::move(all_); }

  private:
    static std::string verb_of(const policy::UnitAction& c) {
        const std::string words = say(c);
        return words.substr(0, words.find(' '));
    }

    void add(const FileDraft& f) {
        if (f.metadata_only)
            return add_value(f.path, metadata(f.before), metadata(f.after));
        if (is_secret(f.path))
            return f.lines ? add_value(f.path, names_of(*f.lines, false), names_of(*f.lines, true))
                           : add_value(f.path, in_words(f.before), in_words(f.after));
        if (!has_content(f.before.kind) || !has_content(f.after.kind))
            return add_value(f.path, in_words(f.before), in_words(f.after));
        Preview& p = at(f.path);
        if (!p.is_file)
            p.before = content_of(f.before);
        p.is_file = true;
        p.after = content_of(f.after);
    }

    void add_value(const std::string& target, std::string before, std::string after) {
        Preview& p = at(target);
        if (p.new_value.empty()) {
            p.old_value = std::move(before);
            p.new_value = std::move(after);
        } else {
            p.new_value += ", then " + after;
        }
    }

    Preview& at(const std::string& target) {
        for (auto& p : all_)
            if (p.target == target)
                return p;
        return all_.emplace_back(Preview{target});
    }

    std::vector<Preview> all_;
};

}  // namespace

std::string describe(const policy::Change& change) {
    return std::visit([](const auto& c) { return say(c); }, change);
}

std::string target_of(const policy::Change& change) {
    return std::visit(
        [](const auto& c) -> std::string {
            using C = std::remove_cvref_t<decltype(c)>;
            if constexpr (std::is_same_v<C, policy::AllocateRange>)
                return join(databases_of(c), " ");
            else if constexpr (std::is_same_v<C, policy::UnitAction>)
                return c.unit.empty() ? "systemd" : c.unit;
            else if constexpr (std::is_same_v<C, policy::StopContainer>)
                return "pid " + std::to_string(c.init);
            else if constexpr (std::is_same_v<C, policy::SetLinger>)
                return "/var/lib/systemd/linger/" + c.user;
            else
                return c.path;
        },
        change);
}

Result<std::vector<Preview>> preview(const Host& host, const std::string& state_dir,
                                     const std::vector<policy::Change>& changes) {
    View view(host, state_dir);
    Previews previews;
    for (const auto& change : changes) {
        PLIMSOLL_TRY(const auto draft, draft_change(view, change));
        previews.add(draft);
        view.lay_over(draft);
    }
    return previews.take();
}

}  // namespace plimsoll::host
