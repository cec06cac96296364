// SPDX-License-Identifier: Apache-2.0
// What the agent answers to those who ask.
#include "core/base/text.hpp"
#include "core/base/time.hpp"
#include "core/base/unified_diff.hpp"
#include "daemon/agent/agent_state.hpp"
#include "daemon/agent/work.hpp"
#include "modules/containers/containers.hpp"

#include <algorithm>
#include <ctime>
#include <map>
#include <optional>
#include <set>

namespace plimsoll::daemon {
namespace {

namespace ctr = modules::containers;

bool selects(const FindingFilter& filter, const policy::Finding& f) {
    return policy::Selection{filter.controls}.covers(f.control) &&
           (filter.statuses.empty() ||
            std::ranges::find(filter.statuses, f.status) != filter.statuses.end()) &&
           (!filter.at_least || f.severity >= *filter.at_least);
}

std::string shown(std::string_view s) {
    return printable(s, 10'000);
}

std::string preview_text(const host::Preview& p) {
    std::string out;
    if (p.is_file)
        out = join(unified_diff(p.target, p.before, p.after, shown), "\n");
    if (p.old_value != p.new_value)
        out += (out.empty() ? "" : "\n") + shown(p.target) + ": " +
               (p.old_value.empty() ? "(none)" : shown(p.old_value)) + " -> " +
               (p.new_value.empty() ? "(none)" : shown(p.new_value));
    return out;
}

Planned planned(const host::Host& host, const policy::Finding& f) {
    Planned out{f.control, f.subject, f.mode, f.fix->cls, f.fix->summary, {}};
    const auto previews = host::preview(host, host.state_dir(), f.fix->changes);
    if (!previews) {
        out.preview = "cannot preview: " + previews.error().message;
        return out;
    }
    for (const auto& p : *previews)
        if (const std::string text = preview_text(p); !text.empty())
            out.preview += (out.preview.empty() ? "" : "\n") + text;
    return out;
}

// Clock ticks since boot as a point in time.
Time time_of_ticks(std::uint64_t ticks) {
    struct timespec boot{};
    const long per_second = ::sysconf(_SC_CLK_TCK);
    if (per_second <= 0 || ::clock_gettime(CLOCK_BOOTTIME, &boot) < 0)
        return {};
    const auto ago = std::chrono::seconds(boot.tv_sec) -
                     std::chrono::seconds(static_cast<std::int64_t>(ticks) / per_second);
    return wall_clock() - ago;
}

std::string engine_of(const ctr::Container& c) {
    if (c.kernel == ctr::Kernel::kata)
        return "kata";
    if (c.kernel == ctr::Kernel::gvisor)
        return "gvisor";
    return std::string(name_of(c.engine));
}

ContainerRow row_of(const ctr::Container& c, const Board& board) {
    ContainerRow out{.id = c.id.empty() ? std::to_string(c.init) : c.short_id(),
                     .name = c.names.empty() ? "" : c.names.front(),
                     .engine = engine_of(c),
                     .rootless = c.rootless(),
                     .owner = c.owner.value_or(~std::uint32_t{0}),
                     .pid = c.init,
                     .started = time_of_ticks(c.start),
                     .cgroup = c.cgroup};
    const std::string subject = subject_of(c);
    for (const Tracked& t : board.findings) {
        const auto& f = t.finding;
        if (f.status != policy::Status::fail || f.subject != subject || !f.control.starts_with("ctr."))
            continue;
        ++out.failing;
        out.worst = std::max(out.worst.value_or(policy::Severity::info), f.severity);
    }
    return out;
}

// Without looking again: every container has findings, whose subject begins with "ENGINE/", and what
// ctr.found says of the host tells whether they could be seen.
std::optional<std::map<std::string, std::size_t>> containers_by_engine(const Board& board) {
    bool seen = false;
    std::set<std::string_view> subjects;
    for (const Tracked& t : board.findings) {
        const auto& f = t.finding;
        if (!f.control.starts_with("ctr."))
            continue;
        if (f.subject.contains('/'))
            subjects.insert(f.subject);
        else if (f.control == "ctr.found")
            seen = f.status == policy::Status::pass || f.status == policy::Status::fail;
    }
    if (!seen)
        return std::nullopt;
    std::map<std::string, std::size_t> out;
    for (const auto subject : subjects)
        ++out[std::string(subject.substr(0, subject.find('/')))];
    return out;
}

}  // namespace

daemon::Status Agent::status() const {
    return state_->status();
}

Counters Agent::counters() const {
    Counters out = state_->counters;
    out.store_losses = state_->memory.losses();
    out.lost_transitions = state_->memory.lost_transitions();
    return out;
}

Measures Agent::measures() const {
    Measures out{.status = status(), .counters = counters()};
    for (const Tracked& t : state_->board.findings)
        ++out.findings.at(static_cast<std::size_t>(t.finding.status))
              .at(static_cast<std::size_t>(t.finding.severity));
    out.containers = containers_by_engine(state_->board);
    return out;
}

std::vector<Tracked> Agent::findings(const FindingFilter& filter) const {
    std::vector<Tracked> out;
    std::ranges::copy_if(state_->board.findings, std::back_inserter(out),
                         [&](const Tracked& t) { return selects(filter, t.finding); });
    return out;
}

Changes Agent::changes(std::uint64_t after) const {
    const State& s = *state_;
    const bool known = after >= s.oldest_cursor && after <= s.cursor;
    Changes out{s.cursor, known, {}, {}};
    std::ranges::copy_if(s.board.findings, std::back_inserter(out.changed),
                         [&](const Tracked& t) { return !known || t.cursor > after; });
    for (const auto& [key, when] : s.gone)
        if (known && when > after)
            out.gone.emplace_back(key.control, key.subject);
    return out;
}

Result<std::vector<Transition>> Agent::history(const HistoryQuery& query) const {
    state_->save_now();
    return state_->memory.history(query);
}

Result<std::vector<ContainerRow>> Agent::containers() const {
    state_->host.forget();  // those that are there now
    const auto listed = ctr::list_containers(state_->host);
    state_->host.forget();
    PLIMSOLL_TRY(const auto found, listed);
    std::vector<ContainerRow> out;
    out.reserve(found.size());
    for (const auto& c : found)
        out.push_back(row_of(c, state_->board));
    return out;
}

Result<std::vector<Planned>> Agent::plan(const ApplyRequest& request) {
    State& s = *state_;
    s.looking.look(s.looking.groups_of(request.controls), s.policy.policy());
    s.take_stock({Occasion::Why::asked, "asked", now_instant()});
    std::vector<Planned> out;
    for (const Tracked& t : s.board.findings)
        if (is_permitted(request, t.finding))
            out.push_back(planned(s.host, t.finding));
    return out;
}

}  // namespace plimsoll::daemon
