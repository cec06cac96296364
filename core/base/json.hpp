// SPDX-License-Identifier: Apache-2.0
// JSON in and out. The only home of nlohmann-json (json.cpp).
#pragma once
#include "core/base/result.hpp"
#include "core/base/value.hpp"

namespace plimsoll {

// Strict RFC 8259: no comments, no trailing commas, duplicate keys refused (an engine may take either),
// nesting of at most 100 levels. Errors are Code::invalid_input, "SOURCE:LINE:COLUMN: reason".
[[nodiscard]] Result<Value> parse_json(std::string_view text, std::string_view source);

// indent < 0: one line. Strings that are not UTF-8 are written with U+FFFD; date-times as RFC 3339.
[[nodiscard]] std::string to_json(const Value& v, int indent = -1);

}  // namespace plimsoll
