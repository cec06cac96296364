// SPDX-License-Identifier: Apache-2.0
#include "agentctl/live/render.hpp"

#include "agentctl/command_line.hpp"
#include "agentctl/live/render_parts.hpp"
#include "core/base/text.hpp"
#include "core/base/time.hpp"

#include <algorithm>
#include <array>

namespace plimsoll::agentctl::live {
namespace {

using render::Ink;
using render::paint;
using render::Style;

constexpr std::size_t most_bytes = 400;

std::string two_units(std::int64_t n, std::int64_t small, const char* big_unit, const char* small_unit) {
    std::string out = std::to_string(n / small) + " " + big_unit;
    return n % small == 0 ? out : out + " " + std::to_string(n % small) + " " + small_unit;
}

// "4.2" of 4200 thousandths.
std::string tenths(std::int64_t thousandths) {
    const auto t = thousandths / 100;
    return std::to_string(t / 10) + (t % 10 == 0 ? "" : "." + std::to_string(t % 10));
}

// "fail → pass", as wide as the widest usual one.
std::string change(const Transition& t, const Style& style) {
    const auto word = [](const std::string& s, const char* none) { return s.empty() ? none : shown(s); };
    const std::string from = word(t.from, "new");
    const std::string to = word(t.to, "gone");
    const std::string bare = from + " → " + to;
    constexpr std::size_t usual = 14;  // unknown → fail
    const auto columns = render::display_width(bare);
    return from + " → " + paint(style, ink_of_status(t.to), to) +
           std::string(columns < usual ? usual - columns : 0, ' ');
}

// "out for 4.2 ms; healed by plimsolld, journal entry 5; no event had announced it"
std::string aftermath(const Transition& t) {
    std::vector<std::string> parts;
    if (t.out_for)
        parts.push_back("out for " + duration(*t.out_for));
    if (!t.healed_by.empty())
        parts.push_back("healed by " + shown(t.healed_by));
    if (t.journal_entry != 0)
        parts.push_back("journal entry " + std::to_string(t.journal_entry));
    if (!t.announced)
        parts.emplace_back("no event had announced it");
    return join(parts, ", ");
}

// The columns of a table: as wide as their widest cell; the one at `elastic` gives way.
std::vector<std::size_t> widths_of(const std::vector<std::vector<std::string>>& rows, std::size_t elastic,
                                   std::size_t width) {
    constexpr std::size_t narrowest = 8;
    std::vector<std::size_t> out(rows.front().size(), 0);
    for (const auto& row : rows)
        for (std::size_t i = 0; i < row.size(); ++i)
            out[i] = std::max(out[i], render::display_width(row[i]));
    std::size_t others = 0;
    for (std::size_t i = 0; i < out.size(); ++i)
        others += i == elastic ? 2 : out[i] + 2;
    out[elastic] = std::min(out[elastic], width > others + narrowest ? width - others : narrowest);
    return out;
}

std::vector<std::string> container_cells(const Container& c, Time now) {
    const auto cell = [](const std::string& s, std::size_t width) { return render::fit(shown(s), width); };
    return {cell(c.engine, 10),
            (c.rootless ? "rootless " : "rootful ") + std::to_string(c.owner),
            cell(c.id, 12),
            c.name.empty() ? "-" : shown(c.name),
            std::to_string(c.pid),
            duration(std::max(now - c.started, std::chrono::seconds(0))),
            c.failing == 0 ? "-" : std::to_string(c.failing) + " " + cell(c.worst, 8)};
}

}  // namespace

std::string duration(std::chrono::microseconds d) {
    const auto us = std::max<std::int64_t>(0, d.count());
    if (us < 1000)
        return std::to_string(us) + " µs";
    if (us < 1'000'000)
        return tenths(us) + " ms";
    const auto s = us / 1'000'000;
    if (s < 60)
        return tenths(us / 1000) + " s";
    if (s < 3600)
        return two_units(s, 60, "min", "s");
    if (s < 86400)
        return two_units(s / 60, 60, "h", "min");
    return two_units(s / 3600, 24, "d", "h");
}

std::string ago(Time then, Time now) {
    return now <= then ? "just now" : duration(now - then) + " ago";
}

std::string shown(std::string_view text) {
    return render::safe(printable(text, most_bytes));
}

int exit_code_of(std::string_view line) {
    return line == "inside" ? exit_inside : line == "outside" ? exit_outside : exit_unobserved;
}

std::string line_words(std::string_view line) {
    const int code = exit_code_of(line);
    return code == exit_unobserved ? "line not observed" : std::string(line) + " the line";
}

Ink ink_of_status(std::string_view status) {
    return status == "fail"      ? Ink::red
           : status == "pass"    ? Ink::green
           : status == "unknown" ? Ink::yellow
                                 : Ink::dim;
}

Ink ink_of_line(std::string_view line) {
    const int code = exit_code_of(line);
    return code == exit_inside ? Ink::green : code == exit_outside ? Ink::red : Ink::yellow;
}

std::string transition_line(const Transition& t, const Style& style) {
    const std::string after = aftermath(t);
    return to_rfc3339(t.time) + "  " + change(t, style) + "  " + shown(t.severity) + "  " +
           paint(style, Ink::bold, shown(t.control)) + "  " + shown(t.subject) +
           (t.message.empty() ? "" : ": " + shown(t.message)) + (after.empty() ? "" : " (" + after + ")");
}

std::string line_line(const Status& status, Time now, const Style& style) {
    return to_rfc3339(now) + "  " + paint(style, ink_of_line(status.line), line_words(status.line)) +
           " since " + to_rfc3339(status.line_since);
}

std::string presence_line(bool there, Time now, const Style& style) {
    return to_rfc3339(now) + "  " +
           (there ? paint(style, Ink::green, "the daemon is back")
                  : paint(style, Ink::yellow, "the daemon has left the bus") + "; waiting for it");
}

std::string history_table(const std::vector<Transition>& list, std::size_t limit, const Style& style) {
    if (list.empty())
        return "No verdict changed.\n";
    std::string out;
    const std::string indent(22, ' ');
    for (const auto& t : list) {
        out += to_rfc3339(t.time) + "  " + change(t, style) + "  " + shown(t.severity) + "\n";
        out += render::hanging(indent, shown(t.control) + "  " + shown(t.subject), style.width);
        for (const auto& text : {aftermath(t), shown(t.message)})
            if (!text.empty())
                out += render::hanging(indent, text, style.width);
    }
    if (list.size() >= limit)
        out += "\nThe newest " + std::to_string(list.size()) + "; there may be more: --limit\n";
    return out;
}

std::string containers_table(const std::vector<Container>& list, Time now, const Style& style) {
    if (list.empty())
        return "No container runs.\n";
    constexpr std::size_t name_column = 3;
    std::vector<std::vector<std::string>> rows{{"ENGINE", "OWNER", "ID", "NAME", "PID", "UP", "FAILING"}};
    for (const auto& c : list)
        rows.push_back(container_cells(c, now));
    const auto widths = widths_of(rows, name_column, style.width);
    std::string out;
    for (const auto& row : rows) {
        std::string line;
        for (std::size_t i = 0; i + 1 < row.size(); ++i)
            line += render::pad(render::fit(row[i], widths[i]), widths[i]) + "  ";
        const Ink last = row.back() == "-" || out.empty() ? Ink::plain : Ink::red;
        out +=
            paint(style, out.empty() ? Ink::dim : Ink::plain, line) + paint(style, last, row.back()) + "\n";
    }
    return out;
}

}  // namespace plimsoll::agentctl::live
