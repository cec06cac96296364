// SPDX-License-Identifier: Apache-2.0
// JSON Schema (draft 2020-12) of a policy file.
#include "core/policy/merge.hpp"

#include <initializer_list>

namespace plimsoll::policy {
namespace {

using Members = std::initializer_list<std::pair<const char*, Value>>;

Table object(Members members) {
    Table out;
    for (const auto& [key, value] : members)
        out.append({key, value, {}});
    return out;
}

template <class Names>
Value names(const Names& list) {
    return strings_of(list);
}

// An object with exactly these properties, and others only where nothing says what they are.
Table closed(std::string_view description, Table properties, const std::vector<std::string>& required = {}) {
    Table out = object({{"type", "object"}, {"description", description}});
    out.append({"properties", std::move(properties), {}});
    if (!required.empty())
        out.append({"required", required, {}});
    out.append({"additionalProperties", false, {}});
    return out;
}

// Control characters are refused in every text; a blank one where it must tell something.
constexpr const char* line_pattern = "^[^\\u0000-\\u001f\\u007f]*$";
constexpr const char* filled_pattern =
    "^[^\\u0000-\\u001f\\u007f]*[^\\u0000-\\u0020\\u007f][^\\u0000-\\u001f\\u007f]*$";

Table string_schema(const std::vector<std::string_view>& choices) {
    if (choices.empty())
        return object({{"type", "string"}, {"pattern", line_pattern}});
    return object({{"type", "string"}, {"enum", names(choices)}});
}

Table type_schema(const ParamSpec& p) {
    using Limits = std::numeric_limits<std::int64_t>;
    if (p.type == ParamType::boolean)
        return object({{"type", "boolean"}});
    if (p.type == ParamType::string)
        return string_schema(p.choices);
    if (p.type == ParamType::string_list)
        return object({{"type", "array"}, {"items", string_schema(p.choices)}});
    Table out = object({{"type", "integer"}});
    if (p.min != Limits::min())
        out.append({"minimum", p.min, {}});
    if (p.max != Limits::max())
        out.append({"maximum", p.max, {}});
    return out;
}

Table param_schema(const ParamSpec& p) {
    Table out = type_schema(p);
    std::string doc(p.doc);
    if (!p.strict.is_null())
        doc += " Profile rootless-strict starts from another value.";
    out.append({"description", std::move(doc), {}});
    out.append({"default", p.fallback, {}});
    return out;
}

Table control_schema(const ControlInfo& c, const Catalogue& catalogue) {
    Table properties = object({
        {"mode", object({{"type", "string"},
                         {"enum", names(mode_names)},
                         {"description",
                          "off: not looked at. audit: reported. enforce: also put right by apply. "
                          "The profile decides when it is not given."}})},
        {"severity", object({{"type", "string"},
                             {"enum", names(severity_names)},
                             {"description", "Replaces the severity of every finding of this control."}})},
        {"required",
         object({{"type", "boolean"},
                 {"description", "Whether a check that could not observe this ends with status 3."},
                 {"default", true}})},
    });
    for (const ParamSpec& p : catalogue.params)
        if (p.control == c.id)
            properties.append({std::string(p.key), param_schema(p), {}});
    Table out = closed(c.why, std::move(properties));
    out.append({"title", std::string(c.code) + " " + std::string(c.title), {}});
    return out;
}

Value text_schema(const char* description) {
    return object({{"type", "string"}, {"pattern", filled_pattern}, {"description", description}});
}

Value exception_schema() {
    static constexpr const char* time =
        "^[0-9]{4}-[0-9]{2}-[0-9]{2}([Tt "
        "][0-9]{2}:[0-9]{2}:[0-9]{2}(\\.[0-9]+)?([Zz]|[+-][0-9]{2}:[0-9]{2}))?$";
    Table item = closed("Findings that may fail until a date.",
                        object({{"control", text_schema("A control's id, or a pattern with * and ?.")},
                                {"subject", text_schema("A pattern of subjects; * for all.")},
                                {"owner", text_schema("Who answers for it.")},
                                {"reason", text_schema("Why it is needed.")},
                                {"expires", object({{"type", "string"},
                                                    {"pattern", time},
                                                    {"description",
                                                     "UTC date (its first second) or date-time "
                                                     "with an offset; in TOML also unquoted."}})}}),
                        {"control", "subject", "owner", "reason", "expires"});
    return object({{"type", "array"}, {"items", std::move(item)}});
}

Value subid_schema(const char* description) {
    const Table range = object({{"type", "string"}, {"pattern", "^[1-9][0-9]{0,9}:[1-9][0-9]{0,9}$"}});
    return object({{"description", description},
                   {"anyOf", Array{object({{"const", "allocate"}}), range,
                                   object({{"type", "array"}, {"items", range}, {"minItems", 1}})}}});
}

Value id_schema(const char* description) {
    return object({{"type", "integer"},
                   {"minimum", static_cast<std::int64_t>(first_id)},
                   {"maximum", static_cast<std::int64_t>(last_id)},
                   {"description", description}});
}

Value path_schema(const char* description) {
    return object({{"type", "string"},
                   {"pattern", "^(/[^/:\\u0000-\\u001f\\u007f]+)+$"},
                   {"description", description}});
}

Value tenant_schema() {
    Table item = closed(
        "A user who runs containers without privilege on this host.",
        object({{"user", object({{"type", "string"},
                                 {"pattern", "^[A-Za-z_][A-Za-z0-9_.-]{0,31}$"},
                                 {"description", "Name of the account."}})},
                {"kind", object({{"type", "string"},
                                 {"enum", Array{"existing", "system", "regular"}},
                                 {"description",
                                  "existing: made by somebody else. system, regular: made when "
                                  "missing."},
                                 {"default", "existing"}})},
                {"uid", id_schema("Of an account that is made; the next free one when not given.")},
                {"home", path_schema("Of an account that is made.")},
                {"shell", path_schema("Of an account that is made.")},
                {"subuid", subid_schema("Subordinate user ids: START:COUNT, several of them, or allocate.")},
                {"subgid", subid_schema("Subordinate group ids, likewise.")},
                {"count", id_schema("How many ids to allocate (65536 when not given).")},
                {"linger", object({{"type", "boolean"},
                                   {"description", "Whether the user's services run without a login."}})}}),
        {"user"});
    return object({{"type", "array"}, {"items", std::move(item)}});
}

Value conf_schema(const char* description) {
    return object({{"type", "object"}, {"description", description}});
}

Table provision_schema() {
    const Table value = object({{"anyOf", Array{object({{"type", "integer"}}),
                                                object({{"type", "string"}, {"pattern", filled_pattern}})}}});
    return closed(
        "The rootless tenants this host is to have, and what they need.",
        object({{"delegate", object({{"type", "array"},
                                     {"items", object({{"enum", names(cgroup_controllers)}})},
                                     {"description", "cgroup v2 controllers for user managers."}})},
                {"sysctl",
                 object({{"type", "object"},
                         {"description", "Kernel settings by dotted name."},
                         {"propertyNames", object({{"pattern", "^[A-Za-z0-9_-]+(\\.[A-Za-z0-9_-]+)+$"}})},
                         {"additionalProperties", value}})},
                {"tenant", tenant_schema()},
                {"containers_conf", conf_schema("Written as a drop-in of containers.conf(5).")},
                {"storage_conf", conf_schema("Written as a drop-in of containers-storage.conf(5).")},
                {"registries_conf", conf_schema("Written as a drop-in of containers-registries.conf(5).")}}));
}

}  // namespace

Value policy_schema(const Catalogue& catalogue) {
    Table controls;
    for (const ControlInfo* c : catalogue.controls)
        controls.append({std::string(c->id), control_schema(*c, catalogue), {}});
    Table out = object(
        {{"$schema", "https://json-schema.org/draft/2020-12/schema"}, {"title", "Plimsoll policy file"}});
    for (const Member& m :
         closed("TOML, merged from all policy files; later files win key by key.",
                object({{"profile", object({{"type", "string"},
                                            {"enum", names(profile_names)},
                                            {"description", "Where the values start that no file gives."},
                                            {"default", profile_names[0]}})},
                        {"control", closed("Settings by the control's id.", std::move(controls))},
                        {"exception", exception_schema()},
                        {"provision", provision_schema()}})))
        out.append(m);
    return out;
}

}  // namespace plimsoll::policy
