// SPDX-License-Identifier: Apache-2.0
#include "agentctl/render/plan.hpp"

#include "agentctl/render/diff.hpp"
#include "core/base/text.hpp"

#include <algorithm>

namespace plimsoll::agentctl::render {
namespace {

std::string plural(std::size_t n, std::string_view what) {
    return std::to_string(n) + " " + std::string(what) + (n == 1 ? "" : "s");
}

std::string preview_text(const host::Preview& p, const Style& style) {
    std::string out;
    if (p.is_file)
        out += diff_text(unified_diff(p.target, p.before, p.after), "    ", style);
    if (p.old_value != p.new_value) {
        const std::string target = safe(p.target) + ": ";
        out += hanging("    ",
                       target + safe(p.old_value.empty() ? "(none)" : p.old_value) + " -> " +
                           safe(p.new_value.empty() ? "(none)" : p.new_value),
                       style.width);
    }
    return out;
}

std::string fix_text(const PlannedFix& fix, const Style& style) {
    const auto& f = fix.finding;
    const std::string head = (f.subject.empty() ? "" : safe(f.subject) + ": ") + safe(f.fix->summary);
    std::string out = hanging("  ", head, style.width);
    out += "    class " + std::string(policy::name_of(f.fix->cls)) + ", mode " +
           std::string(policy::name_of(f.mode)) + "\n";
    std::string changes;
    for (const auto& p : fix.previews)
        changes += preview_text(p, style);
    if (changes.empty())
        for (const auto& step : fix.steps)
            changes += hanging("    - ", safe(step), style.width);
    if (!fix.preview_error.empty())
        changes += hanging("    cannot preview: ", safe(fix.preview_error), style.width);
    return out + changes;
}

// The list of findings under their controls.
template <class Items, class Line>
std::string grouped(const Items& items, const Style& style, const Line& line) {
    std::string out;
    std::string control;
    for (const auto& item : items) {
        const auto& [name, text] = line(item);
        if (name != control)
            out += (out.empty() ? "" : "\n") + paint(style, Ink::bold, safe(name)) + "\n";
        control = name;
        out += text;
    }
    return out;
}

std::string hands_text(const std::vector<policy::Finding>& findings, const Style& style) {
    return grouped(findings, style, [&](const policy::Finding& f) {
        const std::string what = f.fix ? f.fix->summary : f.message;
        return std::pair(
            f.control, hanging("  by hand: ", (f.subject.empty() ? "" : safe(f.subject) + ": ") + safe(what),
                               style.width));
    });
}

Value preview_json(const host::Preview& p) {
    Table out;
    out.set("target", p.target);
    Value diff;
    if (p.is_file) {
        std::string text;
        for (const auto& line : unified_diff(p.target, p.before, p.after))
            text += line + "\n";
        diff = text;
    }
    out.set("diff", std::move(diff));
    out.set("old", p.old_value.empty() ? Value() : Value(p.old_value));
    out.set("new", p.new_value.empty() ? Value() : Value(p.new_value));
    return out;
}

Table about(const policy::Finding& f) {
    Table out;
    out.set("control", f.control);
    out.set("subject", f.subject);
    out.set("severity", policy::name_of(f.severity));
    out.set("mode", policy::name_of(f.mode));
    out.set("message", f.message);
    out.set("class", policy::name_of(f.fix ? f.fix->cls : policy::FixClass::never_automatic));
    out.set("summary", f.fix ? Value(f.fix->summary) : Value());
    return out;
}

Array about_all(const std::vector<policy::Finding>& findings) {
    Array out;
    for (const auto& f : findings)
        out.emplace_back(about(f));
    return out;
}

Value strings(const std::vector<std::string>& texts) {
    return {texts};
}

std::string totals(const Plan& plan) {
    std::string out = plural(plan.fixes.size(), "fix");
    if (plan.fixes.size() != 1)
        out.insert(out.size() - 1, "e");  // "fixes"
    for (std::size_t i = 0; i < policy::fix_class_names.size(); ++i) {
        const auto n = std::ranges::count_if(plan.fixes, [i](const PlannedFix& f) {
            return f.finding.fix->cls == static_cast<policy::FixClass>(i);
        });
        if (n != 0)
            out += ", " + std::to_string(n) + " " + std::string(policy::fix_class_names[i]);
    }
    return out + "; " + std::to_string(plan.by_hand.size()) + " by hand\n";
}

}  // namespace

std::string fixes_text(const std::vector<PlannedFix>& fixes, const Style& style) {
    return grouped(fixes, style,
                   [&](const PlannedFix& f) { return std::pair(f.finding.control, fix_text(f, style)); });
}

std::string plan_table(const Plan& plan, const Style& style) {
    std::string out = fixes_text(plan.fixes, style);
    if (!plan.by_hand.empty())
        out += (out.empty() ? "" : "\n") + hands_text(plan.by_hand, style);
    if (plan.fixes.empty() && plan.by_hand.empty())
        out += "Nothing to change.\n";
    else
        out += "\n" + totals(plan);
    if (plan.unobserved != 0)
        out += hanging(
            "",
            plural(plan.unobserved, "finding") + " could not be observed; see agentctl check" + style.command,
            style.width);
    if (!plan.fixes.empty())
        out += hanging(
            "Next: ", "agentctl apply" + style.command + "   (asks first; agentctl undo takes it back)",
            style.width);
    return out;
}

Value plan_json(const Plan& plan) {
    Array fixes;
    for (const auto& fix : plan.fixes) {
        Table item = about(fix.finding);
        item.set("steps", strings(fix.steps));
        Array changes;
        for (const auto& p : fix.previews)
            changes.push_back(preview_json(p));
        item.set("changes", std::move(changes));
        item.set("preview_error", fix.preview_error.empty() ? Value() : Value(fix.preview_error));
        fixes.emplace_back(std::move(item));
    }
    Table policy_part;
    policy_part.set("profile", plan.profile);
    policy_part.set("digest", plan.digest);
    Table out;
    out.set("schema", "plimsoll.plan/1");
    out.set("host", host_json(plan.host));
    out.set("policy", std::move(policy_part));
    out.set("fixes", std::move(fixes));
    out.set("by_hand", about_all(plan.by_hand));
    out.set("unknown", static_cast<std::int64_t>(plan.unobserved));
    return out;
}

Value apply_json(const Applied& applied) {
    Array done;
    for (const auto& d : applied.done) {
        Table item;
        item.set("control", d.control);
        item.set("subject", d.subject);
        item.set("summary", d.summary);
        item.set("steps", strings(d.steps));
        done.emplace_back(std::move(item));
    }
    Table out;
    out.set("schema", "plimsoll.apply/1");
    out.set("entry", applied.entry == 0 ? Value() : Value(static_cast<std::int64_t>(applied.entry)));
    out.set("done", std::move(done));
    out.set("stopped", applied.stopped.empty() ? Value() : Value(applied.stopped));
    out.set("needs_allow", about_all(applied.needs_allow));
    out.set("by_hand", about_all(applied.by_hand));
    out.set("check", check_json(applied.after));
    return out;
}

std::string apply_table(const Applied& applied, const Style& style) {
    std::string out;
    for (const auto& d : applied.done)
        out += labelled(
            style, "", Ink::green, "done: ",
            safe(d.control) + "  " + (d.subject.empty() ? "" : safe(d.subject) + ": ") + safe(d.summary));
    if (applied.done.empty() && applied.stopped.empty())
        out += "Nothing to do: no failing control has a fix that may be carried out here.\n";
    if (!applied.stopped.empty())
        out += labelled(style, "", Ink::red, "stopped: ", safe(applied.stopped));
    for (const auto& f : applied.needs_allow)
        out += labelled(style, "", Ink::yellow, "left: ",
                        safe(f.control) + "  " + (f.subject.empty() ? "" : safe(f.subject) + ": ") +
                            safe(f.fix->summary) + " (needs --allow " +
                            std::string(policy::name_of(f.fix->cls)) + ")");
    out += hands_text(applied.by_hand, style);
    const auto n = applied.after.assessment.count();
    out += std::to_string(n[0]) + " pass, " + std::to_string(n[1]) + " fail, " + std::to_string(n[3]) +
           " unknown\n";
    if (applied.entry != 0)
        out += "Journal entry " + std::to_string(applied.entry) + ". To take it back:\n  agentctl undo " +
               std::to_string(applied.entry) + style.command + "\n";
    return out;
}

}  // namespace plimsoll::agentctl::render
