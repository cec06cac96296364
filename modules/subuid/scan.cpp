// SPDX-License-Identifier: Apache-2.0
// Who owns the files in the engines' storage.
#include "core/base/json.hpp"
#include "core/base/text.hpp"
#include "core/base/toml.hpp"
#include "modules/subuid/observe.hpp"

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

constexpr std::array storage_confs{"/etc/containers/storage.conf", "/usr/share/containers/storage.conf"};
constexpr std::size_t max_problems = 5;
// More different owners than this in one storage tell nothing more.
constexpr std::size_t max_owners = 1000;

struct CloseDir {
    void operator()(DIR* d) const { ::closedir(d); }
};

void unseen(StorageScan& out, const std::string& what) {
    if (out.elsewhere_unseen.size() < max_problems)
        out.elsewhere_unseen.push_back(printable(what));
}

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
        static constexpr std::array<std::array<const char*, 2>, 5> tops{{{"/overlay", "/diff"},
                                                                         {"/overlay2", "/diff"},
                                                                         {"/vfs/dir", ""},
                                                                         {"/btrfs/subvolumes", ""},
                                                                         {"/volumes", "/_data"}}};
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
            unseen(out_, path + " is a link");
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

// Where the configuration puts storage; a configuration that is no help is noted.
class Places {
  public:
    Places(const host::Sysroot& root, StorageScan& out) : root_(root), out_(out) {
        for (const char* file : storage_confs) {
            const auto conf = read(file, &parse_toml);
            if (conf && !*conf)
                continue;
            graphroot_ = conf ? text_at(**conf, "storage", "graphroot") : "";
            rootless_ = conf ? text_at(**conf, "storage", "rootless_storage_path") : "";
            if (!conf || !rootless_.empty())
                out_.elsewhere.emplace();
            break;  // the first one is the only one that Podman reads
        }
        if (const auto conf = read("/etc/docker/daemon.json", &parse_json); conf && *conf)
            data_root_ = docker_root(**conf);
        for (const std::string dir :
             {"/usr/share/containers/storage.conf.d", "/etc/containers/storage.conf.d"}) {
            const auto entries = list_optional(root_, dir);
            for (const auto& e : entries.value_or(std::vector<host::DirEntry>{}))
                note_drop_in(dir + "/" + e.name);
        }
    }

    [[nodiscard]] std::string podman() const {
        return graphroot_.empty() ? "/var/lib/containers/storage" : graphroot_;
    }

    [[nodiscard]] std::string docker() const { return data_root_.empty() ? "/var/lib/docker" : data_root_; }

    [[nodiscard]] std::vector<std::string> of(const host::User& u) const {
        if (u.managed_home && !root_.exists(u.home))
            unseen(out_, "the home of " + u.name + " is not there while the user is away");
        std::vector<std::string> out = in_home(u.home);
        if (!rootless_.empty())
            add(rootless_, u, storage_confs.front(), out);
        const std::string podman_conf = u.home + "/.config/containers/storage.conf";
        const auto of_podman = read(podman_conf, &parse_toml);
        if (of_podman && *of_podman)
            for (const char* key : {"graphroot", "rootless_storage_path"})
                if (const auto place = text_at(**of_podman, "storage", key); !place.empty())
                    add(place, u, podman_conf, out);
        const std::string docker_conf = u.home + "/.config/docker/daemon.json";
        const auto of_docker = read(docker_conf, &parse_json);
        if (of_docker && *of_docker)
            if (const auto place = docker_root(**of_docker); !place.empty())
                add(place, u, docker_conf, out);
        if (!of_podman || *of_podman || !of_docker || *of_docker)
            out_.elsewhere.insert(u.name);
        return out;
    }

    [[nodiscard]] static std::vector<std::string> in_home(const std::string& home) {
        return {home + "/.local/share/containers/storage", home + "/.local/share/docker"};
    }

  private:
    // nullopt: no such file. What cannot be read is noted.
    template <class Parser>
    Result<std::optional<Value>> read(const std::string& path, Parser parse) const {
        const auto text = root_.read(path);
        if (!text && text.error().code == Code::not_found)
            return std::nullopt;
        Result<Value> conf = text ? parse(*text, path) : Result<Value>(Failure(text.error()));
        if (!conf) {
            unseen(out_, conf.error().message);
            return Failure(std::move(conf).error());
        }
        return std::optional(*std::move(conf));
    }

    template <class... Keys>
    static std::string text_at(const Value& conf, Keys... keys) {
        const Value* v = conf.at(keys...);
        return v != nullptr && v->string() != nullptr ? *v->string() : "";
    }

    static std::string docker_root(const Value& conf) {
        const std::string root = text_at(conf, "data-root");
        return root.empty() ? text_at(conf, "graph") : root;
    }

    // Which of them count depends on the version of Podman.
    void note_drop_in(const std::string& path) const {
        const auto text = root_.read(path);
        if (!text || text->contains("graphroot") || text->contains("rootless_storage_path"))
            unseen(out_, path + " may put storage elsewhere");
    }

    void add(std::string place, const host::User& u, const std::string& source,
             std::vector<std::string>& out) const {
        const std::array<std::pair<std::string_view, std::string>, 3> variables{
            {{"$HOME", u.home}, {"$USER", u.name}, {"$UID", std::to_string(u.uid)}}};
        for (const auto& [variable, value] : variables)
            for (auto at = place.find(variable); at != std::string::npos;
                 at = place.find(variable, at + value.size()))
                place.replace(at, variable.size(), value);
        if (place.starts_with('/') && !place.contains('$'))
            out.push_back(std::move(place));
        else
            unseen(out_, source + " puts storage at " + place);
    }

    const host::Sysroot& root_;
    StorageScan& out_;
    std::string graphroot_{};
    std::string rootless_{};
    std::string data_root_{};
};

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

void scan_rootful(const host::Sysroot& root, const Places& places, Walk& walk) {
    walk.rootful({"", places.podman(), StoredIds::Whose::root});
    walk.rootful({"", places.docker(), StoredIds::Whose::root});
    const auto entries = list_optional(root, places.docker());
    if (!entries)
        return walk.problem(entries.error());
    for (const auto& e : *entries)
        if (const auto ids = remap_root(e.name)) {
            const std::string path = places.docker() + "/" + e.name;
            walk.rootful({"", path, StoredIds::Whose::remapped, {{ids->first, path}}, {{ids->second, path}}});
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
    const Places places(root, out);
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
            for (const std::string& directory : Places::in_home("/home/" + e.name))
                walk.rootless("", directory);
    scan_rootful(root, places, walk);
    return out;
}

}  // namespace plimsoll::modules::subuid
