// SPDX-License-Identifier: Apache-2.0
// TOML in and out. The only home of toml++ (toml.cpp).
#pragma once
#include "core/base/result.hpp"
#include "core/base/value.hpp"

namespace plimsoll {

// Parses TOML 1.0. `source` names the file in the error: "SOURCE:LINE:COLUMN: reason".
// The document must be UTF-8 without NUL bytes; anything else is Code::invalid_input.
[[nodiscard]] Result<Value> parse_toml(std::string_view text, std::string_view source);

// Writes a table as TOML that parse_toml() reads back to an equal value (nulls are left out).
[[nodiscard]] std::string to_toml(const Table& table);

}  // namespace plimsoll
