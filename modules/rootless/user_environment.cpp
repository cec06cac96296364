// SPDX-License-Identifier: Apache-2.0
#include "modules/rootless/user_environment.hpp"

#include "core/base/text.hpp"
#include "core/host/manager_environment.hpp"
#include "core/host/quadlet_files.hpp"
#include "modules/rootless/command_line.hpp"

#include <algorithm>
#include <array>
#include <optional>
#include <set>

#include <dirent.h>

namespace plimsoll::modules::rootless {
namespace {

constexpr std::size_t max_text = std::size_t{64} << 10;
constexpr std::size_t max_files = 64;  // of one directory
constexpr std::size_t max_units = 1024;

bool is_blank(char c) {
    return c == ' ' || c == '\t';
}

bool may_be_in_name(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

bool ends_word(char c) {
    return is_blank(c) || std::string_view(";&|)").find(c) != std::string_view::npos;
}

// One past the command substitution that begins at `at`; 0: none does.
std::size_t end_of_command(std::string_view text, std::size_t at) {
    const bool dollar = text.substr(at).starts_with("$(");
    if (!dollar && text[at] != '`')
        return 0;
    return std::min(text.find(dollar ? ')' : '`', at + 1), text.size() - 1) + 1;
}

// The value at the beginning of `rest`, quotes taken off: all of it, or up to a blank or the end of a
// command.
std::string value_at(std::string_view rest, Syntax syntax) {
    std::string out;
    char quote = 0;
    for (std::size_t i = 0; i < rest.size(); ++i) {
        const char c = rest[i];
        if (const auto end = quote == '\'' ? 0 : end_of_command(rest, i); end != 0) {
            out += rest.substr(i, end - i);
            i = end - 1;
        } else if (c == '\\' && quote != '\'' && i + 1 < rest.size()) {
            out += rest[++i];
        } else if (quote != 0 ? c == quote : c == '"' || c == '\'') {
            quote = quote != 0 ? '\0' : c;
        } else if (quote == 0 && syntax == Syntax::shell && ends_word(c)) {
            break;
        } else {
            out += c;
        }
    }
    return out;
}

// Reads the files of one kind, and keeps what is wanted of them.
class Reader {
  public:
    Reader(const host::Sysroot& root, const Wanted& wanted) : root_(root), wanted_(wanted) {}

    void file(const std::string& path, Syntax syntax, bool services) {
        const auto text = root_.read(path, max_text);
        if (!text && text.error().code != Code::not_found)
            problems.push_back(text.error());
        if (!text)
            return;
        for (Assignment& a : parse_assignments(*text, path, syntax, wanted_)) {
            a.services = services;
            found.push_back(std::move(a));
        }
    }

    void directory(const std::string& dir, std::string_view suffix, Syntax syntax, bool services) {
        for (const auto& path : files_in(dir, suffix))
            file(path, syntax, services);
    }

    void unit(const host::Host& host, const host::UnitFile& unit) {
        settings(unit.values("Service", "Environment"));
        for (const host::UnitSetting& s : unit.values("Service", "EnvironmentFile"))
            environment_file(host, s);
    }

    // What the units in a directory, or drop-ins for units, give to their own services.
    void unit_directory(const std::string& dir) {
        for (const auto& path : files_in(dir, ".service", max_units))
            unit_text(path);
        for (const auto& drop_ins : files_in(dir, "service.d", max_units, true))
            for (const auto& path : files_in(drop_ins, ".conf"))
                unit_text(path);
    }

    void quadlets(const host::QuadletTree& tree) {
        problems.insert(problems.end(), tree.problems.begin(), tree.problems.end());
        for (const auto& path : tree.files)
            unit_text(path);
        for (const auto& dir : tree.drop_in_dirs)
            for (const auto& path : files_in(dir, ".conf"))
                unit_text(path);
    }

    void managers() { settings(host::manager_environment(root_, problems)); }

    // A user's, which the user's manager takes instead of that of all, whose drop-ins stay; and its own
    // drop-ins.
    void own_manager_conf(const std::string& path) {
        auto files = files_in(path + ".d", ".conf");
        files.insert(files.begin(), path);
        for (const auto& file : files) {
            if (is_masked(file))
                continue;
            const auto conf = parsed(file);
            for (const char* key : {"DefaultEnvironment", "ManagerEnvironment"})
                settings(conf.values("Manager", key));
        }
    }

    std::vector<Assignment> found{};
    std::vector<Error> problems{};

  private:
    // Empty when it cannot be read.
    host::UnitFile parsed(const std::string& path) {
        const auto text = root_.read(path, max_text);
        if (!text && text.error().code != Code::not_found)
            problems.push_back(text.error());
        return {.name = path, .settings = host::parse_unit(text.value_or(std::string()), path)};
    }

    // A link to what is no file.
    [[nodiscard]] bool is_masked(const std::string& path) const {
        const auto target = root_.read_link(path);
        return target && *target == "/dev/null";
    }

    void unit_text(const std::string& path) {
        if (!is_masked(path))
            settings(parsed(path).values("Service", "Environment"), true);
    }

    void settings(const std::vector<host::UnitSetting>& environment, bool one_unit = false) {
        for (const host::UnitSetting& s : environment)
            for (const LineWord& word : split_words(s.value))
                if (const auto eq = word.text.find('=');
                    eq != std::string::npos && wanted_(word.text.substr(0, eq)))
                    found.push_back(
                        {word.text.substr(0, eq), word.text.substr(eq + 1), s.source, true, one_unit});
    }

    std::vector<std::string> files_in(const std::string& dir, std::string_view suffix,
                                      std::size_t most = max_files, bool directories = false) {
        const auto entries = root_.list(dir);
        if (!entries && entries.error().code != Code::not_found)
            problems.push_back(entries.error());
        std::vector<std::string> out;
        for (const auto& e : entries.value_or(std::vector<host::DirEntry>{})) {
            if (!e.name.ends_with(suffix) || (!directories && e.type == DT_DIR))
                continue;
            if (out.size() == most) {
                problems.push_back(
                    {Code::invalid_input, 0, dir + ": more than " + std::to_string(most) + " files"});
                break;
            }
            out.push_back(dir + "/" + e.name);
        }
        return out;
    }

    void environment_file(const host::Host& host, const host::UnitSetting& setting) {
        const auto environment = unit_environment(
            host, {.name = "", .settings = {{"Service", "EnvironmentFile", setting.value, setting.source}}});
        problems.insert(problems.end(), environment.problems.begin(), environment.problems.end());
        for (const auto& [name, value] : environment.values)
            if (wanted_(name))
                found.push_back({name, value, setting.source});
    }

    const host::Sysroot& root_;
    const Wanted& wanted_;
};

// A line of pam_env.conf(5) as NAME=VALUE, of which OVERRIDE= counts before DEFAULT=; others as they are.
std::string pam_setting(std::string_view line) {
    std::optional<std::string> value;
    const auto parts = split_words(line);
    for (const std::string_view key : {"DEFAULT=", "OVERRIDE="})
        for (const LineWord& part : parts)
            if (part.text.starts_with(key))
                value = part.text.substr(key.size());
    return value ? parts.front().text + "=" + *value : std::string(line);
}

void parse_line(std::string_view line, const std::string& source, Syntax syntax, const Wanted& wanted,
                std::vector<Assignment>& out) {
    if (line.starts_with('#') || line.starts_with(';'))
        return;
    if (syntax != Syntax::shell && line.starts_with("export "))
        line = trim(line.substr(7));
    for (auto eq = line.find('='); eq != std::string_view::npos; eq = line.find('=', eq + 1)) {
        auto begin = eq;
        while (begin > 0 && may_be_in_name(line[begin - 1]))
            --begin;
        const auto name = line.substr(begin, eq - begin);
        const bool word = begin == 0 || is_blank(line[begin - 1]) ||
                          std::string_view(";&|({").find(line[begin - 1]) != std::string_view::npos;
        const auto rest = line.substr(eq + 1);
        if (word && !name.empty() && wanted(name))
            out.push_back({std::string(name), value_at(syntax != Syntax::shell ? trim(rest) : rest, syntax),
                           source, true});
        if (syntax != Syntax::shell)
            break;
    }
}

std::string usable_home(const Person& p) {
    return p.home.size() > 1 && p.home.starts_with('/') ? p.home : "";
}

void read_own(const host::Host& host, const Person& person, std::span<const std::string> instances,
              Reader& reader) {
    if (const std::string name = "user@" + std::to_string(person.uid) + ".service";
        std::ranges::find(instances, name) != instances.end()) {
        const auto& unit = host.unit(name);
        if (!unit)
            reader.problems.push_back(unit.error());
        else if (*unit)
            reader.unit(host, **unit);
    }
    const std::string home = usable_home(person);
    reader.quadlets(person.uid != 0 ? host::user_quadlets(host.root(), person.uid, home)
                                    : host::system_quadlets(host.root()));
    for (const auto& dir : host::own_unit_dirs(person.uid, home))
        reader.unit_directory(dir);
    if (home.empty())
        return;
    reader.own_manager_conf(home + "/.config/systemd/user.conf");
    reader.directory(home + "/.config/environment.d", ".conf", Syntax::settings, true);
    reader.file(home + "/.pam_environment", Syntax::pam, true);
    for (const char* file : {"/.profile", "/.bash_profile", "/.bash_login", "/.bashrc", "/.zshenv", "/.zshrc",
                             "/.zprofile", "/.zlogin"})
        reader.file(home + file, Syntax::shell, false);
}

}  // namespace

std::vector<Person> persons(const host::Host& host) {
    std::vector<Person> out;
    if (!host.accounts())
        return out;
    std::set<std::string_view> seen;
    for (const auto& u : host.accounts()->users)
        if (u.home.starts_with('/') && seen.insert(u.name).second)
            out.push_back({u.name, u.uid, u.home});
    return out;
}

std::vector<Assignment> UserEnvironment::of(std::string_view user) const {
    std::vector<Assignment> out = everybody;
    if (const auto mine = own.find(user); mine != own.end())
        out.insert(out.end(), mine->second.begin(), mine->second.end());
    return out;
}

UserEnvironment read_user_environment(const host::Host& host, std::span<const Person> people,
                                      const Wanted& wanted) {
    Reader all(host.root(), wanted);
    if (const auto& unit = host.unit("user@.service"); !unit)
        all.problems.push_back(unit.error());
    else if (*unit)
        all.unit(host, **unit);
    all.managers();
    for (const char* dir : {"/etc/environment.d", "/run/environment.d", "/usr/local/lib/environment.d",
                            "/usr/lib/environment.d"})
        all.directory(dir, ".conf", Syntax::settings, true);
    for (const char* dir : {"/etc/xdg/systemd/user", "/etc/systemd/user", "/run/systemd/user"})
        all.unit_directory(dir);
    all.quadlets(host::common_quadlets(host.root()));
    all.file("/etc/environment", Syntax::settings, true);
    all.file("/etc/security/pam_env.conf", Syntax::pam, true);
    for (const char* file : {"/etc/profile", "/etc/bash.bashrc", "/etc/bashrc", "/etc/zshenv",
                             "/etc/zsh/zshenv", "/etc/zsh/zprofile", "/etc/zsh/zshrc"})
        all.file(file, Syntax::shell, false);
    all.directory("/etc/profile.d", ".sh", Syntax::shell, false);
    UserEnvironment out{.everybody = std::move(all.found), .problems = std::move(all.problems)};
    const auto& units = host.units();
    const auto instances = units ? units->names("user@") : std::vector<std::string>{};
    for (const Person& person : people) {
        Reader reader(host.root(), wanted);
        read_own(host, person, instances, reader);
        // What an instance has from the template was seen already.
        std::erase_if(reader.found, [&](const Assignment& a) {
            return std::ranges::find(out.everybody, a) != out.everybody.end();
        });
        if (!reader.found.empty())
            out.own.emplace(person.name, std::move(reader.found));
        if (!reader.problems.empty())
            out.own_problems.emplace(person.name, std::move(reader.problems));
    }
    return out;
}

ServiceEnvironment read_service_environment(const host::Host& host, const host::UnitFile& unit,
                                            const Wanted& wanted) {
    Reader reader(host.root(), wanted);
    reader.unit(host, unit);
    return {std::move(reader.found), std::move(reader.problems)};
}

std::vector<Assignment> parse_assignments(std::string_view text, const std::string& path, Syntax syntax,
                                          const Wanted& wanted) {
    std::vector<Assignment> out;
    int number = 0;
    for (const auto raw : split_lines(text)) {
        ++number;
        const std::string line = syntax == Syntax::pam ? pam_setting(raw) : std::string(raw);
        parse_line(trim(line), path + ":" + std::to_string(number), syntax, wanted, out);
    }
    return out;
}

}  // namespace plimsoll::modules::rootless
