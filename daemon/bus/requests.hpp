// SPDX-License-Identifier: Apache-2.0
// What callers ask for, read from the words they send. Pure. Code::invalid_input tells what is wrong.
#pragma once
#include "daemon/api.hpp"

#include <string_view>

namespace plimsoll::daemon {

// What bounds the work that one call can cause.
inline constexpr std::size_t max_list_bytes = 4096;  // of a list of words
inline constexpr std::size_t max_words = 64;
inline constexpr std::size_t max_stars = 8;  // in all globs together: each multiplies the steps of matching
inline constexpr std::uint32_t max_history = 10000;

[[nodiscard]] Result<FindingFilter> read_filter(std::string_view controls, std::string_view statuses,
                                                std::string_view at_least);
[[nodiscard]] Result<HistoryQuery> read_history(std::uint64_t after, std::uint64_t since,
                                                std::string_view controls, std::uint32_t limit);
[[nodiscard]] Result<ApplyRequest> read_apply(std::string_view controls, bool enforced_only,
                                              std::string_view allow);

}  // namespace plimsoll::daemon
