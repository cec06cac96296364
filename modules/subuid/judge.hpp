// SPDX-License-Identifier: Apache-2.0
// One pure function per control, or per group of controls whose fixes depend on each other.
#pragma once
#include "modules/subuid/grants.hpp"

namespace plimsoll::modules::subuid {

using Findings = std::vector<policy::Finding>;

inline constexpr std::string_view nothing_there = "neither /etc/subuid nor /etc/subgid grants a range";

[[nodiscard]] Findings judge_root_delegated(const Context& c);
[[nodiscard]] Findings judge_real_id_overlap(const Context& c);
[[nodiscard]] Findings judge_range_overlap(const Context& c);
[[nodiscard]] Findings judge_self_overlap(const Context& c);
[[nodiscard]] Findings judge_reserved_overlap(const Context& c);
// min-size, missing and gid-parity: one block is given out once, whichever control asks for it.
[[nodiscard]] Findings judge_sizes(const Context& c);
[[nodiscard]] Findings judge_stale_owner(const Context& c);
[[nodiscard]] Findings judge_rename_orphan(const Context& c);
[[nodiscard]] Findings judge_numeric_vs_name(const Context& c);
[[nodiscard]] Findings judge_parser_divergence(const Context& c);
[[nodiscard]] Findings judge_file_integrity(const Context& c);
// The SELinux part of file-integrity.
void judge_labels(const Context& c, Verdict& v);
[[nodiscard]] Findings judge_nss_source(const Context& c);
[[nodiscard]] Findings judge_containers_user(const Context& c);
[[nodiscard]] Findings judge_idmap_helpers(const Context& c);
[[nodiscard]] Findings judge_alloc_policy(const Context& c);
[[nodiscard]] Findings judge_effective_mapping(const Context& c);
[[nodiscard]] Findings judge_foreign_scan(const Context& c);

// Whether others than root can put other files into a directory of this state, or away from it what root has.
[[nodiscard]] bool others_rule(const FileState& directory);

// "alice,bob", "alice,bob,carl,dave and 296 more": what a finding about several owners is called.
[[nodiscard]] std::string names_of(const Context& c, const std::vector<std::uint32_t>& owners);

// Whether an unresolved owner is one that was renamed; its account's name now. Shared by stale-owner and
// rename-orphan, so that each such owner is reported by one of them.
[[nodiscard]] const host::User* renamed_to(const Context& c, const Owner& o);

}  // namespace plimsoll::modules::subuid
