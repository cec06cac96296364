// SPDX-License-Identifier: Apache-2.0
// Compares one dockerd's settings, of daemon.json and of its command line, with what is wanted of it.
#pragma once
#include "modules/rootless/docker_config.hpp"

#include <optional>
#include <span>
#include <string>
#include <vector>

namespace plimsoll::modules::rootless {

struct DockerDefect {
    policy::Evidence evidence{};
    std::optional<JsonEdit>
        edit{};  // nullopt: not ours to repair, or on the command line, which is not edited
    // Whether a person has to set another value rather than move it out of the command line.
    bool by_hand{false};
};

class DockerAudit {
  public:
    // `uid`: who runs it. All must outlive the audit.
    DockerAudit(const DaemonJson& json, std::span<const DockerFlag> flags, const DockerFiles& files,
                std::uint32_t uid)
        : json_(json), flags_(flags), files_(files), uid_(uid) {}

    // A key that must have this value; `standard` is dockerd's own when it is not set.
    void boolean(const std::string& key, bool want, bool standard);
    // A text that must not have this value. `repair` null: the key is removed.
    void forbidden(const std::string& key, const std::string& bad, const std::string& expected,
                   const Value& repair);
    // A list of which every entry must match one of the patterns.
    void list(const std::string& key, const std::vector<std::string>& allowed);
    // dockerd refuses to start when a key stands in both places.
    void conflicts();
    // Values of another type stop dockerd.
    void array(const std::string& key);
    // daemon.json, or what leads to it, is not root's and `uid`'s alone.
    void guard(const PathChain& chain);
    // Keys that no dockerd is known to have, and values of another type where nothing above has told of them:
    // comes last.
    void keys();

    void seccomp_profile();
    // A driver that is set, and with json-file, dockerd's own, a bound on what it keeps.
    void logs();
    // Sound limits; `required`: there must be one on open files.
    void ulimits(bool required);
    void features();
    // The default runtime and those that a container may ask for: programs (base names) and types that the
    // patterns allow, in files that only root and `uid` can change.
    void runtimes(const std::vector<std::string>& allowed);

    [[nodiscard]] const std::vector<DockerDefect>& defects() const { return defects_; }

    // What could not be judged because a file could not be looked at.
    [[nodiscard]] const std::vector<Error>& doubts() const { return doubts_; }

    // Others can have dockerd do whatever they write.
    [[nodiscard]] bool replaceable() const { return replaceable_; }

    // Keys of daemon.json of which it is not known what they do.
    [[nodiscard]] const std::vector<policy::Evidence>& unknown_keys() const { return unknown_keys_; }

  private:
    [[nodiscard]] bool on_command_line(std::string_view key) const;
    void flag_defect(const DockerFlag& flag, std::string expected);
    void json_defect(const std::string& key, std::string found, std::string expected,
                     std::optional<JsonEdit> edit = {});
    void profile(const std::string& source, const std::string& path, const std::optional<JsonEdit>& edit);
    void ulimit(const std::string& name, const Value& limit);
    void runtime(const DockerRuntime& r, const std::vector<std::string>& allowed);
    void default_runtime(const std::string& source, const std::string& name, bool in_json,
                         const std::vector<DockerRuntime>& known, const std::vector<std::string>& allowed);

    const DaemonJson& json_;
    std::span<const DockerFlag> flags_;
    const DockerFiles& files_;
    std::uint32_t uid_;
    std::vector<DockerDefect> defects_;
    std::vector<std::string> told_{};  // keys whose value a defect is about
    std::vector<Error> doubts_;
    std::vector<policy::Evidence> unknown_keys_{};
    bool replaceable_{false};
};

}  // namespace plimsoll::modules::rootless
