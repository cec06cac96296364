// SPDX-License-Identifier: Apache-2.0
#include "core/host/user_records.hpp"

#include "core/base/json.hpp"
#include "core/base/text.hpp"

#include <algorithm>
#include <array>
#include <limits>
#include <optional>
#include <set>

namespace plimsoll::host {
namespace {

using Parser = Result<void> (*)(std::string_view, const std::string&, std::string_view, Accounts&);

constexpr std::array drop_ins{"/etc/userdb", "/run/userdb", "/run/host/userdb", "/usr/local/lib/userdb",
                              "/usr/lib/userdb"};

// Whether `ids`, one or several of them with dashes or without, has the machine's.
bool has_machine(const Value* ids, std::string_view machine_id) {
    const auto is = [&](const Value& id) {
        if (id.string() == nullptr)
            return false;
        std::string plain = *id.string();
        std::erase(plain, '-');
        return plain == machine_id;
    };
    if (ids == nullptr)
        return false;
    return ids->array() != nullptr ? std::ranges::any_of(*ids->array(), is) : is(*ids);
}

// The sections of a record for single machines that count here, or may: what the host is called may change.
std::vector<const Value*> sections_of(const Value& record, std::string_view machine_id, bool may) {
    std::vector<const Value*> out;
    const Value* all = record.at("perMachine");
    if (all != nullptr && all->array() != nullptr)
        for (const Value& section : *all->array())
            if (machine_id.empty() || has_machine(section.at("matchMachineId"), machine_id) ||
                (may && section.at("matchHostname") != nullptr))
                out.push_back(&section);
    return out;
}

// The part of a record that says `key`: what systemd-homed bound to the machine comes before what the record
// says for it, and that before the rest.
const Value* field(const Value& record, std::string_view machine_id, std::string_view key) {
    const Value* binding = record.at("binding");
    if (binding != nullptr && binding->table() != nullptr)
        for (const Member& m : *binding->table())
            if (const Value* v = m.value.at(key); v != nullptr && (machine_id.empty() || m.key == machine_id))
                return v;
    const Value* out = record.at(key);
    for (const Value* section : sections_of(record, machine_id, false))
        if (const Value* v = section->at(key))
            out = v;
    return out;
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

// Lists of names of all parts that count are one.
std::vector<std::string> names_in(const Value& record, std::string_view machine_id, std::string_view key) {
    auto out = names_of(record.at(key));
    for (const Value* section : sections_of(record, machine_id, true))
        for (auto& name : names_of(section->at(key)))
            if (std::ranges::find(out, name) == out.end())
                out.push_back(std::move(name));
    return out;
}

void not_read(Accounts& into, std::string why) {
    into.problems.push_back(why);
    into.unseen_users.push_back(std::move(why));
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

class Reader {
  public:
    Reader(const Sysroot& root, Accounts& into)
        : root_(root), machine_id_(read_machine_id(root)), into_(into) {}

    std::vector<DirEntry> entries_of(const std::string& dir) {
        auto entries = root_.list(dir);
        if (!entries && entries.error().code != Code::not_found)
            not_read(into_, entries.error().message);
        return std::move(entries).value_or(std::vector<DirEntry>{});
    }

    void records(const std::string& dir, const std::vector<DirEntry>& entries, std::string_view suffix,
                 Parser parse) {
        for (const auto& e : entries) {
            if (!e.name.ends_with(suffix))
                continue;
            const std::string path = dir + "/" + e.name;
            const auto text = root_.read(path);
            const auto done =
                text ? parse(*text, path, machine_id_, into_) : Result<void>(Failure(text.error()));
            if (!done)
                not_read(into_, done.error().message);
        }
    }

    // USER:GROUP.membership, of which nss-systemd reads no more than the name. A link to /dev/null takes back
    // that of a later directory.
    void memberships(const std::string& dir, const std::vector<DirEntry>& entries) {
        constexpr std::string_view suffix = ".membership";
        for (const auto& e : entries) {
            const auto colon = e.name.find(':');
            if (!e.name.ends_with(suffix) || colon == std::string::npos || !decided_.insert(e.name).second)
                continue;
            const auto link = root_.read_link(dir + "/" + e.name);
            if (!link || *link != "/dev/null")
                add_member(into_, e.name.substr(colon + 1, e.name.size() - suffix.size() - colon - 1),
                           e.name.substr(0, colon));
        }
    }

  private:
    const Sysroot& root_;
    std::string machine_id_;
    Accounts& into_;
    std::set<std::string> decided_{};  // membership files of directories that come first
};

}  // namespace

bool is_away(const Sysroot& root, const User& user) {
    return user.managed_home && !root.exists(user.home + "/.identity");
}

Error away(const User& user) {
    return {Code::unsupported, 0, "the home of " + user.name + " is not there while the user is away"};
}

Result<void> parse_user_record(std::string_view text, const std::string& path, std::string_view machine_id,
                               Accounts& into) {
    PLIMSOLL_TRY(const auto record, parse_json(text, path));
    const auto name = text_of(record.at("userName"));
    const auto uid = id_of(field(record, machine_id, "uid"));
    if (!name || !uid)
        return fail(Code::invalid_input, path + ": a user record without a name or a uid");
    for (const std::string& group : names_in(record, machine_id, "memberOf"))
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
    auto group =
        std::ranges::find_if(into.groups, [&](const Group& g) { return g.name == *name && g.gid == *gid; });
    if (group == into.groups.end())
        group = into.groups.insert(into.groups.end(), {*name, *gid, {}, path});
    for (auto& member : names_in(record, machine_id, "members"))
        if (std::ranges::find(group->members, member) == group->members.end())
            group->members.push_back(std::move(member));
    return {};
}

void read_user_records(const Sysroot& root, Accounts& into) {
    Reader reader(root, into);
    std::vector<std::vector<DirEntry>> entries;
    for (std::size_t i = 0; i < drop_ins.size(); ++i) {
        entries.push_back(reader.entries_of(drop_ins[i]));
        reader.records(drop_ins[i], entries[i], ".group", &parse_group_record);
    }
    const std::string homes(homed_dir);
    reader.records(homes, reader.entries_of(homes), ".identity", &parse_user_record);
    for (std::size_t i = 0; i < drop_ins.size(); ++i) {
        reader.records(drop_ins[i], entries[i], ".user", &parse_user_record);
        reader.memberships(drop_ins[i], entries[i]);
    }
}

}  // namespace plimsoll::host
