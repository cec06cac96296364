// SPDX-License-Identifier: Apache-2.0
// Groups that pam_group(8) gives to whoever logs in, beside all group databases.
#pragma once
#include "core/base/result.hpp"
#include "core/host/sysroot.hpp"

#include <string>
#include <string_view>
#include <vector>

namespace plimsoll::modules::rootless {

struct LoginRule {
    std::string users;  // as written: "alice", "*", "!bob&!carol", "@netgroup"
    std::vector<std::string> groups;
    std::string source;  // "/etc/security/group.conf:12"
    bool operator==(const LoginRule&) const = default;
};

struct LoginGroups {
    std::vector<LoginRule> rules{};
    std::vector<Error> problems{};  // what could not be read
};

// None where no service of PAM has the module.
[[nodiscard]] LoginGroups read_login_groups(const host::Sysroot& root);

// ---- pure ----

// The rules of group.conf(5). When and by which service they hold is not looked at: at some time they do.
[[nodiscard]] std::vector<LoginRule> parse_login_groups(std::string_view text, const std::string& path);

}  // namespace plimsoll::modules::rootless
