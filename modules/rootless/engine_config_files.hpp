// SPDX-License-Identifier: Apache-2.0
// The containers.conf(5), storage.conf(5) and registries.conf(5) files of a host, and the order in which a
// podman of a given version merges them for a given user (containers-config(5)).
#pragma once
#include "core/base/value.hpp"
#include "core/host/host.hpp"
#include "modules/rootless/environment_users.hpp"

#include <map>
#include <optional>
#include <string>
#include <vector>

namespace plimsoll::modules::rootless {

// How the installed podman layers its files.
enum class Layering {
    merged,           // up to 5.6: every file is merged, the user's last
    merged_rootless,  // 5.7 to 5.x: with /etc/containers/containers.rootless.conf and its directories
    first_main,       // 6: one main file, then drop-ins by name from all directories
};

struct Podman {
    bool present{false};                   // a binary of that name is in a usual place
    std::optional<std::string> version{};  // as the package database says; nullopt: not known

    // (major, minor); nullopt when the version is not known or not understood.
    [[nodiscard]] std::optional<std::pair<int, int>> release() const;
    // One when the version is known, else all: a verdict then has to hold under each.
    [[nodiscard]] std::vector<Layering> layerings() const;
    [[nodiscard]] bool older_than(int major, int minor) const;  // false when not known
};

[[nodiscard]] Podman find_podman(const host::Host& host);

struct ConfFile {
    std::string path;
    bool regular{true};     // itself, not through a symlink: podman 6 takes no other drop-ins
    Result<Value> content;  // Code::invalid_input: not TOML, with "FILE:LINE:COLUMN"; others: not readable
    std::string text{};
};

// Everything any layering might read for the users that were asked for.
struct ConfFiles {
    std::map<std::string, ConfFile> files;     // by path
    std::map<std::string, Error> directories;  // that could not be listed
};

// Whose configuration: uid 0 is rootful podman.
struct ConfOwner {
    std::string name;
    std::uint32_t uid{0};
    std::string home;
};

// root first, then the users.
[[nodiscard]] std::vector<ConfOwner> config_owners(const std::vector<RootlessUser>& users);

// `kind` is "containers" or "storage". Files of a user that the user could not read (a symlink to a foreign
// file) are errors, so that their content is neither judged nor shown.
[[nodiscard]] ConfFiles read_config_files(const host::Sysroot& root, const std::string& kind,
                                          const std::vector<ConfOwner>& owners);

// One file of an owner, with the same care. nullopt: no such file.
[[nodiscard]] std::optional<ConfFile> read_config_file(const host::Sysroot& root, const std::string& path,
                                                       const ConfOwner& owner);

// Whether the owner, not root, wrote the file or can.
[[nodiscard]] bool in_home(const ConfOwner& owner, const std::string& path);

struct ConfSetting {
    Value value;
    std::string file;    // path of the file that decided
    std::string source;  // "FILE:LINE"; several, joined by ", ", when elements were appended to an array
};

struct Effective {
    // By key path in lower case, "containers.netns": podman's decoder matches keys without regard to case.
    std::map<std::string, ConfSetting, std::less<>> settings;
    // Why podman would not start, or do something nobody can foresee: "FILE:LINE: reason".
    std::vector<std::string> refused;
    // "FILE:LINE" of arrays with { append = ... }, which podman before 4.8 refuses.
    std::vector<std::string> appends;
    // Files and directories that exist and could not be read by us.
    std::vector<Error> unreadable;

    [[nodiscard]] const ConfSetting* find(std::string_view key) const;
};

// Pure. The files in the order in which they are merged, for one owner.
[[nodiscard]] std::vector<const ConfFile*> merge_order(const ConfFiles& files, const std::string& kind,
                                                       Layering layering, const ConfOwner& owner);
[[nodiscard]] Effective merge_config(const ConfFiles& files, const std::string& kind, Layering layering,
                                     const ConfOwner& owner);

// Pure. As if `path` held `text`.
[[nodiscard]] ConfFiles with_file(ConfFiles files, const std::string& path, const std::string& text);

// "FILE:LINE: reason" for a setting whose type is not what podman's decoder takes.
[[nodiscard]] std::string wrong_type(const ConfSetting& setting, std::string_view key,
                                     std::string_view expected);

// A key as podman's decoder compares it: without regard to case, also for the two characters outside ASCII
// whose simple case folding is an ASCII letter.
[[nodiscard]] std::string fold_key(std::string_view key);

// "0755": the permission bits of a mode.
[[nodiscard]] std::string octal_mode(std::uint32_t mode);

// Value as one would write it in TOML, safe to show.
[[nodiscard]] std::string show_value(const Value& v);

}  // namespace plimsoll::modules::rootless
