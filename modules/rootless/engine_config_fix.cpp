// SPDX-License-Identifier: Apache-2.0
// The findings of containers.conf.baseline and the drop-in that repairs what can be repaired from /etc.
#include "core/base/digest.hpp"
#include "core/base/text.hpp"
#include "core/base/toml.hpp"
#include "modules/rootless/engine_config_judge.hpp"

#include <algorithm>

namespace plimsoll::modules::rootless {
namespace {

using policy::Finding;
using policy::Fix;
using policy::FixClass;
using policy::Provision;
using policy::Status;

const char* const drop_in = "/etc/containers/containers.conf.d/90-plimsoll-baseline.conf";

Defects layered_defects(const EngineConfigParams& params, const EngineConfigFacts& facts,
                        const ConfFiles& files, const ConfOwner& owner) {
    return in_every_layering(facts.podman, [&](Layering layering) {
        return baseline_defects(params, facts, owner, merge_config(files, "containers", layering, owner));
    });
}

// The drop-in's whole content: what it repairs already and what it has to repair now, for every owner, so
// that it is the same whichever finding asks for it.
std::string drop_in_content(const EngineConfigFacts& facts, const std::vector<Defects>& all) {
    std::map<std::string, Value> repairs;
    if (const auto mine = facts.containers.files.find(drop_in); mine != facts.containers.files.end()) {
        const Effective kept =
            merge_config({{{drop_in, mine->second}}, {}}, "containers", Layering::merged, {"root", 0, ""});
        for (const KnownKey& k : known_keys())
            if (const ConfSetting* s = kept.find(k.key); s != nullptr && type_problem(k, *s).empty())
                repairs.insert_or_assign(std::string(k.key), s->value);
    }
    for (const Defects& defects : all)
        for (const Defect& d : defects)
            if (d.repair)
                repairs.insert_or_assign(d.key, *d.repair);
    Table document;
    for (const auto& [key, value] : repairs) {
        const std::string section = key.substr(0, key.find('.'));
        Value* table = document.find(section);
        if (table == nullptr)
            table = &document.set(section, Value(Table{}));
        table->table()->set(key.substr(section.size() + 1), value);
    }
    return "# Managed by Plimsoll for containers.conf.baseline: edits are overwritten.\n" + to_toml(document);
}

// What stays wrong after the drop-in is written, in words that tell where to go.
std::string by_hand(const Defects& left) {
    std::vector<std::string> places;
    for (const Defect& d : left)
        if (!d.unknown && std::ranges::find(places, d.source) == places.end())
            places.push_back(d.source);
    return "correct " + (places.empty() ? "what is listed" : printable(join(places, ", "))) +
           " by hand: no drop-in below /etc can overrule it, or the right value is not ours to know";
}

Fix baseline_fix(const EngineConfigParams& params, const EngineConfigFacts& facts, const ConfOwner& owner,
                 const Defects& mirrors, const std::string& content) {
    const ConfFiles after = with_file(facts.containers, drop_in, content);
    Defects left = layered_defects(params, facts, after, owner);
    left.insert(left.end(), mirrors.begin(), mirrors.end());
    if (!left.empty())
        return {FixClass::never_automatic, by_hand(left), {}};
    const auto now = facts.containers.files.find(drop_in);
    return {FixClass::live,
            std::string("write ") + drop_in + "; containers created from then on follow it",
            {policy::WriteFile{
                .path = drop_in,
                .content = content,
                .expect = now != facts.containers.files.end() ? sha256(now->second.text) : std::string()}}};
}

// A value that the policy's own [provision] demands is not repaired: the policy contradicts itself.
void keep_to_policy(const Provision& provision, Defects& defects) {
    for (Defect& d : defects) {
        const auto dot = d.key.find('.');
        if (!d.repair || !provision.containers_conf || dot == std::string::npos)
            continue;
        const Value* section = provision.containers_conf->find(d.key.substr(0, dot));
        if (section != nullptr && section->at(d.key.substr(dot + 1)) != nullptr) {
            d.repair.reset();
            d.expected += " ([provision] of the policy says otherwise)";
        }
    }
}

Finding baseline_finding(const ConfOwner& owner, const Defects& defects) {
    const policy::ControlInfo& control = baseline_control();
    const Status status = status_of(defects);
    if (status == Status::pass)
        return make_finding(control, status, owner.name,
                            "defaults of new containers are inside the baseline");
    const Defect& worst = *std::ranges::max_element(
        defects, {}, [](const Defect& d) { return std::pair{!d.unknown, d.severity}; });
    Finding f =
        make_finding(control, status, owner.name,
                     worst.unknown ? worst.found : worst.key + " at " + worst.source + ": " + worst.found,
                     evidence_of(defects));
    f.severity = worst.severity;
    return f;
}

}  // namespace

std::vector<Finding> judge_baseline(const EngineConfigParams& params, const Provision& provision,
                                    const EngineConfigFacts& facts) {
    const auto owners = owners_of(facts);
    std::vector<Defects> all;
    for (const ConfOwner& owner : owners) {
        all.push_back(layered_defects(params, facts, facts.containers, owner));
        keep_to_policy(provision, all.back());
    }
    const std::string content = drop_in_content(facts, all);
    std::vector<Finding> out;
    if (!facts.users)
        out.push_back(make_finding(baseline_control(), Status::unknown, "users",
                                   "who runs podman is not known: " + facts.users.error().message));
    for (std::size_t i = 0; i < owners.size(); ++i) {
        const Defects mirrors = mirror_defects(params, facts, owners[i]);
        Defects defects = all[i];
        defects.insert(defects.end(), mirrors.begin(), mirrors.end());
        Finding f = baseline_finding(owners[i], defects);
        if (f.status == Status::fail)
            f.fix = baseline_fix(params, facts, owners[i], mirrors, content);
        out.push_back(std::move(f));
    }
    return out;
}

}  // namespace plimsoll::modules::rootless
