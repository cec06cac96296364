// SPDX-License-Identifier: Apache-2.0
#include "agentctl/render/catalogue.hpp"

#include "agentctl/render/report.hpp"
#include "core/base/json.hpp"
#include "core/base/text.hpp"

#include <array>
#include <limits>

namespace plimsoll::agentctl::render {
namespace {

using policy::ControlInfo;
using policy::ParamSpec;

constexpr std::array<std::string_view, 4> type_names{"boolean", "integer", "string", "list of strings"};

std::string_view type_of(const ParamSpec& p) {
    return type_names[static_cast<std::size_t>(p.type)];
}

// "1 to 4294967295", "one of a, b"; empty when anything goes.
std::string limits_of(const ParamSpec& p) {
    if (!p.choices.empty())
        return "one of " + join({p.choices.begin(), p.choices.end()}, ", ");
    const bool low = p.min != std::numeric_limits<std::int64_t>::min();
    const bool high = p.max != std::numeric_limits<std::int64_t>::max();
    if (low && high)
        return std::to_string(p.min) + " to " + std::to_string(p.max);
    if (low)
        return "at least " + std::to_string(p.min);
    return high ? "at most " + std::to_string(p.max) : "";
}

Value param_json(const ParamSpec& p) {
    Table out;
    out.set("key", p.key);
    out.set("type", type_of(p));
    out.set("default", p.fallback);
    out.set("strict", p.strict.is_null() ? p.fallback : p.strict);
    out.set("choices", string_array(p.choices));
    const bool low = p.min != std::numeric_limits<std::int64_t>::min();
    const bool high = p.max != std::numeric_limits<std::int64_t>::max();
    out.set("min", low ? Value(p.min) : Value());
    out.set("max", high ? Value(p.max) : Value());
    out.set("doc", p.doc);
    return out;
}

Table control_json(const ControlInfo& c, const std::vector<ParamSpec>& params) {
    Table fix;
    fix.set("class", policy::name_of(c.fix_class));
    fix.set("summary", c.fix);
    Array list;
    for (const auto& p : params)
        list.push_back(param_json(p));
    Table out;
    out.set("id", c.id);
    out.set("code", c.code);
    out.set("title", c.title);
    out.set("why", c.why);
    out.set("severity", policy::name_of(c.severity));
    out.set("fix", std::move(fix));
    out.set("references", string_array(c.references));
    out.set("parameters", std::move(list));
    return out;
}

const Value* value_in(const policy::Policy& policy, const ParamSpec& p) {
    const auto control = policy.params.find(p.control);
    if (control == policy.params.end())
        return nullptr;
    const auto value = control->second.find(std::string(p.key));
    return value == control->second.end() ? nullptr : &value->second;
}

std::string origin_in(const policy::Policy& policy, const std::string& key) {
    const auto it = policy.origins.find(key);
    return it == policy.origins.end() ? "default" : it->second;
}

std::string param_text(const ParamSpec& p, const policy::Policy* policy, const Style& style) {
    std::string out = hanging("  ", std::string(p.key) + " (" + std::string(type_of(p)) + ")", style.width);
    out += hanging("    ", p.doc, style.width);
    if (const auto limits = limits_of(p); !limits.empty())
        out += hanging("    allowed: ", limits, style.width);
    out += hanging("    default: ", safe(to_json(p.fallback)), style.width);
    if (!p.strict.is_null())
        out += hanging("    rootless-strict: ", safe(to_json(p.strict)), style.width);
    const Value* now = policy != nullptr ? value_in(*policy, p) : nullptr;
    if (now == nullptr)
        return out;
    const std::string key = "control." + std::string(p.control) + "." + std::string(p.key);
    return out +
           hanging("    now: ", safe(to_json(*now)) + "  from " + safe(origin_in(*policy, key)), style.width);
}

std::string mode_text(const Explanation& e, const Style& style) {
    if (e.policy == nullptr)
        return "";
    const auto it = e.policy->controls.find(e.control.id);
    if (it == e.policy->controls.end())
        return "";
    const std::string key = "control." + std::string(e.control.id) + ".mode";
    return hanging(
        "mode      ",
        std::string(policy::name_of(it->second.mode)) + "  from " + safe(origin_in(*e.policy, key)),
        style.width);
}

std::string concern_of(const ControlInfo& c) {
    return std::string(c.id.substr(0, c.id.find('.')));
}

std::string cell(std::string_view s) {
    std::string out;
    for (const char c : s)
        out += c == '|' ? std::string("\\|") : std::string(1, c);
    return out;
}

std::string markdown_index(const policy::Catalogue& catalogue) {
    std::string out = "| code | control | severity | fix | title |\n|---|---|---|---|---|\n";
    for (const auto* c : catalogue.controls) {
        std::string anchor(c->id);
        std::erase(anchor, '.');
        out += "| " + std::string(c->code) + " | [" + std::string(c->id) + "](#" + anchor + ") | " +
               std::string(policy::name_of(c->severity)) + " | " +
               std::string(policy::name_of(c->fix_class)) + " | " + cell(c->title) + " |\n";
    }
    return out;
}

std::string markdown_params(const std::vector<ParamSpec>& params) {
    if (params.empty())
        return "";
    std::string out =
        "\nParameters:\n\n| key | type | default | rootless-strict | allowed | meaning "
        "|\n|---|---|---|---|---|---|\n";
    for (const auto& p : params)
        out += "| `" + std::string(p.key) + "` | " + std::string(type_of(p)) + " | `" +
               cell(to_json(p.fallback)) + "` | `" +
               cell(to_json(p.strict.is_null() ? p.fallback : p.strict)) + "` | " + cell(limits_of(p)) +
               " | " + cell(p.doc) + " |\n";
    return out;
}

std::string markdown_section(const ControlInfo& c, const std::vector<ParamSpec>& params) {
    std::string out = "\n### " + std::string(c.id) + "\n\n**" + std::string(c.title) + ".** " +
                      std::string(c.why) + "\n\nCode " + std::string(c.code) + ", severity " +
                      std::string(policy::name_of(c.severity)) + ", fix class " +
                      std::string(policy::name_of(c.fix_class)) + ".\n\nFix: " + std::string(c.fix) + "\n";
    out += markdown_params(params);
    if (!c.references.empty())
        out += "\nSee: " + join({c.references.begin(), c.references.end()}, "; ") + "\n";
    return out;
}

}  // namespace

std::vector<ParamSpec> params_of(const policy::Catalogue& catalogue, std::string_view control) {
    std::vector<ParamSpec> out;
    for (const auto& p : catalogue.params)
        if (p.control == control)
            out.push_back(p);
    return out;
}

Value controls_json(const policy::Catalogue& catalogue) {
    Array list;
    for (const auto* c : catalogue.controls)
        list.emplace_back(control_json(*c, params_of(catalogue, c->id)));
    Table out;
    out.set("schema", "plimsoll.controls/1");
    out.set("controls", std::move(list));
    return out;
}

std::string controls_table(const policy::Catalogue& catalogue, const Style& style) {
    std::string out;
    std::string concern;
    for (const auto* c : catalogue.controls) {
        if (concern_of(*c) != concern)
            out += (out.empty() ? "" : "\n") + paint(style, Ink::bold, concern_of(*c)) + "\n";
        concern = concern_of(*c);
        out += hanging("  ",
                       pad(c->code, 4) + " " + std::string(c->id) + "  " +
                           std::string(policy::name_of(c->severity)) + ", " +
                           std::string(policy::name_of(c->fix_class)),
                       style.width);
        out += hanging("       ", c->title, style.width);
    }
    return out + "\n" + std::to_string(catalogue.controls.size()) +
           " controls. Next: agentctl explain CONTROL\n";
}

std::string controls_markdown(const policy::Catalogue& catalogue) {
    std::string out =
        "<!-- SPDX-License-Identifier: Apache-2.0 -->\n"
        "<!-- Generated by `agentctl controls --format markdown`; edit the descriptions in modules/ instead. "
        "-->\n"
        "# Controls\n\n"
        "Every control, what it protects from, what its fix costs and how the policy tunes it.\n"
        "The class of a fix: *live* needs no restart and is reversible; *service-restart*, "
        "*containers-stopped* and\n"
        "*reboot* are carried out only when `apply --allow` names them; *never-automatic* is left to a "
        "person.\n\n";
    out += markdown_index(catalogue);
    std::string concern;
    for (const auto* c : catalogue.controls) {
        if (concern_of(*c) != concern)
            out += "\n## " + concern_of(*c) + "\n";
        concern = concern_of(*c);
        out += markdown_section(*c, params_of(catalogue, c->id));
    }
    return out;
}

Value explain_json(const Explanation& e) {
    Table out;
    out.set("schema", "plimsoll.control/1");
    for (const auto& member : control_json(e.control, e.params))
        out.append(member);
    Value in_force;
    const auto it =
        e.policy != nullptr ? e.policy->controls.find(e.control.id) : decltype(e.policy->controls.end()){};
    if (e.policy != nullptr && it != e.policy->controls.end()) {
        Table values;
        for (const auto& p : e.params)
            if (const Value* v = value_in(*e.policy, p); v != nullptr)
                values.set(std::string(p.key), *v);
        Table policy_part;
        policy_part.set("mode", policy::name_of(it->second.mode));
        policy_part.set("severity", policy::name_of(it->second.severity.value_or(e.control.severity)));
        policy_part.set("parameters", std::move(values));
        in_force = std::move(policy_part);
    }
    out.set("policy", std::move(in_force));
    return out;
}

std::string explain_table(const Explanation& e, const Style& style) {
    const ControlInfo& c = e.control;
    std::string out = hanging(
        "", std::string(c.id) + " (" + std::string(c.code) + "): " + std::string(c.title), style.width);
    out += "\n" + hanging("", c.why, style.width) + "\n";
    out += "severity  " + std::string(policy::name_of(c.severity)) + "\n" + mode_text(e, style);
    out += "fix class " + std::string(policy::name_of(c.fix_class)) + "\n" +
           hanging("fix       ", c.fix, style.width);
    if (!e.params.empty())
        out += "\nParameters\n";
    for (const auto& p : e.params)
        out += param_text(p, e.policy, style);
    out += "\nIn a policy file, /etc/plimsoll/policy.d/NAME.toml\n  [control.\"" + std::string(c.id) +
           "\"]\n  mode = \"enforce\"\n";
    for (const auto& p : e.params)
        out += hanging("  ", std::string(p.key) + " = " + safe(to_json(p.fallback)), style.width);
    if (!c.references.empty())
        out += "\nRead more\n";
    for (const auto ref : c.references)
        out += hanging("  ", ref, style.width);
    return out;
}

}  // namespace plimsoll::agentctl::render
