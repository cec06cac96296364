// SPDX-License-Identifier: Apache-2.0
#include "agentctl/options.hpp"

#include "agentctl/render/help.hpp"
#include "agentctl/render/text.hpp"
#include "core/base/text.hpp"

#include <algorithm>
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
    return std::nullopt;
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
