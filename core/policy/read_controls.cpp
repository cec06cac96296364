// SPDX-License-Identifier: Apache-2.0
// [control."…"] of a policy file.
#include "core/policy/merge.hpp"

#include <algorithm>

namespace plimsoll::policy {
namespace {

std::vector<std::string> control_ids(const Catalogue& catalogue) {
    std::vector<std::string> out;
    for (const ControlInfo* c : catalogue.controls)
        out.emplace_back(c->id);
    return out;
}

const ParamSpec* find_param(const Catalogue& catalogue, std::string_view control, std::string_view key) {
    const auto it = std::ranges::find_if(
        catalogue.params, [&](const ParamSpec& p) { return p.control == control && p.key == key; });
    return it == catalogue.params.end() ? nullptr : &*it;
}

std::vector<std::string> keys_of(const Catalogue& catalogue, std::string_view control) {
    std::vector<std::string> out{"mode", "severity", "required"};
    for (const ParamSpec& p : catalogue.params)
        if (p.control == control)
            out.emplace_back(p.key);
    return out;
}

// [control.subuid.min-size] is TOML for a table "min-size" within "subuid": the id that was meant, if so.
std::optional<std::string> nested_id(const Member& m, const Catalogue& catalogue) {
    const std::string prefix = m.key + ".";
    const Table* inner = m.value.table();
    const auto begins = [&](const ControlInfo* c) { return c->id.starts_with(prefix); };
    const auto first = std::ranges::find_if(catalogue.controls, begins);
    if (inner == nullptr || first == catalogue.controls.end())
        return std::nullopt;
    for (const Member& child : *inner)
        if (catalogue.find(prefix + child.key) != nullptr)
            return prefix + child.key;
    return std::string((*first)->id);
}

void unknown_control(const Member& m, const Reader& reader, const Catalogue& catalogue) {
    if (const auto id = nested_id(m, catalogue))
        reader.problems().add(reader.key_place(m),
                              "\"" + m.key + "\" is not a control: a control's id contains a dot",
                              "the id in quotes: [control.\"" + *id + "\"]");
    else
        reader.problems().add_unknown(reader.key_place(m), "control", m.key, control_ids(catalogue));
}

bool check_list(const ParamSpec& spec, const Value& v, const Reader& reader) {
    const Array* list = v.array();
    const auto choices = strings_of(spec.choices);
    const std::string expected =
        choices.empty() ? "an array of strings" : "an array of strings out of " + one_of(choices);
    if (list == nullptr) {
        reader.wrong_type(v, spec.key, expected);
        return false;
    }
    bool good = true;
    for (const Value& e : *list)
        good &= choices.empty() ? reader.text(e, spec.key, expected).has_value()
                                : reader.choice(e, spec.key, choices).has_value();
    return good;
}

bool check_param(const ParamSpec& spec, const Value& v, const Reader& reader) {
    switch (spec.type) {
        case ParamType::boolean:
            return reader.boolean(v, spec.key).has_value();
        case ParamType::integer:
            return reader.integer(v, spec.key, spec.min, spec.max).has_value();
        case ParamType::string:
            return spec.choices.empty() ? reader.text(v, spec.key).has_value()
                                        : reader.choice(v, spec.key, strings_of(spec.choices)).has_value();
        case ParamType::string_list:
            return check_list(spec, v, reader);
    }
    return false;
}

bool check_setting(const Member& m, std::string_view control, const Reader& reader,
                   const Catalogue& catalogue) {
    if (m.key == "mode")
        return reader.choice(m.value, m.key, strings_of(mode_names)).has_value();
    if (m.key == "severity")
        return reader.choice(m.value, m.key, strings_of(severity_names)).has_value();
    if (m.key == "required")
        return reader.boolean(m.value, m.key).has_value();
    if (const ParamSpec* spec = find_param(catalogue, control, m.key))
        return check_param(*spec, m.value, reader);
    reader.unknown_key(m, "control \"" + std::string(control) + "\"", keys_of(catalogue, control));
    return false;
}

}  // namespace

void read_controls(const Value& section, const Reader& reader, const Catalogue& catalogue, Merged& into) {
    const Table* controls = reader.table(section, "control");
    if (controls == nullptr)
        return;
    for (const Member& m : *controls) {
        const ControlInfo* control = catalogue.find(m.key);
        if (control == nullptr) {
            unknown_control(m, reader, catalogue);
            continue;
        }
        const Table* settings = reader.table(m.value, m.key);
        if (settings == nullptr)
            continue;
        for (const Member& s : *settings)
            if (check_setting(s, control->id, reader, catalogue))
                into.controls[m.key].insert_or_assign(s.key, Placed<Value>{s.value, reader.key_place(s)});
    }
}

}  // namespace plimsoll::policy
