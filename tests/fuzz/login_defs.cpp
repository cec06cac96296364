// SPDX-License-Identifier: Apache-2.0
#include "core/host/login_defs.hpp"

extern "C" int LLVMFuzzerTestOneInput(const unsigned char* data, std::size_t size) {
    const auto defs =
        plimsoll::host::parse_login_defs({reinterpret_cast<const char*>(data), size}, "/etc/login.defs");
    for (const auto& [name, setting] : defs.settings)
        (void)defs.number(name);
    for (const auto& range : {defs.system_uids(), defs.regular_uids(), defs.subids()})
        if (range && range->empty())
            __builtin_trap();
    return 0;
}
