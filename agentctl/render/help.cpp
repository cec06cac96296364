// SPDX-License-Identifier: Apache-2.0
#include "agentctl/render/help.hpp"

#include "agentctl/command_line.hpp"
#include "agentctl/render/text.hpp"
#include "core/base/text.hpp"

#include <algorithm>

namespace plimsoll::agentctl::render {
namespace {

constexpr std::size_t columns = 80;
constexpr std::size_t help_at = 26;  // column at which descriptions begin

std::string described(const std::string& left, std::string_view text) {
    if (display_width(left) + 2 > help_at)
        return left + "\n" + hanging(std::string(help_at, ' '), text, columns);
    return hanging(pad(left, help_at), text, columns);
}

std::string option_lines(const std::vector<OptionSpec>& options) {
    std::string out;
    for (const OptionSpec& o : options) {
        std::string left = "  " + join(option_names(o), ", ");
        if (!o.value.empty() && !o.positional())
            left += " " + std::string(o.value);
        std::string text(o.help);
        if (!o.choices.empty())
            text += " (" + join({o.choices.begin(), o.choices.end()}, ", ") + ")";
        out += described(left, text);
    }
    return out;
}

std::string example_lines(const VerbSpec& verb) {
    std::string out;
    for (const Example& e : verb.examples)
        out += "  " + std::string(e.command) + "\n" + hanging("      ", e.what, columns);
    return out;
}

// "agentctl undo [OPTIONS] ID"
std::string synopsis(const VerbSpec& verb) {
    std::string out = "agentctl " + std::string(verb.name);
    if (is_group(verb.name))
        return out + " VERB";
    out += " [OPTION...]";
    for (const OptionSpec& o : verb.options)
        if (o.positional())
            out += " " +
                   (verb.name == "undo" || o.repeatable() ? "[" + std::string(o.value) + "]"
                                                          : std::string(o.value)) +
                   (o.repeatable() ? "..." : "");
    return out;
}

std::string verb_lines(std::string_view group) {
    const std::string prefix = group.empty() ? "" : std::string(group) + " ";
    std::string out;
    for (const VerbSpec& v : verb_table())
        if (!v.hidden && v.name.starts_with(prefix) && (!group.empty() || !is_group(v.name)))
            out += described("  " + std::string(v.name), v.summary);
    return out;
}

std::string exit_lines() {
    std::string out;
    for (const ExitCode& e : exit_codes())
        out += hanging("  " + std::to_string(e.code) + "  ", e.meaning, columns);
    return out;
}

std::string main_help() {
    return "Usage: agentctl VERB [OPTION...]\n\n"
           "Says whether this container host is inside its line, with evidence; brings it\n"
           "inside; takes every change back.\n\nVerbs:\n" +
           verb_lines("") + "\nOptions, before or after the verb:\n" + option_lines(global_options()) +
           described("  -h, --help", "Explain the program, or the verb it follows") + "\nExit status:\n" +
           exit_lines() +
           "\nExamples:\n"
           "  sudo agentctl check\n      judge this machine; nothing is changed\n"
           "  sudo agentctl plan\n      what would bring it inside its line\n"
           "  sudo agentctl apply\n      shows, asks, does\n"
           "  sudo agentctl undo --last\n      everything as before\n"
           "\nMore: agentctl VERB --help, agentctl(8).\n";
}

}  // namespace

std::string help(std::string_view verb) {
    const VerbSpec* v = find_verb(verb);
    if (v == nullptr)
        return main_help();
    std::string out = "Usage: " + synopsis(*v) + "\n\n" + std::string(v->summary) + ".\n";
    for (const auto paragraph : split(v->text, '\n'))
        out += paragraph.empty() ? "" : "\n" + hanging("", paragraph, columns);
    if (is_group(verb))
        out += "\nVerbs:\n" + verb_lines(verb);
    if (!v->options.empty())
        out += "\nOptions:\n" + option_lines(v->options);
    out += "\nOptions of every verb:\n" + option_lines(global_options());
    if (!v->examples.empty())
        out += "\nExamples:\n" + example_lines(*v);
    return out + "\nExit status:\n" + exit_lines();
}

}  // namespace plimsoll::agentctl::render
