// SPDX-License-Identifier: Apache-2.0
#include "agentctl/applying.hpp"

#include "agentctl/planning.hpp"

#include <algorithm>
#include <optional>
#include <set>

namespace plimsoll::agentctl {
namespace {

using policy::Finding;
using policy::Status;

constexpr int max_replans = 5;  // of one run, after Code::busy

bool same_matter(const Finding& a, const Finding& b) {
    return a.control == b.control && a.subject == b.subject;
}

std::string title(const Finding& f) {
    return f.control + (f.subject.empty() ? "" : " (" + f.subject + ")");
}

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

    static Key key_of(const Finding& f) { return {title(f), f.message + '\n' + f.fix->summary}; }

    const Finding* first_untried(const policy::Assessment& assessment) const {
        const auto it = std::ranges::find_if(assessment.findings, [&](const Finding& f) {
            return has_automatic_fix(f) && in_scope(f, session_.options) &&
                   is_permitted(f.fix->cls, session_.options) && !tried_.contains(key_of(f));
        });
        return it == assessment.findings.end() ? nullptr : &*it;
    }

    void one(const Finding& f, const policy::Assessment& before) {
        render::DoneFix record{f.control, f.subject, f.fix->summary, {}};
        for (const auto& change : f.fix->changes) {
            const auto result = executor_.apply(f.control, f.subject, change);
            if (!result && result.error().code == Code::busy && replans_++ < max_replans)
                return;  // the host moved under us: observe it again
            if (!result)
                return stop(result.error().code, title(f) + ": could not " + host::describe(change) + ": " +
                                                     result.error().message);
            record.steps.push_back(host::describe(change));
        }
        tried_.insert(key_of(f));
        if (const auto doubt = verify(f, before))
            return stop(Code::integrity, *doubt);
        carried_.done.push_back(std::move(record));
    }

    // Why the fix cannot be said to have worked; nullopt when it has.
    std::optional<std::string> verify(const Finding& f, const policy::Assessment& before) const {
        session_.host.forget();
        const auto after = session_.assess({{f.control}});
        const auto count = [&](const policy::Assessment& a, Status s) {
            return std::ranges::count_if(
                a.findings, [&](const Finding& o) { return o.status == s && same_matter(o, f); });
        };
        const bool again = std::ranges::any_of(after.findings, [&](const Finding& o) {
            return o.status == Status::fail && same_matter(o, f) && o.message == f.message;
        });
        if (again && count(after, Status::fail) >= count(before, Status::fail))
            return title(f) + ": still fails after its fix: " + f.message;
        for (const Finding& o : after.findings)
            if (o.status == Status::unknown && same_matter(o, f) &&
                count(after, Status::unknown) > count(before, Status::unknown))
                return title(f) + ": cannot be observed after its fix: " + o.message;
        return std::nullopt;
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
