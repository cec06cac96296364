// SPDX-License-Identifier: Apache-2.0
#include "core/base/digest.hpp"

#include <openssl/sha.h>

#include <array>
#include <cstdlib>

namespace plimsoll {

std::string sha256(std::string_view bytes) {
    // The one-shot function of libcrypto loads no provider and no configuration file, which EVP would.
    std::array<unsigned char, SHA256_DIGEST_LENGTH> md{};
    ::SHA256(reinterpret_cast<const unsigned char*>(bytes.data()), bytes.size(), md.data());
    static constexpr std::string_view hex = "0123456789abcdef";
    std::string out;
    out.reserve(md.size() * 2);
    for (const unsigned char b : md) {
        out += hex[b >> 4];
        out += hex[b & 15];
    }
    return out;
}

}  // namespace plimsoll
