// SPDX-License-Identifier: Apache-2.0
// The one way in which a file of a host is changed: a temporary file in the same directory, made complete and
// durable, then renamed over the old one. A reader, or the next boot, finds the old or the new file, whole.
// Only the executor and keepers of our own state use this; modules return Changes.
#pragma once
#include "core/host/place.hpp"
#include "core/host/xattrs.hpp"

#include <optional>
#include <string>
#include <string_view>

namespace plimsoll::host {

// What stands, or is to stand, under one name.
struct FileImage {
    enum class Kind { absent, regular, symlink, directory };
    Kind kind{Kind::absent};
    std::uint32_t mode{0};  // permission bits, with set-id and sticky; meaningless for a symlink
    std::uint32_t uid{0};
    std::uint32_t gid{0};
    std::string content{};  // of a regular file; the target of a symlink
    // nullopt: whatever the file system gives to a new file, without an inherited access ACL.
    std::optional<Xattrs> xattrs{};
    bool operator==(const FileImage&) const = default;
};

[[nodiscard]] std::string_view name_of(FileImage::Kind kind);

struct NewFile {  // of a file that does not exist yet
    mode_t mode{0644};
    uid_t uid{0};
    gid_t gid{0};
};

// Replaces the content of a regular file, or creates it with `fresh`. An existing one keeps owner, mode and
// extended attributes, except security.ima and security.evm, which speak of the content. Missing parents are
// made (0755, root). Durable on return. Code::integrity when the name is taken by anything but a regular file
// (a symlink too), or a symlink of somebody else than root is on the way to it. Leftovers of an interrupted
// run for the same name are removed. On an error before the rename nothing has changed.
[[nodiscard]] Result<void> replace_file(const Sysroot& root, std::string_view path, std::string_view content,
                                        const NewFile& fresh);

// The same for a file of our own state (0600), whatever stands there, in a directory that exists and whose
// leftovers remove_all_leftovers() takes away when a run begins: listing it for each file costs as much as
// there are files.
[[nodiscard]] Result<void> replace_own_file(const Sysroot& root, std::string_view path,
                                            std::string_view content);

// All of it, or an error; what was written before that stays.
[[nodiscard]] Result<void> write_all(const Fd& fd, std::string_view content, const std::string& path);

// Reads what stands under `path`, which is not followed; without `content`, that is left out. Code::integrity
// for FIFOs, sockets and devices, Code::busy when it kept changing, Code::invalid_input beyond
// Sysroot::default_max. A directory that is missing on the way means absent.
[[nodiscard]] Result<FileImage> capture(const Sysroot& root, std::string_view path, bool content = true);
[[nodiscard]] Result<FileImage> capture_at(const Place& at, bool content = true);

// Makes what stands under `path` equal to `image`, atomically and durably; parents must exist unless it is
// absent. A directory can only be made or (when empty) removed, not replaced. `seen` is what capture() gave:
// Code::busy when another file stands there now.
[[nodiscard]] Result<void> put(const Sysroot& root, std::string_view path, const FileImage& image,
                               const FileImage& seen);

// A directory of ours that nobody else may look into (0700), with missing parents (0755). One that is there
// stays as it is.
[[nodiscard]] Result<void> make_private_directory(const Sysroot& root, const std::string& path);

// Gives an existing regular file or directory the mode, owner and extended attributes of `image`. Not atomic.
[[nodiscard]] Result<void> put_metadata(const Sysroot& root, std::string_view path, const FileImage& image);

// Equal as far as both tell: attributes that one of them leaves to the file system are not compared, nor is
// the mode of a symlink.
[[nodiscard]] bool same_file(const FileImage& a, const FileImage& b);

}  // namespace plimsoll::host
