// SPDX-License-Identifier: Apache-2.0
#include "agentctl/live/render.hpp"
#include "core/base/time.hpp"

#include <algorithm>
#include <limits>

namespace plimsoll::agentctl::live {
namespace {

// JSON numbers of ours are signed.
Value number(std::uint64_t n) {
    return static_cast<std::int64_t>(std::min<std::uint64_t>(n, std::numeric_limits<std::int64_t>::max()));
}

Value or_null(const std::string& s) {
    return s.empty() ? Value() : Value(s);
}

Value time_or_null(const std::optional<Time>& t) {
    return t ? Value(to_rfc3339(*t)) : Value();
}

template <class T, class F>
Value array(const std::vector<T>& list, const F& item) {
    Array out;
    out.reserve(list.size());
    for (const auto& x : list)
        out.emplace_back(item(x));
    return out;
}

// Null when it could not be had; why, stands in the key `unavailable`.
template <class T, class F>
Value array(const Observed<T>& list, const F& item) {
    return list ? array(*list, item) : Value();
}

Table transition(const Transition& t) {
    Table out;
    out.set("id", number(t.id));
    out.set("time", to_rfc3339(t.time));
    out.set("control", t.control);
    out.set("subject", t.subject);
    out.set("from", or_null(t.from));
    out.set("to", or_null(t.to));
    out.set("severity", t.severity);
    out.set("message", t.message);
    out.set("cause", t.cause);
    out.set("announced", t.announced);
    out.set("healed_by", or_null(t.healed_by));
    out.set("out_for_us", t.out_for ? Value(std::int64_t{t.out_for->count()}) : Value());
    out.set("journal_entry", t.journal_entry == 0 ? Value() : number(t.journal_entry));
    return out;
}

Table finding(const Finding& f) {
    Table out;
    out.set("control", f.control);
    out.set("subject", f.subject);
    out.set("status", f.status);
    out.set("severity", f.severity);
    out.set("message", f.message);
    out.set("since", to_rfc3339(f.since));
    out.set("required", f.required);
    return out;
}

Table container(const Container& c) {
    Table out;
    out.set("id", c.id);
    out.set("name", or_null(c.name));
    out.set("engine", c.engine);
    out.set("rootless", c.rootless);
    out.set("owner", number(c.owner));
    out.set("pid", std::int64_t{c.pid});
    out.set("started", to_rfc3339(c.started));
    out.set("cgroup", c.cgroup);
    out.set("failing", number(c.failing));
    out.set("worst", or_null(c.worst));
    return out;
}

Table contest(const Contested& c) {
    Table out;
    out.set("control", c.control);
    out.set("subject", c.subject);
    out.set("since", to_rfc3339(c.since));
    out.set("reverts", number(c.reverts));
    out.set("writer", or_null(c.writer));
    return out;
}

Table policy_of(const Status& s) {
    Table out;
    out.set("profile", s.profile);
    out.set("digest", s.policy_digest);
    out.set("problems", Value(s.policy_problems));
    return out;
}

Table daemon_of(const Status& s) {
    Table out;
    out.set("version", s.version);
    out.set("started", to_rfc3339(s.started));
    out.set("last_full_pass", time_or_null(s.last_full_pass));
    out.set("root", s.root);
    out.set("degraded", Value(s.degraded));
    return out;
}

Table event(const char* kind) {
    Table out;
    out.set("schema", "plimsoll.event/1");
    out.set("event", kind);
    return out;
}

Value unavailable(const Overview& o) {
    Table out;
    if (!o.findings)
        out.set("findings", o.findings.error());
    if (!o.healed)
        out.set("healed", o.healed.error());
    if (!o.containers)
        out.set("containers", o.containers.error());
    return out;
}

}  // namespace

Value status_json(const Overview& o) {
    const Status& s = o.status;
    Table counts;
    for (const auto& [name, n] : s.counts)
        counts.set(name, number(n));
    Table out;
    out.set("schema", "plimsoll.status/1");
    out.set("line", s.line);
    out.set("since", to_rfc3339(s.line_since));
    out.set("counts", std::move(counts));
    out.set("findings", array(o.findings, finding));
    out.set("healed_today", number(s.healed_today));
    out.set("healed", array(o.healed, transition));
    out.set("contested", array(s.contested, contest));
    out.set("policy", policy_of(s));
    out.set("daemon", daemon_of(s));
    out.set("containers", array(o.containers, container));
    out.set("unavailable", unavailable(o));
    return out;
}

Value history_json(const std::vector<Transition>& list) {
    Table out;
    out.set("schema", "plimsoll.history/1");
    out.set("transitions", array(list, transition));
    return out;
}

Value containers_json(const std::vector<Container>& list) {
    Table out;
    out.set("schema", "plimsoll.containers/1");
    out.set("containers", array(list, container));
    return out;
}

Value transition_event(const Transition& t) {
    Table out = event("transition");
    for (const auto& member : transition(t))
        out.set(member.key, member.value);
    return out;
}

Value line_event(const Status& status, Time now) {
    Table out = event("line");
    out.set("time", to_rfc3339(now));
    out.set("line", status.line);
    out.set("since", to_rfc3339(status.line_since));
    return out;
}

Value presence_event(bool there, Time now) {
    Table out = event("daemon");
    out.set("time", to_rfc3339(now));
    out.set("present", there);
    return out;
}

Value wait_json(std::string_view line, bool timed_out) {
    Table out;
    out.set("schema", "plimsoll.wait/1");
    out.set("line", line.empty() ? Value() : Value(line));
    out.set("timed_out", timed_out);
    return out;
}

}  // namespace plimsoll::agentctl::live
