// SPDX-License-Identifier: Apache-2.0
// Verdicts on kernel settings: B08, B09, B13, B14.
#include "core/base/digest.hpp"
#include "core/base/text.hpp"
#include "modules/rootless/environment_judge.hpp"

#include <algorithm>

namespace plimsoll::modules::rootless {
namespace {

using policy::Change;
using policy::Evidence;
using policy::Finding;
using policy::Fix;
using policy::FixClass;
using policy::Status;

std::optional<std::uint64_t> number(const std::string& s) {
    return parse_u64(trim(s));
}

const Knob& knob(const EnvironmentCase& c, std::string_view key) {
    static const Knob none{.live = std::optional<std::string>(), .boot = std::optional<host::SysctlLine>()};
    const auto found = c.facts.knobs.find(key);
    return found != c.facts.knobs.end() ? found->second : none;
}

// What will be there after the next boot; nullopt: the kernel's default, of which nothing bad is known.
std::optional<std::string> value_at_boot(const Knob& k, const Demand& d) {
    if (*k.boot && (*k.boot)->value)
        return (*k.boot)->value;
    return d.kernel_default.empty() ? std::nullopt : std::optional(d.kernel_default);
}

std::string boot_source(const Knob& k) {
    return *k.boot ? (*k.boot)->source() : "the kernel's default";
}

struct State {
    bool live_wrong{false};
    bool boot_wrong{false};
    std::vector<Evidence> evidence{};
};

State state_of(const Knob& k, const Demand& d) {
    State out;
    if (*k.live) {
        out.live_wrong = !d.satisfied(**k.live);
        out.evidence.push_back({*host::sysctl_knob(d.key), printable(**k.live), d.expected});
    }
    if (const auto value = value_at_boot(k, d)) {
        out.boot_wrong = !d.satisfied(*value);
        out.evidence.push_back({boot_source(k), d.key + " = " + printable(*value), d.expected});
    }
    return out;
}

std::string message_of(const State& s, const Demand& d) {
    if (s.live_wrong && s.boot_wrong)
        return d.key + " is not what it must be, now and after the next boot";
    return s.live_wrong ? d.key + " is not what it must be in the running kernel"
                        : d.key + " will not be what it must be after the next boot";
}

Fix fix_of(const EnvironmentCase& c, const Knob& k, const Demand& d, const State& s) {
    std::string value = d.wanted;
    if (const auto ours = c.provision.sysctl.find(d.key); ours != c.provision.sysctl.end()) {
        if (!d.satisfied(ours->second))
            return {FixClass::never_automatic,
                    "the policy contradicts itself: [provision] sets " + d.key + " to " +
                        printable(ours->second) + ", this control wants " + d.expected,
                    {}};
        value = ours->second;
    }
    Fix fix{FixClass::live, "set " + d.key + " to " + value, {}};
    if (s.boot_wrong) {
        const auto path = host::sysctl_drop_in_path(d.key, *k.boot);
        if (!path || !k.drop_in_readable)
            return {FixClass::never_automatic,
                    "correct " + boot_source(k) + ": it is read after every file of ours",
                    {}};
        fix.changes.emplace_back(policy::WriteFile{.path = *path,
                                                   .content = host::sysctl_drop_in_content(d.key, value),
                                                   .expect = k.drop_in_text ? sha256(*k.drop_in_text) : ""});
    }
    if (s.live_wrong)
        fix.changes.emplace_back(policy::SetKnob{*host::sysctl_knob(d.key), value});
    return fix;
}

Finding not_applicable(Rule rule, std::string subject, std::string why) {
    return make_finding(info(rule), Status::not_applicable, std::move(subject), std::move(why));
}

// The knobs that limit user namespaces to confined programs; "1" is on.
constexpr std::string_view restrict_userns = "kernel.apparmor_restrict_unprivileged_userns";
constexpr std::string_view restrict_unconfined = "kernel.apparmor_restrict_unprivileged_unconfined";

bool on(const Knob& k) {
    const auto is_on = [](const std::string& v) { return trim(v) != "0"; };
    if (*k.live)
        return is_on(**k.live);
    return *k.boot && (*k.boot)->value && is_on(*(*k.boot)->value);
}

// On beyond doubt, now and after the next boot.
bool stays_on(const Knob& k) {
    const auto is_one = [](const std::string& v) { return trim(v) == "1"; };
    const bool set = *k.boot && (*k.boot)->value;
    return (*k.live ? is_one(**k.live) : set) && (!set || is_one(*(*k.boot)->value));
}

// nullopt: AppArmor does not stand in the way, or lets the engines through.
std::optional<Finding> judge_apparmor(const EnvironmentCase& c) {
    const Knob& k = knob(c, restrict_userns);
    if (!k.live || !k.boot)
        return unknown(Rule::available, std::string(restrict_userns),
                       k.live ? k.boot.error() : k.live.error());
    if (!on(k))
        return std::nullopt;
    if (!c.facts.apparmor_profiles)
        return unknown(Rule::available, "apparmor", c.facts.apparmor_profiles.error());
    if (!c.facts.apparmor_profiles->empty())
        return make_finding(info(Rule::available), Status::pass, "apparmor",
                            "AppArmor restricts user namespaces, and engines have a profile that grants them",
                            {{c.facts.apparmor_profiles->front(), "userns", "a profile for the engines"}});
    return by_hand(Rule::available, "apparmor",
                   "AppArmor restricts user namespaces and no profile grants them to an engine",
                   "install AppArmor profiles with `userns,` for podman or rootlesskit",
                   {{*host::sysctl_knob(restrict_userns), "1", "profiles in /etc/apparmor.d, or 0"}});
}

}  // namespace

Finding unknown(Rule rule, std::string subject, const Error& why) {
    return make_finding(info(rule), Status::unknown, std::move(subject), printable(why.message, 400));
}

Finding by_hand(Rule rule, std::string subject, std::string message, std::string what_to_do,
                std::vector<Evidence> evidence) {
    Finding f =
        make_finding(info(rule), Status::fail, std::move(subject), std::move(message), std::move(evidence));
    f.fix = Fix{FixClass::never_automatic, std::move(what_to_do), {}};
    return f;
}

Finding judge_knob(const EnvironmentCase& c, Rule rule, const Demand& demand, const std::string& good) {
    const Knob& k = knob(c, demand.key);
    if (!k.live)
        return unknown(rule, demand.key, k.live.error());
    if (!k.boot)
        return unknown(rule, demand.key, k.boot.error());
    const State s = state_of(k, demand);
    if (!s.live_wrong && !s.boot_wrong)
        return make_finding(info(rule), Status::pass, demand.key, good, s.evidence);
    Finding f = make_finding(info(rule), Status::fail, demand.key, message_of(s, demand), s.evidence);
    f.fix = fix_of(c, k, demand, s);
    return f;
}

Findings judge_available(const EnvironmentCase& c) {
    if (c.facts.kernel_without_userns)
        return {
            by_hand(Rule::available, "kernel", "the kernel was built without user namespaces",
                    "boot a kernel with CONFIG_USER_NS",
                    {{*c.facts.kernel_without_userns, "# CONFIG_USER_NS is not set", "CONFIG_USER_NS=y"}})};
    Findings out;
    const Knob& limit = knob(c, "user.max_user_namespaces");
    if (c.facts.live && limit.live && !*limit.live)
        out.push_back(by_hand(Rule::available, "kernel", "the running kernel has no user namespaces",
                              "boot a kernel with CONFIG_USER_NS",
                              {{"/proc/sys/user/max_user_namespaces", "no such file", "a limit above 0"}}));
    else
        out.push_back(
            judge_knob(c, Rule::available,
                       {.key = "user.max_user_namespaces",
                        .satisfied =
                            [&](const std::string& v) {
                                const auto n = number(v);
                                return n && *n >= static_cast<std::uint64_t>(c.params.min_namespaces);
                            },
                        .wanted = std::to_string(std::max<std::int64_t>(c.params.min_namespaces, 28633)),
                        .expected = "at least " + std::to_string(c.params.min_namespaces)},
                       "the kernel allows enough user namespaces"));
    // The knob exists in kernels with Debian's patch only. Without a file that sets it, it is 1 there.
    const Knob& clone = knob(c, "kernel.unprivileged_userns_clone");
    const bool no_clone_knob = c.facts.live && clone.live && !*clone.live;
    if (!no_clone_knob && (!clone.live || !clone.boot || *clone.live || *clone.boot))
        out.push_back(judge_knob(c, Rule::available,
                                 {.key = "kernel.unprivileged_userns_clone",
                                  .satisfied = [](const std::string& v) { return number(v) == 1U; },
                                  .wanted = "1",
                                  .expected = "1"},
                                 "users without privilege may make user namespaces"));
    if (auto f = judge_apparmor(c))
        out.push_back(*std::move(f));
    return out;
}

Findings judge_scope(const EnvironmentCase& c) {
    const Knob& userns = knob(c, restrict_userns);
    const Knob& unconfined = knob(c, restrict_unconfined);
    for (const Knob* k : {&userns, &unconfined}) {
        if (!k->live)
            return {unknown(Rule::scope, "host", k->live.error())};
        if (!k->boot)
            return {unknown(Rule::scope, "host", k->boot.error())};
    }
    if (c.facts.live && !*userns.live)
        return {not_applicable(Rule::scope, "host", "this kernel cannot limit user namespaces by program")};
    if (!c.facts.live && !*userns.boot)
        return {not_applicable(Rule::scope, "host", "not a running host, and no sysctl.d file sets it")};
    if (stays_on(userns) && stays_on(unconfined))
        return {make_finding(info(Rule::scope), Status::pass, "host",
                             "only programs with an AppArmor profile get user namespaces")};
    if (!c.params.scope_limit)
        return {make_finding(info(Rule::scope), Status::pass, "host", "the policy does not ask for a limit")};
    const std::string_view lacking = stays_on(userns) ? restrict_unconfined : restrict_userns;
    return {by_hand(Rule::scope, "host", "every user and program can make user namespaces",
                    "load AppArmor profiles for the engines, then set " + std::string(restrict_userns) +
                        " and " + std::string(restrict_unconfined) + " to 1",
                    {{*host::sysctl_knob(lacking), "not 1, now or after the next boot", "1"}})};
}

Findings judge_low_ports(const EnvironmentCase& c) {
    const std::int64_t lowest = c.params.lowest_port;
    const std::int64_t needed = c.params.needed_port;
    const std::string key = "net.ipv4.ip_unprivileged_port_start";
    if (needed != 0 && needed < lowest)
        return {by_hand(
            Rule::low_ports, key, "the policy contradicts itself", "let `lowest` be at most `needed`",
            {{"policy", "needed = " + std::to_string(needed), "lowest = " + std::to_string(lowest)}})};
    const Knob& k = knob(c, key);
    if (c.facts.live && k.live && !*k.live)
        return {not_applicable(Rule::low_ports, key, "this kernel has no such setting")};
    const std::string upper = needed != 0 ? " and at most " + std::to_string(needed) : "";
    return {judge_knob(c, Rule::low_ports,
                       {.key = key,
                        .satisfied =
                            [=](const std::string& v) {
                                const auto n = number(v);
                                return n && *n >= static_cast<std::uint64_t>(lowest) &&
                                       (needed == 0 || *n <= static_cast<std::uint64_t>(needed));
                            },
                        .wanted = std::to_string(needed != 0 ? needed : lowest),
                        .expected = "at least " + std::to_string(lowest) + upper,
                        .kernel_default = "1024"},
                       "low ports are as open as the policy says")};
}

Findings judge_ping_range(const EnvironmentCase& c) {
    const std::string key = "net.ipv4.ping_group_range";
    const Knob& k = knob(c, key);
    if (c.facts.live && k.live && !*k.live)
        return {not_applicable(Rule::ping_range, key, "this kernel has no such setting")};
    const std::string range = c.params.ping_range;
    const auto bounds = words(range);
    if (!range.empty() && (bounds.size() != 2 || !parse_u64(bounds[0]) || !parse_u64(bounds[1])))
        return {by_hand(Rule::ping_range, key, "the policy's range is not \"LOW HIGH\"", "correct the policy",
                        {{"policy", printable(range), "two numbers"}})};
    return {judge_knob(
        c, Rule::ping_range,
        {.key = key,
         .satisfied =
             [=](const std::string& v) { return range.empty() || host::same_sysctl_value(v, range); },
         .wanted = range,
         .expected = range.empty() ? "anything" : range,
         .kernel_default = "1 0"},
        range.empty() ? "the policy does not ask for a range" : "the range is as the policy says")};
}

}  // namespace plimsoll::modules::rootless
