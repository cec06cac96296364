// SPDX-License-Identifier: Apache-2.0
// provision.delegation: cgroup controllers that users' service managers get.
#include "core/base/text.hpp"
#include "core/host/delegated_controllers.hpp"
#include "modules/provision/judge.hpp"

#include <algorithm>

namespace plimsoll::modules::provision {
namespace {

using policy::Evidence;
using policy::Finding;

constexpr std::string_view subject = "user@.service";

bool well_formed(const std::string& controller) {
    return !controller.empty() && controller.size() <= 64 && std::ranges::all_of(controller, [](char ch) {
        return (ch >= 'a' && ch <= 'z') || (ch >= '0' && ch <= '9') || ch == '_' || ch == '-';
    });
}

std::string drop_in(const std::vector<std::string>& controllers) {
    return "# Managed by Plimsoll: edits are overwritten.\n[Service]\nDelegate=" + join(controllers, " ") +
           "\n";
}

host::DelegatedControllers effective(const Facts& f) {
    // An image without systemd has no unit; what our drop-in says is then all there will be.
    return *f.user_unit ? host::delegated_controllers(**f.user_unit) : host::DelegatedControllers{};
}

std::vector<Evidence> disabled(const Context& c) {
    std::vector<Evidence> out;
    for (const auto& name : c.wanted.delegate)
        if (const auto found = c.facts.disabled_controllers.by_name.find(name);
            found != c.facts.disabled_controllers.by_name.end())
            out.push_back({printable(found->second), "DisableControllers= has " + name, name + " not there"});
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
    if (auto taken = disabled(c); !taken.empty()) {
        const std::string place = taken.front().source;
        return refuse(Control::delegation, std::string(subject),
                      "controllers are disabled for users, so that they cannot be delegated",
                      "take them out of DisableControllers= in " + place, std::move(taken));
    }
    if (const auto& problems = f.disabled_controllers.problems; !problems.empty())
        return unknown(Control::delegation, std::string(subject), problems.front());
    const std::string content = drop_in(wanted);
    const bool written = *f.delegate_drop_in == content;
    const auto now = effective(f);
    const auto lacking = now.lacking(wanted);
    if (lacking.empty() || (written && !*f.user_unit))
        return pass(Control::delegation, std::string(subject), "the controllers are delegated");
    const std::vector<Evidence> evidence{{now.source.empty() ? std::string(delegate_path) : now.source,
                                          "lacks " + join(lacking, " "), "Delegate=" + join(wanted, " ")}};
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
