// SPDX-License-Identifier: Apache-2.0
// Reads an open file to its end: what Sysroot::read and the readers of /proc share. `path` is for messages;
// beyond `max` bytes Code::invalid_input.
#pragma once
#include "core/base/fd.hpp"
#include "core/base/result.hpp"

#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include <sys/stat.h>
#include <sys/types.h>

namespace plimsoll::host {

class Sysroot;

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

[[nodiscard]] Result<struct ::stat> stat_fd(const Fd& fd, std::string_view path);

[[nodiscard]] Failure too_large(std::string_view path, std::size_t max);

struct RegularFile {
    Fd fd;  // for reading
    struct ::stat seen;
};

// Code::integrity for what is not a regular file, which is never opened: that can block or have effects. On
// the running host only where a link leads to: there nobody but root makes devices, and a FIFO does not
// block.
[[nodiscard]] Result<RegularFile> open_regular(const Sysroot& root, std::string_view path, std::size_t max);

// A regular file in parts of up to 64 KiB, each valid during its call only, for what is too large to be held
// for the few lines that count. Code::busy when it changed meanwhile; what was taken is void then.
[[nodiscard]] Result<void> read_parts(const Sysroot& root, std::string_view path, std::size_t max,
                                      const std::function<void(std::string_view)>& take);

}  // namespace plimsoll::host
