// SPDX-License-Identifier: Apache-2.0
#include "core/host/policy_files.hpp"

#include "core/base/text.hpp"
#include "core/host/atomic_file.hpp"

#include <algorithm>
#include <array>
#include <filesystem>
#include <map>

#include <unistd.h>

namespace plimsoll::host {
namespace {

constexpr std::string_view last_good_name = "policy-last-good.toml";

std::string problem(const std::string& path, const Error& e, std::string_view expected) {
    return printable(path, 4096) + ": " + printable(e.message, 4096) + "; expected " + std::string(expected);
}

struct Collected {
    std::vector<policy::PolicyFile> files;
    policy::Problems problems;       // of files that are there and cannot be read
    Code code{Code::invalid_input};  // permission: somebody else could read them

    void add_problem(const std::string& path, const Error& e, std::string_view expected) {
        problems.push_back(problem(path, e, expected));
        if (e.code == Code::permission)
            code = Code::permission;
    }
};

// Whether there is such a directory. A link to nowhere, or a file where the directory or its parent should
// be, is an error: what somebody configured there would be skipped silently.
Result<bool> has_directory(const Sysroot& root, const std::string& dir) {
    for (std::size_t end = dir.find('/', 1);; end = dir.find('/', end + 1)) {
        const std::string part = dir.substr(0, end);
        const auto st = root.stat(part);
        if (!st && st.error().code == Code::not_found && !root.exists(part))
            return false;
        if (!st)
            return Failure(st.error());
        if (!S_ISDIR(st->st_mode))
            return fail(Code::integrity, part + " is " + std::string(file_type_name(st->st_mode)));
        if (end == std::string::npos)
            return true;
    }
}

// Editors keep their locks and copies under hidden names.
bool is_policy_name(std::string_view name) {
    return name.ends_with(".toml") && !name.starts_with('.');
}

Result<std::vector<std::string>> policy_names(const Sysroot& root, const std::string& dir) {
    PLIMSOLL_TRY(const auto entries, root.list(dir));
    std::vector<std::string> out;
    for (const DirEntry& e : entries)
        if (is_policy_name(e.name))
            out.push_back(e.name);
    return out;
}

// systemd.unit(5): a link to /dev/null masks, and so does an empty file. An image has no /dev/null to look
// at, so the link's text decides.
Result<bool> is_mask(const Sysroot& root, const std::string& path) {
    PLIMSOLL_TRY(const auto st, root.lstat(path));
    if (S_ISREG(st.st_mode))
        return st.st_size == 0;
    if (!S_ISLNK(st.st_mode))
        return false;
    PLIMSOLL_TRY(const std::string target, root.read_link(path));
    const auto from = std::filesystem::path(path).parent_path();
    return (from / target).lexically_normal() == "/dev/null";
}

void add_file(const Sysroot& root, const std::string& path, Collected& into) {
    static constexpr std::string_view expected = "a readable regular file, or a link to /dev/null";
    const auto mask = is_mask(root, path);
    if (mask && *mask)
        return;
    auto text = mask ? root.read(path) : Result<std::string>(Failure(mask.error()));
    if (text)
        into.files.push_back({path, *std::move(text)});
    else
        into.add_problem(path, text.error(), expected);
}

Collected collect(const Sysroot& root) {
    Collected out;
    std::map<std::string, std::size_t> layer_of;  // by file name: the last layer that has it
    std::array<std::vector<std::string>, std::size(policy_dirs)> names;
    for (std::size_t i = 0; i < names.size(); ++i) {
        const std::string dir(policy_dirs[i]);
        const auto there = has_directory(root, dir);
        auto listed = there && *there ? policy_names(root, dir) : Result<std::vector<std::string>>{};
        if (!there || !listed) {
            out.add_problem(dir, there ? listed.error() : there.error(), "a directory");
            continue;
        }
        for (const std::string& name : *listed)
            layer_of[name] = i;
        names[i] = *std::move(listed);
    }
    for (std::size_t i = 0; i < names.size(); ++i)
        for (const std::string& name : names[i])
            if (layer_of[name] == i)
                add_file(root, std::string(policy_dirs[i]) + "/" + name, out);
    return out;
}

// The user's own path, as the shell would take it.
Result<std::string> absolute_path(const std::string& path) {
    if (path.empty() || path.find('\0') != std::string::npos)
        return fail(Code::invalid_input, "policy path \"" + printable(path) + "\": not a path");
    if (path.front() == '/')
        return path;
    std::array<char, 4096> here{};
    if (::getcwd(here.data(), here.size()) == nullptr)
        return fail_errno("the current directory");
    return std::string(here.data()) + "/" + path;
}

Failure refused(const policy::Problems& problems, Code code = Code::invalid_input) {
    return fail(code, join(problems, "\n"));
}

std::string last_good_path(const std::string& state_dir) {
    return state_dir + "/" + std::string(last_good_name);
}

// nullopt: none was ever kept.
Result<std::optional<policy::Policy>> last_good(const Sysroot& root, const std::string& state_dir,
                                                const policy::Catalogue& catalogue) {
    const std::string path = last_good_path(state_dir);
    const auto text = root.read(path);
    if (!text && text.error().code == Code::not_found)
        return std::nullopt;
    if (!text)
        return refused({problem(path, text.error(), "the last good policy")}, text.error().code);
    auto compiled = policy::compile_policy({{path, *text}}, catalogue);
    if (!compiled)
        return refused(compiled.error());
    return std::optional(*std::move(compiled));
}

}  // namespace

Result<std::vector<policy::PolicyFile>> find_policy_files(const Host& host) {
    Collected found = collect(host.root());
    if (!found.problems.empty())
        return refused(found.problems, found.code);
    return std::move(found.files);
}

Result<std::vector<policy::PolicyFile>> read_policy_path(const std::string& path) {
    PLIMSOLL_TRY(const std::string absolute, absolute_path(path));
    PLIMSOLL_TRY(const Sysroot root, Sysroot::open("/"));
    PLIMSOLL_TRY(const auto st, root.stat(absolute));
    if (!S_ISDIR(st.st_mode)) {
        PLIMSOLL_TRY(auto text, root.read(absolute));
        return std::vector<policy::PolicyFile>{{path, std::move(text)}};
    }
    PLIMSOLL_TRY(const auto names, policy_names(root, absolute));
    if (names.empty())
        return fail(Code::not_found, "policy directory " + path + ": no file *.toml in it");
    Collected found;
    for (const std::string& name : names)
        add_file(root, (std::filesystem::path(absolute) / name).string(), found);
    if (!found.problems.empty())
        return refused(found.problems, found.code);
    return std::move(found.files);
}

Result<LoadedPolicy> load_policy(const Host& host, const std::string& state_dir,
                                 const policy::Catalogue& catalogue) {
    Collected found = collect(host.root());
    auto compiled = policy::compile_policy(found.files, catalogue);
    if (compiled && found.problems.empty())
        return LoadedPolicy{*std::move(compiled), {}};
    policy::Problems broken = std::move(found.problems);
    if (!compiled)
        std::ranges::move(compiled.error(), std::back_inserter(broken));
    auto kept = last_good(host.root(), state_dir, catalogue);
    if (kept && *kept)
        return LoadedPolicy{**std::move(kept), std::move(broken)};
    if (!kept)
        broken.push_back(kept.error().message);
    const bool permitted = found.code != Code::permission && (kept || kept.error().code != Code::permission);
    return refused(broken, permitted ? Code::invalid_input : Code::permission);
}

Result<void> keep_last_good(const Host& host, const std::string& state_dir, const policy::Policy& policy,
                            const policy::Catalogue& catalogue) {
    const Sysroot& root = host.root();
    PLIMSOLL_CHECK(make_private_directory(root, state_dir));
    const std::string path = last_good_path(state_dir);
    const std::string text = policy::to_policy_toml(policy, catalogue);
    // Most runs keep what is kept already; a disk that is written to every hour wears out for nothing.
    if (const auto kept = root.read(path); kept && *kept == text)
        return {};
    return replace_file(root, path, text, {.mode = 0600});
}

}  // namespace plimsoll::host
