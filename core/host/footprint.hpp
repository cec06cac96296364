// SPDX-License-Identifier: Apache-2.0
// What was looked at below a root: recorded while a module observes, so that exactly that can be watched. A
// module never has to say what to watch, and can never forget to. See
// docs/decisions/0017-watch-what-was-read.md.
#pragma once
#include <set>
#include <string>
#include <string_view>

namespace plimsoll::host {

struct Footprint {
    // Looked up by name, found or not, as they were asked for: not normalised, symlinks not resolved. Without
    // what lies in a process's directory, which no event speaks of.
    std::set<std::string, std::less<>> paths{};
    // Directories of which every name was read. They are in `paths` as well.
    std::set<std::string, std::less<>> listed{};

    void add(std::string_view path);
    void add_listing(std::string_view directory);
    void merge(const Footprint& other);
    bool operator==(const Footprint&) const = default;
};

}  // namespace plimsoll::host
