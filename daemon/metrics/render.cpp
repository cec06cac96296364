// SPDX-License-Identifier: Apache-2.0
#include "daemon/metrics/render.hpp"

#include "core/base/text.hpp"

#include <initializer_list>
#include <set>
#include <utility>

namespace plimsoll::daemon::metrics {
namespace {

enum class Type { gauge, counter, info, histogram };

struct Family {
    std::string name;  // without the suffix of its samples
    Type type{Type::gauge};
    std::string help;
};

using Labels = std::initializer_list<std::pair<std::string_view, std::string_view>>;

// Within double quotes.
std::string escaped(std::string_view text) {
    std::string out;
    for (const char c : printable(text)) {
        if (c == '\\' || c == '"')
            out += '\\';
        out += c;
    }
    return out;
}

std::string in_braces(const Labels& labels) {
    std::string out;
    for (const auto& [name, value] : labels)
        out += (out.empty() ? "{" : ",") + std::string(name) + "=\"" + escaped(value) + "\"";
    return out.empty() ? out : out + "}";
}

// Seconds; always with a fraction, as OpenMetrics writes the bounds of a histogram.
std::string seconds(std::uint64_t microseconds) {
    std::string fraction = std::to_string(microseconds % 1'000'000);
    fraction.insert(0, 6 - fraction.size(), '0');
    fraction.resize(std::max<std::size_t>(1, fraction.find_last_not_of('0') + 1));
    return std::to_string(microseconds / 1'000'000) + "." + fraction;
}

std::string number(std::size_t n) {
    return std::to_string(n);
}

std::string number(Time t) {
    return std::to_string(t.time_since_epoch().count());
}

class Text {
  public:
    explicit Text(Dialect dialect) : dialect_(dialect) {}

    void begin(const Family& family) {
        family_ = family.name;
        static constexpr std::array<std::string_view, 4> types{"gauge", "counter", "info", "histogram"};
        suffix_ = family.type == Type::counter ? "_total" : family.type == Type::info ? "_info" : "";
        const bool open = dialect_ == Dialect::openmetrics;
        const std::string declared = open ? family_ : family_ + suffix_;
        // The textfile's format knows no infos.
        const auto type = !open && family.type == Type::info ? Type::gauge : family.type;
        out_ += "# TYPE " + declared + " " + std::string(types.at(static_cast<std::size_t>(type))) + "\n";
        if (open && family_.ends_with("_seconds"))
            out_ += "# UNIT " + declared + " seconds\n";
        out_ += "# HELP " + declared + " " + family.help + "\n";
    }

    void add(const std::string& value, const Labels& labels = {}) { add(suffix_, value, labels); }

    void add(const std::string& suffix, const std::string& value, const Labels& labels) {
        out_ += family_ + suffix + in_braces(labels) + " " + value + "\n";
    }

    void one(const Family& family, const std::string& value, const Labels& labels = {}) {
        begin(family);
        add(value, labels);
    }

    [[nodiscard]] std::string end() && {
        if (dialect_ == Dialect::openmetrics)
            out_ += "# EOF\n";
        return std::move(out_);
    }

  private:
    Dialect dialect_;
    std::string family_{};
    std::string suffix_{};
    std::string out_{};
};

void add_line(Text& to, const Status& s) {
    to.begin({"plimsoll_line", Type::gauge, "Where the host is: 1 for that state, 0 for the others."});
    for (std::size_t i = 0; i < line_names.size(); ++i)
        to.add(static_cast<std::size_t>(s.line) == i ? "1" : "0", {{"state", line_names.at(i)}});
    to.one({"plimsoll_line_since_timestamp_seconds", Type::gauge, "Since when the host is there."},
           number(s.line_since));
}

void add_findings(Text& to, const Measures& m) {
    to.begin({"plimsoll_findings", Type::gauge, "Findings by status and severity."});
    for (std::size_t status = 0; status < m.findings.size(); ++status)
        for (std::size_t severity = 0; severity < m.findings.at(status).size(); ++severity)
            to.add(number(m.findings.at(status).at(severity)),
                   {{"status", policy::status_names.at(status)},
                    {"severity", policy::severity_names.at(severity)}});
    if (!m.containers)
        return;
    to.begin({"plimsoll_containers", Type::gauge, "Containers that were found, by engine."});
    for (const auto& [engine, count] : *m.containers)
        to.add(number(count), {{"engine", engine}});
}

void add_healing(Text& to, const Counters& c) {
    to.one({"plimsoll_drifts", Type::counter, "Verdicts that became fail because the host moved."},
           number(c.drifts));
    to.one({"plimsoll_heals", Type::counter, "Failures that fixes of the daemon ended."}, number(c.heals));
    to.one({"plimsoll_failed_heals", Type::counter, "Fixes of the daemon that failed."},
           number(c.failed_heals));
    to.begin({"plimsoll_healed_after_seconds", Type::histogram,
              "How long what the daemon healed had been out of line, by the wall clock."});
    std::uint64_t below = 0;
    for (std::size_t i = 0; i < Counters::bounds_us.size(); ++i) {
        below += c.healed_after.at(i);
        to.add("_bucket", number(below), {{"le", seconds(Counters::bounds_us.at(i))}});
    }
    to.add("_bucket", number(below + c.healed_after.back()), {{"le", "+Inf"}});
    to.add("_sum", seconds(c.healed_after_sum_us), {});
    to.add("_count", number(below + c.healed_after.back()), {});
}

void add_contested(Text& to, const Status& s) {
    to.one({"plimsoll_contested_keys", Type::gauge,
            "Keys that somebody keeps changing back, and that are not enforced any more."},
           number(s.contested.size()));
    to.begin({"plimsoll_contested_since_timestamp_seconds", Type::gauge,
              "Since when the key is contested; the first " + number(most_contested_named) + " of them."});
    std::set<std::pair<std::string, std::string>> named;
    for (const auto& contest : s.contested) {
        // Names that are shown alike would make the whole text invalid.
        if (named.size() < most_contested_named &&
            named.emplace(printable(contest.control), printable(contest.subject)).second)
            to.add(number(contest.since), {{"control", contest.control}, {"subject", contest.subject}});
    }
}

void add_denials(Text& to, const Counters& c) {
    to.begin(
        {"plimsoll_denials", Type::counter,
         "What processes of containers, and of services with mounts of their own, were denied, as far as "
         "the audit system tells."});
    for (std::size_t i = 0; i < denied_by.size(); ++i)
        to.add(number(c.denials.at(i)), {{"by", denied_by.at(i)}});
}

void add_looking(Text& to, const Status& s, const Counters& c) {
    to.one({"plimsoll_event_overflows", Type::counter,
            "Times that events were lost, after which what they may have concerned was looked at in full."},
           number(c.event_overflows));
    to.one({"plimsoll_watches_lost", Type::counter, "Watches that went away with what they watched."},
           number(c.watches_lost));
    to.one({"plimsoll_evaluations", Type::counter, "Times that the host was judged."}, number(c.evaluations));
    to.one({"plimsoll_unannounced", Type::counter,
            "Changes of verdicts that a full pass found and no event had announced."},
           number(c.unannounced));
    to.one({"plimsoll_full_passes", Type::counter, "Full passes since the start."}, number(c.full_passes));
    if (!s.last_full_pass)
        return;
    to.one({"plimsoll_last_full_pass_timestamp_seconds", Type::gauge, "When everything was last looked at."},
           number(*s.last_full_pass));
    to.one({"plimsoll_last_full_pass_duration_seconds", Type::gauge,
            "How long that took, with what came in between."},
           seconds(c.last_full_pass_us));
}

void add_daemon(Text& to, const Status& s, const Counters& c) {
    to.one({"plimsoll_build", Type::info, "The daemon's version."}, "1", {{"version", s.version}});
    to.one({"plimsoll_policy", Type::info, "The policy in force."}, "1",
           {{"digest", s.policy_digest}, {"profile", s.profile}});
    to.one({"plimsoll_policy_problems", Type::gauge,
            "Why the newest policy was refused, lines; with any, the last good one is in force."},
           number(s.policy_problems.size()));
    to.one({"plimsoll_start_timestamp_seconds", Type::gauge, "When the daemon started."}, number(s.started));
    to.one({"plimsoll_degraded", Type::gauge, "How many things the daemon itself cannot do."},
           number(s.degraded.size()));
    to.one({"plimsoll_store_losses", Type::counter, "Databases that were damaged and set aside."},
           number(c.store_losses));
    to.one({"plimsoll_lost_transitions", Type::counter,
            "Transitions that were not kept because the store did not work for too long."},
           number(c.lost_transitions));
}

}  // namespace

std::string render(const Measures& m, Dialect dialect) {
    Text out(dialect);
    add_line(out, m.status);
    add_findings(out, m);
    add_healing(out, m.counters);
    add_contested(out, m.status);
    add_denials(out, m.counters);
    add_looking(out, m.status, m.counters);
    add_daemon(out, m.status, m.counters);
    return std::move(out).end();
}

}  // namespace plimsoll::daemon::metrics
