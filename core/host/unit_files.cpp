// SPDX-License-Identifier: Apache-2.0
#include "core/host/unit_files.hpp"

#include "core/base/text.hpp"
#include "core/host/directory.hpp"

#include <algorithm>
#include <array>
#include <cstdint>
#include <filesystem>
#include <map>
#include <set>

#include <dirent.h>

namespace plimsoll::host {
namespace {

// The manager's search path, highest priority first (systemd.unit(5), "Unit File Load Path").
constexpr std::array<std::string_view, 11> unit_dirs{
    "/etc/systemd/system.control",  "/run/systemd/system.control",   "/run/systemd/transient",
    "/run/systemd/generator.early", "/etc/systemd/system",           "/run/systemd/system",
    "/run/systemd/generator",       "/usr/local/lib/systemd/system", "/usr/lib/systemd/system",
    "/lib/systemd/system",          "/run/systemd/generator.late",
};

// Without /lib where it is the same directory as /usr/lib.
std::vector<std::string> search_dirs(const Sysroot& root) {
    std::vector<std::string> out(unit_dirs.begin(), unit_dirs.end());
    if (root.read_link("/lib"))
        std::erase(out, "/lib/systemd/system");
    return out;
}

// Bounds on what users can make us read for a unit of theirs.
constexpr std::size_t max_file = std::size_t{1} << 20;
constexpr std::size_t max_drop_ins = 256;

// The target of a symlink as a normal absolute path, without following it further: /dev/null need not exist
// in an image.
std::string link_target(const std::string& link_path, const std::string& target) {
    const auto dir = std::filesystem::path(link_path).parent_path();
    return (dir / target).lexically_normal().string();
}

std::string_view suffix_of(std::string_view name) {
    const auto dot = name.rfind('.');
    return dot == std::string_view::npos ? std::string_view() : name.substr(dot);
}

// "a@b.service" -> "a@.service"; empty when it is no instance.
std::string template_of(std::string_view name) {
    const auto at = name.find('@');
    const auto suffix = suffix_of(name);
    if (at == std::string_view::npos || at + 1 + suffix.size() >= name.size())
        return {};
    return std::string(name.substr(0, at + 1)) + std::string(suffix);
}

// The names whose ".d" directories apply, most specific first: "a-b.service" also takes "a-.service.d".
std::vector<std::string> drop_in_names(const std::string& name) {
    std::vector<std::string> out{name};
    if (auto t = template_of(name); !t.empty())
        out.push_back(std::move(t));
    const auto suffix = suffix_of(name);
    std::string_view stem = std::string_view(name).substr(0, name.size() - suffix.size());
    if (stem.ends_with('-'))
        stem.remove_suffix(1);
    for (auto dash = stem.rfind('-'); dash != std::string_view::npos && dash != 0; dash = stem.rfind('-')) {
        out.push_back(std::string(stem.substr(0, dash + 1)) + std::string(suffix));
        stem = stem.substr(0, dash);
    }
    return out;
}

bool may_be_link(const DirEntry& e) {
    return e.type == DT_LNK || e.type == DT_UNKNOWN;
}

const DirEntry* find_entry(const std::vector<DirEntry>& sorted, std::string_view name) {
    const auto it = std::ranges::lower_bound(sorted, name, {},
                                             [](const DirEntry& e) -> std::string_view { return e.name; });
    return it != sorted.end() && it->name == name ? &*it : nullptr;
}

using Suffixes = std::span<const std::string_view>;

bool ends_with_one(std::string_view name, Suffixes suffixes) {
    return std::ranges::any_of(suffixes, [&](std::string_view suffix) { return name.ends_with(suffix); });
}

// Whether a link of that name starts the unit: its own, or for a template that of an instance.
bool names_unit(std::string_view link, std::string_view unit) {
    return link == unit || (unit.find("@.") != std::string_view::npos && template_of(link) == unit);
}

// Finds any of some words in a text, in one pass: the first two bytes of a word decide whether to look
// closer.
class WordSearch {
  public:
    explicit WordSearch(std::span<const std::string_view> words) : words_(words) {
        for (std::size_t i = 0; i < words.size(); ++i)
            for (std::size_t at = 0; at < 2; ++at)
                if (words[i].size() > at)
                    starts_[at][static_cast<unsigned char>(words[i][at])] |= std::uint32_t{1} << i % 32;
    }

    [[nodiscard]] bool in(std::string_view text) const {
        for (std::size_t i = 0; i + 1 < text.size(); ++i) {
            const auto first = static_cast<unsigned char>(text[i]);
            const auto second = static_cast<unsigned char>(text[i + 1]);
            if ((starts_[0][first] & starts_[1][second]) != 0 &&
                std::ranges::any_of(words_,
                                    [&](std::string_view w) { return text.substr(i).starts_with(w); }))
                return true;
        }
        return false;
    }

  private:
    std::span<const std::string_view> words_;
    std::array<std::array<std::uint32_t, 256>, 2> starts_{};
};

}  // namespace

bool pulls_in(std::string_view dir) {
    return dir.ends_with(".wants") || dir.ends_with(".requires") || dir.ends_with(".upholds");
}

struct UnitFiles::Dir {
    Directory handle;
    std::vector<DirEntry> entries;  // sorted by name
    // Content of "default.target.wants" and the like, by that name.
    std::vector<std::pair<std::string, std::vector<DirEntry>>> pulls{};
    // Links in the directory itself: their name and where they point to.
    std::vector<std::pair<std::string, std::string>> links{};

    [[nodiscard]] std::string path_of(const std::string& name) const { return handle.path() + "/" + name; }

    // Whether the entry, a unit file or a drop-in, has one of the words or cannot be read; read_unit() then
    // says why.
    [[nodiscard]] bool mentions(const Sysroot& root, const DirEntry& e, const WordSearch& words) const {
        const auto text = e.type == DT_REG ? handle.read_regular(e.name) : root.read(path_of(e.name));
        if (text)
            return words.in(*text);
        const bool leads_nowhere = text.error().code == Code::not_found || text.error().sys_errno == ELOOP;
        const auto target = root.read_link(path_of(e.name));
        const bool masked = target && link_target(path_of(e.name), *target) == "/dev/null";
        return !leads_nowhere && !masked;
    }

    // The link's target, when that is a regular file of this very directory.
    [[nodiscard]] const DirEntry* sibling(const DirEntry& e) const {
        const auto link = std::ranges::find(links, e.name, &std::pair<std::string, std::string>::first);
        const auto* target = link != links.end() ? find_entry(entries, link->second) : nullptr;
        return target != nullptr && target->type == DT_REG ? target : nullptr;
    }

    // A link to a regular file of this directory counts as that file does.
    [[nodiscard]] std::set<std::string> units_mentioning(const Sysroot& root, const WordSearch& words,
                                                         Suffixes suffixes) const {
        std::set<std::string> out;
        for (const DirEntry& e : entries)
            if (e.type == DT_REG && ends_with_one(e.name, suffixes) && mentions(root, e, words))
                out.insert(e.name);
        for (const DirEntry& e : entries) {
            if (e.type == DT_REG || !ends_with_one(e.name, suffixes))
                continue;
            const DirEntry* target = sibling(e);
            const bool known = target != nullptr && ends_with_one(target->name, suffixes);
            if (known ? out.contains(target->name) : mentions(root, e, words))
                out.insert(e.name);
        }
        return out;
    }
};

namespace {

Result<void> read_links(const Sysroot& root, UnitFiles::Dir& dir) {
    for (const DirEntry& e : dir.entries) {
        if (pulls_in(e.name)) {
            auto entries = root.list(dir.path_of(e.name));
            if (entries)
                dir.pulls.emplace_back(e.name, *std::move(entries));
            else if (entries.error().code != Code::not_found)
                return Failure(std::move(entries).error());
        } else if (may_be_link(e)) {
            if (auto target = dir.handle.read_link(e.name))
                dir.links.emplace_back(e.name, *std::move(target));
        }
    }
    return {};
}

struct Text {
    bool masked{false};
    std::string content;
    std::string link;  // where the file links to, if it is a symlink
};

// nullopt: no such file, or a symlink into nowhere, which systemd passes over.
Result<std::optional<Text>> read_unit_text(const Sysroot& root, const std::string& path) {
    Text out;
    if (const auto target = root.read_link(path)) {
        out.link = link_target(path, *target);
        if (out.link == "/dev/null") {
            out.masked = true;
            return out;
        }
    }
    auto text = root.read(path, max_file);
    if (!text) {
        if (text.error().code == Code::not_found)
            return std::nullopt;
        return Failure(std::move(text).error());
    }
    out.masked = text->empty();
    out.content = *std::move(text);
    return out;
}

// *.conf by file name; the first directory that has a name wins it.
Result<void> collect_drop_ins(const Sysroot& root, const UnitFiles::Dir& dir, const std::string& name,
                              std::map<std::string, std::string>& by_name) {
    if (find_entry(dir.entries, name) == nullptr)
        return {};
    const std::string path = dir.path_of(name);
    const auto entries = root.list(path);
    if (!entries)
        return entries.error().code == Code::not_found ? Result<void>{} : Failure(entries.error());
    for (const DirEntry& e : *entries)
        if (e.name.ends_with(".conf"))
            by_name.try_emplace(e.name, path + "/" + e.name);
    return {};
}

Result<void> read_drop_ins(const Sysroot& root, const std::vector<UnitFiles::Dir>& dirs,
                           const std::vector<std::string>& names, UnitFile& unit) {
    std::map<std::string, std::string> by_name;
    for (const auto& name : names)
        for (const auto& dir : dirs)
            for (const auto& n : drop_in_names(name))
                PLIMSOLL_CHECK(collect_drop_ins(root, dir, n + ".d", by_name));
    const std::string type(
        suffix_of(unit.name).substr(std::min<std::size_t>(1, suffix_of(unit.name).size())));
    for (const auto& dir : dirs)
        PLIMSOLL_CHECK(collect_drop_ins(root, dir, type + ".d", by_name));
    if (by_name.size() > max_drop_ins)
        return fail(Code::invalid_input,
                    unit.name + ": more than " + std::to_string(max_drop_ins) + " drop-ins");
    for (const auto& [file, path] : by_name) {
        PLIMSOLL_TRY(const auto text, read_unit_text(root, path));
        if (text && !text->masked)
            std::ranges::move(parse_unit(text->content, path), std::back_inserter(unit.settings));
    }
    return {};
}

// Links that make the manager start the unit, and other names an administrator gave it. The first directory
// that names the unit in, say, default.target.wants decides, so that a link to /dev/null in /etc takes back a
// vendor's.
void find_enabling_links(const Sysroot& root, const std::vector<UnitFiles::Dir>& dirs, UnitFile& unit) {
    std::set<std::pair<std::string_view, std::string_view>> decided;
    for (const auto& dir : dirs) {
        for (const auto& [name, entries] : dir.pulls)
            for (const DirEntry& e : entries) {
                if (!names_unit(e.name, unit.name) || !decided.emplace(name, e.name).second)
                    continue;
                const std::string link = dir.path_of(name) + "/" + e.name;
                const auto target = root.read_link(link);
                if (!target || link_target(link, *target) != "/dev/null")
                    unit.enabled_by.push_back(link);
            }
        if (dir.handle.path().starts_with("/usr/"))
            continue;
        for (const auto& [name, target] : dir.links)
            if (name != unit.name && std::filesystem::path(target).filename() == unit.name)
                unit.enabled_by.push_back(dir.path_of(name));
    }
}

Result<bool> drop_in_mentions(const Sysroot& root, const std::string& path, const WordSearch& search) {
    auto handle = Directory::open(root, path);
    if (!handle)
        return Failure(std::move(handle).error());
    const UnitFiles::Dir dir{*std::move(handle), {}};
    PLIMSOLL_TRY(const auto files, dir.handle.list());
    return std::ranges::any_of(
        files, [&](const DirEntry& f) { return f.name.ends_with(".conf") && dir.mentions(root, f, search); });
}

}  // namespace

UnitFiles::UnitFiles(std::vector<Dir> dirs) : dirs_(std::move(dirs)) {}

UnitFiles::UnitFiles(UnitFiles&&) noexcept = default;
UnitFiles& UnitFiles::operator=(UnitFiles&&) noexcept = default;
UnitFiles::~UnitFiles() = default;

std::vector<std::string> own_unit_dirs(std::uint32_t uid, const std::string& home) {
    const std::string runtime = "/run/user/" + std::to_string(uid) + "/systemd/";
    std::vector<std::string> out{runtime + "user.control", runtime + "transient", runtime + "generator.early",
                                 runtime + "user",         runtime + "generator", runtime + "generator.late"};
    if (home.size() > 1 && home.starts_with('/')) {
        out.insert(out.begin(), home + "/.config/systemd/user.control");
        out.insert(out.begin() + 4, home + "/.config/systemd/user");
        out.push_back(home + "/.local/share/systemd/user");
    }
    return out;
}

std::vector<std::string> user_unit_dirs(std::uint32_t uid, const std::string& home) {
    auto out = own_unit_dirs(uid, home);
    out.insert(out.end(), {"/etc/xdg/systemd/user", "/etc/systemd/user", "/run/systemd/user",
                           "/usr/local/share/systemd/user", "/usr/share/systemd/user",
                           "/usr/local/lib/systemd/user", "/usr/lib/systemd/user"});
    return out;
}

Result<UnitFiles> UnitFiles::open(const Sysroot& root) {
    return open(root, search_dirs(root));
}

Result<UnitFiles> UnitFiles::open(const Sysroot& root, std::span<const std::string> paths) {
    std::vector<Dir> dirs;
    for (const auto& path : paths) {
        auto handle = Directory::open(root, path);
        if (!handle) {
            if (handle.error().code == Code::not_found)
                continue;
            return Failure(std::move(handle).error());
        }
        PLIMSOLL_TRY(auto entries, handle->list());
        dirs.push_back({*std::move(handle), std::move(entries)});
        PLIMSOLL_CHECK(read_links(root, dirs.back()));
    }
    return UnitFiles(std::move(dirs));
}

Result<std::optional<UnitFile>> UnitFiles::read(const Sysroot& root, const std::string& name) const {
    UnitFile unit{.name = name};
    std::vector<std::string> names{name};
    std::vector<std::string> candidates{name};
    if (auto t = template_of(name); !t.empty())
        candidates.push_back(std::move(t));
    for (const auto& candidate : candidates)
        for (const auto& dir : dirs_) {
            if (!unit.fragment.empty() || find_entry(dir.entries, candidate) == nullptr)
                continue;
            const std::string path = dir.path_of(candidate);
            PLIMSOLL_TRY(const auto text, read_unit_text(root, path));
            if (!text)
                continue;
            unit.fragment = path;
            unit.masked = text->masked;
            unit.settings = parse_unit(text->content, path);
            if (const auto real = std::filesystem::path(text->link).filename().string();
                !text->masked && !real.empty() && real != name)
                names.push_back(real);
        }
    if (unit.fragment.empty() && suffix_of(name) != ".slice")
        return std::nullopt;
    if (!unit.masked)
        PLIMSOLL_CHECK(read_drop_ins(root, dirs_, names, unit));
    find_enabling_links(root, dirs_, unit);
    return unit;
}

std::vector<std::string> UnitFiles::pulling_links() const {
    std::vector<std::string> out;
    for (const Dir& dir : dirs_)
        for (const auto& [name, entries] : dir.pulls)
            for (const DirEntry& e : entries)
                out.push_back(dir.path_of(name) + "/" + e.name);
    return out;
}

std::vector<std::string> UnitFiles::names(std::string_view prefix) const {
    std::set<std::string> out;
    for (const Dir& dir : dirs_)
        for (const DirEntry& e : dir.entries) {
            std::string_view name = e.name;
            if (!name.starts_with(prefix) || pulls_in(name))
                continue;
            if (name.ends_with(".d"))
                name.remove_suffix(2);
            out.emplace(name);
        }
    return {out.begin(), out.end()};
}

namespace {

// The units to which the drop-ins in a folder apply (drop_in_names()): those whose names begin and end so.
struct Reach {
    std::string stem;
    std::string suffix;
    bool many{false};
};

// Of "service.d" all services, of "a-.service.d" those that begin with "a-". nullopt: none with such a
// suffix.
std::optional<Reach> reach_of(std::string_view folder, Suffixes suffixes) {
    if (!folder.ends_with(".d"))
        return std::nullopt;
    const std::string name(folder.substr(0, folder.size() - 2));
    if (std::ranges::find(suffixes, "." + name) != suffixes.end())
        return Reach{"", "." + name, true};
    if (!ends_with_one(name, suffixes))
        return std::nullopt;
    const std::string suffix(suffix_of(name));
    std::string stem = name.substr(0, name.size() - suffix.size());
    const bool many = stem.ends_with('-');
    return Reach{std::move(stem), suffix, many};
}

// `names`: sorted.
void add_reached(const Reach& reach, const std::vector<std::string>& names, std::set<std::string>& out) {
    for (auto it = std::ranges::lower_bound(names, reach.stem);
         it != names.end() && it->starts_with(reach.stem); ++it)
        if (it->ends_with(reach.suffix))
            out.insert(*it);
}

}  // namespace

bool UnitFiles::have_drop_ins_for_many() const {
    return std::ranges::any_of(dirs_, [](const Dir& dir) {
        return std::ranges::any_of(dir.entries, [](const DirEntry& e) {
            const auto reach = reach_of(e.name, service_suffixes);
            return reach && reach->many;
        });
    });
}

Result<std::vector<std::string>> UnitFiles::mentioning(const Sysroot& root,
                                                       std::span<const std::string_view> needles,
                                                       Suffixes suffixes) const {
    const WordSearch search(needles);
    std::set<std::string> out;
    std::optional<std::vector<std::string>> all;  // names, once they are asked for
    for (const Dir& dir : dirs_) {
        out.merge(dir.units_mentioning(root, search, suffixes));
        for (const DirEntry& e : dir.entries) {
            const auto reach = reach_of(e.name, suffixes);
            if (!reach)
                continue;
            PLIMSOLL_TRY(const bool drop_in, drop_in_mentions(root, dir.path_of(e.name), search));
            if (drop_in && !reach->many)
                out.insert(reach->stem + reach->suffix);
            if (!drop_in || !reach->many)
                continue;
            if (!all)
                all = names("");
            add_reached(*reach, *all, out);
        }
    }
    return std::vector<std::string>(out.begin(), out.end());
}

Result<std::optional<UnitFile>> read_unit(const Sysroot& root, const std::string& name) {
    PLIMSOLL_TRY(const auto units, UnitFiles::open(root));
    return units.read(root, name);
}

}  // namespace plimsoll::host
