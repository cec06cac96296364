// SPDX-License-Identifier: Apache-2.0
#include "modules/subuid/labels.hpp"

#include "core/base/text.hpp"

#include <algorithm>
#include <ranges>

#include <regex.h>

namespace plimsoll::modules::subuid {
namespace {

// Characters that make a file_contexts(5) path an expression.
constexpr std::string_view special = ".^$?*+|[({\\";

// Longer ones are nobody's, and cost memory to compile.
constexpr std::size_t longest_pattern = 512;

// The text that every match begins with. A '?' or '*' takes the character before it away again.
std::string_view literal_prefix(std::string_view pattern) {
    if (pattern.find('|') != std::string_view::npos)
        return {};
    const auto end = std::min(pattern.find_first_of(special), pattern.size());
    const bool optional_last =
        end < pattern.size() && std::string_view("?*{").find(pattern[end]) != std::string_view::npos;
    return pattern.substr(0, optional_last && end > 0 ? end - 1 : end);
}

// "\." and the like, and nothing else special: libselinux takes these for literal as well.
bool only_escapes(std::string_view pattern) {
    for (std::size_t i = 0; i < pattern.size(); ++i) {
        if (pattern[i] == '\\')
            ++i;
        else if (special.find(pattern[i]) != std::string_view::npos)
            return false;
    }
    return true;
}

std::string unescaped(std::string_view pattern) {
    std::string out;
    for (std::size_t i = 0; i < pattern.size(); ++i) {
        if (pattern[i] == '\\' && i + 1 < pattern.size())
            ++i;
        out += pattern[i];
    }
    return out;
}

// What PCRE alone understands, or what could take very long or very much memory.
bool beyond_posix(std::string_view pattern) {
    if (pattern.size() > longest_pattern || pattern.find('{') != std::string_view::npos ||
        pattern.find("(?") != std::string_view::npos || pattern.find('\0') != std::string_view::npos)
        return true;
    for (std::size_t i = 0; i + 1 < pattern.size(); ++i) {
        const char next = pattern[i + 1];
        if (pattern[i] == '\\') {
            const bool letter = (next >= 'a' && next <= 'z') || (next >= 'A' && next <= 'Z');
            if (letter || (next >= '0' && next <= '9'))
                return true;
            ++i;
        } else if (std::string_view("*+?").find(pattern[i]) != std::string_view::npos &&
                   std::string_view("*+?").find(next) != std::string_view::npos) {
            return true;  // lazy and possessive quantifiers
        }
    }
    return false;
}

Result<bool> matches(const LabelRule& rule, const std::string& path) {
    if (rule.literal)
        return unescaped(rule.pattern) == path;
    if (beyond_posix(rule.pattern))
        return fail(Code::unsupported, rule.source + ": '" + printable(rule.pattern, 80) +
                                           "' is not an expression that can be judged here");
    regex_t compiled;
    if (::regcomp(&compiled, ("^(" + rule.pattern + ")$").c_str(), REG_EXTENDED | REG_NOSUB) != 0)
        return fail(Code::unsupported,
                    rule.source + ": '" + printable(rule.pattern, 80) + "' is not an expression");
    const bool match = ::regexec(&compiled, path.c_str(), 0, nullptr, 0) == 0;
    ::regfree(&compiled);
    return match;
}

// KEY=VALUE of /etc/selinux/config; the last one counts.
std::string setting(std::string_view text, std::string_view key) {
    std::string out;
    for (const auto line : split_lines(text)) {
        const auto trimmed = trim(line);
        if (trimmed.starts_with(key) && trimmed.substr(key.size()).starts_with('='))
            out = trim(trimmed.substr(key.size() + 1));
    }
    return out;
}

// libselinux reads lines of substitutions in pieces of this size.
constexpr std::size_t longest_substitution = 1022;
// Where it ends a line or a word, and words() does not.
constexpr std::string_view odd_blanks("\0\v\f", 3);

Result<std::vector<Substitution>> read_substitutions(const host::Sysroot& root, const std::string& file) {
    const auto text = root.read(file);
    if (!text && text.error().code != Code::not_found)
        return Failure(text.error());
    if (text && std::ranges::any_of(split_lines(*text), [](std::string_view line) {
            return line.size() > longest_substitution ||
                   line.find_first_of(odd_blanks) != std::string_view::npos;
        }))
        return fail(Code::unsupported, file + ": has a line that libselinux does not take for one");
    return text ? substitutions(*text, file) : std::vector<Substitution>{};
}

bool covers(const Substitution& s, std::string_view path) {
    return path.starts_with(s.alias) && (path.size() == s.alias.size() || path[s.alias.size()] == '/');
}

std::string renamed(const Substitution& s, std::string_view path) {
    const auto rest = path.substr(s.alias.size());
    return s.original == "/" && rest.starts_with('/') ? std::string(rest) : s.original + std::string(rest);
}

enum class Order { last_first, first_first };

// One file's substitution of the path: the first that covers it.
void substitute(std::span<const Substitution> all, Order order, LabelPath& path) {
    const Substitution* found = nullptr;
    for (const Substitution& s : all)
        if (covers(s, path.name) && (order == Order::last_first || found == nullptr))
            found = &s;
    if (found == nullptr)
        return;
    path.name = renamed(*found, path.name);
    path.by.push_back(*found);
}

Result<std::vector<LabelRule>> read_rules(const host::Sysroot& root, const std::string& base,
                                          const std::vector<std::string>& paths) {
    std::vector<LabelRule> out;
    for (const char* part : {"", ".homedirs", ".local"}) {
        const auto text = root.read(base + part);
        if (!text && (text.error().code != Code::not_found || *part == '\0'))
            return Failure(text.error());
        if (!text)
            continue;
        auto rules = label_rules(*text, base + part, paths);
        std::ranges::move(rules, std::back_inserter(out));
    }
    return out;
}

}  // namespace

std::vector<LabelRule> label_rules(std::string_view text, const std::string& source,
                                   const std::vector<std::string>& paths) {
    std::vector<LabelRule> out;
    int number = 0;
    for (const auto line : split_lines(text)) {
        ++number;
        const auto fields = words(line);
        if (fields.size() < 2 || fields.size() > 3 || fields[0].starts_with('#'))
            continue;
        if (fields.size() == 3 && fields[1] != "--")
            continue;  // for directories, sockets, …
        const auto prefix = literal_prefix(fields[0]);
        if (std::ranges::none_of(paths, [&](const std::string& p) { return p.starts_with(prefix); }))
            continue;
        out.push_back({std::string(fields[0]), std::string(fields.back()),
                       source + ":" + std::to_string(number), only_escapes(fields[0])});
    }
    return out;
}

std::vector<Substitution> substitutions(std::string_view text, const std::string& source) {
    std::vector<Substitution> out;
    int number = 0;
    for (const auto line : split_lines(text)) {
        ++number;
        const auto fields = words(line);
        if (fields.size() >= 2 && !fields[0].starts_with('#'))
            out.push_back(
                {std::string(fields[0]), std::string(fields[1]), source + ":" + std::to_string(number)});
    }
    return out;
}

Result<LabelPath> label_path(std::span<const Substitution> local, std::span<const Substitution> dist,
                             const std::string& path) {
    const auto in_order = [&](Order order) {
        LabelPath out{path};
        substitute(local, order, out);
        substitute(dist, order, out);
        return out;
    };
    auto out = in_order(Order::last_first);
    const auto other = in_order(Order::first_first);
    if (out.name != other.name)
        return fail(Code::unsupported, out.by.back().source + " and " + other.by.back().source +
                                           ": which of the two names the labels of " + path +
                                           " differs between versions of libselinux");
    return out;
}

Result<std::optional<LabelRule>> label_rule_for(const std::vector<LabelRule>& rules,
                                                const std::string& path) {
    for (const bool literal : {true, false})
        for (const auto& rule : std::views::reverse(rules)) {
            if (rule.literal != literal || !path.starts_with(literal ? "" : literal_prefix(rule.pattern)))
                continue;
            PLIMSOLL_TRY(const bool match, matches(rule, path));
            if (match)
                return rule;
        }
    return std::nullopt;
}

Result<LabelPolicy> read_label_policy(const host::Host& host, const std::vector<std::string>& paths) {
    LabelPolicy out;
    if (host.live() && !host.root().exists("/sys/fs/selinux/enforce"))
        return out;
    const auto config = host.root().read("/etc/selinux/config");
    if (!config && config.error().code == Code::not_found)
        return out;
    if (!config)
        return Failure(config.error());
    std::string mode = setting(*config, "SELINUX");
    std::ranges::transform(mode, mode.begin(),
                           [](char ch) { return ch >= 'A' && ch <= 'Z' ? static_cast<char>(ch + 32) : ch; });
    out.type = setting(*config, "SELINUXTYPE");
    if (mode != "enforcing" && mode != "permissive")
        return out;
    if (out.type.empty() || out.type.find('/') != std::string::npos || out.type.starts_with('.'))
        return fail(Code::invalid_input,
                    "/etc/selinux/config: SELINUXTYPE '" + printable(out.type, 60) + "' names no policy");
    out.in_use = true;
    const std::string base = "/etc/selinux/" + out.type + "/contexts/files/file_contexts";
    const auto local = read_substitutions(host.root(), base + ".subs");
    const auto dist = read_substitutions(host.root(), base + ".subs_dist");
    std::vector<std::string> names;
    for (const auto& path : paths) {
        Result<LabelPath> name = !local  ? Result<LabelPath>(Failure(local.error()))
                                 : !dist ? Result<LabelPath>(Failure(dist.error()))
                                         : label_path(*local, *dist, path);
        if (name)
            names.push_back(name->name);
        out.names.emplace(path, std::move(name));
    }
    out.rules = read_rules(host.root(), base, names);
    return out;
}

std::string_view type_of_label(std::string_view context) {
    const auto fields = split(context, ':');
    return fields.size() < 3 ? std::string_view() : fields[2];
}

}  // namespace plimsoll::modules::subuid
