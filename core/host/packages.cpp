// SPDX-License-Identifier: Apache-2.0
#include "core/host/packages.hpp"

#include "core/base/text.hpp"
#include "core/host/read_fd.hpp"

#include <algorithm>
#include <functional>
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

// The stanzas of a status file that comes in parts. Of its hundred thousand lines only those stanzas are
// looked at in which one of the names stands at all.
class StatusReader {
  public:
    StatusReader(const std::vector<std::string>& names, Versions& into) : names_(names), into_(into) {
        for (const std::string& name : names)
            if (!name.empty())
                searchers_.emplace_back(name.begin(), name.end());
    }

    void take(std::string_view part) {
        text_ += part;
        const auto end = text_.rfind(between);
        if (end == std::string::npos)
            return;
        search(std::string_view(text_).substr(0, end));
        text_.erase(0, end + between.size());
    }

    void finish() { search(text_); }

  private:
    static constexpr std::string_view between = "\n\n";

    void search(std::string_view text) {
        for (const auto& searcher : searchers_)
            for (auto it = std::search(text.begin(), text.end(), searcher); it != text.end();
                 it = std::search(it, text.end(), searcher)) {
                const auto at = static_cast<std::size_t>(it - text.begin());
                const auto before = text.rfind(between, at);
                const auto begin = before == std::string_view::npos ? 0 : before + between.size();
                const auto end = std::min(text.find(between, at), text.size());
                parse_stanzas(text.substr(begin, end - begin), names_, into_);
                it = text.begin() + static_cast<std::ptrdiff_t>(end);
            }
    }

    const std::vector<std::string>& names_;
    Versions& into_;
    std::vector<std::boyer_moore_horspool_searcher<std::string::const_iterator>> searchers_{};
    std::string text_{};  // from the last stanza on that is not known to be whole
};

Result<Versions> read_status(const Sysroot& root, const std::string& path,
                             const std::vector<std::string>& names) {
    constexpr int attempts = 4;
    for (int attempt = 1;; ++attempt) {
        Versions found;
        StatusReader reader(names, found);
        const auto read =
            read_parts(root, path, status_max, [&](std::string_view part) { reader.take(part); });
        if (!read && (read.error().code != Code::busy || attempt == attempts))
            return Failure(read.error());
        if (!read)
            continue;
        reader.finish();
        return found;
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
        PLIMSOLL_TRY(auto found, read_status(root, dir + "/" + e.name, names));
        into.merge(found);
    }
    return true;
}

}  // namespace

Result<Versions> installed_versions(const Sysroot& root, const std::vector<std::string>& names) {
    auto out = read_status(root, "/var/lib/dpkg/status", names);
    const bool one_file = out.has_value();
    if (!one_file && out.error().code != Code::not_found)
        return Failure(out.error());
    Versions found = std::move(out).value_or(Versions{});
    PLIMSOLL_TRY(const bool split_status, read_status_dir(root, names, found));
    if (one_file || split_status)
        return found;
    for (const char* rpm : {"/var/lib/rpm", "/usr/lib/sysimage/rpm", "/usr/share/rpm"})
        if (root.exists(rpm))
            return fail(Code::unsupported,
                        std::string("the package database is rpm's (") + rpm + "), which is not read");
    return fail(Code::unsupported, "no package database found");
}

}  // namespace plimsoll::host
