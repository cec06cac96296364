// SPDX-License-Identifier: Apache-2.0
#include "core/base/digest.hpp"

// EVP, and in OpenSSL 3 the one-shot SHA256() too, loads the configuration file and the providers at every
// start; these functions do not, and leave the rest of libcrypto out of what links it statically.
#define OPENSSL_SUPPRESS_DEPRECATED
#include <openssl/sha.h>

#include <array>
#include <cstdlib>

namespace plimsoll {

std::string sha256(std::string_view bytes) {
    std::array<unsigned char, SHA256_DIGEST_LENGTH> md{};
    SHA256_CTX context{};
    ::SHA256_Init(&context);
    ::SHA256_Update(&context, bytes.data(), bytes.size());
    ::SHA256_Final(md.data(), &context);
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
