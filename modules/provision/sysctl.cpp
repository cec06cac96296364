// SPDX-License-Identifier: Apache-2.0
// provision.sysctl: kernel settings, at boot and now.
#include "core/base/text.hpp"
#include "modules/provision/judge.hpp"

#include <algorithm>

namespace plimsoll::modules::provision {
namespace {

using policy::Evidence;
using policy::Finding;

bool one_line(std::string_view value) {
    return !trim(value).empty() && std::ranges::none_of(value, [](char c) {
        return (static_cast<unsigned char>(c) < 0x20 && c != '\t') || c == 0x7f;
    });
}

bool names_a_setting(const SysctlFacts& s) {
    return s.knob && s.key.find("..") == std::string::npos && printable(s.key) == s.key;
}

bool right_at_boot(const SysctlFacts& s, const std::string& wanted) {
    return s.at_boot->has_value() && (*s.at_boot)->value &&
           host::same_sysctl_value(trim(*(*s.at_boot)->value), wanted);
}

Evidence boot_evidence(const SysctlFacts& s, const std::string& wanted) {
    if (!s.at_boot->has_value())
        return {"/etc/sysctl.d", "not set", wanted};
    return {(*s.at_boot)->source(), printable((*s.at_boot)->value.value_or("left alone")), wanted};
}

Finding judge(const SysctlFacts& s, const std::string& wanted, const Facts& f) {
    if (!names_a_setting(s) || !one_line(wanted))
        return refuse(Control::sysctl, printable(s.key), "the policy names what is no kernel setting",
                      "correct it in the policy", {{"policy", printable(s.key + " = " + wanted), ""}});
    if (!s.at_boot)
        return unknown(Control::sysctl, s.key, s.at_boot.error());
    if (!s.live)
        return unknown(Control::sysctl, s.key, s.live.error());
    if (f.live && !s.live->has_value())
        return refuse(Control::sysctl, s.key, "this kernel has no such setting", "take it out of the policy",
                      {{*s.knob, "no such file", wanted}});
    std::vector<policy::Change> changes;
    std::vector<Evidence> evidence;
    if (!right_at_boot(s, wanted)) {
        evidence.push_back(boot_evidence(s, wanted));
        if (!s.drop_in)
            return refuse(Control::sysctl, s.key,
                          "another file sets the value, and is read after any of ours", "remove the line",
                          std::move(evidence));
        if (!s.ours)
            return unknown(Control::sysctl, s.key, s.ours.error());
        changes.emplace_back(write_file(*s.drop_in, host::sysctl_drop_in_content(s.key, wanted), *s.ours));
    }
    if (f.live && !host::same_sysctl_value(trim(**s.live), wanted)) {
        evidence.push_back({*s.knob, printable(trim(**s.live)), wanted});
        changes.emplace_back(policy::SetKnob{*s.knob, wanted});
    }
    if (changes.empty())
        return pass(Control::sysctl, s.key, "the value is " + printable(wanted));
    return repair(Control::sysctl, s.key, "the kernel setting is not as the policy states it",
                  "set it to " + wanted + (f.live ? ", now and at boot" : " at boot"), std::move(changes),
                  std::move(evidence));
}

}  // namespace

std::vector<Finding> judge_sysctl(const Context& c) {
    std::vector<Finding> out;
    for (const SysctlFacts& s : c.facts.sysctl)
        out.push_back(judge(s, c.wanted.sysctl.at(s.key), c.facts));
    return out;
}

}  // namespace plimsoll::modules::provision
