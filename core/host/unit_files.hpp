// SPDX-License-Identifier: Apache-2.0
// systemd units as their files say (systemd.unit(5)): works on images as on the running host, needs no bus.
#pragma once
#include "core/host/sysroot.hpp"

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace plimsoll::host {

struct UnitSetting {
    std::string section;  // "Service"
    std::string key;      // "ExecStart"
    std::string value;
    std::string source;  // "/usr/lib/systemd/system/docker.service:12"
};

struct UnitFile {
    std::string name;      // "docker.service"
    std::string fragment;  // path of the main file; empty when there is none
    bool masked{false};    // linked to /dev/null, or an empty file
    // Links in *.wants/, *.requires/ and *.upholds/ of every unit directory (a vendor's link below /usr
    // starts the unit as surely as an administrator's), and aliases below /etc and /run.
    std::vector<std::string> enabled_by{};
    std::vector<UnitSetting> settings{};  // fragment, then drop-ins in their order; continuation lines joined

    // All values of a key after the last empty assignment (which resets a list).
    [[nodiscard]] std::vector<UnitSetting> values(std::string_view section, std::string_view key) const;
    // The setting by which this unit, when it starts, starts the unit of that name; null: it does not.
    [[nodiscard]] std::optional<UnitSetting> pull_of(std::string_view other) const;
    // "enabled", "masked", "static" (no [Install]), "disabled".
    [[nodiscard]] std::string_view enablement() const;
};

// What runs programs.
inline constexpr std::array<std::string_view, 2> service_suffixes{".service", ".socket"};

// The system manager's unit directories, below /etc, /run, /usr/local/lib, /usr/lib and /lib, generated units
// included. They are listed once, by open(); files are read when they are asked for.
class UnitFiles {
  public:
    struct Dir;

    // An Error when a directory is there but cannot be listed.
    [[nodiscard]] static Result<UnitFiles> open(const Sysroot& root);
    // Those of another manager, by precedence.
    [[nodiscard]] static Result<UnitFiles> open(const Sysroot& root, std::span<const std::string> dirs);

    // An instance falls back to its template. nullopt: no such unit; a slice is there without a file, with
    // what its drop-ins say. Code::integrity and others when a file of it exists but cannot be read. `root`
    // as given to open().
    [[nodiscard]] Result<std::optional<UnitFile>> read(const Sysroot& root, const std::string& name) const;

    // Entries of *.wants/, *.requires/ and *.upholds/: "…/default.target.wants/web.service".
    [[nodiscard]] std::vector<std::string> pulling_links() const;

    // Names of units that begin so, of which a directory has a file or a drop-in folder: with "user@" among
    // others "user@1000.service". Sorted.
    [[nodiscard]] std::vector<std::string> names(std::string_view prefix) const;

    // Names of the units with one of the suffixes (".service", ".target") of which any file (drop-ins
    // included, also those for all units of a type or prefix) contains one of `needles` (each of two bytes or
    // more), or cannot be read; sorted. To find units by what they run or pull in, whatever their names are.
    [[nodiscard]] Result<std::vector<std::string>> mentioning(
        const Sysroot& root, std::span<const std::string_view> needles,
        std::span<const std::string_view> suffixes = service_suffixes) const;

    // Whether a directory has drop-ins for all services or sockets, or for those with a prefix.
    [[nodiscard]] bool have_drop_ins_for_many() const;

    UnitFiles(UnitFiles&&) noexcept;
    UnitFiles& operator=(UnitFiles&&) noexcept;
    UnitFiles(const UnitFiles&) = delete;
    UnitFiles& operator=(const UnitFiles&) = delete;
    ~UnitFiles();

  private:
    explicit UnitFiles(std::vector<Dir> dirs);

    std::vector<Dir> dirs_;  // by precedence
};

// The unit directories of one user's manager: those for this user alone, and all. `home` may be empty.
[[nodiscard]] std::vector<std::string> own_unit_dirs(std::uint32_t uid, const std::string& home);
[[nodiscard]] std::vector<std::string> user_unit_dirs(std::uint32_t uid, const std::string& home);

// Whether links in a directory of that name make the manager start what they name: *.wants, *.requires,
// *.upholds.
[[nodiscard]] bool pulls_in(std::string_view dir);

// For one look at one unit.
[[nodiscard]] Result<std::optional<UnitFile>> read_unit(const Sysroot& root, const std::string& name);

// Pure.
[[nodiscard]] std::vector<UnitSetting> parse_unit(std::string_view text, const std::string& path);

}  // namespace plimsoll::host
