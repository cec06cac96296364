// SPDX-License-Identifier: Apache-2.0
// Verdicts on engines that listen on the network.
#include "core/base/text.hpp"
#include "modules/rootless/engines_judge.hpp"

#include <algorithm>
#include <map>

namespace plimsoll::modules::rootless {
namespace {

using policy::Evidence;
using policy::Fix;
using policy::FixClass;
using policy::Severity;
using policy::Status;

constexpr std::string_view owned_by = " of ";  // "docker of alice": not root's

std::string engine_of(std::string_view engine, std::string_view owner) {
    return std::string(engine).append(owned_by).append(owner);
}

enum class Place { json, unit_flag, socket_unit, process, other };

struct Sighting {
    Place place{Place::other};
    Evidence evidence{};
    std::string raw{};    // as written
    std::string owner{};  // of a socket unit: its name
};

struct TcpApi {
    std::string engine;
    std::string address;
    std::vector<Sighting> seen{};
};

std::string address_of(const std::string& raw) {
    std::string out = raw.starts_with("tcp://") ? raw.substr(6)
                      : raw.starts_with("tcp:") ? raw.substr(4)
                                                : raw;
    while (!out.empty() && out.back() == '/')
        out.pop_back();
    return out;
}

class TcpApis {
  public:
    void add(const std::string& engine, const std::string& raw, Place place, const std::string& source,
             const std::string& owner = {}) {
        const std::string address = address_of(raw);
        auto& api = by_address_.try_emplace({engine, address}, TcpApi{engine, address}).first->second;
        Sighting seen{place, {source, printable(raw, 80), "no TCP listener"}, raw, owner};
        if (std::ranges::find(api.seen, seen.evidence, &Sighting::evidence) == api.seen.end())
            api.seen.push_back(std::move(seen));
    }

    [[nodiscard]] const auto& all() const { return by_address_; }

  private:
    std::map<std::pair<std::string, std::string>, TcpApi> by_address_;
};

void add_docker_hosts(const Engines::Facts& facts, TcpApis& into) {
    for (const DockerFlag& f : facts.docker.flags)
        if (f.key == "hosts" && is_tcp_host(f.value))
            into.add("docker", f.value, f.source.starts_with("pid ") ? Place::process : Place::unit_flag,
                     f.source);
    const Value* hosts = facts.docker.json.find("hosts");
    if (hosts == nullptr || hosts->array() == nullptr)
        return;  // another type stops dockerd: docker.daemon-json says so
    for (const Value& v : *hosts->array())
        if (v.string() != nullptr && is_tcp_host(*v.string()))
            into.add("docker", *v.string(), Place::json, facts.docker.json.place("hosts"));
}

// A user's own engine is not root's, but whoever reaches it is that user.
void add_user_hosts(const Engines::Facts& facts, TcpApis& into) {
    for (const UserListen& l : facts.rootless.everybodys)
        into.add(engine_of(l.engine, "every user"), l.address, Place::other, l.source);
    for (const UserDocker& u : facts.rootless.users) {
        for (const UserListen& l : u.listens)
            into.add(engine_of(l.engine, u.user), l.address, Place::other, l.source);
        const std::string engine = engine_of("docker", u.user);
        for (const DockerFlag& f : u.flags)
            if (f.key == "hosts" && is_tcp_host(f.value))
                into.add(engine, f.value, Place::other, f.source);
        if (const Value* hosts = u.json.find("hosts"); hosts != nullptr && hosts->array() != nullptr)
            for (const Value& v : *hosts->array())
                if (v.string() != nullptr && is_tcp_host(*v.string()))
                    into.add(engine, *v.string(), Place::other, u.json.place("hosts"));
    }
}

void add_podman_hosts(const Engines::Facts& facts, TcpApis& into) {
    const auto add = [&](const std::string& engine, const std::vector<std::string>& argv, Place place,
                         const std::string& source) {
        for (const auto& word : argv)
            if (word.starts_with("tcp:"))
                into.add(engine, word, place, source);
    };
    for (const EngineCommand& command : facts.podman.found)
        add("podman", command.argv, Place::unit_flag, command.source);
    if (facts.inventory.processes)
        for (const EngineProcess& p : *facts.inventory.processes)
            if (p.engine == "podman")
                add(p.uid == 0 ? "podman" : engine_of("podman", "uid " + std::to_string(p.uid)), p.argv,
                    Place::process, "pid " + std::to_string(p.pid));
}

void add_others(const Engines::Facts& facts, TcpApis& into) {
    for (const SocketUnit& u : facts.access.units)
        for (const auto& listen : u.listens)
            if (is_tcp_stream(listen.value))
                into.add(u.engine, listen.value, Place::socket_unit, listen.source, u.name);
    for (const SocketSetting& s : own_sockets(facts))
        if (s.kind == SocketSetting::Kind::tcp)
            into.add(s.engine, s.value, Place::other, s.source);
    if (!facts.sockets.tcp)
        return;
    for (const EngineListener& l : *facts.sockets.tcp) {
        // The CRI plugins serve exec and attach streams on loopback; k3s and rke2 are API servers, not
        // engines'.
        const bool streams = l.tcp.loopback && (l.engine == "containerd" || l.engine == "crio");
        if (!streams && l.engine != "k3s" && l.engine != "rke2")
            into.add(l.engine, l.tcp.address, Place::process, "pid " + std::to_string(l.pid));
    }
}

// Whether every place that sets it switches it on or names a file.
bool docker_setting(const Engines::Facts& facts, std::string_view key) {
    const auto on = [](std::string_view text) { return !text.empty() && go_bool(text) != false; };
    bool any = false;
    for (const DockerFlag& f : facts.docker.flags)
        if (f.key == key) {
            if (!on(f.value))
                return false;
            any = true;
        }
    const Value* v = facts.docker.json.find(key);
    if (v == nullptr)
        return any;
    return (v->boolean() != nullptr && *v->boolean()) || (v->string() != nullptr && !v->string()->empty());
}

bool mutual_tls(const Engines::Facts& facts) {
    return docker_setting(facts, "tlsverify") && docker_setting(facts, "tlscacert") &&
           docker_setting(facts, "tlscert") && docker_setting(facts, "tlskey");
}

bool rootful_docker_runs(const Engines::Facts& facts) {
    return facts.inventory.processes &&
           std::ranges::any_of(*facts.inventory.processes,
                               [](const EngineProcess& p) { return p.engine == "docker" && p.rootful(); });
}

void edit_hosts(const Engines::Facts& facts, const TcpApi& api, std::vector<policy::Change>& changes) {
    Array kept;
    const Value* hosts = facts.docker.json.find("hosts");
    for (const Value& v : *hosts->array()) {
        const bool ours = std::ranges::any_of(api.seen, [&](const Sighting& s) {
            return s.place == Place::json && v.string() != nullptr && s.raw == *v.string();
        });
        if (!ours)
            kept.push_back(v);
    }
    const Value value = kept.empty() ? Value() : Value(std::move(kept));
    changes.emplace_back(edit_daemon_json(facts.docker.json, {{"hosts", value}}));
    if (rootful_docker_runs(facts))
        changes.emplace_back(policy::UnitAction{policy::UnitAction::Verb::restart, "docker.service"});
}

// false: nothing else would be left to listen on.
bool edit_socket_unit(const Engines::Facts& facts, const std::string& name,
                      std::vector<policy::Change>& changes) {
    const auto unit = std::ranges::find(facts.access.units, name, &SocketUnit::name);
    std::string content = "[Socket]\nListenStream=\n";
    bool any = false;
    for (const auto& listen : unit->listens)
        if (!is_tcp_stream(listen.value)) {
            content += "ListenStream=" + listen.value + "\n";
            any = true;
        }
    changes.emplace_back(
        policy::WriteFile{.path = drop_in_path(unit->name, "listen", unit->drop_ins), .content = content});
    if (facts.live) {
        changes.emplace_back(policy::UnitAction{policy::UnitAction::Verb::reload_manager});
        if (unit->starts)
            changes.emplace_back(policy::UnitAction{policy::UnitAction::Verb::restart, unit->name});
    }
    return any;
}

const EngineUnit* unit_with_line(const Engines::Facts& facts, const std::string& source) {
    for (const EngineUnit& u : facts.inventory.units)
        if (u.engine == "docker" &&
            std::ranges::find(u.runs, source, &host::UnitSetting::source) != u.runs.end())
            return &u;
    return nullptr;
}

// Starts dockerd by a drop-in, as its unit does but without the addresses that the policy does not allow.
// false: the address comes from a variable or a script, the line is not the only one, or nothing in
// /etc/systemd/system overrules it.
bool edit_command_line(const Engines::Params& params, const Engines::Facts& facts, const TcpApi& api,
                       const std::string& source, std::vector<policy::Change>& changes) {
    const EngineUnit* unit = unit_with_line(facts, source);
    const bool elsewhere = std::ranges::any_of(api.seen, [&](const Sighting& s) {
        return s.place == Place::unit_flag && s.evidence.source != source;
    });
    if (unit == nullptr || elsewhere || unit->file.values("Service", "ExecStart").size() != 1 ||
        unit->file.fragment.starts_with("/run/systemd/transient/"))
        return false;
    const auto unwanted = [&](const std::string& host) {
        return is_tcp_host(host) && host.find('$') == std::string::npos &&
               (address_of(host) == api.address || !matched(params.allowed_listeners, address_of(host)));
    };
    const auto count = [&](const auto& flags) {
        return std::ranges::count_if(flags, [&](const DockerFlag& f) {
            return f.key == "hosts" && f.source == source && unwanted(f.value);
        });
    };
    const std::string& line = unit->runs.front().value;
    // What is written must be all that is read: a variable may bring an address along.
    if (count(parse_docker_flags(command_words(line), source)) != count(facts.docker.flags))
        return false;
    const auto kept = without_hosts(line, unwanted);
    if (!kept || count(parse_docker_flags(command_words(*kept), source)) != 0)
        return false;
    changes.emplace_back(
        policy::WriteFile{.path = drop_in_path(unit->file.name, "exec", drop_ins_of(unit->file)),
                          .content = "[Service]\nExecStart=\nExecStart=" + *kept + "\n"});
    if (facts.live) {
        changes.emplace_back(policy::UnitAction{policy::UnitAction::Verb::reload_manager});
        if (rootful_docker_runs(facts))
            changes.emplace_back(policy::UnitAction{policy::UnitAction::Verb::restart, unit->file.name});
    }
    return true;
}

Fix tcp_fix(const Engines::Params& params, const Engines::Facts& facts, const TcpApi& api) {
    Fix fix{FixClass::service_restart, "remove the TCP address where it is set"};
    const auto first = [&](Place p) { return std::ranges::find(api.seen, p, &Sighting::place); };
    const auto has = [&](Place p) { return first(p) != api.seen.end(); };
    bool possible =
        (has(Place::json) || has(Place::socket_unit) || has(Place::unit_flag)) && !has(Place::other);
    if (possible && has(Place::json))
        edit_hosts(facts, api, fix.changes);
    if (possible && has(Place::socket_unit))
        possible = edit_socket_unit(facts, first(Place::socket_unit)->owner, fix.changes);
    if (possible && has(Place::unit_flag))
        possible =
            api.engine == "docker" &&
            edit_command_line(params, facts, api, first(Place::unit_flag)->evidence.source, fix.changes);
    if (possible)
        return fix;
    return {FixClass::never_automatic,
            has(Place::unit_flag) ? "remove the address from the unit's command line or its environment "
                                    "file, then restart the service"
                                  : "remove the address where it is set, then restart the engine"};
}

void judge_api(const Engines::Params& params, const Engines::Facts& facts, const TcpApi& api, Findings& out) {
    const bool may_ask = api.engine == "docker" || api.engine == "buildkit";
    const bool tls =
        may_ask && (api.engine == "docker" ? mutual_tls(facts) : asks_for_certificates(facts.buildkit));
    const std::string subject = "tcp " + printable(api.address, 80);
    std::vector<Evidence> evidence;
    for (const Sighting& s : api.seen)
        evidence.push_back(s.evidence);
    if (matched(params.allowed_listeners, api.address) && (tls || !may_ask || !params.require_mutual_tls)) {
        out.push_back(finding(Control::tcp, Status::pass, subject,
                              api.engine + " listens, as the policy allows", std::move(evidence)));
        return;
    }
    auto f =
        failing(Control::tcp, subject,
                api.engine + (tls ? " listens on TCP with mutual TLS" : " listens on TCP without mutual TLS"),
                std::move(evidence), tcp_fix(params, facts, api));
    if (tls || api.engine.find(owned_by) != std::string::npos)
        f.severity = Severity::high;
    out.push_back(std::move(f));
}

}  // namespace

void judge_tcp(const Engines::Params& params, const Engines::Facts& facts, Findings& out) {
    const auto before = out.size();
    TcpApis apis;
    add_docker_hosts(facts, apis);
    add_user_hosts(facts, apis);
    add_podman_hosts(facts, apis);
    add_others(facts, apis);
    for (const auto& [key, api] : apis.all())
        judge_api(params, facts, api, out);
    report_unknown(Control::tcp, "units of users", facts.rootless.problems, out);
    for (const UserDocker& u : facts.rootless.users)
        if (u.json.problem || u.problem)
            report_unknown(Control::tcp, u.user, u.json.problem ? *u.json.problem : *u.problem, out);
    if (facts.access.accounts_problem)
        report_unknown(Control::tcp, "users", *facts.access.accounts_problem, out);
    if (facts.docker.json.problem)
        report_unknown(Control::tcp, facts.docker.json.path, *facts.docker.json.problem, out);
    report_unknown(Control::tcp, "docker.service", facts.docker.problems, out);
    report_unknown(Control::tcp, "units", facts.inventory.unit_problems, out);
    for (const ContainerdConfig& containerd : facts.cri.containerd)
        report_unknown(Control::tcp, containerd.subject, containerd.problems, out);
    report_unknown(Control::tcp, "buildkit", facts.buildkit.problems, out);
    report_unknown(Control::tcp, "podman", facts.podman.problems, out);
    if (!facts.sockets.tcp)
        report_unknown(Control::tcp, "listeners", facts.sockets.tcp.error(), out);
    judge_clients_of_tcp(params, facts, out);
    if (out.size() != before)
        return;
    out.push_back(facts.inventory.installed.empty() && !facts.docker.json.text
                      ? finding(Control::tcp, Status::not_applicable, "host", "no engine found")
                      : finding(Control::tcp, Status::pass, "host", "no engine is set to listen on TCP"));
}

}  // namespace plimsoll::modules::rootless
