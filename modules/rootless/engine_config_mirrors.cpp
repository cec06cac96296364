// SPDX-License-Identifier: Apache-2.0
// registries.conf: where pulls may be sent instead of the registry that an image names.
#include "core/base/text.hpp"
#include "modules/rootless/engine_config_judge.hpp"

#include <algorithm>

namespace plimsoll::modules::rootless {
namespace {

using policy::Severity;

// A member by name as podman's decoder finds it: without regard to case.
const Member* member(const Value& v, std::string_view key) {
    if (const Table* t = v.table())
        for (const Member& m : *t)
            if (fold_key(m.key) == key)
                return &m;
    return nullptr;
}

std::string text_of(const Member* m) {
    return m != nullptr && m->value.string() != nullptr ? *m->value.string() : "";
}

struct Reader {
    const EngineConfigParams& params;
    const std::string& path;
    Defects out{};

    std::string source(const Member& m) const { return path + ":" + std::to_string(m.key_at.line); }

    void redirect(const Member* location, std::string_view what) {
        const std::string to = text_of(location);
        const bool named = std::ranges::any_of(params.allowed_mirrors,
                                               [&](const std::string& g) { return glob_match(g, to); });
        if (!to.empty() && !named)
            out.push_back({.key = std::string(what),
                           .source = source(*location),
                           .found = printable(to),
                           .expected = "a registry that the policy names",
                           .severity = Severity::high});
    }

    void insecure(const Member* m, std::string_view what) {
        if (m != nullptr && m->value == Value(true))
            out.push_back({.key = std::string(what) + " insecure",
                           .source = source(*m),
                           .found = "true",
                           .expected = "false: TLS with a certificate that is checked",
                           .severity = Severity::high});
    }

    void registry(const Value& r) {
        const Member* location = member(r, "location");
        const std::string prefix = text_of(member(r, "prefix"));
        if (!prefix.empty() && prefix != text_of(location))
            redirect(location, "registry location");
        const Member* mirrors = member(r, "mirror");
        const Array* list = mirrors != nullptr ? mirrors->value.array() : nullptr;
        if (list == nullptr)
            return;
        for (const Value& m : *list) {
            redirect(member(m, "location"), "mirror");
            insecure(member(m, "insecure"), "mirror");
        }
    }
};

Defects defects_in(const EngineConfigParams& params, const ConfFile& file) {
    if (!file.content) {
        const Error& e = file.content.error();
        const bool broken = e.code == Code::invalid_input && e.message.starts_with(file.path + ":");
        return {{.key = "file",
                 .source = broken ? e.message.substr(0, e.message.find(": ")) : file.path,
                 .found = printable(e.message),
                 .expected = "TOML that podman can read",
                 .unknown = !broken}};
    }
    Reader reader{params, file.path};
    const Member* registries = member(*file.content, "registry");
    if (registries != nullptr && registries->value.array() != nullptr)
        for (const Value& r : *registries->value.array())
            reader.registry(r);
    return std::move(reader.out);
}

}  // namespace

// Every file counts, also one that a user's own hides: it is in force for everybody else.
Defects mirror_defects(const EngineConfigParams& params, const EngineConfigFacts& facts,
                       const ConfOwner& owner) {
    Defects out;
    const std::string base = owner.uid == 0 ? "/etc/containers/" : owner.home + "/.config/containers/";
    for (const auto& [dir, error] : facts.registry_directories)
        if (dir.starts_with(base))
            out.push_back({.key = "file",
                           .source = dir,
                           .found = printable(error.message),
                           .expected = "a readable directory",
                           .unknown = true});
    for (const auto& [path, file] : facts.registries) {
        if (!path.starts_with(base))
            continue;
        Defects part = defects_in(params, file);
        out.insert(out.end(), std::make_move_iterator(part.begin()), std::make_move_iterator(part.end()));
    }
    return out;
}

}  // namespace plimsoll::modules::rootless
