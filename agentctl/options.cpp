// SPDX-License-Identifier: Apache-2.0
#include "agentctl/options.hpp"

#include "agentctl/render/help.hpp"
#include "agentctl/render/text.hpp"
#include "core/base/text.hpp"
#include "core/base/time.hpp"

#include <algorithm>
#include <array>
#include <map>

#include <CLI/CLI.hpp>

namespace plimsoll::agentctl {
namespace {

void bind(CLI::App& app, const OptionSpec& spec, Options& into) {
    const std::string names(spec.names);
    CLI::Option* option = nullptr;
    if (const auto* flag = std::get_if<bool Options::*>(&spec.target))
        option = app.add_flag(names, into.**flag);
    else if (const auto* text = std::get_if<std::string Options::*>(&spec.target))
        option = app.add_option(names, into.**text);
    else
        // One value per occurrence: "--policy a.toml check" must not swallow the verb.
        option = app.add_option(names, into.*std::get<std::vector<std::string> Options::*>(spec.target))
                     ->allow_extra_args(spec.positional());
    if (!spec.choices.empty() && spec.names != "--format") {
        const std::vector<std::string> choices(spec.choices.begin(), spec.choices.end());
        option->check(CLI::IsMember(choices));
    }
}

std::string verb_of(const CLI::App& app) {
    const auto parsed = app.get_subcommands();
    if (parsed.empty())
        return "";
    const std::string inner = verb_of(*parsed.front());
    return parsed.front()->get_name() + (inner.empty() ? "" : " " + inner);
}

void add_verbs(CLI::App& app, Options& into) {
    std::map<std::string, CLI::App*, std::less<>> groups;
    for (const VerbSpec& verb : verb_table()) {
        const auto space = verb.name.find(' ');
        CLI::App* parent =
            space == std::string_view::npos ? &app : groups.at(std::string(verb.name.substr(0, space)));
        const auto word = space == std::string_view::npos ? verb.name : verb.name.substr(space + 1);
        CLI::App* sub = parent->add_subcommand(std::string(word));
        sub->fallthrough();
        groups.emplace(verb.name, sub);
        for (const OptionSpec& option : verb.options)
            bind(*sub, option, into);
    }
}

NotParsed usage(const std::string& problem, const std::string& verb) {
    const std::string help = verb.empty() ? "agentctl --help" : "agentctl " + verb + " --help";
    return {exit_usage, "agentctl: " + render::safe(problem) + "\nTry '" + help + "'.\n"};
}

// The first word that is no option and no known verb, with the nearest one that is.
std::optional<std::string> unknown_verb(const std::vector<std::string>& unexpected, const std::string& verb) {
    if (unexpected.empty() || unexpected.front().starts_with('-') || (!verb.empty() && !is_group(verb)))
        return std::nullopt;
    const std::string prefix = verb.empty() ? "" : verb + " ";
    std::vector<std::string> known;
    for (const VerbSpec& v : verb_table())
        if (!v.hidden && v.name.starts_with(prefix) &&
            v.name.substr(prefix.size()).find(' ') == std::string::npos)
            known.emplace_back(v.name.substr(prefix.size()));
    std::string text = "no verb \"" + prefix + unexpected.front() + "\"";
    if (const auto near = nearest(unexpected.front(), known))
        text += "; did you mean \"" + prefix + *near + "\"?";
    return text;
}

bool is_number(const std::string& text, std::uint64_t from, std::uint64_t to) {
    const auto n = parse_u64(text);
    return n && *n >= from && *n <= to;
}

// The daemon has its own policy and state; and what it cannot select must not look as if it were selected.
std::optional<std::string> problem_with_live(const Options& options) {
    if (!options.policy.empty() || options.state != Options().state)
        return options.verb + " asks the daemon, which has a policy and a state of its own: " +
               "--policy and --state are for check and what follows from it";
    const bool selects = options.verb == "history" || options.verb == "watch";
    if (!options.control.empty() && !selects)
        return "--control is not for " + options.verb;
    for (const auto& glob : options.control)
        if (words(glob).size() != 1 || words(glob).front() != glob)
            return "--control \"" + glob + "\" is no pattern of ids";
    if (!is_number(options.limit, 1, most_transitions))
        return "--limit is a number from 1 to " + std::to_string(most_transitions);
    if (!options.timeout.empty() && !is_number(options.timeout, 0, longest_wait_s))
        return "--timeout is a number of seconds, at most " + std::to_string(longest_wait_s);
    if (!options.since.empty() && !parse_since(options.since, wall_clock()))
        return "--since is a date, a date-time with Z or an offset, or how long ago: 30m, 2h, 7d";
    if (options.verb == "wait" && !options.inside_line)
        return "say what to wait for: --inside-line";
    return std::nullopt;
}

// What CLI11 cannot know: a verb is there and complete, the format is one that this verb has.
std::optional<std::string> problem_with(Options& options) {
    if (options.verb.empty())
        return "no verb given";
    const VerbSpec& verb = *find_verb(options.verb);
    if (is_group(options.verb))
        return options.verb + " needs one of its verbs: show, validate or schema";
    for (const OptionSpec& o : verb.options)
        if (const auto* text = std::get_if<std::string Options::*>(&o.target);
            text != nullptr && o.positional() && options.verb != "undo" && (options.**text).empty())
            return options.verb + " needs " + std::string(o.names);
    if (options.json && options.format != "table" && options.format != "json")
        return "--json and --format " + options.format + " exclude each other";
    if (options.json || verb.formats == std::vector<std::string_view>{"json"})
        options.format = options.format == "table" ? "json" : options.format;
    if (std::ranges::find(verb.formats, options.format) == verb.formats.end()) {
        const std::vector<std::string> known(verb.formats.begin(), verb.formats.end());
        return "no format \"" + options.format + "\" for " + options.verb + "; it knows " + join(known, ", ");
    }
    if (options.verb == "undo" && int{!options.id.empty()} + int{options.last} + int{options.all} != 1)
        return "say what to undo: an ID from 'agentctl journal', --last or --all";
    return verb.live ? problem_with_live(options) : std::nullopt;
}

std::expected<Options, NotParsed> run_parser(CLI::App& app, Options& options, int argc,
                                             const char* const* argv) {
    try {
        app.parse(argc, argv);
    } catch (const CLI::CallForHelp&) {
        return std::unexpected(NotParsed{exit_inside, render::help(verb_of(app))});
    } catch (const CLI::ExtrasError& e) {
        const std::string verb = verb_of(app);
        return std::unexpected(usage(unknown_verb(app.remaining(true), verb).value_or(e.what()), verb));
    } catch (const CLI::ParseError& e) {
        return std::unexpected(usage(e.what(), verb_of(app)));
    }
    options.verb = verb_of(app);
    if (const auto problem = problem_with(options))
        return std::unexpected(usage(*problem, options.verb));
    return options;
}

}  // namespace

std::optional<Time> parse_since(std::string_view text, Time now) {
    static constexpr std::string_view units = "smhd";
    static constexpr std::array<std::uint64_t, 4> seconds{1, 60, 3600, 86400};
    const auto unit = text.empty() ? std::string_view::npos : units.find(text.back());
    if (unit == std::string_view::npos)
        return parse_rfc3339(text);
    const auto n = parse_u64(text.substr(0, text.size() - 1));
    if (!n || *n > 10'000'000'000 / seconds.at(unit))
        return std::nullopt;
    return std::max(Time{}, now - std::chrono::seconds(*n * seconds.at(unit)));
}

std::expected<Options, NotParsed> parse_options(int argc, const char* const* argv) {
    Options options;
    CLI::App app("", "agentctl");
    app.set_help_flag("-h,--help");
    app.require_subcommand(0, 1);
    for (const OptionSpec& option : global_options())
        bind(app, option, options);
    add_verbs(app, options);
    return run_parser(app, options, argc, argv);
}

}  // namespace plimsoll::agentctl
