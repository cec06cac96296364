// SPDX-License-Identifier: Apache-2.0
#include "modules/rootless/api_access.hpp"

#include "core/base/text.hpp"

#include <algorithm>
#include <charconv>

namespace plimsoll::modules::rootless {
namespace {

// The line of an account file that begins with "NAME:".
std::string line_of(const host::Sysroot& root, const std::string& path, const std::string& name) {
    const auto text = root.read(path);
    if (!text)
        return {};
    for (const auto line : split_lines(*text))
        if (line.starts_with(name + ":"))
            return std::string(line);
    return {};
}

GrantingGroup describe(const host::Host& host, std::string name, std::string engine, std::string because) {
    GrantingGroup out{std::move(name), std::move(engine), std::move(because)};
    const auto& accounts = *host.accounts();
    const host::Group* group = accounts.group(out.name);
    if (group == nullptr)
        return out;
    out.entry = true;
    out.source = group->source;
    out.members = group->members;
    for (const auto& u : accounts.users)
        if (u.gid == group->gid && u.uid != 0)
            out.primary_members.push_back(u.name);
    if (group->source.starts_with("/etc/group:")) {
        out.line = line_of(host.root(), "/etc/group", out.name);
        out.shadow_line = line_of(host.root(), "/etc/gshadow", out.name);
    }
    if (!host.live() || !host.processes())
        return out;
    for (const auto& p : *host.processes()) {
        if (p.uid[1] == 0 || std::ranges::find(p.groups, group->gid) == p.groups.end())
            continue;
        const host::User* user = accounts.user(p.uid[0]);
        const bool member =
            user != nullptr &&
            (std::ranges::find(out.members, user->name) != out.members.end() || user->gid == group->gid);
        if (!member)
            out.holders.push_back({p.pid, p.uid[0], p.comm});
    }
    return out;
}

void add_group(const host::Host& host, ApiAccess& into, const std::string& name, const std::string& engine,
               const std::string& because) {
    const bool known =
        std::ranges::any_of(into.groups, [&](const GrantingGroup& g) { return g.name == name; });
    if (!known && name != "root")
        into.groups.push_back(describe(host, name, engine, because));
}

// SSSD without a configuration serves nobody.
bool serves(const host::Sysroot& root, const std::string& source) {
    if (source != "sss")
        return true;
    const auto drop_ins = root.list("/etc/sssd/conf.d");
    return root.exists("/etc/sssd/sssd.conf") || (drop_ins && !drop_ins->empty());
}

// The group that dockerd gives its own socket when no socket unit hands it one.
std::string docker_group(const DockerConfig& docker) {
    for (const auto& f : docker.flags)
        if (f.key == "group")
            return f.value;
    const Value* v = docker.json.find("group");
    return v != nullptr && v->string() != nullptr ? *v->string() : "docker";
}

bool takes_socket_from_unit(const DockerConfig& docker) {
    const bool fd = std::ranges::any_of(
        docker.flags, [](const DockerFlag& f) { return f.key == "hosts" && f.value.starts_with("fd:"); });
    const bool own = std::ranges::any_of(
        docker.flags, [](const DockerFlag& f) { return f.key == "hosts" && f.value.starts_with("unix:"); });
    return fd && !own;
}

void add_docker_groups(const host::Host& host, const Inventory& inventory, const DockerConfig& docker,
                       ApiAccess& into) {
    const auto unit = std::ranges::find(into.units, "docker.socket", &SocketUnit::name);
    if (unit != into.units.end() && takes_socket_from_unit(docker)) {
        if ((unit->mode & 020) != 0)
            add_group(host, into, unit->group, "docker", unit->name + ": SocketGroup=");
        return;
    }
    if (inventory.has("docker"))
        add_group(host, into, docker_group(docker), "docker", "the group of dockerd's socket");
    else if (host.accounts()->group("docker") != nullptr)
        add_group(host, into, "docker", "docker", "dockerd's default group");
}

}  // namespace

std::vector<std::string> drop_ins_of(const host::UnitFile& unit) {
    std::vector<std::string> out;
    for (const auto& s : unit.settings) {
        const auto path = s.source.substr(0, s.source.rfind(':'));
        if (path != unit.fragment)
            out.push_back(path.substr(path.rfind('/') + 1));
    }
    return out;
}

SocketUnit socket_unit(const EngineUnit& unit) {
    SocketUnit out{
        .name = unit.file.name, .engine = unit.engine, .starts = unit.starts(), .source = unit.file.fragment};
    if (const auto v = unit.file.values("Socket", "SocketGroup"); !v.empty()) {
        out.group = v.back().value;
        out.source = v.back().source;
    }
    if (const auto v = unit.file.values("Socket", "SocketMode"); !v.empty()) {
        const std::string& text = v.back().value;
        std::uint32_t mode = 0;
        const auto [end, err] = std::from_chars(text.data(), text.data() + text.size(), mode, 8);
        // systemd ignores a mode it cannot read, and keeps its default.
        if (err == std::errc{} && end == text.data() + text.size() && mode <= 07777) {
            out.mode = mode;
            out.source = v.back().source;
        }
    }
    out.listens = unit.file.values("Socket", "ListenStream");
    out.drop_ins = drop_ins_of(unit.file);
    return out;
}

ApiAccess read_api_access(const host::Host& host, const Inventory& inventory, const DockerConfig& docker,
                          const Sockets& sockets) {
    ApiAccess out;
    for (const auto& u : inventory.units)
        if (!u.engine.empty() && u.file.name.ends_with(".socket") && !u.file.masked)
            out.units.push_back(socket_unit(u));
    if (!host.accounts()) {
        out.accounts_problem = host.accounts().error();
        return out;
    }
    for (const auto& source : host.accounts()->remote_sources)
        if (serves(host.root(), source))
            out.remote_groups.push_back(source);
    add_docker_groups(host, inventory, docker, out);
    for (const auto& unit : out.units)
        if (unit.engine != "docker" && (unit.mode & 020) != 0)
            add_group(host, out, unit.group, unit.engine, unit.name + ": SocketGroup=");
    for (const auto& f : sockets.files) {
        if ((f.mode & 020) == 0 || f.gid == 0)
            continue;
        const host::Group* group = host.accounts()->group(f.gid);
        add_group(host, out, group != nullptr ? group->name : "gid " + std::to_string(f.gid), f.engine,
                  f.path);
    }
    return out;
}

}  // namespace plimsoll::modules::rootless
