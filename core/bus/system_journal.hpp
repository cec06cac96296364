// SPDX-License-Identifier: Apache-2.0
// systemd-journald as the place for messages. (What core/host calls the journal is the one of changes.)
#pragma once
#include "core/base/result.hpp"

#include <string>
#include <vector>

namespace plimsoll::bus {

// Whether standard error leads to it: $JOURNAL_STREAM of systemd.exec(5).
[[nodiscard]] bool stderr_is_journal();

// One entry of fields "NAME=VALUE" (systemd.journal-fields(7)); values may be any bytes.
// Code::not_found: no journal runs here.
[[nodiscard]] Result<void> send_to_journal(const std::vector<std::string>& fields);

}  // namespace plimsoll::bus
