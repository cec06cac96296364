// SPDX-License-Identifier: Apache-2.0
// The controls about the policy itself. Part of the engine.
#pragma once
#include "core/policy/engine.hpp"

#include <functional>

namespace plimsoll::policy {

inline constexpr std::string_view files_id = "policy.files";
inline constexpr std::string_view expired_id = "policy.exception-expired";
inline constexpr std::string_view unmatched_id = "policy.exception-unmatched";
inline constexpr std::string_view contested_id = "policy.contested";

struct ExceptionUse {  // what one run showed about an unexpired exception
    bool matched{false};
    bool unknown{false};     // a control it names could not be observed
    bool applicable{false};  // a control it names applied to this host at all
};

[[nodiscard]] std::vector<Finding> judge_files(const Problems& broken);
[[nodiscard]] std::vector<Finding> judge_expired(const std::vector<Exception>& exceptions, Time now);
// Not applicable without a daemon (nullopt): nothing is enforced continuously then.
[[nodiscard]] std::vector<Finding> judge_contested(const std::optional<std::vector<Contest>>& contests);
// `ran` tells whether every control that a pattern names was looked at; `uses` is parallel to `exceptions`.
[[nodiscard]] std::vector<Finding> judge_unmatched(const std::vector<Exception>& exceptions,
                                                   const std::vector<ExceptionUse>& uses, Time now,
                                                   const std::function<bool(const std::string&)>& ran);

// "OWNER until 2027-01-31T00:00:00Z: REASON".
[[nodiscard]] std::string describe(const Exception& exception);

}  // namespace plimsoll::policy
