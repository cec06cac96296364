// SPDX-License-Identifier: Apache-2.0
#include "modules/containers/judge.hpp"

#include "core/base/text.hpp"

#include <algorithm>
#include <array>

namespace plimsoll::modules::containers {
namespace {

using policy::Finding;
using policy::make_finding;
using policy::Status;

constexpr std::size_t max_evidence = 8;
constexpr std::size_t max_sandboxes = 256;
constexpr std::size_t max_sentences = 4;

using Judge = Finding (*)(const Case&);

constexpr std::array<std::pair<Rule, Judge>, 19> judges{{
    {Rule::root_userns, judge_userns},
    {Rule::maps_root, judge_maps},
    {Rule::runs_as_root, judge_runs_as_root},
    {Rule::capabilities, judge_capabilities},
    {Rule::no_new_privs, judge_no_new_privs},
    {Rule::seccomp, judge_seccomp},
    {Rule::host_namespaces, judge_host_namespaces},
    {Rule::mounts, judge_mounts},
    {Rule::rw_rootfs, judge_rw_rootfs},
    {Rule::privileged, judge_privileged},
    {Rule::devices, judge_devices},
    {Rule::label, judge_label},
    {Rule::limits, judge_limits},
    {Rule::propagation, judge_propagation},
    {Rule::image, judge_image},
    {Rule::nested, judge_nested},
    {Rule::drift, judge_drift},
    {Rule::orphan, judge_orphan},
    {Rule::surface, judge_surface},
}};

// Of a process of a sandbox with a kernel of its own these tell nothing about the workload.
bool is_about_process(Rule rule) {
    static constexpr std::array rules{Rule::runs_as_root, Rule::capabilities, Rule::no_new_privs,
                                      Rule::seccomp,      Rule::rw_rootfs,    Rule::privileged,
                                      Rule::devices,      Rule::drift,        Rule::surface,
                                      Rule::root_userns,  Rule::maps_root};
    return std::ranges::find(rules, rule) != rules.end();
}

bool is_sandbox_alone(const Container& c) {
    return c.kernel != Kernel::shared && c.unread.empty() &&
           std::ranges::all_of(c.members, [](const Member& m) { return m.sandbox_program; });
}

const std::string& response_to(const Params& p, Rule rule) {
    static const std::string report = "report";
    switch (rule) {
        case Rule::root_userns:
            return p.root_userns;
        case Rule::maps_root:
            return p.root_maps;
        case Rule::capabilities:
            return p.capabilities;
        case Rule::host_namespaces:
            return p.host_namespaces;
        case Rule::mounts:
            return p.sensitive_mounts;
        case Rule::privileged:
            return p.privileged;
        case Rule::label:
            return p.lsm_label;
        default:
            return report;
    }
}

// The units of users' managers are not the system manager's to stop.
std::string system_unit(const Container& c) {
    return c.cgroup.find("/user@") == std::string::npos && !c.cgroup.empty() ? c.unit : "";
}

std::string how_found(const Container& c) {
    std::string out = join(c.why, "; ");
    if (c.rootless())
        out += "; rootless, of uid " + std::to_string(*c.owner);
    if (!c.pod.empty())
        out += "; pod " + printable(c.pod.substr(0, 12));
    if (!c.inside.empty())
        out += "; inside the container of " + c.inside;
    if (c.kernel != Kernel::shared)
        out += c.kernel == Kernel::kata ? "; Kata: its workload has a kernel of its own"
                                        : "; gVisor: its workload has a kernel of its own";
    return out;
}

Finding judge_found(const Case& c) {
    Verdict v(c, Rule::found);
    if (c.seen.vanished)
        v.unknown("it ended while it was read");
    else if (!c.container().settled)
        v.unknown("it is being set up: its init has not started a program yet");
    if (!c.seen.drifted.empty())
        v.unknown(c.seen.drifted);
    each(c, v, [](const Member&) {});
    return v.end(how_found(c.container()));
}

void judge_one(const Case& c, std::vector<Finding>& out) {
    out.push_back(judge_found(c));
    for (const auto& [rule, judge] : judges) {
        Verdict v(c, rule);
        if (c.seen.vanished)
            v.unknown("it ended while it was read");
        else if (!c.container().settled)
            v.unknown(
                "it is being set up, still with every privilege: its init has not started a program yet");
        else if (!c.seen.drifted.empty())
            v.unknown(c.seen.drifted);
        else if (is_sandbox_alone(c.container()) && is_about_process(rule)) {
            out.push_back(
                v.not_applicable("its workload has a kernel of its own; what the host sees is the sandbox"));
            continue;
        } else {
            out.push_back(judge(c));
            continue;
        }
        out.push_back(v.end(""));
    }
}

Finding judge_host(const Facts& facts) {
    const auto& control = info(Rule::found);
    std::string text = std::to_string(facts.containers.size()) + " containers found";
    if (!facts.unplaced.empty()) {
        const auto& u = facts.unplaced.front();
        return make_finding(control, Status::unknown, "host",
                            text + "; " + std::to_string(facts.unplaced.size()) +
                                " processes could not be placed: pid " + std::to_string(u.pid) + " (" +
                                printable(u.comm, 32) + "): " + printable(u.why));
    }
    if (!facts.partial.empty())
        return make_finding(control, Status::unknown, "host",
                            text + ", but not all can be seen: " + facts.partial);
    std::vector<policy::Evidence> evidence;
    for (const Sandbox& s : facts.sandboxes)
        if (evidence.size() < max_sandboxes)
            evidence.push_back({"pid " + std::to_string(s.pid) + " (" + printable(s.comm, 32) + ")",
                                "no container: " + printable(s.why), ""});
    if (facts.sandboxes.size() > max_sandboxes)
        evidence.back().found = "and " + std::to_string(facts.sandboxes.size() - max_sandboxes + 1) + " more";
    if (!facts.sandboxes.empty())
        text += "; " + std::to_string(facts.sandboxes.size()) + " sandboxes are no containers";
    return make_finding(control, Status::pass, "host", text, std::move(evidence));
}

std::vector<Finding> for_all(Status status, const std::string& why) {
    std::vector<Finding> out;
    for (const auto& control : Containers::controls())
        out.push_back(make_finding(control, status, "host", why));
    return out;
}

std::map<std::string, std::set<std::string>> categories_of(const Facts& facts) {
    std::map<std::string, std::set<std::string>> out;
    for (const Inspected& one : facts.containers)
        for (const Member& m : one.container.members)
            if (const auto pair = m.label ? category_pair(*m.label) : ""; !pair.empty())
                out[pair].insert(one.container.pod.empty() ? "pid " + std::to_string(one.container.init)
                                                           : one.container.pod);
    return out;
}

struct IdRange {
    std::uint64_t first;
    std::uint64_t end;
    std::uint32_t owner;
    int init;
    std::string who;
};

// Tenants that share host ids can write each other's files. Ids of one owner are its own affair.
std::map<int, std::string> shared_ids_of(const Facts& facts) {
    std::vector<IdRange> ranges;
    for (const Inspected& one : facts.containers) {
        const Container& c = one.container;
        if (!c.owner || c.members.empty() || c.members.front().process.in_child_user_ns() != true)
            continue;
        const auto& map = c.members.front().process.uid_map;
        for (const auto& l : map ? *map : std::vector<host::IdMapLine>{})
            ranges.push_back(
                {l.outside, std::uint64_t{l.outside} + l.count, *c.owner, c.init, subject_of(c)});
    }
    std::ranges::sort(ranges, {}, [](const IdRange& r) { return std::pair(r.first, r.init); });
    std::map<int, std::string> out;
    // Of each owner the range that reaches furthest so far.
    std::map<std::uint32_t, const IdRange*> furthest;
    for (const IdRange& r : ranges) {
        for (const auto& [owner, other] : furthest)
            if (owner != r.owner && other->end > r.first) {
                out.try_emplace(r.init, other->who);
                out.try_emplace(other->init, r.who);
            }
        auto& own = furthest[r.owner];
        own = own == nullptr || r.end > own->end ? &r : own;
    }
    return out;
}

}  // namespace

std::string Case::name_of_process(const host::Process& process) {
    return "pid " + std::to_string(process.pid) + " (" + printable(process.comm, 32) + ")";
}

std::string Case::file(std::string_view name) const {
    return "/proc/" + std::to_string(container().init) + "/" + std::string(name);
}

std::optional<bool> Case::in_host_userns(const Member& m) const {
    if (m.process.user_ns)
        return *m.process.user_ns == host.ns.of(host::Ns::user).value_or(host::initial_user_ns);
    const auto child = m.process.in_child_user_ns();
    return child ? std::optional(!*child) : std::nullopt;
}

std::optional<bool> Case::in_host_userns() const {
    std::optional<bool> out = container().members.empty() ? std::nullopt : std::optional(false);
    for (const Member& m : container().members) {
        if (m.being_started || (m.sandbox_program && m.role != Member::Role::init))
            continue;
        const auto one = in_host_userns(m);
        if (one == true)
            return true;
        if (!one)
            out = std::nullopt;
    }
    return out;
}

void Verdict::wrong(policy::Severity severity, std::string what, policy::Evidence evidence) {
    severity_ = std::max(severity_, severity);
    if (std::ranges::find(wrong_, what) == wrong_.end())
        wrong_.push_back(std::move(what));
    if (evidence_.size() < max_evidence)
        evidence_.push_back(std::move(evidence));
}

void Verdict::unknown(std::string why) {
    if (unknown_.empty())
        unknown_ = std::move(why);
}

Finding Verdict::end(std::string good) {
    const auto& subject = case_.subject;
    if (wrong_.empty() && !unknown_.empty())
        return make_finding(info(rule_), Status::unknown, subject, std::move(unknown_));
    if (wrong_.empty())
        return make_finding(info(rule_), Status::pass, subject, std::move(good));
    std::vector<std::string> told(
        wrong_.begin(), wrong_.begin() + static_cast<std::ptrdiff_t>(std::min(wrong_.size(), max_sentences)));
    if (wrong_.size() > max_sentences)
        told.push_back(std::to_string(wrong_.size() - max_sentences) + " more");
    auto out = make_finding(info(rule_), Status::fail, subject, printable(join(told, "; "), 1500),
                            std::move(evidence_));
    out.severity = severity_;
    out.fix = fix_for(case_, rule_);
    return out;
}

Finding Verdict::not_applicable(std::string why) const {
    return make_finding(info(rule_), Status::not_applicable, case_.subject, std::move(why));
}

policy::Fix fix_for(const Case& c, Rule rule) {
    const Container& container = c.container();
    if (response_to(c.params, rule) != "stop" || container.init <= 1)
        return {policy::FixClass::never_automatic, std::string(info(rule).fix), {}};
    return {
        policy::FixClass::containers_stopped,
        "stop the container; this cannot be undone",
        {policy::StopContainer{container.cgroup, system_unit(container), container.init, container.start}}};
}

Facts Containers::observe(const host::Host& host, const Params&, const policy::Provision&) {
    if (!host.live())
        return {};
    auto found = survey(host);
    if (!found) {
        Facts out{.live = true};
        out.host = Failure(std::move(found).error());
        return out;
    }
    return inspect(host, *std::move(found));
}

std::vector<Finding> Containers::evaluate(const Params& params, const policy::Provision&, const Facts& facts,
                                          Time) {
    if (!facts.live)
        return for_all(Status::not_applicable, "not a running host");
    if (!facts.host)
        return for_all(Status::unknown, printable(facts.host.error().message));
    std::vector<Finding> out;
    if (facts.all && facts.containers.empty()) {
        const bool whole = facts.unplaced.empty() && facts.partial.empty();
        out = for_all(whole ? Status::not_applicable : Status::unknown,
                      whole                   ? "no container runs"
                      : facts.partial.empty() ? "not every process could be placed"
                                              : facts.partial);
        out.front() = judge_host(facts);
        return out;
    }
    if (facts.all || !facts.unplaced.empty())
        out.push_back(judge_host(facts));
    const auto categories = categories_of(facts);
    const auto shared_ids = shared_ids_of(facts);
    out.reserve(out.size() + facts.containers.size() * Containers::controls().size());
    for (const Inspected& one : facts.containers)
        judge_one({params, *facts.host, one, categories, shared_ids}, out);
    return out;
}

Result<std::vector<Container>> list_containers(const host::Host& host) {
    if (!host.live())
        return fail(Code::unsupported, "not a running host");
    PLIMSOLL_TRY(auto found, survey(host));
    return std::move(found.containers);
}

std::vector<Finding> judge_containers_of(const host::Host& host, const Params& params,
                                         const std::vector<int>& pids, Time now) {
    if (!host.live())
        return {};
    auto found = survey(host, pids);
    Facts facts{.live = true};
    if (found)
        facts = inspect(host, *std::move(found));
    else
        facts.host = Failure(std::move(found).error());
    facts.all = false;
    return Containers::evaluate(params, {}, facts, now);
}

}  // namespace plimsoll::modules::containers
