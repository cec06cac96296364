// SPDX-License-Identifier: Apache-2.0
#include "core/host/packages.hpp"

#include "core/base/text.hpp"

#include <algorithm>
#include <optional>

namespace plimsoll::host {
namespace {

constexpr std::size_t status_max = std::size_t{64} << 20;

using Versions = std::map<std::string, std::string>;

// The value of "NAME: value" when `line` is that field.
std::optional<std::string_view> field(std::string_view line, std::string_view name) {
    if (!line.starts_with(name) || line.size() <= name.size() || line[name.size()] != ':')
        return std::nullopt;
    return trim(line.substr(name.size() + 1));
}

// The third word of Status is the state (dpkg(1)). In the others no files are on the disk. Files of
// status.d have no Status: what they name is there.
bool on_disk(std::string_view status) {
    const auto w = words(status);
    return w.empty() || (w.size() == 3 && w[2] != "not-installed" && w[2] != "config-files");
}

struct Stanza {
    std::string_view package;
    std::string_view version;
    std::string_view status;
};

void keep(const Stanza& s, const std::vector<std::string>& names, Versions& into) {
    if (std::ranges::find(names, s.package) != names.end() && on_disk(s.status) && !s.version.empty())
        into.try_emplace(std::string(s.package), s.version);
}

void parse_stanzas(std::string_view text, const std::vector<std::string>& names, Versions& into) {
    Stanza stanza;
    while (!text.empty()) {
        const auto end = std::min(text.find('\n'), text.size());
        const auto line = text.substr(0, end);
        text.remove_prefix(std::min(end + 1, text.size()));
        if (line.empty()) {
            keep(stanza, names, into);
            stanza = {};
        } else if (const auto package = field(line, "Package")) {
            stanza.package = *package;
        } else if (const auto version = field(line, "Version")) {
            stanza.version = *version;
        } else if (const auto status = field(line, "Status")) {
            stanza.status = *status;
        }
    }
    keep(stanza, names, into);
}

// Those stanzas alone in which a name stands at all: a status file has a hundred thousand lines.
void parse_status(std::string_view text, const std::vector<std::string>& names, Versions& into) {
    static constexpr std::string_view between = "\n\n";
    for (const std::string& name : names)
        for (auto at = name.empty() ? std::string_view::npos : text.find(name);
             at != std::string_view::npos;) {
            const auto before = text.rfind(between, at);
            const auto begin = before == std::string_view::npos ? 0 : before + between.size();
            const auto end = std::min(text.find(between, at), text.size());
            parse_stanzas(text.substr(begin, end - begin), names, into);
            at = text.find(name, end);
        }
}

// Images assembled package by package keep one file each instead of the common one.
Result<bool> read_status_dir(const Sysroot& root, const std::vector<std::string>& names, Versions& into) {
    static const std::string dir = "/var/lib/dpkg/status.d";
    const auto entries = root.list(dir);
    if (!entries) {
        if (entries.error().code == Code::not_found)
            return false;
        return Failure(entries.error());
    }
    for (const DirEntry& e : *entries) {
        if (e.name.ends_with(".md5sums"))
            continue;
        PLIMSOLL_TRY(const auto text, root.read(dir + "/" + e.name));
        parse_status(text, names, into);
    }
    return true;
}

}  // namespace

Result<Versions> installed_versions(const Sysroot& root, const std::vector<std::string>& names) {
    Versions out;
    const auto text = root.read("/var/lib/dpkg/status", status_max);
    if (text)
        parse_status(*text, names, out);
    else if (text.error().code != Code::not_found)
        return Failure(text.error());
    PLIMSOLL_TRY(const bool split_status, read_status_dir(root, names, out));
    if (text || split_status)
        return out;
    for (const char* rpm : {"/var/lib/rpm", "/usr/lib/sysimage/rpm", "/usr/share/rpm"})
        if (root.exists(rpm))
            return fail(Code::unsupported,
                        std::string("the package database is rpm's (") + rpm + "), which is not read");
    return fail(Code::unsupported, "no package database found");
}

}  // namespace plimsoll::host
