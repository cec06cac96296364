// SPDX-License-Identifier: Apache-2.0
// login.defs(5) as shadow reads it: the id ranges from which accounts and subordinate ids are given out.
#pragma once
#include "core/base/ranges.hpp"
#include "core/host/sysroot.hpp"

#include <map>
#include <optional>
#include <string>
#include <string_view>

namespace plimsoll::host {

struct LoginDefs {
    struct Setting {
        std::string value;
        std::string source;  // "/etc/login.defs:12"
    };

    std::map<std::string, Setting, std::less<>> settings;  // the last of a name wins

    // strtol(3) with base 0, as shadow takes numbers: "0x3E8" and octal "01750" are 1000. nullopt: not set.
    // Code::invalid_input names the line of a value that is no number from 0 to 2^32-1; shadow would go on
    // with its default.
    [[nodiscard]] Result<std::optional<std::uint64_t>> number(std::string_view name) const;

    // Half-open ranges with shadow's defaults (useradd(8), lib/find_new_uid.c, lib/find_new_sub_uids.c).
    // Code::invalid_input also when the lower end is above the upper one.
    [[nodiscard]] Result<Range> system_uids() const;   // SYS_UID_MIN (101) .. SYS_UID_MAX (UID_MIN - 1)
    [[nodiscard]] Result<Range> regular_uids() const;  // UID_MIN (1000) .. UID_MAX (60000)
    [[nodiscard]] Result<Range> subids() const;        // SUB_UID_MIN (100000) .. SUB_UID_MAX (600100000)

  private:
    [[nodiscard]] Result<Range> range(std::string_view min, std::uint64_t fallback_min, std::string_view max,
                                      std::uint64_t fallback_max) const;
};

// Pure and total: any bytes; lines that are no setting are passed over, as shadow does.
[[nodiscard]] LoginDefs parse_login_defs(std::string_view text, const std::string& path);

// /etc/login.defs, or the vendor's /usr/etc/login.defs when that is absent. No such file: no settings.
[[nodiscard]] Result<LoginDefs> read_login_defs(const Sysroot& root);

}  // namespace plimsoll::host
