// SPDX-License-Identifier: Apache-2.0
#include "modules/rootless/guarded_file.hpp"

#include "core/base/digest.hpp"
#include "core/base/json.hpp"
#include "core/base/text.hpp"

namespace plimsoll::modules::rootless {
namespace {

constexpr std::size_t max_profile = std::size_t{1} << 20;

}  // namespace

PathChain chain_of(const host::Sysroot& root, const std::string& path) {
    std::vector<PathStep> out;
    for (std::size_t end = 0; end != std::string::npos;) {
        end = path.find('/', end + 1);
        const std::string step = path.substr(0, end);
        const auto st = root.stat(step);
        if (!st) {
            if (st.error().code == Code::not_found)
                break;
            return Failure(st.error());
        }
        out.push_back({step, st->st_uid, st->st_mode});
    }
    return out;
}

Result<SeccompProfile> read_profile(const host::Sysroot& root, const std::string& path) {
    PLIMSOLL_TRY(const std::string text, root.read(path, max_profile));
    PLIMSOLL_TRY(const Value json, parse_json(text, path));
    const Value* action = json.at("defaultAction");
    return SeccompProfile{action != nullptr && action->string() != nullptr ? *action->string() : "",
                          sha256(text)};
}

std::string unsafe_chain(const std::vector<PathStep>& chain, std::uint32_t uid) {
    for (std::size_t i = 0; i < chain.size(); ++i) {
        const PathStep& step = chain[i];
        if (step.uid != 0 && step.uid != uid)
            return step.path + " belongs to uid " + std::to_string(step.uid);
        // In a sticky directory others cannot replace what stands there, but they can create what does not.
        const bool keeps = (step.mode & S_ISVTX) != 0 && i + 1 < chain.size();
        if ((step.mode & (S_IWGRP | S_IWOTH)) != 0 && !keeps)
            return step.path + " can be written by " +
                   ((step.mode & S_IWOTH) != 0 ? "everybody" : "its group");
    }
    return "";
}

std::string profile_problem(const SeccompProfile& p) {
    const std::string action = printable(p.default_action, 40);
    if (action.empty())
        return "has no defaultAction";
    return action == "SCMP_ACT_ALLOW" || action == "SCMP_ACT_LOG" || action == "SCMP_ACT_TRACE"
               ? "allows what it does not name (" + action + ")"
               : "";
}

}  // namespace plimsoll::modules::rootless
