// SPDX-License-Identifier: Apache-2.0
// SHA-256 of a byte string. The only home of OpenSSL in core/base (digest.cpp).
#pragma once
#include <string>
#include <string_view>

namespace plimsoll {

// 64 lower-case hexadecimal digits.
[[nodiscard]] std::string sha256(std::string_view bytes);

}  // namespace plimsoll
