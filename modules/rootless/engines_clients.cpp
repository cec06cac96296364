// SPDX-License-Identifier: Apache-2.0
// Verdicts on users' clients that are pointed at a rootful engine or at one on the network.
#include "core/base/text.hpp"
#include "modules/rootless/engines_judge.hpp"

#include <algorithm>
#include <map>
#include <set>

namespace plimsoll::modules::rootless {
namespace {

using policy::Evidence;
using policy::FixClass;
using policy::Severity;
using policy::Status;

enum class Reach {
    own,        // the user's own engine, or one behind a login of its own (ssh)
    rootful,    // the socket of an engine that has root's power
    network,    // an API on TCP
    unresolved  // nobody can say
};

bool is_network(std::string_view host) {
    return host.starts_with("tcp://") || host.starts_with("http://") || host.starts_with("https://");
}

std::string address_of(std::string_view host) {
    auto out = host.substr(host.find("://") + 3);
    return std::string(out.substr(0, out.find('/')));
}

// Sockets on which engines with root's power listen, as far as files and processes say.
std::set<std::string, std::less<>> rootful_sockets(const Engines::Facts& facts) {
    std::set<std::string, std::less<>> out;
    const auto add = [&](const std::string& path) {
        if (!path.empty())
            out.insert(path);
    };
    for (const EngineInfo& e : engine_table)
        add(std::string(e.socket));
    for (const DockerFlag& f : facts.docker.flags)
        if (f.key == "hosts")
            add(socket_path(f.value));
    if (const Value* hosts = facts.docker.json.find("hosts"); hosts != nullptr && hosts->array() != nullptr)
        for (const Value& v : *hosts->array())
            if (v.string() != nullptr)
                add(socket_path(*v.string()));
    for (const SocketUnit& u : facts.access.units)
        for (const auto& listen : u.listens)
            add(socket_path("unix://" + listen.value));
    for (const SocketFile& f : facts.sockets.files)
        add(socket_path("unix://" + f.path));
    return out;
}

Reach reach_of(const ClientTarget& t, const std::set<std::string, std::less<>>& rootful) {
    if (!t.resolved)
        return Reach::unresolved;
    if (is_network(t.host))
        return Reach::network;
    if (t.leads_to.empty())
        return Reach::own;  // ssh, or what the client itself refuses
    if (rootful.contains(t.leads_to))
        return Reach::rootful;
    const std::string runtime = "/run/user/" + (t.user.empty() ? "UID" : std::to_string(t.uid)) + "/";
    const bool at_home = t.home.size() > 1 && t.leads_to.starts_with(t.home + "/");
    return at_home || t.leads_to.starts_with(runtime) ? Reach::own : Reach::unresolved;
}

std::string who(const std::string& user) {
    return user.empty() ? "everybody" : printable(user);
}

// What one user's clients have in common for one control.
struct Clients {
    std::vector<Evidence> evidence{};
    Severity severity{Severity::info};
    std::vector<std::string> unresolved{};  // settings
};

using ByUser = std::map<std::string, Clients>;

void note(const ClientTarget& t, Severity severity, const std::string& expected, ByUser& into) {
    Clients& c = into[t.user];
    c.severity = std::max(c.severity, severity);
    // In a home, and not for everybody's eyes.
    c.evidence.push_back(
        {printable(t.source),
         printable(t.setting, 60) + (t.used ? "" : " (not in use)") + ": " + printable(t.host, 80), expected,
         !t.user.empty()});
}

// `fails`: what a person should know of it, for the given user.
void report(Control control, const ByUser& clients, const std::string& fails, const std::string& what_to_do,
            Findings& out) {
    for (const auto& [user, c] : clients) {
        if (!c.evidence.empty()) {
            auto f = failing(control, "client of " + who(user), "the client of " + who(user) + " " + fails,
                             c.evidence, {FixClass::never_automatic, what_to_do});
            f.severity = c.severity;
            out.push_back(std::move(f));
        }
        for (const auto& setting : c.unresolved)
            out.push_back(finding(control, Status::unknown, "client of " + who(user),
                                  "which engine " + printable(setting, 160) + " means is not known"));
    }
}

void report_problems(Control control, const Engines::Facts& facts, Findings& out) {
    for (const auto& [user, error] : facts.clients.problems)
        report_unknown(control, "client of " + who(user), error, out);
}

}  // namespace

void judge_clients_of_sockets(const Engines::Params& params, const Engines::Facts& facts, Findings& out) {
    const auto rootful = rootful_sockets(facts);
    const bool installed = facts.inventory.has("docker") || facts.inventory.has("podman");
    ByUser clients;
    for (const ClientTarget& t : facts.clients.targets) {
        const bool everybody = t.user.empty();
        if ((!everybody && t.uid == 0) || named(params.allowed_members, t.user))
            continue;
        const Reach reach = reach_of(t, rootful);
        if (reach == Reach::rootful)
            note(t, t.used && installed ? Severity::medium : Severity::low,
                 "the socket of the user's own engine", clients);
        else if (reach == Reach::unresolved)
            clients[t.user].unresolved.push_back(t.setting + " at " + t.source);
    }
    report(
        Control::socket_access, clients, "is pointed at the socket of a rootful engine",
        "unset the variable or change the context (`docker context use rootless`); rootless engines listen "
        "below /run/user/UID",
        out);
    report_problems(Control::socket_access, facts, out);
}

void judge_clients_of_tcp(const Engines::Params& params, const Engines::Facts& facts, Findings& out) {
    ByUser clients;
    for (const ClientTarget& t : facts.clients.targets) {
        if (!t.resolved)
            clients[t.user].unresolved.push_back(t.setting + " at " + t.source);
        if (!t.resolved || !is_network(t.host))
            continue;
        if (matched(params.allowed_listeners, address_of(t.host)) && (t.tls || !params.require_mutual_tls))
            continue;
        note(t,
             !t.used ? Severity::low
             : t.tls ? Severity::medium
                     : Severity::high,
             t.tls ? "a socket" : "a socket, or mutual TLS", clients);
    }
    report(Control::tcp, clients, "is pointed at an engine on the network",
           "unset the variable or remove the context (`docker context rm`), and use a socket or ssh://", out);
    report_problems(Control::tcp, facts, out);
}

}  // namespace plimsoll::modules::rootless
