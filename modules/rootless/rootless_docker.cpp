// SPDX-License-Identifier: Apache-2.0
#include "modules/rootless/rootless_docker.hpp"

#include "core/base/path.hpp"
#include "core/host/user_records.hpp"
#include "modules/rootless/buildkit.hpp"
#include "modules/rootless/environment_users.hpp"
#include "modules/rootless/kube_files.hpp"
#include "modules/rootless/sockets.hpp"

#include <algorithm>
#include <set>

namespace plimsoll::modules::rootless {
namespace {

using Names = std::set<std::string, std::less<>>;

// Units that may be an engine's by their names; what they do is seen when they are read.
bool may_be_engines(std::string_view unit) {
    static constexpr std::string_view beginnings[] = {"docker", "podman", "buildkit"};
    return std::ranges::any_of(beginnings, [&](std::string_view b) { return unit.starts_with(b); });
}

Result<Names> engine_units(const host::Sysroot& root, const host::UnitFiles& units) {
    static constexpr std::string_view programs[] = {"dockerd", "podman", "buildkitd"};
    PLIMSOLL_TRY(const auto found, units.mentioning(root, programs));
    Names out(found.begin(), found.end());
    for (auto& name : units.names(""))
        if (may_be_engines(name))
            out.insert(std::move(name));
    for (const auto& link : units.pulling_links())
        if (const auto name = base_name(link); may_be_engines(name))
            out.emplace(name);
    std::erase_if(out, [](const std::string& name) {
        return std::ranges::none_of(host::service_suffixes,
                                    [&](std::string_view suffix) { return name.ends_with(suffix); });
    });
    return out;
}

std::string engine_of_unit(const host::UnitFile& unit) {
    if (auto engine = engine_of_unit_name(unit.name); !engine.empty())
        return engine;
    if (const auto starts = unit.values("Socket", "Service"); !starts.empty())
        return engine_of_unit_name(starts.back().value);
    for (const auto& line : unit.values("Service", "ExecStart")) {
        const auto argv = command_words(line.value);
        if (auto engine = engine_of(argv); !engine.empty())
            return engine;
        if (std::ranges::any_of(argv, [](const auto& w) { return base_name(w) == "dockerd-rootless.sh"; }))
            return "docker";
    }
    return {};
}

// Where a command line is from.
struct Origin {
    const host::Sysroot& root;
    const host::UnitFile& unit;
    const Manager& manager;  // by which the unit is started
    std::string source;      // "FILE:LINE"

    [[nodiscard]] std::optional<std::string> path(const std::string& word) const {
        return named_path(unit, word, manager);
    }
};

// What a unit of a user's manager does with an engine.
struct Use {
    std::string engine{};  // empty: nothing
    std::vector<DockerFlag> flags{};
    std::vector<UserListen> listens{};
    std::vector<Error> problems{};

    void add_command(const std::vector<std::string>& argv, const Origin& from) {
        if (engine == "docker") {
            add_docker(argv, from);
        } else if (engine == "buildkit") {
            add_buildkit(argv, from);
        } else {
            for (const auto& word : argv)
                if (word.starts_with("tcp:"))
                    listens.push_back({engine, word, from.source});
        }
    }

    void add_buildkit(const std::vector<std::string>& argv, const Origin& from) {
        ConfigFiles files;
        const auto named = buildkit_config(argv);
        if (const auto path = from.path(named.value_or("%h/.config/buildkit/buildkitd.toml"))) {
            if (auto file = read_toml(from.root, *path, problems))
                files.push_back(*std::move(file));
        } else if (named) {
            problems.push_back(host::unknown_file(*named, from.source));
        }
        files.push_back(buildkit_flags(argv, from.source));
        for (auto& s : socket_settings(Buildkit{.starts = {std::move(files)}}))
            if (s.kind == SocketSetting::Kind::tcp)
                listens.push_back({std::move(s.engine), std::move(s.value), std::move(s.source)});
    }

    void add_docker(const std::vector<std::string>& argv, const Origin& from) {
        for (DockerFlag& f : parse_docker_flags(argv, from.source)) {
            if (f.key == "hosts" && is_tcp_host(f.value))
                listens.push_back({engine, f.value, from.source});
            if (f.key == "config-file") {
                if (auto path = from.path(f.value))
                    f.value = *std::move(path);
                else
                    problems.push_back(host::unknown_file(f.value, from.source));
            }
            flags.push_back(std::move(f));
        }
    }
};

Use use_of(const host::Host& host, const host::UnitFile& unit, const Manager& manager) {
    Use out{.engine = engine_of_unit(unit)};
    if (out.engine.empty())
        return out;
    for (const auto& listen : unit.values("Socket", "ListenStream"))
        if (is_tcp_stream(listen.value))
            out.listens.push_back({out.engine, listen.value, listen.source});
    auto environment = unit_environment(host, unit);
    if (!manager.home.empty())
        environment.values.try_emplace("HOME", manager.home);
    out.problems = environment.problems;
    for (const auto& line : unit.values("Service", "ExecStart")) {
        const auto written = command_words(line.value);
        std::ranges::move(
            host::unset_variables(written, environment.values, host::ManagerOf::user, line.source),
            std::back_inserter(out.problems));
        out.add_command(expand(written, environment.values), {host.root(), unit, manager, line.source});
    }
    return out;
}

void note(std::optional<Error>& first, const std::vector<Error>& problems) {
    if (!first && !problems.empty())
        first = problems.front();
}

class Reader {
  public:
    Reader(const host::Host& host, const Inventory& inventory)
        : host_(host), root_(host.root()), inventory_(inventory) {}

    UserEngines read() {
        if (!host_.accounts())
            return {};
        read_lingering();
        read_common();
        std::set<std::uint32_t> seen;
        for (const auto& user : host_.accounts()->users)
            if (user.uid != 0 && user.home.starts_with('/') && seen.insert(user.uid).second)
                read_user(user);
        return std::move(out_);
    }

  private:
    void read_lingering() {
        const auto entries = root_.list(linger_dir);
        if (entries)
            for (const auto& e : *entries)
                lingering_.insert(e.name);
        else if (entries.error().code != Code::not_found)
            out_.problems.push_back(entries.error());
    }

    // Units for the managers of all users, once for all of them.
    void read_common() {
        common_dirs_ = host::user_unit_dirs(0, "");
        common_dirs_.erase(common_dirs_.begin(),
                           common_dirs_.begin() + std::ssize(host::own_unit_dirs(0, "")));
        auto units = host::UnitFiles::open(root_, common_dirs_);
        const auto names = units ? engine_units(root_, *units) : Result<Names>(Failure(units.error()));
        if (!names) {
            out_.problems.push_back(names.error());
            return;
        }
        common_ = std::move(*units);
        common_names_ = *names;
        for (const auto& name : common_names_) {
            const auto unit = common_->read(root_, name);
            if (!unit)
                out_.problems.push_back(unit.error());
            else if (*unit && !(*unit)->masked && !(*unit)->enabled_by.empty())
                add_everybodys(use_of(host_, **unit, {.home = "", .directory = ""}));
        }
    }

    void add_everybodys(Use use) {
        std::ranges::move(use.listens, std::back_inserter(out_.everybodys));
        std::ranges::move(use.problems, std::back_inserter(out_.problems));
    }

    void read_user(const host::User& user) {
        UserDocker d{.user = user.name, .uid = user.uid};
        const std::string runtime = "/run/user/" + std::to_string(user.uid);
        const bool runs = host_.live() && root_.exists(runtime);
        d.manager = runs || lingering_.contains(user.name);
        if (d.manager)
            note(d.problem, out_.problems);
        if (host::is_away(root_, user))
            note(d.problem, {host::away(user)});
        const auto home = root_.stat(user.home);
        const bool no_home = !home && home.error().code == Code::not_found;
        auto dirs = host::own_unit_dirs(user.uid, user.home);
        std::erase_if(dirs, [&](const auto& dir) { return dir.starts_with("/run/user/") ? !runs : no_home; });
        read_units(dirs, user.home, d);
        read_settings(user.home + "/.config/docker/daemon.json", no_home, d);
        if (runs)
            look_at_socket(runtime + "/docker.sock", d);
        if (!d.enabled_by.empty() || !d.socket_by.empty() || !d.podman_by.empty() || d.json.text ||
            d.json.problem || d.socket || !d.flags.empty() || !d.listens.empty() || d.problem)
            out_.users.push_back(std::move(d));
    }

    // What the user has of units that stand elsewhere: drop-ins for them, and links that start them, or
    // instances of them.
    void add_changed_common(const host::UnitFiles& own, Names& names) const {
        for (auto& name : own.names(""))
            if (common_names_.contains(name))
                names.insert(std::move(name));
        for (const auto& link : own.pulling_links())
            if (const std::string name(base_name(link)); is_common(name))
                names.insert(name);
    }

    [[nodiscard]] bool is_common(const std::string& name) const {
        if (common_names_.contains(name) || common_names_.empty() || name.find('@') == std::string::npos)
            return common_names_.contains(name);
        const auto unit = common_->read(root_, name);  // of a template
        return !unit || (*unit && common_names_.contains(base_name((*unit)->fragment)));
    }

    void read_units(const std::vector<std::string>& dirs, const std::string& home, UserDocker& d) const {
        const auto own = host::UnitFiles::open(root_, dirs);
        auto names = own ? engine_units(root_, *own) : Result<Names>(Failure(own.error()));
        if (!names)
            return note(d.problem, {names.error()});
        add_changed_common(*own, *names);
        if (own->have_drop_ins_for_many()) {  // also for units that stand elsewhere
            auto all = dirs;
            all.insert(all.end(), common_dirs_.begin(), common_dirs_.end());
            const auto merged = host::UnitFiles::open(root_, all);
            auto more = merged ? engine_units(root_, *merged) : Result<Names>(Failure(merged.error()));
            if (!more)
                return note(d.problem, {more.error()});
            names->merge(*more);
        }
        const bool all_common = names->empty();
        if (d.manager)
            names->insert(common_names_.begin(), common_names_.end());
        if (names->empty())
            return;
        if (all_common)
            return add_units(*common_, *names, {dirs, home}, d);
        auto all = dirs;
        all.insert(all.end(), common_dirs_.begin(), common_dirs_.end());
        if (const auto merged = host::UnitFiles::open(root_, all))
            add_units(*merged, *names, {dirs, home}, d);
        else
            note(d.problem, {merged.error()});
    }

    // A user's own directories of units, and home.
    struct Own {
        const std::vector<std::string>& dirs;
        const std::string& home;

        [[nodiscard]] bool has(const std::string& path) const {
            return std::ranges::any_of(dirs, [&](const auto& dir) { return path.starts_with(dir + "/"); });
        }
    };

    void add_units(const host::UnitFiles& units, const Names& names, const Own& own, UserDocker& d) const {
        for (const auto& name : names) {
            auto unit = units.read(root_, name);
            if (!unit)
                note(d.problem, {unit.error()});
            else if (*unit && !(*unit)->masked)
                add_unit(**std::move(unit), own, d);
        }
    }

    void add_unit(host::UnitFile unit, const Own& own, UserDocker& d) const {
        const auto is_own = [&](const std::string& path) { return own.has(path); };
        auto& links = unit.enabled_by;
        if (!d.manager)  // links for everybody matter where a manager runs
            std::erase_if(links, [&](const auto& link) { return !is_own(link); });
        const bool owned = is_own(unit.fragment) || std::ranges::any_of(links, is_own) ||
                           std::ranges::any_of(unit.settings, is_own, &host::UnitSetting::source);
        if (!owned && links.empty())
            return;
        auto use = use_of(host_, unit, {.home = own.home, .directory = own.home});
        if (use.engine.empty())
            return;
        std::ranges::move(use.flags, std::back_inserter(d.flags));
        if (owned)
            std::ranges::move(use.listens, std::back_inserter(d.listens));
        note(d.problem, use.problems);
        if (use.engine == "podman")
            std::ranges::move(links, std::back_inserter(d.podman_by));
        else if (use.engine == "docker")
            std::ranges::move(
                links, std::back_inserter(unit.name.ends_with(".socket") ? d.socket_by : d.enabled_by));
    }

    static void add_process(const EngineProcess& p, UserDocker& d) {
        for (DockerFlag& f : parse_docker_flags(p.argv, "pid " + std::to_string(p.pid))) {
            if (const auto file = host::named_file(f.value, f.source); f.key == "config-file" && !file)
                note(d.problem, {file.error()});
            d.flags.push_back(std::move(f));
        }
    }

    void read_settings(std::string path, bool no_home, UserDocker& d) const {
        if (inventory_.processes)
            for (const EngineProcess& p : *inventory_.processes)
                if (p.engine == "docker" && p.uid == d.uid)
                    add_process(p, d);
        const auto named = std::ranges::find_if(d.flags.rbegin(), d.flags.rend(), [](const DockerFlag& f) {
            return f.key == "config-file" && f.value.starts_with('/');
        });
        if (named != d.flags.rend())
            path = named->value;
        d.json =
            no_home && named == d.flags.rend() ? DaemonJson{.path = path} : read_daemon_json(root_, path);
        d.files = read_docker_files(root_, d.json, d.flags);
    }

    void look_at_socket(const std::string& path, UserDocker& d) const {
        const auto st = root_.lstat(path);
        if (st)
            d.socket = UserSocket{path, st->st_uid, st->st_mode & 07777};
        else if (st.error().code != Code::not_found)
            note(d.problem, {st.error()});
    }

    const host::Host& host_;
    const host::Sysroot& root_;
    const Inventory& inventory_;
    UserEngines out_{};
    Names lingering_{};
    std::vector<std::string> common_dirs_{};
    std::optional<host::UnitFiles> common_{};  // there when common_names_ is not empty
    Names common_names_{};
};

}  // namespace

UserEngines read_user_engines(const host::Host& host, const Inventory& inventory) {
    return Reader(host, inventory).read();
}

}  // namespace plimsoll::modules::rootless
