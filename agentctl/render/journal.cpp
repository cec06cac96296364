// SPDX-License-Identifier: Apache-2.0
#include "agentctl/render/catalogue.hpp"

#include <array>

namespace plimsoll::agentctl::render {
namespace {

using host::JournalEntry;
using host::JournalStep;

std::string step_text(const JournalStep& s, const Style& style) {
    const std::string label = pad(name_of(s.state), 9);
    const Ink ink = s.state == JournalStep::State::done     ? Ink::green
                    : s.state == JournalStep::State::undone ? Ink::dim
                                                            : Ink::yellow;
    std::string out = labelled(style, "  ", ink, label, safe(s.what));
    out += hanging("           ", safe(s.control) + (s.subject.empty() ? "" : "  " + safe(s.subject)),
                   style.width);
    if (!s.undo_error.empty())
        out += hanging("           not undone: ", safe(s.undo_error), style.width);
    return out;
}

Value step_json(const JournalStep& s) {
    Table out;
    out.set("state", name_of(s.state));
    out.set("control", s.control);
    out.set("subject", s.subject);
    out.set("what", s.what);
    out.set("target", s.target);
    out.set("undo_error", s.undo_error.empty() ? Value() : Value(s.undo_error));
    return out;
}

}  // namespace

std::string_view name_of(JournalStep::State state) {
    static constexpr std::array<std::string_view, 4> names{"intended", "done", "undone", "not-done"};
    return names[static_cast<std::size_t>(state)];
}

Value journal_json(const std::vector<JournalEntry>& entries) {
    Array list;
    for (const auto& e : entries) {
        Array steps;
        for (const auto& s : e.steps)
            steps.push_back(step_json(s));
        Table item;
        item.set("id", static_cast<std::int64_t>(e.id));
        item.set("time", e.time);
        item.set("undone", e.undone());
        item.set("steps", std::move(steps));
        list.emplace_back(std::move(item));
    }
    Table out;
    out.set("schema", "plimsoll.journal-entries/1");
    out.set("entries", std::move(list));
    return out;
}

std::string journal_table(const std::vector<JournalEntry>& entries, const Style& style) {
    if (entries.empty())
        return "The journal is empty: nothing was changed here.\n";
    std::string out;
    for (const auto& e : entries) {
        out += paint(style, Ink::bold, "Entry " + std::to_string(e.id)) + "  " + safe(e.time) +
               (e.undone() ? "  undone" : "") + "\n";
        for (const auto& s : e.steps)
            out += step_text(s, style);
    }
    return out;
}

}  // namespace plimsoll::agentctl::render
