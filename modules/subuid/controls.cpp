// SPDX-License-Identifier: Apache-2.0
#include "modules/subuid/subuid.hpp"

namespace plimsoll::modules::subuid {
namespace {

using policy::ControlInfo;
using policy::FixClass;
using policy::Severity;

// Can only throw for lack of memory, before anything has been done.
// NOLINTNEXTLINE(cert-err58-cpp)
const std::array<ControlInfo, 19> table{{
    {"subuid.root-delegated",
     "A01",
     "Host root is delegated to nobody",
     "A range that contains id 0 is host root without a password: newuidmap checks only the file, and its "
     "owner "
     "reads and writes every file of root. A line of start 0 and count 0 is the whole id space for shadow "
     "4.13, "
     "and a number that dockerd cannot read is 0 for it.",
     Severity::critical,
     FixClass::live,
     "Removes the line, or keeps the part of it that lies above SUB_UID_MIN when that part harms nobody. A "
     "line "
     "that is root for dockerd alone, and whose owner it does not remap to, is written in plain decimal.",
     {"subuid(5)", "newuidmap(1)", "user_namespaces(7)"}},
    {"subuid.real-id-overlap",
     "A02",
     "Ranges cover no existing account",
     "Inside his namespace the owner of a range is every account that it covers, with all their files. "
     "Neither "
     "useradd nor newuidmap compares ranges with accounts.",
     Severity::critical,
     FixClass::never_automatic,
     "Move the range: give the owner a new one, move his data with `podman unshare chown` or start afresh "
     "with "
     "`podman system reset`, then remove the old line. Files that the old ids own are lost to him otherwise.",
     {"subuid(5)", "newuidmap(1)", "useradd(8)"}},
    {"subuid.range-overlap",
     "A03",
     "No two owners share ids",
     "Owners that share ids can enter each other's containers and overwrite their files. A name and its "
     "number "
     "are one owner, and an octal or hexadecimal number may overlap for one reader only. Owners who share "
     "ids, directly or by way of others, are one finding.",
     Severity::high,
     FixClass::live,
     "Gives those who have neither running containers nor container storage a new range and removes their "
     "old "
     "lines, so that one owner keeps the ids. Where several have data, or nobody can say, a person has to "
     "decide "
     "whose range stays.",
     {"subuid(5)", "user_namespaces(7)", "podman-system-migrate(1)"}},
    {"subuid.self-overlap",
     "A04",
     "An owner's own ranges do not overlap",
     "Podman joins all ranges of a user to one mapping. The kernel refuses a mapping whose parts overlap, "
     "and "
     "Podman then falls back to a single id with no more than a warning.",
     Severity::medium,
     FixClass::live,
     "Merges the overlapping lines of the owner into one.",
     {"subuid(5)", "user_namespaces(7)"}},
    {"subuid.reserved-overlap",
     "A05",
     "Ranges keep clear of reserved ids",
     "systemd gives out some ids at run time without reading these files: homed users, dynamic users, "
     "container "
     "users. 65534 is nobody, 65535 and 4294967295 are invalid, and ids from 2147483648 on break programs "
     "that "
     "take them for signed. Who holds such a range may become one of these users.",
     Severity::high,
     FixClass::never_automatic,
     "Give the owner a range outside of the reserved ones, move his data, and remove the old line.",
     {"subuid(5)", "systemd-homed.service(8)", "systemd-nspawn(1)", "systemd.exec(5)"}},
    {"subuid.min-size",
     "A06",
     "Every range holder has enough ids",
     "Images own files by ids up to 65535, nobody is 65534. With fewer ids they fail to unpack or to run.",
     Severity::medium,
     FixClass::live,
     "Adds a second range with the missing ids. Running containers see it after `podman system migrate`.",
     {"subuid(5)", "podman(1)"}},
    {"subuid.missing",
     "A07",
     "Users who run containers have ranges",
     "Without a range Podman maps a single id: all users of an image collapse into one, so containers are no "
     "longer separated from each other, or do not start. A range is also a permission: with only_named "
     "nobody "
     "has one whom the policy does not name.",
     Severity::medium,
     FixClass::live,
     "Gives the user a new range of the same numbers in both files.",
     {"subuid(5)", "subgid(5)", "podman(1)"}},
    {"subuid.gid-parity",
     "A08",
     "As many group ids as user ids",
     "Without a group range the kernel denies setgroups in the namespace, and images that need groups fail. "
     "Unequal ranges fail for some images only, which is hard to find.",
     Severity::medium,
     FixClass::live,
     "Adds the missing ids to the file that has fewer.",
     {"subgid(5)", "newgidmap(1)", "user_namespaces(7)"}},
    {"subuid.stale-owner",
     "A09",
     "Every owner exists",
     "A range of a deleted account waits for the next account of that name or number, who inherits all files "
     "in "
     "it. It also makes libsubid fail for every id of the range.",
     Severity::medium,
     FixClass::live,
     "Removes the line when accounts come from local files only and no process and no container storage uses "
     "its ids. Records of systemd-homed and of nss-systemd are such files; a name that no file has is "
     "unknown where nsswitch.conf names systemd and systemd-homed is installed or another service answers.",
     {"subuid(5)", "userdel(8)"}},
    {"subuid.rename-orphan",
     "A10",
     "Renamed users keep their ranges",
     "usermod --login leaves the old name in both files: the user loses the range, and whoever is created "
     "under "
     "the old name gets it.",
     Severity::medium,
     FixClass::live,
     "Writes the new name into the lines of the old one, when /etc/passwd- has it; an older backup, or the "
     "passwd "
     "of another OSTree deployment, may tell of another user, so that a person has to look.",
     {"usermod(8)", "subuid(5)"}},
    {"subuid.numeric-vs-name",
     "A11",
     "An account is listed in one way",
     "Some readers find the lines with the name of a user, some also those with his number, so that they see "
     "different ranges when both are there.",
     Severity::low,
     FixClass::live,
     "Writes the name in place of the number.",
     {"subuid(5)", "login.defs(5)"}},
    {"subuid.parser-divergence",
     "A12",
     "Every reader reads the same",
     "newuidmap takes C notation (0x is hexadecimal, a leading 0 octal), Go programs decimal only and refuse "
     "the "
     "whole file for one odd line, dockerd takes what it cannot read for 0. Where they differ, what one "
     "checks "
     "is not what another grants.",
     Severity::high,
     FixClass::live,
     "Writes the line in plain decimal when its meaning is beyond doubt and the range harms nobody.",
     {"subuid(5)", "newuidmap(1)", "dockerd(8)"}},
    {"subuid.file-integrity",
     "A13",
     "The files belong to root alone",
     "Who can write these files, or put others into /etc, can give himself host root. Where SELinux is in "
     "use, a file without its "
     "label is "
     "open to domains that the policy keeps away from it, or closed to those that need it.",
     Severity::high,
     FixClass::live,
     "Sets owner root:root, of /etc itself root, and takes the write permission of group, others and access "
     "lists away. A wrong "
     "SELinux "
     "label is for a person to restore, with restorecon.",
     {"subuid(5)", "acl(5)"}},
    {"subuid.nss-source",
     "A14",
     "Ranges come from the expected source",
     "The first word of nsswitch.conf's subid line decides who delegates ids on this host. When its plugin "
     "is "
     "missing, or is no shared object, libsubid falls back to the files without an error; whoever can "
     "replace it runs "
     "code as root.",
     Severity::high,
     FixClass::never_automatic,
     "Correct the subid line of /etc/nsswitch.conf, install the missing plugin, and empty /etc/subuid and "
     "/etc/subgid when ranges come from elsewhere.",
     {"nsswitch.conf(5)", "subuid(5)"}},
    {"subuid.containers-user",
     "A15",
     "Rootful containers have ranges for userns=auto",
     "Rootful containers should be mapped, too. Podman takes their ids from the ranges of one account, by "
     "default `containers`; without them userns=auto fails and containers run as host root.",
     Severity::medium,
     FixClass::never_automatic,
     "Create the account with sysusers.d and give it a range that nobody else has with usermod --add-subuids "
     "and --add-subgids.",
     {"containers-storage.conf(5)", "podman-run(1)", "sysusers.d(5)"}},
    {"subuid.idmap-helpers",
     "A16",
     "newuidmap and newgidmap have exactly their privilege",
     "Without the privilege no rootless container gets more than one id. Writable by others, or privileged "
     "in a second copy, they are a way to host root. A pass says that there is no second copy in any PATH: "
     "of "
     "the users' service managers, of login shells, of ~/bin and ~/.local/bin. Below /usr/local, "
     "/usr/libexec, "
     "/opt, /srv, /home, /root, /tmp and /var/tmp copies are looked for three levels deep, below /var/lib "
     "two, from "
     "the top down, and the pass says where max_entries ended that: only root can put a privileged copy "
     "there, and hosts have more "
     "files "
     "than a check can look at. With complete such an end is unknown instead.",
     Severity::high,
     FixClass::never_automatic,
     "Reinstall the package that ships them (Debian: uidmap); on an immutable host go back to a good image. "
     "Remove further privileged copies, in the PATH of the users' service managers or elsewhere.",
     {"newuidmap(1)", "newgidmap(1)", "capabilities(7)"}},
    {"subuid.alloc-policy",
     "A17",
     "New ranges are sane",
     "useradd takes ranges for new users from login.defs. Too few ids break images; a low minimum reaches "
     "real "
     "accounts; deterministic ranges with wrap overlap each other.",
     Severity::medium,
     FixClass::live,
     "Corrects the keys in /etc/login.defs and leaves the rest as it is.",
     {"login.defs(5)", "useradd(8)"}},
    {"subuid.effective-mapping",
     "A18",
     "Running namespaces map what the files say",
     "A namespace keeps its mapping until it ends. After a range was changed or taken away, old containers "
     "go on "
     "with the old ids, which may belong to somebody else by now.",
     Severity::medium,
     FixClass::never_automatic,
     "As that user run `podman system migrate` (it stops all his containers), or restart rootless Docker "
     "with "
     "`systemctl --user restart docker`.",
     {"podman-system-migrate(1)", "user_namespaces(7)", "proc(5)"}},
    {"subuid.foreign-scan",
     "A19",
     "Container storage holds no foreign ids",
     "Files in a user's container storage that belong to ids outside of his ranges were left by a range that "
     "was "
     "moved or removed. He cannot use them any more, and whoever holds the ids now can. Storage is looked "
     "for where "
     "the engines' configuration and command lines put it, also in homes that are no account's; of rootful "
     "engines the tops "
     "of layers "
     "and volumes are looked at, for ids that another user holds.",
     Severity::low,
     FixClass::never_automatic,
     "Give the old range back to the user, or remove the storage with `podman system reset` as that user.",
     {"podman-system-reset(1)", "containers-storage.conf(5)"}},
}};

}  // namespace

std::span<const ControlInfo> Subuid::controls() {
    return table;
}

}  // namespace plimsoll::modules::subuid
