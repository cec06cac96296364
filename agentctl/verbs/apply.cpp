// SPDX-License-Identifier: Apache-2.0
#include "agentctl/applying.hpp"
#include "agentctl/authority.hpp"
#include "agentctl/planning.hpp"
#include "agentctl/service_helper.hpp"
#include "agentctl/terminal.hpp"
#include "agentctl/verbs/verbs.hpp"

#include <algorithm>
#include <cstdio>

namespace plimsoll::agentctl::verbs {
namespace {

std::vector<render::PlannedFix> permitted_fixes(const Session& session,
                                                const policy::Assessment& assessment) {
    std::vector<render::PlannedFix> out;
    for (const auto& f : assessment.findings)
        if (has_automatic_fix(f) && in_scope(f, session.options) && is_permitted(f.fix->cls, session.options))
            out.push_back(planned(f, session));
    return out;
}

// Whether a person agreed, by --yes or on the terminal.
Outcome<bool> agreed(const std::vector<render::PlannedFix>& fixes, const Options& options) {
    if (options.yes)
        return true;
    if (!can_ask())
        return std::unexpected(Stop{exit_usage,
                                    "there is no terminal to ask on; nothing was changed\n"
                                    "Look with 'agentctl plan', then say 'agentctl apply --yes'"});
    const std::string text = render::fixes_text(fixes, style_for(options));
    // What is agreed to has to be seen, even when stdout is for a program or nothing.
    (void)std::fputs(text.c_str(), options.quiet || options.format == "json" ? stderr : stdout);
    (void)std::fflush(stdout);
    return ask("\nCarry out " + std::to_string(fixes.size()) + (fixes.size() == 1 ? " fix?" : " fixes?"));
}

// The check at the end, and what is left to do.
render::Applied conclude(const Session& session, Carried carried, std::uint64_t entry) {
    session.host.forget();
    render::Applied out{std::move(carried.done),
                        std::move(carried.stopped),
                        entry,
                        {},
                        {},
                        session.report(session.assess(session.selection))};
    for (const auto& f : out.after.assessment.findings) {
        if (!in_scope(f, session.options))
            continue;
        if (is_by_hand(f))
            out.by_hand.push_back(f);
        else if (has_automatic_fix(f) && !is_permitted(f.fix->cls, session.options))
            out.needs_allow.push_back(f);
    }
    return out;
}

int show(const Session& session, const render::Applied& applied, int exit_code) {
    if (session.options.format == "json")
        return print_json(session.options, render::apply_json(applied), exit_code);
    return print(session.options, render::apply_table(applied, style_for(session.options)), exit_code);
}

int finish(const Session& session, Carried carried, std::uint64_t entry) {
    const bool stopped = !carried.stopped.empty();
    const bool forbidden = stopped && carried.stopped_for == Code::permission;
    const auto applied = conclude(session, std::move(carried), entry);
    const int verdict = policy::verdict(applied.after.assessment, session.loaded.policy);
    return show(session, applied, forbidden ? exit_not_permitted : stopped ? exit_outside : verdict);
}

// A later refused policy file must not leave the host without one. The policy of --policy is not the host's.
Result<void> remember_policy(const Session& session) {
    if (!session.options.policy.empty() || !session.loaded.broken.empty())
        return {};
    return host::keep_last_good(session.host, session.options.state, session.loaded.policy,
                                session.catalogue);
}

int carry_out(const Session& session) {
    auto services = system_services();
    auto executor = host::Executor::open(session.host, session.options.state, &services);
    if (!executor)
        return complain(stop_for(executor.error(), session.options, exit_outside));
    if (const auto kept = remember_policy(session); !kept)
        return complain(stop_for(kept.error(), session.options, exit_outside));
    auto carried = carry_out_fixes(session, *executor);
    const auto entry = executor->current_entry();
    return finish(session, std::move(carried), entry);
}

int nothing_to_do(const Session& session) {
    if (const auto kept = remember_policy(session); !kept)
        return complain(stop_for(kept.error(), session.options, exit_outside));
    return finish(session, {}, 0);
}

}  // namespace

int apply(const Options& options) {
    const auto session = open_session(options);
    if (!session)
        return complain(session.error());
    if (const auto allowed = may_change(session->host, options); !allowed)
        return complain(allowed.error());
    const auto fixes = permitted_fixes(*session, session->assess(session->selection));
    if (fixes.empty())
        return nothing_to_do(*session);
    const auto yes = agreed(fixes, options);
    if (!yes)
        return complain(yes.error());
    if (!*yes)
        return complain({exit_outside, "nothing was changed"});
    return carry_out(*session);
}

}  // namespace plimsoll::agentctl::verbs
