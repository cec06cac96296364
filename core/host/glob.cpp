// SPDX-License-Identifier: Apache-2.0
#include "core/host/glob.hpp"

#include "core/base/text.hpp"

namespace plimsoll::host {
namespace {

constexpr std::size_t max_paths = 4096;  // at each level

// Appends what a component names in each directory.
class Step {
  public:
    Step(const Sysroot& root, const std::string& component, LeadingDot dot, GlobMatches& into)
        : root_(root), component_(component), dot_(dot), into_(into) {}

    void into_dir(const std::string& dir) {
        if (!is_pattern(component_)) {
            add(dir + "/" + component_);
            return;
        }
        const auto entries = root_.list(dir.empty() ? "/" : dir);
        if (!entries) {
            if (entries.error().code != Code::not_found)
                into_.problems.push_back(entries.error());
            return;
        }
        for (const auto& e : *entries)
            if ((dot_ == LeadingDot::match || !e.name.starts_with('.') || component_.starts_with('.')) &&
                glob_match(component_, e.name))
                add(dir + "/" + e.name);
    }

    std::vector<std::string> take() { return std::move(found_); }

  private:
    void add(std::string path) {
        if (found_.size() == max_paths) {
            if (into_.problems.empty())
                into_.problems.push_back(fail(Code::unsupported, path + ": its pattern names more than " +
                                                                     std::to_string(max_paths) + " paths")
                                             .error());
            return;
        }
        found_.push_back(std::move(path));
    }

    const Sysroot& root_;
    const std::string& component_;
    LeadingDot dot_;
    GlobMatches& into_;
    std::vector<std::string> found_{};
};

}  // namespace

bool is_pattern(std::string_view path) {
    return path.find_first_of("*?[") != std::string_view::npos;
}

GlobMatches find_matches(const Sysroot& root, const std::string& pattern, LeadingDot dot) {
    GlobMatches out{.paths = {""}};
    if (!is_pattern(pattern))
        return {.paths = {pattern}};
    for (const auto component : split(pattern, '/')) {
        if (component.empty())
            continue;
        const std::string name(component);
        Step step(root, name, dot, out);
        for (const auto& dir : out.paths)
            step.into_dir(dir);
        out.paths = step.take();
    }
    std::erase_if(out.paths, [&](const std::string& path) { return !root.exists(path); });
    return out;
}

}  // namespace plimsoll::host
