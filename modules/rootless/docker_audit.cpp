// SPDX-License-Identifier: Apache-2.0
#include "modules/rootless/docker_audit.hpp"

#include "core/base/path.hpp"
#include "core/base/text.hpp"
#include "modules/rootless/docker_keys.hpp"

#include <algorithm>

namespace plimsoll::modules::rootless {
namespace {

// dockerd's own runtime needs no entry.
constexpr std::string_view stock_runtime = "runc";
constexpr std::string_view only_named = "only what the policy names";

std::string shown(const Value& v) {
    if (const auto* b = v.boolean())
        return *b ? "true" : "false";
    if (const auto* s = v.string())
        return "\"" + printable(*s, 60) + "\"";
    if (const auto* i = v.integer())
        return std::to_string(*i);
    return std::string(v.type_name());
}

bool matches_any(const std::vector<std::string>& globs, const std::string& entry) {
    return std::ranges::any_of(globs, [&](const std::string& g) { return glob_match(g, entry); });
}

// "nofile=1024:2048" -> 1024, 2048; a single number is both.
std::optional<std::pair<std::int64_t, std::int64_t>> parse_ulimit(std::string_view text) {
    const auto eq = text.find('=');
    if (eq == std::string_view::npos)
        return std::nullopt;
    const auto parts = split(text.substr(eq + 1), ':');
    std::vector<std::int64_t> numbers;
    for (const auto part : parts)
        if (part == "-1")
            numbers.push_back(-1);
        else if (const auto n = parse_u64(part); n && *n <= INT64_MAX)
            numbers.push_back(static_cast<std::int64_t>(*n));
        else
            return std::nullopt;
    if (numbers.size() > 2)
        return std::nullopt;
    return std::pair{numbers.front(), numbers.back()};
}

// A limit that is none: unlimited, or one that dockerd refuses.
bool is_no_limit(std::int64_t soft, std::int64_t hard) {
    return soft < 0 || hard < 0 || soft > hard;
}

bool limits_files(std::string_view name) {
    return name == "nofile";
}

}  // namespace

bool DockerAudit::on_command_line(std::string_view key) const {
    return std::ranges::find(flags_, key, &DockerFlag::key) != flags_.end();
}

void DockerAudit::flag_defect(const DockerFlag& flag, std::string expected) {
    defects_.push_back(
        {{flag.source, "--" + printable(flag.key, 40) + " " + printable(flag.value, 80), std::move(expected)},
         std::nullopt});
}

void DockerAudit::json_defect(const std::string& key, std::string found, std::string expected,
                              std::optional<JsonEdit> edit) {
    const bool by_hand = !edit;
    told_.push_back(key);
    defects_.push_back({{json_.place(key), std::move(found), std::move(expected)}, std::move(edit), by_hand});
}

void DockerAudit::boolean(const std::string& key, bool want, bool standard) {
    const std::string expected = key + " " + (want ? "true" : "false");
    if (on_command_line(key)) {
        for (const DockerFlag& f : flags_)
            if (f.key == key && go_bool(f.value) != want)
                flag_defect(f, expected);
        return;
    }
    const Value* v = json_.find(key);
    if (v == nullptr ? standard == want : v->boolean() != nullptr && *v->boolean() == want)
        return;
    json_defect(
        key,
        v == nullptr ? key + " not set, which means " + (standard ? "true" : "false") : key + " " + shown(*v),
        expected, JsonEdit{key, Value(want)});
}

void DockerAudit::forbidden(const std::string& key, const std::string& bad, const std::string& expected,
                            const Value& repair) {
    for (const DockerFlag& f : flags_)
        if (f.key == key && f.value == bad)
            flag_defect(f, expected);
    const Value* v = json_.find(key);
    if (v != nullptr && (v->string() == nullptr || *v->string() == bad))
        json_defect(key, key + " " + shown(*v), expected, JsonEdit{key, repair});
}

void DockerAudit::list(const std::string& key, const std::vector<std::string>& allowed) {
    for (const DockerFlag& f : flags_)
        if (f.key == key && !matches_any(allowed, f.value))
            flag_defect(f, std::string(only_named));
    const Value* v = json_.find(key);
    if (v == nullptr)
        return;
    if (v->array() == nullptr)
        return json_defect(key, key + " is " + std::string(v->type_name()), "an array",
                           JsonEdit{key, Value()});
    Array kept;
    std::string bad;
    for (const Value& e : *v->array())
        if (e.string() != nullptr && matches_any(allowed, *e.string()))
            kept.push_back(e);
        else
            bad += (bad.empty() ? "" : ", ") + shown(e);
    if (!bad.empty())
        json_defect(key, key + ": " + printable(bad, 120), std::string(only_named),
                    JsonEdit{key, kept.empty() ? Value() : Value(std::move(kept))});
}

void DockerAudit::conflicts() {
    std::vector<std::string_view> told{"runtimes"};  // the one key that dockerd takes from both
    for (const DockerFlag& f : flags_) {
        if (json_.find(f.key) == nullptr || std::ranges::find(told, f.key) != told.end())
            continue;
        told.push_back(f.key);
        defects_.push_back({{json_.place(f.key), printable(f.key, 40) + " is also set by " + f.source,
                             "set in one place: dockerd refuses to start"},
                            std::nullopt});
    }
}

void DockerAudit::array(const std::string& key) {
    if (const Value* v = json_.find(key); v != nullptr && v->array() == nullptr)
        json_defect(key, key + " is " + std::string(v->type_name()), "an array");
}

void DockerAudit::guard(const PathChain& chain) {
    if (!chain)
        return doubts_.push_back(chain.error());
    const auto why = unsafe_chain(*chain, uid_);
    replaceable_ = !why.empty();
    if (replaceable_)
        defects_.push_back({{json_.path, printable(why, 160), "a file that only dockerd's user can change"},
                            std::nullopt,
                            true});
}

void DockerAudit::keys() {
    const Table* table = json_.value.table();
    if (table == nullptr)
        return;
    auto faults = docker_key_faults(*table);
    for (DockerKeyFault& f : faults.types)
        if (std::ranges::find(told_, f.key) == told_.end())
            json_defect(f.key, std::move(f.found), f.expected + ": dockerd refuses to start");
    for (DockerKeyFault& f : faults.unknown)
        unknown_keys_.push_back({printable(json_.place(f.key)), std::move(f.found), std::move(f.expected)});
}

void DockerAudit::profile(const std::string& source, const std::string& path,
                          const std::optional<JsonEdit>& edit) {
    if (path.empty() || path == "builtin" || path == "unconfined")  // the last is forbidden already
        return;
    const auto found = files_.profiles.find(path);
    const auto defect = [&](std::string why) {
        defects_.push_back({{source, "seccomp-profile " + printable(path, 80) + " " + std::move(why),
                             "dockerd's own profile, or one that refuses by default"},
                            edit});
    };
    if (found == files_.profiles.end())
        return defect("is no absolute path");
    if (!found->second) {
        const Error& e = found->second.error();
        if (e.code == Code::not_found || e.code == Code::invalid_input)
            return defect(e.code == Code::not_found ? "does not exist" : "is no profile");
        doubts_.push_back(e);
        return;
    }
    if (auto why = profile_problem(*found->second); !why.empty())
        defect(std::move(why));
}

void DockerAudit::seccomp_profile() {
    forbidden("seccomp-profile", "unconfined", "a profile", Value());
    for (const DockerFlag& f : flags_)
        if (f.key == "seccomp-profile")
            profile(f.source, f.value, std::nullopt);
    if (const Value* v = json_.find("seccomp-profile"); v != nullptr && v->string() != nullptr)
        profile(json_.place("seccomp-profile"), *v->string(), JsonEdit{"seccomp-profile", Value()});
}

void DockerAudit::logs() {
    const Value* opts = json_.find("log-opts");
    if (opts != nullptr && opts->table() == nullptr)
        return json_defect("log-opts", "log-opts is " + std::string(opts->type_name()), "an object of texts",
                           JsonEdit{"log-opts", Value()});
    bool bounded = opts != nullptr && opts->at("max-size") != nullptr &&
                   opts->at("max-size")->string() != nullptr && *opts->at("max-size")->string() != "-1" &&
                   !opts->at("max-size")->string()->empty();
    std::string driver;
    if (const Value* v = json_.find("log-driver"); v != nullptr && v->string() != nullptr)
        driver = *v->string();
    std::string place = json_.place("log-driver");
    bool by_flag = false;
    for (const DockerFlag& f : flags_) {
        if (f.key == "log-driver")
            driver = f.value;
        else if (f.key == "log-opts")
            bounded = bounded || (f.value.starts_with("max-size=") && f.value != "max-size=-1" &&
                                  f.value != "max-size=");
        else
            continue;
        place = f.source;
        by_flag = true;
    }
    if (driver == "none")  // forbidden already, and what comes in its place needs a bound
        driver.clear();
    if ((!driver.empty() && driver != "json-file") || bounded)
        return;
    // json-file stays what the host's log collectors read; with a bound it cannot fill the disk.
    Table with_bound = opts != nullptr ? *opts->table() : Table{};
    with_bound.set("max-size", "10m");
    DockerDefect d{{place,
                    driver.empty() ? "log-driver not set, which means json-file without a bound"
                                   : "log-driver json-file without log-opts max-size",
                    "a log driver, with json-file a max-size"},
                   JsonEdit{"log-opts", Value(std::move(with_bound))}};
    if (by_flag)
        d.edit.reset();
    defects_.push_back(std::move(d));
}

void DockerAudit::ulimit(const std::string& name, const Value& limit) {
    const Value* soft = limit.at("Soft");
    const Value* hard = limit.at("Hard");
    const bool numbers =
        soft != nullptr && hard != nullptr && soft->integer() != nullptr && hard->integer() != nullptr;
    if (numbers && !is_no_limit(*soft->integer(), *hard->integer()))
        return;
    json_defect(
        "default-ulimits",
        printable(name, 40) + ": " +
            (numbers ? "Soft " + shown(*soft) + ", Hard " + shown(*hard) : "Soft and Hard not both numbers"),
        "numbers, Soft not above Hard");
}

void DockerAudit::ulimits(bool required) {
    static const std::string key = "default-ulimits";
    bool files = false;
    for (const DockerFlag& f : flags_)
        if (f.key == key) {
            const auto limit = parse_ulimit(f.value);
            if (!limit || is_no_limit(limit->first, limit->second))
                flag_defect(f, "NAME=SOFT:HARD, SOFT not above HARD");
            files = files || limits_files(f.value.substr(0, f.value.find('=')));
        }
    const Value* v = json_.find(key);
    if (v != nullptr && v->table() == nullptr)
        return json_defect(key, key + " is " + std::string(v->type_name()), "an object",
                           JsonEdit{key, Value()});
    if (v != nullptr)
        for (const Member& m : *v->table()) {
            ulimit(m.key, m.value);
            files = files || limits_files(m.key);
        }
    if (!required || files)
        return;
    Table nofile;
    nofile.set("Name", "nofile");
    nofile.set("Soft", 1024);
    nofile.set("Hard", 524288);
    Table all = v != nullptr ? *v->table() : Table{};
    all.set("nofile", Value(std::move(nofile)));
    DockerDefect d{{json_.place(key), "no limit on open files (nofile)", "default-ulimits with nofile"},
                   JsonEdit{key, Value(std::move(all))}};
    if (on_command_line(key))
        d.edit.reset();
    defects_.push_back(std::move(d));
}

void DockerAudit::features() {
    for (const DockerFlag& f : flags_)
        if (f.key == "features")
            if (const auto eq = f.value.find('=');
                eq != std::string::npos && !go_bool(f.value.substr(eq + 1)))
                flag_defect(f, "NAME=true or NAME=false");
    const Value* v = json_.find("features");
    if (v == nullptr)
        return;
    if (v->table() == nullptr)
        return json_defect("features", "features is " + std::string(v->type_name()), "an object of booleans");
    for (const Member& m : *v->table())
        if (m.value.boolean() == nullptr)
            json_defect("features", printable(m.key, 60) + " is " + std::string(m.value.type_name()),
                        "a boolean");
}

void DockerAudit::runtime(const DockerRuntime& r, const std::vector<std::string>& allowed) {
    const auto defect = [&](const std::string& found, std::string expected) {
        defects_.push_back(
            {{r.source, "runtime " + printable(r.name, 40) + ": " + found, std::move(expected)},
             std::nullopt,
             r.in_json});
    };
    const std::string program = printable(r.program, 80);
    if (r.name == stock_runtime)
        return defect(program, "another name: runc is dockerd's own, which refuses to start");
    if (r.program.empty())
        return defect("neither path nor runtimeType", "the program that is meant");
    if (!matches_any(allowed, std::string(base_name(r.program))) && !matches_any(allowed, r.program))
        return defect(program, "a runtime that the policy names");
    if (!r.program.starts_with('/')) {
        // A type, or a name that dockerd looks up in its own PATH; "./x" depends on where it stands.
        if (r.program.find('/') != std::string::npos)
            defect(program, "an absolute path");
        return;
    }
    const auto found = files_.programs.find(r.program);
    if (found == files_.programs.end())
        return doubts_.push_back(fail(Code::unsupported, program + ": too many runtimes to look at").error());
    if (!found->second)
        return doubts_.push_back(found->second.error());
    const auto& chain = *found->second;
    if (chain.empty() || chain.back().path != r.program)
        defect(program + " does not exist", "a program that is there");
    else if (!S_ISREG(chain.back().mode))
        defect(program + " is " + std::string(host::file_type_name(chain.back().mode)), "a program");
    else if (const auto why = unsafe_chain(chain, uid_); !why.empty())
        defect(program + ": " + printable(why, 120), "a program that only its engine's user can change");
}

void DockerAudit::default_runtime(const std::string& source, const std::string& name, bool in_json,
                                  const std::vector<DockerRuntime>& known,
                                  const std::vector<std::string>& allowed) {
    // A name of an entry is judged with it; another must be a type (io.containerd.NAME.vN).
    const bool entry = std::ranges::find(known, name, &DockerRuntime::name) != known.end();
    if (name.empty() || name == stock_runtime || entry)
        return;
    const bool type = name.starts_with("io.containerd.") || name.starts_with('/');
    if (type && matches_any(allowed, std::string(base_name(name))))
        return;
    DockerDefect d{{source, "default-runtime " + printable(name, 60),
                    type ? "a runtime that the policy names" : "the name of an entry of runtimes"}};
    if (in_json)
        d.edit = JsonEdit{"default-runtime", Value()};
    defects_.push_back(std::move(d));
}

void DockerAudit::runtimes(const std::vector<std::string>& allowed) {
    const auto known = runtimes_of(json_, flags_);
    for (const DockerRuntime& r : known)
        runtime(r, allowed);
    if (const Value* v = json_.find("runtimes"); v != nullptr && v->table() == nullptr)
        json_defect("runtimes", "runtimes is " + std::string(v->type_name()), "an object");
    for (const DockerFlag& f : flags_)
        if (f.key == "default-runtime")
            default_runtime(f.source, f.value, false, known, allowed);
    const Value* v = json_.find("default-runtime");
    if (v != nullptr && v->string() == nullptr)
        json_defect("default-runtime", "default-runtime " + shown(*v), "a text",
                    JsonEdit{"default-runtime", Value()});
    else if (v != nullptr)
        default_runtime(json_.place("default-runtime"), *v->string(), true, known, allowed);
}

}  // namespace plimsoll::modules::rootless
