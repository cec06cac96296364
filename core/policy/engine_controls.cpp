// SPDX-License-Identifier: Apache-2.0
#include "core/policy/engine_controls.hpp"

#include "core/base/text.hpp"
#include "core/base/time.hpp"

#include <algorithm>

namespace plimsoll::policy {
namespace {

const std::array<ControlInfo, 4>& infos() {
    static const std::array<ControlInfo, 4> all{
        ControlInfo{
            .id = files_id,
            .code = "P01",
            .title = "Policy files that are refused",
            .why = "A policy file that cannot be read as it was meant must not weaken the policy: the last "
                   "good policy stays in force, and what the file was to change is not in force.",
            .severity = Severity::high,
            .fix_class = FixClass::never_automatic,
            .fix = "Correct the file; \"agentctl policy validate\" names every place.",
            .references = {"https://toml.io/en/v1.0.0"}},
        ControlInfo{
            .id = expired_id,
            .code = "P02",
            .title = "Exceptions that have expired",
            .why = "An exception is a debt with a date. After it the finding counts again, and the entry "
                   "only hides that nobody decided anew.",
            .severity = Severity::medium,
            .fix_class = FixClass::never_automatic,
            .fix = "Remove the exception, or have its owner decide on a new date."},
        ControlInfo{.id = unmatched_id,
                    .code = "P03",
                    .title = "Exceptions that match nothing",
                    .why =
                        "An exception that excuses nothing today silently excuses whatever comes to match it "
                        "tomorrow.",
                    .severity = Severity::low,
                    .fix_class = FixClass::never_automatic,
                    .fix = "Remove the exception, or correct its control and subject."},
        ControlInfo{
            .id = contested_id,
            .code = "P04",
            .title = "Keys that somebody keeps changing back",
            .why =
                "Two programs that enforce different states undo each other for ever, and each change is a "
                "moment outside the line. After three reverts within ten minutes the daemon stops enforcing "
                "that key: the host is outside its line there until a person decides who is right.",
            .severity = Severity::high,
            .fix_class = FixClass::never_automatic,
            .fix =
                "Find the other writer (configuration management, a package's script, a person) and stop it, "
                "or change the policy; then \"agentctl apply --control CONTROL\" or a reload of the policy "
                "takes the enforcement up again."},
    };
    return all;
}

const ControlInfo& info(std::string_view id) {
    return *std::ranges::find(infos(), id, &ControlInfo::id);
}

std::string subject_of(const Exception& e) {
    return printable(e.control + "/" + e.subject);
}

Finding failing(std::string_view id, std::string subject, std::string message,
                std::vector<Evidence> evidence) {
    const ControlInfo& control = info(id);
    Finding out =
        make_finding(control, Status::fail, std::move(subject), std::move(message), std::move(evidence));
    out.fix = Fix{.cls = FixClass::never_automatic, .summary = std::string(control.fix)};
    return out;
}

// "FILE:LINE:COLUMN: REASON" or "FILE: REASON".
struct ProblemParts {
    std::string file;
    std::string source;  // "FILE:LINE"
    std::string reason;
};

ProblemParts parts_of(const std::string& problem) {
    const auto colon = problem.find(": ");
    if (colon == std::string::npos)
        return {"policy", "policy", problem};
    ProblemParts out{problem.substr(0, colon), problem.substr(0, colon), problem.substr(colon + 2)};
    for (std::string* cut : {&out.source, &out.file})
        if (const auto at = out.source.rfind(':');
            at != std::string::npos && parse_u64(std::string_view(out.source).substr(at + 1)))
            *cut = out.source.substr(0, at);
    return out;
}

}  // namespace

std::span<const ControlInfo> engine_controls() {
    return infos();
}

std::string describe(const Exception& e) {
    return printable(e.owner + " until " + to_rfc3339(e.expires) + ": " + e.reason);
}

std::vector<Finding> judge_files(const Problems& broken) {
    if (broken.empty())
        return {make_finding(info(files_id), Status::pass, "policy", "every policy file is in force")};
    std::vector<Finding> out;
    for (const std::string& problem : broken) {
        const ProblemParts parts = parts_of(problem);
        const std::string subject = printable(parts.file, 4096);
        auto it = std::ranges::find(out, subject, &Finding::subject);
        if (it == out.end())
            it = out.insert(out.end(), failing(files_id, subject,
                                               "the file was refused; the last good policy is in force", {}));
        it->evidence.push_back(
            {printable(parts.source, 4096), printable(parts.reason, 1000), "a policy file without mistakes"});
    }
    return out;
}

std::vector<Finding> judge_expired(const std::vector<Exception>& exceptions, Time now) {
    std::vector<Finding> out;
    for (const Exception& e : exceptions)
        if (e.expires <= now)
            out.push_back(
                failing(expired_id, subject_of(e),
                        "the exception of " + printable(e.owner) + " has expired and excuses nothing",
                        {{e.origin, "expired " + to_rfc3339(e.expires), "a date still to come"}}));
    if (out.empty())
        out.push_back(make_finding(info(expired_id), Status::pass, "policy", "no exception has expired"));
    return out;
}

std::vector<Finding> judge_contested(const std::optional<std::vector<Contest>>& contests) {
    if (!contests)
        return {make_finding(info(contested_id), Status::not_applicable, "policy",
                             "not judged: no daemon enforces the policy continuously")};
    std::vector<Finding> out;
    for (const Contest& c : *contests)
        out.push_back(failing(contested_id, c.control + "/" + printable(c.subject),
                              "enforcement was stopped after " + std::to_string(c.reverts) +
                                  " reverts; the last at " + to_rfc3339(c.since),
                              {{c.control,
                                c.writer.empty() ? "changed back by an unknown writer"
                                                 : "changed back by " + printable(c.writer),
                                "no other writer"}}));
    if (out.empty())
        out.push_back(make_finding(info(contested_id), Status::pass, "policy", "no key is contested"));
    return out;
}

std::vector<Finding> judge_unmatched(const std::vector<Exception>& exceptions,
                                     const std::vector<ExceptionUse>& uses, Time now,
                                     const std::function<bool(const std::string&)>& ran) {
    std::vector<Finding> out;
    bool all_ran = true;
    for (std::size_t i = 0; i < exceptions.size(); ++i) {
        const Exception& e = exceptions[i];
        if (e.expires <= now || uses[i].matched)
            continue;
        if (!ran(e.control)) {
            all_ran = false;
            continue;
        }
        // What was not seen cannot be said to match nothing; its own control says that it was not seen.
        const char* excuse = uses[i].unknown       ? "not judged: what it is about could not be observed"
                             : !uses[i].applicable ? "not judged: what it is about does not apply here"
                                                   : nullptr;
        if (excuse != nullptr)
            out.push_back(make_finding(info(unmatched_id), Status::not_applicable, subject_of(e), excuse));
        else
            out.push_back(failing(unmatched_id, subject_of(e),
                                  "the exception of " + printable(e.owner) + " matches no failing finding",
                                  {{e.origin, "no match", "a failing finding, or no exception"}}));
    }
    if (!out.empty())
        return out;
    if (all_ran)
        out.push_back(make_finding(info(unmatched_id), Status::pass, "policy", "every exception is needed"));
    else
        out.push_back(make_finding(info(unmatched_id), Status::not_applicable, "policy",
                                   "not judged: only some controls were selected"));
    return out;
}

}  // namespace plimsoll::policy
