// SPDX-License-Identifier: Apache-2.0
#include "agentctl/applying.hpp"

#include "agentctl/planning.hpp"

namespace plimsoll::agentctl {

Carried carry_out_fixes(const Session& session, host::Executor& executor) {
    host::FixRun run([&](const policy::Finding& f) {
        return in_scope(f, session.options) && is_permitted(f.fix->cls, session.options);
    });
    const auto look_again = [&](const std::string& control) {
        session.host.forget();
        return session.assess({{control}});
    };
    Carried out;
    for (;;) {
        session.host.forget();
        const auto before = session.assess(session.selection);
        const policy::Finding* next = run.next(before);
        if (next == nullptr)
            return out;
        auto steps = run.carry_out(*next, before, executor, look_again);
        if (!steps) {
            out.stopped = steps.error().message;
            out.stopped_for = steps.error().code;
            return out;
        }
        if (*steps)
            out.done.push_back({next->control, next->subject, next->fix->summary, **std::move(steps)});
    }
}

}  // namespace plimsoll::agentctl
