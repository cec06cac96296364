// SPDX-License-Identifier: Apache-2.0
// Any bytes as one or two policy files (cut at a form feed): refused with a place, or a policy that survives
// being written and read again.
#include "core/base/text.hpp"
#include "core/policy/testing/catalogue.hpp"

#include <cstdlib>

using namespace plimsoll::policy;

namespace {

void require(bool condition) {
    if (!condition)
        std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view text(reinterpret_cast<const char*>(data), size);
    std::vector<PolicyFile> files;
    for (const auto part : plimsoll::split(text, '\f'))
        files.push_back({"f" + std::to_string(files.size()), std::string(part)});
    const Catalogue& catalogue = fake::catalogue();
    const auto policy = compile_policy(files, catalogue);
    if (!policy) {
        require(!policy.error().empty());
        for (const std::string& problem : policy.error())
            require(problem.starts_with('f') && plimsoll::valid_utf8(problem));
        return 0;
    }
    for (const std::string& again : {to_policy_toml(*policy, catalogue), show_policy(*policy, catalogue)}) {
        const auto same = compile_policy({{"again", again}}, catalogue);
        require(same && same->digest == policy->digest);
    }
    return 0;
}
