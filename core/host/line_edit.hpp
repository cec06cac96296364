// SPDX-License-Identifier: Apache-2.0
// Edits of line-based databases that can be taken back after others have edited, too. Pure.
#pragma once
#include "core/base/result.hpp"
#include "core/policy/change.hpp"

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace plimsoll::host {

// What an edit really did to the content it met.
struct LineEdit {
    struct Removed {
        std::string line;
        std::uint64_t index{0};                    // of the line, from 0
        std::optional<std::string> replaced_by{};  // the line that took its place
        bool operator==(const Removed&) const = default;
    };

    std::vector<Removed> removed{};
    std::vector<std::string> added{};  // appended
    bool operator==(const LineEdit&) const = default;
};

struct Edited {
    std::string content;
    LineEdit edit;
};

// Carries out `change` on `content`. Bytes of other lines stay, a missing final newline too unless something
// is appended. A line to add that is there already is not added again. Code::busy when a line to replace is
// gone and its replacement is not there, or a line to add to an account database has the name (in passwd and
// group also the id) of another line; Code::invalid_input for lines with newline or NUL.
[[nodiscard]] Result<Edited> edit_lines(std::string_view content, const policy::EditLines& change);

// Takes back what `edit` did and leaves everything else. `keyed`: the part before the first ':' is unique, as
// in passwd(5). Code::busy when somebody changed a line of ours, or one now has the key of a removed one.
[[nodiscard]] Result<std::string> take_back(std::string_view content, const LineEdit& edit, bool keyed);

// Whether an edit is there in `content`; nullopt: a part of it, or a line of ours was changed by somebody.
[[nodiscard]] std::optional<bool> contains_edit(std::string_view content, const LineEdit& edit);

}  // namespace plimsoll::host
