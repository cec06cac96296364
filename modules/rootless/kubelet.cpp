// SPDX-License-Identifier: Apache-2.0
#include "modules/rootless/kubelet.hpp"

#include "core/base/text.hpp"
#include "core/base/yaml.hpp"
#include "core/host/unit_files.hpp"
#include "modules/rootless/command_line.hpp"
#include "modules/rootless/docker_config.hpp"

#include <algorithm>
#include <array>

namespace plimsoll::modules::rootless {
namespace {

constexpr std::size_t config_max = std::size_t{1} << 20;
// Where installers put it when no command line is there to tell.
constexpr std::array<std::string_view, 3> usual_places{"/var/lib/kubelet/config.yaml",
                                                       "/etc/kubernetes/kubelet/config.json",
                                                       "/etc/kubernetes/kubelet/kubelet-config.json"};

struct CommandLine {
    std::vector<std::string> argv{};
    std::string source{};
};

// Of what runs, else of the unit that would start it.
CommandLine command_line(const host::Host& host, Kubelet& into) {
    if (host.live() && !host.processes()) {
        into.problem = host.processes().error();
        return {};
    }
    if (host.live())
        for (const auto& p : *host.processes())
            if (p.comm == "kubelet")
                return {p.argv, "pid " + std::to_string(p.pid)};
    const auto& unit = host.unit("kubelet.service");
    if (!unit) {
        into.problem = unit.error();
        return {};
    }
    if (!*unit)
        return {};
    const auto environment = unit_environment(host, **unit);
    if (!environment.problems.empty())
        into.problem = environment.problems.front();
    const auto lines = (*unit)->values("Service", "ExecStart");
    if (lines.empty())
        return {};
    return {expand(command_words(lines.back().value), environment.values), lines.back().source};
}

// false: no such file.
bool read_config(const host::Host& host, const std::string& path, Kubelet& into) {
    const auto text = host.root().read(path, config_max);
    if (!text) {
        if (text.error().code == Code::not_found)
            return false;
        into.problem = text.error();
        return true;
    }
    if (const auto added = add_kubelet_config(*text, path, into); !added)
        into.problem = added.error();
    return true;
}

void read_drop_ins(const host::Host& host, const std::string& dir, Kubelet& into) {
    const auto entries = host.root().list(dir);
    if (!entries) {
        into.problem = entries.error();
        return;
    }
    for (const auto& e : *entries) {
        constexpr unsigned char directory = 4;  // DT_DIR
        if (e.name.ends_with(".conf"))
            (void)read_config(host, dir + "/" + e.name, into);
        else if (e.type == directory)  // the kubelet looks into these too
            into.problem =
                fail(Code::unsupported, dir + "/" + e.name + ": folders in it are not read").error();
    }
}

std::string place(const std::string& path, const Value& v) {
    return v.where.line > 0 ? path + ":" + std::to_string(v.where.line) : path;
}

}  // namespace

Result<void> add_kubelet_config(std::string_view text, const std::string& path, Kubelet& into) {
    PLIMSOLL_TRY(const Value config, parse_yaml(text, path));
    if (!config.is_null() && config.table() == nullptr)
        return fail(Code::invalid_input, path + ": is " + std::string(config.type_name()) + ", not a table");
    if (!into.seccomp_default) {
        into.seccomp_default = false;
        into.source = path;
    }
    if (const Value* v = config.at("seccompDefault"); v != nullptr && !v->is_null()) {
        if (v->boolean() == nullptr)
            return fail(Code::invalid_input, place(path, *v) + ": seccompDefault is no boolean");
        into.seccomp_default = *v->boolean();
        into.source = place(path, *v);
    }
    if (const Value* v = config.at("featureGates", "SeccompDefault"); v != nullptr && *v == Value(false)) {
        into.seccomp_default = false;
        into.source = place(path, *v);
    }
    if (const Value* v = config.at("podPidsLimit"); v != nullptr && !v->is_null()) {
        if (v->integer() == nullptr)
            return fail(Code::invalid_input, place(path, *v) + ": podPidsLimit is no number");
        into.pids_limit = *v->integer();
    }
    return {};
}

void add_kubelet_flags(std::span<const std::string> argv, const std::string& source, Kubelet& into) {
    if (const auto v = flag_value(argv, "--seccomp-default")) {
        into.seccomp_default = go_bool(*v) == true;
        into.source = source;
    }
    if (const auto v = flag_value(argv, "--feature-gates");
        v && v->find("SeccompDefault=false") != std::string::npos) {
        into.seccomp_default = false;
        into.source = source;
    }
    for (const char* name : {"--pod-max-pids", "--pod-pids-limit"})
        if (const auto v = flag_value(argv, name)) {
            const auto number = parse_u64(*v);
            into.pids_limit = number && *number <= INT64_MAX ? static_cast<std::int64_t>(*number) : -1;
        }
}

Kubelet read_kubelet(const host::Host& host) {
    Kubelet out;
    const auto line = command_line(host, out);
    const auto config = flag_value(line.argv, "--config");
    if (config)
        (void)read_config(host, *config, out);
    else
        (void)std::ranges::any_of(
            usual_places, [&](std::string_view path) { return read_config(host, std::string(path), out); });
    if (const auto dir = flag_value(line.argv, "--config-dir"))
        read_drop_ins(host, *dir, out);
    add_kubelet_flags(line.argv, line.source, out);
    return out;
}

}  // namespace plimsoll::modules::rootless
