// SPDX-License-Identifier: Apache-2.0
// passwd(5), group(5) and systemd's JSON records.
#include "core/host/user_records.hpp"

#include <cstdlib>

using namespace plimsoll;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view text(reinterpret_cast<const char*>(data), size);
    host::Accounts accounts;
    host::parse_passwd(text, "/etc/passwd", accounts);
    host::parse_group(text, "/etc/group", accounts);
    (void)host::parse_group_record(text, "/etc/userdb/g.group", "", accounts);
    (void)host::parse_user_record(text, "/etc/userdb/u.user", "", accounts);
    for (const auto& u : accounts.users)
        if (accounts.user(u.name) == nullptr || accounts.user(u.uid) == nullptr)
            std::abort();
    for (const auto& g : accounts.groups)
        (void)accounts.members_of(g);
    return 0;
}
