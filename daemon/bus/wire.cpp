// SPDX-License-Identifier: Apache-2.0
#include "daemon/bus/wire.hpp"

#include "core/base/text.hpp"
#include "core/host/remedy.hpp"

#include <algorithm>
#include <limits>

namespace plimsoll::daemon::wire {
namespace {

constexpr std::size_t most = std::numeric_limits<std::uint32_t>::max();

template <class Row, class Item, class Make>
std::vector<Row> rows(const std::vector<Item>& list, const Make& make) {
    std::vector<Row> out;
    out.reserve(list.size());
    for (const auto& item : list)
        out.push_back(make(item));
    return out;
}

template <class E>
std::string name_or_empty(const std::optional<E>& e) {
    return e ? std::string(policy::name_of(*e)) : "";
}

FindingRow finding(const Tracked& t, bool all) {
    const auto& f = t.finding;
    std::vector<EvidenceRow> evidence;
    evidence.reserve(f.evidence.size());
    for (const auto& e : f.evidence) {
        const bool show = all || !e.sensitive;
        evidence.emplace_back(text(e.source), show ? text(e.found) : "", show ? text(e.expected) : "",
                              e.sensitive);
    }
    return {f.control,
            text(f.subject),
            std::string(policy::name_of(f.status)),
            std::string(policy::name_of(f.severity)),
            std::string(policy::name_of(f.mode)),
            text(f.message),
            seconds(t.since),
            t.cursor,
            t.required,
            std::move(evidence),
            f.fix ? std::string(policy::name_of(f.fix->cls)) : "",
            f.fix ? text(f.fix->summary) : "",
            host::has_automatic_fix(f),
            text(f.exception)};
}

}  // namespace

std::string text(const std::string& s) {
    const bool fine = valid_utf8(s) && s.find('\0') == std::string::npos;
    return fine ? s : printable(s, s.size() * 4);
}

std::vector<std::string> texts(const std::vector<std::string>& list) {
    return rows<std::string>(list, text);
}

std::uint64_t seconds(Time t) {
    return static_cast<std::uint64_t>(std::max<std::int64_t>(0, t.time_since_epoch().count()));
}

std::uint64_t seconds(const std::optional<Time>& t) {
    return t ? seconds(*t) : 0;
}

std::vector<FindingRow> findings(const std::vector<Tracked>& list, bool all) {
    return rows<FindingRow>(list, [all](const Tracked& t) { return finding(t, all); });
}

bool has_sensitive(const std::vector<Tracked>& list) {
    return std::ranges::any_of(list, [](const Tracked& t) {
        return std::ranges::any_of(t.finding.evidence, &policy::Evidence::sensitive);
    });
}

std::vector<GoneRow> gone(const std::vector<std::pair<std::string, std::string>>& list) {
    return rows<GoneRow>(list, [](const auto& g) { return GoneRow(text(g.first), text(g.second)); });
}

TransitionRow transition(const Transition& t) {
    return {t.id,
            seconds(t.time),
            text(t.control),
            text(t.subject),
            name_or_empty(t.from),
            name_or_empty(t.to),
            std::string(policy::name_of(t.severity)),
            text(t.message),
            text(t.cause),
            t.announced,
            text(t.healed_by),
            t.out_for ? t.out_for->count() : -1,
            t.journal_entry};
}

std::vector<TransitionRow> transitions(const std::vector<Transition>& list) {
    return rows<TransitionRow>(list, transition);
}

std::vector<ContainerColumns> containers(const std::vector<ContainerRow>& list) {
    return rows<ContainerColumns>(list, [](const ContainerRow& c) {
        return ContainerColumns(
            text(c.id), text(c.name), text(c.engine), c.rootless, c.owner, c.pid, seconds(c.started),
            text(c.cgroup), static_cast<std::uint32_t>(std::min(c.failing, most)), name_or_empty(c.worst));
    });
}

std::vector<PlannedRow> planned(const std::vector<Planned>& list, bool all) {
    return rows<PlannedRow>(list, [all](const Planned& p) {
        return PlannedRow(text(p.control), text(p.subject), std::string(policy::name_of(p.mode)),
                          std::string(policy::name_of(p.cls)), text(p.summary), all ? text(p.preview) : "");
    });
}

}  // namespace plimsoll::daemon::wire
