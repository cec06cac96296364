// SPDX-License-Identifier: Apache-2.0
#include "agentctl/live/render.hpp"
#include "agentctl/live/render_parts.hpp"
#include "core/base/text.hpp"
#include "core/base/time.hpp"
#include "core/policy/finding.hpp"

#include <algorithm>

namespace plimsoll::agentctl::live {
namespace {

using render::Ink;
using render::Style;

constexpr std::size_t label_width = 11;
// So many lines each; together with the four that are always there, one screen.
constexpr std::size_t most_problems = 1;
constexpr std::size_t most_failing = 4;
constexpr std::size_t most_unobserved = 2;
constexpr std::size_t most_healed = 2;
constexpr std::size_t most_contested = 1;
constexpr std::size_t most_degraded = 1;

// One line: "label      text", cut at the width; the label only on the first line of its section.
class Screen {
  public:
    explicit Screen(const Style& style) : style_(style) {}

    void line(std::string_view label, std::string_view text, Ink ink = Ink::plain) {
        const std::string cut = render::fit(text, std::max<std::size_t>(style_.width, 20) - label_width);
        text_ += render::pad(label, label_width) + render::paint(style_, ink, cut) + "\n";
    }

    // The first `most` of them and, when some are left, where to see these.
    void section(std::string_view label, const std::vector<std::string>& lines, std::size_t most, Ink ink,
                 std::string_view more) {
        for (std::size_t i = 0; i < std::min(most, lines.size()); ++i)
            line(i == 0 ? label : "", lines[i], ink);
        if (lines.size() > most)
            line("", "and " + std::to_string(lines.size() - most) + " more" + std::string(more), Ink::dim);
    }

    [[nodiscard]] const std::string& text() const { return text_; }

  private:
    const Style& style_;
    std::string text_{};
};

std::string elapsed(Time since, Time now) {
    return duration(std::max(now - since, std::chrono::seconds(0)));
}

// 0 for a severity that this version does not know.
std::size_t rank(std::string_view severity) {
    const auto* const it = std::ranges::find(policy::severity_names, severity);
    return it == policy::severity_names.end()
               ? 0
               : static_cast<std::size_t>(it - policy::severity_names.begin()) + 1;
}

// Those that count against the line with this status, the worst first.
std::vector<Finding> with_status(const std::vector<Finding>& list, std::string_view status) {
    std::vector<Finding> out;
    std::ranges::copy_if(list, std::back_inserter(out), [&](const Finding& f) {
        return f.status == status && (f.required || status == "fail");
    });
    std::ranges::stable_sort(out, std::ranges::greater{}, [](const Finding& f) { return rank(f.severity); });
    return out;
}

std::vector<std::string> finding_lines(const std::vector<Finding>& list, Time now) {
    std::vector<std::string> out;
    out.reserve(list.size());
    for (const auto& f : list)
        out.push_back(shown(f.severity) + "  " + shown(f.control) + "  " + shown(f.subject) + ", " +
                      ago(f.since, now) + (f.message.empty() ? "" : ": " + shown(f.message)));
    return out;
}

void findings(Screen& screen, const Overview& o) {
    if (!o.findings)
        return screen.line("failing", "not known: " + shown(o.findings.error()), Ink::yellow);
    screen.section("failing", finding_lines(with_status(*o.findings, "fail"), o.now), most_failing, Ink::red,
                   ": agentctl check");
    screen.section("unobserved", finding_lines(with_status(*o.findings, "unknown"), o.now), most_unobserved,
                   Ink::yellow, ": agentctl check");
}

// The newest first.
std::vector<std::string> healed_lines(const std::vector<Transition>& list) {
    std::vector<std::string> out;
    for (auto it = list.rbegin(); it != list.rend(); ++it)
        out.push_back(to_rfc3339(it->time).substr(11) + "  " + shown(it->control) + "  " +
                      shown(it->subject) + (it->out_for ? ", out for " + duration(*it->out_for) : ""));
    return out;
}

void healed(Screen& screen, const Overview& o) {
    const auto n = o.status.healed_today;
    if (!o.healed)
        return screen.line("healed",
                           std::to_string(n) + " today; which, is not known: " + shown(o.healed.error()),
                           Ink::yellow);
    screen.line("healed", n == 0 ? "nothing today (UTC)" : std::to_string(n) + " today (UTC)");
    screen.section("", healed_lines(*o.healed), most_healed, Ink::plain, ": agentctl history");
}

std::vector<std::string> contested_lines(const std::vector<Contested>& list, Time now) {
    std::vector<std::string> out;
    for (const auto& c : list)
        out.push_back(shown(c.control) + "  " + shown(c.subject) + ": changed back " +
                      std::to_string(c.reverts) + " times by " +
                      (c.writer.empty() ? "somebody unknown" : shown(c.writer)) + "; not enforced since " +
                      ago(c.since, now));
    return out;
}

std::vector<std::string> shown_all(const std::vector<std::string>& list) {
    std::vector<std::string> out;
    out.reserve(list.size());
    for (const auto& s : list)
        out.push_back(shown(s));
    return out;
}

// "3: docker 2, podman 1; 2 with failing findings, worst critical"
std::string containers_text(const std::vector<Container>& list) {
    std::map<std::string, std::size_t> engines;
    std::size_t failing = 0;
    std::string worst;
    for (const auto& c : list) {
        ++engines[shown(c.engine)];
        failing += c.failing != 0 ? 1 : 0;
        if (rank(c.worst) > rank(worst))
            worst = c.worst;
    }
    if (list.empty())
        return "none runs";
    std::vector<std::string> parts;
    for (const auto& [engine, n] : engines)
        parts.push_back(engine + " " + std::to_string(n));
    return std::to_string(list.size()) + ": " + join(parts, ", ") +
           (failing == 0 ? "" : "; " + std::to_string(failing) + " with failing findings") +
           (worst.empty() ? "" : ", worst " + shown(worst));
}

std::string counts_text(const Status& status) {
    std::vector<std::string> parts;
    for (const auto name : policy::status_names) {
        const auto it = status.counts.find(std::string(name));
        parts.push_back(std::to_string(it == status.counts.end() ? 0 : it->second) + " " + std::string(name));
    }
    return join(parts, ", ");
}

std::string daemon_text(const Status& s, Time now) {
    return "plimsolld " + shown(s.version) + ", up " + elapsed(s.started, now) + "; " +
           (s.last_full_pass ? "last full pass " + ago(*s.last_full_pass, now) : "no full pass yet") +
           (s.root == "/" ? "" : "; files in " + shown(s.root));
}

}  // namespace

std::string status_table(const Overview& o, const Style& style) {
    const Status& s = o.status;
    std::string verdict = line_words(s.line);
    std::ranges::transform(verdict, verdict.begin(), [](char c) {
        return static_cast<char>(c >= 'a' && c <= 'z' ? c - 'a' + 'A' : c);
    });
    Screen screen(style);
    screen.line("daemon", daemon_text(s, o.now));
    screen.line("policy", shown(s.profile) + ", digest " + shown(s.policy_digest.substr(0, 16)));
    screen.section("", shown_all(s.policy_problems), most_problems, Ink::yellow,
                   ": agentctl policy validate");
    screen.line("findings", counts_text(s));
    findings(screen, o);
    healed(screen, o);
    screen.section("contested", contested_lines(s.contested, o.now), most_contested, Ink::yellow,
                   ": agentctl status --json");
    screen.section("degraded", shown_all(s.degraded), most_degraded, Ink::yellow, ": agentctl status --json");
    screen.line("containers",
                o.containers ? containers_text(*o.containers) : "not known: " + shown(o.containers.error()),
                o.containers ? Ink::plain : Ink::yellow);
    return render::paint(style, ink_of_line(s.line), verdict) + " since " + to_rfc3339(s.line_since) + ", " +
           elapsed(s.line_since, o.now) + "\n" + screen.text();
}

}  // namespace plimsoll::agentctl::live
