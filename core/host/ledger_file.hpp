// SPDX-License-Identifier: Apache-2.0
// The ledger of subid.hpp as a file: read again and again, and only ever grown.
#pragma once
#include "core/host/subid.hpp"
#include "core/host/sysroot.hpp"

#include <string>
#include <string_view>
#include <vector>

namespace plimsoll::host {

// Lines that are still there byte for byte are not parsed again: each costs a checksum, and there is one for
// every range that ever went.
class LedgerFile {
  public:
    // All entries; none when there is no file. Code::integrity as parse_ledger().
    [[nodiscard]] Result<std::vector<LedgerEntry>> read(const Sysroot& root, const std::string& path);

    // Adds what is not there yet, durably on return. A torn last line (of a run that was interrupted) is cut
    // off first: it was never acted on. The caller holds the lock of the state directory. Code::unsupported:
    // the ledger is full.
    [[nodiscard]] Result<void> append(const Sysroot& root, const std::string& path,
                                      const std::vector<LedgerEntry>& fresh);

  private:
    Result<void> parse(std::string text, const std::string& path);

    std::string lines_{};  // whole ones, and
    std::vector<LedgerEntry> entries_{};
    std::string rest_{};  // what follows them: a last line without its end
};

}  // namespace plimsoll::host
