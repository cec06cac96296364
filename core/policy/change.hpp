// SPDX-License-Identifier: Apache-2.0
// The closed set of effects Plimsoll can have on a host. Modules return these as data; only host::Executor
// performs them, so dry run, journal, ordering and undo are written once. Paths are absolute within the root.
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

namespace plimsoll::policy {

// Creates the file, or replaces its whole content. An existing file keeps owner, mode, xattrs and label;
// a new one gets `mode`, `uid` and `gid`. Missing parent directories are made (0755, root).
struct WriteFile {
    std::string path;
    std::string content;
    std::uint32_t mode{0644};
    std::uint32_t uid{0};
    std::uint32_t gid{0};
    // SHA-256 of the content that was observed; the executor refuses (Code::busy) when it has changed since.
    // Empty: the file must not exist yet. nullopt: whatever is there.
    std::optional<std::string> expect{};
    bool operator==(const WriteFile&) const = default;
};

struct RemoveFile {  // a regular file or symlink
    std::string path;
    bool operator==(const RemoveFile&) const = default;
};

struct MakeSymlink {  // replaces a file or symlink of that name; target "/dev/null" masks a unit
    std::string path;
    std::string target;
    bool operator==(const MakeSymlink&) const = default;
};

struct MakeDirectory {  // with missing parents (0755, root)
    std::string path;
    std::uint32_t mode{0755};
    std::uint32_t uid{0};
    std::uint32_t gid{0};
    bool operator==(const MakeDirectory&) const = default;
};

// Edits one of the account databases (passwd, group, shadow, gshadow, subuid, subgid) under their locks, on
// the content found once the lock is held: every line equal to one of `remove` goes, then `add` is appended.
// Lines that other programs added meanwhile stay. A line to remove that is gone already is not an error.
// Code::busy when a line to add has a name or id (of passwd and group) that another line has: plan again.
// A line of `remove` at index i for which `replace` is true is replaced in its place by `add[i]`.
struct EditLines {
    std::string path;
    std::vector<std::string> remove{};
    std::vector<std::string> add{};
    bool replace{false};  // remove and add have equal length; add[i] takes the place of remove[i]
    bool operator==(const EditLines&) const = default;
};

// Gives `owner` the range [start, start+count) in /etc/subuid and/or /etc/subgid: under the account locks,
// checks that no line (in any parser's view) and no ledger entry has it, records it in the ledger, then
// appends the lines. Code::busy when it was taken meanwhile: plan again.
struct AllocateRange {
    std::string owner;
    std::uint64_t start{0};
    std::uint64_t count{0};
    bool subuid{true};
    bool subgid{true};
    bool operator==(const AllocateRange&) const = default;
};

struct SetMetadata {  // of an existing file or directory; unset members stay
    std::string path;
    std::optional<std::uint32_t> mode{};
    std::optional<std::uint32_t> uid{};
    std::optional<std::uint32_t> gid{};
    bool drop_acl{false};  // removes system.posix_acl_access
    bool operator==(const SetMetadata&) const = default;
};

struct SetKnob {  // one value below /proc/sys, written in place; not kept over a reboot by itself
    std::string path;
    std::string value;
    bool operator==(const SetKnob&) const = default;
};

// Asks the system manager over D-Bus. On a root that is not the running host there is nothing to ask and
// the change succeeds without effect (unit files and links are changed by the other alternatives).
struct UnitAction {
    enum class Verb { start, stop, restart, reload_manager };
    Verb verb{Verb::reload_manager};
    std::string unit{};  // empty for reload_manager
    bool operator==(const UnitAction&) const = default;
};

// Ends a running container: by its unit of the system manager, else by cgroup.kill, else by killing the init
// of its PID namespace. Cannot be undone, and undo says so. Code::busy unless `init` is still the process
// that started at `start` (clock ticks since boot) and is in `cgroup`. Its engine may start it again.
struct StopContainer {
    std::string cgroup{};  // path in its hierarchy; empty: it has none of its own
    std::string unit{};    // a component of `cgroup`; empty: none of the system manager's
    int init{0};
    std::uint64_t start{0};
    bool operator==(const StopContainer&) const = default;
};

// Whether the user's service manager runs without a session and from boot on. On the running host logind
// makes or removes its file and starts or ends the manager (unless a session keeps it); where no logind
// answers, and on a root that is not the running host, the file is all there is to it. Code::invalid_input
// for a name that no file can have.
struct SetLinger {
    std::string user;
    std::optional<std::uint32_t> uid{};  // nullopt: not known, so that logind cannot be asked
    bool linger{true};
    bool operator==(const SetLinger&) const = default;
};

using Change = std::variant<WriteFile, RemoveFile, MakeSymlink, MakeDirectory, EditLines, AllocateRange,
                            SetMetadata, SetKnob, UnitAction, StopContainer, SetLinger>;

}  // namespace plimsoll::policy
