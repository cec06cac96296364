// SPDX-License-Identifier: Apache-2.0
#include "modules/rootless/quadlets.hpp"

#include "core/base/text.hpp"

#include <algorithm>
#include <functional>
#include <set>

#include <dirent.h>

namespace plimsoll::modules::rootless {
namespace {

constexpr int max_depth = 8;  // symlinks may form a loop
constexpr std::size_t max_files = 10000;
constexpr std::size_t max_size = std::size_t{1} << 20;

constexpr std::string_view extensions[] = {".container", ".pod",   ".kube",  ".network",
                                           ".volume",    ".build", ".image", ".artifact"};

// Host paths that hand a container the host (read or write): the subject of the audit of running containers,
// seen before anything runs.
constexpr std::string_view sensitive_trees[] = {"/etc",
                                                "/root",
                                                "/boot",
                                                "/proc",
                                                "/sys",
                                                "/dev",
                                                "/run",
                                                "/usr",
                                                "/var/run",
                                                "/var/lib/docker",
                                                "/var/lib/containers",
                                                "/var/lib/kubelet",
                                                "/var/lib/containerd",
                                                "/home",
                                                "/var/log"};

class Search {
  public:
    Search(const host::Sysroot& root, Quadlets& into) : root_(root), into_(into) {}

    // `skip_users`: leaves out users/ of this directory, which is for user managers.
    void directory(const std::string& dir, const std::string& user, bool skip_users, int depth = 0) {
        const auto entries = root_.list(dir);
        if (!entries) {
            if (entries.error().code != Code::not_found)
                into_.problems.push_back(entries.error());
            return;
        }
        if (depth > max_depth || into_.files.size() > max_files) {
            into_.problems.push_back(
                Error{Code::invalid_input, 0, dir + ": too deep or too many files to search"});
            return;
        }
        for (const auto& e : *entries) {
            const std::string path = dir + "/" + e.name;
            if (skip_users && e.name == "users")
                continue;
            if (is_quadlet_name(e.name) && !is_directory(path, e))
                file(path, user);
            else if (!e.name.ends_with(".d") && is_directory(path, e))
                directory(path, user, false, depth + 1);
        }
    }

  private:
    bool is_directory(const std::string& path, const host::DirEntry& e) const {
        if (e.type == DT_DIR)
            return true;
        if (e.type != DT_LNK && e.type != DT_UNKNOWN)
            return false;
        const auto st = root_.stat(path);
        return st && S_ISDIR(st->st_mode);
    }

    void file(const std::string& path, const std::string& user) {
        Quadlet q{.path = path, .user = user};
        if (const auto target = root_.read_link(path); target && *target == "/dev/null")
            return;  // masked
        if (auto r = read_into(path, q); !r)
            q.problem = r.error();
        const auto drop_ins = root_.list(path + ".d");
        if (!drop_ins && drop_ins.error().code != Code::not_found)
            q.problem = drop_ins.error();
        if (drop_ins)
            for (const auto& e : *drop_ins)
                if (e.name.ends_with(".conf"))
                    if (auto r = read_into(path + ".d/" + e.name, q); !r)
                        q.problem = r.error();
        into_.files.push_back(std::move(q));
    }

    Result<void> read_into(const std::string& path, Quadlet& q) const {
        PLIMSOLL_TRY(const auto text, root_.read(path, max_size));
        std::ranges::move(host::parse_unit(text, path), std::back_inserter(q.settings));
        return {};
    }

    const host::Sysroot& root_;
    Quadlets& into_;
};

std::string lower(std::string_view s) {
    std::string out(s);
    std::ranges::transform(
        out, out.begin(), [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; });
    return out;
}

bool truthy(std::string_view v) {
    const auto s = lower(trim(v));
    return s == "1" || s == "yes" || s == "y" || s == "true" || s == "t" || s == "on";
}

bool is_sensitive(std::string_view source) {
    while (source.size() > 1 && source.ends_with('/'))
        source.remove_suffix(1);
    if (source == "/" || source.ends_with(".sock"))
        return true;
    return std::ranges::any_of(sensitive_trees, [&](std::string_view tree) {
        return source == tree || (source.starts_with(tree) && source[tree.size()] == '/');
    });
}

// The host path of Volume=SOURCE:DEST[:OPTIONS] or Mount=type=bind,source=SOURCE,…; empty for named volumes.
std::string_view host_path(std::string_view key, std::string_view value) {
    if (key == "Volume") {
        const auto source = value.substr(0, value.find(':'));
        return source.starts_with('/') && value.find(':') != std::string_view::npos ? source
                                                                                    : std::string_view();
    }
    for (const auto part : split(value, ','))
        for (const std::string_view name : {"source=", "src="})
            if (trim(part).starts_with(name) && trim(part).substr(name.size()).starts_with('/'))
                return trim(part).substr(name.size());
    return {};
}

// Arguments that undo what a container is for, wherever they are handed to podman.
bool unsafe_argument(std::string_view word) {
    static constexpr std::string_view whole[] = {
        "--privileged", "--privileged=true", "--pid=host", "--userns=host",   "--network=host",
        "--net=host",   "--ipc=host",        "--uts=host", "--cgroupns=host", "--security-opt=label=disable"};
    static constexpr std::string_view start[] = {"--cap-add", "--device", "--security-opt=seccomp=unconfined",
                                                 "--security-opt=apparmor=unconfined",
                                                 "--security-opt=unmask"};
    return std::ranges::find(whole, word) != std::end(whole) ||
           std::ranges::any_of(start, [&](std::string_view s) { return word.starts_with(s); });
}

// "--pid host" is "--pid=host".
std::optional<std::string> unsafe_in(std::string_view arguments) {
    const auto parts = words(arguments);
    for (std::size_t i = 0; i < parts.size(); ++i) {
        if (unsafe_argument(parts[i]))
            return std::string(parts[i]);
        auto pair = i + 1 < parts.size() ? std::string(parts[i]) + "=" + std::string(parts[i + 1]) : "";
        if (!pair.empty() && unsafe_argument(pair))
            return pair;
    }
    return std::nullopt;
}

// What is expected instead, when the setting is unsafe.
std::optional<std::string> unsafe_value(std::string_view key, std::string_view value) {
    if ((key == "PodmanArgs" || key == "GlobalArgs") && unsafe_in(value))
        return "no such argument";
    if ((key == "SecurityLabelDisable" || key == "SecurityLabelNested") && truthy(value))
        return "false";
    if (key == "SeccompProfile" && lower(value) == "unconfined")
        return "a profile";
    if ((key == "AddCapability" || key == "AddDevice" || key == "Unmask") && !value.empty())
        return "none";
    if (key == "Network" && lower(value).starts_with("host"))
        return "a network of its own";
    if (key == "UserNS" && lower(value).starts_with("host"))
        return "auto";
    if ((key == "Volume" || key == "Mount") && is_sensitive(host_path(key, value)))
        return "no part of the host";
    return std::nullopt;
}

bool is_container(const Quadlet& q) {
    return q.path.ends_with(".container");
}

const host::UnitSetting* last(const Quadlet& q, std::string_view key) {
    const host::UnitSetting* out = nullptr;
    for (const auto& s : q.settings)
        if (s.section == "Container" && s.key == key)
            out = &s;
    return out;
}

bool drops_all(const Quadlet& q) {
    return std::ranges::any_of(q.settings, [](const host::UnitSetting& s) {
        if (s.section != "Container" || s.key != "DropCapability")
            return false;
        const auto caps = words(s.value);
        return std::ranges::any_of(caps, [](std::string_view c) { return lower(c) == "all"; });
    });
}

}  // namespace

bool is_quadlet_name(std::string_view file) {
    return std::ranges::any_of(
        extensions, [&](std::string_view e) { return file.size() > e.size() && file.ends_with(e); });
}

std::vector<LintNote> unsafe_settings(const Quadlet& q) {
    std::vector<LintNote> out;
    for (const auto& s : q.settings)
        if (const auto expected = unsafe_value(s.key, s.value))
            out.push_back({s.source, s.key + "=" + printable(s.value, 80), *expected});
    return out;
}

std::vector<LintNote> missing_hardening(const Quadlet& q) {
    std::vector<LintNote> out;
    if (!is_container(q))
        return out;
    if (!drops_all(q))
        out.push_back({q.path, "no DropCapability=all", "DropCapability=all"});
    for (const std::string_view key : {"ReadOnly", "NoNewPrivileges"}) {
        const auto* s = last(q, key);
        if (s == nullptr || !truthy(s->value))
            out.push_back({s == nullptr ? q.path : s->source,
                           s == nullptr ? "no " + std::string(key) + "=true"
                                        : std::string(key) + "=" + printable(s->value, 40),
                           std::string(key) + "=true"});
    }
    const auto* image = last(q, "Image");
    if (image == nullptr || image->value.ends_with(".image") || image->value.ends_with(".build"))
        return out;
    if (image->value.find("@sha256:") == std::string::npos)
        out.push_back({image->source, "Image=" + printable(image->value, 80), "an image by its digest"});
    return out;
}

Quadlets read_quadlets(const host::Host& host) {
    Quadlets out;
    Search search(host.root(), out);
    for (const char* dir :
         {"/run/containers/systemd", "/etc/containers/systemd", "/usr/share/containers/systemd"}) {
        search.directory(dir, "", true);
        search.directory(std::string(dir) + "/users", "*", false);
    }
    if (!host.accounts())
        return out;  // whoever judges accounts says so
    std::set<std::string> homes;
    for (const auto& user : host.accounts()->users)
        if (user.uid != 0 && user.home.starts_with('/') && user.home != "/" && homes.insert(user.home).second)
            search.directory(user.home + "/.config/containers/systemd", user.name, false);
    return out;
}

}  // namespace plimsoll::modules::rootless
