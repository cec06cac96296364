// SPDX-License-Identifier: Apache-2.0
// From what was looked at to what has to be watched, without watching anything. Every path is walked from the
// root, one component after the other and through symlinks (as openat2(2) with RESOLVE_IN_ROOT goes): each
// name is watched in the real directory it is looked up in, a missing one where it would appear.
#pragma once
#include "core/host/footprint.hpp"
#include "core/host/sysroot.hpp"

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <vector>

namespace plimsoll::daemon {

// An inode, by stat(2).
struct Identity {
    std::uint64_t device{0};
    std::uint64_t inode{0};
    bool operator==(const Identity&) const = default;
};

// One inode to be watched.
struct Spot {
    enum class Kind {
        directory,
        file,     // regular, and changed without its directory being told: a mount point, or of other names
        special,  // the same for what is neither a file nor a directory: its attributes
        knob,     // of the kernel: procfs, sysfs, cgroupfs
    };

    Kind kind{Kind::directory};
    Identity id{};
    // Names looked up in the directory; true: a regular file, whose content counts as well.
    std::map<std::string, bool, std::less<>> names{};
    bool every_name{false};  // so many that they are not kept apart
    bool listed{false};      // which names there are
    bool itself{false};      // its own attributes, which nobody above is told: "/" and mount points
    bool operator==(const Spot&) const = default;
};

struct WatchPlan {
    static constexpr std::size_t most_spots{8192};
    static constexpr std::size_t most_names{4096};  // of one directory, before they become `every_name`

    std::map<std::string, Spot, std::less<>> spots{};  // by real path below the root; "/" is the root
    std::vector<std::string> problems{};               // what could not be walked, printable; a few at most
    bool operator==(const WatchPlan&) const = default;
};

// What it sees may change while it looks: who has armed a plan has to plan again, until nothing is new.
// Directories of procfs and sysfs tell nothing and are left out.
[[nodiscard]] WatchPlan plan_watches(const host::Sysroot& root, const host::Footprint& footprint);

// Whether a file is there of which its directory is told everything: regular, of one name that only root can
// add to, no mount point.
[[nodiscard]] bool tells_its_directory(const host::Sysroot& root, const std::string& path);

// "DIR/NAME", "/NAME" below the root.
[[nodiscard]] std::string child_of(std::string_view directory, std::string_view name);

}  // namespace plimsoll::daemon
