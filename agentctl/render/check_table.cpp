// SPDX-License-Identifier: Apache-2.0
#include "agentctl/render/report.hpp"
#include "core/base/text.hpp"

#include <algorithm>

namespace plimsoll::agentctl::render {
namespace {

using policy::Finding;
using policy::Status;

Ink ink_of(policy::Severity s) {
    return s >= policy::Severity::high ? Ink::red : s == policy::Severity::medium ? Ink::yellow : Ink::cyan;
}

std::string upper(std::string_view s) {
    std::string out(s);
    for (char& c : out)
        c = c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
    return out;
}

// The source on a line of its own, found and expected below it.
std::string evidence_lines(const Finding& f, const Style& style) {
    std::string out;
    for (const auto& e : f.evidence) {
        out += hanging("    ", safe(e.source), style.width);
        if (!e.found.empty())
            out += labelled(style, "      ", Ink::dim, "found    ", safe(e.found));
        if (!e.expected.empty())
            out += labelled(style, "      ", Ink::dim, "expected ", safe(e.expected));
    }
    return out;
}

std::string fix_lines(const Finding& f, const Style& style) {
    if (!f.fix)
        return "";
    const bool by_hand = f.fix->changes.empty();
    const std::string label =
        by_hand ? "by hand: " : "fix (" + std::string(policy::name_of(f.fix->cls)) + "): ";
    return labelled(style, "    ", Ink::green, label, safe(f.fix->summary));
}

// "  CONTROL  SUBJECT            [enforce]"
std::string head(const Finding& f, const Style& style) {
    const std::string subject = f.subject.empty() ? "" : "  " + safe(f.subject);
    const std::string mode = f.mode == policy::Mode::enforce ? "  [enforce]" : "";
    const std::string line = safe(f.control) + subject + mode;
    if (display_width(line) + 2 <= style.width)
        return "  " + paint(style, Ink::bold, safe(f.control)) + subject + paint(style, Ink::yellow, mode) +
               "\n";
    return hanging("  ", line, style.width);
}

std::string body(const Finding& f, const Style& style) {
    std::string out = head(f, style) + hanging("    ", safe(f.message), style.width);
    if (!f.exception.empty())
        out += labelled(style, "    ", Ink::dim, "exception: ", safe(f.exception));
    return out + evidence_lines(f, style) + fix_lines(f, style);
}

std::string section(const Style& style, Ink ink, std::string_view title,
                    const std::vector<const Finding*>& list, bool short_form) {
    if (list.empty())
        return "";
    std::string out = paint(style, ink, title) + "\n";
    for (const Finding* f : list) {
        if (short_form)
            out += hanging("  " + safe(f->control) + "  ",
                           f->subject.empty() ? safe(f->message) : safe(f->subject) + ": " + safe(f->message),
                           style.width);
        else
            out += body(*f, style) + "\n";
    }
    return out + (short_form ? "\n" : "");
}

template <class Predicate>
std::vector<const Finding*> select(const Report& report, Predicate wanted) {
    std::vector<const Finding*> out;
    for (const Finding& f : report.assessment.findings)
        if (wanted(f))
            out.push_back(&f);
    return out;
}

std::string failures(const Report& report, const Style& style) {
    std::string out;
    for (std::size_t i = policy::severity_names.size(); i-- > 0;) {
        const auto severity = static_cast<policy::Severity>(i);
        const auto list = select(
            report, [&](const Finding& f) { return f.status == Status::fail && f.severity == severity; });
        out += section(style, ink_of(severity), "FAIL, " + upper(policy::name_of(severity)), list, false);
    }
    return out;
}

std::string title_line(const Report& report, const Style& style) {
    const auto& h = report.host;
    std::string what = h.os_name.empty() ? "unknown system" : safe(h.os_name);
    what = (h.hostname ? safe(*h.hostname) + ", " : "") + what;
    what += h.live ? ", running" : ", files in " + safe(h.root);
    return hanging("", what + "; policy profile " + safe(report.profile), style.width) + "\n";
}

Ink ink_of(Status s) {
    return s == Status::fail ? Ink::red : s == Status::pass ? Ink::green : Ink::plain;
}

std::string counts(const Report& report, const Style& style) {
    const auto n = report.assessment.count();
    std::string out;
    std::size_t column = 0;
    for (std::size_t i = 0; i < n.size(); ++i) {
        const std::string part =
            std::to_string(n[i]) + " " + std::string(policy::status_names[i]) + (i + 1 < n.size() ? "," : "");
        const bool fits = column + 1 + part.size() <= style.width;
        out += column == 0 ? "" : fits ? " " : "\n";
        column = column != 0 && fits ? column + 1 + part.size() : part.size();
        out += paint(style, n[i] == 0 ? Ink::dim : ink_of(static_cast<Status>(i)), part);
    }
    return out + "\n";
}

std::string next_step(const Report& report, const Style& style) {
    const auto count = report.assessment.count();
    const auto command = [&](std::string_view verb, std::string_view why) {
        return hanging("Next: ", "agentctl " + std::string(verb) + style.command + "   " + std::string(why),
                       style.width);
    };
    const auto fixable = select(report, [](const Finding& f) { return f.fix && !f.fix->changes.empty(); });
    if (!fixable.empty())
        return command("plan", "(what would change; nothing is touched)");
    const auto failing = select(report, [](const Finding& f) { return f.status == Status::fail; });
    if (!failing.empty())
        return command("explain " + failing.front()->control, "(why, and what to do by hand)");
    return count[static_cast<std::size_t>(Status::unknown)] != 0 ? "" : "Inside the line.\n";
}

}  // namespace

std::string check_table(const Report& report, const Style& style) {
    const auto of = [&](Status s) { return select(report, [s](const Finding& f) { return f.status == s; }); };
    std::string out = title_line(report, style) + failures(report, style);
    out += section(style, Ink::yellow, "COULD NOT BE OBSERVED", of(Status::unknown), false);
    out += section(style, Ink::cyan, "EXCEPTED BY THE POLICY", of(Status::excepted), false);
    if (style.verbose) {
        out += section(style, Ink::green, "PASS", of(Status::pass), true);
        out += section(style, Ink::dim, "NOT APPLICABLE", of(Status::not_applicable), true);
    }
    return out + counts(report, style) + next_step(report, style);
}

}  // namespace plimsoll::agentctl::render
