// SPDX-License-Identifier: Apache-2.0
// Accounts that stand in JSON records (https://systemd.io/USER_RECORD, GROUP_RECORD) instead of passwd(5):
// the users of systemd-homed and the drop-ins of nss-systemd(8).
#pragma once
#include "core/host/accounts.hpp"

namespace plimsoll::host {

// Where systemd-homed keeps the records of its users.
inline constexpr std::string_view homed_dir = "/var/lib/systemd/home";

// Appends every record of the host that passwd(5) or group(5) does not have. What could not be read is among
// the problems and the reasons for unseen users.
void read_user_records(const Sysroot& root, Accounts& into);

// Whether nobody can see what is in the home, as systemd-homed brings it when its user comes: with the copy
// of the record that every such home has.
[[nodiscard]] bool is_away(const Sysroot& root, const User& user);
// For what then is not known.
[[nodiscard]] Error away(const User& user);

// Pure: append the account or the group of one record, unless there is one of that name and number. Of the
// sections for single machines the one of `machine_id` counts, all of them when it is empty.
[[nodiscard]] Result<void> parse_user_record(std::string_view text, const std::string& path,
                                             std::string_view machine_id, Accounts& into);
[[nodiscard]] Result<void> parse_group_record(std::string_view text, const std::string& path,
                                              std::string_view machine_id, Accounts& into);

}  // namespace plimsoll::host
