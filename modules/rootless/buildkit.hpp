// SPDX-License-Identifier: Apache-2.0
// How a rootful buildkitd is configured: buildkitd.toml, and the flags that win over it
// (https://github.com/moby/buildkit/blob/master/docs/buildkitd.toml.md).
#pragma once
#include "modules/rootless/engine_toml.hpp"

#include <span>

namespace plimsoll::modules::rootless {

struct Buildkit {
    // For each command line the file that it takes, if there is one, then its flags.
    std::vector<ConfigFiles> starts{};
    std::vector<Error> problems{};
};

[[nodiscard]] Buildkit read_buildkit(const host::Host& host, const Inventory& inventory);

// ---- pure ----

// The file that a command line names; nullopt: the usual one.
[[nodiscard]] std::optional<std::string> buildkit_config(std::span<const std::string> argv);

// A command line as the configuration it amounts to.
[[nodiscard]] ConfigFile buildkit_flags(std::span<const std::string> argv, const std::string& source);

[[nodiscard]] std::vector<SocketSetting> socket_settings(const Buildkit& buildkit);

// Whether every start asks clients that come by TCP for a certificate.
[[nodiscard]] bool asks_for_certificates(const Buildkit& buildkit);

}  // namespace plimsoll::modules::rootless
