// SPDX-License-Identifier: Apache-2.0
// Unit files: every setting that comes out has a section and a line.
#include "core/host/unit_files.hpp"

#include <cstdint>
#include <cstdlib>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view text(reinterpret_cast<const char*>(data), size);
    plimsoll::host::UnitFile unit{.name = "x.service"};
    unit.settings = plimsoll::host::parse_unit(text, "/u");
    for (const auto& s : unit.settings) {
        if (s.section.empty() || !s.source.starts_with("/u:"))
            std::abort();
        for (const auto& v : unit.values(s.section, s.key))
            if (v.value.empty())
                std::abort();
        break;  // one key is enough: values() looks at all
    }
    (void)unit.enablement();
    return 0;
}
