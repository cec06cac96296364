// SPDX-License-Identifier: Apache-2.0
// Verdicts on how dockerd is configured.
#include "core/base/text.hpp"
#include "modules/rootless/engines_judge.hpp"

#include <algorithm>

namespace plimsoll::modules::rootless {
namespace {

using policy::Evidence;
using policy::Fix;
using policy::FixClass;
using policy::Severity;
using policy::Status;

struct Defect {
    Evidence evidence{};
    std::optional<JsonEdit> edit{};  // nullopt: stands on the command line, which we do not edit
};

// What strconv.ParseBool takes, as dockerd reads its flags; nullopt for anything else.
std::optional<bool> go_bool(std::string_view s) {
    static constexpr std::string_view yes[] = {"1", "t", "T", "true", "TRUE", "True"};
    static constexpr std::string_view no[] = {"0", "f", "F", "false", "FALSE", "False"};
    if (std::ranges::find(yes, s) != std::end(yes))
        return true;
    if (std::ranges::find(no, s) != std::end(no))
        return false;
    return std::nullopt;
}

std::string shown(const Value& v) {
    if (const auto* b = v.boolean())
        return *b ? "true" : "false";
    if (const auto* s = v.string())
        return "\"" + printable(*s, 60) + "\"";
    return std::string(v.type_name());
}

class Audit {
  public:
    Audit(const DaemonJson& json, const std::vector<DockerFlag>& flags) : json_(json), flags_(flags) {}

    // A key that must have this value; `standard` is dockerd's own when it is not set.
    void boolean(const std::string& key, bool want, bool standard) {
        const std::string expected = key + " " + (want ? "true" : "false");
        if (on_command_line(key)) {
            for (const DockerFlag& f : flags_)
                if (f.key == key && go_bool(f.value) != want)
                    defects_.push_back(
                        {{f.source, "--" + key + "=" + printable(f.value, 40), expected}, std::nullopt});
            return;
        }
        const Value* v = json_.find(key);
        if (v == nullptr ? standard == want : v->boolean() != nullptr && *v->boolean() == want)
            return;
        defects_.push_back({{json_.place(key),
                             v == nullptr ? key + " not set, which means " + (standard ? "true" : "false")
                                          : key + " " + shown(*v),
                             expected},
                            JsonEdit{key, Value(want)}});
    }

    // A key that must not have this value. `repair` null: the key is removed.
    void forbidden(const std::string& key, const std::string& bad, const std::string& expected,
                   const Value& repair) {
        for (const DockerFlag& f : flags_)
            if (f.key == key && f.value == bad)
                defects_.push_back({{f.source, "--" + key + "=" + bad, expected}, std::nullopt});
        const Value* v = json_.find(key);
        if (v != nullptr && (v->string() == nullptr || *v->string() == bad))
            defects_.push_back({{json_.place(key), key + " " + shown(*v), expected}, JsonEdit{key, repair}});
    }

    // A list of which every entry must match one of the patterns.
    void list(const std::string& key, const std::vector<std::string>& allowed) {
        for (const DockerFlag& f : flags_)
            if (f.key == key && !matched(allowed, f.value))
                defects_.push_back(
                    {{f.source, "--" + key + " " + printable(f.value, 80), "only what the policy names"},
                     std::nullopt});
        const Value* v = json_.find(key);
        if (v == nullptr)
            return;
        if (v->array() == nullptr) {
            defects_.push_back({{json_.place(key), key + " is " + std::string(v->type_name()), "an array"},
                                JsonEdit{key, Value()}});
            return;
        }
        Array kept;
        std::string bad;
        for (const Value& e : *v->array())
            if (e.string() != nullptr && matched(allowed, *e.string()))
                kept.push_back(e);
            else
                bad += (bad.empty() ? "" : ", ") + shown(e);
        if (bad.empty())
            return;
        defects_.push_back(
            {{json_.place(key), key + ": " + printable(bad, 120), "only what the policy names"},
             JsonEdit{key, kept.empty() ? Value() : Value(std::move(kept))}});
    }

    // dockerd refuses to start when a key stands in both places.
    void conflicts() {
        std::vector<std::string_view> told;
        for (const DockerFlag& f : flags_) {
            if (json_.find(f.key) == nullptr || std::ranges::find(told, f.key) != told.end())
                continue;
            told.push_back(f.key);
            defects_.push_back({{json_.place(f.key), printable(f.key, 40) + " is also set by " + f.source,
                                 "set in one place: dockerd refuses to start"},
                                std::nullopt});
        }
    }

    // A value of another type stops dockerd.
    void array(const std::string& key) {
        if (const Value* v = json_.find(key); v != nullptr && v->array() == nullptr)
            defects_.push_back(
                {{json_.place(key), key + " is " + std::string(v->type_name()), "an array"}, std::nullopt});
    }

    [[nodiscard]] const std::vector<Defect>& defects() const { return defects_; }

  private:
    bool on_command_line(std::string_view key) const {
        return std::ranges::find(flags_, key, &DockerFlag::key) != flags_.end();
    }

    const DaemonJson& json_;
    const std::vector<DockerFlag>& flags_;
    std::vector<Defect> defects_;
};

// What is wrong with either kind of dockerd.
void audit_common(const Engines::Params& params, Audit& audit) {
    audit.forbidden("seccomp-profile", "unconfined", "a profile", Value());
    audit.forbidden("default-cgroupns-mode", "host", "private", Value("private"));
    audit.forbidden("log-driver", "none", "a log driver", Value());
    audit.boolean("experimental", false, false);
    audit.list("insecure-registries", params.allowed_insecure_registries);
    audit.list("registry-mirrors", params.allowed_mirrors);
    audit.list("allow-nondistributable-artifacts", {});
}

void audit_rootful(const Engines::Params& params, const DockerConfig& docker, Audit& audit) {
    if (params.no_new_privileges)
        audit.boolean("no-new-privileges", true, false);
    if (params.no_icc)
        audit.boolean("icc", false, true);
    if (params.live_restore && !docker.swarm)
        audit.boolean("live-restore", true, false);
    if (params.no_userland_proxy)
        audit.boolean("userland-proxy", false, true);
    if (params.selinux && docker.selinux)
        audit.boolean("selinux-enabled", true, false);
    audit_common(params, audit);
    audit.array("hosts");
    audit.conflicts();
}

std::vector<Evidence> evidence_of(const std::vector<Defect>& defects) {
    std::vector<Evidence> out;
    for (const Defect& d : defects)
        out.push_back(d.evidence);
    return out;
}

bool rootful_docker_runs(const Engines::Facts& facts) {
    return facts.inventory.processes &&
           std::ranges::any_of(*facts.inventory.processes,
                               [](const EngineProcess& p) { return p.engine == "docker" && p.rootful(); });
}

Fix json_fix(const Engines::Facts& facts, const std::vector<Defect>& defects) {
    std::vector<JsonEdit> edits;
    for (const Defect& d : defects) {
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

void judge_rootful_json(const Engines::Params& params, const Engines::Facts& facts, Findings& out) {
    const DockerConfig& docker = facts.docker;
    const auto rootful = facts.inventory.rootful("docker");
    if (!docker.json.text && !docker.json.problem && rootful == false)
        return;
    report_unknown(Control::daemon_json, "docker.service", docker.problems, out);
    if (!docker.json.text && !docker.json.problem && !rootful && !facts.inventory.has("docker")) {
        out.push_back(finding(Control::daemon_json, Status::unknown, docker.json.path,
                              "whether a rootful dockerd is there could not be observed"));
        return;
    }
    if (!judge_file(docker.json, out))
        return;
    Audit audit(docker.json, docker.flags);
    audit_rootful(params, docker, audit);
    if (audit.defects().empty()) {
        out.push_back(finding(Control::daemon_json, Status::pass, docker.json.path, "keeps to the baseline"));
        return;
    }
    out.push_back(
        failing(Control::daemon_json, docker.json.path,
                std::to_string(audit.defects().size()) + " settings of dockerd are outside the baseline",
                evidence_of(audit.defects()), json_fix(facts, audit.defects())));
}

void judge_user_json(const Engines::Params& params, const UserDocker& user, Findings& out) {
    if ((!user.json.text && !user.json.problem) || !judge_file(user.json, out))
        return;
    static const std::vector<DockerFlag> no_flags;
    Audit audit(user.json, no_flags);
    audit_common(params, audit);
    const std::string path = printable(user.json.path);
    if (audit.defects().empty())
        out.push_back(
            finding(Control::daemon_json, Status::pass, path, "keeps to the baseline of rootless dockerd"));
    else
        out.push_back(failing(
            Control::daemon_json, path, "settings of " + user.user + "'s dockerd weaken its containers",
            evidence_of(audit.defects()),
            {FixClass::never_automatic,
             "as " + user.user + ": correct the file, then systemctl --user restart docker"}));
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

}  // namespace

void judge_daemon_json(const Engines::Params& params, const Engines::Facts& facts, Findings& out) {
    const auto before = out.size();
    judge_rootful_json(params, facts, out);
    for (const UserDocker& user : facts.users)
        judge_user_json(params, user, out);
    if (out.size() == before)
        out.push_back(finding(Control::daemon_json, Status::not_applicable, facts.docker.json.path,
                              "no rootful dockerd and no such file"));
}

void judge_userns_remap(const Engines::Params& params, const Engines::Facts& facts, Findings& out) {
    const Remap& remap = facts.remap;
    const auto rootful = facts.inventory.rootful("docker");
    const std::string subject = "dockerd";
    if (facts.docker.json.problem) {
        report_unknown(Control::userns_remap, subject, *facts.docker.json.problem, out);
    } else if (remap.problem) {
        report_unknown(Control::userns_remap, subject, *remap.problem, out);
    } else if (!remap.value.empty()) {
        bool host_root = false;
        auto faults = remap_faults(remap, host_root);
        if (faults.empty()) {
            out.push_back(
                finding(Control::userns_remap, Status::pass, subject,
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
    } else if (rootful == false) {
        out.push_back(
            finding(Control::userns_remap, Status::not_applicable, subject, "no rootful dockerd is active"));
    } else if (!rootful || !facts.docker.problems.empty()) {
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
