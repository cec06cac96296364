// SPDX-License-Identifier: Apache-2.0
// YAML in. The only home of libyaml (yaml.cpp).
#pragma once
#include "core/base/result.hpp"
#include "core/base/value.hpp"

namespace plimsoll {

// Parses one YAML document, strictly: what two readers may take in two ways is refused or stays a string.
//  * Plain scalars are resolved by the core schema of YAML 1.2: true, True, TRUE (and false, null, ~,
//  decimal,
//    0x and 0o numbers, floats). "yes", "on", "010" and "1:30", which YAML 1.1 takes for something else, stay
//    strings.
//  * Refused: a second document, duplicate keys, keys that are not scalars, merge keys (<<), tags other than
//    those of the core schema, aliases of what is not complete yet.
//  * Aliases are expanded. Afterwards the document has at most 65536 nodes, 16 MiB of text and 64 levels.
// An empty document is null. Errors are Code::invalid_input, "SOURCE:LINE:COLUMN: reason".
[[nodiscard]] Result<Value> parse_yaml(std::string_view text, std::string_view source);

}  // namespace plimsoll
