// SPDX-License-Identifier: Apache-2.0
// Where a file is to be changed: an open directory and a name in it.
#pragma once
#include "core/host/sysroot.hpp"

#include <string>
#include <string_view>
#include <vector>

namespace plimsoll::host {

struct Place {
    Fd dir;            // open for reading, so that it can be fsynced
    std::string name;  // never empty, "." or ".."
    std::string path;  // as given, for messages
};

// Walks from the root one component at a time. Symlinks are followed (within the root) only when root or the
// caller made them: what a tenant plants in its home must not redirect a write. Otherwise Code::integrity.
// Code::not_found when a directory on the way is missing.
[[nodiscard]] Result<Place> open_place(const Sysroot& root, std::string_view path);

// The parents of `path` that do not exist, outermost first.
[[nodiscard]] Result<std::vector<std::string>> missing_parents(const Sysroot& root, std::string_view path);

// Makes the missing parents of `path` (0755, of the caller), each durable.
[[nodiscard]] Result<void> make_parents(const Sysroot& root, std::string_view path);

// ".NAME.plimsoll-XXXXXX": the name of a temporary file that becomes `name`.
[[nodiscard]] Result<std::string> temporary_name(const std::string& name);

// Removes what an interrupted run left under such a name. A file that a living process still writes is locked
// (flock(2)) and stays.
void remove_leftovers(const Place& at);
// The same for every name in the directory.
void remove_all_leftovers(const Place& at);

}  // namespace plimsoll::host
