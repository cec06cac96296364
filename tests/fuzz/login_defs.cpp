// SPDX-License-Identifier: Apache-2.0
// login.defs(5): numbers in every notation, and the ranges made of them.
#include "core/host/login_defs.hpp"

#include <cstdlib>

using namespace plimsoll;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view text(reinterpret_cast<const char*>(data), size);
    const auto defs = host::parse_login_defs(text, "/etc/login.defs");
    for (const auto& [name, setting] : defs.settings) {
        const auto n = defs.number(name);
        if (n && (!*n || **n >= std::uint64_t{1} << 32U))
            std::abort();
    }
    for (const auto& range : {defs.system_uids(), defs.regular_uids(), defs.subids()})
        if (range && range->empty())
            std::abort();
    return 0;
}
