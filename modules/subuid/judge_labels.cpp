// SPDX-License-Identifier: Apache-2.0
// The part of A13 that concerns SELinux.
#include "core/base/text.hpp"
#include "modules/subuid/judge.hpp"

namespace plimsoll::modules::subuid {

using policy::Evidence;

namespace {

void judge_label(const Context& c, const std::string& path, const std::string& label, Verdict& v) {
    const auto known = c.facts.labels->names.find(path);
    if (known == c.facts.labels->names.end())
        return v.unknown(path + " label", "the labels of " + path + " were not looked up");
    const auto& name = known->second;
    if (!name)
        return v.unknown(path + " label", name.error().message);
    const auto rule = label_rule_for(*c.facts.labels->rules, name->name);
    if (!rule)
        return v.unknown(path + " label", rule.error().message);
    if (!*rule || (*rule)->context == "<<none>>")
        return;
    const std::string wanted(type_of_label((*rule)->context));
    if (wanted.empty())
        return v.unknown(path + " label",
                         (*rule)->source + ": '" + printable((*rule)->context, 80) + "' is no label");
    // As restorecon(8) does without -F: user, role and range may differ.
    if (type_of_label(label) == wanted)
        return;
    std::vector<Evidence> evidence{
        {path, label.empty() ? "no label" : printable(label, 120), printable((*rule)->context, 120)},
        {(*rule)->source, printable((*rule)->pattern, 120), ""}};
    for (const Substitution& s : name->by)
        evidence.push_back(
            {s.source, printable(s.alias, 80) + " has the labels of " + printable(s.original, 80), ""});
    v.fail(path + " label", path + " does not have the SELinux label that the policy gives it",
           std::move(evidence),
           by_hand("restore the label with `restorecon -v " + path +
                   "`, and find out what replaced the file without keeping it"));
}

}  // namespace

void judge_labels(const Context& c, Verdict& v) {
    const auto& labels = c.facts.labels;
    if (!labels)
        return v.unknown("SELinux", labels.error().message);
    if (!labels->in_use)
        return;
    if (!labels->rules)
        return v.unknown("SELinux", labels->rules.error().message);
    if (!c.facts.live && !c.facts.tree_labelled)
        return v.unknown("SELinux",
                         "the files of this tree carry no labels; they get them where it is deployed");
    for (const auto& [path, label] : c.facts.file_labels) {
        if (label)
            judge_label(c, path, *label, v);
        else
            v.unknown(path + " label", label.error().message);
    }
}

}  // namespace plimsoll::modules::subuid
