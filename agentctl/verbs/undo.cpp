// SPDX-License-Identifier: Apache-2.0
#include "agentctl/authority.hpp"
#include "agentctl/service_helper.hpp"
#include "agentctl/session.hpp"
#include "agentctl/terminal.hpp"
#include "agentctl/verbs/verbs.hpp"
#include "core/base/text.hpp"

#include <algorithm>

namespace plimsoll::agentctl::verbs {
namespace {

struct Undone {
    std::uint64_t id{0};
    std::string error;  // empty: wholly undone
    Code code{Code::internal};
};

// Newest first.
Outcome<std::vector<std::uint64_t>> chosen(const std::vector<host::JournalEntry>& entries,
                                           const Options& options) {
    std::vector<std::uint64_t> out;
    for (auto it = entries.rbegin(); it != entries.rend(); ++it)
        if (!it->undone() && (options.id.empty() || options.id == std::to_string(it->id)))
            out.push_back(it->id);
    if (options.last && out.size() > 1)
        out.resize(1);
    const bool known = std::ranges::any_of(
        entries, [&](const host::JournalEntry& e) { return options.id == std::to_string(e.id); });
    if (!options.id.empty() && !known)
        return std::unexpected(
            Stop{exit_usage, "no journal entry \"" + options.id + "\"; agentctl journal lists them"});
    return out;
}

Value undo_json(const std::vector<Undone>& undone) {
    Array list;
    for (const auto& u : undone) {
        Table item;
        item.set("id", static_cast<std::int64_t>(u.id));
        item.set("undone", u.error.empty());
        item.set("error", u.error.empty() ? Value() : Value(u.error));
        list.emplace_back(std::move(item));
    }
    Table out;
    out.set("schema", "plimsoll.undo/1");
    out.set("entries", std::move(list));
    return out;
}

std::string undo_table(const std::vector<Undone>& undone, const render::Style& style) {
    if (undone.empty())
        return "Nothing to undo.\n";
    std::string out;
    for (const auto& u : undone) {
        const std::string entry = "entry " + std::to_string(u.id);
        out += u.error.empty() ? render::labelled(style, "", render::Ink::green, "undone: ", entry)
                               : render::labelled(style, "", render::Ink::red,
                                                  "not undone: ", entry + ": " + render::safe(u.error));
    }
    return out;
}

int exit_code_of(const std::vector<Undone>& undone) {
    int code = exit_inside;
    for (const auto& u : undone)
        if (!u.error.empty())
            code = std::max(code, u.code == Code::permission ? exit_not_permitted : exit_outside);
    return code;
}

Outcome<std::vector<Undone>> take_back(const host::Host& host, const Options& options) {
    const auto entries = host::read_journal(host, options.state);
    if (!entries)
        return std::unexpected(stop_for(entries.error(), options, exit_outside));
    const auto ids = chosen(*entries, options);
    if (!ids)
        return std::unexpected(ids.error());
    std::vector<Undone> out;
    if (ids->empty())
        return out;
    auto services = system_services();
    auto executor = host::Executor::open(host, options.state, &services);
    if (!executor)
        return std::unexpected(stop_for(executor.error(), options, exit_outside));
    for (const auto id : *ids) {
        const auto result = executor->undo(id);
        out.push_back(
            {id, result ? "" : result.error().message, result ? Code::internal : result.error().code});
    }
    return out;
}

}  // namespace

int undo(const Options& options) {
    const auto host = open_host(options);
    if (!host)
        return complain(host.error());
    if (const auto allowed = may_change(*host, options); !allowed)
        return complain(allowed.error());
    const auto undone = take_back(*host, options);
    if (!undone)
        return complain(undone.error());
    const int exit_code = exit_code_of(*undone);
    if (options.format == "json")
        return print_json(options, undo_json(*undone), exit_code);
    return print(options, undo_table(*undone, style_for(options)), exit_code);
}

}  // namespace plimsoll::agentctl::verbs
