// SPDX-License-Identifier: Apache-2.0
// Listening sockets in the file system, unix(7). Their paths are the running system's, not the root's: nobody
// listens in an image.
#pragma once
#include "core/base/fd.hpp"
#include "core/base/result.hpp"

#include <string>

#include <sys/types.h>

namespace plimsoll::host {

// A listening, non-blocking stream socket with this mode. A socket that nobody listens on any more is
// replaced; Code::busy when somebody does, Code::integrity when something else than a socket is there.
[[nodiscard]] Result<Fd> listen_on(const std::string& path, mode_t mode, int backlog);

// Whether somebody listens. Costs two system calls, and the listener is not woken unless it waits for
// callers.
[[nodiscard]] bool somebody_listens(const std::string& path);

}  // namespace plimsoll::host
