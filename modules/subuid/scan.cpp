// SPDX-License-Identifier: Apache-2.0
// Who owns the files in the rootless engines' storage.
#include "core/base/text.hpp"
#include "modules/subuid/observe.hpp"

#include <algorithm>
#include <memory>

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>

namespace plimsoll::modules::subuid {
namespace {

constexpr std::size_t max_problems = 5;
// More different owners than this in one storage tell nothing more.
constexpr std::size_t max_owners = 1000;

struct CloseDir {
    void operator()(DIR* d) const { ::closedir(d); }
};

class Walk {
  public:
    Walk(const host::Sysroot& root, std::int64_t budget, StorageScan& out)
        : root_(root), left_(budget), out_(out) {}

    void store(const std::string& user, const std::string& directory) {
        StoredIds found{user, directory};
        const host::Sysroot::Unrecorded walk(root_);  // too many directories to watch
        std::vector<std::string> todo{directory};
        while (!todo.empty() && !out_.exhausted) {
            const std::string dir = std::move(todo.back());
            todo.pop_back();
            read_directory(dir, found, todo);
        }
        out_.stores.push_back(std::move(found));
    }

  private:
    void problem(const Error& e) {
        if (e.code != Code::not_found && out_.problems.size() < max_problems)
            out_.problems.push_back(printable(e.message));
    }

    void read_directory(const std::string& dir, StoredIds& found, std::vector<std::string>& todo) {
        auto fd = root_.open_at(dir, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
        if (!fd)
            return problem(fd.error());
        const int number = fd->get();
        const std::unique_ptr<DIR, CloseDir> stream(::fdopendir(number));
        if (!stream)
            return problem(fail_errno("list " + dir).error());
        (void)fd->release();  // the stream closes it
        for (errno = 0; const dirent* e = ::readdir(stream.get()); errno = 0) {
            const std::string_view name = e->d_name;
            if (name == "." || name == "..")
                continue;
            if (left_-- <= 0) {
                out_.exhausted = true;
                return;
            }
            struct stat st{};
            if (::fstatat(number, e->d_name, &st, AT_SYMLINK_NOFOLLOW) < 0) {
                problem(fail_errno("stat " + dir + "/" + std::string(name)).error());
                continue;
            }
            note(st, dir, name, found);
            if (S_ISDIR(st.st_mode))
                todo.push_back(dir + "/" + std::string(name));
        }
        if (errno != 0)
            problem(fail_errno("list " + dir).error());
    }

    static void note(const struct stat& st, const std::string& dir, std::string_view name, StoredIds& found) {
        const auto add = [&](std::map<std::uint32_t, std::string>& owners, std::uint32_t id) {
            if (owners.size() < max_owners && !owners.contains(id))
                owners.emplace(id, dir + "/" + std::string(name));
        };
        add(found.uids, st.st_uid);
        add(found.gids, st.st_gid);
    }

    const host::Sysroot& root_;
    std::int64_t left_;
    StorageScan& out_;
};

// Whether some configuration names another place for rootless storage; what cannot be read may do so.
void note_elsewhere(const host::Host& host, StorageScan& out) {
    for (const char* file : {"/etc/containers/storage.conf", "/usr/share/containers/storage.conf"}) {
        const auto text = host.root().read(file);
        const bool named = text ? text->find("rootless_storage_path") != std::string::npos
                                : text.error().code != Code::not_found;
        if (named)
            out.elsewhere.emplace();
    }
    for (const auto& u : host.accounts()->users)
        for (const char* file : {"/.config/containers/storage.conf", "/.config/docker/daemon.json"})
            if (u.home.starts_with('/') && host.root().exists(u.home + file))
                out.elsewhere.insert(u.name);
}

}  // namespace

StorageScan scan_storage(const host::Host& host, std::int64_t budget) {
    StorageScan out;
    if (!host.accounts())
        return out;
    note_elsewhere(host, out);
    Walk walk(host.root(), budget, out);
    for (const auto& u : host.accounts()->users) {
        if (u.uid == 0 || u.home.size() <= 1 || u.home.front() != '/')
            continue;
        for (const char* below : {"/.local/share/containers/storage", "/.local/share/docker"}) {
            const std::string directory = u.home + below;
            const auto st = host.root().lstat(directory);
            if (!st && st.error().code != Code::not_found && out.problems.size() < max_problems)
                out.problems.push_back(printable(st.error().message));
            if (st && S_ISDIR(st->st_mode))
                walk.store(u.name, directory);
        }
    }
    return out;
}

}  // namespace plimsoll::modules::subuid
