// SPDX-License-Identifier: Apache-2.0
// What a tenant of the policy means for a host, before looking at the host. The policy compiler has checked
// most of it already; here it is checked again, because these strings end up in account databases.
#pragma once
#include "core/policy/provision.hpp"

#include <optional>
#include <string>
#include <string_view>

namespace plimsoll::modules::provision {

// What getpwnam(3) needs so that the name can stand in one field of a line and as one path component.
[[nodiscard]] bool safe_name(std::string_view name);
// The strict form of systemd's valid_user_group_name(): what we give to accounts that we make.
[[nodiscard]] bool good_new_name(std::string_view name);
// An absolute, normal path without ':' and control characters; not "/".
[[nodiscard]] bool safe_path(std::string_view path);

[[nodiscard]] std::string home_of(const policy::Tenant& tenant);
[[nodiscard]] std::string shell_of(const policy::Tenant& tenant);

// Why nothing may be written for this tenant; nullopt: all of it may stand in the account databases.
[[nodiscard]] std::optional<std::string> refusal(const policy::Tenant& tenant);

}  // namespace plimsoll::modules::provision
