// SPDX-License-Identifier: Apache-2.0
// Mounts as the kernel shows them in /proc/PID/mountinfo (proc(5)), and what a mount of another namespace is
// called on the host. Both tables name a file system by its device number and a path within it; stat(2)'s
// st_dev is another number on btrfs, so the two must not be compared.
#pragma once
#include "core/base/result.hpp"

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace plimsoll::host {

struct Mount {
    std::uint64_t id{0};
    std::uint64_t device{0};  // major << 32 | minor
    std::string root;         // path within the file system; "//deleted" removed
    bool deleted{false};
    std::string point;  // where it is mounted, seen from the process's root
    bool read_only{false};
    bool no_exec{false};
    bool id_mapped{false};
    std::optional<std::uint64_t> shared{};  // peer group that it propagates to and from
    std::optional<std::uint64_t> master{};  // peer group that it receives from
    std::string type;                       // "ext4", "overlay", "fuse.sshfs"
    std::string source;
    std::string super;  // options of the file system, as in the file: "rw,lowerdir=…"

    // Value of "KEY=" in `super`; "" for a bare KEY.
    [[nodiscard]] std::optional<std::string> super_option(std::string_view key) const;
    bool operator==(const Mount&) const = default;
};

// Code::invalid_input, naming `source` and the line: half a table would hide mounts.
[[nodiscard]] Result<std::vector<Mount>> parse_mountinfo(std::string_view text, std::string_view source);

// The mount that is on top at `point`: the last with that mount point. nullptr: none.
[[nodiscard]] const Mount* mount_at(const std::vector<Mount>& mounts, std::string_view point);

// The mount that a path is on. nullptr: none.
[[nodiscard]] const Mount* mount_of(const std::vector<Mount>& mounts, std::string_view path);

// Whether reading from a file system of this type can wait for another program or machine for ever.
[[nodiscard]] bool may_block(std::string_view type);

// `path` is `dir` itself or below it. Both absolute, without a '/' at the end but for "/" itself.
[[nodiscard]] bool is_within(std::string_view path, std::string_view dir);

// Finds the host's name for what another mount namespace has mounted.
class HostMounts {
  public:
    explicit HostMounts(std::vector<Mount> mounts);

    [[nodiscard]] const std::vector<Mount>& all() const { return mounts_; }

    // The host path of what `mount` shows: by the host's mount of the same file system whose root is the
    // longest prefix. nullopt: the host does not have it mounted.
    [[nodiscard]] std::optional<std::string> path_of(const Mount& mount) const;

    [[nodiscard]] bool has_peer(std::uint64_t group) const { return groups_.contains(group); }

  private:
    std::vector<Mount> mounts_;
    std::multimap<std::uint64_t, std::size_t> by_device_;
    std::map<std::uint64_t, bool> groups_;
};

}  // namespace plimsoll::host
