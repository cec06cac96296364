// SPDX-License-Identifier: Apache-2.0
// Who owns the files in the engines' storage.
#include "core/base/text.hpp"
#include "modules/subuid/observe.hpp"
#include "modules/subuid/storage_places.hpp"

#include <algorithm>
#include <array>
#include <limits>
#include <memory>
#include <optional>
#include <set>

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>

namespace plimsoll::modules::subuid {
namespace {

// More different owners than this in one storage tell nothing more.
constexpr std::size_t max_owners = 1000;

struct CloseDir {
    void operator()(DIR* d) const { ::closedir(d); }
};

class Walk {
  public:
    Walk(const host::Sysroot& root, std::int64_t budget, StorageScan& out)
        : root_(root), left_(budget), out_(out) {}

    // The whole of one rootless engine's storage, if it is there; `user` empty: nobody's.
    void rootless(const std::string& user, const std::string& directory) {
        const auto top = directory_at(directory, false);
        if (!top || !visited_.insert(directory).second)
            return;
        StoredIds found{user, directory, user.empty() ? StoredIds::Whose::nobody : StoredIds::Whose::user};
        note(*top, directory, "", found);
        const host::Sysroot::Unrecorded walk(root_);  // too many directories to watch
        std::vector<std::string> todo{directory};
        while (!todo.empty() && !out_.exhausted) {
            const std::string dir = std::move(todo.back());
            todo.pop_back();
            read_directory(dir, found, todo);
        }
        out_.stores.push_back(std::move(found));
    }

    // Of a rootful engine's storage only the tops of layers and volumes: there are too many files, and an
    // engine that moves a layer to other ids moves all of it.
    void rootful(StoredIds found) {
        if (!directory_at(found.directory, true) || !visited_.insert(found.directory).second)
            return;
        const host::Sysroot::Unrecorded walk(root_);
        static constexpr std::array<std::array<const char*, 2>, 9> tops{
            {{"/overlay", "/diff"},
             {"/overlay2", "/diff"},
             {"/vfs/dir", ""},
             {"/btrfs/subvolumes", ""},
             {"/volumes", "/_data"},
             {"/io.containerd.snapshotter.v1.overlayfs/snapshots", "/fs"},
             {"/io.containerd.snapshotter.v1.native/snapshots", ""},
             {"/io.containerd.snapshotter.v1.btrfs/active", ""},
             {"/io.containerd.snapshotter.v1.btrfs/snapshots", ""}}};
        for (const auto& [above, below] : tops)
            tops_in(found.directory + above, below, found);
        out_.stores.push_back(std::move(found));
    }

    void problem(const Error& e) {
        if (e.code != Code::not_found && out_.problems.size() < max_problems)
            out_.problems.push_back(printable(e.message));
    }

  private:
    // A link of a tenant's is not followed, and not passed over in silence.
    std::optional<struct stat> directory_at(const std::string& path, bool follow) {
        const auto st = follow ? root_.stat(path) : root_.lstat(path);
        if (!st)
            problem(st.error());
        else if (S_ISLNK(st->st_mode))
            note_unseen(out_, path + " is a link");
        return st && S_ISDIR(st->st_mode) ? std::optional(*st) : std::nullopt;
    }

    void tops_in(const std::string& directory, const std::string& below, StoredIds& found) {
        const auto entries = list_optional(root_, directory);
        if (!entries)
            return problem(entries.error());
        for (const auto& e : *entries) {
            if (left_-- <= 0) {
                out_.exhausted = true;
                return;
            }
            const std::string path = directory + "/" + e.name + below;
            if (const auto top = directory_at(path, true))
                note(*top, path, "", found);
        }
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
                owners.emplace(id, name.empty() ? dir : dir + "/" + std::string(name));
        };
        add(found.uids, st.st_uid);
        add(found.gids, st.st_gid);
    }

    const host::Sysroot& root_;
    std::int64_t left_;
    StorageScan& out_;
    std::set<std::string, std::less<>> visited_{};
};

}  // namespace

namespace {

// "100000.100000": dockerd's storage for the remap user whose first ids these are.
std::optional<std::pair<std::uint32_t, std::uint32_t>> remap_root(std::string_view name) {
    const auto parts = split(name, '.');
    const auto uid = parts.size() == 2 ? parse_u64(parts[0]) : std::nullopt;
    const auto gid = parts.size() == 2 ? parse_u64(parts[1]) : std::nullopt;
    constexpr auto last = std::numeric_limits<std::uint32_t>::max();
    if (!uid || !gid || *uid > last || *gid > last)
        return std::nullopt;
    return std::pair(static_cast<std::uint32_t>(*uid), static_cast<std::uint32_t>(*gid));
}

void scan_rootful(const host::Sysroot& root, const StoragePlaces& places, Walk& walk) {
    walk.rootful({"", places.podman(), StoredIds::Whose::root});
    for (const std::string& place : places.containerd())
        walk.rootful({"", place, StoredIds::Whose::root});
    for (const std::string& place : places.docker()) {
        walk.rootful({"", place, StoredIds::Whose::root});
        const auto entries = list_optional(root, place);
        if (!entries)
            walk.problem(entries.error());
        for (const auto& e : entries.value_or(std::vector<host::DirEntry>{}))
            if (const auto ids = remap_root(e.name)) {
                const std::string path = place + "/" + e.name;
                walk.rootful(
                    {"", path, StoredIds::Whose::remapped, {{ids->first, path}}, {{ids->second, path}}});
            }
    }
}

// Whether it is some account's home by another name: /home is a link on many hosts.
bool is_home(const host::Host& host, const std::string& directory) {
    const auto st = host.root().stat(directory);
    return st && std::ranges::any_of(host.accounts()->users, [&](const host::User& u) {
               const auto home = host.root().stat(u.home);
               return home && home->st_dev == st->st_dev && home->st_ino == st->st_ino;
           });
}

}  // namespace

StorageScan scan_storage(const host::Host& host, std::int64_t budget) {
    StorageScan out;
    if (!host.accounts())
        return out;
    const host::Sysroot& root = host.root();
    const StoragePlaces places(host, out);
    Walk walk(root, budget, out);
    std::set<std::string, std::less<>> homes;
    for (const auto& u : host.accounts()->users) {
        homes.insert(u.home);
        if (u.uid == 0 || u.home.size() <= 1 || u.home.front() != '/')
            continue;
        for (const std::string& directory : places.of(u))
            walk.rootless(u.name, directory);
    }
    for (const auto& e : root.list("/home").value_or(std::vector<host::DirEntry>{}))
        if (!homes.contains("/home/" + e.name) && !is_home(host, "/home/" + e.name))
            for (const std::string& directory : StoragePlaces::in_home("/home/" + e.name))
                walk.rootless("", directory);
    scan_rootful(root, places, walk);
    return out;
}

}  // namespace plimsoll::modules::subuid
