// SPDX-License-Identifier: Apache-2.0
// What a Change means for this host: files before and after, without touching anything. The executor carries
// it out, preview() shows it.
#pragma once
#include "core/host/atomic_file.hpp"
#include "core/host/host.hpp"
#include "core/host/line_edit.hpp"
#include "core/host/subid.hpp"
#include "core/policy/change.hpp"

#include <map>
#include <optional>
#include <string>
#include <vector>

namespace plimsoll::host {

struct FileDraft {
    std::string path;
    FileImage before{};
    FileImage after{};
    bool metadata_only{false};        // then neither content is read or compared
    std::optional<LineEdit> lines{};  // of an account database
};

struct KnobDraft {
    std::string path;
    std::string before;
    std::string after;
};

struct Draft {
    std::vector<FileDraft> files{};  // only those that really change
    std::optional<KnobDraft> knob{};
    std::optional<policy::UnitAction> unit{};
    std::optional<policy::StopContainer> stop{};
    std::optional<std::uint32_t> linger_of{};  // the uid whose linger file `files` is; logind is asked first
    std::vector<LedgerEntry> ledger{};         // recorded before the files are written

    // The host is already as the change wants it.
    [[nodiscard]] bool empty() const { return files.empty() && !knob && !unit && !stop; }
};

// The files of a host with drafts laid over them that were not carried out.
class View {
  public:
    View(const Host& host, std::string state_dir) : host_(&host), state_dir_(std::move(state_dir)) {}

    [[nodiscard]] const Host& host() const { return *host_; }

    [[nodiscard]] Result<FileImage> file(const std::string& path, bool content = true) const;
    [[nodiscard]] Result<std::string> knob(const std::string& path) const;
    [[nodiscard]] Result<std::vector<LedgerEntry>> ledger() const;
    void lay_over(const Draft& draft);

  private:
    const Host* host_;
    std::string state_dir_;
    std::map<std::string, FileImage> files_{};
    std::map<std::string, FileImage> metadata_{};  // without content
    std::map<std::string, std::string> knobs_{};
    std::vector<LedgerEntry> given_{};
};

// Code::busy: what the change expects is not there (any more); Code::integrity: the target is not of a kind
// that may be changed; Code::invalid_input: the change makes no sense; Code::unsupported: not on this host.
[[nodiscard]] Result<Draft> draft_change(const View& view, const policy::Change& change);

// What the ledger of subordinate ids has to hold before the file at `path` goes from `before` to `after`:
// nothing unless it is /etc/subuid or /etc/subgid. What a symlink there leads to counts as its content; the
// error is that of not being able to read it.
[[nodiscard]] Result<std::vector<LedgerEntry>> taken_by_replacing(const Host& host, const std::string& path,
                                                                  const FileImage& before,
                                                                  const FileImage& after);

// Databases to be locked while `change` is drafted and carried out; empty for most changes.
[[nodiscard]] std::vector<std::string> databases_of(const policy::Change& change);
[[nodiscard]] bool is_account_database(const std::string& path);
// passwd, group, shadow, gshadow: the part before the first ':' is unique.
[[nodiscard]] bool is_keyed_database(const std::string& path);
// shadow and gshadow, also through "//" and the like: no content of theirs may be shown.
[[nodiscard]] bool is_secret(const std::string& path);

// The path, the unit, or both databases of a range: what a plan is sorted by.
[[nodiscard]] std::string target_of(const policy::Change& change);

}  // namespace plimsoll::host
