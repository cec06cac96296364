// SPDX-License-Identifier: Apache-2.0
#include "modules/rootless/login_groups.hpp"

#include "core/base/text.hpp"

#include <algorithm>
#include <optional>

namespace plimsoll::modules::rootless {
namespace {

// The first that is there counts; distributions that keep /etc empty bring the second (pam(8), vendordir).
constexpr const char* group_confs[] = {"/etc/security/group.conf", "/usr/etc/security/group.conf"};
constexpr std::string_view module_name = "pam_group";

bool has_module(std::string_view text) {
    return std::ranges::any_of(split_lines(text), [](std::string_view line) {
        return line.substr(0, line.find('#')).find(module_name) != std::string_view::npos;
    });
}

// Whether a service of PAM (pam.d(5)) has the module; what cannot be read may.
bool is_in_use(const host::Sysroot& root, std::vector<Error>& problems) {
    std::vector<std::string> files{"/etc/pam.conf"};
    for (const std::string dir : {"/etc/pam.d", "/usr/lib/pam.d", "/usr/etc/pam.d"}) {
        const auto entries = root.list(dir);
        if (!entries && entries.error().code != Code::not_found)
            problems.push_back(entries.error());
        for (const auto& e : entries.value_or(std::vector<host::DirEntry>{}))
            files.push_back(dir + "/" + e.name);
    }
    for (const std::string& file : files) {
        const auto text = root.read(file);
        if (text && has_module(*text))
            return true;
        if (!text && text.error().code != Code::not_found)
            problems.push_back(text.error());
    }
    return false;
}

std::optional<LoginRule> parse_rule(std::string_view line, std::string source) {
    const auto fields = split(line.substr(0, line.find('#')), ';');
    if (fields.size() < 5)
        return std::nullopt;
    LoginRule out{std::string(trim(fields[2])), {}, std::move(source)};
    std::string list(fields[4]);
    std::ranges::replace(list, ',', ' ');
    for (const auto group : words(list))
        out.groups.emplace_back(group);
    return out.groups.empty() ? std::nullopt : std::optional(std::move(out));
}

}  // namespace

LoginGroups read_login_groups(const host::Sysroot& root) {
    LoginGroups out;
    for (const char* file : group_confs) {
        const auto text = root.read(file);
        if (!text && text.error().code == Code::not_found)
            continue;
        if (text)
            out.rules = parse_login_groups(*text, file);
        else
            out.problems.push_back(text.error());
        break;
    }
    if (!out.rules.empty() && !is_in_use(root, out.problems))
        out.rules.clear();
    return out;
}

std::vector<LoginRule> parse_login_groups(std::string_view text, const std::string& path) {
    std::vector<LoginRule> out;
    std::string joined;  // lines whose end is escaped go on
    int number = 0;
    int first = 0;
    for (const auto line : split_lines(text)) {
        ++number;
        if (joined.empty())
            first = number;
        joined += line;
        if (joined.ends_with('\\') && joined.find('#') == std::string::npos) {
            joined.back() = ' ';
            continue;
        }
        if (auto rule = parse_rule(joined, path + ":" + std::to_string(first)))
            out.push_back(*std::move(rule));
        joined.clear();
    }
    if (auto rule = parse_rule(joined, path + ":" + std::to_string(first)))
        out.push_back(*std::move(rule));
    return out;
}

}  // namespace plimsoll::modules::rootless
