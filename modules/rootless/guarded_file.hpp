// SPDX-License-Identifier: Apache-2.0
// Files that an engine runs or loads because its configuration names them: who could change them, and what a
// seccomp profile lets through.
#pragma once
#include "core/base/result.hpp"
#include "core/host/sysroot.hpp"

#include <cstdint>
#include <string>
#include <vector>

namespace plimsoll::modules::rootless {

// Owner and mode of a path and of every directory above it: who could put something else in its place. An
// access list that lets others write shows in the group's bits, which are its mask (acl(5)).
struct PathStep {
    std::string path;
    std::uint32_t uid{0};
    std::uint32_t mode{0};  // with file type
};

// From the first directory below the root down to the path, as far as it exists; where a step is a symlink,
// what leads to its target comes before it. An Error when a step cannot be examined.
using PathChain = Result<std::vector<PathStep>>;

struct SeccompProfile {
    std::string default_action;  // "SCMP_ACT_ERRNO"
    std::string sha256;
};

[[nodiscard]] PathChain chain_of(const host::Sysroot& root, const std::string& path);
// Code::invalid_input when it is no JSON.
[[nodiscard]] Result<SeccompProfile> read_profile(const host::Sysroot& root, const std::string& path);

// ---- pure ----

// Why somebody other than root and `uid` could change what the chain leads to; "" when nobody can.
[[nodiscard]] std::string unsafe_chain(const std::vector<PathStep>& chain, std::uint32_t uid);
// Why the profile filters next to nothing; "" when it refuses what it does not name.
[[nodiscard]] std::string profile_problem(const SeccompProfile& p);

}  // namespace plimsoll::modules::rootless
