// SPDX-License-Identifier: Apache-2.0
#include "core/host/place.hpp"

#include "core/base/text.hpp"
#include "core/host/atomic_file.hpp"

#include <algorithm>
#include <array>
#include <deque>
#include <memory>

#include <dirent.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/random.h>

namespace plimsoll::host {
namespace {

constexpr std::string_view mark = ".plimsoll-";
constexpr std::size_t random_letters = 6;
constexpr int max_links = 40;              // as the kernel, path_resolution(7)
constexpr std::size_t kept_of_name = 180;  // bytes of a long name, so that the temporary one stays below 255

std::vector<std::string> components(std::string_view path) {
    std::vector<std::string> out;
    for (const auto part : split(path, '/'))
        if (!part.empty() && part != ".")
            out.emplace_back(part);
    return out;
}

Result<std::string> link_target(const Fd& link, const std::string& path) {
    std::array<char, 4096> buf{};
    const ssize_t n = ::readlinkat(link.get(), "", buf.data(), buf.size());
    if (n < 0)
        return fail_errno("readlink " + path);
    return std::string(buf.data(), static_cast<std::size_t>(n));
}

bool trusted_owner(const struct stat& st) {
    return st.st_uid == 0 || st.st_uid == ::geteuid();
}

// Walks with a stack of open directories, so that ".." and links need no second look-up by name.
class Walk {
  public:
    Walk(const Sysroot& root, std::string path) : root_(root), path_(std::move(path)) {}

    Result<Fd> to(std::vector<std::string> parts) {
        todo_.assign(parts.begin(), parts.end());
        PLIMSOLL_CHECK(restart());
        while (!todo_.empty()) {
            const std::string part = std::move(todo_.front());
            todo_.pop_front();
            PLIMSOLL_CHECK(step(part));
        }
        Fd readable(::openat(stack_.back().get(), ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
        if (!readable)
            return fail_errno("open the directory of " + path_);
        return readable;
    }

  private:
    Result<void> restart() {
        stack_.clear();
        PLIMSOLL_TRY(auto top, root_.open_at("/", O_PATH | O_DIRECTORY));
        stack_.push_back(std::move(top));
        return {};
    }

    Result<void> step(const std::string& part) {
        if (part == "..") {
            if (stack_.size() > 1)
                stack_.pop_back();
            return {};
        }
        Fd next(::openat(stack_.back().get(), part.c_str(), O_PATH | O_NOFOLLOW | O_CLOEXEC));
        struct stat st{};
        if (!next || ::fstat(next.get(), &st) < 0)
            return fail_errno("open " + part + " on the way to " + path_);
        if (S_ISLNK(st.st_mode))
            return follow(next, st);
        if (!S_ISDIR(st.st_mode))
            return fail_errno("open " + part + " on the way to " + path_, ENOTDIR);
        stack_.push_back(std::move(next));
        return {};
    }

    Result<void> follow(const Fd& link, const struct stat& st) {
        if (!trusted_owner(st))
            return fail(Code::integrity, path_ + ": a symlink of uid " + std::to_string(st.st_uid) +
                                             " is on the way, which is not followed");
        if (++links_ > max_links)
            return fail_errno("open " + path_, ELOOP);
        PLIMSOLL_TRY(const std::string target, link_target(link, path_));
        if (target.starts_with('/'))
            PLIMSOLL_CHECK(restart());
        const auto parts = components(target);
        todo_.insert(todo_.begin(), parts.begin(), parts.end());
        return {};
    }

    const Sysroot& root_;
    std::string path_;
    std::vector<Fd> stack_;
    std::deque<std::string> todo_;
    int links_{0};
};

Result<std::vector<std::string>> split_path(std::string_view path) {
    auto parts = components(path);
    if (parts.empty() || parts.back() == ".." || path.find('\0') != std::string_view::npos)
        return fail(Code::invalid_input, "'" + printable(path) + "' does not name a file");
    return parts;
}

// Empty when it cannot be listed: leftovers then wait for another time.
std::vector<std::string> names_in(const Fd& dir) {
    struct Close {
        void operator()(DIR* d) const { ::closedir(d); }
    };

    const int fd = ::openat(dir.get(), ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    const std::unique_ptr<DIR, Close> d(fd < 0 ? nullptr : ::fdopendir(fd));
    std::vector<std::string> out;
    while (const dirent* e = d ? ::readdir(d.get()) : nullptr)
        out.emplace_back(e->d_name);
    return out;
}

// A living writer holds a lock on its temporary file.
void remove_leftover(const Fd& dir, const std::string& name) {
    const Fd fd(::openat(dir.get(), name.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC));
    if (fd && ::flock(fd.get(), LOCK_EX | LOCK_NB) < 0)
        return;
    if (::unlinkat(dir.get(), name.c_str(), 0) < 0)
        (void)::unlinkat(dir.get(), name.c_str(), AT_REMOVEDIR);
}

}  // namespace

Result<Place> open_place(const Sysroot& root, std::string_view path) {
    PLIMSOLL_TRY(auto parts, split_path(path));
    std::string name = std::move(parts.back());
    parts.pop_back();
    PLIMSOLL_TRY(auto dir, Walk(root, std::string(path)).to(std::move(parts)));
    return Place{std::move(dir), std::move(name), std::string(path)};
}

Result<std::vector<std::string>> missing_parents(const Sysroot& root, std::string_view path) {
    PLIMSOLL_TRY(auto parts, split_path(path));
    parts.pop_back();
    std::vector<std::string> missing;
    std::string here;
    for (const auto& part : parts) {
        here += "/" + part;
        const auto st = root.stat(here);
        if (st && S_ISDIR(st->st_mode))
            continue;
        if (st)
            return fail(Code::integrity,
                        here + ": is " + std::string(file_type_name(st->st_mode)) + ", not a directory");
        if (st.error().code != Code::not_found)
            return Failure(st.error());
        missing.push_back(here);
    }
    return missing;
}

Result<void> make_parents(const Sysroot& root, std::string_view path) {
    PLIMSOLL_TRY(const auto missing, missing_parents(root, path));
    const FileImage parent{FileImage::Kind::directory, 0755, ::geteuid(), ::getegid()};
    for (const auto& dir : missing)
        PLIMSOLL_CHECK(put(root, dir, parent, FileImage{}));
    return {};
}

Result<std::string> temporary_name(const std::string& name) {
    static constexpr std::string_view letters =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
    std::array<unsigned char, random_letters> random{};
    if (::getrandom(random.data(), random.size(), 0) != static_cast<ssize_t>(random.size()))
        return fail_errno("getrandom");
    std::string out = "." + name.substr(0, kept_of_name) + std::string(mark);
    for (const auto byte : random)
        out += letters[byte % letters.size()];
    return out;
}

void remove_leftovers(const Place& at) {
    const std::string prefix = "." + at.name.substr(0, kept_of_name) + std::string(mark);
    for (const auto& name : names_in(at.dir))
        if (name.starts_with(prefix) && name.size() == prefix.size() + random_letters)
            remove_leftover(at.dir, name);
}

void remove_all_leftovers(const Place& at) {
    for (const auto& name : names_in(at.dir)) {
        const auto found = name.rfind(mark);
        if (name.starts_with('.') && found != std::string::npos &&
            name.size() == found + mark.size() + random_letters)
            remove_leftover(at.dir, name);
    }
}

}  // namespace plimsoll::host
