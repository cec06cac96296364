// SPDX-License-Identifier: Apache-2.0
#include "modules/containers/capability_names.hpp"

#include <algorithm>
#include <array>
#include <bit>

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
    constexpr int shown = 16;
    if (const int count = std::popcount(bits); count > shown)
        return std::to_string(count) + " capabilities, " +
               ((bits & capability_bit("SYS_ADMIN")) != 0 ? "SYS_ADMIN among them" : "without SYS_ADMIN");
    std::string out;
    for (; bits != 0; bits &= bits - 1) {
        const auto i = static_cast<std::size_t>(std::countr_zero(bits));
        out += out.empty() ? "" : ", ";
        out += i < names.size() ? std::string(names[i]) : "bit " + std::to_string(i);
    }
    return out.empty() ? "none" : out;
}

}  // namespace plimsoll::modules::containers
