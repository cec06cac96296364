// SPDX-License-Identifier: Apache-2.0
// Reads an open file to its end: what Sysroot::read and the reader of /proc share.
#pragma once
#include "core/base/fd.hpp"
#include "core/base/result.hpp"

#include <string>
#include <string_view>

#include <sys/types.h>

namespace plimsoll::host {

// At most `max` bytes, else Code::invalid_input; `path` is for messages. With a `size_hint` above 0 reading
// stops there: the caller then checks that the size is still that one.
[[nodiscard]] Result<std::string> read_fd(const Fd& fd, std::string_view path, std::size_t max,
                                          off_t size_hint);

}  // namespace plimsoll::host
