// SPDX-License-Identifier: Apache-2.0
// What containerd, CRI-O and the kubelet make of a pod that does not say how it wants to be confined.
#pragma once
#include "core/base/result.hpp"
#include "core/base/value.hpp"
#include "core/host/host.hpp"
#include "modules/rootless/inventory.hpp"

#include <optional>
#include <string>
#include <vector>

namespace plimsoll::modules::rootless {

struct ConfigFile {
    std::string path;
    Value value{};  // a table

    // "PATH:LINE" of a value of this file.
    [[nodiscard]] std::string place(const Value* v) const;
};

struct CriFacts {
    std::vector<ConfigFile> containerd{};  // config.toml, then its imports; later ones win
    std::vector<ConfigFile> crio{};        // crio.conf, then crio.conf.d by name
    std::vector<Error> containerd_problems{};
    std::vector<Error> crio_problems{};
    // Whether the kubelet gives pods without a profile the runtime's default; nullopt: nothing says so.
    std::optional<bool> seccomp_default{};
    std::string kubelet_source{};  // where that was read
    std::optional<Error> kubelet_problem{};
};

[[nodiscard]] CriFacts read_cri(const host::Host& host, const Inventory& inventory);

// ---- pure ----

// The boolean of a first-level key in a kubelet configuration, YAML or JSON; with its line.
struct KubeletSetting {
    bool value{false};
    int line{0};
};

[[nodiscard]] std::optional<KubeletSetting> find_seccomp_default(std::string_view text);

struct Setting {
    const Value* value{nullptr};
    std::string source{};
};

// The effective value: of the last file that has it. containerd keeps the CRI plugin's table under another
// name in each version of its configuration.
[[nodiscard]] Setting containerd_setting(const CriFacts& facts, std::string_view key);
[[nodiscard]] Setting crio_setting(const CriFacts& facts, std::string_view key);
// containerd may run without its CRI plugin; then no kubelet uses it.
[[nodiscard]] bool cri_disabled(const CriFacts& facts);

}  // namespace plimsoll::modules::rootless
