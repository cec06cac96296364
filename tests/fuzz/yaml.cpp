// SPDX-License-Identifier: Apache-2.0
// parse_yaml: any bytes give a document or an error with the name of its source; what is read can be written
// as JSON and read again to the same, as far as JSON can say it.
#include "core/base/yaml.hpp"

#include "core/base/json.hpp"

#include <cmath>
#include <cstdint>
#include <cstdlib>

namespace {

// Whether it has no number that JSON has no word for.
bool survives_json(const plimsoll::Value& v) {
    if (const auto* d = v.real())
        return std::isfinite(*d);
    if (const auto* a = v.array()) {
        for (const auto& e : *a)
            if (!survives_json(e))
                return false;
    }
    if (const auto* t = v.table()) {
        for (const auto& m : *t)
            if (!survives_json(m.value))
                return false;
    }
    return true;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace plimsoll;
    const std::string_view text(reinterpret_cast<const char*>(data), size);
    const auto first = parse_yaml(text, "/fuzz");
    if (!first) {
        if (first.error().code != Code::invalid_input || !first.error().message.starts_with("/fuzz"))
            std::abort();
        return 0;
    }
    const auto json = to_json(*first);
    const auto again = parse_json(json, "json");
    if (!again)
        std::abort();
    if (survives_json(*first) && to_json(*again) != json)
        std::abort();
    return 0;
}
