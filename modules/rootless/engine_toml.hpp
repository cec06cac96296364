// SPDX-License-Identifier: Apache-2.0
// The command lines that start engines, and the files of those that are configured in TOML.
#pragma once
#include "core/base/result.hpp"
#include "core/base/value.hpp"
#include "core/host/host.hpp"
#include "modules/rootless/inventory.hpp"

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace plimsoll::modules::rootless {

struct ConfigFile {
    std::string path;
    Value value{};  // a table

    // "PATH:LINE" of a value of this file.
    [[nodiscard]] std::string place(const Value* v) const;
};

using ConfigFiles = std::vector<ConfigFile>;

// nullopt: no such file, or it is among the problems.
[[nodiscard]] std::optional<ConfigFile> read_toml(const host::Sysroot& root, const std::string& path,
                                                  std::vector<Error>& problems);

struct EngineCommand {
    std::vector<std::string> argv{};
    Variables environment{};
    std::string source{};
};

struct EngineCommands {
    std::vector<EngineCommand> found{};
    std::vector<Error> problems{};
};

// How the units of an engine start it as root. Among the problems is what hides a command line: a script that
// a unit calls.
[[nodiscard]] EngineCommands unit_commands(const host::Host& host, const Inventory& inventory,
                                           std::string_view engine);

// How an engine is started as root: by its units, and as it runs, unless another engine started it. Problems
// as above, and processes and units that could not be read.
[[nodiscard]] std::vector<EngineCommand> engine_commands(const host::Host& host, const Inventory& inventory,
                                                         std::string_view engine,
                                                         std::vector<Error>& problems);

// What an engine's configuration says of a socket that it makes by itself.
struct SocketSetting {
    enum class Kind { user, group, tcp };
    Kind kind{Kind::tcp};
    std::string engine;
    std::string value;   // "998", "docker", "tcp://0.0.0.0:1234"
    std::string source;  // "/etc/containerd/config.toml:4"
    bool operator==(const SocketSetting&) const = default;
};

}  // namespace plimsoll::modules::rootless
