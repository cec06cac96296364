// SPDX-License-Identifier: Apache-2.0
// Reads an open file to its end: what Sysroot::read and the readers of /proc share. `path` is for messages;
// beyond `max` bytes Code::invalid_input.
#pragma once
#include "core/base/fd.hpp"
#include "core/base/result.hpp"

#include <optional>
#include <string>
#include <string_view>

#include <sys/stat.h>
#include <sys/types.h>

namespace plimsoll::host {

// With a `size_hint` above 0 reading stops there: the caller then checks that the size is still that one.
[[nodiscard]] Result<std::string> read_fd(const Fd& fd, std::string_view path, std::size_t max,
                                          off_t size_hint);

// A file of which one read gives all that fits in the buffer: a shorter answer is the end.
[[nodiscard]] Result<std::string> read_once(const Fd& fd, std::string_view path, std::size_t max);

// A regular file, else Code::integrity; nullopt when it changed while it was read.
[[nodiscard]] Result<std::optional<std::string>> read_stable(const Fd& fd, std::string_view path,
                                                             std::size_t max);

// Whether two looks at a file saw the same content.
[[nodiscard]] bool same_version(const struct ::stat& a, const struct ::stat& b);

}  // namespace plimsoll::host
