// SPDX-License-Identifier: Apache-2.0
#include "modules/subuid/judge.hpp"

#include <iterator>

namespace plimsoll::modules::subuid {

std::vector<policy::Finding> Subuid::evaluate(const Params& params, const policy::Provision& provision,
                                              const Facts& facts, Time /*now*/) {
    const Context context(params, provision, facts);
    std::vector<policy::Finding> out;
    for (const auto judge :
         {&judge_root_delegated, &judge_real_id_overlap, &judge_range_overlap, &judge_self_overlap,
          &judge_reserved_overlap, &judge_sizes, &judge_stale_owner, &judge_rename_orphan,
          &judge_numeric_vs_name, &judge_parser_divergence, &judge_file_integrity, &judge_nss_source,
          &judge_containers_user, &judge_idmap_helpers, &judge_alloc_policy, &judge_effective_mapping,
          &judge_foreign_scan}) {
        auto findings = judge(context);
        std::ranges::move(findings, std::back_inserter(out));
    }
    return out;
}

}  // namespace plimsoll::modules::subuid
