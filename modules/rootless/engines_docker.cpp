// SPDX-License-Identifier: Apache-2.0
// Verdicts on how dockerd is configured.
#include "core/base/text.hpp"
#include "modules/rootless/docker_audit.hpp"
#include "modules/rootless/engines_judge.hpp"

#include <algorithm>

namespace plimsoll::modules::rootless {
namespace {

using policy::Evidence;
using policy::Fix;
using policy::FixClass;
using policy::Severity;
using policy::Status;

// What is wrong with either kind of dockerd.
void audit_common(const Engines::Params& params, DockerAudit& audit) {
    audit.seccomp_profile();
    audit.forbidden("default-cgroupns-mode", "host", "private", Value("private"));
    audit.forbidden("log-driver", "none", "a log driver", Value());
    audit.boolean("experimental", false, false);
    audit.list("insecure-registries", params.allowed_insecure_registries);
    audit.list("registry-mirrors", params.allowed_mirrors);
    audit.list("allow-nondistributable-artifacts", {});
    audit.list("authorization-plugins", params.allowed_plugins);
    audit.runtimes(params.allowed_runtimes);
    audit.features();
    audit.array("hosts");
    audit.conflicts();
    audit.keys();
}

void audit_rootful(const Engines::Params& params, const DockerConfig& docker, DockerAudit& audit) {
    if (params.no_new_privileges)
        audit.boolean("no-new-privileges", true, false);
    if (params.no_icc)
        audit.boolean("icc", false, true);
    if (params.live_restore && docker.swarm && !*docker.swarm)
        audit.boolean("live-restore", true, false);
    if (params.no_userland_proxy)
        audit.boolean("userland-proxy", false, true);
    if (params.selinux && docker.selinux && *docker.selinux)
        audit.boolean("selinux-enabled", true, false);
    if (params.bounded_logs)
        audit.logs();
    audit.ulimits(params.require_ulimits);
    audit.guard(docker.json_chain);
    audit_common(params, audit);
}

std::vector<Evidence> evidence_of(const std::vector<DockerDefect>& defects) {
    std::vector<Evidence> out;
    for (const DockerDefect& d : defects)
        out.push_back(d.evidence);
    return out;
}

bool rootful_docker_runs(const Engines::Facts& facts) {
    return facts.inventory.processes &&
           std::ranges::any_of(*facts.inventory.processes,
                               [](const EngineProcess& p) { return p.engine == "docker" && p.rootful(); });
}

Fix json_fix(const Engines::Facts& facts, const std::vector<DockerDefect>& defects) {
    if (std::ranges::any_of(defects, &DockerDefect::by_hand))
        return {FixClass::never_automatic,
                "correct " + facts.docker.json.path + " by hand, then restart dockerd"};
    std::vector<JsonEdit> edits;
    for (const DockerDefect& d : defects) {
        if (!d.edit)
            return {
                FixClass::never_automatic,
                "change what the unit's command line or environment file sets (a key set there must not be "
                "repeated in daemon.json), then restart dockerd"};
        edits.push_back(*d.edit);
    }
    Fix fix{FixClass::service_restart,
            "set the keys in " + facts.docker.json.path + " and restart dockerd",
            {edit_daemon_json(facts.docker.json, edits)}};
    if (rootful_docker_runs(facts))
        fix.changes.emplace_back(policy::UnitAction{policy::UnitAction::Verb::restart, "docker.service"});
    return fix;
}

// false: there is nothing to judge in it.
bool judge_file(const DaemonJson& json, Findings& out) {
    if (!json.problem)
        return true;
    if (!json.damaged) {
        report_unknown(Control::daemon_json, json.path, *json.problem, out);
        return false;
    }
    out.push_back(failing(Control::daemon_json, json.path,
                          "dockerd cannot read it, or not everybody reads it alike",
                          {{json.path, printable(json.problem->message, 200), "one strict JSON object"}},
                          {FixClass::never_automatic, "repair the file by hand"}));
    return false;
}

// What keeps one from saying that a rootful dockerd is set well.
std::vector<Error> doubts_of(const Engines::Params& params, const Engines::Facts& facts,
                             const DockerAudit& audit) {
    std::vector<Error> out = facts.docker.problems;
    out.insert(out.end(), facts.inventory.unit_problems.begin(), facts.inventory.unit_problems.end());
    if (!facts.inventory.processes)
        out.push_back(facts.inventory.processes.error());
    if (params.selinux && !facts.docker.selinux)
        out.push_back(facts.docker.selinux.error());
    if (params.live_restore && !facts.docker.swarm)
        out.push_back(facts.docker.swarm.error());
    out.insert(out.end(), audit.doubts().begin(), audit.doubts().end());
    return out;
}

// Not a fault as such: a dockerd that is newer than this table may know them.
void report_unknown_keys(const std::string& subject, const DockerAudit& audit, Findings& out) {
    if (audit.unknown_keys().empty())
        return;
    auto f = finding(Control::daemon_json, Status::unknown, subject,
                     "dockerd refuses to start with a key that it does not know", audit.unknown_keys());
    f.severity = Severity::low;
    out.push_back(std::move(f));
}

void judge_rootful_json(const Engines::Params& params, const Engines::Facts& facts, Findings& out) {
    const DockerConfig& docker = facts.docker;
    const auto rootful = facts.inventory.rootful("docker");
    if (!docker.json.text && !docker.json.problem && rootful == false)
        return;
    if (!docker.json.text && !docker.json.problem && !rootful && !facts.inventory.has("docker")) {
        out.push_back(finding(Control::daemon_json, Status::unknown, docker.json.path,
                              "whether a rootful dockerd is there could not be observed"));
        return;
    }
    if (!judge_file(docker.json, out))
        return;
    DockerAudit audit(docker.json, docker.flags, docker.files, 0);
    audit_rootful(params, docker, audit);
    const auto doubts = doubts_of(params, facts, audit);
    report_unknown(Control::daemon_json, "dockerd", doubts, out);
    report_unknown_keys("dockerd", audit, out);
    if (!audit.defects().empty()) {
        auto f =
            failing(Control::daemon_json, docker.json.path,
                    std::to_string(audit.defects().size()) + " settings of dockerd are outside the baseline",
                    evidence_of(audit.defects()), json_fix(facts, audit.defects()));
        if (audit.replaceable())
            f.severity = Severity::high;
        out.push_back(std::move(f));
    } else if (doubts.empty() && audit.unknown_keys().empty()) {
        out.push_back(finding(Control::daemon_json, Status::pass, docker.json.path, "keeps to the baseline"));
    }
}

void judge_user_json(const Engines::Params& params, const UserDocker& user, Findings& out) {
    const bool nothing = !user.json.text && !user.json.problem && user.flags.empty() && !user.problem;
    if (nothing || !judge_file(user.json, out))
        return;
    DockerAudit audit(user.json, user.flags, user.files, user.uid);
    audit_common(params, audit);
    const std::string path = printable(user.json.path);
    report_unknown(Control::daemon_json, path, audit.doubts(), out);
    report_unknown_keys(path, audit, out);
    if (user.problem)
        report_unknown(Control::daemon_json, path, *user.problem, out);
    if (!audit.defects().empty())
        out.push_back(failing(
            Control::daemon_json, path, "settings of " + user.user + "'s dockerd weaken its containers",
            evidence_of(audit.defects()),
            {FixClass::never_automatic,
             "as " + user.user + ": correct the file, then systemctl --user restart docker"}));
    else if (audit.doubts().empty() && audit.unknown_keys().empty() && !user.problem)
        out.push_back(
            finding(Control::daemon_json, Status::pass, path, "keeps to the baseline of rootless dockerd"));
}

// ---- userns-remap ----

std::vector<Evidence> remap_faults(const Remap& remap, bool& host_root) {
    std::vector<Evidence> out;
    if (remap.user == "root" || remap.uid == 0U) {
        out.push_back({remap.source, "userns-remap: " + printable(remap.value, 60),
                       "another user than root: dockerd then remaps nothing and only warns"});
        return out;
    }
    if (!remap.uid && remap.user != "dockremap")
        out.push_back({remap.source, "no account " + printable(remap.user, 60), "an existing account"});
    for (const auto& [path, ranges] :
         {std::pair{"/etc/subuid", &remap.subuid}, {"/etc/subgid", &remap.subgid}}) {
        if (ranges->empty())
            out.push_back(
                {path, "no range for " + printable(remap.user, 60),
                 "a range given out beforehand: dockerd would look for a free one by itself, and no "
                 "further than at its own entries"});
        for (const RemapRange& r : *ranges)
            if (r.ids.contains(std::uint64_t{0})) {
                out.push_back({r.source, r.text + " maps host id 0", "a range without host root"});
                host_root = true;
            }
    }
    return out;
}

void judge_remap_that_is_set(const Remap& remap, bool hidden, const std::string& subject, Findings& out) {
    bool host_root = false;
    auto faults = remap_faults(remap, host_root);
    if (faults.empty()) {
        out.push_back(
            hidden ? finding(Control::userns_remap, Status::unknown, subject,
                             "whether dockerd's command line sets another could not be observed")
                   : finding(Control::userns_remap, Status::pass, subject,
                             "remaps to " + printable(remap.user, 60) + "; dockerd itself is still root"));
        return;
    }
    auto f = failing(Control::userns_remap, subject, "userns-remap is set, but does not separate",
                     std::move(faults),
                     {FixClass::never_automatic,
                      "give the user ranges of its own, or unset userns-remap; "
                      "dockerd changes its data directory with it"});
    if (host_root)
        f.severity = Severity::critical;
    out.push_back(std::move(f));
}

}  // namespace

void judge_daemon_json(const Engines::Params& params, const Engines::Facts& facts, Findings& out) {
    const auto before = out.size();
    judge_rootful_json(params, facts, out);
    for (const UserDocker& user : facts.rootless.users)
        judge_user_json(params, user, out);
    if (out.size() == before)
        out.push_back(finding(Control::daemon_json, Status::not_applicable, facts.docker.json.path,
                              "no rootful dockerd and no such file"));
}

void judge_userns_remap(const Engines::Params& params, const Engines::Facts& facts, Findings& out) {
    const Remap& remap = facts.remap;
    const auto rootful = facts.inventory.rootful("docker");
    const std::string subject = "dockerd";
    const bool hidden = !facts.docker.problems.empty() || !facts.inventory.unit_problems.empty() ||
                        !facts.inventory.processes;
    if (facts.docker.json.problem) {
        report_unknown(Control::userns_remap, subject, *facts.docker.json.problem, out);
    } else if (!remap.refused.empty()) {
        out.push_back(failing(Control::userns_remap, subject, "dockerd refuses to start with userns-remap",
                              {{remap.source, remap.refused, "a text: USER, or USER:GROUP"}},
                              {FixClass::never_automatic, "correct userns-remap, or unset it"}));
    } else if (remap.problem) {
        report_unknown(Control::userns_remap, subject, *remap.problem, out);
    } else if (!remap.value.empty()) {
        judge_remap_that_is_set(remap, hidden, subject, out);
    } else if (rootful == false) {
        out.push_back(
            finding(Control::userns_remap, Status::not_applicable, subject, "no rootful dockerd is active"));
    } else if (!rootful || hidden) {
        out.push_back(
            finding(Control::userns_remap, Status::unknown, subject,
                    "whether a rootful dockerd is active, and how it is set, could not be observed"));
    } else if (params.require_remap) {
        out.push_back(failing(Control::userns_remap, subject, "containers' root is the host's root",
                              {{facts.docker.json.path, "userns-remap not set", "userns-remap set"}},
                              {FixClass::never_automatic,
                               "go rootless, or plan the move: dockerd changes its data "
                               "directory with userns-remap"}));
    } else {
        out.push_back(finding(Control::userns_remap, Status::pass, subject,
                              "off, as it says: containers' root is the host's root"));
    }
}

}  // namespace plimsoll::modules::rootless
