// SPDX-License-Identifier: Apache-2.0
// Verdict on the rootless network stack: B15.
#include "core/base/digest.hpp"
#include "core/base/text.hpp"
#include "modules/rootless/environment_judge.hpp"
#include "modules/rootless/podman_options.hpp"

#include <algorithm>
#include <iterator>

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

// The options of pasta(1) and podman-run(1) by which a container reaches services that listen on the host's
// loopback only. (--host-lo-to-ns-lo is none: it lets the host reach the container's.)
bool reaches_loopback(std::string_view option, std::string_view value) {
    if (option == "--map-gw")
        return true;
    if (option == "--map-host-loopback" || option == "--tcp-ns" || option == "--udp-ns" || option == "-T" ||
        option == "-U")
        return value != "none";
    return option == "allow_host_loopback" && is_truthy(value);
}

// The option a word holds, and its value where that is in the same word: "-Tauto", "--tcp-ns=auto".
std::pair<std::string_view, std::optional<std::string_view>> option_of(std::string_view word) {
    if ((word.starts_with("-T") || word.starts_with("-U")) && word.size() > 2)
        return {word.substr(0, 2), word.substr(word[2] == '=' ? 3 : 2)};
    const auto eq = word.find('=');
    if (eq == std::string_view::npos)
        return {word, std::nullopt};
    return {word.substr(0, eq), word.substr(eq + 1)};
}

// As podman separates them: "-T,auto" and "-T auto" in one string, or two.
bool reaches_loopback(const std::vector<std::string>& text) {
    std::vector<std::string_view> options;
    for (const std::string& t : text)
        for (const auto part : split(t, ','))
            std::ranges::move(words(part), std::back_inserter(options));
    for (std::size_t i = 0; i < options.size(); ++i) {
        const auto [option, value] = option_of(options[i]);
        const std::string_view next = i + 1 < options.size() ? options[i + 1] : std::string_view();
        if (reaches_loopback(option, value.value_or(next)))
            return true;
    }
    return false;
}

// What a container's network should be instead of that one ("pasta:--map-gw"); empty: it is fine.
std::string better_network(std::string_view mode) {
    const auto colon = mode.find(':');
    const auto program = mode.substr(0, colon);
    if (program == "slirp4netns")
        return "pasta";
    const bool options = program == "pasta" && colon != std::string_view::npos;
    return options && reaches_loopback({std::string(mode.substr(colon + 1))})
               ? "no way to the host's loopback"
               : "";
}

void judge_options(const Effective& config, std::string_view key, Verdict& out) {
    const ConfSetting* s = config.find(key);
    const Array* elements = s != nullptr ? s->value.array() : nullptr;
    if (elements == nullptr)
        return;
    std::vector<std::string> options;
    for (const Value& e : *elements)
        if (const auto* text = e.string())
            options.push_back(*text);
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
    if (const ConfSetting* n = config.find("containers.netns"); n != nullptr && n->value.string() != nullptr)
        if (const auto better = better_network(*n->value.string()); !better.empty())
            out.wrong.push_back({n->source, "containers.netns = " + show_value(n->value), better});
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

void judge_docker(const UserDockerNetwork& docker, bool slirp, Verdict& out) {
    bool chosen = false;
    for (const NetworkSetting& s : docker.settings) {
        chosen = chosen || s.name == docker_network_variable;
        if (s.name == docker_network_variable && (s.value == "slirp4netns" || s.value == "host"))
            out.wrong.push_back({s.source, s.name + "=" + s.value, "pasta"});
        if (s.name.ends_with("DISABLE_HOST_LOOPBACK") && s.value == "false")
            out.wrong.push_back(
                {s.source, printable(s.name, 80) + "=false", "no way to the host's loopback"});
    }
    if (!docker.unit.empty() && slirp && !chosen)
        out.wrong.push_back({printable(docker.unit),
                             "slirp4netns, which dockerd-rootless.sh takes where it is installed",
                             std::string(docker_network_variable) + "=pasta"});
}

// What one user's units and quadlets say; files for all cannot overrule it.
Verdict judge_own(const EnvironmentFacts& facts, const ConfOwner& owner) {
    Verdict out;
    const auto user = facts.by_user.find(owner.name);
    if (user == facts.by_user.end())
        return out;
    if (const auto& docker = user->second.docker_network)
        judge_docker(*docker, facts.slirp, out);
    else
        out.unreadable.push_back(docker.error());
    for (const NetworkSetting& s : user->second.quadlet_networks)
        if (const auto better = better_network(s.value); !better.empty())
            out.wrong.push_back({printable(s.source), printable(s.name, 120), better});
    const auto& problems = user->second.quadlet_problems;
    out.unreadable.insert(out.unreadable.end(), problems.begin(), problems.end());
    return out;
}

Fix network_fix(const EnvironmentFacts& facts, const ConfOwner& owner, const Verdict& own) {
    if (facts.podman.older_than(4, 7))
        return {FixClass::never_automatic,
                "update podman: " + printable(*facts.podman.version, 40) +
                    " cannot be told to use pasta by default",
                {}};
    const std::string path(network_drop_in);
    const auto after =
        judge_owner(facts, with_file(facts.containers, path, std::string(drop_in_content)), owner);
    if (!after || after->status() != Status::pass || !own.wrong.empty())
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
    const Verdict own = judge_own(facts, owner);
    const auto podman = judge_owner(facts, facts.containers, owner);
    if (!podman && own.wrong.empty())
        return unknown(Rule::network, subject,
                       {Code::unsupported, 0, "the result depends on podman's version, which is not known"});
    std::vector<Evidence> wrong = podman ? podman->wrong : std::vector<Evidence>{};
    wrong.insert(wrong.end(), own.wrong.begin(), own.wrong.end());
    for (const auto& unreadable : {podman ? podman->unreadable : std::vector<Error>{}, own.unreadable})
        if (wrong.empty() && !unreadable.empty())
            return unknown(Rule::network, subject, unreadable.front());
    if (wrong.empty())
        return make_finding(info(Rule::network), Status::pass, subject, "nothing but pasta is configured");
    const bool stack = !podman || podman->command_wrong;
    Finding f = make_finding(info(Rule::network), Status::fail, subject,
                             stack ? "rootless networks do not run on pasta"
                                   : "rootless networks are configured against the baseline",
                             std::move(wrong));
    f.fix = network_fix(facts, owner, own);
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
