// SPDX-License-Identifier: Apache-2.0
#include "modules/rootless/engines.hpp"

#include "core/base/text.hpp"
#include "modules/rootless/engines_judge.hpp"

#include <algorithm>

namespace plimsoll::modules::rootless {

const policy::ControlInfo& info(Control c) {
    return Engines::controls()[static_cast<std::size_t>(c)];
}

policy::Finding finding(Control c, policy::Status status, std::string subject, std::string message,
                        std::vector<policy::Evidence> evidence) {
    return policy::make_finding(info(c), status, std::move(subject), std::move(message), std::move(evidence));
}

policy::Finding failing(Control c, std::string subject, std::string message,
                        std::vector<policy::Evidence> evidence, policy::Fix fix) {
    auto f = finding(c, policy::Status::fail, std::move(subject), std::move(message), std::move(evidence));
    f.fix = std::move(fix);
    return f;
}

void report_unknown(Control c, const std::string& subject, const Error& error, Findings& out) {
    out.push_back(finding(c, policy::Status::unknown, subject, printable(error.message, 300)));
}

void report_unknown(Control c, const std::string& subject, const std::vector<Error>& errors, Findings& out) {
    for (const Error& e : errors)
        report_unknown(c, subject, e, out);
}

bool named(const std::vector<std::string>& list, std::string_view entry) {
    return std::ranges::find(list, entry) != list.end();
}

bool matched(const std::vector<std::string>& globs, const std::string& entry) {
    return std::ranges::any_of(globs, [&](const std::string& g) { return glob_match(g, entry); });
}

std::vector<SocketSetting> own_sockets(const Engines::Facts& facts) {
    auto out = socket_settings(facts.cri);
    std::ranges::move(socket_settings(facts.buildkit), std::back_inserter(out));
    return out;
}

Engines::Facts Engines::observe(const host::Host& host, const Params&, const policy::Provision&) {
    Facts f{.live = host.live()};
    f.inventory = take_inventory(host);
    f.docker = read_docker_config(host, f.inventory);
    f.sockets = read_sockets(host, f.inventory);
    f.cri = read_cri(host, f.inventory);
    f.buildkit = read_buildkit(host, f.inventory);
    f.podman = unit_commands(host, f.inventory, "podman");
    f.access = read_api_access(host, f.inventory, f.docker, f.sockets, own_sockets(f));
    f.remap = read_remap(host, f.docker);
    f.quadlets = read_quadlets(host);
    f.rootless = read_user_engines(host, f.inventory);
    f.clients = read_docker_clients(host);
    return f;
}

std::vector<policy::Finding> Engines::evaluate(const Params& params, const policy::Provision&,
                                               const Facts& facts, Time) {
    std::vector<policy::Finding> out;
    judge_rootful_daemon(params, facts, out);
    judge_socket_access(params, facts, out);
    judge_tcp(params, facts, out);
    judge_daemon_json(params, facts, out);
    judge_userns_remap(params, facts, out);
    judge_podman_socket(params, facts, out);
    judge_quadlets(params, facts, out);
    judge_docker_health(facts, out);
    judge_both_stacks(facts, out);
    judge_cri_defaults(params, facts, out);
    return out;
}

}  // namespace plimsoll::modules::rootless
