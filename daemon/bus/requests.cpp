// SPDX-License-Identifier: Apache-2.0
#include "daemon/bus/requests.hpp"

#include "core/base/text.hpp"

#include <algorithm>

namespace plimsoll::daemon {
namespace {

constexpr std::uint64_t last_second = 253'402'300'799;  // of the year 9999

Result<std::vector<std::string_view>> read_words(std::string_view list) {
    if (list.size() > max_list_bytes)
        return fail(Code::invalid_input,
                    "a list is longer than " + std::to_string(max_list_bytes) + " bytes");
    auto out = words(list);
    if (out.size() > max_words)
        return fail(Code::invalid_input, "more than " + std::to_string(max_words) + " words in a list");
    return out;
}

Result<std::vector<std::string>> read_globs(std::string_view list) {
    PLIMSOLL_TRY(const auto globs, read_words(list));
    if (static_cast<std::size_t>(std::ranges::count(list, '*')) > max_stars)
        return fail(Code::invalid_input, "more than " + std::to_string(max_stars) + " stars in a list");
    return std::vector<std::string>(globs.begin(), globs.end());
}

template <class E, class Names>
Result<E> read_name(std::string_view word, const Names& names, std::string_view what) {
    const auto found = std::ranges::find(names, word);
    if (found == names.end())
        return fail(Code::invalid_input, "no " + std::string(what) + " \"" + printable(word, 40) + "\"");
    return static_cast<E>(found - names.begin());
}

}  // namespace

Result<FindingFilter> read_filter(std::string_view controls, std::string_view statuses,
                                  std::string_view at_least) {
    FindingFilter out;
    PLIMSOLL_TRY(out.controls, read_globs(controls));
    PLIMSOLL_TRY(const auto names, read_words(statuses));
    for (const auto name : names) {
        PLIMSOLL_TRY(const auto status, read_name<policy::Status>(name, policy::status_names, "status"));
        out.statuses.push_back(status);
    }
    if (!at_least.empty()) {
        PLIMSOLL_TRY(out.at_least, read_name<policy::Severity>(at_least, policy::severity_names, "severity"));
    }
    return out;
}

Result<HistoryQuery> read_history(std::uint64_t after, std::uint64_t since, std::string_view controls,
                                  std::uint32_t limit) {
    HistoryQuery out;
    out.after = after;
    if (since > last_second)
        return fail(Code::invalid_input, "since is no time: seconds since 1970 are wanted");
    if (since != 0)
        out.since = Time(std::chrono::seconds(since));
    if (limit == 0 || limit > max_history)
        return fail(Code::invalid_input, "limit is not from 1 to " + std::to_string(max_history));
    out.limit = limit;
    PLIMSOLL_TRY(out.controls, read_globs(controls));
    return out;
}

Result<ApplyRequest> read_apply(std::string_view controls, bool enforced_only, std::string_view allow) {
    ApplyRequest out;
    PLIMSOLL_TRY(out.controls, read_globs(controls));
    out.enforced_only = enforced_only;
    if (!allow.empty()) {
        PLIMSOLL_TRY(out.allow,
                     read_name<policy::FixClass>(allow, policy::fix_class_names, "class of fixes"));
    }
    if (out.allow == policy::FixClass::never_automatic)
        return fail(Code::invalid_input, "what is never automatic cannot be allowed");
    return out;
}

}  // namespace plimsoll::daemon
