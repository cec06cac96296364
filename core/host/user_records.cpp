// SPDX-License-Identifier: Apache-2.0
#include "core/host/user_records.hpp"

#include "core/base/json.hpp"
#include "core/base/text.hpp"

#include <algorithm>
#include <array>
#include <limits>
#include <optional>

namespace plimsoll::host {
namespace {

using Parser = Result<void> (*)(std::string_view, const std::string&, std::string_view, Accounts&);

// The parts of a record that say `key`: what systemd-homed bound to the machine comes before the rest.
const Value* field(const Value& record, std::string_view machine_id, std::string_view key) {
    const Value* binding = record.at("binding");
    if (binding != nullptr && binding->table() != nullptr)
        for (const Member& m : *binding->table())
            if (const Value* v = m.value.at(key); v != nullptr && (machine_id.empty() || m.key == machine_id))
                return v;
    return record.at(key);
}

std::optional<std::string> text_of(const Value* v) {
    const std::string* s = v != nullptr ? v->string() : nullptr;
    return s != nullptr && !s->empty() ? std::optional(*s) : std::nullopt;
}

std::optional<std::uint32_t> id_of(const Value* v) {
    const std::int64_t* n = v != nullptr ? v->integer() : nullptr;
    if (n == nullptr || *n < 0 || *n >= std::numeric_limits<std::uint32_t>::max())
        return std::nullopt;
    return static_cast<std::uint32_t>(*n);
}

std::vector<std::string> names_of(const Value* v) {
    std::vector<std::string> out;
    if (v != nullptr && v->array() != nullptr)
        for (const Value& name : *v->array())
            if (auto text = text_of(&name))
                out.push_back(*std::move(text));
    return out;
}

void not_read(Accounts& into, std::string why) {
    into.problems.push_back(why);
    into.unseen_users.push_back(std::move(why));
}

void read_directory(const Sysroot& root, const std::string& dir, std::string_view suffix, Parser parse,
                    std::string_view machine_id, Accounts& into) {
    const auto entries = root.list(dir);
    if (!entries) {
        if (entries.error().code != Code::not_found)
            not_read(into, entries.error().message);
        return;
    }
    for (const auto& e : *entries) {
        if (!e.name.ends_with(suffix))
            continue;
        const std::string path = dir + "/" + e.name;
        const auto text = root.read(path);
        const auto done = text ? parse(*text, path, machine_id, into) : Result<void>(Failure(text.error()));
        if (!done)
            not_read(into, done.error().message);
    }
}

// Empty: not known, or not given out yet.
std::string read_machine_id(const Sysroot& root) {
    constexpr std::size_t digits = 32;
    const std::string text(trim(root.read("/etc/machine-id").value_or("")));
    return text.size() == digits ? text : "";
}

// What records say about groups that stand elsewhere.
void add_member(Accounts& into, const std::string& group, const std::string& user) {
    for (Group& g : into.groups)
        if (g.name == group && std::ranges::find(g.members, user) == g.members.end())
            g.members.push_back(user);
}

}  // namespace

Result<void> parse_user_record(std::string_view text, const std::string& path, std::string_view machine_id,
                               Accounts& into) {
    PLIMSOLL_TRY(const auto record, parse_json(text, path));
    const auto name = text_of(record.at("userName"));
    const auto uid = id_of(field(record, machine_id, "uid"));
    if (!name || !uid)
        return fail(Code::invalid_input, path + ": a user record without a name or a uid");
    for (const std::string& group : names_of(record.at("memberOf")))
        add_member(into, group, *name);
    if (const User* known = into.user(*name); known != nullptr && known->uid == *uid)
        return {};
    into.users.push_back({*name, *uid, id_of(field(record, machine_id, "gid")).value_or(*uid),
                          text_of(field(record, machine_id, "homeDirectory")).value_or("/home/" + *name),
                          text_of(record.at("shell")).value_or(""), path, path.starts_with(homed_dir)});
    return {};
}

Result<void> parse_group_record(std::string_view text, const std::string& path, std::string_view machine_id,
                                Accounts& into) {
    PLIMSOLL_TRY(const auto record, parse_json(text, path));
    const auto name = text_of(record.at("groupName"));
    const auto gid = id_of(field(record, machine_id, "gid"));
    if (!name || !gid)
        return fail(Code::invalid_input, path + ": a group record without a name or a gid");
    if (const Group* known = into.group(*name); known == nullptr || known->gid != *gid)
        into.groups.push_back({*name, *gid, names_of(record.at("members")), path});
    return {};
}

void read_user_records(const Sysroot& root, Accounts& into) {
    const std::string machine_id = read_machine_id(root);
    static constexpr std::array drop_ins{"/etc/userdb", "/run/userdb", "/run/host/userdb",
                                         "/usr/local/lib/userdb", "/usr/lib/userdb"};
    for (const std::string dir : drop_ins)
        read_directory(root, dir, ".group", &parse_group_record, machine_id, into);
    read_directory(root, std::string(homed_dir), ".identity", &parse_user_record, machine_id, into);
    for (const std::string dir : drop_ins)
        read_directory(root, dir, ".user", &parse_user_record, machine_id, into);
}

}  // namespace plimsoll::host
