// SPDX-License-Identifier: Apache-2.0
// What the kubelet gives pods that do not say how they want to be confined: its command line, its
// configuration (YAML or JSON, KubeletConfiguration v1beta1) and that one's drop-ins.
#pragma once
#include "core/base/result.hpp"
#include "core/host/host.hpp"

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace plimsoll::modules::rootless {

struct Kubelet {
    // Whether pods without a seccomp profile get the runtime's; nullopt: nothing says so.
    std::optional<bool> seccomp_default{};
    std::string source{};                      // where that was read: "FILE:LINE", "pid 9"
    std::optional<std::int64_t> pids_limit{};  // podPidsLimit; none, or -1: no limit
    std::optional<Error> problem{};            // what could not be read
};

[[nodiscard]] Kubelet read_kubelet(const host::Host& host);

// ---- pure; any bytes ----

// Lays one configuration file over what is known; a file without seccompDefault means false, as the kubelet
// takes it, unless one before had it. An Error when the kubelet would not take the file, or two readers would
// take it in two ways.
[[nodiscard]] Result<void> add_kubelet_config(std::string_view text, const std::string& path, Kubelet& into);

// Lays the flags of a command line over what the files say: flags win.
void add_kubelet_flags(std::span<const std::string> argv, const std::string& source, Kubelet& into);

}  // namespace plimsoll::modules::rootless
