// SPDX-License-Identifier: Apache-2.0
// storage.conf: what keeps the files of users and containers apart.
#include "core/base/digest.hpp"
#include "core/base/text.hpp"
#include "modules/rootless/engine_config_judge.hpp"

#include <algorithm>
#include <array>

namespace plimsoll::modules::rootless {
namespace {

using policy::Finding;
using policy::Fix;
using policy::FixClass;
using policy::Severity;
using policy::Status;

constexpr std::string_view system_file = "/etc/containers/storage.conf";

Defect defect(const ConfSetting& s, std::string_view key, std::string expected) {
    return {.key = std::string(key),
            .source = s.source,
            .found = show_value(s.value),
            .expected = std::move(expected)};
}

// storage.conf writes booleans as strings; strconv.ParseBool reads them. nullopt: it would refuse.
std::optional<bool> parse_bool(const std::string& s) {
    for (const char* yes : {"1", "t", "T", "true", "TRUE", "True"})
        if (s == yes)
            return true;
    for (const char* no : {"", "0", "f", "F", "false", "FALSE", "False"})
        if (s == no)
            return false;
    return std::nullopt;
}

void judge_boolean(const Effective& config, std::string_view key, Defects& out) {
    const ConfSetting* s = config.find(key);
    if (s == nullptr)
        return;
    const std::string* text = s->value.string();
    if (text != nullptr && parse_bool(*text) == false)
        return;
    Defect d =
        defect(*s, key, text != nullptr ? "\"false\"" : "\"false\": a string, podman takes no other type");
    d.repair = Value("false");
    d.severity = Severity::high;
    out.push_back(std::move(d));
}

// "shared" is 0755, "private" 0700; or an octal number (containers-storage.conf(5)).
bool opens_to_others(const std::string& mask) {
    if (mask == "private" || mask.empty())
        return false;
    const std::string_view digits = std::string_view(mask).substr(mask.starts_with("0o") ? 2 : 0);
    const bool octal = !digits.empty() && digits.find_first_not_of("01234567") == std::string_view::npos;
    return !octal || !digits.ends_with("00");
}

void judge_force_mask(const Effective& config, std::string_view key, Defects& out) {
    const ConfSetting* s = config.find(key);
    if (s == nullptr || (s->value.string() != nullptr && !opens_to_others(*s->value.string())))
        return;
    Defect d = defect(*s, key, "not set, or \"private\"");
    d.repair = Value("private");
    d.severity = Severity::high;
    out.push_back(std::move(d));
}

void judge_path(const EngineConfigFacts& facts, const ConfOwner& owner, const ConfSetting& s,
                std::string_view key, const std::string& path, Defects& out) {
    Defect d = defect(
        s, key, "a path that only root" + std::string(owner.uid != 0 ? " or the user" : "") + " can change");
    if (!path.starts_with('/')) {
        d.found += ": not an absolute path";
        out.push_back(std::move(d));
        return;
    }
    const auto chain = facts.paths.find(path);
    const bool seen = chain != facts.paths.end() && chain->second;
    const std::string why = unsafe_path(facts, path, owner.uid);
    if (seen && why.empty())
        return;
    d.unknown = !seen;
    d.found += seen ? ": " + why : std::string(": could not be examined");
    out.push_back(std::move(d));
}

void judge_image_stores(const EngineConfigParams& params, const EngineConfigFacts& facts,
                        const ConfOwner& owner, const Effective& config, Defects& out) {
    static constexpr std::string_view key = "storage.options.additionalimagestores";
    const ConfSetting* s = config.find(key);
    if (s == nullptr)
        return;
    const Array* stores = s->value.array();
    if (stores == nullptr) {
        out.push_back(defect(*s, key, "an array of paths"));
        return;
    }
    for (const Value& store : *stores) {
        const std::string path = store.string() != nullptr ? *store.string() : show_value(store);
        const bool named = std::ranges::any_of(params.allowed_image_stores,
                                               [&](const std::string& g) { return glob_match(g, path); });
        if (!named)
            out.push_back({.key = std::string(key),
                           .source = s->source,
                           .found = printable(path),
                           .expected = "a store that the policy names"});
        else
            judge_path(facts, owner, *s, key, path, out);
    }
}

void judge_driver(const EngineConfigParams& params, const Effective& config, Defects& out) {
    const ConfSetting* s = config.find("storage.driver");
    if (s == nullptr)
        return;
    const std::string* driver = s->value.string();
    if (driver != nullptr &&
        (driver->empty() || std::ranges::find(params.drivers, *driver) != params.drivers.end()))
        return;
    out.push_back(defect(*s, "storage.driver", join(params.drivers, " or ")));
}

Defects storage_defects(const EngineConfigParams& params, const EngineConfigFacts& facts,
                        const ConfFiles& files, Layering layering, const ConfOwner& owner) {
    const Effective config = merge_config(files, "storage", layering, owner);
    Defects out;
    for (const std::string& why : config.refused)
        out.push_back({.key = "file",
                       .source = why.substr(0, why.find(": ")),
                       .found = printable(why),
                       .expected = "TOML that podman can read"});
    judge_driver(params, config, out);
    for (const char* section : {"storage.options.", "storage.options.overlay."}) {
        judge_boolean(config, std::string(section) + "ignore_chown_errors", out);
        judge_force_mask(config, std::string(section) + "force_mask", out);
        const std::string key = std::string(section) + "mount_program";
        if (const ConfSetting* s = config.find(key); s != nullptr && s->value != Value(""))
            judge_path(facts, owner, *s, key, s->value.string() != nullptr ? *s->value.string() : "", out);
    }
    judge_boolean(config, "storage.options.pull_options.insecure_allow_unpredictable_image_contents", out);
    judge_image_stores(params, facts, owner, config, out);
    for (const Error& e : config.unreadable)
        out.push_back({.key = "file",
                       .source = owner.name,
                       .found = printable(e.message),
                       .expected = "a readable file",
                       .unknown = true});
    return out;
}

// ---- the fix ----

// The text with the value of one key on one line replaced; nullopt when the line is not a plain "key =
// value".
std::optional<std::string> edit_line(const std::string& text, std::size_t line, std::string_view key,
                                     std::string_view value) {
    std::size_t begin = 0;
    for (std::size_t n = 1; n < line; ++n) {
        begin = text.find('\n', begin);
        if (begin == std::string::npos)
            return std::nullopt;
        ++begin;
    }
    const std::size_t end = std::min(text.find('\n', begin), text.size());
    const std::string_view old = std::string_view(text).substr(begin, end - begin);
    const std::size_t equals = old.find('=');
    if (equals == std::string_view::npos || fold_key(trim(old.substr(0, equals))) != key ||
        old.find('[', equals) != std::string_view::npos || old.find('{', equals) != std::string_view::npos ||
        old.find("\"\"\"") != std::string_view::npos || old.find("'''") != std::string_view::npos)
        return std::nullopt;
    std::string fresh = std::string(old.substr(0, equals)) + "= \"" + std::string(value) + "\"";
    if (old.ends_with('\r'))
        fresh += '\r';
    return text.substr(0, begin) + fresh + text.substr(end);
}

std::optional<std::string> repaired_text(const std::string& text, const Defects& defects) {
    std::string out = text;
    for (const Defect& d : defects) {
        const std::string prefix = std::string(system_file) + ":";
        const auto line =
            d.source.starts_with(prefix) ? parse_u64(d.source.substr(prefix.size())) : std::nullopt;
        if (!line || !d.repair)
            return std::nullopt;
        const std::string key = d.key.substr(d.key.rfind('.') + 1);
        auto next = edit_line(out, *line, key, *d.repair->string());
        if (!next)
            return std::nullopt;
        out = *std::move(next);
    }
    return out;
}

Fix storage_fix(const EngineConfigParams& params, const EngineConfigFacts& facts, const ConfOwner& owner,
                const Defects& defects) {
    const auto file = facts.storage.files.find(std::string(system_file));
    if (file != facts.storage.files.end())
        if (const auto text = repaired_text(file->second.text, defects)) {
            const ConfFiles after = with_file(facts.storage, std::string(system_file), *text);
            const Defects left = in_every_layering(facts.podman, [&](Layering layering) {
                return storage_defects(params, facts, after, layering, owner);
            });
            if (left.empty())
                return {FixClass::live,
                        "correct " + std::string(system_file),
                        {policy::WriteFile{.path = std::string(system_file),
                                           .content = *text,
                                           .expect = sha256(file->second.text)}}};
        }
    return {FixClass::never_automatic,
            "correct " + defects.front().source +
                " by hand: changing it here could lose images and containers, or it is not ours to edit",
            {}};
}

// What the files say need not be what podman does then.
Defects overruled(const EngineConfigFacts& facts, const ConfOwner& owner) {
    Defects out;
    if (const auto moved = facts.environment.find(owner.name); moved != facts.environment.end())
        for (const EnvironmentVariable& v : moved->second)
            if (moves_storage(v.name))
                out.push_back({.key = v.name,
                               .source = v.source,
                               .found = "makes podman go by something else than the files judged here",
                               .expected = "not set",
                               .unknown = true});
    return out;
}

Finding storage_finding(const EngineConfigParams& params, const EngineConfigFacts& facts,
                        const ConfOwner& owner) {
    const Defects in_files = in_every_layering(facts.podman, [&](Layering layering) {
        return storage_defects(params, facts, facts.storage, layering, owner);
    });
    Defects defects = in_files;
    std::ranges::move(overruled(facts, owner), std::back_inserter(defects));
    const Status status = status_of(defects);
    if (status == Status::pass)
        return make_finding(storage_control(), status, owner.name,
                            "storage keeps users and containers apart");
    const auto& worst = *std::ranges::max_element(
        defects, {}, [](const Defect& d) { return std::pair{!d.unknown, d.severity}; });
    Finding f = make_finding(
        storage_control(), status, owner.name,
        worst.key == "file" ? worst.found : worst.key + " is " + worst.found + " at " + worst.source,
        evidence_of(defects));
    f.severity = worst.severity;
    if (status == Status::fail)
        f.fix = storage_fix(params, facts, owner, in_files);
    return f;
}

// Images lie there with the owners and modes they have inside containers, setuid programs included.
std::optional<Finding> graphroot_finding(const EngineConfigFacts& facts, const ConfOwner& owner) {
    const auto config = merge_config(facts.storage, "storage", facts.podman.layerings().front(), owner);
    const ConfSetting* set = owner.uid == 0 ? config.find("storage.graphroot") : nullptr;
    const std::string path =
        set != nullptr && set->value.string() != nullptr ? *set->value.string() : default_graphroot(owner);
    const auto found = facts.paths.find(path);
    if (found == facts.paths.end())
        return std::nullopt;
    if (!found->second)
        return make_finding(storage_control(), Status::unknown, path,
                            printable(found->second.error().message));
    if (found->second->empty() || found->second->back().path != path)
        return std::nullopt;  // nothing stored yet
    const PathStep& dir = found->second->back();
    const std::uint32_t forbidden = owner.uid == 0 ? 0066 : 0022;
    if (dir.uid == owner.uid && (dir.mode & forbidden) == 0)
        return make_finding(storage_control(), Status::pass, path, "only its owner can list or change it");
    Finding f = make_finding(storage_control(), Status::fail, path,
                             "others than " + owner.name + " can " +
                                 ((dir.mode & 0022) != 0 || dir.uid != owner.uid ? "change" : "list") +
                                 " the container storage",
                             {{path, "uid " + std::to_string(dir.uid) + ", mode " + octal_mode(dir.mode),
                               "uid " + std::to_string(owner.uid) + ", mode 0700 or 0711"}});
    if (owner.uid == 0 && dir.uid == 0)
        f.fix = Fix{FixClass::live,
                    "take the access of others away",
                    {policy::SetMetadata{.path = path, .mode = dir.mode & 07777 & ~forbidden}}};
    else
        f.fix =
            Fix{FixClass::never_automatic, "find out who changed it, then chown and chmod 0700 " + path, {}};
    return f;
}

}  // namespace

bool moves_storage_only(std::string_view variable) {
    return variable == "CONTAINERS_STORAGE_CONF" || variable == "STORAGE_DRIVER" ||
           variable == "STORAGE_OPTS";
}

bool moves_storage(std::string_view variable) {
    return moves_storage_only(variable) || variable == "XDG_CONFIG_HOME";
}

std::vector<Finding> judge_storage(const EngineConfigParams& params, const EngineConfigFacts& facts) {
    std::vector<Finding> out;
    if (!facts.users)
        out.push_back(make_finding(storage_control(), Status::unknown, "users",
                                   "who runs podman is not known: " + facts.users.error().message));
    for (const ConfOwner& owner : owners_of(facts)) {
        out.push_back(storage_finding(params, facts, owner));
        if (auto f = graphroot_finding(facts, owner))
            out.push_back(*std::move(f));
    }
    return out;
}

}  // namespace plimsoll::modules::rootless
