// SPDX-License-Identifier: Apache-2.0
// Moves a damaged database out of the way, for a person to look at. Part of the store.
#pragma once
#include "core/base/time.hpp"
#include "core/host/sysroot.hpp"

#include <array>
#include <string>
#include <string_view>

namespace plimsoll::daemon {

// What SQLite appends to the name of a database for the files that belong to it.
inline constexpr std::array<std::string_view, 3> database_endings{"", "-wal", "-shm"};

// Renames `path` (of the root), with what belongs to it, to PATH.corrupt-TIME; of the copies that are there
// then, the `most` newest stay.
[[nodiscard]] Result<void> set_database_aside(const host::Sysroot& root, const std::string& path, Time now,
                                              std::size_t most);

}  // namespace plimsoll::daemon
