// SPDX-License-Identifier: Apache-2.0
#include "modules/containers/capability_names.hpp"

#include "core/base/text.hpp"

#include <algorithm>
#include <array>
#include <vector>

namespace plimsoll::modules::containers {
namespace {

constexpr std::array<std::string_view, 41> names{"CHOWN",
                                                 "DAC_OVERRIDE",
                                                 "DAC_READ_SEARCH",
                                                 "FOWNER",
                                                 "FSETID",
                                                 "KILL",
                                                 "SETGID",
                                                 "SETUID",
                                                 "SETPCAP",
                                                 "LINUX_IMMUTABLE",
                                                 "NET_BIND_SERVICE",
                                                 "NET_BROADCAST",
                                                 "NET_ADMIN",
                                                 "NET_RAW",
                                                 "IPC_LOCK",
                                                 "IPC_OWNER",
                                                 "SYS_MODULE",
                                                 "SYS_RAWIO",
                                                 "SYS_CHROOT",
                                                 "SYS_PTRACE",
                                                 "SYS_PACCT",
                                                 "SYS_ADMIN",
                                                 "SYS_BOOT",
                                                 "SYS_NICE",
                                                 "SYS_RESOURCE",
                                                 "SYS_TIME",
                                                 "SYS_TTY_CONFIG",
                                                 "MKNOD",
                                                 "LEASE",
                                                 "AUDIT_WRITE",
                                                 "AUDIT_CONTROL",
                                                 "SETFCAP",
                                                 "MAC_OVERRIDE",
                                                 "MAC_ADMIN",
                                                 "SYSLOG",
                                                 "WAKE_ALARM",
                                                 "BLOCK_SUSPEND",
                                                 "AUDIT_READ",
                                                 "PERFMON",
                                                 "BPF",
                                                 "CHECKPOINT_RESTORE"};

}  // namespace

std::uint64_t capability_bit(std::string_view name) {
    if (name.starts_with("CAP_"))
        name.remove_prefix(4);
    const auto it = std::ranges::find(names, name);
    return it == names.end() ? 0 : std::uint64_t{1} << static_cast<unsigned>(it - names.begin());
}

std::string capability_text(std::uint64_t bits) {
    std::vector<std::string> out;
    for (unsigned i = 0; i < 64; ++i)
        if ((bits >> i & 1U) != 0)
            out.push_back(i < names.size() ? std::string(names[i]) : "bit " + std::to_string(i));
    constexpr std::size_t shown = 16;
    if (out.size() > shown)
        out = {std::to_string(out.size()) + " capabilities, " +
               ((bits & capability_bit("SYS_ADMIN")) != 0 ? "SYS_ADMIN among them" : "without SYS_ADMIN")};
    return out.empty() ? "none" : join(out, ", ");
}

}  // namespace plimsoll::modules::containers
