// SPDX-License-Identifier: Apache-2.0
// The table of podman options that open a container to the host.
#include "core/base/text.hpp"
#include "modules/rootless/podman_options.hpp"

#include <algorithm>
#include <filesystem>

namespace plimsoll::modules::rootless {
namespace {

using Found = std::optional<Objection>;

Found unless(bool fine, std::string_view expected) {
    return fine ? std::nullopt : Found{{.expected = std::string(expected)}};
}

std::string lower(std::string_view s) {
    std::string out(s);
    std::ranges::transform(
        out, out.begin(), [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; });
    return out;
}

// ---- the host's files ----

// Trees that hand a container the host, whether it can read them or write.
constexpr std::string_view sensitive_trees[] = {"/bin",
                                                "/boot",
                                                "/dev",
                                                "/efi",
                                                "/etc",
                                                "/home",
                                                "/lib",
                                                "/lib64",
                                                "/ostree",
                                                "/proc",
                                                "/root",
                                                "/run",
                                                "/sbin",
                                                "/sys",
                                                "/sysroot",
                                                "/usr",
                                                "/var/home",
                                                "/var/lib/containerd",
                                                "/var/lib/containers",
                                                "/var/lib/docker",
                                                "/var/lib/kubelet",
                                                "/var/log",
                                                "/var/run",
                                                "/var/spool/cron"};

bool is_below(std::string_view path, std::string_view tree) {
    return path.size() > tree.size() && path.starts_with(tree) && (tree == "/" || path[tree.size()] == '/');
}

// What holds a sensitive tree gives it away as well.
bool is_sensitive(std::string_view path) {
    return std::ranges::any_of(sensitive_trees, [&](std::string_view tree) {
        return path == tree || is_below(path, tree) || is_below(tree, path);
    });
}

// The specifiers that begin host paths (systemd.unit(5)), as the system manager resolves them.
std::string resolved(std::string_view path) {
    static constexpr std::pair<std::string_view, std::string_view> specifiers[] = {
        {"%h", "/root"},    {"%t", "/run"},       {"%E", "/etc"},     {"%S", "/var/lib"},
        {"%L", "/var/log"}, {"%C", "/var/cache"}, {"%V", "/var/tmp"}, {"%T", "/tmp"}};
    for (const auto& [specifier, meaning] : specifiers)
        if (path.starts_with(specifier))
            return std::string(meaning).append(path.substr(specifier.size()));
    return std::string(path);
}

// A home as a whole, or a hidden directory in it (keys, the user's own units), is the account.
bool is_account(std::string_view below_home) {
    return below_home.empty() || below_home == "/" || below_home.starts_with("/.");
}

// What a mount's source gives away; empty: it is no host path (a named volume).
Found host_path(std::string_view source, const PodmanScope& scope) {
    static constexpr std::string_view expected = "no part of the host";
    if (!scope.rootful && source.starts_with("%h"))
        return unless(!is_account(source.substr(2)), expected);
    std::string path = resolved(source);
    if (path.starts_with('.') && scope.directory.empty())
        return Objection{.expected = std::string(expected), .undecided = true};
    if (path.starts_with('.'))
        path = scope.directory + "/" + path;
    if (!path.starts_with('/'))
        return source.find('$') == std::string_view::npos ? std::nullopt
                                                          : Found{{std::string(expected), true}};
    path = plain_path(std::move(path));
    if (source.starts_with('.') && scope.own_directory && is_below(path, scope.directory) &&
        scope.directory != "/")
        return std::nullopt;
    const bool socket = path.ends_with(".sock");
    if (!scope.rootful && !socket && scope.home.size() > 1 &&
        (path == scope.home || is_below(path, scope.home)))
        return unless(!is_account(path.substr(scope.home.size())), expected);
    if (path != "/" && !socket && !is_sensitive(path))
        return unless(path.find('$') == std::string::npos, expected);
    return Objection{.expected = std::string(expected),
                     .engine_socket = socket && !is_below(path, "/run/user")};
}

Found volume(std::string_view value, const PodmanScope& scope) {
    const auto colon = value.find(':');
    return colon == std::string_view::npos ? std::nullopt : host_path(value.substr(0, colon), scope);
}

// What podman takes for a path whatever it begins with.
Found any_path(std::string_view path, const PodmanScope& scope) {
    const bool bare = !path.empty() && std::string_view("/.%$").find(path.front()) == std::string_view::npos;
    return host_path(bare ? "./" + std::string(path) : std::string(path), scope);
}

Found mount(std::string_view value, const PodmanScope& scope) {
    const auto fields = split(value, ',');
    const bool bind = std::ranges::any_of(
        fields, [](std::string_view f) { return trim(f) == "type=bind" || trim(f) == "type=glob"; });
    return bind ? any_path(mount_source(value), scope) : host_path(mount_source(value), scope);
}

Found rootfs(std::string_view value, const PodmanScope& scope) {
    // The switch; the directory stands in the place of the image.
    return is_truthy(value) ? std::nullopt : any_path(value.substr(0, value.find(':')), scope);
}

// ---- the rest ----

Found never(std::string_view value, const PodmanScope&) {
    return unless(value.empty(), "none");
}

Found off(std::string_view value, const PodmanScope&) {
    return unless(!is_truthy(value), "not set");
}

Found own_namespace(std::string_view value, const PodmanScope&) {
    const std::string mode = lower(value);
    return unless(mode != "host" && !mode.starts_with("host:") && !mode.starts_with("ns:"),
                  "a namespace of its own");
}

Found own_cgroup(std::string_view value, const PodmanScope&) {
    return unless(value != "disabled" && value != "no-conmon", "enabled");
}

Found own_seccomp(std::string_view value, const PodmanScope&) {
    return unless(value != "image", "default");
}

// Code and profiles of rootful containers stand where only root can change them; a bare name is searched
// there.
bool is_roots(std::string_view file, const PodmanScope& scope) {
    const std::string path = std::filesystem::path(resolved(file)).lexically_normal().string();
    return !scope.rootful || is_below(path, "/usr") || is_below(path, "/etc") || is_below(path, "/root");
}

Found roots_file(std::string_view value, const PodmanScope& scope) {
    return unless(value.find('/') == std::string_view::npos || is_roots(value, scope),
                  "a file below /usr or /etc");
}

Found label(std::string_view value) {
    static constexpr std::string_view free_types[] = {
        "container_runtime_t",  "init_t",      "initrc_t", "kernel_t", "spc_t", "sysadm_t",
        "unconfined_service_t", "unconfined_t"};
    if (!value.starts_with("type:"))
        return unless(value != "disable" && value != "nested", "a label of its own");
    return unless(std::ranges::find(free_types, value.substr(5)) == std::end(free_types), "a confined type");
}

Found security_opt(std::string_view value, const PodmanScope& scope) {
    auto separator = value.find('=');
    if (separator == std::string_view::npos)
        separator = value.find(':');
    if (separator == std::string_view::npos)
        return std::nullopt;
    const auto key = value.substr(0, separator);
    const auto what = value.substr(separator + 1);
    if (key == "label")
        return label(what);
    if (key == "unmask" || key == "systempaths")
        return never(what, scope);
    if (key == "apparmor" || key == "seccomp") {
        if (lower(what) == "unconfined")
            return Objection{.expected = "a profile"};
        return unless(key == "apparmor" || what.empty() || what.starts_with('$') || is_roots(what, scope) ||
                          what.find_first_of("/%") == std::string_view::npos,
                      "a profile below /usr or /etc");
    }
    return std::nullopt;
}

Found unread(std::string_view, const PodmanScope&) {
    return Objection{.expected = "options that can be read", .undecided = true};
}

struct Row {
    std::string_view option;
    Found (*judge)(std::string_view value, const PodmanScope& scope);
};

constexpr Row table[] = {
    {"", unread},
    {"cap-add", never},
    {"cgroupns", own_namespace},
    {"cgroups", own_cgroup},
    {"conmon", roots_file},
    {"connection", never},
    {"device", never},
    {"device-cgroup-rule", never},
    {"env-host", off},
    {"gpus", never},
    {"hooks-dir", roots_file},
    {"ipc", own_namespace},
    {"kube", unread},
    {"module", never},
    {"mount", mount},
    {"network", own_namespace},
    {"pid", own_namespace},
    {"privileged", off},
    {"remote", off},
    {"rootfs", rootfs},
    {"runtime", roots_file},
    {"seccomp-policy", own_seccomp},
    {"security-opt", security_opt},
    {"url", never},
    {"userns", own_namespace},
    {"uts", own_namespace},
    {"volume", volume},
};

}  // namespace

std::string_view mount_source(std::string_view mount) {
    std::string_view out;
    for (auto field : split(mount, ',')) {
        field = trim(field);
        if (field.starts_with('"'))  // the fields are comma-separated values
            field.remove_prefix(1);
        for (const std::string_view name : {"source=", "src="})
            if (field.starts_with(name)) {
                out = field.substr(name.size());
                if (out.ends_with('"'))
                    out.remove_suffix(1);
            }
    }
    return out;
}

std::string plain_path(std::string path) {
    if (const auto wildcard = path.find_first_of("*?["); wildcard != std::string::npos)
        path.resize(path.rfind('/', wildcard) + 1);
    path = std::filesystem::path(path).lexically_normal().string();
    while (path.size() > 1 && path.ends_with('/'))
        path.pop_back();
    return path;
}

std::optional<Objection> objection_to(const PodmanOption& option, const PodmanScope& scope) {
    const auto row = std::ranges::find(table, option.name, &Row::option);
    if (row == std::end(table))
        return std::nullopt;
    auto found = row->judge(option.value, scope);
    if (!found && option.value.find('$') != std::string::npos)
        return Objection{.expected = "a value that can be read", .undecided = true};
    return found;
}

}  // namespace plimsoll::modules::rootless
