// SPDX-License-Identifier: Apache-2.0
// What containerd and CRI-O make of a pod that does not say how it wants to be confined.
#pragma once
#include "core/base/result.hpp"
#include "core/base/value.hpp"
#include "core/host/host.hpp"
#include "modules/rootless/engine_toml.hpp"
#include "modules/rootless/inventory.hpp"
#include "modules/rootless/kubelet.hpp"

#include <map>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace plimsoll::modules::rootless {

struct ContainerdConfig {
    std::string subject{"containerd"};  // "containerd of k3s"
    std::string path{"/etc/containerd/config.toml"};
    ConfigFiles files{};  // the file of that path, then its imports; later ones win
    // conf.d beside a file that does not say what it imports: newer versions read it, older do not.
    ConfigFiles maybe{};
    std::vector<Error> problems{};
};

struct CriFacts {
    // The host's own, and those that k3s and rke2 bring along, configure and start.
    std::vector<ContainerdConfig> containerd{};
    ConfigFiles crio{};  // crio.conf, then crio.conf.d by name, then its command line
    std::vector<Error> crio_problems{};
    // The policy.json by which CRI-O verifies images; not_found when there is none.
    Result<Value> signature_policy{};
    std::string signature_policy_path{};
    Kubelet kubelet{};
};

[[nodiscard]] CriFacts read_cri(const host::Host& host, const Inventory& inventory);

// ---- pure ----

struct Setting {
    const Value* value{nullptr};
    std::string source{};
};

// The effective value: of the last file that has it. containerd keeps the CRI plugin's table under another
// name in each version of its configuration.
[[nodiscard]] Setting containerd_setting(const ConfigFiles& files, std::string_view key);
// The same for a key of each of the CRI plugin's runtimes; "runc" is always among them.
[[nodiscard]] std::map<std::string, Setting> containerd_runtimes(const ConfigFiles& files,
                                                                 std::string_view key);
[[nodiscard]] Setting crio_setting(const ConfigFiles& files, std::string_view key);
// Owners of containerd's own sockets and its addresses by TCP, in each version of its configuration
// (containerd-config.toml(5)), with conf.d and without.
[[nodiscard]] std::vector<SocketSetting> socket_settings(const CriFacts& cri);
// containerd may run without its CRI plugin; then no kubelet uses it.
[[nodiscard]] bool cri_disabled(const ConfigFiles& files);

// A command line of CRI-O, and CONTAINER_… variables of its environment, as the configuration they amount to.
[[nodiscard]] ConfigFile crio_flags(std::span<const std::string> argv, const Variables& environment,
                                    const std::string& source);

}  // namespace plimsoll::modules::rootless
