// SPDX-License-Identifier: Apache-2.0
// Kubernetes YAML that podman is told to play: by a .kube (Yaml=), or by "podman kube play" in a unit.
#pragma once
#include "core/base/result.hpp"
#include "core/base/value.hpp"
#include "core/host/sysroot.hpp"
#include "core/host/unit_files.hpp"

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace plimsoll::modules::rootless {

struct KubeFile {
    std::string path;
    Result<std::vector<Value>> documents;
};

// Whose service manager starts a unit: the system's, unless it says otherwise.
struct Manager {
    std::string home{"/root"};  // %h; empty: not known
    std::string directory{
        "/"};  // where services start unless WorkingDirectory= says so; a user's in the home
};

// Of the first 16; one more stands for the rest, which are not read. `definition`: the user's file that names
// them, which cannot have us read what its owner may not; empty: root's.
[[nodiscard]] std::vector<KubeFile> read_kube_files(const host::Sysroot& root,
                                                    std::span<const std::string> paths,
                                                    const std::string& definition);

// ---- pure ----

// Lines of a unit that the service manager carries out: ExecStart= and its like.
[[nodiscard]] std::vector<host::UnitSetting> commands_of(const host::UnitFile& unit);

// Where the unit's commands start. nullopt: only the running manager knows.
[[nodiscard]] std::optional<std::string> start_directory(const host::UnitFile& unit, const Manager& manager);

// The absolute path of a file that a command line of the unit names. nullopt: standard input, an address, or
// something that only the running manager knows.
[[nodiscard]] std::optional<std::string> named_path(const host::UnitFile& unit, std::string_view word,
                                                    const Manager& manager);

// What the unit's command lines play, as far as named_path() has it.
[[nodiscard]] std::vector<std::string> played_files(const host::UnitFile& unit, const Manager& manager);

}  // namespace plimsoll::modules::rootless
