// SPDX-License-Identifier: Apache-2.0
// The durable record behind the executor: one file per entry below STATE_DIR/journal, what was there before
// in STATE_DIR/blobs by its SHA-256. See docs/decisions/0004-journal-format.md.
#pragma once
#include "core/host/atomic_file.hpp"
#include "core/host/executor.hpp"
#include "core/host/line_edit.hpp"

#include <optional>
#include <string>
#include <vector>

namespace plimsoll::host {

// A FileImage whose content, if it is a regular file's, is named by its SHA-256. An empty digest: the content
// plays no part (only metadata was changed).
struct StoredImage {
    FileImage image{};  // `content` is only set for the target of a symlink
    std::string digest{};
    std::optional<std::string> content{};  // kept in the entry itself; else, if it is to be kept, as a blob
    bool operator==(const StoredImage&) const = default;
};

struct FileStep {
    std::string path;
    StoredImage before{};
    StoredImage after{};
    std::optional<LineEdit> lines{};  // of an account database
    bool operator==(const FileStep&) const = default;
};

struct KnobStep {
    std::string path;
    std::string before;
    std::string after;
    bool operator==(const KnobStep&) const = default;
};

struct UnitStep {
    policy::UnitAction action{};
    bool was_active{false};
    bool operator==(const UnitStep&) const = default;
};

// All that is needed to judge after a crash whether a step happened, and to undo it.
struct Record {
    JournalStep step{};
    std::vector<std::string> made{};  // parent directories that did not exist, outermost first
    std::vector<FileStep> files{};
    std::optional<KnobStep> knob{};
    std::optional<UnitStep> unit{};
    std::optional<policy::StopContainer> stop{};
    std::optional<std::uint32_t> linger_of{};  // the uid whose linger file `files` is; logind is asked first
};

struct Entry {
    std::uint64_t id{0};
    std::string time{};
    std::vector<Record> records{};
};

// So much content an entry takes itself: what is short costs no file of its own, and an entry of many
// changes, which is written again for each, stays small.
inline constexpr std::size_t most_content_in_entry = std::size_t{16} << 10;

// Pure; both directions of the file format. `path` is for messages; anything wrong is Code::integrity.
[[nodiscard]] std::string write_entry(const Entry& entry);
[[nodiscard]] Result<Entry> read_entry(std::string_view text, const std::string& path);

class Journal {
  public:
    Journal(const Sysroot& root, std::string state_dir) : root_(&root), dir_(std::move(state_dir)) {}

    // Makes the state directory (0700), so that its lock can be taken.
    [[nodiscard]] Result<void> make_directory() const { return make_private_directory(*root_, dir_); }

    // Makes the directories in it and removes what an interrupted run left in them.
    [[nodiscard]] Result<void> prepare() const;

    // Of all entries, damaged ones too, ascending. The file's name tells, so a damaged entry keeps its
    // number.
    [[nodiscard]] Result<std::vector<std::uint64_t>> ids() const;
    [[nodiscard]] Result<Entry> load(std::uint64_t id) const;
    [[nodiscard]] Result<void> save(const Entry& entry) const;  // durable on return

    // Keeps content durably under its digest; load_content() checks it. Code::integrity: it is damaged.
    [[nodiscard]] Result<void> keep_content(const std::string& digest, const std::string& content) const;
    [[nodiscard]] Result<std::string> load_content(const std::string& digest) const;

    [[nodiscard]] const std::string& directory() const { return dir_; }

  private:
    [[nodiscard]] std::string entry_path(std::uint64_t id) const;

    const Sysroot* root_;
    std::string dir_;
};

}  // namespace plimsoll::host
