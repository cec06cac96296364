// SPDX-License-Identifier: Apache-2.0
#include "core/host/quadlet_files.hpp"

#include "core/base/path.hpp"
#include "core/base/text.hpp"

#include <algorithm>
#include <functional>
#include <map>

#include <dirent.h>

namespace plimsoll::host {
namespace {

constexpr int max_depth = 8;  // symlinks may form a loop
constexpr std::size_t max_files = 10000;

constexpr std::string_view extensions[] = {".container", ".pod",   ".kube",  ".network",
                                           ".volume",    ".build", ".image", ".artifact"};

class Search {
  public:
    using Skip = std::function<bool(const std::string& path)>;

    Search(const Sysroot& root, Skip skip) : root_(root), skip_(std::move(skip)) {}

    void directory(const std::string& dir, int depth = 0) {
        const auto entries = root_.list(dir);
        if (!entries) {
            if (entries.error().code != Code::not_found)
                found.problems.push_back(entries.error());
            return;
        }
        if (depth > max_depth || found.files.size() > max_files) {
            found.problems.push_back(
                Error{Code::invalid_input, 0, dir + ": too deep or too many files to search"});
            return;
        }
        std::vector<std::string> below;
        for (const auto& e : *entries) {
            const std::string path = dir + "/" + e.name;
            const bool is_dir = is_directory(path, e);
            if (!is_dir && is_quadlet_name(e.name) && !is_masked(path))
                found.files.push_back(path);
            else if (is_dir && e.name.ends_with(".d"))
                found.drop_in_dirs.push_back(path);
            else if (is_dir && !skip_(path))
                below.push_back(path);
        }
        for (const auto& path : below)
            directory(path, depth + 1);
    }

    QuadletTree found{};

  private:
    bool is_directory(const std::string& path, const DirEntry& e) const {
        if (e.type == DT_DIR)
            return true;
        if (e.type != DT_LNK && e.type != DT_UNKNOWN)
            return false;
        const auto st = root_.stat(path);
        return st && S_ISDIR(st->st_mode);
    }

    bool is_masked(const std::string& path) const {
        const auto target = root_.read_link(path);
        return target && *target == "/dev/null";
    }

    const Sysroot& root_;
    Skip skip_;
};

bool nothing(const std::string&) {
    return false;
}

// "container.d", "web-.container.d", "web-db.container.d" for "web-db.container"; of an instance its
// template's as well.
std::vector<std::string> drop_in_names(std::string_view file) {
    const auto dot = file.rfind('.');
    const auto extension = std::string(file.substr(dot)) + ".d";
    const auto stem = file.substr(0, dot);
    const auto at = stem.find('@');
    const auto name = stem.substr(0, at);
    std::vector<std::string> out{extension.substr(1)};
    for (auto dash = name.find('-'); dash != std::string_view::npos; dash = name.find('-', dash + 1)) {
        out.push_back(std::string(name.substr(0, dash + 1)) + extension);
        if (at != std::string_view::npos)
            out.push_back(std::string(name.substr(0, dash + 1)) + "@" + extension);
    }
    if (at != std::string_view::npos)
        out.push_back(std::string(name) + "@" + extension);
    out.push_back(std::string(file) + ".d");
    return out;
}

}  // namespace

bool is_quadlet_name(std::string_view file) {
    return std::ranges::any_of(
        extensions, [&](std::string_view e) { return file.size() > e.size() && file.ends_with(e); });
}

std::vector<std::string> QuadletTree::drop_ins(const Sysroot& root, std::string_view file,
                                               std::vector<Error>& into) const {
    const auto names = drop_in_names(base_name(file));
    std::map<std::string, std::string> by_name;  // the first of a name counts
    for (const auto& dir : drop_in_dirs) {
        if (std::ranges::find(names, base_name(dir)) == names.end())
            continue;
        const auto entries = root.list(dir);
        if (!entries) {
            into.push_back(entries.error());
            continue;
        }
        for (const auto& e : *entries)
            if (e.name.ends_with(".conf"))
                by_name.try_emplace(e.name, dir + "/" + e.name);
    }
    std::vector<std::string> out;
    for (auto& [name, path] : by_name)
        out.push_back(std::move(path));
    return out;
}

QuadletTree system_quadlets(const Sysroot& root) {
    Search search(root, [](const std::string& path) { return path == quadlet_users_dir; });
    for (const char* dir :
         {"/run/containers/systemd", "/etc/containers/systemd", "/usr/share/containers/systemd"})
        search.directory(dir);
    return std::move(search.found);
}

QuadletTree common_quadlets(const Sysroot& root) {
    Search search(root, [](const std::string& path) {
        return path.substr(0, path.rfind('/')) == quadlet_users_dir && parse_u64(base_name(path));
    });
    search.directory(std::string(quadlet_users_dir));
    return std::move(search.found);
}

QuadletTree user_quadlets(const Sysroot& root, std::uint32_t uid, const std::string& home) {
    const std::string id = std::to_string(uid);
    Search search(root, nothing);
    search.directory("/run/user/" + id + "/containers/systemd");
    if (home.size() > 1 && home.starts_with('/'))
        search.directory(home + "/.config/containers/systemd");
    search.directory(std::string(quadlet_users_dir) + "/" + id);
    return std::move(search.found);
}

}  // namespace plimsoll::host
