// SPDX-License-Identifier: Apache-2.0
// subuid(5) in three views, and the ledger.
#include "core/host/subid.hpp"

#include "core/base/text.hpp"

#include <cstdlib>

using namespace plimsoll;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view text(reinterpret_cast<const char*>(data), size);
    const auto file = host::parse_subid(std::string(text), "/etc/subuid");
    const auto all = host::occupied(file);
    for (const auto& line : file.lines)
        for (const auto v : host::subid_views) {
            const host::SubidEntry* entry = line.in(v);
            if (entry == nullptr)
                continue;
            const auto ids = host::handed_out(*entry, v);
            for (const Range r : ids.ranges())
                if (!all.contains(r) || r.end > std::uint64_t{1} << 32U)
                    std::abort();
        }
    if (const auto ledger = host::parse_ledger(text, "ledger")) {
        std::string again;
        for (const auto& e : *ledger)
            again += host::ledger_line(e, "2026-11-23T19:00:00Z");
        if (host::parse_ledger(again, "ledger") != *ledger)
            std::abort();
    }
    return 0;
}
