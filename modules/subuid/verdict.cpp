// SPDX-License-Identifier: Apache-2.0
#include "modules/subuid/verdict.hpp"

#include "core/base/text.hpp"

#include <algorithm>
#include <iterator>

namespace plimsoll::modules::subuid {

using policy::Finding;
using policy::Status;

const policy::ControlInfo& control(std::string_view id) {
    const auto all = Subuid::controls();
    return *std::ranges::find(all, id, &policy::ControlInfo::id);
}

policy::Fix by_hand(std::string summary) {
    return {policy::FixClass::never_automatic, std::move(summary)};
}

policy::Fix live_fix(std::string summary, std::vector<policy::Change> changes) {
    return {policy::FixClass::live, std::move(summary), std::move(changes)};
}

void Verdict::fail(const std::string& subject, const std::string& message,
                   std::vector<policy::Evidence> evidence, policy::Fix fix,
                   std::optional<policy::Severity> severity) {
    if (full()) {
        fail_uncounted(1, severity.value_or(control_.severity));
        return;
    }
    if (evidence.size() > max_evidence + 2) {  // beyond what some_evidence() gives and one piece more
        const auto more = evidence.size() - max_evidence;
        evidence.resize(max_evidence);
        evidence.push_back({evidence.back().source, "and " + std::to_string(more) + " more", ""});
    }
    auto finding = policy::make_finding(control_, Status::fail, printable(subject), printable(message, 1000),
                                        std::move(evidence));
    finding.severity = severity.value_or(control_.severity);
    finding.fix = std::move(fix);
    failures_.push_back(std::move(finding));
}

void Verdict::fail_uncounted(std::size_t more, policy::Severity severity) {
    more_ += more;
    more_severity_ = std::max(more_severity_, severity);
}

void Verdict::unknown(const std::string& subject, const std::string& reason) {
    if (unknowns_.size() < max_failures)
        unknowns_.push_back(
            policy::make_finding(control_, Status::unknown, printable(subject), printable(reason, 1000)));
}

std::vector<Finding> Verdict::finish(Status otherwise, const std::string& message,
                                     std::vector<policy::Evidence> evidence) && {
    if (clear())
        return {
            policy::make_finding(control_, otherwise, "host", printable(message, 1000), std::move(evidence))};
    auto out = std::move(failures_);
    if (more_ != 0) {
        auto rest =
            policy::make_finding(control_, Status::fail, "others",
                                 std::to_string(more_) + " more findings like these are not listed",
                                 {{out.back().evidence.empty() ? "" : out.back().evidence.front().source,
                                   std::to_string(more_) + " more", "none"}});
        rest.severity = more_severity_;
        rest.fix = by_hand("settle the findings that are listed; then the next ones are shown");
        out.push_back(std::move(rest));
    }
    std::ranges::move(unknowns_, std::back_inserter(out));
    return out;
}

}  // namespace plimsoll::modules::subuid
