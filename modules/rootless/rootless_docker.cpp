// SPDX-License-Identifier: Apache-2.0
#include "modules/rootless/rootless_docker.hpp"

#include <algorithm>
#include <set>

namespace plimsoll::modules::rootless {
namespace {

constexpr std::string_view global_dirs[] = {"/etc/systemd/user", "/run/systemd/user",
                                            "/usr/local/lib/systemd/user", "/usr/lib/systemd/user"};

// Links to `unit` in the *.wants, *.requires and *.upholds of one unit directory (systemd.unit(5)).
void find_links(const host::Sysroot& root, const std::string& dir, const std::string& unit,
                std::vector<std::string>& into, std::optional<Error>& problem) {
    const auto entries = root.list(dir);
    if (!entries) {
        if (entries.error().code != Code::not_found)
            problem = entries.error();
        return;
    }
    for (const auto& e : *entries) {
        if (!host::pulls_in(e.name))
            continue;
        const std::string link = dir + "/" + e.name + "/" + unit;
        const auto target = root.read_link(link);
        if (root.exists(link) && !(target && *target == "/dev/null"))
            into.push_back(link);
    }
}

void look_at_socket(const host::Host& host, UserDocker& d) {
    const std::string dir = "/run/user/" + std::to_string(d.uid);
    d.manager = host.root().exists(dir);
    const std::string path = dir + "/docker.sock";
    const auto st = host.root().lstat(path);
    if (st)
        d.socket = UserSocket{path, st->st_uid, st->st_mode & 07777};
    else if (st.error().code != Code::not_found)
        d.problem = st.error();
}

// Options that the unit in `dir`, or a drop-in of it, gives dockerd. Its file is the user's: whatever starts
// dockerd there (dockerd-rootless.sh, a script) takes them.
void read_unit_flags(const host::Host& host, const std::string& dir, UserDocker& d) {
    static const std::string name = "docker.service";
    host::UnitFile unit{.name = name};
    std::vector<std::string> files{dir + "/" + name};
    const auto drop_ins = host.root().list(dir + "/" + name + ".d");
    if (drop_ins)
        for (const auto& e : *drop_ins)
            if (e.name.ends_with(".conf"))
                files.push_back(dir + "/" + name + ".d/" + e.name);
    if (!drop_ins && drop_ins.error().code != Code::not_found)
        d.problem = drop_ins.error();
    for (const auto& path : files) {
        const auto text = host.root().read(path, std::size_t{1} << 20);
        if (text)
            std::ranges::move(host::parse_unit(*text, path), std::back_inserter(unit.settings));
        else if (text.error().code != Code::not_found)
            d.problem = text.error();
    }
    const auto environment = unit_environment(host, unit);
    if (!environment.problems.empty())
        d.problem = environment.problems.front();
    for (const auto& line : unit.values("Service", "ExecStart"))
        std::ranges::move(
            parse_docker_flags(expand(command_words(line.value), environment.values), line.source),
            std::back_inserter(d.flags));
}

void read_settings(const host::Host& host, const Inventory& inventory, const std::string& config,
                   UserDocker& d) {
    read_unit_flags(host, config + "/systemd/user", d);
    if (inventory.processes)
        for (const EngineProcess& p : *inventory.processes)
            if (p.engine == "docker" && p.uid == d.uid)
                std::ranges::move(parse_docker_flags(p.argv, "pid " + std::to_string(p.pid)),
                                  std::back_inserter(d.flags));
    std::string path = config + "/docker/daemon.json";
    for (const DockerFlag& f : d.flags)
        if (f.key == "config-file" && f.value.starts_with('/'))
            path = f.value;
    d.json = read_daemon_json(host.root(), path);
    d.files = read_docker_files(host.root(), d.json, d.flags);
}

}  // namespace

std::vector<UserDocker> read_user_dockers(const host::Host& host, const Inventory& inventory) {
    std::vector<UserDocker> out;
    if (!host.accounts())
        return out;
    const auto& root = host.root();
    std::vector<std::string> podman_for_all;
    std::vector<std::string> docker_for_all;
    std::optional<Error> global_problem;
    for (const auto dir : global_dirs) {
        find_links(root, std::string(dir), "podman.socket", podman_for_all, global_problem);
        find_links(root, std::string(dir), "docker.service", docker_for_all, global_problem);
    }
    std::set<std::uint32_t> seen;
    for (const auto& user : host.accounts()->users) {
        if (user.uid == 0 || !user.home.starts_with('/') || !seen.insert(user.uid).second)
            continue;
        UserDocker d{.user = user.name, .uid = user.uid};
        const std::string config = user.home + "/.config";
        find_links(root, config + "/systemd/user", "docker.service", d.enabled_by, d.problem);
        find_links(root, config + "/systemd/user", "podman.socket", d.podman_by, d.problem);
        read_settings(host, inventory, config, d);
        if (host.live())
            look_at_socket(host, d);
        if (d.manager) {  // links for everybody matter where a manager runs
            d.enabled_by.insert(d.enabled_by.end(), docker_for_all.begin(), docker_for_all.end());
            d.podman_by.insert(d.podman_by.end(), podman_for_all.begin(), podman_for_all.end());
            if (!d.problem)
                d.problem = global_problem;
        }
        if (!d.enabled_by.empty() || !d.podman_by.empty() || d.json.text || d.json.problem || d.socket ||
            !d.flags.empty() || d.problem)
            out.push_back(std::move(d));
    }
    return out;
}

}  // namespace plimsoll::modules::rootless
