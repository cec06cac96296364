// SPDX-License-Identifier: Apache-2.0
#include "agentctl/command_line.hpp"
#include "agentctl/render/help.hpp"
#include "core/base/text.hpp"

#include <algorithm>

namespace plimsoll::agentctl::render {
namespace {

constexpr std::string_view spdx = "# SPDX-License-Identifier: Apache-2.0\n";

// The verbs that can stand after `group` ("" for the first word), without the group's name.
std::vector<const VerbSpec*> verbs_below(std::string_view group) {
    std::vector<const VerbSpec*> out;
    const std::string prefix = group.empty() ? "" : std::string(group) + " ";
    for (const VerbSpec& v : verb_table())
        if (!v.hidden && v.name.starts_with(prefix) &&
            v.name.find(' ', prefix.size()) == std::string_view::npos)
            out.push_back(&v);
    return out;
}

std::string last_word(std::string_view name) {
    const auto space = name.rfind(' ');
    return std::string(space == std::string_view::npos ? name : name.substr(space + 1));
}

std::string choices_of(const OptionSpec& o, const std::vector<std::string>& controls) {
    if (o.completion == Completion::control)
        return join(controls, " ");
    return join({o.choices.begin(), o.choices.end()}, " ");
}

std::string words_below(std::string_view group) {
    std::vector<std::string> out;
    for (const VerbSpec* v : verbs_below(group))
        out.push_back(last_word(v->name));
    return join(out, " ");
}

std::string flags_of(const std::vector<OptionSpec>& options) {
    std::vector<std::string> out;
    for (const OptionSpec& o : options)
        if (!o.positional())
            std::ranges::move(option_names(o), std::back_inserter(out));
    return join(out, " ");
}

// case branches that complete the value of an option: "--root) …".
std::string bash_values(const std::vector<OptionSpec>& options, const std::vector<std::string>& controls) {
    std::string out;
    for (const OptionSpec& o : options) {
        if (o.positional() || o.value.empty())
            continue;
        const std::string choices = choices_of(o, controls);
        out += "        " + join(option_names(o), "|") + ") ";
        if (o.completion == Completion::directory)
            out += "compopt -o dirnames";
        else if (o.completion == Completion::file)
            out += "compopt -o default";
        else
            out += "mapfile -t COMPREPLY < <(compgen -W \"" + choices + "\" -- \"$word\")";
        out += "; return ;;\n";
    }
    return out;
}

// The words that may follow a verb: its flags, and the values of its positional argument.
std::string words_after(const VerbSpec& verb, const std::vector<std::string>& controls) {
    std::string out = is_group(verb.name) ? words_below(verb.name) : flags_of(verb.options);
    for (const OptionSpec& o : verb.options)
        if (o.positional())
            out += (out.empty() ? "" : " ") + choices_of(o, controls);
    return out;
}

std::string bash_cases(const std::vector<std::string>& controls) {
    std::string out;
    for (const VerbSpec& v : verb_table()) {
        if (v.hidden)
            continue;
        out += "        \"" + std::string(v.name) + "\") words=\"" + words_after(v, controls) + "\"";
        const bool takes_files = std::ranges::any_of(v.options, [](const OptionSpec& o) {
            return o.positional() && o.completion == Completion::file;
        });
        out += takes_files ? "; compopt -o default ;;\n" : " ;;\n";
    }
    return out;
}

std::string zsh_option(const OptionSpec& o, const std::vector<std::string>& controls) {
    std::string out;
    for (const auto& name : option_names(o)) {
        std::string text(o.help);
        for (const char special : std::string_view("[]:'"))
            std::erase(text, special);
        out += " \\\n        '";
        out.append(o.repeatable() ? "*" : "").append(name).append("[").append(text).append("]");
        if (o.completion == Completion::directory)
            out += ":directory:_files -/";
        else if (o.completion == Completion::file)
            out += ":file:_files";
        else if (!o.value.empty())
            out += ":" + std::string(o.value) + ":(" + choices_of(o, controls) + ")";
        out += "'";
    }
    return out;
}

std::string zsh_arguments(const VerbSpec& verb, const std::vector<std::string>& controls) {
    std::string out;
    for (const OptionSpec& o : verb.options) {
        if (!o.positional())
            out += zsh_option(o, controls);
        else if (o.completion == Completion::file)
            out += " \\\n        '*:file:_files'";
        else
            out += " \\\n        '1:" + std::string(o.names) + ":(" + choices_of(o, controls) + ")'";
    }
    if (is_group(verb.name))
        out += " \\\n        '1:verb:(" + words_below(verb.name) + ")'";
    return out;
}

std::string fish_quoted(std::string_view s) {
    std::string out = "'";
    for (const char c : s)
        out += c == '\'' || c == '\\' ? std::string("\\") + c : std::string(1, c);
    return out + "'";
}

std::string fish_option(const OptionSpec& o, const std::string& condition,
                        const std::vector<std::string>& controls) {
    std::string out = "complete -c agentctl" + condition;
    for (const auto& name : option_names(o))
        out += name.starts_with("--") ? " -l " + name.substr(2) : " -s " + name.substr(1);
    if (o.completion == Completion::directory)
        out += " -x -a '(__fish_complete_directories)'";
    else if (o.completion == Completion::file)
        out += " -r -F";
    else if (!o.value.empty())
        out += " -x -a " + fish_quoted(choices_of(o, controls));
    return out + " -d " + fish_quoted(o.help) + "\n";
}

std::string fish_verb(const VerbSpec& v, const std::vector<std::string>& controls) {
    const auto space = v.name.find(' ');
    std::string out = "complete -c agentctl -n ";
    if (space == std::string_view::npos)
        out += "__fish_use_subcommand";
    else
        out += fish_quoted("__fish_seen_subcommand_from " + std::string(v.name.substr(0, space)));
    out += " -a " + last_word(v.name) + " -d " + fish_quoted(v.summary) + "\n";
    const std::string condition = " -n " + fish_quoted("__fish_seen_subcommand_from " + last_word(v.name));
    for (const OptionSpec& o : v.options) {
        if (!o.positional())
            out += fish_option(o, condition, controls);
        else if (o.completion == Completion::file)
            out += "complete -c agentctl" + condition + " -F\n";
        else if (const std::string choices = choices_of(o, controls); !choices.empty())
            out += "complete -c agentctl" + condition + " -a " + fish_quoted(choices) + "\n";
    }
    return out;
}

}  // namespace

std::string bash_completion(const std::vector<std::string>& controls) {
    std::vector<OptionSpec> all = global_options();
    for (const VerbSpec& v : verb_table())
        if (!v.hidden)
            std::ranges::copy(v.options, std::back_inserter(all));
    std::string with_value;
    for (const OptionSpec& o : all)
        if (!o.positional() && !o.value.empty())
            with_value += (with_value.empty() ? "" : "|") + join(option_names(o), "|");
    return std::string(spdx) +
           "# bash completion for agentctl; printed by: agentctl generate bash\n"
           "_agentctl() {\n"
           "    local word=\"${COMP_WORDS[COMP_CWORD]}\" before=\"${COMP_WORDS[COMP_CWORD-1]}\" verb= words= "
           "i\n"
           "    case \"$before\" in\n" +
           bash_values(all, controls) +
           "    esac\n"
           "    for ((i = 1; i < COMP_CWORD; i++)); do\n"
           "        case \"${COMP_WORDS[i]}\" in\n"
           "        " +
           with_value +
           ") ((i++)) ;;\n"
           "        -*) ;;\n"
           "        *) case \"$verb\" in '') verb=\"${COMP_WORDS[i]}\" ;; policy) verb+=\" "
           "${COMP_WORDS[i]}\" ;; esac ;;\n"
           "        esac\n"
           "    done\n"
           "    case \"$verb\" in\n"
           "        '') words=\"" +
           words_below("") + "\" ;;\n" + bash_cases(controls) +
           "    esac\n"
           "    mapfile -t COMPREPLY < <(compgen -W \"$words " +
           flags_of(global_options()) +
           " -h --help\" -- \"$word\")\n"
           "}\n"
           "complete -F _agentctl agentctl\n";
}

std::string zsh_completion(const std::vector<std::string>& controls) {
    std::string globals;
    for (const OptionSpec& o : global_options())
        globals += zsh_option(o, controls);
    std::string out =
        "#compdef agentctl\n" + std::string(spdx) +
        "# zsh completion for agentctl; printed by: agentctl generate zsh\n"
        "_agentctl() {\n    local context state line\n    typeset -A opt_args\n    _arguments -C" +
        globals + " \\\n        '(-h --help)'{-h,--help}'[Explain]' \\\n        '1:verb:(" + words_below("") +
        ")' \\\n        '*::argument:->rest'\n    case \"$line[1]\" in\n";
    for (const VerbSpec* v : verbs_below("")) {
        out += "    " + std::string(v->name) + ") _arguments" + globals + zsh_arguments(*v, controls);
        for (const VerbSpec* inner :
             is_group(v->name) ? verbs_below(v->name) : std::vector<const VerbSpec*>{})
            out += zsh_arguments(*inner, controls);
        out += " ;;\n";
    }
    return out + "    esac\n}\n_agentctl \"$@\"\n";
}

std::string fish_completion(const std::vector<std::string>& controls) {
    std::string out = std::string(spdx) +
                      "# fish completion for agentctl; printed by: agentctl generate fish\n"
                      "complete -c agentctl -f\n"
                      "complete -c agentctl -s h -l help -d 'Explain'\n";
    for (const OptionSpec& o : global_options())
        out += fish_option(o, "", controls);
    for (const VerbSpec& v : verb_table())
        if (!v.hidden)
            out += fish_verb(v, controls);
    return out;
}

}  // namespace plimsoll::agentctl::render
