// SPDX-License-Identifier: Apache-2.0
// The merged, validated policy, and the compiler that makes it from files. Pure: reading files is
// core/host/policy_files.
#pragma once
#include "core/base/result.hpp"
#include "core/policy/finding.hpp"
#include "core/policy/params.hpp"
#include "core/policy/provision.hpp"

#include <map>
#include <string>
#include <vector>

namespace plimsoll::policy {

// One policy file as found on disk, in merge order: /usr/lib < /run < /etc, within a layer by file name.
// Masked files are not in the list.
struct PolicyFile {
    std::string path;
    std::string text;
};

struct ControlPolicy {
    Mode mode{Mode::audit};
    std::optional<Severity> severity{};  // override of the control's own
    // false: `unknown` of this control does not make the check end with "could not be observed" (exit 3).
    bool required{true};
};

struct Exception {
    std::string control;  // id or glob
    std::string subject;  // glob
    std::string owner;
    std::string reason;
    Time expires{};      // UTC
    std::string origin;  // "FILE:LINE"
};

struct Policy {
    std::string profile;  // "audit-only", "rootless-baseline", "rootless-strict"
    std::map<std::string, ControlPolicy, std::less<>> controls{};  // every known control
    ParamValues params{};                                          // every parameter of every known control
    std::vector<Exception> exceptions{};
    Provision provision{};
    // "control.subuid.min-size.min" -> "/etc/plimsoll/policy.d/10-site.toml:7", "profile rootless-strict" or
    // "default". One entry for every value `policy show` prints.
    std::map<std::string, std::string> origins{};
    std::string digest;  // SHA-256 over the merged content, independent of layout and origins
};

// What the compiler must know of the code: every control and every parameter.
struct Catalogue {
    std::vector<const ControlInfo*> controls{};
    std::vector<ParamSpec> params{};

    [[nodiscard]] const ControlInfo* find(std::string_view id) const;
};

// One reason why a file was refused: "FILE:LINE:COLUMN: what is wrong; what was expected; did you mean …?".
using Problems = std::vector<std::string>;

// All or nothing: any problem in any file refuses the whole set, and every problem found is listed.
[[nodiscard]] std::expected<Policy, Problems> compile_policy(const std::vector<PolicyFile>& files,
                                                             const Catalogue& catalogue);

// The merged policy as one TOML document that compiles to the same policy (same digest). This is what is kept
// as the last good policy.
[[nodiscard]] std::string to_policy_toml(const Policy& policy, const Catalogue& catalogue);

// For `agentctl policy show`: TOML with the origin of every value as a comment at its line's end.
[[nodiscard]] std::string show_policy(const Policy& policy, const Catalogue& catalogue);

// JSON Schema (draft 2020-12) of a policy file, generated from the catalogue.
[[nodiscard]] Value policy_schema(const Catalogue& catalogue);

}  // namespace plimsoll::policy
