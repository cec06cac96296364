// SPDX-License-Identifier: Apache-2.0
#include "modules/rootless/user_units.hpp"

#include "core/base/path.hpp"
#include "core/host/user_records.hpp"
#include "modules/rootless/command_line.hpp"
#include "modules/rootless/inventory.hpp"

#include <algorithm>
#include <array>
#include <set>

namespace plimsoll::modules::rootless {
namespace {

constexpr std::array<std::string_view, 1> podman{"podman"};
constexpr std::size_t max_units = 256;  // of one user

// What a generator made of a quadlet is judged there, unless a drop-in says what it runs.
bool counts(const host::UnitSetting& line) {
    return line.source.find("/systemd/generator") == std::string::npos &&
           starts_container(command_words(line.value));
}

bool is_vendors(std::string_view path) {
    return path.starts_with("/usr/lib/") || path.starts_with("/usr/share/");
}

// A vendor's unit, as it came, that nothing starts is no workload: podman brings podman-kube@.service and
// podman-restart.service along.
bool is_idle(const host::UnitFile& unit) {
    return is_vendors(unit.fragment) && unit.enabled_by.empty() &&
           std::ranges::all_of(unit.settings, is_vendors, &host::UnitSetting::source);
}

class Reader {
  public:
    explicit Reader(const host::Sysroot& root) : root_(root) {}

    void add_common() {
        const auto all = host::user_unit_dirs(0, "");
        const std::vector<std::string> dirs(
            all.begin() + static_cast<std::ptrdiff_t>(host::own_unit_dirs(0, "").size()), all.end());
        const UserUnit like{.file = {}, .user = "*", .manager = {.home = "", .directory = ""}};
        const auto files = host::UnitFiles::open(root_, dirs);
        if (!files)
            return fail_all(like, files.error());
        common_ = names_in(*files, like);
        take(*files, common_, like);
    }

    void add_user(const host::User& user) {
        const UserUnit like{.file = {}, .user = user.name, .manager = {user.home, user.home}};
        if (host::is_away(root_, user))
            return fail_all(like, host::away(user));
        auto dirs = host::own_unit_dirs(user.uid, user.home);
        std::erase_if(dirs, [&](const std::string& dir) { return !root_.exists(dir); });
        if (dirs.empty())
            return;
        const auto own = host::UnitFiles::open(root_, dirs);
        if (!own)
            return fail_all(like, own.error());
        auto names = names_in(*own, like);
        for (const std::string& name : common_)
            if (!own->names(name).empty())
                names.insert(name);
        for (const std::string& link : own->pulling_links())
            names.emplace(base_name(link));
        const bool many = own->have_drop_ins_for_many();
        if (names.empty() && !many)
            return;
        const auto files = host::UnitFiles::open(root_, host::user_unit_dirs(user.uid, user.home));
        if (!files)
            return fail_all(like, files.error());
        if (many)  // also for units that stand elsewhere
            names.merge(names_in(*files, like));
        take(*files, names, like);
    }

    std::vector<UserUnit> units{};

  private:
    void fail_all(UserUnit like, const Error& why) {
        like.file.name = "units";
        like.problem = why;
        units.push_back(std::move(like));
    }

    std::set<std::string> names_in(const host::UnitFiles& files, const UserUnit& like) {
        const auto found = files.mentioning(root_, podman);
        if (found)
            return {found->begin(), found->end()};
        fail_all(like, found.error());
        return {};
    }

    // `like`: whose they are.
    void take(const host::UnitFiles& files, const std::set<std::string>& names, const UserUnit& like) {
        std::size_t taken = 0;
        for (const std::string& name : names) {
            if (++taken > max_units)
                return fail_all(like,
                                {Code::unsupported, 0,
                                 "more than " + std::to_string(max_units) + " of them may call podman"});
            UserUnit unit = like;
            unit.file.name = name;
            auto read = files.read(root_, name);
            if (!read)
                unit.problem = std::move(read).error();
            else if (*read)
                unit.file = **std::move(read);
            if (!unit.problem && (unit.file.masked || is_idle(unit.file) ||
                                  std::ranges::none_of(commands_of(unit.file), counts)))
                continue;
            unit.kube = read_kube_files(root_, played_files(unit.file, unit.manager), readable_for(unit));
            units.push_back(std::move(unit));
        }
    }

    // What belongs to whom the unit's words come from: a drop-in may be the user's where the unit is not.
    static std::string readable_for(const UserUnit& unit) {
        if (unit.user == "*")
            return "";
        return unit.manager.home.size() > 1 ? unit.manager.home : unit.file.fragment;
    }

    const host::Sysroot& root_;
    std::set<std::string> common_{};  // names of units for all users
};

}  // namespace

std::vector<UserUnit> read_user_units(const host::Host& host) {
    Reader reader(host.root());
    reader.add_common();
    std::set<std::uint32_t> seen{0};
    if (host.accounts())  // else whoever judges accounts says so
        for (const host::User& user : host.accounts()->users)
            if (seen.insert(user.uid).second)
                reader.add_user(user);
    return std::move(reader.units);
}

}  // namespace plimsoll::modules::rootless
