// SPDX-License-Identifier: Apache-2.0
#include "tests/support/tree.hpp"

#include "core/base/digest.hpp"
#include "core/base/text.hpp"

#include <algorithm>
#include <fstream>
#include <iterator>
#include <stdexcept>
#include <vector>

#include <sys/stat.h>
#include <sys/xattr.h>

namespace plimsoll::tests {
namespace fs = std::filesystem;

namespace {

std::string relative_name(std::string_view p) {
    return std::string(p.starts_with('/') ? p.substr(1) : p);
}

std::string slurp(const fs::path& p) {
    std::ifstream in(p, std::ios::binary);
    return {std::istreambuf_iterator<char>(in), {}};
}

std::string xattrs(const fs::path& p) {
    std::string names(65536, '\0');
    const ssize_t n = ::llistxattr(p.c_str(), names.data(), names.size());
    if (n <= 0)
        return "";
    std::vector<std::string> out;
    for (const auto name : split(std::string_view(names).substr(0, static_cast<std::size_t>(n) - 1), '\0')) {
        std::string value(65536, '\0');
        const ssize_t m = ::lgetxattr(p.c_str(), std::string(name).c_str(), value.data(), value.size());
        out.push_back(std::string(name) + "=" +
                      sha256(value.substr(0, m < 0 ? 0 : static_cast<std::size_t>(m))));
    }
    std::ranges::sort(out);
    return join(out, ",");
}

}  // namespace

Tree::Tree(std::initializer_list<std::pair<std::string_view, std::string_view>> files) {
    std::string name = (fs::temp_directory_path() / "plimsoll-tree-XXXXXX").string();
    if (::mkdtemp(name.data()) == nullptr)
        throw std::runtime_error("mkdtemp");
    ::chmod(name.c_str(), 0755);
    dir_ = name;
    directory("/var/lib");  // where the state directory is made
    for (const auto& [file, content] : files)
        write(file, content);
}

Tree::~Tree() {
    std::error_code ignored;
    fs::remove_all(dir_, ignored);
}

fs::path Tree::path(std::string_view below) const {
    return dir_ / relative_name(below);
}

void Tree::write(std::string_view file, std::string_view content, mode_t mode) const {
    const auto p = path(file);
    fs::create_directories(p.parent_path());
    std::ofstream(p, std::ios::binary) << content;
    ::chmod(p.c_str(), mode);
}

void Tree::link(std::string_view file, std::string_view target) const {
    const auto p = path(file);
    fs::create_directories(p.parent_path());
    fs::remove(p);
    fs::create_symlink(target, p);
}

void Tree::fifo(std::string_view file) const {
    const auto p = path(file);
    fs::create_directories(p.parent_path());
    fs::remove(p);
    if (::mkfifo(p.c_str(), 0644) != 0)
        throw std::runtime_error("mkfifo");
}

void Tree::directory(std::string_view dir, mode_t mode) const {
    fs::create_directories(path(dir));
    ::chmod(path(dir).c_str(), mode);
}

void Tree::remove(std::string_view file) const {
    fs::remove_all(path(file));
}

std::string Tree::read(std::string_view file) const {
    if (!fs::exists(path(file)))
        throw std::runtime_error("no file " + std::string(file));
    return slurp(path(file));
}

host::Host Tree::host() const {
    return host::Host::open(dir_.string()).value();
}

host::Host Tree::live_host() const {
    return host::Host::open_as_live(dir_.string()).value();
}

std::string Tree::snapshot(std::string_view except) const {
    std::vector<std::string> lines;
    for (auto it = fs::recursive_directory_iterator(dir_); it != fs::recursive_directory_iterator(); ++it) {
        const std::string name = "/" + fs::relative(it->path(), dir_).string();
        if (!except.empty() && (name == except || name.starts_with(std::string(except) + "/"))) {
            it.disable_recursion_pending();
            continue;
        }
        if (name == "/etc/.pwd.lock")  // empty; everybody who edits accounts makes it
            continue;
        struct stat st{};
        if (::lstat(it->path().c_str(), &st) != 0)
            continue;
        std::string line = name + " mode=" + std::to_string(st.st_mode) +
                           " uid=" + std::to_string(st.st_uid) + " gid=" + std::to_string(st.st_gid) +
                           " xattrs=" + xattrs(it->path());
        if (S_ISREG(st.st_mode))
            line += " sha256=" + sha256(slurp(it->path()));
        if (S_ISLNK(st.st_mode))
            line += " -> " + fs::read_symlink(it->path()).string();
        lines.push_back(std::move(line));
    }
    std::ranges::sort(lines);
    return join(lines, "\n");
}

}  // namespace plimsoll::tests
