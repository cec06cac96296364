// SPDX-License-Identifier: Apache-2.0
#include "core/host/manager_environment.hpp"

#include <algorithm>
#include <iterator>
#include <map>

namespace plimsoll::host {
namespace {

// Highest priority first.
constexpr const char* directories[] = {"/etc/systemd/", "/run/systemd/", "/usr/local/lib/systemd/",
                                       "/usr/lib/systemd/", "/lib/systemd/"};
constexpr std::size_t max_file = std::size_t{1} << 20;

// A link to /dev/null masks the files of that name further down.
bool is_masked(const Sysroot& root, const std::string& path) {
    const auto target = root.read_link(path);
    return target && *target == "/dev/null";
}

// One of the files with its drop-ins, as a unit whose values() are what the manager takes.
UnitFile read_conf(const Sysroot& root, const std::string& name, std::vector<Error>& problems) {
    UnitFile out{.name = name};
    std::map<std::string, std::string> drop_ins;  // the first of a name counts
    for (const std::string dir : directories) {
        const std::string path = dir + name;
        if (out.fragment.empty() && root.exists(path))
            out.fragment = path;
        const auto entries = root.list(path + ".d");
        if (!entries && entries.error().code != Code::not_found)
            problems.push_back(entries.error());
        for (const DirEntry& e : entries.value_or(std::vector<DirEntry>{}))
            if (e.name.ends_with(".conf"))
                drop_ins.try_emplace(e.name, path + ".d/" + e.name);
    }
    const auto add = [&](const std::string& path) {
        if (path.empty() || is_masked(root, path))
            return;
        const auto text = root.read(path, max_file);
        if (text)
            std::ranges::move(parse_unit(*text, path), std::back_inserter(out.settings));
        else if (text.error().code != Code::not_found)
            problems.push_back(text.error());
    };
    add(out.fragment);
    for (const auto& [file, path] : drop_ins)
        add(path);
    return out;
}

}  // namespace

std::vector<UnitSetting> manager_environment(const Sysroot& root, std::vector<Error>& problems) {
    auto out = read_conf(root, "system.conf", problems).values("Manager", "DefaultEnvironment");
    const auto users = read_conf(root, "user.conf", problems);
    for (const char* key : {"DefaultEnvironment", "ManagerEnvironment"})
        std::ranges::move(users.values("Manager", key), std::back_inserter(out));
    return out;
}

}  // namespace plimsoll::host
