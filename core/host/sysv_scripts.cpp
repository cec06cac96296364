// SPDX-License-Identifier: Apache-2.0
#include "core/host/sysv_scripts.hpp"

#include <algorithm>
#include <map>
#include <optional>
#include <set>

namespace plimsoll::host {
namespace {

constexpr std::size_t max_script = std::size_t{1} << 20;

// Debian's places, then Fedora's, which may be links to each other.
constexpr std::string_view script_dirs[] = {"/etc/init.d", "/etc/rc.d/init.d"};
constexpr std::string_view link_dirs[] = {"/etc/rc", "/etc/rc.d/rc", "/etc/init.d/rc"};
constexpr std::string_view runlevels = "2345";  // of a usual boot; 1 is the rescue mode's

bool scripts_count(const Sysroot& root) {
    if (!root.exists("/usr/lib/systemd/systemd") && !root.exists("/lib/systemd/systemd"))
        return true;
    // The first directory that has the name decides (systemd.generator(7)).
    for (const std::string dir : {"/run/systemd/", "/etc/systemd/", "/usr/local/lib/systemd/",
                                  "/usr/lib/systemd/", "/lib/systemd/"}) {
        const std::string path = dir + "system-generators/systemd-sysv-generator";
        if (!root.exists(path))
            continue;
        const auto target = root.read_link(path);
        return !target || *target != "/dev/null";
    }
    return false;
}

class Reader {
  public:
    Reader(const Sysroot& root, std::span<const std::string_view> words) : root_(root), words_(words) {}

    SysvScripts take() {
        for (const auto dir : script_dirs)
            read_scripts(std::string(dir));
        if (!scripts_.empty())
            for (const auto base : link_dirs)
                for (const char level : runlevels)
                    read_links(std::string(base) + level + ".d");
        for (auto& [name, script] : scripts_)
            out_.found.push_back(std::move(script));
        return std::move(out_);
    }

  private:
    std::vector<DirEntry> entries_of(const std::string& dir) {
        auto entries = root_.list(dir);
        if (entries)
            return *std::move(entries);
        if (entries.error().code != Code::not_found)
            out_.problems.push_back(entries.error());
        return {};
    }

    // nullopt: it is not there, or could not be looked at.
    std::optional<struct stat> stat(const std::string& path) {
        const auto st = root_.stat(path);
        if (!st && st.error().code != Code::not_found)
            out_.problems.push_back(st.error());
        return st ? std::optional(*st) : std::nullopt;
    }

    static std::string unit_name(std::string_view script) {
        if (script.ends_with(".sh"))
            script.remove_suffix(3);
        return std::string(script) + ".service";
    }

    // As the generator has it: an executable file; the first of a name counts.
    void read_scripts(const std::string& dir) {
        for (const DirEntry& e : entries_of(dir)) {
            const std::string path = dir + "/" + e.name;
            const auto st = stat(path);
            if (!st || !S_ISREG(st->st_mode) || (st->st_mode & S_IXUSR) == 0 ||
                scripts_.contains(unit_name(e.name)))
                continue;
            auto text = root_.read(path, max_script);
            if (!text)
                out_.problems.push_back(std::move(text).error());
            else if (std::ranges::any_of(words_, [&](auto w) { return text->find(w) != std::string::npos; }))
                scripts_.emplace(
                    unit_name(e.name),
                    SysvScript{.unit = unit_name(e.name), .path = path, .text = *std::move(text)});
        }
    }

    // "S20docker": what it links to does not matter.
    void read_links(const std::string& dir) {
        const auto st = stat(dir);
        if (!st || !seen_.emplace(st->st_dev, st->st_ino).second)
            return;
        const auto digit = [](char c) { return c >= '0' && c <= '9'; };
        for (const DirEntry& e : entries_of(dir)) {
            if (e.name.size() < 4 || e.name[0] != 'S' || !digit(e.name[1]) || !digit(e.name[2]))
                continue;
            if (const auto script = scripts_.find(unit_name(std::string_view(e.name).substr(3)));
                script != scripts_.end())
                script->second.links.push_back(dir + "/" + e.name);
        }
    }

    const Sysroot& root_;
    std::span<const std::string_view> words_;
    std::map<std::string, SysvScript> scripts_{};  // by the name of the unit
    std::set<std::pair<dev_t, ino_t>> seen_{};
    SysvScripts out_{};
};

}  // namespace

SysvScripts read_sysv_scripts(const Sysroot& root, std::span<const std::string_view> words) {
    return scripts_count(root) ? Reader(root, words).take() : SysvScripts{};
}

}  // namespace plimsoll::host
