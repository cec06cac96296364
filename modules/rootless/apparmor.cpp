// SPDX-License-Identifier: Apache-2.0
#include "modules/rootless/apparmor.hpp"

#include "core/base/text.hpp"

#include <algorithm>

#include <dirent.h>

namespace plimsoll::modules::rootless {
namespace {

constexpr std::string_view directory = "/etc/apparmor.d";

std::string in_directory(const std::string& name) {
    return std::string(directory) + "/" + name;
}

// Words, with "," "{" and "}" as words of their own and without comments.
std::vector<std::string> tokens_of(std::string_view text) {
    std::vector<std::string> out;
    for (auto line : split_lines(text)) {
        if (const auto comment = line.find('#'); comment != std::string_view::npos)
            line = line.substr(0, comment);
        for (const auto word : words(line)) {
            std::string token;
            for (const char c : word) {
                if (c != ',' && c != '{' && c != '}') {
                    token += c;
                    continue;
                }
                if (!token.empty())
                    out.push_back(std::move(token));
                token.clear();
                out.emplace_back(1, c);
            }
            if (!token.empty())
                out.push_back(std::move(token));
        }
    }
    return out;
}

// The profile and what administrators add to it, empty when it is disabled.
Result<std::string> text_of(const host::Sysroot& root, const std::string& name) {
    if (root.exists(in_directory("disable/" + name)))
        return std::string();
    auto text = root.read(in_directory(name));
    if (!text)
        return text.error().code == Code::not_found ? Result<std::string>(std::string()) : text;
    const auto local = root.read(in_directory("local/" + name));
    if (local)
        return *text + "\n" + *local;
    return local.error().code == Code::not_found ? text : local;
}

}  // namespace

bool grants_userns(std::string_view profile) {
    bool granted = false;
    bool deny = false;
    for (const auto& token : tokens_of(profile)) {
        if (token == "," || token == "{" || token == "}")
            deny = false;
        else if (token == "deny")
            deny = true;
        else if (token == "userns" && deny)
            return false;
        else if (token == "userns")
            granted = true;
    }
    return granted;
}

std::set<std::string> names_defined_by(std::string_view profiles) {
    std::set<std::string> out;
    const auto tokens = tokens_of(profiles);
    for (std::size_t i = 0; i < tokens.size(); ++i) {
        std::string_view name = tokens[i];
        if (name == "profile" && i + 1 < tokens.size())
            name = tokens[i + 1];
        else if (!name.starts_with('/') || i + 1 >= tokens.size() || tokens[i + 1] != "{")
            continue;
        if (name.starts_with('"') && name.ends_with('"') && name.size() > 1)
            name = name.substr(1, name.size() - 2);
        out.emplace(name);
    }
    return out;
}

Result<std::vector<std::string>> userns_profiles(const host::Sysroot& root,
                                                 std::span<const std::string_view> programs) {
    std::vector<std::string> out;
    const auto entries = root.list(directory);
    if (!entries)
        return entries.error().code == Code::not_found ? Result<std::vector<std::string>>(out)
                                                       : Failure(entries.error());
    for (const auto& e : *entries) {
        const bool named = std::ranges::any_of(programs, [&](std::string_view n) {
            return e.name == n || e.name.ends_with("." + std::string(n));
        });
        if (!named)
            continue;
        PLIMSOLL_TRY(const auto text, text_of(root, e.name));
        if (grants_userns(text))
            out.push_back(in_directory(e.name));
    }
    return out;
}

Result<std::set<std::string>> profile_names(const host::Host& host) {
    std::set<std::string> out;
    if (host.live()) {
        const auto loaded = host.root().read("/sys/kernel/security/apparmor/profiles");
        if (!loaded && loaded.error().code != Code::not_found)
            return Failure(loaded.error());
        if (loaded) {
            for (const auto line : split_lines(*loaded))
                out.emplace(line.substr(0, line.rfind(" (")));
            return out;
        }
    }
    const auto entries = host.root().list(directory);
    if (!entries)
        return entries.error().code == Code::not_found ? Result<std::set<std::string>>(out)
                                                       : Failure(entries.error());
    for (const auto& e : *entries)
        if (e.type == DT_REG) {
            PLIMSOLL_TRY(const auto text, text_of(host.root(), e.name));
            out.merge(names_defined_by(text));
        }
    return out;
}

}  // namespace plimsoll::modules::rootless
