// SPDX-License-Identifier: Apache-2.0
#include "modules/subuid/judge.hpp"

#include <algorithm>
#include <array>
#include <iterator>

namespace plimsoll::modules::subuid {
namespace {

struct Judge {
    Findings (*judge)(const Context&);
    std::array<std::string_view, 3> controls;  // those it has findings of
};

constexpr std::array<Judge, 17> judges{{
    {&judge_root_delegated, {"subuid.root-delegated"}},
    {&judge_real_id_overlap, {"subuid.real-id-overlap"}},
    {&judge_range_overlap, {"subuid.range-overlap"}},
    {&judge_self_overlap, {"subuid.self-overlap"}},
    {&judge_reserved_overlap, {"subuid.reserved-overlap"}},
    {&judge_sizes, {"subuid.min-size", "subuid.missing", "subuid.gid-parity"}},
    {&judge_stale_owner, {"subuid.stale-owner"}},
    {&judge_rename_orphan, {"subuid.rename-orphan"}},
    {&judge_numeric_vs_name, {"subuid.numeric-vs-name"}},
    {&judge_parser_divergence, {"subuid.parser-divergence"}},
    {&judge_file_integrity, {"subuid.file-integrity"}},
    {&judge_nss_source, {"subuid.nss-source"}},
    {&judge_containers_user, {"subuid.containers-user"}},
    {&judge_idmap_helpers, {"subuid.idmap-helpers"}},
    {&judge_alloc_policy, {"subuid.alloc-policy"}},
    {&judge_effective_mapping, {"subuid.effective-mapping"}},
    {&judge_foreign_scan, {"subuid.foreign-scan"}},
}};

}  // namespace

std::vector<policy::Finding> Subuid::evaluate_wanted(const Params& params, const policy::Provision& provision,
                                                     const Facts& facts, Time /*now*/,
                                                     const policy::Wanted& wanted) {
    const Context context(params, provision, facts);
    std::vector<policy::Finding> out;
    for (const Judge& j : judges) {
        if (std::ranges::none_of(j.controls, [&](std::string_view id) { return !id.empty() && wanted(id); }))
            continue;
        auto findings = j.judge(context);
        std::ranges::move(findings, std::back_inserter(out));
    }
    return out;
}

std::vector<policy::Finding> Subuid::evaluate(const Params& params, const policy::Provision& provision,
                                              const Facts& facts, Time now) {
    return evaluate_wanted(params, provision, facts, now, policy::every_control);
}

}  // namespace plimsoll::modules::subuid
