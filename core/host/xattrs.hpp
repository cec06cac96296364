// SPDX-License-Identifier: Apache-2.0
// Extended attributes (xattr(7)) of files, ACLs and security labels among them.
#pragma once
#include "core/host/place.hpp"

#include <map>
#include <optional>
#include <string>

namespace plimsoll::host {

using Xattrs = std::map<std::string, std::string>;  // by name

inline constexpr const char* acl_xattr = "system.posix_acl_access";

// Empty when the file system has none. Needs a descriptor that is open for reading.
[[nodiscard]] Result<Xattrs> read_xattrs(const Fd& fd, const std::string& path);
[[nodiscard]] Result<Xattrs> read_link_xattrs(const Place& at);

// Makes the attributes equal to `want`; nullopt: drops an access ACL (inherited from the directory) and
// leaves the rest as the file system made it.
[[nodiscard]] Result<void> write_xattrs(const Fd& fd, const std::string& path,
                                        const std::optional<Xattrs>& want);
[[nodiscard]] Result<void> write_link_xattrs(const Place& at, const std::optional<Xattrs>& want);

// Those that vouch for the content, so that they must not move to another one.
[[nodiscard]] bool speaks_of_content(const std::string& xattr);

}  // namespace plimsoll::host
