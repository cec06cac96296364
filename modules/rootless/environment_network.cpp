// SPDX-License-Identifier: Apache-2.0
// Verdict on the rootless network stack: B15.
#include "core/base/digest.hpp"
#include "core/base/text.hpp"
#include "modules/rootless/environment_judge.hpp"

#include <algorithm>

namespace plimsoll::modules::rootless {
namespace {

using policy::Evidence;
using policy::Finding;
using policy::Fix;
using policy::FixClass;
using policy::Status;

constexpr std::string_view command_key = "network.default_rootless_network_cmd";
constexpr std::string_view drop_in_content =
    "# Managed by Plimsoll for rootless.network-stack: edits are overwritten.\n"
    "[network]\ndefault_rootless_network_cmd = \"pasta\"\n";

constexpr std::string_view docker_network_variable = "DOCKERD_ROOTLESS_ROOTLESSKIT_NET";

struct Verdict {
    std::vector<Evidence> wrong{};
    std::vector<Error> unreadable{};
    bool command_wrong{false};  // what our drop-in can repair

    Status status() const {
        return !wrong.empty() ? Status::fail : unreadable.empty() ? Status::pass : Status::unknown;
    }
};

// Options by which a container reaches services that listen on the host's loopback only.
bool reaches_loopback(const std::vector<std::string>& options) {
    for (std::size_t i = 0; i < options.size(); ++i) {
        const std::string& o = options[i];
        const std::string next = i + 1 < options.size() ? options[i + 1] : "";
        if (o == "--map-gw" || o.starts_with("--map-gw=") || o == "-Tauto" || o == "-Uauto" ||
            o == "--tcp-ns=auto" || o == "--udp-ns=auto" || o == "allow_host_loopback=true")
            return true;
        if ((o == "-T" || o == "-U" || o == "--tcp-ns" || o == "--udp-ns") && next == "auto")
            return true;
    }
    return false;
}

void judge_options(const Effective& config, std::string_view key, Verdict& out) {
    const ConfSetting* s = config.find(key);
    const Array* elements = s != nullptr ? s->value.array() : nullptr;
    if (elements == nullptr)
        return;
    // "-T,auto" and "-T auto" are written as one element too.
    std::vector<std::string> options;
    for (const Value& e : *elements)
        if (const auto* text = e.string())
            for (const auto part : split(*text, ','))
                for (const auto w : words(part))
                    options.emplace_back(w);
    if (reaches_loopback(options))
        out.wrong.push_back(
            {s->source, std::string(key) + " = " + show_value(s->value), "no way to the host's loopback"});
}

Verdict judge_config(const EnvironmentFacts& facts, const ConfFiles& files, Layering layering,
                     const ConfOwner& owner) {
    Verdict out;
    const Effective config = merge_config(files, "containers", layering, owner);
    out.unreadable = config.unreadable;
    for (const std::string& why : config.refused)
        out.unreadable.push_back({Code::invalid_input, 0, why});
    const ConfSetting* s = config.find(command_key);
    const bool unset = s == nullptr || s->value == Value("");
    if (unset && facts.podman.older_than(5, 0)) {
        out.wrong.push_back(
            {"podman " + printable(*facts.podman.version, 40), "slirp4netns, its default", "pasta"});
        out.command_wrong = true;
    } else if (unset && facts.podman.present && !facts.podman.release()) {
        out.unreadable.push_back(
            {Code::unsupported, 0, "podman's version, and with it its default network, is not known"});
    } else if (!unset && !(s->value == Value("pasta"))) {
        out.wrong.push_back({s->source, std::string(command_key) + " = " + show_value(s->value), "pasta"});
        out.command_wrong = true;
    }
    judge_options(config, "network.pasta_options", out);
    judge_options(config, "engine.network_cmd_options", out);
    return out;
}

// Under every layering the installed podman may have; nullopt: they differ.
std::optional<Verdict> judge_owner(const EnvironmentFacts& facts, const ConfFiles& files,
                                   const ConfOwner& owner) {
    std::optional<Verdict> first;
    for (const Layering layering : facts.podman.layerings()) {
        Verdict v = judge_config(facts, files, layering, owner);
        if (first && first->status() != v.status())
            return std::nullopt;
        if (!first)
            first = std::move(v);
    }
    return first;
}

void judge_docker(const EnvironmentFacts& facts, const ConfOwner& owner, Verdict& out) {
    const auto user = facts.by_user.find(owner.name);
    if (user == facts.by_user.end())
        return;
    if (!user->second.docker_network) {
        out.unreadable.push_back(user->second.docker_network.error());
        return;
    }
    bool chosen = false;
    for (const NetworkSetting& s : user->second.docker_network->settings) {
        chosen = chosen || s.name == docker_network_variable;
        if (s.name == docker_network_variable && s.value == "slirp4netns")
            out.wrong.push_back({s.source, s.name + "=" + s.value, "pasta"});
        if (s.name.ends_with("DISABLE_HOST_LOOPBACK") && s.value == "false")
            out.wrong.push_back(
                {s.source, printable(s.name, 80) + "=false", "no way to the host's loopback"});
    }
    if (user->second.docker_network->unit && facts.slirp && !chosen)
        out.wrong.push_back({printable(owner.home) + "/.config/systemd/user/docker.service",
                             "slirp4netns, which dockerd-rootless.sh takes where it is installed",
                             std::string(docker_network_variable) + "=pasta"});
}

Fix network_fix(const EnvironmentFacts& facts, const ConfOwner& owner, const Verdict& docker) {
    if (facts.podman.older_than(4, 7))
        return {FixClass::never_automatic,
                "update podman: " + printable(*facts.podman.version, 40) +
                    " cannot be told to use pasta by default",
                {}};
    const std::string path(network_drop_in);
    const auto after =
        judge_owner(facts, with_file(facts.containers, path, std::string(drop_in_content)), owner);
    if (!after || after->status() != Status::pass || !docker.wrong.empty())
        return {FixClass::never_automatic,
                "correct what is listed by hand: no drop-in below /etc can overrule it",
                {}};
    const auto now = facts.containers.files.find(path);
    return {FixClass::live,
            "make pasta the default; containers created from then on use it",
            {policy::WriteFile{
                .path = path,
                .content = std::string(drop_in_content),
                .expect = now != facts.containers.files.end() ? sha256(now->second.text) : std::string()}}};
}

Finding owner_finding(const EnvironmentFacts& facts, const ConfOwner& owner) {
    const std::string subject = printable(owner.name);
    Verdict docker;
    judge_docker(facts, owner, docker);
    const auto podman = judge_owner(facts, facts.containers, owner);
    if (!podman && docker.wrong.empty())
        return unknown(Rule::network, subject,
                       {Code::unsupported, 0, "the result depends on podman's version, which is not known"});
    std::vector<Evidence> wrong = podman ? podman->wrong : std::vector<Evidence>{};
    wrong.insert(wrong.end(), docker.wrong.begin(), docker.wrong.end());
    for (const auto& unreadable : {podman ? podman->unreadable : std::vector<Error>{}, docker.unreadable})
        if (wrong.empty() && !unreadable.empty())
            return unknown(Rule::network, subject, unreadable.front());
    if (wrong.empty())
        return make_finding(info(Rule::network), Status::pass, subject, "nothing but pasta is configured");
    const bool stack = !podman || podman->command_wrong;
    Finding f = make_finding(info(Rule::network), Status::fail, subject,
                             stack ? "rootless networks do not run on pasta"
                                   : "rootless networks are configured against the baseline",
                             std::move(wrong));
    f.fix = network_fix(facts, owner, docker);
    return f;
}

// What runs and what is installed, whatever the configuration says.
void judge_host(const EnvironmentCase& c, Findings& out) {
    if (c.facts.slirp_processes && !c.facts.slirp_processes->empty()) {
        std::vector<Evidence> evidence;
        for (const std::string& p : *c.facts.slirp_processes)
            evidence.push_back({p, "slirp4netns", "pasta"});
        out.push_back(by_hand(Rule::network, "slirp4netns", "containers run on slirp4netns",
                              "make these containers anew once pasta is the default", std::move(evidence)));
    }
    if (!c.facts.slirp_processes && c.facts.live)
        out.push_back(unknown(Rule::network, "processes", c.facts.slirp_processes.error()));
    if (const auto release = c.facts.podman.release(); release && release->first >= 5 && !c.facts.pasta)
        out.push_back(
            by_hand(Rule::network, "pasta", "podman needs pasta for rootless networks; it is not installed",
                    "install the package passt", {{"/usr/bin/pasta", "no such file", "installed"}}));
}

}  // namespace

Findings judge_network(const EnvironmentCase& c) {
    Findings out;
    judge_host(c, out);
    if (!c.facts.podman.present && !c.facts.docker && c.facts.containers.files.empty()) {
        if (out.empty())
            out.push_back(make_finding(info(Rule::network), Status::not_applicable, "host",
                                       "no rootless engine is installed"));
        return out;
    }
    if (!c.facts.users)
        out.push_back(unknown(Rule::network, "users", c.facts.users.error()));
    else
        for (const RootlessUser& u : *c.facts.users)
            out.push_back(owner_finding(c.facts, {u.name, u.uid, u.home}));
    // The system's files speak for users to come.
    if (out.empty())
        out.push_back(owner_finding(c.facts, {"users", 65534, ""}));
    return out;
}

}  // namespace plimsoll::modules::rootless
