// SPDX-License-Identifier: Apache-2.0
// [provision] of a policy file, but for the tenants (read_tenants.cpp).
#include "core/base/text.hpp"
#include "core/policy/merge.hpp"

#include <algorithm>
#include <set>

namespace plimsoll::policy {
namespace {

void read_delegate(const Member& m, const Reader& reader, Merged& into) {
    const auto known = strings_of(cgroup_controllers);
    const std::string expected = "an array of cgroup controllers: " + one_of(known);
    const Array* list = m.value.array();
    if (list == nullptr)
        return reader.wrong_type(m.value, m.key, expected);
    std::set<std::string> names;  // their order means nothing
    for (const Value& v : *list)
        if (v.string() == nullptr)
            reader.wrong_type(v, m.key, expected);
        else if (std::ranges::find(known, *v.string()) == known.end())
            reader.problems().add_unknown(reader.place(v), "cgroup controller", *v.string(), known);
        else
            names.insert(*v.string());
    into.delegate = {{names.begin(), names.end()}, reader.key_place(m)};
}

// "user.max_user_namespaces": dots only, so that a name cannot leave /proc/sys.
bool sysctl_name(std::string_view name) {
    const auto parts = split(name, '.');
    const auto good = [](std::string_view part) {
        return !part.empty() && std::ranges::all_of(part, [](char c) {
            return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
                   c == '-';
        });
    };
    return name.size() <= 255 && parts.size() >= 2 && std::ranges::all_of(parts, good);
}

std::optional<std::string> sysctl_value(const Member& m, const Reader& reader) {
    if (const std::int64_t* i = m.value.integer())
        return std::to_string(*i);
    return reader.filled(m.value, m.key, "an integer or a string");
}

void read_sysctl(const Member& section, const Reader& reader, Merged& into) {
    const Table* table = reader.table(section.value, section.key);
    if (table == nullptr)
        return;
    for (const Member& m : *table) {
        if (m.value.table() != nullptr)
            reader.problems().add(reader.key_place(m), "\"" + printable(m.key, 80) + "\" is a table",
                                  "the whole name in quotes: \"user.max_user_namespaces\" = 28633");
        else if (!sysctl_name(m.key))
            reader.problems().add(reader.key_place(m), "\"" + printable(m.key, 80) + "\" is no sysctl",
                                  "a dotted name below /proc/sys, such as \"user.max_user_namespaces\"");
        else if (auto value = sysctl_value(m, reader))
            into.sysctl.insert_or_assign(m.key, Placed<std::string>{*std::move(value), reader.key_place(m)});
    }
}

}  // namespace

void read_provision(const Value& section, const Reader& reader, Merged& into) {
    const Table* table = reader.table(section, "provision");
    if (table == nullptr)
        return;
    for (const Member& m : *table) {
        const auto* const conf = std::ranges::find(conf_names, m.key);
        if (m.key == "delegate") {
            read_delegate(m, reader, into);
        } else if (m.key == "sysctl") {
            read_sysctl(m, reader, into);
        } else if (m.key == "tenant") {
            read_tenants(m.value, reader, into);
        } else if (conf != conf_names.end()) {
            auto& tree = into.conf[static_cast<std::size_t>(conf - conf_names.begin())];
            if (const Table* t = reader.table(m.value, m.key))
                (tree ? *tree : tree.emplace()).merge(*t, reader);
        } else {
            auto known = strings_of(conf_names);
            known.insert(known.begin(), {"delegate", "sysctl", "tenant"});
            reader.unknown_key(m, "[provision]", known);
        }
    }
}

}  // namespace plimsoll::policy
