// SPDX-License-Identifier: Apache-2.0
#include "core/host/remedy.hpp"

#include <algorithm>
#include <optional>

namespace plimsoll::host {
namespace {

using policy::Finding;
using policy::Status;

constexpr int max_replans = 5;  // of one run, after Code::busy

bool same_matter(const Finding& a, const Finding& b) {
    return a.control == b.control && a.subject == b.subject;
}

// Why the fix cannot be said to have worked; nullopt when it has.
std::optional<std::string> doubt(const Finding& f, const policy::Assessment& before,
                                 const policy::Assessment& after) {
    const auto the_same = [&](const Finding& o) {
        return o.status == Status::fail && same_matter(o, f) && o.message == f.message;
    };
    // Of any subject: a module that went blind says so about the host, not about each subject.
    const auto blind = [&](const Finding& o) {
        return o.status == Status::unknown && o.control == f.control;
    };
    const auto left = std::ranges::count_if(after.findings, the_same);
    if (left > 0 && left >= std::ranges::count_if(before.findings, the_same))
        return title_of(f) + ": still fails after its fix: " + f.message;
    if (std::ranges::count_if(after.findings, blind) <= std::ranges::count_if(before.findings, blind))
        return std::nullopt;
    return title_of(f) +
           ": cannot be observed after its fix: " + std::ranges::find_if(after.findings, blind)->message;
}

}  // namespace

bool has_automatic_fix(const Finding& f) {
    return f.status == Status::fail && f.fix && !f.fix->changes.empty() &&
           f.fix->cls != policy::FixClass::never_automatic;
}

std::string title_of(const Finding& f) {
    return f.control + (f.subject.empty() ? "" : " (" + f.subject + ")");
}

Result<std::vector<std::string>> carry_out_fix(const Finding& f, const policy::Assessment& before,
                                               Executor& executor, const LookAgain& look_again) {
    std::vector<std::string> steps;
    for (const auto& change : f.fix->changes) {
        if (auto applied = executor.apply(f.control, f.subject, change); !applied)
            return Failure(
                std::move(applied).error().context(title_of(f) + ": could not " + describe(change)));
        steps.push_back(describe(change));
    }
    if (auto why = doubt(f, before, look_again(f.control)))
        return fail(Code::integrity, *std::move(why));
    return steps;
}

FixRun::Key FixRun::key_of(const Finding& f) {
    return {title_of(f), f.message + '\n' + f.fix->summary};
}

bool FixRun::is_left(const Finding& f) const {
    return has_automatic_fix(f) && permitted_(f) && !tried_.contains(key_of(f));
}

const Finding* FixRun::next(const policy::Assessment& assessment) const {
    const auto it = std::ranges::find_if(assessment.findings, [&](const Finding& f) { return is_left(f); });
    return it == assessment.findings.end() ? nullptr : &*it;
}

std::size_t FixRun::left(const policy::Assessment& assessment) const {
    return static_cast<std::size_t>(
        std::ranges::count_if(assessment.findings, [&](const Finding& f) { return is_left(f); }));
}

Result<std::optional<std::vector<std::string>>> FixRun::carry_out(const Finding& f,
                                                                  const policy::Assessment& before,
                                                                  Executor& executor,
                                                                  const LookAgain& look_again) {
    auto steps = carry_out_fix(f, before, executor, look_again);
    if (!steps && steps.error().code == Code::busy && replans_++ < max_replans)
        return std::nullopt;
    if (!steps)
        return Failure(std::move(steps).error());
    tried_.insert(key_of(f));
    return std::optional(*std::move(steps));
}

}  // namespace plimsoll::host
