// SPDX-License-Identifier: Apache-2.0
#include "core/host/sysctl_files.hpp"

#include "core/base/path.hpp"
#include "core/base/text.hpp"
#include "core/host/glob.hpp"

#include <algorithm>
#include <map>

#include <fnmatch.h>

namespace plimsoll::host {
namespace {

// In order of precedence: of equal names the first counts.
constexpr std::string_view directories[] = {"/etc/sysctl.d", "/run/sysctl.d", "/usr/local/lib/sysctl.d",
                                            "/usr/lib/sysctl.d", "/lib/sysctl.d"};
constexpr std::size_t max_file = std::size_t{1} << 20;

// systemd-sysctl expands globs with glob(3) below /proc/sys: '*' stops at a slash.
bool glob_covers(const std::string& pattern, const std::string& key) {
    return ::fnmatch(pattern.c_str(), key.c_str(), FNM_PATHNAME | FNM_PERIOD) == 0;
}

// systemd ends a line at '\n', '\r' and NUL alike.
void parse_line(std::string_view text, const std::string& path, int number, SysctlFiles& into) {
    const std::string_view line = trim(text);
    if (line.empty() || line.front() == '#' || line.front() == ';')
        return;
    const bool minus = line.front() == '-';
    const std::size_t equals = line.find('=');
    const std::string_view key =
        trim(line.substr(minus ? 1 : 0, equals - (minus && equals != std::string_view::npos)));
    if (key.empty() || (equals == std::string_view::npos && !minus)) {
        into.problems.push_back(path + ":" + std::to_string(number) +
                                ": not an assignment: " + printable(line, 60));
        return;
    }
    SysctlLine out{.key = normalise_sysctl(key), .file = path, .line = number};
    if (equals != std::string_view::npos)
        out.value = std::string(trim(line.substr(equals + 1)));
    into.lines.push_back(std::move(out));
}

// name -> path of the file that counts; a directory that cannot be listed is noted as unreadable.
std::map<std::string, std::string> find_files(const Sysroot& root, SysctlFiles& out) {
    std::map<std::string, std::string> files;
    for (const std::string_view dir : directories) {
        const auto entries = root.list(dir);
        if (!entries) {
            if (entries.error().code != Code::not_found)
                out.unreadable.push_back({"", entries.error()});
            continue;
        }
        for (const DirEntry& e : *entries)
            if (e.name.ends_with(".conf"))
                files.try_emplace(e.name, std::string(dir) + "/" + e.name);
    }
    return files;
}

bool masks(const Sysroot& root, const std::string& path) {
    const auto target = root.read_link(path);
    return target && *target == "/dev/null";
}

}  // namespace

std::string normalise_sysctl(std::string_view key) {
    std::string out(key);
    const std::size_t first = out.find_first_of("./");
    if (first != std::string::npos && out[first] == '.')
        for (char& c : out)
            c = c == '.' ? '/' : c == '/' ? '.' : c;
    out.erase(0, std::min(out.find_first_not_of('/'), out.size()));
    return out;
}

std::optional<std::string> sysctl_knob(std::string_view key) {
    const std::string path = normalise_sysctl(key);
    for (const std::string_view step : split(path, '/'))
        if (step.empty() || step == "." || step == "..")
            return std::nullopt;
    return "/proc/sys/" + path;
}

bool same_sysctl_value(std::string_view a, std::string_view b) {
    return words(a) == words(b);
}

void parse_sysctl(std::string_view text, const std::string& path, SysctlFiles& into) {
    int number = 0;
    for (const std::string_view line : split_lines(text)) {
        ++number;
        for (std::size_t at = 0; at <= line.size();) {
            const std::size_t end =
                std::min(line.find_first_of(std::string_view("\r\0", 2), at), line.size());
            parse_line(line.substr(at, end - at), path, number, into);
            at = end + 1;
        }
    }
}

SysctlFiles read_sysctl_files(const Sysroot& root) {
    SysctlFiles out;
    for (const auto& [name, path] : find_files(root, out)) {
        if (masks(root, path))
            continue;
        const auto text = root.read(path, max_file);
        if (text)
            parse_sysctl(*text, path, out);
        else if (text.error().code != Code::not_found)  // a dangling link: nothing to apply
            out.unreadable.push_back({name, text.error()});
    }
    return out;
}

Result<std::optional<SysctlLine>> SysctlFiles::effective(std::string_view key) const {
    const std::string wanted = normalise_sysctl(key);
    const SysctlLine* named = nullptr;
    const SysctlLine* by_glob = nullptr;
    for (const SysctlLine& l : lines) {
        if (l.key == wanted)
            named = &l;
        else if (l.value && is_pattern(l.key) && glob_covers(l.key, wanted))
            by_glob = &l;
    }
    for (const Unreadable& u : unreadable)
        if (named == nullptr || u.name.empty() || u.name >= base_name(named->file))
            return Failure(Error(u.error).context("what sets " + std::string(key) + " at boot"));
    if (named != nullptr)
        return named->value ? std::optional(*named) : std::nullopt;
    return by_glob != nullptr ? std::optional(*by_glob) : std::nullopt;
}

std::optional<std::string> sysctl_drop_in_path(std::string_view key,
                                               const std::optional<SysctlLine>& decides_now) {
    std::string name(key);
    std::ranges::replace(name, '/', '.');
    // A line that names the key wins over a glob wherever it stands.
    const bool any_place = !decides_now || is_pattern(decides_now->key);
    for (const std::string_view prefix : {"60-plimsoll-", "99-zz-plimsoll-", "zz-plimsoll-"}) {
        const std::string file = std::string(prefix) + name + ".conf";
        if (any_place || file >= base_name(decides_now->file))
            return "/etc/sysctl.d/" + file;
    }
    return std::nullopt;
}

std::string sysctl_drop_in_content(std::string_view key, std::string_view value) {
    return "# Managed by Plimsoll: edits are overwritten.\n" + std::string(key) + " = " + std::string(value) +
           "\n";
}

}  // namespace plimsoll::host
