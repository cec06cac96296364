// SPDX-License-Identifier: Apache-2.0
// provision.delegation: cgroup controllers that users' service managers get.
#include "core/base/text.hpp"
#include "modules/provision/judge.hpp"

#include <algorithm>
#include <array>
#include <set>

namespace plimsoll::modules::provision {
namespace {

using policy::Evidence;
using policy::Finding;

constexpr std::string_view subject = "user@.service";

// systemd's src/core/load-fragment.c config_parse_delegate(): a list adds, an empty value or "no" takes all
// away, "yes" gives every controller.
struct Delegated {
    bool all{false};
    std::set<std::string, std::less<>> controllers;
    std::vector<std::string> sources;

    void apply(const host::UnitSetting& s) {
        static constexpr std::array<std::string_view, 6> yes{"1", "yes", "y", "true", "t", "on"};
        static constexpr std::array<std::string_view, 6> no{"0", "no", "n", "false", "f", "off"};
        const std::string_view value = trim(s.value);
        sources.push_back(s.source);
        if (std::ranges::find(yes, value) != yes.end()) {
            all = true;
        } else if (value.empty() || std::ranges::find(no, value) != no.end()) {
            all = false;
            controllers.clear();
        } else {
            all = false;
            for (const auto c : words(value))
                controllers.emplace(c);
        }
    }
};

bool well_formed(const std::string& controller) {
    return !controller.empty() && controller.size() <= 64 && std::ranges::all_of(controller, [](char ch) {
        return (ch >= 'a' && ch <= 'z') || (ch >= '0' && ch <= '9') || ch == '_' || ch == '-';
    });
}

std::string drop_in(const std::vector<std::string>& controllers) {
    return "# Managed by Plimsoll: edits are overwritten.\n[Service]\nDelegate=" + join(controllers, " ") +
           "\n";
}

Delegated effective(const Facts& f) {
    Delegated out;
    // An image without systemd has no unit; what our drop-in says is then all there will be.
    if (*f.user_unit)
        for (const host::UnitSetting& s : (*f.user_unit)->settings)
            if (s.section == "Service" && s.key == "Delegate")
                out.apply(s);
    return out;
}

std::vector<std::string> missing(const Delegated& d, const std::vector<std::string>& wanted) {
    std::vector<std::string> out;
    for (const auto& controller : wanted)
        if (!d.all && !d.controllers.contains(controller))
            out.push_back(controller);
    return out;
}

Finding judge(const Context& c) {
    const Facts& f = c.facts;
    const auto& wanted = c.wanted.delegate;
    if (!std::ranges::all_of(wanted, well_formed))
        return refuse(Control::delegation, std::string(subject), "the policy names what is no controller",
                      "correct the list in the policy", {{"policy", printable(join(wanted, " ")), ""}});
    if (!f.delegate_drop_in)
        return unknown(Control::delegation, std::string(subject), f.delegate_drop_in.error());
    if (!f.user_unit)
        return unknown(Control::delegation, std::string(subject), f.user_unit.error());
    const std::string content = drop_in(wanted);
    const bool written = *f.delegate_drop_in == content;
    const Delegated now = effective(f);
    const auto lacking = missing(now, wanted);
    if (lacking.empty() || (written && !*f.user_unit))
        return pass(Control::delegation, std::string(subject), "the controllers are delegated");
    const std::vector<Evidence> evidence{
        {now.sources.empty() ? std::string(delegate_path) : now.sources.back(), "lacks " + join(lacking, " "),
         "Delegate=" + join(wanted, " ")}};
    if (written)
        return refuse(Control::delegation, std::string(subject), "another drop-in takes the controllers away",
                      "remove the later Delegate= setting", evidence);
    std::vector<policy::Change> changes{write_file(std::string(delegate_path), content, *f.delegate_drop_in)};
    if (f.systemd_runs)
        changes.emplace_back(policy::UnitAction{});
    return repair(Control::delegation, std::string(subject), "controllers are not delegated to users",
                  "write a drop-in for user@.service", std::move(changes), evidence);
}

}  // namespace

std::vector<Finding> judge_delegation(const Context& c) {
    if (c.wanted.delegate.empty())
        return {};
    return {judge(c)};
}

}  // namespace plimsoll::modules::provision
