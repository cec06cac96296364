// SPDX-License-Identifier: Apache-2.0
#include "modules/rootless/kube_files.hpp"

#include "core/base/text.hpp"
#include "core/base/yaml.hpp"
#include "modules/rootless/command_line.hpp"
#include "modules/rootless/podman_options.hpp"

#include <algorithm>
#include <filesystem>
#include <iterator>

namespace plimsoll::modules::rootless {
namespace {

constexpr std::size_t max_size = std::size_t{1} << 20;
constexpr std::size_t max_files = 16;

constexpr std::string_view command_keys[] = {"ExecCondition", "ExecStart", "ExecStartPre", "ExecStartPost",
                                             "ExecReload",    "ExecStop",  "ExecStopPost"};

// A line that begins a document of a YAML stream; one that ends it counts alike.
bool separates(std::string_view line) {
    return (line.starts_with("---") || line.starts_with("...")) &&
           (line.size() == 3 || line[3] == ' ' || line[3] == '\t' || line[3] == '\r');
}

// Each with empty lines in the place of what is before it, so that positions stay right.
std::vector<std::string> documents_of(std::string_view text) {
    std::vector<std::string> out(1);
    std::size_t number = 0;
    for (const auto line : split_lines(text)) {
        if (separates(line)) {
            out.push_back(std::string(number, '\n'));
            out.back().append("   ").append(line.substr(3));
        } else {
            out.back().append(line);
        }
        out.back() += '\n';
        ++number;
    }
    return out;
}

Result<std::vector<Value>> parse_documents(std::string_view text, const std::string& path) {
    std::vector<Value> out;
    for (const auto& document : documents_of(text)) {
        PLIMSOLL_TRY(auto value, parse_yaml(document, path));
        out.push_back(std::move(value));
    }
    return out;
}

Result<std::vector<Value>> documents(const host::Sysroot& root, const std::string& path,
                                     const std::string& definition) {
    PLIMSOLL_TRY(const auto st, root.stat(path));
    if (!definition.empty() && (st.st_mode & S_IROTH) == 0) {
        PLIMSOLL_TRY(const auto own, root.stat(definition));
        if (st.st_uid != own.st_uid)
            return fail(Code::permission, "read " + path + ": not the user's own");
    }
    PLIMSOLL_TRY(const auto text, root.read(path, max_size));
    return parse_documents(text, path);
}

// nullopt: a specifier or variable in it is not known here.
std::optional<std::string> resolved(std::string word, const Manager& manager) {
    if (word.starts_with("%h") && !manager.home.empty())
        word.replace(0, 2, manager.home);
    if (word.find_first_of("%$") != std::string::npos)
        return std::nullopt;
    return word;
}

}  // namespace

std::optional<std::string> start_directory(const host::UnitFile& unit, const Manager& manager) {
    const auto set = unit.values("Service", "WorkingDirectory");
    std::string dir = set.empty() ? "" : set.back().value;
    if (dir.starts_with('-'))
        dir.erase(0, 1);
    if (dir.empty())
        dir = manager.directory;
    else if (dir == "~")
        dir = manager.home;
    auto out = resolved(std::move(dir), manager);
    return out && out->starts_with('/') ? out : std::nullopt;
}

std::vector<KubeFile> read_kube_files(const host::Sysroot& root, std::span<const std::string> paths,
                                      const std::string& definition) {
    std::vector<KubeFile> out;
    for (const std::string& path : paths)
        if (out.size() < max_files)
            out.push_back({path, documents(root, path, definition)});
    if (paths.size() > max_files)
        out.push_back({paths[max_files], fail(Code::unsupported, "more than " + std::to_string(max_files) +
                                                                     " files are named")});
    return out;
}

std::vector<host::UnitSetting> commands_of(const host::UnitFile& unit) {
    std::vector<host::UnitSetting> out;
    for (const auto key : command_keys)
        std::ranges::move(unit.values("Service", key), std::back_inserter(out));
    return out;
}

std::optional<std::string> named_path(const host::UnitFile& unit, std::string_view word,
                                      const Manager& manager) {
    if (word.empty() || word == "-" || word.find("://") != std::string_view::npos)
        return std::nullopt;
    auto path = resolved(std::string(word), manager);
    if (!path || path->starts_with('/'))
        return path;
    const auto dir = start_directory(unit, manager);
    return dir ? std::optional((std::filesystem::path(*dir) / *path).lexically_normal().string())
               : std::nullopt;
}

std::vector<std::string> played_files(const host::UnitFile& unit, const Manager& manager) {
    std::vector<std::string> out;
    for (const auto& line : commands_of(unit))
        for (const auto& option : podman_command_options(command_words(line.value)))
            if (option.name == "kube")
                if (auto path = named_path(unit, option.value, manager);
                    path && std::ranges::find(out, *path) == out.end())
                    out.push_back(*std::move(path));
    return out;
}

}  // namespace plimsoll::modules::rootless
