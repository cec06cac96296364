// SPDX-License-Identifier: Apache-2.0
// Where the host's paths are within their file systems. A folder has as many names as there are mounts and
// links that lead to it, and who may mount picks one; its device and the path within the file system are the
// same whatever it is called.
#pragma once
#include "core/host/mountinfo.hpp"
#include "core/host/sysroot.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace plimsoll::modules::containers {

struct Place {
    std::uint64_t device{0};  // as in mountinfo
    std::string root{};       // path within the file system
    bool operator==(const Place&) const = default;
};

// `place` is `of` or below it.
[[nodiscard]] bool is_within(const Place& place, const Place& of);

// "/b" of "/a/b" and "/a"; "" when they are the same. Needs is_within().
[[nodiscard]] std::string rest_of(const Place& place, const Place& of);

[[nodiscard]] inline Place place_of(const host::Mount& mount) {
    return {mount.device, mount.root};
}

// For one look: a symlink is read once.
class HostPlaces {
  public:
    // Both must outlive it. `mounts` are PID 1's.
    HostPlaces(const host::Sysroot& root, const std::vector<host::Mount>& mounts);

    // Without symlinks; what does not exist stays as it is written. `path` is absolute.
    [[nodiscard]] std::string real_path(std::string_view path) const;

    // nullopt: no mount of the host has it.
    [[nodiscard]] std::optional<Place> find(std::string_view path) const;

    // Every path that the host has for this place, the shortest first. Empty: the host has not mounted it.
    [[nodiscard]] std::vector<std::string> names_of(const Place& place) const;

  private:
    // nullopt: no symlink.
    [[nodiscard]] const std::optional<std::string>& target_of(std::string path) const;

    const host::Sysroot* root_;
    std::unordered_map<std::uint64_t, std::vector<const host::Mount*>> by_device_{};
    std::unordered_map<std::string_view, const host::Mount*> on_top_{};  // by mount point
    mutable std::unordered_map<std::string, std::optional<std::string>> targets_{};
};

}  // namespace plimsoll::modules::containers
