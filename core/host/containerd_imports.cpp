// SPDX-License-Identifier: Apache-2.0
#include "core/host/containerd_imports.hpp"

#include "core/host/glob.hpp"

#include <filesystem>

namespace plimsoll::host {
namespace {

// Without a '*' containerd takes an import for a path (resolveImports() in its
// cmd/containerd/server/config/config.go).
std::vector<std::string> matches(const Sysroot& root, const std::string& import,
                                 std::vector<Error>& problems) {
    if (import.find('*') == std::string::npos)
        return {import};
    auto found = find_matches(root, import, LeadingDot::match);
    problems.insert(problems.end(), found.problems.begin(), found.problems.end());
    return std::move(found.paths);
}

}  // namespace

std::vector<std::string> containerd_imports(const Sysroot& root, const Value& config, const std::string& file,
                                            std::vector<Error>& problems) {
    std::vector<std::string> out;
    const Value* imports = config.at("imports");
    if (imports == nullptr)
        return out;
    const auto wrong = [&] {
        const std::string line = imports->where.line > 0 ? ":" + std::to_string(imports->where.line) : "";
        problems.push_back(
            fail(Code::invalid_input, file + line + ": imports is not a list of paths").error());
        return out;
    };
    if (imports->array() == nullptr)
        return wrong();
    for (const Value& v : *imports->array()) {
        if (v.string() == nullptr)
            return wrong();
        const auto pattern = std::filesystem::path(file).parent_path() / *v.string();
        for (auto& path : matches(root, pattern.lexically_normal().string(), problems))
            out.push_back(std::move(path));
    }
    return out;
}

}  // namespace plimsoll::host
