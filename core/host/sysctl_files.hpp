// SPDX-License-Identifier: Apache-2.0
// What sysctl.d(5) files set at boot, as systemd-sysctl reads them, with the origin of every value.
#pragma once
#include "core/host/sysroot.hpp"

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace plimsoll::host {

struct SysctlLine {
    std::string key;  // "net/ipv4/ip_forward": normalised to slashes; may be a glob
    // nullopt: "-key" without '=', which keeps globs from setting the key.
    std::optional<std::string> value{};
    std::string file;  // "/etc/sysctl.d/60-x.conf"
    int line{0};       // 1-based
    bool operator==(const SysctlLine&) const = default;

    [[nodiscard]] std::string source() const { return file + ":" + std::to_string(line); }
};

struct SysctlFiles {
    std::vector<SysctlLine> lines;      // in the order in which they are applied; later wins
    std::vector<std::string> problems;  // "FILE:LINE: reason" for lines that are not assignments

    struct Unreadable {
        std::string name;  // base name that decides its place in the order; empty: a whole directory
        Error error;
    };

    std::vector<Unreadable> unreadable;

    // The line that decides the value of `key` ("user.max_user_namespaces" or with slashes) at boot; nullopt:
    // no file sets it. A line that names the key wins over every glob, whatever their order. An Error when a
    // file that could not be read might decide otherwise.
    [[nodiscard]] Result<std::optional<SysctlLine>> effective(std::string_view key) const;
};

// Reads *.conf below {/etc,/run,/usr/local/lib,/usr/lib,/lib}/sysctl.d: of files with the same name only the
// one in the first of these directories counts (a link to /dev/null or an empty file masks the others), and
// they apply in the order of their names, whatever the directory. /etc/sysctl.conf counts only where a link
// in sysctl.d leads to it, as systemd-sysctl does not read it.
[[nodiscard]] SysctlFiles read_sysctl_files(const Sysroot& root);

// Pure: appends the assignments of one file.
void parse_sysctl(std::string_view text, const std::string& path, SysctlFiles& into);

// "net.ipv4.conf.eth0/1.x" and "net/ipv4/conf/eth0.1/x" -> "net/ipv4/conf/eth0.1/x": when the first separator
// is a dot, dots and slashes change places (sysctl.d(5)).
[[nodiscard]] std::string normalise_sysctl(std::string_view key);

// "/proc/sys/user/max_user_namespaces"; nullopt for a key that would leave /proc/sys or name nothing.
[[nodiscard]] std::optional<std::string> sysctl_knob(std::string_view key);

// Whether two values mean the same to the kernel: equal after each run of blanks is one ("0\t1" is "0 1").
[[nodiscard]] bool same_sysctl_value(std::string_view a, std::string_view b);

// Where Plimsoll keeps the value of one key: "/etc/sysctl.d/60-plimsoll-KEY.conf", or, when a file that sorts
// after it decides now, a name that sorts after that file. One file per key, so that several controls do not
// write over each other. nullopt: no name of ours would win.
[[nodiscard]] std::optional<std::string> sysctl_drop_in_path(std::string_view key,
                                                             const std::optional<SysctlLine>& decides_now);

// The whole content of that file. Whoever manages the key writes these bytes.
[[nodiscard]] std::string sysctl_drop_in_content(std::string_view key, std::string_view value);

}  // namespace plimsoll::host
