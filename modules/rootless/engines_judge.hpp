// SPDX-License-Identifier: Apache-2.0
// The verdicts of the Engines module, one function per control. Each appends at least one finding.
#pragma once
#include "modules/rootless/engines.hpp"

#include <optional>
#include <string>
#include <vector>

namespace plimsoll::modules::rootless {

using Findings = std::vector<policy::Finding>;

// The controls, in catalogue order; indexes into Engines::controls().
enum class Control {
    rootful_daemon,
    socket_access,
    tcp,
    daemon_json,
    userns_remap,
    podman_socket,
    quadlets,
    docker_health,
    both_stacks,
    cri_defaults
};

[[nodiscard]] const policy::ControlInfo& info(Control c);

// Shorthand for make_finding() with one of ours.
[[nodiscard]] policy::Finding finding(Control c, policy::Status status, std::string subject,
                                      std::string message, std::vector<policy::Evidence> evidence = {});

// A failing finding with its fix.
[[nodiscard]] policy::Finding failing(Control c, std::string subject, std::string message,
                                      std::vector<policy::Evidence> evidence, policy::Fix fix);

// One `unknown` per error.
void report_unknown(Control c, const std::string& subject, const std::vector<Error>& errors, Findings& out);
void report_unknown(Control c, const std::string& subject, const Error& error, Findings& out);

[[nodiscard]] bool named(const std::vector<std::string>& list, std::string_view entry);
[[nodiscard]] bool matched(const std::vector<std::string>& globs, const std::string& entry);

// Changes that keep a unit from being started and stop it: masks it and takes its links away. nullopt when
// that would need a file of the administrator's replaced or a vendor's link removed.
[[nodiscard]] std::optional<std::vector<policy::Change>> take_down(
    const std::vector<const EngineUnit*>& units, bool live);

// The drop-in of ours for a unit, named so that it sorts after the others that it has.
[[nodiscard]] std::string drop_in_path(const std::string& unit, const std::string& topic,
                                       const std::vector<std::string>& others);

// What containerd and buildkitd are told of the sockets that they make by themselves.
[[nodiscard]] std::vector<SocketSetting> own_sockets(const Engines::Facts& facts);

void judge_rootful_daemon(const Engines::Params& params, const Engines::Facts& facts, Findings& out);
void judge_socket_access(const Engines::Params& params, const Engines::Facts& facts, Findings& out);
void judge_tcp(const Engines::Params& params, const Engines::Facts& facts, Findings& out);
// Their parts that look at users' clients; nothing when no client is pointed anywhere.
void judge_clients_of_sockets(const Engines::Params& params, const Engines::Facts& facts, Findings& out);
void judge_clients_of_tcp(const Engines::Params& params, const Engines::Facts& facts, Findings& out);
void judge_daemon_json(const Engines::Params& params, const Engines::Facts& facts, Findings& out);
void judge_userns_remap(const Engines::Params& params, const Engines::Facts& facts, Findings& out);
void judge_podman_socket(const Engines::Params& params, const Engines::Facts& facts, Findings& out);
void judge_quadlets(const Engines::Params& params, const Engines::Facts& facts, Findings& out);
void judge_docker_health(const Engines::Facts& facts, Findings& out);
void judge_both_stacks(const Engines::Facts& facts, Findings& out);
void judge_cri_defaults(const Engines::Params& params, const Engines::Facts& facts, Findings& out);

}  // namespace plimsoll::modules::rootless
