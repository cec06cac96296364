// SPDX-License-Identifier: Apache-2.0
#include "daemon/agent/diff.hpp"

#include "core/base/text.hpp"

#include <algorithm>
#include <array>
#include <functional>

namespace plimsoll::daemon {
namespace {

using policy::Finding;
using Verdict = policy::Status;

// By Status: of several findings with one key the highest counts.
constexpr std::array<int, 5> badness{1, 4, 0, 3, 2};

int badness_of(Verdict s) {
    return badness[static_cast<std::size_t>(s)];
}

using ByKey = std::map<Key, std::vector<const Finding*>>;

template <class Items, class Get>
ByKey by_key(const Items& items, const Get& get) {
    ByKey out;
    for (const auto& item : items) {
        const Finding& f = get(item);
        out[{f.control, f.subject}].push_back(&f);
    }
    return out;
}

bool same_content(const std::vector<const Finding*>& a, const std::vector<const Finding*>& b) {
    return std::ranges::equal(a, b, [](const Finding* x, const Finding* y) { return *x == *y; });
}

// Of the worst findings of one key.
Standing standing_of(const std::vector<const Finding*>& findings) {
    const Finding* worst = findings.front();
    for (const Finding* f : findings)
        if (badness_of(f->status) > badness_of(worst->status))
            worst = f;
    Standing out{worst->status, worst->severity, printable(worst->message, 1000)};
    for (const Finding* f : findings)
        if (f->status == worst->status)
            out.severity = std::max(out.severity, f->severity);
    return out;
}

bool is_noteworthy(const std::optional<Verdict>& s) {
    return s && *s != Verdict::pass && *s != Verdict::not_applicable;
}

class Comparison {
  public:
    Comparison(const Board& before, const policy::Policy& policy, const Occasion& occasion,
               std::uint64_t cursor)
        : before_(before), policy_(policy), occasion_(occasion), cursor_(cursor) {}

    Difference run(std::vector<Finding> now) {
        const auto old_content =
            by_key(before_.findings, [](const Tracked& t) -> const Finding& { return t.finding; });
        std::map<Key, bool> was_required;
        for (const Tracked& t : before_.findings)
            was_required[{t.finding.control, t.finding.subject}] = t.required;
        const auto content = by_key(now, std::identity{});
        for (const Finding& f : now) {
            const Key key{f.control, f.subject};
            if (out_.after.keys.contains(key))
                continue;
            const auto& findings = content.find(key)->second;
            const auto old = old_content.find(key);
            key_is_there(key, findings,
                         old != old_content.end() && same_content(old->second, findings) &&
                             was_required.at(key) == is_required(f.control));
        }
        for (const auto& [key, standing] : before_.keys)
            if (!content.contains(key))
                key_is_gone(key, standing);
        track(std::move(now));
        return std::move(out_);
    }

  private:
    void key_is_there(const Key& key, const std::vector<const Finding*>& findings, bool same) {
        Standing now = standing_of(findings);
        const auto old = before_.keys.find(key);
        const bool known = old != before_.keys.end();
        const bool turned = !known || old->second.status != now.status;
        now.since = turned ? to_seconds(occasion_.at) : old->second.since;
        now.cursor = known && same ? old->second.cursor : cursor_;
        if (is_out(now.status))
            now.out_since = known && old->second.out_since ? old->second.out_since : occasion_.at;
        if (!known || !same)
            out_.changed.push_back(key);
        const std::optional<Verdict> from = known ? std::optional(old->second.status) : std::nullopt;
        if (turned && (known || is_noteworthy(now.status)))
            tell(key, from, now.status, now, known ? old->second.out_since : std::nullopt);
        out_.after.keys.emplace(key, std::move(now));
    }

    void key_is_gone(const Key& key, const Standing& old) {
        out_.gone.push_back(key);
        if (is_noteworthy(old.status))
            tell(key, old.status, std::nullopt, old, old.out_since);
    }

    void tell(const Key& key, std::optional<Verdict> from, std::optional<Verdict> to, const Standing& about,
              std::optional<Instant> out_since) {
        using Why = Occasion::Why;
        Transition t{.time = to_seconds(occasion_.at),
                     .control = key.control,
                     .subject = key.subject,
                     .from = from,
                     .to = to,
                     .severity = about.severity,
                     .message = about.message,
                     .cause = occasion_.cause,
                     .announced = occasion_.why != Why::full_pass && occasion_.why != Why::asked};
        if (out_since && !(to && is_out(*to)))
            t.out_for = std::max(occasion_.at - *out_since, std::chrono::microseconds(0));
        if (occasion_.why == Why::fix && is_mended(t)) {
            t.healed_by = key == occasion_.healed ? "plimsolld" : "";
            t.journal_entry = occasion_.journal_entry;
        }
        out_.transitions.push_back(std::move(t));
    }

    void track(std::vector<Finding> now) {
        out_.after.findings.reserve(now.size());
        for (Finding& f : now) {
            const Standing& standing = out_.after.keys.find({f.control, f.subject})->second;
            const bool required = is_required(f.control);
            out_.after.findings.push_back({std::move(f), standing.since, standing.cursor, required});
        }
    }

    [[nodiscard]] bool is_required(const std::string& control) const {
        const auto found = policy_.controls.find(control);
        return found == policy_.controls.end() || found->second.required;
    }

    const Board& before_;
    const policy::Policy& policy_;
    const Occasion& occasion_;
    std::uint64_t cursor_;
    Difference out_;
};

}  // namespace

Difference compare(const Board& before, std::vector<Finding> now, const policy::Policy& policy,
                   const Occasion& occasion, std::uint64_t cursor) {
    return Comparison(before, policy, occasion, cursor).run(std::move(now));
}

bool is_drift(const Transition& t, Occasion::Why why) {
    using Why = Occasion::Why;
    const bool ours = why == Why::start || why == Why::policy || why == Why::expiry || why == Why::contest;
    return !ours && t.to == Verdict::fail && t.from != Verdict::excepted;
}

bool is_mended(const Transition& t) {
    return t.from == Verdict::fail && !(t.to && is_out(*t.to));
}

}  // namespace plimsoll::daemon
