// SPDX-License-Identifier: Apache-2.0
#include "core/host/unit_files.hpp"

#include "core/base/text.hpp"

#include <algorithm>
#include <array>
#include <filesystem>
#include <map>

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
std::vector<std::string_view> search_dirs(const Sysroot& root) {
    std::vector<std::string_view> out(unit_dirs.begin(), unit_dirs.end());
    if (root.read_link("/lib"))
        std::erase(out, "/lib/systemd/system");
    return out;
}

// The target of a symlink as a normal absolute path, without following it further: /dev/null need not exist
// in an image.
std::string link_target(const std::string& link_path, const std::string& target) {
    const auto dir = std::filesystem::path(link_path).parent_path();
    return (dir / target).lexically_normal().string();
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
    auto text = root.read(path);
    if (!text) {
        if (text.error().code == Code::not_found)
            return std::nullopt;
        return Failure(std::move(text).error());
    }
    out.masked = text->empty();
    out.content = *std::move(text);
    return out;
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

// *.conf by file name; the first directory that has a name wins it.
Result<void> collect_drop_ins(const Sysroot& root, const std::string& dir,
                              std::map<std::string, std::string>& by_name) {
    const auto entries = root.list(dir);
    if (!entries)
        return entries.error().code == Code::not_found ? Result<void>{} : Failure(entries.error());
    for (const DirEntry& e : *entries)
        if (e.name.ends_with(".conf"))
            by_name.try_emplace(e.name, dir + "/" + e.name);
    return {};
}

Result<void> read_drop_ins(const Sysroot& root, const std::vector<std::string>& names, UnitFile& unit) {
    std::map<std::string, std::string> by_name;
    const auto dirs = search_dirs(root);
    for (const auto& name : names)
        for (const auto dir : dirs)
            for (const auto& n : drop_in_names(name))
                PLIMSOLL_CHECK(collect_drop_ins(root, std::string(dir) + "/" + n + ".d", by_name));
    const std::string type(
        suffix_of(unit.name).substr(std::min<std::size_t>(1, suffix_of(unit.name).size())));
    for (const auto dir : dirs)
        PLIMSOLL_CHECK(collect_drop_ins(root, std::string(dir) + "/" + type + ".d", by_name));
    for (const auto& [file, path] : by_name) {
        PLIMSOLL_TRY(const auto text, read_unit_text(root, path));
        if (text && !text->masked)
            std::ranges::move(parse_unit(text->content, path), std::back_inserter(unit.settings));
    }
    return {};
}

bool pulls_in(std::string_view dir) {
    return dir.ends_with(".wants") || dir.ends_with(".requires") || dir.ends_with(".upholds");
}

bool may_be_link(const DirEntry& e) {
    constexpr unsigned char unknown = 0;  // DT_UNKNOWN: the filesystem does not tell
    constexpr unsigned char link = 10;    // DT_LNK
    return e.type == link || e.type == unknown;
}

// Whether `dir` has a link for the unit: the first directory that names it decides, so that a link to
// /dev/null in /etc takes back a vendor's.
void note_pull(const Sysroot& root, const std::string& dir, std::string_view target_unit, UnitFile& unit,
               std::vector<std::string>& decided) {
    const std::string link = dir + "/" + unit.name;
    if (!root.exists(link) || std::ranges::find(decided, target_unit) != decided.end())
        return;
    decided.emplace_back(target_unit);
    const auto target = root.read_link(link);
    if (!target || link_target(link, *target) != "/dev/null")
        unit.enabled_by.push_back(link);
}

// Links that make the manager start the unit, and other names an administrator gave it.
Result<void> find_enabling_links(const Sysroot& root, UnitFile& unit) {
    std::vector<std::string> decided;
    for (const auto dir : search_dirs(root)) {
        const auto entries = root.list(dir);
        if (!entries) {
            if (entries.error().code == Code::not_found)
                continue;
            return Failure(entries.error());
        }
        for (const DirEntry& e : *entries) {
            const std::string path = std::string(dir) + "/" + e.name;
            if (pulls_in(e.name)) {
                note_pull(root, path, e.name, unit, decided);
            } else if (!dir.starts_with("/usr/") && e.name != unit.name && may_be_link(e)) {
                const auto target = root.read_link(path);
                if (target && std::filesystem::path(*target).filename() == unit.name)
                    unit.enabled_by.push_back(path);
            }
        }
    }
    return {};
}

bool mentions(const Sysroot& root, const std::string& path, std::span<const std::string_view> needles) {
    const auto text = root.read(path);
    if (!text)  // what cannot be read must be looked at: read_unit() then says why
        return text.error().code != Code::not_found && !root.read_link(path);
    return std::ranges::any_of(needles,
                               [&](std::string_view n) { return text->find(n) != std::string::npos; });
}

bool continues(std::string_view line) {
    std::size_t backslashes = 0;
    while (backslashes < line.size() && line[line.size() - 1 - backslashes] == '\\')
        ++backslashes;
    return backslashes % 2 == 1;
}

// Turns whole (joined) lines into settings.
class UnitParser {
  public:
    explicit UnitParser(const std::string& path) : path_(path) {}

    void line(std::string_view whole, int number) {
        const auto text = trim(whole);
        if (text.empty())
            return;
        if (text.front() == '[') {
            section_ = text.back() == ']' ? std::string(text.substr(1, text.size() - 2)) : std::string();
            return;
        }
        const auto eq = text.find('=');
        if (eq == std::string_view::npos || section_.empty())
            return;
        out_.push_back({section_, std::string(trim(text.substr(0, eq))),
                        std::string(trim(text.substr(eq + 1))), path_ + ":" + std::to_string(number)});
    }

    std::vector<UnitSetting> take() { return std::move(out_); }

  private:
    const std::string& path_;
    std::string section_;
    std::vector<UnitSetting> out_;
};

}  // namespace

std::vector<UnitSetting> parse_unit(std::string_view text, const std::string& path) {
    if (text.starts_with("\xef\xbb\xbf"))
        text.remove_prefix(3);
    UnitParser parser(path);
    std::string joined;
    int number = 0;
    int begun = 0;
    for (const auto raw : split_lines(text)) {
        ++number;
        const auto start = raw.find_first_not_of(" \t\r");
        auto line = start == std::string_view::npos ? std::string_view() : raw.substr(start);
        if (line.ends_with('\r'))
            line.remove_suffix(1);
        // Comments are dropped also in the midst of a continued line.
        if (!line.empty() && (line.front() == '#' || line.front() == ';'))
            continue;
        if (joined.empty())
            begun = number;
        if (continues(line)) {
            joined.append(line.substr(0, line.size() - 1));
            joined += ' ';
            continue;
        }
        joined += line;
        parser.line(joined, begun);
        joined.clear();
    }
    parser.line(joined, begun);
    return parser.take();
}

std::vector<UnitSetting> UnitFile::values(std::string_view section, std::string_view key) const {
    std::vector<UnitSetting> out;
    for (const UnitSetting& s : settings) {
        if (s.section != section || s.key != key)
            continue;
        if (s.value.empty())
            out.clear();
        else
            out.push_back(s);
    }
    return out;
}

std::string_view UnitFile::enablement() const {
    if (masked)
        return "masked";
    if (!enabled_by.empty())
        return "enabled";
    const bool installable =
        std::ranges::any_of(settings, [](const UnitSetting& s) { return s.section == "Install"; });
    return installable ? "disabled" : "static";
}

Result<std::optional<UnitFile>> read_unit(const Sysroot& root, const std::string& name) {
    UnitFile unit{.name = name};
    std::vector<std::string> names{name};
    std::vector<std::string> candidates{name};
    if (auto t = template_of(name); !t.empty())
        candidates.push_back(std::move(t));
    const auto dirs = search_dirs(root);
    for (const auto& candidate : candidates)
        for (const auto dir : dirs) {
            if (!unit.fragment.empty())
                break;
            const std::string path = std::string(dir) + "/" + candidate;
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
    if (unit.fragment.empty())
        return std::nullopt;
    if (!unit.masked)
        PLIMSOLL_CHECK(read_drop_ins(root, names, unit));
    PLIMSOLL_CHECK(find_enabling_links(root, unit));
    return unit;
}

Result<std::vector<std::string>> units_mentioning(const Sysroot& root,
                                                  std::span<const std::string_view> needles) {
    std::vector<std::string> out;
    for (const auto dir : search_dirs(root)) {
        const auto entries = root.list(dir);
        if (!entries) {
            if (entries.error().code == Code::not_found)
                continue;
            return Failure(entries.error());
        }
        for (const DirEntry& e : *entries) {
            const std::string path = std::string(dir) + "/" + e.name;
            if ((e.name.ends_with(".service") || e.name.ends_with(".socket")) &&
                mentions(root, path, needles))
                out.push_back(e.name);
            if (!e.name.ends_with(".service.d") && !e.name.ends_with(".socket.d"))
                continue;
            PLIMSOLL_TRY(const auto files, root.list(path));
            const bool found = std::ranges::any_of(files, [&](const DirEntry& f) {
                return f.name.ends_with(".conf") && mentions(root, path + "/" + f.name, needles);
            });
            if (found)
                out.push_back(e.name.substr(0, e.name.size() - 2));
        }
    }
    std::ranges::sort(out);
    out.erase(std::ranges::unique(out).begin(), out.end());
    return out;
}

}  // namespace plimsoll::host
