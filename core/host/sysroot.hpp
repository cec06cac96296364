// SPDX-License-Identifier: Apache-2.0
// The host's file tree, pinned by one directory descriptor. Production opens "/", images and tests another
// directory. Every path is resolved by openat2(2) with RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS: absolute
// symlinks and ".." stay inside, so an image or a test tree can never leak to the real root.
// Reading only; changes are made by the executor (executor.hpp).
#pragma once
#include "core/base/fd.hpp"
#include "core/base/result.hpp"
#include "core/host/footprint.hpp"

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include <sys/stat.h>

namespace plimsoll::host {

struct DirEntry {
    std::string name;
    unsigned char type;  // DT_REG, DT_DIR, DT_LNK, … or DT_UNKNOWN (readdir(3))
};

class Sysroot {
    struct Memory;

  public:
    // Default bound on the size of a file that read() takes.
    static constexpr std::size_t default_max = std::size_t{16} << 20;

    [[nodiscard]] static Result<Sysroot> open(const std::string& dir);

    // The directory as given to open(); for messages only.
    [[nodiscard]] const std::string& directory() const { return directory_; }

    // flags as for open(2); O_CLOEXEC is added. Final symlinks are followed within the root unless
    // O_NOFOLLOW.
    [[nodiscard]] Result<Fd> open_at(std::string_view path, int flags, mode_t mode = 0) const;

    // Whether it is "/" of this process, where device nodes are made by root alone.
    [[nodiscard]] bool is_running() const { return running_; }

    // The content of a regular file. Code::integrity for a FIFO, device, directory or socket (nothing blocks,
    // and no device is touched: open_regular()), Code::invalid_input beyond `max` bytes,
    // Code::busy when it kept changing while being read.
    [[nodiscard]] Result<std::string> read(std::string_view path, std::size_t max = default_max) const;

    [[nodiscard]] Result<struct ::stat> stat(
        std::string_view path) const;  // follows symlinks within the root
    [[nodiscard]] Result<struct ::stat> lstat(std::string_view path) const;  // of the last component itself
    [[nodiscard]] bool exists(std::string_view path) const;  // true also for "cannot tell" (EACCES)
    [[nodiscard]] Result<std::string> read_link(std::string_view path) const;
    // Sorted by name, without "." and "..".
    [[nodiscard]] Result<std::vector<DirEntry>> list(std::string_view dir) const;
    // nullopt: no such attribute, or the filesystem has none.
    [[nodiscard]] Result<std::optional<std::string>> xattr(std::string_view path, const char* name) const;

    // From now on every path asked for goes into `into`, which must outlive the recording; null ends it.
    void record(Footprint* into) const { recorder_->into = into; }

    [[nodiscard]] Footprint* recording() const { return recorder_->into; }

    // While it lives, nothing is recorded: for walks over what is too much to be watched.
    class Unrecorded {
      public:
        explicit Unrecorded(const Sysroot& root) : root_(root), into_(root.recording()) {
            root.record(nullptr);
        }

        ~Unrecorded() { root_.record(into_); }

        Unrecorded(const Unrecorded&) = delete;
        Unrecorded& operator=(const Unrecorded&) = delete;

      private:
        const Sysroot& root_;
        Footprint* into_;
    };

    // While it lives, what was read, listed or found missing is not looked at again, also by Directory:
    // modules ask for the same files, and a dozen are asked for in the home of every account, of which most
    // have none. For looks during which we ourselves make nothing; one at a time. Never of /proc and /sys,
    // where numbers come back as something else.
    class Remembering {
      public:
        explicit Remembering(const Sysroot& root) : memory_(*root.memory_) { memory_.on = true; }

        ~Remembering() { memory_ = {}; }

        Remembering(const Remembering&) = delete;
        Remembering& operator=(const Remembering&) = delete;

      private:
        Memory& memory_;
    };

    // What is remembered so far is looked at again.
    void forget() const;

  private:
    friend class Directory;  // whose reads are recorded as well

    struct Recorder {
        Footprint* into{nullptr};

        void looked_up(std::string_view path) const {
            if (into != nullptr)
                into->add(path);
        }

        void listed(std::string_view dir) const {
            if (into != nullptr)
                into->add_listing(dir);
        }
    };

    struct Hash {
        using is_transparent = void;

        std::size_t operator()(std::string_view text) const { return std::hash<std::string_view>{}(text); }
    };

    template <class T>
    using ByPath = std::unordered_map<std::string, T, Hash, std::equal_to<>>;

    struct Memory {
        bool on{false};
        std::set<std::string, std::less<>> absent{};  // directories, none below another
        std::unordered_set<std::string, Hash, std::equal_to<>> present{};
        // As asked for; nullopt: ENOENT.
        ByPath<std::optional<std::string>> texts{};
        ByPath<std::optional<std::vector<DirEntry>>> lists{};

        std::size_t bytes{0};  // of texts

        [[nodiscard]] bool covers(std::string_view path) const;
        // nullopt: nothing is remembered of it.
        [[nodiscard]] std::optional<Result<std::string>> text(std::string_view path, std::size_t max) const;
        void keep(std::string_view path, const Result<std::string>& text);
    };

    void learn_what_is_missing(const std::string& path) const;
    [[nodiscard]] Result<std::string> read_now(std::string_view path, std::size_t max) const;
    [[nodiscard]] Result<std::vector<DirEntry>> list_now(std::string_view dir) const;

    Sysroot(Fd root, std::string directory, bool running)
        : root_(std::move(root)), directory_(std::move(directory)), running_(running) {}

    Fd root_;
    std::string directory_;
    bool running_;
    std::shared_ptr<Recorder> recorder_{std::make_shared<Recorder>()};
    std::shared_ptr<Memory> memory_{std::make_shared<Memory>()};
};

// "a FIFO", "a directory", "a symlink", …
[[nodiscard]] std::string_view file_type_name(mode_t mode);

}  // namespace plimsoll::host
