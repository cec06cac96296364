// SPDX-License-Identifier: Apache-2.0
#include "agentctl/command_line.hpp"

#include "core/base/text.hpp"

#include <algorithm>
#include <array>

namespace plimsoll::agentctl {
namespace {

constexpr std::array<ExitCode, 5> codes{{
    {exit_inside, "the host is inside its line, or what was asked for is done"},
    {exit_outside, "at least one control fails, or a change could not be carried out"},
    {exit_usage, "wrong usage, or a policy that is refused"},
    {exit_unobserved,
     "nothing fails, but something required could not be observed, or no daemon answers a verb that asks it"},
    {exit_not_permitted, "the caller may not do this"},
}};

OptionSpec enforced_option() {
    return {"--enforced", &Options::enforced, "",
            "Only controls that the policy sets to mode enforce; without it, those in mode audit too"};
}

VerbSpec check_verb() {
    return {
        "check",
        "Judge the host against its line",
        "Observes the host and shows, for every control that the policy does not switch off, whether the "
        "host is inside its line, with the evidence. Nothing is changed, not even our own state "
        "directory.\n\n"
        "With --root DIR the files of an unpacked image or a fixture are judged; what only a running host "
        "can tell is then not-applicable or unknown, never a pass.",
        {},
        {{"sudo agentctl check", "the running host, with its own policy"},
         {"agentctl check --root /srv/image --json", "an image in a pipeline, for a program"},
         {"agentctl check --control 'subuid.*' -v", "one concern, passing controls too"},
         {"agentctl check --format sarif > plimsoll.sarif", "for a code scanning view"}},
        {"table", "json", "sarif", "junit"}};
}

VerbSpec plan_verb() {
    return {
        "plan",
        "Show every change that would bring the host inside its line",
        "For every failing finding: its fix, with the class of the fix (what it costs) and the mode of its "
        "control. Files are shown as a unified diff, everything else as old value -> new value. What only a "
        "person can do is listed as \"by hand\". Nothing is changed. The exit status is that of check.",
        {enforced_option()},
        {{"sudo agentctl plan", "what apply would do, and what it would leave to you"},
         {"sudo agentctl plan --enforced", "only what the policy wants enforced"},
         {"agentctl plan --root /srv/image --json", "for a program"}}};
}

VerbSpec apply_verb() {
    return {
        "apply",
        "Carry out the plan, one fix at a time",
        "Shows what it is about to do and asks, unless --yes is given. Carries out the first fix that it "
        "may, "
        "observes the host again, and goes on until nothing is left; stops at the first fix that does not "
        "do what it promised, and says how to undo. Every change is in the journal before it is made.\n\n"
        "Only fixes of class live (no restart, reversible) are carried out, unless --allow names more. What "
        "is never automatic stays with you.",
        {enforced_option(),
         {"-y,--yes", &Options::yes, "", "Do not ask"},
         {"--allow",
          &Options::allow,
          "CLASS",
          "Carry out fixes of this class too",
          {"service-restart", "containers-stopped", "reboot"}}},
        {{"sudo agentctl apply", "shows, asks, does"},
         {"sudo agentctl apply --yes --allow service-restart", "engines may restart as well"},
         {"sudo agentctl apply --control subuid.root-delegated", "one control only"}}};
}

VerbSpec undo_verb() {
    return {
        "undo",
        "Take carried-out changes back",
        "Restores what one run of apply changed: content, owner, mode and attributes of files, links, kernel "
        "values, lines of the account databases. What somebody else changed since is left alone and named; "
        "the rest is still taken back.",
        {{"ID", &Options::id, "ID", "The journal entry to undo, as apply and journal name it"},
         {"--last", &Options::last, "", "The newest entry that is not undone yet"},
         {"--all", &Options::all, "", "Every entry that is not undone yet, newest first"}},
        {{"sudo agentctl undo 3", "what entry 3 of the journal did"},
         {"sudo agentctl undo --last", "what the last apply did"},
         {"sudo agentctl undo --all", "everything, newest first"}}};
}

std::vector<VerbSpec> reading_verbs() {
    return {
        {"journal",
         "List what was changed, and what was undone",
         "Every run of apply is one entry with its steps, oldest first.",
         {},
         {{"sudo agentctl journal", "what happened on this host"},
          {"agentctl journal --root /srv/image --json", "for a program"}}},
        {"explain",
         "Explain one control",
         "What the control looks at, why it matters, what its fix does, its parameters with the values that "
         "the policy gives them, and where to read more.",
         {{"CONTROL",
           &Options::subject,
           "CONTROL",
           "Its id or its code in the catalogue",
           {},
           Completion::control}},
         {{"agentctl explain subuid.root-delegated", "by id"}, {"agentctl explain A01", "by code"}}},
        {"controls",
         "List all controls",
         "The catalogue, as this build has it: id, code, severity, class of the fix and title. The host is "
         "not "
         "looked at.",
         {},
         {{"agentctl controls", "the list"},
          {"agentctl controls --control 'rootless.*' --json", "some of them, for a program"},
          {"agentctl controls --format markdown > controls.md", "the reference in docs/"}},
         {"table", "json", "markdown"}}};
}

std::vector<VerbSpec> policy_verbs() {
    return {
        {"policy", "Show, validate or describe the policy",
         "The policy is TOML, layered: /usr/lib/plimsoll/policy.d, /run/plimsoll/policy.d and "
         "/etc/plimsoll/policy.d; later directories win, per key. A file of the same name replaces the "
         "earlier "
         "one, a link to /dev/null masks it."},
        {"policy show",
         "Print the merged policy with the origin of every value",
         "What is in force after all files are merged, as TOML; each value carries the file and line, or the "
         "profile, it comes from.",
         {},
         {{"agentctl policy show", "what is in force here"},
          {"agentctl policy show --policy site.toml", "what a file would mean"}}},
        {"policy validate",
         "Tell every problem of the policy files",
         "Lists every problem as FILE:LINE:COLUMN with what was expected, and changes nothing.",
         {{"PATH",
           &Options::files,
           "PATH",
           "Files, or directories of *.toml; without them, the host's policy directories",
           {},
           Completion::file}},
         {{"agentctl policy validate", "the files of this host"},
          {"agentctl policy validate site.toml", "a file before it is installed"}}},
        {"policy schema",
         "Print the JSON Schema of a policy file",
         "Generated from the typed parameters of the controls; editors use it to complete and to check.",
         {},
         {{"agentctl policy schema > plimsoll-policy.schema.json", "for an editor"}},
         {"json"}}};
}

VerbSpec status_verb() {
    return {"status",
            "Tell on one screen where the host stands",
            "Asks the daemon: inside or outside the line and since when, what fails, what was healed today, "
            "which "
            "keys somebody keeps changing back, what the daemon cannot do, the policy in force, the "
            "containers. The "
            "exit status is that of check.",
            {},
            {{"agentctl status", "where this host stands"}, {"agentctl status --json", "for a program"}}};
}

VerbSpec watch_verb() {
    return {
        "watch",
        "Show verdicts as they change",
        "Prints one line for every verdict that changes and whenever the host crosses its line, until it is "
        "interrupted. A daemon that is restarted is waited for; what changed meanwhile is then told. With "
        "--json "
        "every line is one document.",
        {},
        {{"agentctl watch", "what happens on this host"},
         {"agentctl watch --control 'ctr.*'", "containers as they start and stop"},
         {"agentctl watch --json", "one document a line, for a program"}}};
}

VerbSpec history_verb() {
    return {"history",
            "Tell what changed, when, and who healed it",
            "The changes of verdicts that the daemon remembers, oldest first: when, from what to what, how "
            "long it "
            "was out, who healed it and in which journal entry.",
            {{"--since", &Options::since, "TIME",
              "Not before this: a date, a date-time with Z or an offset, or how long ago (30m, 2h, 7d)"},
             {"--limit", &Options::limit, "N", "The newest so many, 1 to 10000 (100)"}},
            {{"agentctl history --since 24h", "the last day"},
             {"agentctl history --control 'subuid.*' --limit 10", "the newest of one concern"}}};
}

VerbSpec wait_verb() {
    return {"wait",
            "Wait until the host is inside its line",
            "Ends with 0 as soon as the daemon says that the host is inside its line. When the time is over "
            "it ends "
            "with 1 if the host is outside, and with 3 if that cannot be told. A daemon that is restarted "
            "meanwhile "
            "is waited for; one that is not there to begin with is an error (3).",
            {{"--inside-line", &Options::inside_line, "", "What to wait for"},
             {"--timeout", &Options::timeout, "SECONDS", "How long; 0: only look. Without it, for ever"}},
            {{"agentctl wait --inside-line --timeout 60", "in a script that needs a safe host"}}};
}

std::vector<VerbSpec> live_verbs() {
    std::vector<VerbSpec> out{
        status_verb(),
        watch_verb(),
        history_verb(),
        {"containers",
         "List the containers that run now",
         "Every container that the daemon sees on this host, whatever engine started it: its engine, whose "
         "it "
         "is, how long it runs, how many findings fail on it and the worst of these.",
         {},
         {{"agentctl containers", "the table"}, {"agentctl containers --json", "for a program"}}},
        wait_verb()};
    for (auto& verb : out)
        verb.live = true;
    return out;
}

std::vector<VerbSpec> make_verbs() {
    std::vector<VerbSpec> out{check_verb(), plan_verb(), apply_verb(), undo_verb()};
    std::ranges::move(live_verbs(), std::back_inserter(out));
    std::ranges::move(reading_verbs(), std::back_inserter(out));
    std::ranges::move(policy_verbs(), std::back_inserter(out));
    out.push_back({"version",
                   "Print the version",
                   "The version of this build.",
                   {},
                   {{"agentctl version", "the version"}}});
    VerbSpec generate{"generate",
                      "Print the man page or a shell completion",
                      "For packaging.",
                      {{"WHAT", &Options::subject, "WHAT", "What to print", {"man", "bash", "zsh", "fish"}}}};
    generate.hidden = true;
    out.push_back(std::move(generate));
    return out;
}

}  // namespace

std::span<const ExitCode> exit_codes() {
    return codes;
}

const std::vector<OptionSpec>& global_options() {
    static const std::vector<OptionSpec> options{
        {"--root",
         &Options::root,
         "DIR",
         "The host's root directory; other than /, only files are judged",
         {},
         Completion::directory},
        {"--state", &Options::state, "DIR",
         "Our state directory, a path within the root (/var/lib/plimsoll)"},
        {"--policy",
         &Options::policy,
         "PATH",
         "A policy file, or a directory of *.toml, instead of the host's own; may be repeated",
         {},
         Completion::file},
        {"--control",
         &Options::control,
         "GLOB",
         "Only controls whose id matches; may be repeated",
         {},
         Completion::control},
        {"--bus",
         &Options::bus,
         "BUS",
         "Where the daemon is asked; PLIMSOLL_BUS, else the system bus",
         {"session", "system"}},
        {"--json", &Options::json, "", "Short for --format json"},
        {"--format",
         &Options::format,
         "FORMAT",
         "How to print; sarif and junit are for check",
         {"table", "json", "sarif", "junit"}},
        {"--color",
         &Options::color,
         "WHEN",
         "Colours; auto: on a terminal, unless NO_COLOR is set",
         {"auto", "always", "never"}},
        {"-q,--quiet", &Options::quiet, "", "Print nothing but errors; the exit status tells"},
        {"-v,--verbose", &Options::verbose, "", "Print more: passing controls, where an error arose"},
    };
    return options;
}

const std::vector<VerbSpec>& verb_table() {
    static const std::vector<VerbSpec> table = make_verbs();
    return table;
}

const VerbSpec* find_verb(std::string_view name) {
    const auto it = std::ranges::find(verb_table(), name, &VerbSpec::name);
    return it == verb_table().end() ? nullptr : &*it;
}

bool is_group(std::string_view name) {
    const std::string prefix = std::string(name) + " ";
    return std::ranges::any_of(verb_table(), [&](const VerbSpec& v) { return v.name.starts_with(prefix); });
}

std::vector<std::string> option_names(const OptionSpec& option) {
    std::vector<std::string> out;
    for (const auto name : split(option.names, ','))
        out.emplace_back(name);
    return out;
}

}  // namespace plimsoll::agentctl
