// SPDX-License-Identifier: Apache-2.0
#include "modules/rootless/buildkit.hpp"

#include "core/base/text.hpp"

#include <algorithm>

namespace plimsoll::modules::rootless {
namespace {

using Kind = SocketSetting::Kind;

constexpr std::string_view group_flag = "--group";  // and the key of its value, which no file has

// "-addr" is "--addr" to Go's flags.
std::vector<std::string> with_two_dashes(std::span<const std::string> argv) {
    std::vector<std::string> out(argv.begin(), argv.end());
    for (auto& w : out)
        if (w.size() > 2 && w[0] == '-' && w[1] != '-')
            w.insert(0, "-");
    return out;
}

Array all_addresses(const std::vector<std::string>& words) {
    Array out;
    for (std::size_t i = 0; i < words.size(); ++i) {
        if (words[i].starts_with("--addr="))
            out.emplace_back(words[i].substr(7));
        else if (words[i] == "--addr" && i + 1 < words.size())
            out.emplace_back(words[++i]);
    }
    return out;
}

struct Found {
    const Value* value{nullptr};
    std::string source{};
};

// Of the last that has it.
template <class... Keys>
Found last_of(const ConfigFiles& files, const Keys&... keys) {
    Found out;
    for (const ConfigFile& file : files)
        if (const Value* v = file.value.at(keys...))
            out = {v, file.place(v)};
    return out;
}

template <class... Keys>
std::string last_text(const ConfigFiles& files, const Keys&... keys) {
    const auto found = last_of(files, keys...);
    return found.value != nullptr && found.value->string() != nullptr ? *found.value->string() : "";
}

void add_settings(const ConfigFiles& files, std::vector<SocketSetting>& into) {
    const auto add = [&](Kind kind, std::string engine, std::string value, std::string source) {
        SocketSetting s{kind, std::move(engine), std::move(value), std::move(source)};
        if (std::ranges::find(into, s) == into.end())
            into.push_back(std::move(s));
    };
    bool local = true;  // by default it listens on a socket of its own
    const auto addresses = last_of(files, "grpc", "address");
    if (addresses.value != nullptr && addresses.value->array() != nullptr &&
        !addresses.value->array()->empty()) {
        local = false;
        for (const Value& v : *addresses.value->array()) {
            if (v.string() == nullptr)
                continue;
            local |= v.string()->starts_with("unix:");
            if (v.string()->starts_with("tcp:"))
                add(Kind::tcp, "buildkit", *v.string(), addresses.source);
        }
    }
    if (const auto debug = last_text(files, "grpc", "debugAddress");
        !debug.empty() && !debug.starts_with("unix:") && !debug.starts_with('/'))
        add(Kind::tcp, "buildkit's debugger", debug, last_of(files, "grpc", "debugAddress").source);
    if (!local)
        return;
    const auto add_id = [&](Kind kind, const Found& found) {
        if (found.value != nullptr && found.value->integer() != nullptr && *found.value->integer() > 0)
            add(kind, "buildkit", std::to_string(*found.value->integer()), found.source);
    };
    add_id(Kind::user, last_of(files, "grpc", "uid"));
    if (const auto group = last_text(files, "grpc", group_flag); !group.empty())
        add(Kind::group, "buildkit", group, last_of(files, "grpc", group_flag).source);
    else
        add_id(Kind::group, last_of(files, "grpc", "gid"));
}

}  // namespace

std::optional<std::string> buildkit_config(std::span<const std::string> argv) {
    return flag_value(with_two_dashes(argv), "--config");
}

ConfigFile buildkit_flags(std::span<const std::string> argv, const std::string& source) {
    const auto words = with_two_dashes(argv);
    Table tls;
    for (const char* key : {"cert", "key"})
        if (const auto v = flag_value(words, std::string("--tls") + key))
            tls.set(key, Value(*v));
    if (const auto v = flag_value(words, "--tlscacert"))
        tls.set("ca", Value(*v));
    Table grpc;
    if (auto addresses = all_addresses(words); !addresses.empty())
        grpc.set("address", Value(std::move(addresses)));
    if (const auto v = flag_value(words, std::string(group_flag)))
        grpc.set(std::string(group_flag), Value(*v));
    if (const auto v = flag_value(words, "--debugaddr"))
        grpc.set("debugAddress", Value(*v));
    grpc.set("tls", Value(std::move(tls)));
    Table top;
    top.set("grpc", Value(std::move(grpc)));
    return {source, Value(std::move(top))};
}

std::vector<SocketSetting> socket_settings(const Buildkit& buildkit) {
    std::vector<SocketSetting> out;
    for (const ConfigFiles& files : buildkit.starts)
        add_settings(files, out);
    return out;
}

bool asks_for_certificates(const Buildkit& buildkit) {
    return !buildkit.starts.empty() && std::ranges::all_of(buildkit.starts, [](const ConfigFiles& files) {
        return std::ranges::all_of(
            std::initializer_list<const char*>{"cert", "key", "ca"},
            [&](const char* key) { return !last_text(files, "grpc", "tls", key).empty(); });
    });
}

Buildkit read_buildkit(const host::Host& host, const Inventory& inventory) {
    Buildkit out;
    if (!inventory.has("buildkit"))
        return out;
    const auto add_file = [&](const std::string& path, ConfigFiles& files) {
        if (auto file = read_toml(host.root(), path, out.problems))
            files.push_back(*std::move(file));
    };
    const std::string usual = "/etc/buildkit/buildkitd.toml";
    for (const auto& command : engine_commands(host, inventory, "buildkit", out.problems)) {
        auto& files = out.starts.emplace_back();
        if (const auto path = named_file(buildkit_config(command.argv).value_or(usual), command.source))
            add_file(*path, files);
        else
            out.problems.push_back(path.error());
        files.push_back(buildkit_flags(command.argv, command.source));
    }
    if (out.starts.empty())
        add_file(usual, out.starts.emplace_back());
    return out;
}

}  // namespace plimsoll::modules::rootless
