// SPDX-License-Identifier: Apache-2.0
// What podman's arguments ask for, and which of it opens a container to the host (podman(1), podman-run(1)).
// Quadlets and Kubernetes YAML say the same in other words; they are judged by the same table.
#pragma once
#include "core/base/value.hpp"

#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace plimsoll::modules::rootless {

struct PodmanOption {
    std::string name;   // "volume"; empty for a variable that stands for any number of options
    std::string value;  // "/a:/b"; "true" of a switch
    // Which word of the arguments it begins with, or which line of the document.
    std::size_t at{0};
    bool operator==(const PodmanOption&) const = default;
};

// "--volume=/a:/b", "--privileged".
[[nodiscard]] std::string show_option(const PodmanOption& option);

// ---- pure; any bytes ----

// Options among arguments that come before an image's name (PodmanArgs=), or before the command
// (GlobalArgs=).
[[nodiscard]] std::vector<PodmanOption> podman_options(std::span<const std::string> argv, bool global);
// Options of every podman that a command line runs, without what belongs to the container's own command.
[[nodiscard]] std::vector<PodmanOption> podman_command_options(std::span<const std::string> argv);
// Options that the pods of a document (core/base/yaml) amount to.
[[nodiscard]] std::vector<PodmanOption> kube_options(const Value& document);

struct PodmanScope {
    bool rootful{true};          // else what the user can change is the user's own
    std::string directory{"/"};  // of relative paths; empty: not known
    // It is the definition's own: what stands in it is as the definition's author wants it.
    bool own_directory{false};
    std::string home{};  // of the user; empty: not known
};

struct Objection {
    std::string expected;
    bool undecided{false};      // a variable, or a file that is not read, decides
    bool engine_socket{false};  // hands over a socket outside the user's own run-time directory
};

// nullopt: the option does not open the container.
[[nodiscard]] std::optional<Objection> objection_to(const PodmanOption& option, const PodmanScope& scope);

// What "type=bind,source=/a,target=/b" mounts; empty: it names no source.
[[nodiscard]] std::string_view mount_source(std::string_view mount);
// An absolute path without "..", doubled and trailing slashes; of a pattern ("/a/b*") the directory that it
// searches.
[[nodiscard]] std::string plain_path(std::string path);

// As podman and systemd read a switch: "1", "yes", "true", "on" and the like.
[[nodiscard]] bool is_truthy(std::string_view value);

}  // namespace plimsoll::modules::rootless
