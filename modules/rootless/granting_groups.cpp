// SPDX-License-Identifier: Apache-2.0
#include "modules/rootless/granting_groups.hpp"

#include "core/base/text.hpp"

#include <algorithm>

namespace plimsoll::modules::rootless {
namespace {

constexpr std::string_view group_file = "/etc/group";
constexpr std::string_view shadow_file = "/etc/gshadow";
constexpr std::size_t shortest_hash = 13;

std::vector<std::string> lines_of(std::string_view text) {
    const auto lines = split_lines(text);
    return {lines.begin(), lines.end()};
}

// Number of the line that "/etc/group:12" names, from 0; nullopt: of another file.
std::optional<std::size_t> line_number(const std::string& source) {
    if (!source.starts_with(std::string(group_file) + ":"))
        return std::nullopt;
    const auto number = parse_u64(std::string_view(source).substr(group_file.size() + 1));
    return number && *number > 0 ? std::optional<std::size_t>(*number - 1) : std::nullopt;
}

std::vector<std::string> names_of(std::string_view list) {
    std::vector<std::string> out;
    for (const auto name : split(list, ','))
        if (!name.empty())
            out.emplace_back(name);
    return out;
}

bool is_member(const GrantingGroup& group, const host::User& user) {
    return user.gid == group.gid || std::ranges::any_of(group.entries, [&](const GroupEntry& e) {
               return std::ranges::find(e.members, user.name) != e.members.end();
           });
}

}  // namespace

bool usable_password(std::string_view field) {
    return field.size() >= shortest_hash && field.front() != '!' && field.front() != '*';
}

GroupReader::GroupReader(const host::Host& host) : host_(host) {}

bool GrantingGroup::is_anybodys() const {
    return !primary_members.empty() || !services.empty() || !at_login.empty() ||
           std::ranges::any_of(entries, [](const GroupEntry& e) {
               return e.password ||
                      !(e.members.empty() && e.shadow_members.empty() && e.administrators.empty());
           });
}

void GroupReader::add(const std::string& group, SocketGrant grant) {
    if (group == "root")
        return add(std::uint32_t{0}, std::move(grant));
    const host::Group* named = host_.accounts()->group(group);
    const auto number = parse_u64(group);
    const bool is_gid = number && *number <= UINT32_MAX;
    if (is_gid)
        add(static_cast<std::uint32_t>(*number), grant);
    if (named != nullptr) {
        const auto before = groups_.size();
        add(named->gid, std::move(grant));
        if (groups_.size() != before)
            groups_.back().name = group;  // the entry that was asked for, of those with its gid
    } else if (!is_gid) {
        auto known = std::ranges::find(groups_, group, &GrantingGroup::name);
        if (known == groups_.end())
            known = groups_.insert(groups_.end(), GrantingGroup{group});
        known->grants.push_back(std::move(grant));
    }
}

void GroupReader::add(std::uint32_t gid, SocketGrant grant) {
    auto known = std::ranges::find(groups_, std::optional(gid), &GrantingGroup::gid);
    if (known == groups_.end())
        known = groups_.insert(groups_.end(), describe(gid));
    known->grants.push_back(std::move(grant));
}

GrantingGroup GroupReader::describe(std::uint32_t gid) {
    GrantingGroup out{.name = "gid " + std::to_string(gid), .gid = gid};
    const auto& accounts = *host_.accounts();
    for (const host::Group& g : accounts.groups)
        if (g.gid == gid)
            out.entries.push_back(describe(g));
    if (!out.entries.empty())
        out.name = out.entries.front().name;
    for (const host::User& u : accounts.users)
        if (u.gid == gid && u.uid != 0)
            out.primary_members.push_back(u.name);
    // In a container who has no group of its own has this number, and no socket of the host's.
    if (gid != 0)
        find_holders(out);
    return out;
}

std::vector<std::string> GroupReader::but_root(const std::vector<std::string>& names) const {
    std::vector<std::string> out;
    std::ranges::copy_if(names, std::back_inserter(out), [&](const std::string& name) {
        const host::User* user = host_.accounts()->user(name);
        return user != nullptr ? user->uid != 0 : name != "root";
    });
    return out;
}

GroupEntry GroupReader::describe(const host::Group& group) {
    GroupEntry out{.name = group.name, .source = group.source, .members = but_root(group.members)};
    if (const auto number = line_number(group.source); number && *number < group_lines().size())
        out.line = group_lines()[*number];
    add_shadow(out);
    const auto fields = split(out.line, ':');
    if (out.shadow_line.empty() && fields.size() > 1)
        out.password = usable_password(fields[1]);
    out.from_records = fields.size() > 3 && names_of(fields[3]).size() < group.members.size();
    return out;
}

// The first of that name counts for newgrp(1), which takes its password and members for those of the group,
// and for gpasswd(1), which edits no other group than those of /etc/group.
void GroupReader::add_shadow(GroupEntry& entry) {
    const auto& lines = shadow_lines();
    const auto line =
        std::ranges::find_if(lines, [&](const std::string& l) { return l.starts_with(entry.name + ":"); });
    if (line == lines.end())
        return;
    entry.shadow_line = *line;
    entry.shadow_source = std::string(shadow_file) + ":" + std::to_string(line - lines.begin() + 1);
    const auto fields = split(*line, ':');
    entry.password = usable_password(fields[1]);
    if (fields.size() > 2 && !entry.line.empty())
        entry.administrators = but_root(names_of(fields[2]));
    if (fields.size() > 3)
        entry.shadow_members = but_root(names_of(fields[3]));
    std::erase_if(entry.shadow_members, [&](const std::string& name) {
        return std::ranges::find(entry.members, name) != entry.members.end();
    });
}

void GroupReader::find_holders(GrantingGroup& group) const {
    if (!host_.live() || !host_.processes())
        return;
    for (const auto& p : *host_.processes()) {
        const bool holds = p.gid[1] == group.gid || std::ranges::find(p.groups, *group.gid) != p.groups.end();
        if (p.uid[1] == 0 || !holds)
            continue;
        const host::User* user = host_.accounts()->user(p.uid[0]);
        if (user == nullptr || !is_member(group, *user))
            group.holders.push_back({p.pid, p.uid[0], p.comm});
    }
}

const GroupReader::Lines& GroupReader::group_lines() {
    if (!group_lines_)
        group_lines_ = lines_of(host_.root().read(group_file).value_or(""));
    return *group_lines_;
}

const GroupReader::Lines& GroupReader::shadow_lines() {
    if (shadow_lines_)
        return *shadow_lines_;
    const auto text = host_.root().read(shadow_file);
    if (!text && text.error().code != Code::not_found)
        shadow_problem_ = text.error();
    return shadow_lines_.emplace(lines_of(text.value_or("")));
}

}  // namespace plimsoll::modules::rootless
