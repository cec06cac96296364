// SPDX-License-Identifier: Apache-2.0
// How dockerd is configured: daemon.json and command-line flags, as dockerd(8) reads them. dockerd refuses to
// start when a key is set in both places, so an edit has to be made where the value stands.
#pragma once
#include "core/base/result.hpp"
#include "core/base/value.hpp"
#include "core/host/host.hpp"
#include "core/policy/finding.hpp"
#include "modules/rootless/guarded_file.hpp"
#include "modules/rootless/inventory.hpp"

#include <map>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace plimsoll::modules::rootless {

struct DockerFlag {
    std::string key;     // by its daemon.json name: "icc", "hosts", "userns-remap"
    std::string value;   // "true" for a boolean flag without value
    std::string source;  // "/usr/lib/systemd/system/docker.service:12", "pid 812"
    bool operator==(const DockerFlag&) const = default;
};

// One daemon.json.
struct DaemonJson {
    std::string path;
    std::optional<std::string> text{};  // nullopt: no such file
    std::optional<Error> problem{};     // why it could not be read or parsed
    bool damaged{false};                // `problem` is of the content: dockerd, too, refuses it
    Value value{};                      // a table when there is a text and no problem

    // The value of a key unless it is null, which dockerd takes for "not set".
    [[nodiscard]] const Value* find(std::string_view key) const;
    // "PATH:LINE" of a key of the first level, "PATH" when it is not there.
    [[nodiscard]] std::string place(std::string_view key) const;
};

// What the settings of one dockerd point to.
struct DockerFiles {
    std::map<std::string, PathChain> programs{};               // of runtimes, by path
    std::map<std::string, Result<SeccompProfile>> profiles{};  // of seccomp-profile, by path
};

struct DockerConfig {
    DaemonJson json{};
    PathChain json_chain{};           // who could put another daemon.json in its place
    std::vector<DockerFlag> flags{};  // of the unit that starts a rootful dockerd, and of what runs
    // What of the command line cannot be seen: environment files, a wrapper that calls dockerd.
    std::vector<Error> problems{};
    DockerFiles files{};
    Result<bool> selinux{false};  // an SELinux host
    Result<bool> swarm{false};    // has a swarm state below its data-root, which excludes live-restore
};

// The rootful daemon's.
[[nodiscard]] DockerConfig read_docker_config(const host::Host& host, const Inventory& inventory);
[[nodiscard]] DaemonJson read_daemon_json(const host::Sysroot& root, std::string path);
[[nodiscard]] DockerFiles read_docker_files(const host::Sysroot& root, const DaemonJson& json,
                                            std::span<const DockerFlag> flags);

// ---- pure ----

// Any bytes. The text of daemon.json as dockerd takes it, but strictly: what two readers may take in two ways
// (duplicate keys, keys that differ only in case) is damage.
[[nodiscard]] DaemonJson parse_daemon_json(std::string path, std::string text);

// What strconv.ParseBool takes, as dockerd reads its flags; nullopt for anything else.
[[nodiscard]] std::optional<bool> go_bool(std::string_view s);

// A runtime that dockerd may be asked for besides its own: of runtimes, or of --add-runtime.
struct DockerRuntime {
    std::string name;
    std::string program{};  // path or runtimeType, as written; empty: neither is a text
    std::string source{};   // "FILE:LINE", the flag's source
    bool in_json{false};
};

[[nodiscard]] std::vector<DockerRuntime> runtimes_of(const DaemonJson& json,
                                                     std::span<const DockerFlag> flags);

// argv[0] is the program. Unknown flags are kept under their own names.
[[nodiscard]] std::vector<DockerFlag> parse_docker_flags(std::span<const std::string> argv,
                                                         const std::string& source);

struct JsonEdit {
    std::string key;
    Value value;  // null: remove the key
};

// The change that makes the edits in the file as it was observed and leaves its other keys alone.
[[nodiscard]] policy::WriteFile edit_daemon_json(const DaemonJson& json, const std::vector<JsonEdit>& edits);

}  // namespace plimsoll::modules::rootless
