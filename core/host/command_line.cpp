// SPDX-License-Identifier: Apache-2.0
#include "core/host/command_line.hpp"

#include "core/base/path.hpp"
#include "core/base/text.hpp"
#include "core/host/glob.hpp"

#include <algorithm>

namespace plimsoll::host {
namespace {

constexpr std::size_t environment_max = std::size_t{1} << 20;
constexpr std::string_view blanks = " \t\n\r";

bool is_blank(char c) {
    return blanks.find(c) != std::string_view::npos;
}

// The character that "\X" stands for; numbers (\xHH, \NNN) are rare enough to be left as they are written.
char unescaped(char c) {
    switch (c) {
        case 'n':
            return '\n';
        case 't':
            return '\t';
        case 's':
            return ' ';
        default:
            return c;
    }
}

bool is_shell(std::string_view word) {
    static constexpr std::string_view shells[] = {"sh", "bash", "dash", "ash", "zsh", "ksh", "busybox"};
    return std::ranges::find(shells, base_name(word)) != std::end(shells);
}

// "-c", "-ec": the next word is a script.
bool takes_script(std::string_view word) {
    return word.size() > 1 && word[0] == '-' && word[1] != '-' && word.find('c') != std::string_view::npos;
}

// What a script runs, roughly: its words, without the characters that end a command.
void append_script(std::string_view script, std::vector<std::string>& out) {
    for (auto& w : split_words(script)) {
        std::string_view text = w.text;
        while (!text.empty() && std::string_view(";&|(){}").find(text.back()) != std::string_view::npos)
            text.remove_suffix(1);
        while (!text.empty() && std::string_view("({").find(text.front()) != std::string_view::npos)
            text.remove_prefix(1);
        if (!text.empty())
            out.emplace_back(text);
    }
}

// Reads an environment file character by character: systemd joins lines by quotes and backslashes, so that
// lines alone do not tell where a value ends.
class EnvironmentReader {
  public:
    explicit EnvironmentReader(std::string_view text) : text_(text) {}

    Variables read() {
        while (at_ < text_.size())
            line();
        return std::move(out_);
    }

  private:
    void skip_line() {
        at_ = std::min(text_.find('\n', at_), text_.size());
        ++at_;
    }

    void line() {
        while (at_ < text_.size() && is_blank(text_[at_]))
            ++at_;
        if (at_ >= text_.size())
            return;
        const auto eq = text_.find_first_of("=\n", at_);
        if (text_[at_] == '#' || text_[at_] == ';' || eq == std::string_view::npos || text_[eq] == '\n')
            return skip_line();
        auto name = trim(text_.substr(at_, eq - at_));
        if (name.starts_with("export "))
            name = trim(name.substr(7));
        at_ = eq + 1;
        while (at_ < text_.size() && (text_[at_] == ' ' || text_[at_] == '\t'))
            ++at_;
        out_[std::string(name)] = value();
    }

    // Quotes count at the start of a value and after another quoted part; elsewhere they are text.
    std::string value() {
        std::string out;
        std::size_t solid = 0;  // up to where trailing blanks are part of the value
        char quote = 0;
        bool fresh = true;
        for (; at_ < text_.size() && (quote != 0 || text_[at_] != '\n'); ++at_) {
            const char c = text_[at_];
            if (c == '\\' && quote != '\'' && at_ + 1 < text_.size()) {
                escape(quote, out);
                fresh = false;
                solid = out.size();
            } else if (quote != 0) {
                fresh = c == quote;
                if (fresh)
                    quote = 0;
                else
                    out += c;
                solid = out.size();
            } else if (fresh && (c == '"' || c == '\'')) {
                quote = c;
            } else if (!fresh || !is_blank(c)) {
                fresh = false;
                out += c;
            }
        }
        ++at_;
        const auto end = out.find_last_not_of(blanks);
        out.resize(std::max(solid, end == std::string::npos ? 0 : end + 1));
        return out;
    }

    void escape(char quote, std::string& out) {
        const char next = text_[++at_];
        if (next == '\n')
            return;
        if (quote == '"' && std::string_view("\"\\`$").find(next) == std::string_view::npos)
            out += '\\';
        out += next;
    }

    std::string_view text_;
    std::size_t at_{0};
    Variables out_;
};

void read_environment_file(const Host& host, const std::string& path, UnitEnvironment& into) {
    const auto text = host.root().read(path, environment_max);
    if (text) {
        for (auto& [name, value] : parse_environment(*text))
            into.values[name] = value;
    } else if (text.error().code != Code::not_found) {
        into.problems.push_back(text.error());
    } else if (!host.live() && path.starts_with("/run/")) {
        into.problems.push_back(fail(Code::unsupported, path + " is made while the host runs").error());
    }
}

// The path with the specifiers that stand for the unit's own name: %n, and without its type %N, %p
// (systemd.unit(5)).
std::string with_own_name(std::string path, const std::string& unit) {
    const std::string stem = unit.substr(0, unit.rfind('.'));
    for (auto at = path.find('%'); at != std::string::npos && !unit.empty(); at = path.find('%', at)) {
        const char specifier = at + 1 < path.size() ? path[at + 1] : '\0';
        if (std::string_view("nNp").find(specifier) == std::string_view::npos)
            break;
        const std::string value = specifier == 'n'   ? unit
                                  : specifier == 'N' ? stem
                                                     : stem.substr(0, stem.find('@'));
        path.replace(at, 2, value);
        at += value.size();
    }
    return path;
}

// EnvironmentFile= may be a pattern; other specifiers are not ours to resolve.
void read_environment_files(const Host& host, const std::string& unit, const std::string& value,
                            UnitEnvironment& into) {
    const std::string path = with_own_name(value.starts_with('-') ? value.substr(1) : value, unit);
    if (path.find('%') != std::string::npos) {
        into.problems.push_back(
            fail(Code::unsupported, "EnvironmentFile=" + printable(path, 80) + " has a specifier").error());
        return;
    }
    const auto found = find_matches(host.root(), path, LeadingDot::no_match);
    into.problems.insert(into.problems.end(), found.problems.begin(), found.problems.end());
    for (const auto& file : found.paths)
        read_environment_file(host, file, into);
}

}  // namespace

UnitEnvironment unit_environment(const Host& host, const UnitFile& unit) {
    UnitEnvironment out;
    for (const auto& setting : unit.values("Service", "Environment"))
        for (const auto& word : split_words(setting.value))
            if (const auto eq = word.text.find('='); eq != std::string::npos)
                out.values[word.text.substr(0, eq)] = word.text.substr(eq + 1);
    for (const auto& setting : unit.values("Service", "PassEnvironment"))
        for (const auto& word : split_words(setting.value))
            out.problems.push_back(
                fail(Code::unsupported, setting.source + ": " + printable(word.text, 60) +
                                            " comes from the system manager's own environment")
                    .error());
    for (const auto& setting : unit.values("Service", "EnvironmentFile"))
        read_environment_files(host, unit.name, setting.value, out);
    for (const auto& setting : unit.values("Service", "UnsetEnvironment"))
        for (const auto& word : split_words(setting.value))
            out.values.erase(word.text.substr(0, word.text.find('=')));
    return out;
}

std::vector<LineWord> split_words(std::string_view line) {
    std::vector<LineWord> out;
    std::size_t i = 0;
    while (true) {
        while (i < line.size() && is_blank(line[i]))
            ++i;
        if (i >= line.size())
            return out;
        LineWord word{.begin = i};
        char quote = 0;
        for (; i < line.size() && (quote != 0 || !is_blank(line[i])); ++i) {
            const char c = line[i];
            if (c == '\\' && i + 1 < line.size())
                word.text += unescaped(line[++i]);
            else if (quote != 0 ? c == quote : c == '"' || c == '\'')
                quote = quote != 0 ? '\0' : c;
            else
                word.text += c;
        }
        word.end = i;
        out.push_back(std::move(word));
    }
}

std::vector<std::string> command_words(std::string_view line) {
    std::vector<std::string> out;
    bool shell = false;
    bool script = false;
    for (auto& word : split_words(line)) {
        std::string_view text = word.text;
        if (out.empty())
            while (!text.empty() && std::string_view("-@:+!|").find(text.front()) != std::string_view::npos)
                text.remove_prefix(1);
        if (script) {
            append_script(text, out);
            script = shell = false;
        } else if (shell && takes_script(text)) {
            script = true;
        } else {
            shell |= out.size() < 4 && is_shell(text);
            out.emplace_back(text);
        }
    }
    return out;
}

Variables parse_environment(std::string_view text) {
    return EnvironmentReader(text).read();
}

std::vector<std::string> expand(const std::vector<std::string>& argv, const Variables& environment) {
    std::vector<std::string> out;
    const auto value_of = [&](std::string_view name) {
        const auto it = environment.find(std::string(name));
        return it == environment.end() ? std::string() : it->second;
    };
    for (const auto& word : argv) {
        if (word.size() > 1 && word.front() == '$' && word[1] != '{') {
            for (auto& part : split_words(value_of(std::string_view(word).substr(1))))
                out.push_back(std::move(part.text));
            continue;
        }
        std::string whole = word;
        for (auto at = whole.find("${"); at != std::string::npos;) {
            const auto end = whole.find('}', at);
            if (end == std::string::npos)
                break;
            const auto value = value_of(std::string_view(whole).substr(at + 2, end - at - 2));
            whole.replace(at, end - at + 1, value);
            at = whole.find("${", at + value.size());
        }
        out.push_back(std::move(whole));
    }
    return out;
}

std::vector<Error> unset_variables(const std::vector<std::string>& argv, const Variables& environment,
                                   ManagerOf manager, const std::string& source) {
    std::vector<Error> out;
    const auto note = [&](std::string_view variable, std::string_view name) {
        if (!name.empty() && !environment.contains(std::string(name)))
            out.push_back(
                {Code::unsupported, 0,
                 printable(source) + ": what " + printable(variable, 80) + " stands for is not known"});
    };
    for (const std::string_view word : argv) {
        if (manager == ManagerOf::user && word.starts_with('$') && !word.starts_with("${") &&
            !word.starts_with("$$"))
            note(word, word.substr(1));
        for (auto at = word.find("${"); at != std::string_view::npos; at = word.find("${", at + 2))
            if (const auto end = word.find('}', at); end != std::string_view::npos)
                note(word.substr(at, end + 1 - at), word.substr(at + 2, end - at - 2));
    }
    return out;
}

Result<std::string> named_file(const std::string& word, const std::string& source) {
    const bool literal = source.starts_with("pid ") || word.find_first_of("%$") == std::string::npos;
    return literal && word.starts_with('/') ? Result<std::string>(word) : Failure(unknown_file(word, source));
}

Error unknown_file(const std::string& word, const std::string& source) {
    return {Code::unsupported, 0,
            printable(source) + ": which file \"" + printable(word, 80) + "\" is, is not known"};
}

std::optional<std::string> flag_value(std::span<const std::string> argv, const std::string& name) {
    std::optional<std::string> out;
    for (std::size_t i = 0; i < argv.size(); ++i) {
        if (argv[i].starts_with(name + "="))
            out = argv[i].substr(name.size() + 1);
        else if (argv[i] == name)
            out = i + 1 < argv.size() && !argv[i + 1].starts_with('-') ? argv[i + 1] : "true";
    }
    return out;
}

}  // namespace plimsoll::host
