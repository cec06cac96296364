// SPDX-License-Identifier: Apache-2.0
#include "agentctl/applying.hpp"

#include "agentctl/planning.hpp"

#include <algorithm>
#include <set>

namespace plimsoll::agentctl {
namespace {

using policy::Finding;

constexpr int max_replans = 5;  // of one run, after Code::busy

class Run {
  public:
    Run(const Session& session, host::Executor& executor) : session_(session), executor_(executor) {}

    Carried all() {
        while (carried_.stopped.empty()) {
            session_.host.forget();
            const auto before = session_.assess(session_.selection);
            const Finding* next = first_untried(before);
            if (next == nullptr)
                break;
            one(*next, before);
        }
        return std::move(carried_);
    }

  private:
    // What makes a fix the same one when the host is looked at again: line numbers in evidence may move.
    using Key = std::pair<std::string, std::string>;

    static Key key_of(const Finding& f) { return {host::title_of(f), f.message + '\n' + f.fix->summary}; }

    const Finding* first_untried(const policy::Assessment& assessment) const {
        const auto it = std::ranges::find_if(assessment.findings, [&](const Finding& f) {
            return has_automatic_fix(f) && in_scope(f, session_.options) &&
                   is_permitted(f.fix->cls, session_.options) && !tried_.contains(key_of(f));
        });
        return it == assessment.findings.end() ? nullptr : &*it;
    }

    void one(const Finding& f, const policy::Assessment& before) {
        auto steps = host::carry_out_fix(f, before, executor_, [&](const std::string& control) {
            session_.host.forget();
            return session_.assess({{control}});
        });
        if (!steps && steps.error().code == Code::busy && replans_++ < max_replans)
            return;  // the host moved under us: observe it again
        if (!steps)
            return stop(steps.error().code, steps.error().message);
        tried_.insert(key_of(f));
        carried_.done.push_back({f.control, f.subject, f.fix->summary, *std::move(steps)});
    }

    void stop(Code code, std::string why) {
        carried_.stopped = std::move(why);
        carried_.stopped_for = code;
    }

    const Session& session_;
    host::Executor& executor_;
    std::set<Key> tried_;
    int replans_{0};
    Carried carried_;
};

}  // namespace

Carried carry_out_fixes(const Session& session, host::Executor& executor) {
    return Run(session, executor).all();
}

}  // namespace plimsoll::agentctl
