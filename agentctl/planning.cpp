// SPDX-License-Identifier: Apache-2.0
#include "agentctl/planning.hpp"

#include "core/host/executor.hpp"

#include <algorithm>

namespace plimsoll::agentctl {

bool is_by_hand(const policy::Finding& f) {
    return f.status == policy::Status::fail && !has_automatic_fix(f);
}

bool in_scope(const policy::Finding& f, const Options& options) {
    return !options.enforced || f.mode == policy::Mode::enforce;
}

bool is_permitted(policy::FixClass cls, const Options& options) {
    return cls == policy::FixClass::live ||
           std::ranges::find(options.allow, policy::name_of(cls)) != options.allow.end();
}

render::PlannedFix planned(const policy::Finding& finding, const Session& session) {
    render::PlannedFix out{finding};
    for (const auto& change : finding.fix->changes)
        out.steps.push_back(host::describe(change));
    if (auto previews = host::preview(session.host, session.options.state, finding.fix->changes))
        out.previews = *std::move(previews);
    else
        out.preview_error = previews.error().message;
    return out;
}

render::Plan make_plan(const Session& session, const policy::Assessment& assessment) {
    const auto report = session.report({});
    render::Plan out{report.host, report.profile, report.digest};
    for (const auto& f : assessment.findings) {
        if (f.status == policy::Status::unknown)
            ++out.unobserved;
        if (!in_scope(f, session.options))
            continue;
        if (has_automatic_fix(f))
            out.fixes.push_back(planned(f, session));
        else if (is_by_hand(f))
            out.by_hand.push_back(f);
    }
    return out;
}

}  // namespace plimsoll::agentctl
