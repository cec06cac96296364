// SPDX-License-Identifier: Apache-2.0
// Where newuidmap and newgidmap are.
#include "core/base/text.hpp"
#include "modules/subuid/observe.hpp"

#include <algorithm>
#include <array>
#include <optional>
#include <set>

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

Result<Helper> read_helper(const host::Host& host, const std::string& path) {
    PLIMSOLL_TRY(const auto st, host.root().stat(path));
    Helper out{path, {st.st_mode, st.st_uid, st.st_gid, st.st_nlink}};
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

constexpr int search_depth = 3;
constexpr std::size_t most_problems = 5;

class Search {
  public:
    Search(const host::Host& host, const std::vector<std::string>& known, std::int64_t budget)
        : host_(host), known_(known), left_(budget) {}

    // Everything below one directory. Where people work all day, names come and go: such a place is not
    // watched, only what is found in it.
    void place(const std::string& dir, bool busy) {
        busy_ = busy;
        directory(dir, search_depth);
    }

    HelperCopies take() && { return std::move(out_); }

  private:
    // `left` levels, this one included.
    void directory(const std::string& dir, int left) {
        const auto entries = list(dir);
        if (!entries && entries.error().code != Code::not_found)
            problem(entries.error());
        for (const auto& e : entries.value_or(std::vector<host::DirEntry>{})) {
            if (out_.exhausted || left_-- <= 0) {
                out_.exhausted = true;
                return;
            }
            const std::string path = dir + "/" + e.name;
            const bool helper = e.name == "newuidmap" || e.name == "newgidmap";
            const auto type = e.type == DT_UNKNOWN || helper ? type_of(path, helper) : e.type;
            if (type == DT_DIR && left > 1)
                directory(path, left - 1);
            else if (type == DT_REG && helper && std::ranges::find(known_, dir) == known_.end())
                note(read_helper(host_, path));
        }
    }

    Result<std::vector<host::DirEntry>> list(const std::string& dir) {
        std::optional<host::Sysroot::Unrecorded> aside;
        if (busy_)
            aside.emplace(host_.root());
        return host_.root().list(dir);
    }

    void problem(const Error& e) {
        if (out_.problems.size() < most_problems)
            out_.problems.push_back(printable(e.message));
    }

    unsigned char type_of(const std::string& path, bool helper) {
        std::optional<host::Sysroot::Unrecorded> aside;
        if (busy_ && !helper)
            aside.emplace(host_.root());
        const auto st = host_.root().lstat(path);
        if (st)
            return static_cast<unsigned char>(IFTODT(st->st_mode));
        if (st.error().code != Code::not_found)
            problem(st.error());
        return DT_UNKNOWN;
    }

    void note(Result<Helper> helper) {
        if (helper)
            out_.found.push_back(*std::move(helper));
        else if (helper.error().code != Code::not_found)
            problem(helper.error());
    }

    const host::Host& host_;
    const std::vector<std::string>& known_;
    std::int64_t left_;
    bool busy_{false};
    HelperCopies out_{};
};

}  // namespace

Result<std::vector<std::string>> manager_path(const host::Sysroot& root) {
    std::vector<std::string> out;
    for (const char* file : {"/etc/environment", "/etc/systemd/user.conf", "/usr/lib/systemd/user.conf"})
        PLIMSOLL_CHECK(add_path_of_file(root, file, out));
    for (const std::string dir :
         {"/etc/environment.d", "/run/environment.d", "/usr/lib/environment.d", "/etc/systemd/user.conf.d",
          "/run/systemd/user.conf.d", "/usr/lib/systemd/user.conf.d"}) {
        const auto entries = root.list(dir);
        if (!entries && entries.error().code != Code::not_found)
            return Failure(entries.error());
        for (const auto& e : entries.value_or(std::vector<host::DirEntry>{}))
            if (e.name.ends_with(".conf") && e.type != DT_DIR)
                PLIMSOLL_CHECK(add_path_of_file(root, dir + "/" + e.name, out));
    }
    for (const char* dir : own_path)
        if (std::ranges::find(out, dir) == out.end())
            out.emplace_back(dir);
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
            out.push_back(read_helper(host, path));
    }
    return out;
}

HelperCopies find_copies(const host::Host& host, const std::vector<std::string>& directories,
                         std::int64_t budget) {
    Search search(host, directories, budget);
    for (const char* dir : {"/usr/local", "/opt"})
        search.place(dir, false);
    for (const char* dir : {"/srv", "/home", "/root", "/tmp", "/var/tmp"})
        search.place(dir, true);
    return std::move(search).take();
}

}  // namespace plimsoll::modules::subuid
