// SPDX-License-Identifier: Apache-2.0
// Where newuidmap and newgidmap are.
#include "core/base/text.hpp"
#include "core/host/manager_environment.hpp"
#include "modules/subuid/observe.hpp"

#include <algorithm>
#include <array>
#include <optional>
#include <set>
#include <span>

#include <dirent.h>
#include <fcntl.h>
#include <sys/statvfs.h>

namespace plimsoll::modules::subuid {
namespace {

// systemd's DEFAULT_PATH, with the names that are links on most hosts.
constexpr std::array own_path{"/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin"};

// Absolute directories of every PATH= in the text; "$PATH" and the like stand for what comes anyway.
void add_path_of(std::string_view text, std::vector<std::string>& out) {
    constexpr std::string_view key = "PATH=";
    for (const auto line : split_lines(text)) {
        if (trim(line).starts_with('#'))
            continue;
        for (auto at = line.find(key); at != std::string_view::npos; at = line.find(key, at + 1)) {
            if (at > 0 && std::string_view(" \t\"'=").find(line[at - 1]) == std::string_view::npos)
                continue;  // MANPATH=
            const auto value = line.substr(at + key.size());
            const auto quoted = value.find_first_not_of("\"'");
            if (quoted == std::string_view::npos)
                continue;
            const auto end = value.find_first_of("\"' \t", quoted);
            for (const auto dir : split(value.substr(quoted, end - quoted), ':'))
                if (dir.starts_with('/') && std::ranges::find(out, dir) == out.end())
                    out.emplace_back(dir);
        }
    }
}

Result<void> add_path_of_file(const host::Sysroot& root, const std::string& file,
                              std::vector<std::string>& out) {
    const auto text = root.read(file);
    if (text)
        add_path_of(*text, out);
    else if (text.error().code != Code::not_found)
        return Failure(text.error());
    return {};
}

// The directories on the way to a file that is there, those to which links lead included. That of an image
// itself is left out: it is not what "/" will be.
Result<std::vector<std::pair<std::string, FileState>>> way_to(const host::Host& host, std::string_view path) {
    constexpr int most_links = 40;
    std::vector<std::pair<std::string, FileState>> out;
    if (host.live()) {
        PLIMSOLL_TRY(const auto top, host.root().stat("/"));
        out.emplace_back("/", state_of(top));
    }
    int links = 0;
    std::string at;
    std::string rest(path);
    while (!rest.empty()) {
        const auto end = rest.find('/');
        const std::string name = rest.substr(0, end);
        rest.erase(0, end == std::string::npos ? end : end + 1);
        if (name.empty() || name == ".")
            continue;
        if (name == "..") {
            at.erase(at.empty() ? 0 : at.rfind('/'));
            continue;
        }
        const std::string next = at + "/" + name;
        PLIMSOLL_TRY(const auto st, host.root().lstat(next));
        if (S_ISLNK(st.st_mode)) {
            if (++links > most_links)
                return fail(Code::integrity, std::string(path) + ": too many links");
            PLIMSOLL_TRY(const auto target, host.root().read_link(next));
            rest = target + "/" + rest;
            at = target.starts_with('/') ? "" : at;
            continue;
        }
        at = next;
        if (S_ISDIR(st.st_mode))
            out.emplace_back(at, state_of(st));
    }
    return out;
}

Result<Helper> read_helper(const host::Host& host, const std::string& path) {
    PLIMSOLL_TRY(const auto st, host.root().stat(path));
    Helper out{path, state_of(st)};
    PLIMSOLL_TRY(out.capability, host.root().xattr(path, "security.capability"));
    if (!host.live())
        return out;  // mount options of an image are not those of the host it will run on
    PLIMSOLL_TRY(const auto fd, host.root().open_at(path, O_PATH));
    struct statvfs fs{};
    if (::fstatvfs(fd.get(), &fs) < 0)
        return fail_errno("statvfs " + path);
    out.nosuid = (fs.f_flag & ST_NOSUID) != 0;
    return out;
}

constexpr std::array<std::string_view, 2> helper_names{"newuidmap", "newgidmap"};
constexpr std::size_t most_problems = 5;

// Where people and installers put programs. Where people work all day, names come and go: such a place is
// not watched, only what is found in it.
struct Place {
    std::string_view path;
    bool busy;
    int depth{3};  // levels that are listed
};

// Two levels below /var/lib are what services have there; on the third are a package manager's thousands.
constexpr std::array<Place, 9> places{{{"/usr/local", false},
                                       {"/usr/libexec", false},
                                       {"/opt", false},
                                       {"/srv", true},
                                       {"/home", true},
                                       {"/root", true},
                                       {"/tmp", true},
                                       {"/var/tmp", true},
                                       {"/var/lib", true, 2}}};

class Search {
  public:
    // `known`: the directories of the PATHs, which find_helper() looks into.
    Search(const host::Host& host, std::vector<std::string> known) : host_(host), known_(std::move(known)) {}

    // What a PATH of single accounts names. There a link is as good as a file.
    void also(const std::string& dir) {
        if (std::ranges::find(known_, dir) != known_.end())
            return;
        for (const auto name : helper_names)
            file(dir + "/", name, true);
        own_.insert(dir);
    }

    // Level by level, so that what is near the top is seen however much there is further down.
    void below(std::span<const Place> all, std::int64_t budget) {
        left_ = budget;
        std::vector<Todo> level;
        for (const Place& place : all)
            level.push_back({std::string(place.path), &place});
        for (int depth = 1; !level.empty(); ++depth) {
            std::vector<Todo> next;
            for (const Todo& todo : level)
                directory(todo, depth < todo.place->depth ? &next : nullptr);
            level = std::move(next);
        }
    }

    HelperCopies take() && { return std::move(out_); }

  private:
    struct Todo {
        std::string directory;
        const Place* place;
    };

    void directory(const Todo& todo, std::vector<Todo>* below) {
        if (left_ <= 0)
            return unfinished(todo);
        const bool known =
            own_.contains(todo.directory) || std::ranges::find(known_, todo.directory) != known_.end();
        const auto entries = list(todo);
        if (!entries && entries.error().code != Code::not_found)
            problem(entries.error());
        for (const auto& e : entries.value_or(std::vector<host::DirEntry>{})) {
            if (left_-- <= 0)
                return unfinished(todo);
            const std::string path = todo.directory + "/" + e.name;
            if (is_directory(e, path, *todo.place)) {
                if (below != nullptr)
                    below->push_back({path, todo.place});
            } else if (!known && e.type != DT_LNK &&
                       std::ranges::find(helper_names, e.name) != helper_names.end()) {
                file(todo.directory + "/", e.name, todo.place->busy);
            }
        }
    }

    Result<std::vector<host::DirEntry>> list(const Todo& todo) {
        std::optional<host::Sysroot::Unrecorded> aside;
        if (todo.place->busy)
            aside.emplace(host_.root());
        return host_.root().list(todo.directory);
    }

    bool is_directory(const host::DirEntry& e, const std::string& path, const Place& place) {
        if (e.type != DT_UNKNOWN)
            return e.type == DT_DIR;
        std::optional<host::Sysroot::Unrecorded> aside;
        if (place.busy)
            aside.emplace(host_.root());
        const auto st = host_.root().lstat(path);
        if (!st && st.error().code != Code::not_found)
            problem(st.error());
        return st && S_ISDIR(st->st_mode);
    }

    // Whether it is a link to the helper that a PATH of the system finds.
    bool leads_to_known(const std::string& path, std::string_view name, const struct stat& target) {
        const host::Sysroot::Unrecorded aside(host_.root());
        const auto link = host_.root().lstat(path);
        return link && S_ISLNK(link->st_mode) && std::ranges::any_of(known_, [&](const std::string& dir) {
                   const auto helper = host_.root().stat(dir + "/" + std::string(name));
                   return helper && helper->st_dev == target.st_dev && helper->st_ino == target.st_ino;
               });
    }

    // `quiet`: nobody has to hear when it is made.
    void file(const std::string& directory, std::string_view name, bool quiet) {
        const std::string path = directory + std::string(name);
        const auto there = [&] {
            std::optional<host::Sysroot::Unrecorded> aside;
            if (quiet)
                aside.emplace(host_.root());
            return host_.root().stat(path);
        }();
        if (!there) {
            // A link in circles, or a file in place of a directory, is nothing that anybody could run.
            const auto& e = there.error();
            if (e.code != Code::not_found && e.sys_errno != ELOOP && e.sys_errno != ENOTDIR)
                problem(e);
            return;
        }
        if (!S_ISREG(there->st_mode) || leads_to_known(path, name, *there))
            return;
        auto helper = read_helper(host_, path);
        if (helper)
            out_.found.push_back(*std::move(helper));
        else if (helper.error().code != Code::not_found)
            unseen(helper.error());
    }

    void unfinished(const Todo& todo) {
        const std::string place(todo.place->path);
        if (std::ranges::find(out_.unfinished, place) == out_.unfinished.end())
            out_.unfinished.push_back(place);
    }

    void problem(const Error& e) {
        if (out_.problems.size() < most_problems)
            out_.problems.push_back(printable(e.message));
    }

    void unseen(const Error& e) {
        if (out_.unseen.size() < most_problems)
            out_.unseen.push_back(printable(e.message));
    }

    const host::Host& host_;
    std::vector<std::string> known_;
    std::set<std::string> own_{};
    std::int64_t left_{0};
    HelperCopies out_{};
};

// Where a login shell of the accounts looks, besides what the system's files say.
std::set<std::string> home_programs(const host::Host& host) {
    std::set<std::string> out;
    if (!host.accounts())
        return out;
    for (const auto& u : host.accounts()->users)
        if (u.home.size() > 1 && u.home.front() == '/')
            for (const char* below : {"/bin", "/.local/bin"})
                out.insert(u.home + below);
    return out;
}

// The files of a directory with that suffix.
Result<void> add_path_of_files(const host::Sysroot& root, const std::string& dir, std::string_view suffix,
                               std::vector<std::string>& out) {
    const auto entries = root.list(dir);
    if (!entries && entries.error().code != Code::not_found)
        return Failure(entries.error());
    for (const auto& e : entries.value_or(std::vector<host::DirEntry>{}))
        if (e.name.ends_with(suffix) && e.type != DT_DIR)
            PLIMSOLL_CHECK(add_path_of_file(root, dir + "/" + e.name, out));
    return {};
}

// user@.service with its drop-ins, and the instances that have a file of their own.
Result<void> add_path_of_units(const host::Host& host, std::vector<std::string>& out) {
    const auto& units = host.units();
    if (!units)
        return Failure(units.error());
    for (const auto& name : units->names("user@")) {
        PLIMSOLL_TRY(const auto unit, host.unit(name));
        if (!unit)
            continue;
        for (const host::UnitSetting& s : unit->values("Service", "Environment"))
            add_path_of(s.value, out);
        for (const host::UnitSetting& s : unit->values("Service", "EnvironmentFile")) {
            if (s.value.find_first_of("%*?[") != std::string::npos)
                return fail(Code::unsupported, s.source + ": which files " + printable(s.value, 80) +
                                                   " means, and what PATH they set, is not known");
            PLIMSOLL_CHECK(
                add_path_of_file(host.root(), s.value.substr(s.value.starts_with('-') ? 1 : 0), out));
        }
    }
    return {};
}

}  // namespace

Result<std::vector<std::string>> manager_path(const host::Host& host) {
    const host::Sysroot& root = host.root();
    std::vector<std::string> out;
    PLIMSOLL_CHECK(add_path_of_units(host, out));
    std::vector<Error> problems;
    for (const host::UnitSetting& s : host::manager_environment(root, problems))
        add_path_of(s.value, out);
    if (!problems.empty())
        return Failure(problems.front());
    PLIMSOLL_CHECK(add_path_of_file(root, "/etc/environment", out));
    for (const char* dir : {"/etc/environment.d", "/run/environment.d", "/usr/local/lib/environment.d",
                            "/usr/lib/environment.d"})
        PLIMSOLL_CHECK(add_path_of_files(root, dir, ".conf", out));
    for (const char* dir : own_path)
        if (std::ranges::find(out, dir) == out.end())
            out.emplace_back(dir);
    return out;
}

Result<Helper> read_program(const host::Host& host, const std::string& path) {
    PLIMSOLL_TRY(auto out, read_helper(host, path));
    PLIMSOLL_TRY(out.way, way_to(host, path));
    return out;
}

std::vector<Result<Helper>> find_helper(const host::Host& host, const std::string& name,
                                        const std::vector<std::string>& directories) {
    std::vector<Result<Helper>> out;
    std::set<std::pair<dev_t, ino_t>> seen;  // /bin is /usr/bin on most hosts
    for (const auto& dir : directories) {
        const std::string path = dir + "/" + name;
        const auto st = host.root().stat(path);
        if (!st && st.error().code == Code::not_found)
            continue;
        if (!st)
            out.emplace_back(Failure(st.error()));
        else if (seen.emplace(st->st_dev, st->st_ino).second)
            out.push_back(read_program(host, path));
    }
    return out;
}

Result<std::vector<std::string>> login_path(const host::Sysroot& root) {
    std::vector<std::string> out;
    for (const char* file : {"/etc/login.defs", "/usr/etc/login.defs", "/etc/profile"})
        PLIMSOLL_CHECK(add_path_of_file(root, file, out));
    PLIMSOLL_CHECK(add_path_of_files(root, "/etc/profile.d", ".sh", out));
    return out;
}

HelperCopies find_copies(const host::Host& host, const std::vector<std::string>& directories,
                         std::int64_t budget) {
    Search search(host, directories);
    for (const auto& dir : home_programs(host))
        search.also(dir);
    search.below(places, budget);
    return std::move(search).take();
}

}  // namespace plimsoll::modules::subuid
