// SPDX-License-Identifier: Apache-2.0
// status, history, containers: one question, one answer.
#include "agentctl/live/render.hpp"
#include "agentctl/live/verbs.hpp"
#include "agentctl/options.hpp"
#include "agentctl/terminal.hpp"
#include "core/base/text.hpp"
#include "core/base/time.hpp"

#include <algorithm>

namespace plimsoll::agentctl::live {
namespace {

template <class T>
Observed<T> observed(Result<std::vector<T>> result) {
    if (!result)
        return std::unexpected(result.error().message);
    return *std::move(result);
}

Result<std::vector<Transition>> healed_today(Client& client, Time now) {
    HistoryQuery query;
    query.since = std::chrono::floor<std::chrono::days>(now);
    query.limit = most_transitions;
    auto list = client.history(query);
    if (list)
        std::erase_if(*list, [](const Transition& t) { return t.healed_by.empty(); });
    return list;
}

}  // namespace

int status(const Options& options) {
    const auto asked = ask_daemon(options);
    if (!asked)
        return complain(asked.error());
    auto& client = *asked->client;
    Overview overview;
    overview.now = wall_clock();
    overview.status = asked->status;
    overview.findings = observed(client.findings("fail unknown"));
    overview.healed = observed(healed_today(client, overview.now));
    overview.containers = observed(client.containers());
    const int exit_code = exit_code_of(overview.status.line);
    if (options.format == "json")
        return print_json(options, status_json(overview), exit_code);
    return print(options, status_table(overview, style_for(options)), exit_code);
}

int history(const Options& options) {
    const auto asked = ask_daemon(options);
    if (!asked)
        return complain(asked.error());
    HistoryQuery query;
    query.since = options.since.empty() ? Time{} : parse_since(options.since, wall_clock()).value_or(Time{});
    query.limit = static_cast<std::uint32_t>(parse_u64(options.limit).value_or(1));
    query.controls = controls_of(options);
    const auto list = asked->client->history(query);
    if (!list)
        return complain(no_answer(list.error(), options));
    if (options.format == "json")
        return print_json(options, history_json(*list), exit_inside);
    return print(options, history_table(*list, query.limit, style_for(options)), exit_inside);
}

int containers(const Options& options) {
    const auto asked = ask_daemon(options);
    if (!asked)
        return complain(asked.error());
    const auto list = asked->client->containers();
    if (!list)
        return complain(no_answer(list.error(), options));
    if (options.format == "json")
        return print_json(options, containers_json(*list), exit_inside);
    return print(options, containers_table(*list, wall_clock(), style_for(options)), exit_inside);
}

}  // namespace plimsoll::agentctl::live
